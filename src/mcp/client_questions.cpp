// What the server sends of its own accord: notifications, and questions of either era.
#include <fmt/format.h>

#include "core/log.h"
#include "mcp/client_answer.h"
#include "mcp/client_impl.h"
#include "mcp/form.h"

namespace mcp {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

namespace {

constexpr std::string_view kResourceUpdated = "notifications/resources/updated";
constexpr std::string_view kListChangedEnd = "/list_changed";

std::unexpected<core::Error> not_offered(std::string_view method) {
  return core::fail(
      ErrorKind::unsupported, "mcp.client.question",
      fmt::format("The server asks for {}, which this client did not offer.", outside_text(method, 80)));
}

Object elicit_result(const InputResponse& response) {
  Object object{{"action", to_string(response.action)}};
  if (response.action == Answer::accept && !response.content.empty()) object["content"] = response.content;
  return object;
}

}  // namespace

void fill_defaults(const Object& question, InputResponse& response) {
  if (response.action != Answer::accept) return;
  const Value* properties = core::json::find(question, "requestedSchema.properties");
  if (!properties || !properties->is_object()) return;
  for (const auto& property : properties->get_object()) {
    const Object* schema = property.value().if_object();
    const Value* preset = schema ? schema->if_contains("default") : nullptr;
    if (preset && !response.content.contains(property.key())) {
      response.content.insert_or_assign(property.key(), *preset);
    }
  }
}

void Client::Impl::receive(Message message) {
  if (auto* notification = std::get_if<Notification>(&message)) {
    receive_notification(*notification);
  } else if (auto* request = std::get_if<Request>(&message)) {
    receive_request(std::move(*request));
  }
}

bool Client::Impl::receive_progress(const Object& params) {
  const Value* token = params.if_contains(meta::kProgressToken);
  const auto id = token ? RequestId::from(*token) : std::nullopt;
  std::shared_ptr<ProgressWatcher> watcher;
  if (id) {
    std::lock_guard lock(mutex);
    if (const auto found = watchers.find(id->json); found != watchers.end()) watcher = found->second;
  }
  if (!watcher) return false;
  const Value* done = params.if_contains("progress");
  if (!done || !done->is_number()) return true;
  Progress progress{.done = done->to_number<double>(),
                    .total = std::nullopt,
                    .message = std::string(core::json::string_or_empty(params, "message"))};
  if (const Value* total = params.if_contains("total"); total && total->is_number()) {
    progress.total = total->to_number<double>();
  }
  watcher->call(progress);
  return true;
}

void Client::Impl::receive_notification(const Notification& notification) {
  const std::string_view method = notification.method;
  const Object& params = notification.params;
  if (method == method::kProgress && receive_progress(params)) return;

  std::vector<std::shared_ptr<EventSink>> sinks;
  const Value* about = params.if_contains("_meta");
  const Value* subscription =
      about && about->is_object() ? about->get_object().if_contains(meta::kSubscriptionId) : nullptr;
  if (const auto id = subscription ? RequestId::from(*subscription) : std::nullopt) {
    std::lock_guard lock(mutex);
    if (const auto found = subscriptions.find(id->json); found != subscriptions.end()) {
      sinks.push_back(found->second);
    }
  } else if (method == kResourceUpdated || method.ends_with(kListChangedEnd)) {
    std::lock_guard lock(mutex);
    sinks.reserve(listeners.size());
    for (const auto& [key, sink] : listeners) sinks.push_back(sink);
  }
  for (const auto& sink : sinks) sink->call(method, params);
  if (sinks.empty() && options.on_notification) options.on_notification(method, params);
}

// Legacy only: since 2026-07-28 a server asks in its results.
void Client::Impl::receive_request(Request request) {
  if (modern()) return;
  // Answers wait for a person, or for a server that reads slowly: not on the thread that reads.
  const bool room = ++open_questions <= options.limits.questions;
  const bool taken = room && questions.submit([this, request = std::move(request)] {
    answer_request(request);
    --open_questions;
  });
  if (!taken) {
    --open_questions;
    core::log(core::LogLevel::warning, "mcp", "the server asks too much at a time; a question was dropped");
  }
}

void Client::Impl::answer_request(const Request& request) {
  if (closed) return;
  std::string text;
  if (request.method == method::kPing) {
    text = encode_result(request.id, "{}");
  } else if (auto answer = answer_question(request.method, request.params)) {
    std::string result;
    core::json::append(result, *answer);
    text = encode_result(request.id, result);
  } else {
    const bool unknown = answer.error().code == "mcp.client.question";
    text = encode_error(request.id, unknown ? code::kMethodNotFound : code::kInternalError,
                        answer.error().message);
  }
  core::Context context;
  context.deadline = std::chrono::steady_clock::now() + options.timeout;
  if (auto sent = transport->answer(context, std::move(text)); !sent) {
    core::log(core::LogLevel::info, "mcp", "an answer did not reach the server",
              {{"method", outside_text(request.method, 80)}, {"reason", sent.error().code}});
  }
}

bool Client::Impl::url_question_fits(const Object& params) const {
  return core::json::string_or_empty(params, "mode") != "url" || options.url_elicitation;
}

core::Result<Object> Client::Impl::answer_question(std::string_view method, const Object& params) {
  if (method == method::kElicit && options.on_elicitation && url_question_fits(params)) {
    return elicit_result(options.on_elicitation(params));
  }
  if (method == "sampling/createMessage" && options.on_sampling) return options.on_sampling(params);
  if (method == "roots/list" && options.on_roots) {
    ASSIGN_OR_RETURN(auto roots, options.on_roots());
    return Object{{"roots", std::move(roots)}};
  }
  return not_offered(method);
}

}  // namespace mcp
