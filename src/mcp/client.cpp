#include "mcp/client.h"

#include <fmt/format.h>

#include "core/log.h"
#include "mcp/client_answer.h"
#include "mcp/client_impl.h"

namespace mcp {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kCancelPatience{2'000};

class Watch {
 public:
  Watch(Client::Impl& client, std::string token, const std::function<void(const Progress&)>& on_progress);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  Client::Impl& client_;
  const std::string token_;
  const std::shared_ptr<ProgressWatcher> watcher_;
};

Watch::Watch(Client::Impl& client, std::string token, const std::function<void(const Progress&)>& on_progress)
    : client_(client), token_(std::move(token)), watcher_(std::make_shared<ProgressWatcher>(on_progress)) {
  std::lock_guard lock(client_.mutex);
  client_.watchers.emplace(token_, watcher_);
}

Watch::~Watch() {
  {
    std::lock_guard lock(client_.mutex);
    client_.watchers.erase(token_);
  }
  watcher_->detach();
}

}  // namespace

core::Error rpc_error(const RpcError& problem) {
  const ErrorKind kind = problem.code == code::kInvalidParams || problem.code == code::kMethodNotFound
                             ? ErrorKind::invalid_input
                             : ErrorKind::protocol;
  core::Error error{kind, "mcp.client.rpc",
                    fmt::format("{}: {}", problem.code, outside_text(problem.message)), "", std::nullopt};
  error.upstream =
      core::UpstreamProblem{.code = std::to_string(problem.code), .summary = outside_text(problem.message)};
  return error;
}

std::unexpected<core::Error> protocol_error(std::string message) {
  return core::fail(ErrorKind::protocol, "mcp.client.protocol", std::move(message));
}

Object Client::Impl::modern_meta(Revision spoken) const {
  Object about{{meta::kProtocolVersion, to_string(spoken)},
               {meta::kClientInfo, client_info()},
               {meta::kClientCapabilities, capabilities(spoken)}};
  if (options.log_level) about[meta::kLogLevel] = core::to_string(*options.log_level);
  return about;
}

core::Result<Received> Client::Impl::ask(std::string_view method, Object params, const CallOptions& call,
                                         const Extras& extras) {
  if (closed) return core::fail(ErrorKind::cancelled, "mcp.client.closed", "The client was closed.");
  const bool in_modern = modern() || method == method::kDiscover;
  Object about = in_modern ? modern_meta(Revision::v2026_07_28) : Object{};
  if (const Value* given = params.if_contains("_meta"); given && given->is_object()) {
    for (const auto& member : given->get_object()) about.insert_or_assign(member.key(), member.value());
  }
  for (int attempt = 0;; ++attempt) {
    const auto id = RequestId::of(extras.id.value_or(++serial));
    std::optional<Watch> watch;
    if (call.on_progress) {
      about[meta::kProgressToken] = core::json::parse(id.json).value_or(Value());
      watch.emplace(*this, id.json, call.on_progress);
    }
    if (!about.empty()) params["_meta"] = about;

    std::uint64_t seen_session = 0;
    {
      std::lock_guard lock(mutex);
      seen_session = session;
    }
    core::Context context;
    context.stop = call.stop;
    const auto timeout = call.timeout == milliseconds{} ? options.timeout : call.timeout;
    if (!extras.endless) context.deadline = std::chrono::steady_clock::now() + timeout;
    auto reply = transport->exchange(context, {.id = id,
                                               .method = method,
                                               .params = params,
                                               .mirrored = extras.mirrored,
                                               .endless = extras.endless});
    if (reply) return reply;
    core::Error& error = reply.error();
    if (error.code == "mcp.client.session_ended" && !extras.handshake && attempt == 0) {
      RETURN_IF_ERROR(begin_again(seen_session));
      continue;
    }
    if (error.code == "mcp.client.timeout") {
      cancel(id, method, "timeout");
      error.message = fmt::format("No answer to {} within {} ms.", method, timeout.count());
    } else if (error.code == "mcp.client.cancelled") {
      cancel(id, method, "cancelled by the caller");
    }
    return reply;
  }
}

// Best effort: the caller is not held up by a server that does not listen.
void Client::Impl::cancel(const RequestId& id, std::string_view method, std::string_view reason) {
  if (method == method::kInitialize || method == method::kDiscover || transport->hanging_up_cancels()) return;
  Object params{{"requestId", core::json::parse(id.json).value_or(Value())}, {"reason", reason}};
  if (modern()) params["_meta"] = modern_meta(Revision::v2026_07_28);
  core::Context context;
  context.deadline = std::chrono::steady_clock::now() + kCancelPatience;
  (void)transport->notify(context, {.method = method::kCancelled, .params = params});
}

core::Result<Object> Client::Impl::request(std::string_view method, Object params, const CallOptions& call,
                                           const Extras& extras) {
  ASSIGN_OR_RETURN(Received reply, ask(method, std::move(params), call, extras));
  if (auto* problem = std::get_if<RpcError>(&reply.response.outcome)) return core::fail(rpc_error(*problem));
  Value& result = std::get<Value>(reply.response.outcome);
  if (!result.is_object()) return protocol_error(fmt::format("The result of {} is not an object.", method));
  return std::move(result.get_object());
}

// ---- The public face

Client::Client(std::unique_ptr<ClientTransport> transport, ClientOptions options)
    : impl_(std::make_unique<Impl>(std::move(transport), std::move(options))) {
  impl_->transport->start([impl = impl_.get()](Message message) { impl->receive(std::move(message)); });
}

Client::~Client() {
  close();
}

core::Status Client::shake_hands() {
  return impl_->shake_hands();
}

core::Result<std::unique_ptr<Client>> Client::connect(std::unique_ptr<ClientTransport> transport,
                                                      ClientOptions options) {
  std::unique_ptr<Client> client(new Client(std::move(transport), std::move(options)));
  RETURN_IF_ERROR(client->shake_hands());
  return client;
}

Revision Client::revision() const {
  std::lock_guard lock(impl_->mutex);
  return impl_->revision.value_or(kNewestLegacy);
}

const Object& Client::server() const {
  return impl_->server;
}

Object Client::capabilities() const {
  const Value* found = impl_->server.if_contains("capabilities");
  return found && found->is_object() ? found->get_object() : Object{};
}

Object Client::server_info() const {
  const Value* found = impl_->server.if_contains("serverInfo");
  if (!found) {
    // Its key holds dots, so core::json::find() would look for a path.
    const Value* about = impl_->server.if_contains("_meta");
    found = about && about->is_object() ? about->get_object().if_contains(meta::kServerInfo) : nullptr;
  }
  return found && found->is_object() ? found->get_object() : Object{};
}

core::Result<Object> Client::request(std::string_view method, Object params, const CallOptions& options) {
  return impl_->request(method, std::move(params), options, {});
}

core::Status Client::notify(std::string_view method, Object params) {
  if (impl_->modern()) {
    const Value* given = params.if_contains("_meta");
    Object about = impl_->modern_meta(Revision::v2026_07_28);
    if (given && given->is_object()) {
      for (const auto& member : given->get_object()) about.insert_or_assign(member.key(), member.value());
    }
    params["_meta"] = std::move(about);
  }
  core::Context context;
  context.deadline = std::chrono::steady_clock::now() + impl_->options.timeout;
  return impl_->transport->notify(context, {.method = method, .params = params});
}

void Client::close() {
  impl_->closed = true;
  impl_->transport->close();
}

std::string result_text(const Object& result) {
  std::string text;
  const Value* content = result.if_contains("content");
  if (!content || !content->is_array()) return text;
  for (const Value& block : content->get_array()) {
    if (core::json::string_or_empty(block, "type") != "text") continue;
    if (!text.empty()) text += '\n';
    text += core::json::string_or_empty(block, "text");
  }
  return text;
}

}  // namespace mcp
