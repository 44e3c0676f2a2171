// From a message to the function that serves it: era, handshake rules, method tables.
#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "core/log.h"
#include "mcp/server_shared.h"
#include "mcp/session_impl.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

const Object* object_member(const Object& params, std::string_view key) {
  const Value* found = params.if_contains(key);
  return found ? found->if_object() : nullptr;
}

std::string string_member(const Object* object, std::string_view key) {
  const Value* found = object ? object->if_contains(key) : nullptr;
  return found && found->is_string() ? std::string(found->get_string()) : std::string{};
}

// Names from outside stay short in messages.
std::string_view shown(std::string_view name) {
  return name.substr(0, 100);
}

void note(std::string_view what, std::string_view detail) {
  core::log(core::LogLevel::debug, "mcp", what, {{"detail", shown(detail)}});
}

}  // namespace

const SessionImpl::Method* SessionImpl::find_method(bool modern, std::string_view name) {
  static constexpr std::array<Method, 17> kLegacy = {{
      {method::kToolsCall, &SessionImpl::tools_call, &Offer::tools},
      {method::kToolsList, &SessionImpl::tools_list, &Offer::tools},
      {method::kPing, &SessionImpl::ping, nullptr, true},
      {method::kResourcesRead, &SessionImpl::resources_read, &Offer::resources},
      {method::kResourcesList, &SessionImpl::resources_list, &Offer::resources},
      {method::kTemplatesList, &SessionImpl::templates_list, &Offer::resources},
      {method::kSubscribe, &SessionImpl::subscribe, &Offer::resources},
      {method::kUnsubscribe, &SessionImpl::unsubscribe, &Offer::resources},
      {method::kPromptsGet, &SessionImpl::prompts_get, &Offer::prompts},
      {method::kPromptsList, &SessionImpl::prompts_list, &Offer::prompts},
      {method::kComplete, &SessionImpl::complete, &Offer::completions},
      {method::kTasksGet, &SessionImpl::tasks_get, &Offer::tasks},
      {method::kTasksResult, &SessionImpl::tasks_result, &Offer::tasks},
      {method::kTasksList, &SessionImpl::tasks_list, &Offer::tasks},
      {method::kTasksCancel, &SessionImpl::tasks_cancel, &Offer::tasks},
      {method::kSetLevel, &SessionImpl::set_level},
      {method::kInitialize, &SessionImpl::initialize, nullptr, true},
  }};
  static constexpr std::array<Method, 13> kModern = {{
      {method::kToolsCall, &SessionImpl::tools_call, &Offer::tools},
      {method::kToolsList, &SessionImpl::tools_list, &Offer::tools},
      {method::kResourcesRead, &SessionImpl::resources_read, &Offer::resources},
      {method::kResourcesList, &SessionImpl::resources_list, &Offer::resources},
      {method::kTemplatesList, &SessionImpl::templates_list, &Offer::resources},
      {method::kPromptsGet, &SessionImpl::prompts_get, &Offer::prompts},
      {method::kPromptsList, &SessionImpl::prompts_list, &Offer::prompts},
      {method::kComplete, &SessionImpl::complete, &Offer::completions},
      {method::kTasksGet, &SessionImpl::tasks_get, &Offer::tasks},
      {method::kTasksUpdate, &SessionImpl::tasks_update, &Offer::tasks},
      {method::kTasksCancel, &SessionImpl::tasks_cancel, &Offer::tasks},
      {method::kDiscover, &SessionImpl::discover},
      {method::kListen, &SessionImpl::listen},
  }};
  auto find = [&](const auto& table) -> const Method* {
    auto found = std::ranges::find(table, name, &Method::name);
    return found == table.end() ? nullptr : &*found;
  };
  return modern ? find(kModern) : find(kLegacy);
}

bool SessionImpl::offered(ServerShared& shared, const Method& method) {
  return !method.needs || shared.offer().*method.needs;
}

bool SessionImpl::serves_modern(ServerShared& shared, std::string_view name) {
  const Method* method = find_method(true, name);
  return method && offered(shared, *method);
}

void SessionImpl::receive(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
  }
  const ServerOptions& options = shared_.options;
  accept(decode(text, {.max_bytes = options.max_message_bytes,
                       .max_depth = options.max_message_depth,
                       .max_batch = options.max_batch}),
         {.outlet = outlet_, .caller = {}});
}

void SessionImpl::accept(Incoming&& incoming, const Origin& origin) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
  }
  try {
    if (auto* batch = std::get_if<Batch>(&incoming)) {
      dispatch_batch(std::move(*batch), origin);
    } else {
      dispatch(std::get<Message>(std::move(incoming)), origin, nullptr);
    }
  } catch (const std::exception& thrown) {
    // Allocation failure, or a callback of the application that threw: the session goes on.
    core::log(core::LogLevel::error, "mcp", "a message could not be handled", {{"what", thrown.what()}});
  }
}

void SessionImpl::dispatch_batch(Batch batch, const Origin& origin) {
  if (!legacy_ || !legacy_->rules().batches) {
    refuse(
        {std::nullopt, code::kInvalidRequest,
         legacy_ ? fmt::format("Protocol revision {} has no batches.", to_string(legacy_->rules().revision))
                 : "Batches need a session of protocol revision 2025-03-26; send one message a line."},
        *origin.outlet);
    return;
  }
  auto answered = [](const Message& message) {
    return std::holds_alternative<Request>(message) || std::holds_alternative<Rejected>(message);
  };
  auto reply = std::make_shared<BatchReply>(
      origin.outlet, static_cast<std::size_t>(std::ranges::count_if(batch.messages, answered)));
  for (Message& message : batch.messages) dispatch(std::move(message), origin, reply);
}

void SessionImpl::dispatch(Message&& message, const Origin& origin,
                           const std::shared_ptr<BatchReply>& batch) {
  if (auto* request = std::get_if<Request>(&message)) {
    on_request(std::move(*request), origin, batch);
  } else if (auto* notification = std::get_if<Notification>(&message)) {
    on_notification(*notification);
  } else if (auto* response = std::get_if<Response>(&message)) {
    on_response(*response);
  } else if (auto* rejected = std::get_if<Rejected>(&message)) {
    if (batch) {
      batch->settle(encode_error(rejected->id, rejected->code, rejected->message));
    } else {
      refuse(*rejected, *origin.outlet);
    }
  } else {
    note("a message was ignored", std::get<Ignored>(message).why);
  }
}

void SessionImpl::on_request(Request&& request, const Origin& origin,
                             const std::shared_ptr<BatchReply>& batch) {
  Reply reply(origin.outlet, request.id, batch);
  const RequestMeta meta(request.params);
  bool modern = is_modern_request(request.method, meta);
  Envelope envelope;
  if (modern) {
    if (batch) return reply.error(code::kInvalidRequest, "Protocol revision 2026-07-28 has no batches.");
    auto read = read_envelope(meta, shared_.codecs);
    if (!read) return reply.error(read.error().code, read.error().message, read.error().data);
    envelope = *std::move(read);
  } else {
    envelope.codec = legacy_ ? legacy_ : &shared_.codec(kNewestLegacy);
    envelope.abilities = abilities_;
    envelope.trace_id = trace_id_of(meta);
  }
  const Method* method = find_method(modern, request.method);
  bool too_old = method && method->needs == &Offer::tasks && !envelope.codec->rules().tasks;
  if (!method || too_old || !offered(shared_, *method)) {
    return reply.error(code::kMethodNotFound, fmt::format("Method not found: {}", shown(request.method)));
  }
  if (!modern && !legacy_ && !method->before_initialize) {
    return reply.error(code::kInvalidRequest,
                       "Send initialize first, or name the protocol version in params._meta (2026-07-28).");
  }
  if (batch && method->name == method::kInitialize) {
    return reply.error(code::kInvalidRequest, "initialize cannot be part of a batch.");
  }
  if (modern && method->name != method::kDiscover && method->name != method::kListen)
    shared_.note_modern_call();
  (this->*method->handler)({request, meta, envelope, origin}, std::move(reply));
}

void SessionImpl::on_notification(Notification& notification) {
  if (notification.method == method::kCancelled) return on_cancelled(notification.params);
  if (notification.method == method::kInitialized) return on_initialized();
  note("a notification was ignored", notification.method);
}

void SessionImpl::on_cancelled(const Object& params) {
  const Value* given = params.if_contains("requestId");
  auto id = given ? RequestId::from(*given) : std::nullopt;
  if (!id) return note("a cancellation without a request id", {});
  std::shared_ptr<Call> call;
  {
    std::lock_guard lock(mutex_);
    if (auto found = calls_.find(*id); found != calls_.end()) call = found->second;
    std::erase_if(listeners_, [&](const Listener& listener) { return listener.id == *id; });
  }
  if (!call) return;
  note("a call was cancelled", string_member(&params, "reason"));
  call->cancel();
}

void SessionImpl::on_initialized() {
  {
    std::lock_guard lock(mutex_);
    if (!legacy_ || initialized_) return;
    initialized_ = true;
  }
  if (shared_.legacy_ready) shared_.legacy_ready(owner_.shared_from_this());
}

void SessionImpl::on_response(Response& response) {
  std::int64_t id = 0;
  auto [end, error] =
      std::from_chars(response.id.json.data(), response.id.json.data() + response.id.json.size(), id);
  auto question = error == std::errc{} ? take_question(id) : std::nullopt;
  if (!question) return note("a response to no open question", response.id.json);
  if (auto* problem = std::get_if<RpcError>(&response.outcome)) {
    note("the client refused a question", problem->message);
    question->done(nullptr);
  } else {
    question->done(&std::get<Value>(response.outcome));
  }
}

void SessionImpl::initialize(const Served& served, Reply reply) {
  if (legacy_) return reply.error(code::kInvalidRequest, "The session is initialized already.");
  const Value* version = served.request.params.if_contains("protocolVersion");
  if (!version || !version->is_string()) {
    return reply.error(code::kInvalidParams, "params.protocolVersion must be a string.");
  }
  for (std::string_view key : {"capabilities", "clientInfo"}) {
    const Value* given = served.request.params.if_contains(key);
    if (given && !given->is_object()) {
      return reply.error(code::kInvalidParams, fmt::format("params.{} must be an object.", key));
    }
  }
  // Page Lifecycle: another version than the client's means "this is what I have". 2026-07-28 is never
  // negotiated.
  auto revision = parse_revision(std::string_view(version->get_string())).value_or(kNewestLegacy);
  if (is_modern(revision)) revision = kNewestLegacy;
  const Codec& codec = shared_.codec(revision);
  const Object* info = object_member(served.request.params, "clientInfo");
  {
    std::lock_guard lock(mutex_);
    legacy_ = &codec;
    abilities_ = codec.abilities(object_member(served.request.params, "capabilities"));
    client_ = {string_member(info, "name"), string_member(info, "version")};
  }
  shared_.enlist(owner_.shared_from_this());
  reply.result(codec.initialize_result(shared_.offer()));
}

void SessionImpl::ping(const Served& served, Reply reply) {
  reply.result(served.envelope.codec->empty_result());
}

void SessionImpl::set_level(const Served& served, Reply reply) {
  const Value* given = served.request.params.if_contains("level");
  auto level = given ? parse_logging_level(*given) : std::nullopt;
  if (!level) {
    return reply.error(code::kInvalidParams,
                       "params.level must be a log level, from debug to emergency (RFC 5424).");
  }
  {
    std::lock_guard lock(mutex_);
    log_level_ = *level;
  }
  reply.result(served.envelope.codec->empty_result());
}

void SessionImpl::discover(const Served& served, Reply reply) {
  reply.result(served.envelope.codec->discover_result(shared_.offer()));
}

void SessionImpl::tools_list(const Served& served, Reply reply) {
  answer_page(served, std::move(reply),
              [&](std::string_view cursor) { return shared_.tools.list(*served.envelope.codec, cursor); });
}

void SessionImpl::tools_call(const Served& served, Reply reply) {
  const Value* name = served.request.params.if_contains("name");
  if (!name || !name->is_string()) return reply.error(code::kInvalidParams, "params.name must be a string.");
  const Tool* tool = shared_.tools.find(name->get_string());
  if (!tool) {
    return reply.error(code::kInvalidParams, fmt::format("Unknown tool: {}", shown(name->get_string())));
  }
  if (const Value* arguments = served.request.params.if_contains("arguments");
      arguments && !arguments->is_object()) {
    return reply.error(code::kInvalidParams, "params.arguments must be an object.");
  }
  auto progress_token = read_progress_token(served.meta);
  if (!progress_token) return reply.error(progress_token.error().code, progress_token.error().message);
  auto use = task_use(*tool, served.envelope, served.request.params);
  if (!use) return reply.error(use.error().code, use.error().message, use.error().data);
  Envelope envelope = served.envelope;
  envelope.abilities.tasks = use->handle;

  const Codec* codec = served.envelope.codec;
  CallStart start{
      .session = owner_.shared_from_this(),
      .impl = *this,
      .origin = served.origin,
      .envelope = std::move(envelope),
      .method = method::kToolsCall,
      .name = tool->name,
      .runs_on = tool->runs_on,
      .params = std::move(served.request.params),
      .progress_token = *std::move(progress_token),
      .trace_id = served.envelope.trace_id.empty() ? shared_.next_trace_id() : served.envelope.trace_id,
      .keep = use->keep,
      .handler = [tool, codec, jobs = use->always ? shared_.options.jobs : nullptr](
                     const core::Context& context, const Object& arguments,
                     Round round) -> core::Result<CallOutcome> {
        if (jobs) return call_as_task(*jobs, *tool, context, arguments, std::move(round));
        ASSIGN_OR_RETURN(auto outcome, tool->handler(context, {arguments, std::move(round)}));
        if (auto* complete = std::get_if<Complete>(&outcome)) {
          std::string text = codec->call_result(complete->result);
          if (complete->result.is_error) return FailedResult{std::move(text)};
          return text;
        }
        if (auto* started = std::get_if<Started>(&outcome)) return std::move(*started);
        return std::get<NeedInput>(std::move(outcome));
      }};
  std::make_shared<Call>(std::move(start), std::move(reply))->begin();
}

}  // namespace mcp
