#include "mcp/http_client_transport.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <thread>
#include <utility>

#include "core/log.h"
#include "mcp/client_answer.h"
#include "mcp/client_headers.h"
#include "net/url.h"
#include "oauth/dpop.h"
#include "oauth/www_authenticate.h"

namespace mcp {
namespace {

using core::ErrorKind;
using std::chrono::milliseconds;

constexpr milliseconds kForever = std::chrono::hours{24 * 3660};
constexpr milliseconds kFarewell{2'000};         // for the DELETE of a session
constexpr milliseconds kDefaultRetry{1'000};     // of a stream that does not say
constexpr milliseconds kOpeningPatience{2'000};  // for the head of the background's stream
constexpr milliseconds kBackgroundFloor{1'000};  // between two GET streams of the background
constexpr std::size_t kMaxSessionIdBytes = 1024;
constexpr std::string_view kBothTypes = "application/json, text/event-stream";

bool is_session_id(std::string_view text) {
  return !text.empty() && text.size() <= kMaxSessionIdBytes &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// Requests that only read, and the opening ones: doing them twice changes nothing.
bool is_repeatable(const Outgoing* message) {
  constexpr std::array<std::string_view, 9> kReading = {
      method::kDiscover, method::kInitialize,        method::kToolsList,
      "resources/list",  "resources/read",           "prompts/list",
      "prompts/get",     "resources/templates/list", "completion/complete"};
  return message && std::ranges::find(kReading, message->method) != kReading.end();
}

core::SteadyTime later(core::SteadyTime now, milliseconds wait) {
  return now + wait;
}

// A stop that follows two others.
class JointStop {
 public:
  JointStop(const std::stop_token& a, const std::stop_token& b)
      : first_(a, Request{&source_}), second_(b, Request{&source_}) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Request {
    std::stop_source* source;
    void operator()() const { source->request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Request> first_;
  std::stop_callback<Request> second_;
};

class HttpTransport final : public ClientTransport {
 public:
  HttpTransport(HttpTransportOptions options, net::Url url)
      : options_(std::move(options)), url_(std::move(url)) {}
  ~HttpTransport() override { HttpTransport::close(); }

  void start(Receiver receiver) override { receiver_ = std::move(receiver); }
  core::Result<Received> exchange(const core::Context& context, const Outgoing& request) override;
  core::Status notify(const core::Context& context, const Outgoing& notification) override;
  core::Status answer(const core::Context& context, std::string message) override;
  void agree(Revision revision) override {
    std::lock_guard lock(mutex_);
    revision_ = revision;
  }
  void settled() override;
  void forget_session() override;
  bool may_stay_silent() const override { return false; }
  bool hanging_up_cancels() const override {
    std::lock_guard lock(mutex_);
    return !revision_ || is_modern(*revision_);
  }
  void close() override;

 private:
  // One HTTP exchange: what goes out, and who reads what comes.
  struct Shot {
    net::Method method = net::Method::post;
    const Outgoing* message = nullptr;  // for its headers
    std::string body;
    std::string last_event_id;
    ClientAnswer* answer = nullptr;  // null: the body is not looked at
    bool endless = false;
    std::function<void()> on_open = nullptr;  // the answer's head has come
    bool farewell = false;                    // nobody is asked for another token any more
  };

  net::Headers headers_for(const Shot& shot) const;
  core::Result<net::HttpResponse> send(core::Context context, const Shot& shot);
  core::Result<bool> ask_for_token(core::Context& context, const AuthorizationChallenge& challenge) const;
  core::Status authorize(const core::Context& context, net::HttpRequest& request,
                         std::shared_ptr<const oauth::AccessToken>& token, oauth::DpopAttempts& attempts);
  core::Result<std::string> redirected(const net::HttpResponse& response, std::string_view from) const;
  core::Result<Received> resume(const core::Context& context, const Outgoing& request, ClientAnswer& answer);
  core::Result<Received> refused(const Outgoing& request, const net::HttpResponse& response) const;
  core::Error explain(core::Error error, const core::Context& context) const;
  void learn_session(const net::HttpResponse& response);
  void run_background(const std::stop_token& stop);
  void note_background();
  bool legacy() const {
    std::lock_guard lock(mutex_);
    return revision_ && !is_modern(*revision_);
  }
  bool has_session() const {
    std::lock_guard lock(mutex_);
    return !session_.empty();
  }

  const HttpTransportOptions options_;
  const net::Url url_;
  Receiver receiver_;
  std::stop_source closing_;

  mutable std::mutex mutex_;  // of what follows
  std::optional<Revision> revision_;
  std::string session_;
  std::condition_variable opened_;
  bool background_open_ = false;  // or there is none
  std::jthread background_;
};

net::Headers HttpTransport::headers_for(const Shot& shot) const {
  net::Headers headers = options_.headers;
  const bool post = shot.method == net::Method::post;
  if (post) headers.set("Content-Type", "application/json");
  headers.set("Accept", std::string(post ? kBothTypes : "text/event-stream"));
  if (!shot.last_event_id.empty()) headers.set("Last-Event-ID", shot.last_event_id);

  std::lock_guard lock(mutex_);
  const std::string_view method = shot.message ? shot.message->method : std::string_view{};
  const bool opening = method == method::kInitialize;
  const bool modern = !opening && (revision_ ? is_modern(*revision_) : method == method::kDiscover);
  if (modern) {
    headers.set("MCP-Protocol-Version", std::string(to_string(revision_.value_or(Revision::v2026_07_28))));
    if (shot.message) add_standard_headers(headers, *shot.message);
    return headers;
  }
  if (opening) return headers;
  // The header is younger than 2025-03-26, whose servers pass over it; they assume that revision anyway.
  if (revision_ && *revision_ >= Revision::v2025_06_18) {
    headers.set("MCP-Protocol-Version", std::string(to_string(*revision_)));
  }
  if (!session_.empty()) headers.set("Mcp-Session-Id", session_);
  return headers;
}

// The server wants its nonce in the proof, or reads another time than this machine (RFC 9449 section 9): it
// did nothing of the request, and the token is as good as before.
bool again_with_proof(const net::HttpRequest& request, const net::HttpResponse& response,
                      oauth::DpopProver& prover, oauth::DpopAttempts& attempts) {
  prover.learn(oauth::DpopServer::resource, request.url, response.headers);
  if (response.status != 401) return false;
  const auto challenges = oauth::read_challenges(response.headers);
  const auto challenge = std::ranges::find_if(challenges, [](const oauth::ReceivedChallenge& each) {
    return net::equals_ignoring_case(each.scheme, oauth::kDpopScheme);
  });
  if (challenge == challenges.end()) return false;
  const auto error = challenge->get("error");
  return oauth::next_step(attempts, {.status = response.status,
                                     .error = error,
                                     .nonce = prover.nonce(oauth::DpopServer::resource, request.url),
                                     .skew = prover.skew()}) != oauth::DpopStep::give_up;
}

core::Status HttpTransport::authorize(const core::Context& context, net::HttpRequest& request,
                                      std::shared_ptr<const oauth::AccessToken>& token,
                                      oauth::DpopAttempts& attempts) {
  ASSIGN_OR_RETURN(token, options_.tokens->token(context, request.url));
  if (!token) return {};
  request.headers.set("Authorization", fmt::format("{} {}", token->scheme, token->value.reveal()));
  request.headers.remove("DPoP");
  if (token->dpop) {
    attempts.proved = true;
    attempts.skew = token->dpop->skew();
    ASSIGN_OR_RETURN(auto proof, token->dpop->proof(oauth::DpopServer::resource, request.method, request.url,
                                                    token->value.reveal()));
    request.headers.set("DPoP", std::move(proof.text));
    attempts.nonce = std::move(proof.nonce);
  }
  return {};
}

// RFC 9110 section 15.4: 307 and 308 keep method and body, which a request to an MCP endpoint cannot do
// without.
core::Result<std::string> HttpTransport::redirected(const net::HttpResponse& response,
                                                    std::string_view from) const {
  const auto refuse = [&](std::string_view why) {
    return core::fail(ErrorKind::protocol, "mcp.client.redirect",
                      fmt::format("{} answered {} with a redirect {}.", url_.origin(), response.status, why),
                      "Check the server's URL; use the address it redirects to if you trust it.");
  };
  if (response.status != 307 && response.status != 308) return refuse("that changes the method");
  const auto base = net::parse_url(from);
  const auto target = base ? net::resolve_url(*base, response.headers.get("Location")) : base;
  if (!target || target->has_userinfo) return refuse("to no URL");
  if (target->origin() != url_.origin()) return refuse(fmt::format("to {}", target->origin()));
  return target->str();
}

core::Result<bool> HttpTransport::ask_for_token(core::Context& context,
                                                const AuthorizationChallenge& challenge) const {
  const auto begun = std::chrono::steady_clock::now();
  core::Context patient = context;
  patient.deadline = begun + options_.authorization_patience;
  ASSIGN_OR_RETURN(const bool again, options_.tokens->challenged(patient, challenge));
  if (context.deadline != core::SteadyTime::max()) {
    context.deadline += std::chrono::steady_clock::now() - begun;
  }
  return again;
}

core::Result<net::HttpResponse> HttpTransport::send(core::Context context, const Shot& shot) {
  net::HttpRequest request{
      .method = shot.method,
      .url = url_.str(),
      .headers = headers_for(shot),
      .body = shot.body,
      .connect_timeout = options_.connect_timeout,
      .idle_timeout = shot.endless ? kForever : options_.idle_timeout,
      .total_timeout = kForever,
      .max_response_bytes = shot.endless ? std::size_t{0} - 1 : options_.limits.answer_bytes};
  const bool has_answer = shot.answer != nullptr;
  request.on_head = [&](const net::HttpResponse& head) -> core::Status {
    if (shot.on_open) shot.on_open();
    if (head.status / 100 != 2 || !has_answer) return {};
    if (shot.message && shot.message->method == method::kInitialize) learn_session(head);
    return shot.answer->begin(head);
  };
  request.on_body = [&](std::string_view piece) -> core::Status {
    return has_answer ? shot.answer->feed(piece) : core::Status{};
  };
  int redirects = 0;
  int authorizations = 0;
  bool repeated = false;
  oauth::DpopAttempts proofs;
  for (;;) {
    std::shared_ptr<const oauth::AccessToken> token;
    if (options_.tokens) {
      RETURN_IF_ERROR(authorize(context, request, token, proofs));
    }
    auto sent = options_.http.send(context, request);
    // A server that gives up idle connections does so just when the next request is on its way.
    if (!sent && sent.error().code == "net.reset" && !std::exchange(repeated, true) &&
        is_repeatable(shot.message)) {
      continue;
    }
    ASSIGN_OR_RETURN(auto response, std::move(sent));
    if (token && token->dpop && again_with_proof(request, response, *token->dpop, proofs)) continue;
    if (response.status / 100 == 3 && response.status != 304) {
      ASSIGN_OR_RETURN(request.url, redirected(response, request.url));
      if (++redirects > options_.limits.redirects) {
        return core::fail(
            ErrorKind::protocol, "mcp.client.redirect",
            fmt::format("{} redirects more than {} times.", url_.origin(), options_.limits.redirects));
      }
      continue;
    }
    const bool refused = response.status == 401 || response.status == 403;
    if (refused && options_.tokens && !shot.farewell && authorizations < options_.limits.authorizations) {
      ++authorizations;
      ASSIGN_OR_RETURN(const bool again, ask_for_token(context, {.status = response.status,
                                                                 .url = request.url,
                                                                 .headers = response.headers,
                                                                 .used = token}));
      if (again) continue;
    }
    return response;
  }
}

void HttpTransport::learn_session(const net::HttpResponse& response) {
  const auto id = response.headers.get("Mcp-Session-Id");
  std::lock_guard lock(mutex_);
  session_ = is_session_id(id) ? std::string(id) : std::string{};
}

core::Error HttpTransport::explain(core::Error error, const core::Context& context) const {
  if (closing_.stop_requested()) {
    return {ErrorKind::cancelled, "mcp.client.closed", "The client was closed.", "", std::nullopt};
  }
  if (context.cancelled()) {
    return {ErrorKind::cancelled, "mcp.client.cancelled", "The request was cancelled.", "", std::nullopt};
  }
  if (error.kind == ErrorKind::timeout) error.code = "mcp.client.timeout";
  return error;
}

core::Result<Received> HttpTransport::exchange(const core::Context& context, const Outgoing& request) {
  const JointStop stop(context.stop, closing_.get_token());
  core::Context own = context;
  own.stop = stop.token();

  ClientAnswer answer(options_.limits, request.id, receiver_, request.endless);
  std::string params;
  core::json::append(params, request.params);
  const bool in_session = request.method != method::kInitialize && has_session();
  auto response = send(own, {.message = &request,
                             .body = encode_request(*request.id, request.method, params),
                             .answer = &answer,
                             .endless = request.endless});
  if (auto reply = answer.take(response.has_value())) return std::move(*reply);
  if (response && response->status / 100 != 2) {
    if (response->status == 404 && in_session) {
      return core::fail(ErrorKind::not_found, "mcp.client.session_ended",
                        "The server has ended the session.");
    }
    return refused(request, *response);
  }
  // What the stream brought outlives the connection it came by (page Transports, "Resumability").
  if (answer.resumable() && legacy() && !own.cancelled()) return resume(own, request, answer);
  if (auto failed = answer.failure()) return std::unexpected(std::move(*failed));
  if (!response) return std::unexpected(explain(std::move(response).error(), context));
  return std::unexpected(answer.missing());
}

core::Result<Received> HttpTransport::resume(const core::Context& context, const Outgoing& request,
                                             ClientAnswer& answer) {
  int fruitless = 0;
  while (fruitless++ < options_.limits.resumptions) {
    const auto wait = std::clamp(answer.retry().value_or(kDefaultRetry), options_.limits.retry_floor,
                                 options_.limits.retry_ceiling);
    const auto until = later(options_.clock.steady(), wait);
    if (until > context.deadline || !options_.clock.wait_until(until, context.stop)) break;
    const std::size_t events = answer.events();
    auto response = send(context, {.method = net::Method::get,
                                   .last_event_id = answer.last_event_id(),
                                   .answer = &answer,
                                   .endless = request.endless});
    if (auto reply = answer.take(response.has_value())) return std::move(*reply);
    if (auto failed = answer.failure()) return std::unexpected(std::move(*failed));
    if (response && response->status / 100 != 2) return refused(request, *response);
    if (!response && context.cancelled()) break;
    if (answer.events() != events) fruitless = 0;
  }
  if (context.cancelled()) return std::unexpected(explain({}, context));
  if (std::chrono::steady_clock::now() >= context.deadline || fruitless <= options_.limits.resumptions) {
    return core::fail(ErrorKind::timeout, "mcp.client.timeout",
                      fmt::format("No answer to {} in time; its stream broke off.", request.method));
  }
  return std::unexpected(answer.missing());
}

core::Result<Received> HttpTransport::refused(const Outgoing& request,
                                              const net::HttpResponse& response) const {
  const bool access = response.status == 401 || response.status == 403;
  if (!access && request.id) {
    if (auto problem = read_rpc_error(response, options_.limits)) {
      return Received{.response = {*request.id, std::move(*problem)}, .bytes = response.body.size()};
    }
  }
  return std::unexpected(http_error(url_.origin(), response));
}

core::Status HttpTransport::notify(const core::Context& context, const Outgoing& notification) {
  std::string params;
  if (!notification.params.empty()) core::json::append(params, notification.params);
  const JointStop stop(context.stop, closing_.get_token());
  core::Context own = context;
  own.stop = stop.token();
  auto response =
      send(own, {.message = &notification, .body = encode_notification(notification.method, params)});
  if (!response) return std::unexpected(explain(std::move(response).error(), context));
  if (response->status / 100 == 2) return {};
  auto refusal = refused(notification, *response);
  return std::unexpected(std::move(refusal).error());
}

core::Status HttpTransport::answer(const core::Context& context, std::string message) {
  const JointStop stop(context.stop, closing_.get_token());
  core::Context own = context;
  own.stop = stop.token();
  auto response = send(own, {.body = std::move(message)});
  if (!response) return std::unexpected(explain(std::move(response).error(), context));
  if (response->status / 100 == 2) return {};
  return std::unexpected(http_error(url_.origin(), *response));
}

void HttpTransport::settled() {
  std::unique_lock lock(mutex_);
  if (!options_.background_stream || !revision_ || is_modern(*revision_) || closing_.stop_requested()) return;
  background_open_ = false;
  background_ = std::jthread([this](const std::stop_token& stop) {
    run_background(stop);
    note_background();
  });
  // What a server asks outside of a call goes nowhere while there is no stream; one that does not send its
  // head before the first event is not waited for.
  opened_.wait_for(lock, kOpeningPatience, [this] { return background_open_; });
}

void HttpTransport::note_background() {
  std::lock_guard lock(mutex_);
  background_open_ = true;
  opened_.notify_all();
}

// What belongs to no request. A server without it says 405, or anything else: then there is none.
void HttpTransport::run_background(const std::stop_token& stop) {
  const JointStop joint(stop, closing_.get_token());
  core::Context context;
  context.stop = joint.token();
  ClientAnswer events(options_.limits, std::nullopt, receiver_, true);
  int fruitless = 0;
  while (!context.cancelled() && fruitless++ < options_.limits.resumptions) {
    const std::size_t before = events.events();
    auto response = send(context, {.method = net::Method::get,
                                   .last_event_id = events.last_event_id(),
                                   .answer = &events,
                                   .endless = true,
                                   .on_open = [this] { note_background(); }});
    if (events.failure() || (response && response->status / 100 != 2)) return;
    if (events.events() != before) fruitless = 0;
    const auto wait = std::clamp(events.retry().value_or(kDefaultRetry),
                                 std::max(kBackgroundFloor, options_.limits.retry_floor),
                                 std::max(kBackgroundFloor, options_.limits.retry_ceiling));
    if (!options_.clock.wait_until(later(options_.clock.steady(), wait), context.stop)) return;
  }
}

void HttpTransport::forget_session() {
  std::jthread old;
  {
    std::lock_guard lock(mutex_);
    session_.clear();
    old = std::move(background_);
  }
}

void HttpTransport::close() {
  if (!closing_.request_stop()) return;
  std::jthread old;
  {
    std::lock_guard lock(mutex_);
    old = std::move(background_);
  }
  if (old.joinable()) old.join();
  if (!has_session()) return;
  core::Context context;
  context.deadline = std::chrono::steady_clock::now() + kFarewell;
  // A server may not offer it (405), and owes nothing any more.
  (void)send(context, {.method = net::Method::delete_, .farewell = true});
}

}  // namespace

core::Result<std::unique_ptr<ClientTransport>> make_http_transport(HttpTransportOptions options) {
  auto url = net::parse_url(options.url);
  if (!url || url->has_userinfo || url->has_fragment) {
    return core::fail(ErrorKind::invalid_input, "mcp.client.url",
                      "The server's URL is not an http or https URL without user name and fragment.",
                      "Give the address of its MCP endpoint, such as https://example.com/mcp.");
  }
  return std::make_unique<HttpTransport>(std::move(options), *std::move(url));
}

namespace {

class SourceTokens final : public TokenProvider {
 public:
  explicit SourceTokens(oauth::TokenSource& source) : source_(source) {}

  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context& context,
                                                                std::string_view) override {
    return source_.token(context);
  }
  core::Result<bool> challenged(const core::Context& context,
                                const AuthorizationChallenge& challenge) override {
    if (challenge.status != 401 || !challenge.used) return false;
    source_.reject(*challenge.used);
    ASSIGN_OR_RETURN(const auto next, source_.token(context));
    return next && next->value.reveal() != challenge.used->value.reveal();
  }

 private:
  oauth::TokenSource& source_;
};

}  // namespace

std::unique_ptr<TokenProvider> make_token_provider(oauth::TokenSource& source) {
  return std::make_unique<SourceTokens>(source);
}

}  // namespace mcp
