// The methods of resources, prompts, completion and subscriptions.
#include <algorithm>
#include <expected>
#include <fmt/format.h>

#include "mcp/contains.h"
#include "mcp/server_shared.h"
#include "mcp/session_impl.h"

namespace mcp {
namespace {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

// Null when it is absent or no string.
const boost::json::string* string_member(const Object& object, std::string_view key) {
  const Value* found = object.if_contains(key);
  return found ? found->if_string() : nullptr;
}

const Object* object_member(const Object& object, std::string_view key) {
  const Value* found = object.if_contains(key);
  return found ? found->if_object() : nullptr;
}

std::string_view shown(std::string_view name) {
  return name.substr(0, 100);
}

int missing_code(const Codec& codec) {
  return is_modern(codec.rules().revision) ? code::kInvalidParams : code::kResourceNotFound;
}

std::string missing_message(std::string_view uri) {
  return fmt::format("Resource not found: {}", shown(uri));
}

// What a reader or writer failed with, where that is the client's fault; other errors go on as they are.
std::optional<RpcError> client_fault(const core::Error& error, std::initializer_list<ErrorKind> kinds) {
  if (!contains(kinds, error.kind)) return std::nullopt;
  return RpcError{.code = code::kInvalidParams, .message = core::describe(error), .data = std::nullopt};
}

// A member of the filter of subscriptions/listen; false when it has another type.
bool read_flag(const Object& filter, std::string_view key, bool offered, bool& flag) {
  const Value* given = filter.if_contains(key);
  if (!given) return true;
  flag = given->is_bool() && given->get_bool() && offered;
  return given->is_bool();
}

// All strings, else nullopt.
std::optional<std::map<std::string, std::string, std::less<>>> string_map(const Object& object) {
  std::map<std::string, std::string, std::less<>> read;
  for (const auto& [key, value] : object) {
    const auto* text = value.if_string();
    if (!text) return std::nullopt;
    read.emplace(key, *text);
  }
  return read;
}

// What a client has filled in already (2025-06-18 and later); nullopt when it is malformed.
std::optional<std::map<std::string, std::string, std::less<>>> read_filled_in(const Object& params,
                                                                              const WireRules& rules) {
  const Value* context = params.if_contains("context");
  if (!context || !rules.completion_context) return std::map<std::string, std::string, std::less<>>{};
  if (!context->is_object()) return std::nullopt;
  const Value* arguments = context->get_object().if_contains("arguments");
  if (!arguments) return std::map<std::string, std::string, std::less<>>{};
  return arguments->is_object() ? string_map(arguments->get_object()) : std::nullopt;
}

// What `ref` of completion/complete means.
struct CompletionTarget {
  std::string name;
  const Completer* completer = nullptr;
  RunsOn runs_on = RunsOn::reader;
};

std::expected<CompletionTarget, std::string> find_target(const ServerShared& shared, const Object& ref,
                                                         std::string_view argument) {
  const auto* type = string_member(ref, "type");
  CompletionTarget target;
  bool known = false;
  if (type && *type == "ref/prompt") {
    const auto* name = string_member(ref, "name");
    const Prompt* prompt = name ? shared.prompts.find(*name) : nullptr;
    if (!prompt) return std::unexpected("params.ref names no prompt of this server.");
    known = contains(prompt->arguments, argument, &PromptArgument::name);
    target = {prompt->name, &prompt->complete, prompt->completes_on};
  } else if (type && *type == "ref/resource") {
    const auto* uri = string_member(ref, "uri");
    auto found = uri ? shared.resources.find_template(*uri) : TemplateRef{};
    if (!found) return std::unexpected("params.ref names no resource template of this server.");
    known = contains(found.pattern->variables(), argument);
    target = {found.resource_template->uri_template, &found.resource_template->complete,
              found.resource_template->completes_on};
  } else {
    return std::unexpected("params.ref.type must be \"ref/prompt\" or \"ref/resource\".");
  }
  if (!known) return std::unexpected(fmt::format("{} has no argument \"{}\".", target.name, shown(argument)));
  return target;
}

}  // namespace

void SessionImpl::answer_page(const Served& served, Reply reply, const Page& page) {
  const Value* cursor = served.request.params.if_contains("cursor");
  if (cursor && cursor->is_null()) cursor = nullptr;
  if (cursor && !cursor->is_string())
    return reply.error(code::kInvalidParams, "params.cursor must be a string.");
  auto result = page(cursor ? std::string_view(cursor->get_string()) : std::string_view{});
  if (!result) {
    return reply.error(code::kInvalidParams,
                       "params.cursor is none of this list's; ask for the first page, without a cursor.");
  }
  reply.result(*result);
}

void SessionImpl::resources_list(const Served& served, Reply reply) {
  answer_page(served, std::move(reply), [&](std::string_view cursor) {
    return shared_.resources.list(*served.envelope.codec, cursor);
  });
}

void SessionImpl::templates_list(const Served& served, Reply reply) {
  answer_page(served, std::move(reply), [&](std::string_view cursor) {
    return shared_.resources.list_templates(*served.envelope.codec, cursor);
  });
}

void SessionImpl::prompts_list(const Served& served, Reply reply) {
  answer_page(served, std::move(reply),
              [&](std::string_view cursor) { return shared_.prompts.list(*served.envelope.codec, cursor); });
}

void SessionImpl::start_call(const Served& served, Reply reply, std::string_view method, std::string name,
                             RunsOn runs_on, CallHandler handler) {
  auto progress_token = read_progress_token(served.meta);
  if (!progress_token) return reply.error(progress_token.error().code, progress_token.error().message);
  // Other methods have no arguments; what is there by that name is not bound to the call and reaches nobody.
  if (method != method::kPromptsGet) served.request.params.erase("arguments");
  CallStart start{
      .session = owner_.shared_from_this(),
      .impl = *this,
      .origin = served.origin,
      .envelope = served.envelope,
      .method = method,
      .name = std::move(name),
      .runs_on = runs_on,
      .params = std::move(served.request.params),
      .progress_token = *std::move(progress_token),
      .trace_id = served.envelope.trace_id.empty() ? shared_.next_trace_id() : served.envelope.trace_id,
      .handler = std::move(handler)};
  std::make_shared<Call>(std::move(start), std::move(reply))->begin();
}

void SessionImpl::resources_read(const Served& served, Reply reply) {
  const auto* given = string_member(served.request.params, "uri");
  if (!given) return reply.error(code::kInvalidParams, "params.uri must be a string.");
  const Codec* codec = served.envelope.codec;
  std::string uri(*given);
  auto found = shared_.resources.find(uri);
  if (!found) return reply.error(missing_code(*codec), missing_message(uri), missing_resource_data(uri));
  RunsOn runs_on = found.runs_on();
  auto handler = [uri, found = std::move(found), codec](const core::Context& context, const Object&,
                                                        Round round) -> core::Result<CallOutcome> {
    auto missing = [&] {
      return RpcError{
          .code = missing_code(*codec), .message = missing_message(uri), .data = Value(Object{{"uri", uri}})};
    };
    auto outcome = found.read()(context, {uri, found.variables, std::move(round)});
    if (!outcome) {
      if (outcome.error().kind == ErrorKind::not_found) return missing();
      if (auto fault = client_fault(outcome.error(), {ErrorKind::invalid_input})) return *std::move(fault);
      return std::unexpected(std::move(outcome).error());
    }
    if (auto* need = std::get_if<NeedInput>(&*outcome)) return std::move(*need);
    const auto& contents = std::get<std::vector<ResourceContents>>(*outcome);
    if (contents.empty()) return missing();
    return codec->read_result(contents, uri, found.mime_type(), found.cache());
  };
  start_call(served, std::move(reply), method::kResourcesRead, uri, runs_on, std::move(handler));
}

void SessionImpl::subscribe(const Served& served, Reply reply) {
  const auto* uri = string_member(served.request.params, "uri");
  if (!uri) return reply.error(code::kInvalidParams, "params.uri must be a string.");
  const Codec& codec = *served.envelope.codec;
  if (!shared_.resources.find(*uri)) {
    return reply.error(missing_code(codec), missing_message(*uri), missing_resource_data(*uri));
  }
  {
    std::lock_guard lock(mutex_);
    if (!closed_ && !watched_.contains(std::string_view(*uri))) {
      Budget::Reservation watch;
      if (watched_.size() < shared_.options.max_subscriptions) watch = shared_.watches.reserve();
      if (!watch) {
        return reply.error(
            code::kInternalError,
            fmt::format("{} resources are watched; unsubscribe from one first.", watched_.size()));
      }
      watched_.emplace(*uri, std::move(watch));
    }
  }
  reply.result(codec.empty_result());
}

void SessionImpl::unsubscribe(const Served& served, Reply reply) {
  const auto* uri = string_member(served.request.params, "uri");
  if (!uri) return reply.error(code::kInvalidParams, "params.uri must be a string.");
  {
    std::lock_guard lock(mutex_);
    if (auto found = watched_.find(std::string_view(*uri)); found != watched_.end()) watched_.erase(found);
  }
  reply.result(served.envelope.codec->empty_result());
}

void SessionImpl::prompts_get(const Served& served, Reply reply) {
  const auto* name = string_member(served.request.params, "name");
  if (!name) return reply.error(code::kInvalidParams, "params.name must be a string.");
  const Prompt* prompt = shared_.prompts.find(*name);
  if (!prompt) return reply.error(code::kInvalidParams, fmt::format("Unknown prompt: {}", shown(*name)));
  const Value* given = served.request.params.if_contains("arguments");
  if (given && !given->is_object()) {
    return reply.error(code::kInvalidParams, "params.arguments must be an object.");
  }
  auto arguments = read_prompt_arguments(*prompt, given ? given->get_object() : Object{});
  if (!arguments) return reply.error(code::kInvalidParams, core::describe(arguments.error()));
  auto handler = [prompt, arguments = *std::move(arguments), codec = served.envelope.codec](
                     const core::Context& context, const Object&, Round round) -> core::Result<CallOutcome> {
    auto outcome = prompt->get(context, {arguments, std::move(round)});
    if (!outcome) {
      if (auto fault = client_fault(outcome.error(), {ErrorKind::invalid_input, ErrorKind::not_found})) {
        return *std::move(fault);
      }
      return std::unexpected(std::move(outcome).error());
    }
    if (auto* need = std::get_if<NeedInput>(&*outcome)) return std::move(*need);
    return codec->prompt_result(std::get<PromptResult>(*outcome));
  };
  start_call(served, std::move(reply), method::kPromptsGet, prompt->name, prompt->runs_on,
             std::move(handler));
}

void SessionImpl::complete(const Served& served, Reply reply) {
  const Object& params = served.request.params;
  const Codec* codec = served.envelope.codec;
  const Object* ref = object_member(params, "ref");
  const Object* argument = object_member(params, "argument");
  const auto* name = argument ? string_member(*argument, "name") : nullptr;
  const auto* value = argument ? string_member(*argument, "value") : nullptr;
  if (!ref || !name || !value) {
    return reply.error(
        code::kInvalidParams,
        "params.ref must be an object; params.argument needs a name and a value, both strings.");
  }
  if (value->size() > kMaxCompletionInput) {
    return reply.error(code::kInvalidParams,
                       fmt::format("params.argument.value has over {} bytes.", kMaxCompletionInput));
  }
  auto filled_in = read_filled_in(params, codec->rules());
  if (!filled_in) {
    return reply.error(code::kInvalidParams, "params.context.arguments must be an object of strings.");
  }
  auto target = find_target(shared_, *ref, *name);
  if (!target) return reply.error(code::kInvalidParams, target.error());
  if (!*target->completer) return reply.result(codec->completion_result({}));
  auto handler = [target = *target, codec, name = std::string(*name), value = std::string(*value),
                  filled_in = *std::move(filled_in)](const core::Context& context, const Object&,
                                                     const Round&) -> core::Result<CallOutcome> {
    auto result = (*target.completer)(context, {target.name, name, value, filled_in});
    if (!result) {
      if (auto fault = client_fault(result.error(), {ErrorKind::invalid_input})) return *std::move(fault);
      return std::unexpected(std::move(result).error());
    }
    return codec->completion_result(*result);
  };
  start_call(served, std::move(reply), method::kComplete, std::move(target->name), target->runs_on,
             std::move(handler));
}

void SessionImpl::listen(const Served& served, Reply reply) {
  const Object* wanted = object_member(served.request.params, "notifications");
  if (!wanted) return reply.error(code::kInvalidParams, "params.notifications must be an object.");
  Offer offer = shared_.offer();
  Listener listener{.id = reply.id(), .outlet = served.origin.outlet, .filter = {}, .watches = {}};
  ListenFilter& filter = listener.filter;
  if (!read_flag(*wanted, "toolsListChanged", offer.tools, filter.tools) ||
      !read_flag(*wanted, "promptsListChanged", offer.prompts, filter.prompts) ||
      !read_flag(*wanted, "resourcesListChanged", offer.resources, filter.resources)) {
    return reply.error(code::kInvalidParams,
                       "The members of params.notifications that end in Changed are booleans.");
  }
  if (const Value* uris = wanted->if_contains("resourceSubscriptions")) {
    auto text = [](const Value& uri) { return uri.is_string(); };
    if (!uris->is_array() || !std::ranges::all_of(uris->get_array(), text)) {
      return reply.error(code::kInvalidParams,
                         "params.notifications.resourceSubscriptions must be an array of strings.");
    }
    // What we do not know, and what is beyond the limit, is left out of the acknowledgement (page
    // Subscriptions).
    std::size_t count = std::min(uris->get_array().size(), shared_.options.max_subscriptions);
    for (std::size_t i = 0; i < count; ++i) {
      std::string_view uri = uris->get_array()[i].get_string();
      if (contains(filter.uris, uri) || !shared_.resources.find(uri)) continue;
      auto watch = shared_.watches.reserve();
      if (!watch) break;
      listener.watches.push_back(std::move(watch));
      filter.uris.emplace_back(uri);
    }
  }
  auto tasks = read_task_filter(served);
  if (!tasks) return reply.error(tasks.error().code, tasks.error().message, tasks.error().data);
  filter.tasks = *tasks;
  RequestId id = listener.id;
  std::unique_lock lock(mutex_);
  auto same = [&](const Listener& other) { return other.id == listener.id; };
  bool taken = calls_.contains(listener.id) || std::ranges::any_of(listeners_, same);
  bool full = listeners_.size() >= shared_.options.max_listeners;
  if (closed_ || taken || full) {
    lock.unlock();
    if (taken) return reply.error(code::kInvalidRequest, "A request with this id is still being worked on.");
    return reply.error(
        code::kInternalError,
        full ? fmt::format("{} subscriptions are open; cancel one first.", shared_.options.max_listeners)
             : "The server is shutting down.");
  }
  // Page Subscriptions: the acknowledgement is the first message with this id, so it goes out under the lock.
  send_text(*listener.outlet,
            encode_notification(method::kAcknowledged,
                                served.envelope.codec->acknowledged_params(listener.id, listener.filter)),
            Delivery::required);
  listeners_.push_back(std::move(listener));
  lock.unlock();
  reply.leave_open();  // the answer is sent when the server ends the subscription
  watch_tasks(id, *tasks, served.origin.caller.principal);
  shared_.enlist(owner_.shared_from_this());
}

}  // namespace mcp
