#include "mcp/http_endpoint.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <span>
#include <stop_token>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/log.h"
#include "mcp/http_answer.h"
#include "mcp/http_fields.h"
#include "mcp/http_ladder.h"
#include "mcp/http_reply.h"
#include "mcp/http_sessions.h"

namespace mcp {
namespace {

constexpr std::string_view kSessionHeader = "Mcp-Session-Id";

// Answers at once, on this thread: `initialize` needs what was settled before its response can be written.
class InitializeOutlet final : public Outlet {
 public:
  void send(std::string, Delivery) override {}
  void answer(std::string message, int error_code) override {
    message_ = std::move(message);
    error_code_ = error_code;
  }
  std::string take() { return std::move(message_); }
  bool refused() const { return error_code_ != 0; }

 private:
  std::string message_;
  int error_code_ = code::kInternalError;
};

// For what is never answered: notifications and responses.
class NoOutlet final : public Outlet {
 public:
  void send(std::string, Delivery) override {}
};

std::span<const Message> messages_of(const Incoming& incoming) {
  if (const auto* message = std::get_if<Message>(&incoming)) return {message, 1};
  return std::get<Batch>(incoming).messages;
}

bool is_answered(const Incoming& incoming) {
  return std::ranges::any_of(messages_of(incoming), [](const Message& message) {
    return std::holds_alternative<Request>(message) || std::holds_alternative<Rejected>(message);
  });
}

const Request* single_request(const Incoming& incoming) {
  const auto* message = std::get_if<Message>(&incoming);
  return message ? std::get_if<Request>(message) : nullptr;
}

class Endpoint final : public HttpEndpoint {
 public:
  Endpoint(Server& server, HttpEndpointOptions options, OriginRules rules)
      : server_(server),
        options_(std::move(options)),
        rules_(std::move(rules)),
        sessions_(server, options_.sessions,
                  options_.session_key ? options_.session_key
                                       : std::make_shared<const core::Sealer>(core::Sealer::ephemeral()),
                  *options_.clock, *options_.random),
        caller_limits_(options_.caller_limits, *options_.clock),
        authorization_(options_.authorization),
        ticker_([this](const std::stop_token& stop) { tick(stop); }) {}

  void handle(std::shared_ptr<net::Exchange> exchange) override;
  void drain() override;
  std::size_t sessions() const override { return sessions_.size(); }
  std::size_t open() const override { return open_->size(); }

 private:
  using ExchangePtr = std::shared_ptr<net::Exchange>;

  void elsewhere(net::Exchange& exchange) const;
  void authorize(ExchangePtr exchange, const HttpFacts& facts);
  void authorized(ExchangePtr exchange, const HttpFacts& facts, Authorized decided);
  void serve(ExchangePtr exchange, const HttpFacts& facts, Caller&& caller);
  void post(ExchangePtr exchange, HttpFacts facts, Caller&& caller);
  void post_modern(ExchangePtr exchange, HttpFacts& facts, Incoming&& incoming, Caller&& caller);
  void post_legacy(ExchangePtr exchange, HttpFacts& facts, Incoming&& incoming, Caller&& caller);
  void initialize(net::Exchange& exchange, Incoming&& incoming, Caller&& caller);
  void get(net::Exchange& exchange, HttpFacts facts, const Caller& caller);
  void end_session(net::Exchange& exchange, HttpFacts facts, const Caller& caller);
  std::shared_ptr<HttpSession> find_session(HttpFacts& facts, const Caller& caller);
  const Tool* called_tool(const Request& request) const;
  // True when the answer was given: the caller's scopes do not reach.
  bool refuse_scopes(net::Exchange& exchange, const Request& request, const Caller& caller) const;
  void tick(const std::stop_token& stop);

  Server& server_;
  const HttpEndpointOptions options_;
  const OriginRules rules_;
  HttpSessions sessions_;
  const std::shared_ptr<OpenAnswers> open_ = std::make_shared<OpenAnswers>();
  const std::shared_ptr<Outlet> no_outlet_ = std::make_shared<NoOutlet>();
  CallerLimits caller_limits_;
  std::atomic<bool> draining_ = false;
  // Last, so that they are joined before anything they use goes.
  core::Lane authorization_;
  std::jthread ticker_;
};

void Endpoint::handle(ExchangePtr exchange) {
  const net::ServerRequest& request = exchange->request();
  HttpFacts facts{
      .method = request.method, .headers = request.headers, .origin = rules_.check(request.headers)};
  bool ours = request.path == options_.path;
  if (!ours) facts.method = net::Method::get;  // which methods other paths have is not ours to say
  bool preflight = request.method == net::Method::options && facts.origin == OriginVerdict::fine &&
                   request.headers.has("Origin") && request.headers.has("Access-Control-Request-Method");
  if (preflight) return respond_preflight(*exchange);
  if (auto refusal = climb(Stage::door, Era::modern, facts)) return turn_away(*exchange, *refusal);
  if (!ours) return elsewhere(*exchange);
  if (draining_) return respond_busy(*exchange, 503, "The server is shutting down.");
  authorize(std::move(exchange), facts);
}

void Endpoint::elsewhere(net::Exchange& exchange) const {
  if (options_.guard) {
    if (auto metadata = options_.guard->metadata_response(exchange.request())) {
      return respond(exchange, *std::move(metadata));
    }
  }
  respond_json(exchange, 404,
               fmt::format(R"({{"error":"not_found","message":"The MCP endpoint is {}."}})", options_.path));
}

// `facts` look into the exchange, whoever holds it.
void Endpoint::authorize(ExchangePtr exchange, const HttpFacts& facts) {
  if (!options_.guard) return serve(std::move(exchange), facts, {});
  if (auto decided = options_.guard->try_authorize(exchange->request())) {
    return authorized(std::move(exchange), facts, *std::move(decided));
  }
  auto accepted = authorization_.submit([this, exchange, facts] {
    core::Context context;
    context.stop = exchange->request().stop;
    context.deadline = options_.clock->steady() + options_.authorization_timeout;
    authorized(exchange, facts, options_.guard->authorize(context, exchange->request()));
  });
  if (!accepted) respond_busy(*exchange, 503, "Too many access tokens wait to be checked.");
}

void Endpoint::authorized(ExchangePtr exchange, const HttpFacts& facts, Authorized decided) {
  if (auto* refusal = std::get_if<net::ServerResponse>(&decided))
    return respond(*exchange, std::move(*refusal));
  auto& caller = std::get<Caller>(decided);
  if (auto refusal = caller_limits_.refuse(caller.principal)) return respond(*exchange, *std::move(refusal));
  serve(std::move(exchange), facts, std::move(caller));
}

void Endpoint::serve(ExchangePtr exchange, const HttpFacts& facts, Caller&& caller) {
  if (auto refusal = climb(Stage::body, Era::legacy, facts)) {
    return respond_refusal(*exchange, *refusal, std::nullopt);
  }
  switch (facts.method) {
    case net::Method::post:
      return post(std::move(exchange), facts, std::move(caller));
    case net::Method::get:
      return get(*exchange, facts, caller);
    default:
      return end_session(*exchange, facts, caller);
  }
}

void Endpoint::post(ExchangePtr exchange, HttpFacts facts, Caller&& caller) {
  const ServerOptions& limits = server_.options();
  Incoming incoming = decode(exchange->request().body, {.max_bytes = limits.max_message_bytes,
                                                        .max_depth = limits.max_message_depth,
                                                        .max_batch = limits.max_batch});
  facts.message.emplace(incoming);
  if (era_of(facts) == Era::modern) {
    post_modern(std::move(exchange), facts, std::move(incoming), std::move(caller));
  } else {
    post_legacy(std::move(exchange), facts, std::move(incoming), std::move(caller));
  }
}

const Tool* Endpoint::called_tool(const Request& request) const {
  if (request.method != method::kToolsCall) return nullptr;
  const auto* name = request.params.if_contains("name");
  return name && name->is_string() ? server_.find_tool(name->get_string()) : nullptr;
}

bool Endpoint::refuse_scopes(net::Exchange& exchange, const Request& request, const Caller& caller) const {
  if (!options_.guard) return false;
  const auto* unmet = server_.unmet_scopes(
      request, [&](const auto& needed) { return options_.guard->permits(caller, needed); });
  if (!unmet) return false;
  respond(exchange, options_.guard->insufficient_scope(*unmet));
  return true;
}

// `facts` look into `incoming`, until it goes to its session.
void Endpoint::post_modern(ExchangePtr exchange, HttpFacts& facts, Incoming&& incoming, Caller&& caller) {
  const Request* request = single_request(incoming);
  if (request) {
    facts.method_known = server_.serves_modern(request->method);
    if (const Tool* tool = called_tool(*request)) facts.mirrored = server_.header_parameters(*tool);
  }
  if (auto refusal = climb(Stage::message, Era::modern, facts)) {
    return respond_refusal(*exchange, *refusal, answered_id(incoming));
  }
  // Hanging up is what cancels here, and the revision has no other notification from clients.
  if (!request) return respond_empty(*exchange, 202);
  if (refuse_scopes(*exchange, *request, caller)) return;
  if (open_->size() >= options_.max_open) {
    return respond_busy(*exchange, 503, "Too many requests wait for their answers.");
  }
  auto answer = std::make_shared<HttpAnswer>(std::move(exchange), open_);
  auto session = server_.connect(answer);
  session->accept(std::move(incoming), {.outlet = answer, .caller = std::move(caller)});
  answer->wait(std::move(session));
}

std::shared_ptr<HttpSession> Endpoint::find_session(HttpFacts& facts, const Caller& caller) {
  const HeaderField& id = facts.fields.session;
  if (id.count == 0) return nullptr;
  auto session = sessions_.find(trimmed(id.value), caller.principal);
  facts.session = session ? SessionState::known : SessionState::unknown;
  if (session) facts.revision = session->token().handshake.revision;
  return session;
}

void Endpoint::post_legacy(ExchangePtr exchange, HttpFacts& facts, Incoming&& incoming, Caller&& caller) {
  auto session = find_session(facts, caller);
  if (auto refusal = climb(Stage::message, Era::legacy, facts)) {
    return respond_refusal(*exchange, *refusal, answered_id(incoming));
  }
  if (!session) return initialize(*exchange, std::move(incoming), std::move(caller));

  for (const Message& message : messages_of(incoming)) {
    const auto* request = std::get_if<Request>(&message);
    if (request && refuse_scopes(*exchange, *request, caller)) return;
  }
  if (!is_answered(incoming)) {
    session->protocol().accept(std::move(incoming), {.outlet = no_outlet_, .caller = std::move(caller)});
    return respond_empty(*exchange, 202);
  }
  auto stream = session->open_stream(exchange);
  if (!stream)
    return respond_busy(*exchange, 429, "Too many requests of this session wait for their answers.");
  exchange.reset();  // so that a stream that goes unanswered closes its connection
  auto outlet = std::make_shared<HttpSessionOutlet>(session, *stream);
  session->protocol().accept(std::move(incoming), {.outlet = std::move(outlet), .caller = std::move(caller)});
  session->prime(*stream);
}

void Endpoint::initialize(net::Exchange& exchange, Incoming&& incoming, Caller&& caller) {
  auto session = sessions_.open(caller.principal);
  auto outlet = std::make_shared<InitializeOutlet>();
  session->protocol().accept(std::move(incoming), {.outlet = outlet, .caller = std::move(caller)});
  if (outlet->refused()) return respond_json(exchange, 200, outlet->take());
  auto id = sessions_.admit(session);
  if (!id) return respond_busy(exchange, 503, "All sessions are in use.");
  respond(exchange,
          {.headers = {{"Content-Type", "application/json"}, {std::string(kSessionHeader), *std::move(id)}},
           .body = outlet->take()});
}

void Endpoint::get(net::Exchange& exchange, HttpFacts facts, const Caller& caller) {
  auto session = find_session(facts, caller);
  if (auto refusal = climb(Stage::message, Era::legacy, facts)) {
    return respond_refusal(exchange, *refusal, std::nullopt);
  }
  const HeaderField& last = facts.fields.last_event;
  std::optional<std::string_view> after;
  if (last.count > 0) after = trimmed(last.value);
  switch (session->attach(exchange, after)) {
    case HttpSession::Attached::yes:
      return;
    case HttpSession::Attached::taken:
      return respond_refusal(
          exchange, {409, code::kInvalidRequest, "Another connection reads this session's stream.", {}},
          std::nullopt);
    case HttpSession::Attached::unknown_event:
      return respond_refusal(
          exchange,
          {400, code::kInvalidRequest, "Nothing is kept for this Last-Event-ID; connect without it.", {}},
          std::nullopt);
  }
}

void Endpoint::end_session(net::Exchange& exchange, HttpFacts facts, const Caller& caller) {
  auto session = find_session(facts, caller);
  if (auto refusal = climb(Stage::message, Era::legacy, facts)) {
    return respond_refusal(exchange, *refusal, std::nullopt);
  }
  // False when another DELETE was faster: the session has ended either way.
  sessions_.end(trimmed(facts.fields.session.value), caller.principal);
  respond_empty(exchange, 200);
}

void Endpoint::drain() {
  if (draining_.exchange(true)) return;
  open_->drain();
  sessions_.close_all();
}

void Endpoint::tick(const std::stop_token& stop) {
  while (options_.clock->wait_until(options_.clock->steady() + options_.keep_alive, stop)) {
    try {
      open_->tick();
      sessions_.tick();
    } catch (const std::exception& thrown) {
      core::log(core::LogLevel::error, "mcp", "keeping streams alive failed", {{"what", thrown.what()}});
    }
  }
}

}  // namespace

core::Result<std::unique_ptr<HttpEndpoint>> HttpEndpoint::create(Server& server,
                                                                 HttpEndpointOptions options) {
  if (!options.path.starts_with('/') || options.path.find_first_of("?# ") != std::string::npos) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.http.path",
                      fmt::format("\"{}\" is no path; it begins with a slash.", options.path));
  }
  if (options.keep_alive < std::chrono::seconds{1}) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.http.keep_alive",
                      "Streams are kept alive at most once a second.");
  }
  ASSIGN_OR_RETURN(auto rules, OriginRules::create(options.origins));
  return std::make_unique<Endpoint>(server, std::move(options), std::move(rules));
}

}  // namespace mcp
