#include "mcp/client_token_request.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/json.h"
#include "mcp/client_answer.h"
#include "oauth/jwt.h"
#include "oauth/token_endpoint.h"

namespace mcp {
namespace {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

constexpr std::size_t kMaxAnswerBytes = 1u << 20;
constexpr std::size_t kMaxTokenBytes = 64u << 10;
constexpr std::chrono::seconds kTimeout{25};
constexpr std::chrono::seconds kAssertionLifetime{60};
constexpr std::chrono::seconds kAssumedLifetime{300};
constexpr std::chrono::seconds kMaxLifetime{366 * 86'400};
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

std::unexpected<core::Error> bad_answer(const AuthorizationServer& server, std::string_view what) {
  return core::fail(ErrorKind::protocol, "mcp.auth.answer",
                    fmt::format("The token endpoint of {} {}.", server.issuer, what));
}

bool has(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// VSCHAR of RFC 6749 appendix A, without the blank: what may stand in a header.
bool is_token_text(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTokenBytes &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string_view choose_authentication(const TokenRequest& request) {
  const ClientRegistration& client = request.client;
  if (!client.authentication.empty()) return client.authentication;
  if (client.key) return "private_key_jwt";
  if (client.client_secret.empty()) return "none";
  // A secret that the server gave out and does not take back is not needed.
  for (std::string_view method : {"client_secret_basic", "client_secret_post", "none"}) {
    if (has(request.server.token_authentication, method)) return method;
  }
  return {};
}

core::Status authenticate(const TokenRequest& request, net::HttpRequest& message, net::Query& form) {
  const ClientRegistration& client = request.client;
  const auto method = choose_authentication(request);
  if (method == "none") {
    form.emplace_back("client_id", client.client_id);
  } else if (method == "client_secret_post" && !client.client_secret.empty()) {
    form.emplace_back("client_id", client.client_id);
    form.emplace_back("client_secret", client.client_secret.reveal());
  } else if (method == "client_secret_basic" && !client.client_secret.empty()) {
    // RFC 6749 section 2.3.1: both are form-encoded first.
    core::Secret pair(core::percent_encode(client.client_id) + ":" +
                      core::percent_encode(client.client_secret.reveal()));
    message.headers.set("Authorization", "Basic " + core::base64_encode(pair.reveal()));
  } else if (method == "private_key_jwt" && client.key) {
    const auto now = core::to_unix_seconds(request.clock.now());
    // The issuer as audience: RFC 7523 errata and draft-ietf-oauth-rfc7523bis, so that no other endpoint's
    // owner can use it.
    ASSIGN_OR_RETURN(auto assertion,
                     oauth::sign_jwt(*client.key, {{"iss", client.client_id},
                                                   {"sub", client.client_id},
                                                   {"aud", request.server.issuer},
                                                   {"jti", request.random.token(16)},
                                                   {"iat", now},
                                                   {"exp", now + kAssertionLifetime.count()}}));
    form.emplace_back("client_id", client.client_id);
    form.emplace_back("client_assertion_type", kAssertionType);
    form.emplace_back("client_assertion", std::move(assertion));
  } else {
    return core::fail(
        ErrorKind::unsupported, "mcp.auth.registration",
        fmt::format(
            "This client cannot authenticate to {}: it takes {}.", request.server.issuer,
            outside_text(fmt::format("{}", fmt::join(request.server.token_authentication, ", ")), 200)));
  }
  return {};
}

core::Result<TokenGranted> read_token(const TokenRequest& request, const net::HttpResponse& response,
                                      core::WallTime sent, std::shared_ptr<oauth::DpopProver> prover) {
  const AuthorizationServer& server = request.server;
  auto value = core::json::parse(response.body, {.max_bytes = kMaxAnswerBytes, .max_depth = 16});
  if (!value || !value->is_object())
    return bad_answer(server, "answered with something that is no JSON object");
  const Object& document = value->get_object();
  core::Secret token{std::string(core::json::string_or_empty(document, "access_token"))};
  if (!is_token_text(token.reveal())) return bad_answer(server, "gave no access_token that fits a header");
  const auto type = core::json::string_or_empty(document, "token_type");
  // Bearer in answer to a proof: the server does not bind tokens (RFC 9449 section 5).
  const bool bound = prover && net::equals_ignoring_case(type, oauth::kDpopScheme);
  if (!bound && !net::equals_ignoring_case(type, "Bearer")) {
    return bad_answer(server, "gave a token_type that was not asked for");
  }
  std::chrono::seconds lifetime = kAssumedLifetime;
  if (const Value* seconds = document.if_contains("expires_in"); seconds && seconds->is_number()) {
    const double given = seconds->to_number<double>();
    if (!(given >= 0)) return bad_answer(server, "gave an expires_in below zero");
    lifetime = std::chrono::seconds{
        static_cast<std::int64_t>(std::min(given, static_cast<double>(kMaxLifetime.count())))};
  }
  TokenGranted granted;
  core::Secret refresh{std::string(core::json::string_or_empty(document, "refresh_token"))};
  if (is_token_text(refresh.reveal())) granted.refresh_token = std::move(refresh);
  auto access = std::make_shared<oauth::AccessToken>();
  access->value = std::move(token);
  access->scopes = oauth::split_scopes(core::json::string_or_empty(document, "scope"));
  access->expires_at = sent + lifetime;
  if (bound) {
    access->scheme = oauth::kDpopScheme;
    access->dpop = std::move(prover);
  }
  granted.token = std::move(access);
  return granted;
}

struct WipedForm {
  explicit WipedForm(net::Query& wiped) : form(wiped) {}
  ~WipedForm() {
    for (auto& [name, value] : form) core::wipe(value);
  }
  WipedForm(const WipedForm&) = delete;
  WipedForm& operator=(const WipedForm&) = delete;
  net::Query& form;
};

// One attempt. What proves the client is made anew for each: its `jti` is good once.
core::Result<TokenGranted> post_form(const core::Context& context, const TokenRequest& request,
                                     const net::Query& grant,
                                     const std::shared_ptr<oauth::DpopProver>& prover,
                                     oauth::DpopAttempts& attempts, net::Headers& answered) {
  net::HttpRequest message{.method = net::Method::post,
                           .url = request.server.token_endpoint,
                           .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                                       {"Accept", "application/json"},
                                       {"Cache-Control", "no-store"}},
                           .total_timeout = kTimeout,
                           .max_response_bytes = kMaxAnswerBytes};
  if (prover) {
    attempts.proved = true;
    attempts.skew = prover->skew();
    ASSIGN_OR_RETURN(auto proof,
                     prover->proof(oauth::DpopServer::authorization, message.method, message.url));
    message.headers.set("DPoP", std::move(proof.text));
    attempts.nonce = std::move(proof.nonce);
  }
  net::Query form = grant;
  const WipedForm wiped(form);
  RETURN_IF_ERROR(authenticate(request, message, form));
  message.body = net::encode_form(form);
  const core::WallTime sent = request.clock.now();
  auto response = request.http.send(context, message);
  core::wipe(message.body);
  if (!response) return std::unexpected(std::move(response).error());
  answered = response->headers;
  if (prover) prover->learn(oauth::DpopServer::authorization, message.url, answered);

  auto outcome = [&]() -> core::Result<TokenGranted> {
    if (response->status == 200) return read_token(request, *response, sent, prover);
    const auto problem = core::json::parse(response->body, {.max_bytes = kMaxAnswerBytes, .max_depth = 16});
    return core::fail(
        oauth_refusal(request.server.issuer, response->status,
                      problem ? core::json::string_or_empty(*problem, "error") : "",
                      problem ? core::json::string_or_empty(*problem, "error_description") : ""));
  }();
  core::wipe(response->body);
  return outcome;
}

}  // namespace

core::Error oauth_refusal(std::string_view whom, int status, std::string_view error,
                          std::string_view description) {
  const std::string name = outside_text(error, 64);
  const std::string text = outside_text(description, 200);
  core::Error refusal{status == 429   ? ErrorKind::rate_limited
                      : status >= 500 ? ErrorKind::unavailable
                                      : ErrorKind::unauthenticated,
                      "mcp.auth.refused", "", "", std::nullopt};
  refusal.message =
      fmt::format("{} refused: {}{}{}.", whom, name.empty() ? fmt::format("status {}", status) : name,
                  text.empty() ? "" : ": ", text);
  refusal.upstream = core::UpstreamProblem{.status = status, .code = name, .summary = text};
  return refusal;
}

core::Result<TokenGranted> request_token(const core::Context& context, const TokenRequest& request,
                                         net::Query form) {
  const WipedForm wiped(form);
  std::shared_ptr<oauth::DpopProver> prover;
  if (request.prove) {
    ASSIGN_OR_RETURN(prover, request.dpop.begin());
  }
  oauth::DpopAttempts attempts;
  for (;;) {
    net::Headers answered;
    auto outcome = post_form(context, request, form, prover, attempts, answered);
    if (outcome || !outcome.error().upstream) return outcome;
    const auto& refusal = *outcome.error().upstream;
    const auto step = oauth::next_step(
        attempts,
        {.status = refusal.status,
         .error = refusal.code,
         .nonce = prover ? prover->nonce(oauth::DpopServer::authorization, request.server.token_endpoint)
                         : std::string{},
         .skew = prover ? prover->skew() : std::chrono::milliseconds{0}});
    if (step == oauth::DpopStep::give_up) return outcome;
    if (prover) continue;
    ASSIGN_OR_RETURN(prover, request.dpop.begin());
    prover->learn(oauth::DpopServer::authorization, request.server.token_endpoint, answered);
  }
}

}  // namespace mcp
