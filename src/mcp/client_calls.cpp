// Lists, calls and subscriptions.
#include <condition_variable>
#include <fmt/format.h>
#include <set>
#include <thread>

#include "mcp/client_answer.h"
#include "mcp/client_headers.h"
#include "mcp/client_impl.h"

namespace mcp {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;
using std::chrono::milliseconds;

namespace {

constexpr int kUrlElicitationRequired = -32042;  // 2025-11-25
constexpr std::size_t kMaxCursorBytes = 64u << 10;

std::unexpected<core::Error> beyond(std::string message) {
  return core::fail(ErrorKind::too_large, "mcp.client.limit", std::move(message));
}

}  // namespace

core::Result<Array> Client::Impl::list(std::string_view method, std::string_view member) {
  const ClientLimits& limits = options.limits;
  Array all;
  Object params;
  std::size_t bytes = 0;
  std::set<std::string> cursors;
  for (std::size_t page = 0; page < limits.list_pages; ++page) {
    ASSIGN_OR_RETURN(Received reply, ask(method, params, {}, {}));
    if (auto* problem = std::get_if<RpcError>(&reply.response.outcome))
      return core::fail(rpc_error(*problem));
    Value& result = std::get<Value>(reply.response.outcome);
    Value* listed = result.is_object() ? result.get_object().if_contains(member) : nullptr;
    if (!listed || !listed->is_array()) {
      return protocol_error(fmt::format("The result of {} has no {}.", method, member));
    }
    Array& items = listed->get_array();
    bytes += reply.bytes;
    if (bytes > limits.list_bytes)
      return beyond(fmt::format("{} is longer than {} bytes.", method, limits.list_bytes));
    if (all.size() + items.size() > limits.list_items) {
      return beyond(fmt::format("{} has more than {} entries.", method, limits.list_items));
    }
    all.reserve(all.size() + items.size());
    for (Value& item : items) all.push_back(std::move(item));

    const Value* next = result.get_object().if_contains("nextCursor");
    if (!next || !next->is_string()) return all;
    const std::string cursor(next->get_string());
    if (cursor.size() > kMaxCursorBytes) return beyond(fmt::format("A cursor of {} is too long.", method));
    if (!cursors.insert(cursor).second) return protocol_error(fmt::format("{} repeats a cursor.", method));
    params["cursor"] = cursor;
  }
  return beyond(fmt::format("{} has more than {} pages.", method, limits.list_pages));
}

core::Result<Array> Client::list_tools() {
  ASSIGN_OR_RETURN(Array tools, impl_->list(method::kToolsList, "tools"));
  if (!impl_->modern()) return tools;
  Array good;
  good.reserve(tools.size());
  std::vector<std::string> dropped;
  std::map<std::string, std::vector<HeaderParameter>, std::less<>> parameters;
  for (Value& tool : tools) {
    const std::string name(core::json::string_or_empty(tool, "name"));
    const Value* schema = core::json::find(tool, "inputSchema");
    if (schema && schema->is_object()) {
      auto marked = read_header_parameters(schema->get_object());
      if (!marked) {
        dropped.push_back(name);
        continue;
      }
      if (!marked->empty()) parameters.insert_or_assign(name, std::move(*marked));
    }
    good.push_back(std::move(tool));
  }
  std::lock_guard lock(impl_->mutex);
  impl_->header_parameters = std::move(parameters);
  impl_->dropped_tools = std::move(dropped);
  return good;
}

std::vector<std::string> Client::dropped_tools() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->dropped_tools;
}

core::Result<Array> Client::list_resources() {
  return impl_->list("resources/list", "resources");
}
core::Result<Array> Client::list_resource_templates() {
  return impl_->list("resources/templates/list", "resourceTemplates");
}
core::Result<Array> Client::list_prompts() {
  return impl_->list("prompts/list", "prompts");
}

std::vector<net::Headers::Field> Client::Impl::mirrored(std::string_view tool, const Object& arguments) {
  std::lock_guard lock(mutex);
  const auto found = header_parameters.find(tool);
  return found == header_parameters.end() ? std::vector<net::Headers::Field>{}
                                          : mirror(found->second, arguments);
}

// The answers to a result of type input_required (page Multi Round-Trip Requests).
core::Result<Object> Client::Impl::answer_round(const Object& result) {
  Object responses;
  const Value* asked = result.if_contains("inputRequests");
  if (!asked || asked->is_null()) return responses;
  if (!asked->is_object()) return protocol_error("The server's inputRequests are not an object.");
  if (asked->get_object().size() > options.limits.questions) {
    return beyond(fmt::format("The server asks more than {} questions at once.", options.limits.questions));
  }
  static const Object kNone;
  for (const auto& member : asked->get_object()) {
    const Value* params = core::json::find(member.value(), "params");
    ASSIGN_OR_RETURN(Object response,
                     answer_question(core::json::string_or_empty(member.value(), "method"),
                                     params && params->is_object() ? params->get_object() : kNone));
    responses[member.key()] = std::move(response);
  }
  return responses;
}

// Error -32042 of 2025-11-25: pages to be visited first.
core::Status Client::Impl::answer_links(const Value* data) {
  const Value* links = data ? core::json::find(*data, "elicitations") : nullptr;
  if (!links || !links->is_array() || links->get_array().empty() ||
      links->get_array().size() > options.limits.questions) {
    return protocol_error("The server asks for pages to be visited, and names none or too many.");
  }
  for (const Value& link : links->get_array()) {
    if (!link.is_object()) return protocol_error("The server asks for a page to be visited that is none.");
    const InputResponse response = options.on_elicitation(link.get_object());
    if (response.action != Answer::accept) {
      return core::fail(ErrorKind::cancelled, "mcp.client.declined",
                        "The page that the server wants visited first was declined.");
    }
  }
  return {};
}

core::Result<Object> Client::Impl::with_rounds(std::string_view method, Object params,
                                               const CallOptions& call, const Extras& extras) {
  for (int round = 0; round < options.limits.rounds; ++round) {
    ASSIGN_OR_RETURN(Received reply, ask(method, params, call, extras));
    if (auto* problem = std::get_if<RpcError>(&reply.response.outcome)) {
      const bool links = problem->code == kUrlElicitationRequired && !modern() && options.on_elicitation &&
                         options.url_elicitation;
      if (!links) return core::fail(rpc_error(*problem));
      RETURN_IF_ERROR(answer_links(problem->data ? &*problem->data : nullptr));
      continue;
    }
    Value& value = std::get<Value>(reply.response.outcome);
    if (!value.is_object()) return protocol_error(fmt::format("The result of {} is not an object.", method));
    Object& result = value.get_object();
    // A result that does not say what it is, is complete.
    if (core::json::string_or_empty(result, "resultType") != "input_required" || !modern()) {
      return std::move(result);
    }
    ASSIGN_OR_RETURN(Object responses, answer_round(result));
    const Value* state = result.if_contains("requestState");
    if (responses.empty() && !state) return protocol_error("The server asks for input and says for none.");
    params.erase("inputResponses");
    params.erase("requestState");
    if (!responses.empty()) params["inputResponses"] = std::move(responses);
    if (state) params["requestState"] = *state;
  }
  return beyond(fmt::format("{} still asks after {} rounds.", method, options.limits.rounds));
}

core::Result<Object> Client::call_tool(std::string_view name, Object arguments, const CallOptions& options) {
  Impl::Extras extras{.mirrored = impl_->mirrored(name, arguments)};
  Object params{{"name", name}, {"arguments", arguments}};
  auto result = impl_->with_rounds(method::kToolsCall, params, options, extras);
  if (result || !impl_->modern() || result.error().code != "mcp.client.rpc" ||
      result.error().upstream->code != std::to_string(code::kHeaderMismatch)) {
    return result;
  }
  // The server mirrors arguments of which this client has not heard, or not any more.
  RETURN_IF_ERROR(list_tools());
  auto mirrored = impl_->mirrored(name, arguments);
  if (mirrored == extras.mirrored) return result;
  extras.mirrored = std::move(mirrored);
  return impl_->with_rounds(method::kToolsCall, std::move(params), options, extras);
}

core::Result<Object> Client::read_resource(std::string_view uri, const CallOptions& options) {
  return impl_->with_rounds("resources/read", {{"uri", uri}}, options, {});
}

core::Result<Object> Client::get_prompt(std::string_view name, Object arguments, const CallOptions& options) {
  Object params{{"name", name}};
  if (!arguments.empty()) params["arguments"] = std::move(arguments);
  return impl_->with_rounds("prompts/get", std::move(params), options, {});
}

core::Result<Object> Client::complete(Object reference, std::string_view argument, std::string_view value,
                                      Object context, const CallOptions& options) {
  Object params{{"ref", std::move(reference)}, {"argument", {{"name", argument}, {"value", value}}}};
  if (!context.empty() && revision() >= Revision::v2025_06_18) {
    params["context"] = Object{{"arguments", std::move(context)}};
  }
  return impl_->request("completion/complete", std::move(params), options, {});
}

namespace {

Object filter_of(const Interests& interests) {
  Object filter;
  if (interests.tools) filter["toolsListChanged"] = true;
  if (interests.prompts) filter["promptsListChanged"] = true;
  if (interests.resources) filter["resourcesListChanged"] = true;
  if (!interests.resource_uris.empty()) {
    filter["resourceSubscriptions"] = Array(interests.resource_uris.begin(), interests.resource_uris.end());
  }
  return filter;
}

// subscriptions/listen: a request whose answer is the end.
class ModernSubscription final : public Subscription {
 public:
  ModernSubscription(Client::Impl& client, std::function<void(std::string_view, const Object&)> events)
      : client_(client),
        id_(++client.serial),
        sink_(std::make_shared<EventSink>(
            [this, events = std::move(events)](std::string_view method, const Object& params) {
              if (!acknowledge(method, params) && events) events(method, params);
            })) {
    std::lock_guard lock(client_.mutex);
    client_.subscriptions.emplace(RequestId::of(id_).json, sink_);
  }
  ~ModernSubscription() override {
    stop_.request_stop();
    if (thread_.joinable()) thread_.join();
    {
      std::lock_guard lock(client_.mutex);
      client_.subscriptions.erase(RequestId::of(id_).json);
    }
    sink_->detach();
  }

  core::Status begin(Object filter) {
    thread_ = std::thread([this, params = Object{{"notifications", std::move(filter)}}] {
      auto reply =
          client_.ask(method::kListen, params, {.stop = stop_.get_token()}, {.endless = true, .id = id_});
      std::lock_guard lock(mutex_);
      ended_ = true;
      if (!reply) {
        error_ = std::move(reply).error();
      } else if (auto* problem = std::get_if<RpcError>(&reply->response.outcome)) {
        error_ = rpc_error(*problem);
      }
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, client_.options.timeout, [&] { return acknowledged_ || ended_; })) {
      return core::fail(ErrorKind::timeout, "mcp.client.timeout", "The subscription was not acknowledged.");
    }
    if (acknowledged_) return {};
    if (error_) return core::fail(*error_);
    return protocol_error("The server ended the subscription without acknowledging it.");
  }

  const Object& honoured() const override { return honoured_; }
  bool ended() const override {
    std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  bool acknowledge(std::string_view method, const Object& params) {
    if (method != method::kAcknowledged) return false;
    std::lock_guard lock(mutex_);
    if (acknowledged_) return true;
    if (const Value* agreed = params.if_contains("notifications"); agreed && agreed->is_object()) {
      honoured_ = agreed->get_object();
    }
    acknowledged_ = true;
    changed_.notify_all();
    return true;
  }

  Client::Impl& client_;
  const std::int64_t id_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool acknowledged_ = false;
  bool ended_ = false;
  std::optional<core::Error> error_;
  Object honoured_;
  const std::shared_ptr<EventSink> sink_;
  std::thread thread_;
};

class LegacySubscription final : public Subscription {
 public:
  LegacySubscription(Client::Impl& client, Interests interests,
                     std::function<void(std::string_view, const Object&)> events)
      : client_(client),
        interests_(std::move(interests)),
        honoured_(filter_of(interests_)),
        key_(static_cast<std::uint64_t>(++client.serial)),
        sink_(std::make_shared<EventSink>(
            [this, events = std::move(events)](std::string_view method, const Object& params) {
              if (events && wants(method, params)) events(method, params);
            })) {
    std::lock_guard lock(client_.mutex);
    client_.listeners.emplace(key_, sink_);
  }
  ~LegacySubscription() override {
    const bool over = ended();
    {
      std::lock_guard lock(client_.mutex);
      client_.listeners.erase(key_);
    }
    sink_->detach();
    if (over || client_.closed) return;
    for (std::size_t i = 0; i < subscribed_; ++i) {
      (void)client_.ask("resources/unsubscribe", {{"uri", interests_.resource_uris[i]}}, {}, {});
    }
  }

  core::Status begin() {
    for (const std::string& uri : interests_.resource_uris) {
      RETURN_IF_ERROR(client_.request("resources/subscribe", {{"uri", uri}}, {}, {}));
      ++subscribed_;
    }
    return {};
  }

  const Object& honoured() const override { return honoured_; }
  bool ended() const override {
    std::lock_guard lock(client_.mutex);
    return client_.closed || !client_.listeners.contains(key_);
  }

 private:
  bool wants(std::string_view method, const Object& params) const {
    if (method == method::kToolsListChanged) return interests_.tools;
    if (method == "notifications/prompts/list_changed") return interests_.prompts;
    if (method == "notifications/resources/list_changed") return interests_.resources;
    // A server may tell of a part of what was subscribed to (page Resources), so the URI need not be equal.
    return method == "notifications/resources/updated" && !interests_.resource_uris.empty() &&
           !core::json::string_or_empty(params, "uri").empty();
  }

  Client::Impl& client_;
  const Interests interests_;
  const Object honoured_;
  const std::uint64_t key_;
  std::size_t subscribed_ = 0;
  const std::shared_ptr<EventSink> sink_;
};

}  // namespace

core::Result<std::unique_ptr<Subscription>> Client::listen(
    Interests interests, std::function<void(std::string_view method, const Object& params)> events) {
  if (impl_->modern()) {
    auto subscription = std::make_unique<ModernSubscription>(*impl_, std::move(events));
    RETURN_IF_ERROR(subscription->begin(filter_of(interests)));
    return subscription;
  }
  auto subscription = std::make_unique<LegacySubscription>(*impl_, std::move(interests), std::move(events));
  RETURN_IF_ERROR(subscription->begin());
  return subscription;
}

}  // namespace mcp
