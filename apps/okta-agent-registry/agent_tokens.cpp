#include "agent_tokens.h"

#include <chrono>
#include <fmt/format.h>

#include "core/encoding.h"
#include "oauth/authorization_code.h"
#include "oauth/jwt.h"
#include "oauth/loopback_redirect.h"
#include "oauth/token_error.h"

namespace {

using core::ErrorKind;
using core::json::Object;
using core::json::string_or_empty;

constexpr std::string_view kExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view kIdToken = "urn:ietf:params:oauth:token-type:id_token";
constexpr std::string_view kIdJag = "urn:ietf:params:oauth:token-type:id-jag";
constexpr std::string_view kSts = "urn:okta:params:oauth:token-type:oauth-sts";
constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::size_t kMaxAnswer = 256u << 10;
constexpr std::chrono::minutes kPatience{10};
constexpr std::chrono::seconds kAskAgain{3};

std::unexpected<core::Error> refused(std::string message, std::string hint = {}) {
  return core::fail(ErrorKind::forbidden, "app.token.refused", std::move(message), std::move(hint));
}

// "https://host/mcp" → "https://host/.well-known/oauth-protected-resource/mcp" (RFC 9728 section 3.1).
std::string metadata_url(const net::Url& resource) {
  return fmt::format("{}/.well-known/oauth-protected-resource{}", resource.origin(),
                     resource.path == "/" ? "" : resource.path);
}

}  // namespace

struct AgentTokens::Answer {
  int status = 0;
  Object body;
};

core::Status AgentTokens::authenticate(const std::string& url, net::Query& form, net::Headers& headers) {
  if (options_.key) {
    const std::int64_t now = core::to_unix_seconds(options_.clock.now());
    ASSIGN_OR_RETURN(const auto assertion, oauth::sign_jwt(*options_.key, {{"iss", options_.client_id},
                                                                           {"sub", options_.client_id},
                                                                           {"aud", url},
                                                                           {"iat", now},
                                                                           {"exp", now + 300},
                                                                           {"jti", options_.random.uuid()}}));
    form.emplace_back("client_assertion_type", kAssertionType);
    form.emplace_back("client_assertion", assertion);
    return {};
  }
  if (options_.client_secret.empty()) {
    form.emplace_back("client_id", options_.client_id);
    return {};
  }
  headers.set("Authorization",
              "Basic " + core::base64_encode(core::percent_encode(options_.client_id) + ":" +
                                             core::percent_encode(options_.client_secret.reveal())));
  return {};
}

core::Result<AgentTokens::Answer> AgentTokens::post(const core::Context& context, const std::string& url,
                                                    net::Query form) {
  net::HttpRequest request{.method = net::Method::post, .url = url, .max_response_bytes = kMaxAnswer};
  RETURN_IF_ERROR(authenticate(url, form, request.headers));
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  request.headers.set("Accept", "application/json");
  request.body = net::encode_form(form);
  for (auto& [name, value] : form) core::wipe(value);
  auto response = options_.http.send(context, request);
  core::wipe(request.body);
  if (!response) return std::unexpected(std::move(response).error());
  auto value = core::json::parse(response->body, {.max_bytes = kMaxAnswer});
  if (!value || !value->is_object())
    return core::fail(ErrorKind::protocol, "app.token.answer",
                      fmt::format("{} answered {} without a JSON object.", url, response->status),
                      "Check --issuer: it is the registry's URL.");
  return Answer{.status = response->status, .body = std::move(value->get_object())};
}

core::Result<Object> AgentTokens::request(const core::Context& context, const std::string& url,
                                          net::Query form) {
  ASSIGN_OR_RETURN(auto answer, post(context, url, std::move(form)));
  if (answer.status == 200) return std::move(answer.body);
  return refused(fmt::format("{} refused: {}: {}.", url, oauth::quoted(string_or_empty(answer.body, "error")),
                             oauth::quoted(string_or_empty(answer.body, "error_description"))),
                 "docs/tokens.md lists what each error means.");
}

core::Result<Target> AgentTokens::find_target(const core::Context& context, std::string resource,
                                              std::string audience, std::string scope) {
  Target target{.resource = std::move(resource), .audience = std::move(audience), .scope = std::move(scope)};
  if (target.audience.empty()) {
    ASSIGN_OR_RETURN(const auto url, net::parse_url(target.resource));
    net::HttpRequest request{.url = metadata_url(url), .max_response_bytes = kMaxAnswer};
    ASSIGN_OR_RETURN(const auto response, options_.http.send(context, request));
    auto value = core::json::parse(response.body, {.max_bytes = kMaxAnswer});
    const auto* servers = value ? core::json::find(*value, "authorization_servers") : nullptr;
    const auto* list = servers ? servers->if_array() : nullptr;
    if (response.status != 200 || !list || list->empty() || !list->front().is_string())
      return core::fail(ErrorKind::protocol, "app.token.metadata",
                        fmt::format("{} names no authorization server.", request.url),
                        "Give --audience ISSUER of the authorization server that the MCP server trusts.");
    target.audience = std::string(list->front().get_string());
  }
  target.brokered = !target.audience.starts_with(options_.issuer + "/oauth2/");
  return target;
}

core::Result<core::Secret> AgentTokens::sign_in(const core::Context& context, std::uint16_t port,
                                                const std::function<void(const std::string&)>& show) {
  const std::string state = options_.random.token(32);
  const std::string nonce = options_.random.token(32);
  const std::string verifier = options_.random.token(48);
  ASSIGN_OR_RETURN(const auto redirect, oauth::LoopbackRedirect::start(port, state));
  const net::Query query{{"response_type", "code"},
                         {"client_id", options_.client_id},
                         {"redirect_uri", redirect->uri()},
                         {"scope", "openid profile email"},
                         {"state", state},
                         {"nonce", nonce},
                         {"code_challenge", oauth::pkce_challenge(verifier)},
                         {"code_challenge_method", "S256"}};
  show(fmt::format("{}/oauth2/v1/authorize?{}", options_.issuer, net::encode_query(query)));
  ASSIGN_OR_RETURN(const auto answer,
                   redirect->wait(context, options_.clock, options_.clock.steady() + kPatience));
  const auto finish = [&](bool good) {
    redirect->answer({.status = good ? 200 : 400,
                      .title = good ? "Signed in" : "Not signed in",
                      .text = good ? "You may close this page." : "The terminal says what is wrong."});
  };
  const auto code = net::query_value(answer, "code");
  if (net::query_value(answer, "iss").value_or(options_.issuer) != options_.issuer || !code) {
    finish(false);
    return refused(fmt::format("The sign-in ended with {}.",
                               oauth::quoted(net::query_value(answer, "error").value_or("no code"))),
                   oauth::quoted(net::query_value(answer, "error_description").value_or("")));
  }
  auto tokens = request(context, options_.issuer + "/oauth2/v1/token",
                        {{"grant_type", "authorization_code"},
                         {"code", *code},
                         {"redirect_uri", redirect->uri()},
                         {"code_verifier", verifier}});
  finish(tokens.has_value());
  if (!tokens) return std::unexpected(std::move(tokens).error());
  const auto claims = oauth::peek(string_or_empty(*tokens, "id_token"));
  if (!claims || string_or_empty(claims->claims, "nonce") != nonce)
    return refused("The answer has no ID token of this sign-in.");
  return core::Secret(std::string(string_or_empty(*tokens, "id_token")));
}

core::Result<core::Secret> AgentTokens::exchange(const core::Context& context, const Target& target,
                                                 const core::Secret& subject_token) {
  net::Query form{{"grant_type", std::string(kExchange)},
                  {"requested_token_type", std::string(kIdJag)},
                  {"subject_token", subject_token.reveal()},
                  {"subject_token_type", std::string(kIdToken)},
                  {"audience", target.audience},
                  {"resource", target.resource}};
  if (!target.scope.empty()) form.emplace_back("scope", target.scope);
  ASSIGN_OR_RETURN(const auto answer,
                   request(context, options_.issuer + "/oauth2/v1/token", std::move(form)));
  return core::Secret(std::string(string_or_empty(answer, "access_token")));
}

core::Result<Object> AgentTokens::redeem(const core::Context& context, const Target& target,
                                         const core::Secret& id_jag) {
  return request(context, target.audience + "/v1/token",
                 {{"grant_type", std::string(kJwtBearer)},
                  {"assertion", id_jag.reveal()},
                  {"resource", target.resource}});
}

core::Result<Object> AgentTokens::broker(const core::Context& context, const Target& target,
                                         const core::Secret& subject_token,
                                         const std::function<void(const std::string&)>& consent) {
  const std::string url = options_.issuer + "/oauth2/v1/token";
  const auto until = options_.clock.steady() + kPatience;
  bool shown = false;
  for (;;) {
    net::Query form{{"grant_type", std::string(kExchange)},
                    {"requested_token_type", std::string(kSts)},
                    {"subject_token", subject_token.reveal()},
                    {"subject_token_type", std::string(kIdToken)},
                    {"resource", target.resource}};
    ASSIGN_OR_RETURN(auto answer, post(context, url, std::move(form)));
    if (answer.status == 200) return std::move(answer.body);
    const std::string_view error = string_or_empty(answer.body, "error");
    const std::string_view link = string_or_empty(answer.body, "interaction_uri");
    if (error != "interaction_required" || !link.starts_with(options_.issuer + "/"))
      return refused(fmt::format("{} refused: {}: {}.", url, oauth::quoted(error),
                                 oauth::quoted(string_or_empty(answer.body, "error_description"))),
                     "docs/tokens.md lists what each error means.");
    if (!shown) consent(std::string(link));
    shown = true;
    if (options_.clock.steady() >= until)
      return core::fail(ErrorKind::timeout, "app.token.consent",
                        "Nobody has allowed the access in ten minutes.", "Ask again.");
    if (!options_.clock.wait_until(options_.clock.steady() + kAskAgain, context.stop))
      return core::fail(ErrorKind::cancelled, "app.token.cancelled", "The request was cancelled.");
  }
}
