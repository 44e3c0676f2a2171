#include "registry/relying_party.h"

#include <algorithm>
#include <fmt/format.h>

#include "catalogue/scim_filter.h"
#include "core/encoding.h"
#include "core/seal.h"
#include "core/secret.h"
#include "oauth/authorization_code.h"
#include "oauth/issuer_metadata.h"
#include "oauth/jwks_cache.h"
#include "oauth/jwt.h"
#include "oauth/token_error.h"

namespace registry {

namespace {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

constexpr std::chrono::seconds kRequestTimeout{10};
constexpr std::size_t kMaxAnswer = 256u << 10;
constexpr std::size_t kMaxSubject = 255;  // OpenID Connect Core section 2
constexpr std::size_t kMaxClaim = 255;

std::unexpected<core::Error> refused(std::string message, std::string hint = {}) {
  auto error = refuse(ErrorKind::unauthenticated, "SIGN_IN_REFUSED", std::move(message));
  error.error().hint = std::move(hint);
  return error;
}

std::unexpected<core::Error> unusable(const IdentityProvider& provider, std::string_view why) {
  auto error = refuse(ErrorKind::unavailable, "PROVIDER_UNUSABLE",
                      fmt::format("The identity provider {} cannot be used now: {}", provider.name, why));
  error.error().hint = "Try again; if it stays so, an administrator should look at its settings.";
  return error;
}

std::string record_key(std::string_view state) {
  return "sign-in/" + core::sha256_hex(state);
}

// An endpoint of the metadata. They may lead to where the issuer's rule allows only.
core::Result<std::string> endpoint(const IdentityProvider& provider, const oauth::IssuerMetadata& metadata,
                                   std::string_view name) {
  const std::string url(core::json::string_or_empty(metadata.document, name));
  if (url.empty() || !oauth::may_lead_to(provider.issuer, url))
    return unusable(provider, fmt::format("its metadata has no usable {}.", name));
  return url;
}

core::Result<oauth::IssuerMetadata> metadata_of(const core::Context& context, const Service& service,
                                                const IdentityProvider& provider) {
  auto metadata = oauth::fetch_issuer_metadata(context, *service.outside, provider.issuer);
  if (!metadata) return unusable(provider, metadata.error().message);
  return metadata;
}

core::Result<IdentityProvider> active_provider(const Service& service, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, service.store->get(Kind::identity_provider, id));
  if (row) {
    ASSIGN_OR_RETURN(auto provider, read_identity_provider(*row));
    if (provider.active) return provider;
  }
  return refused("This identity provider is not in use any more.", "Sign in again.");
}

struct Pending {
  std::string provider;
  std::string target;
  std::string nonce;
  std::string verifier;
  std::string browser;  // hash
};

core::Result<Pending> take_pending(const Service& service, std::string_view state, std::string_view browser) {
  const auto expired = [] {
    auto error = refuse(ErrorKind::unauthenticated, "SIGN_IN_EXPIRED",
                        "This sign-in is not under way in this browser, or took too long.");
    error.error().hint = "Start again from the page that you came from.";
    return error;
  };
  if (state.empty() || browser.empty()) return expired();
  const std::string key = record_key(state);
  ASSIGN_OR_RETURN(const auto record, service.store->state().get(key));
  if (!record) return expired();
  ASSIGN_OR_RETURN(const auto text, service.vault->open(record->value, key));
  ASSIGN_OR_RETURN(const auto value, core::json::parse(text));
  const core::json::Reader in(value);
  Pending pending;
  ASSIGN_OR_RETURN(pending.provider, in.at("provider").string());
  ASSIGN_OR_RETURN(pending.target, in.at("target").string());
  ASSIGN_OR_RETURN(pending.nonce, in.at("nonce").string());
  ASSIGN_OR_RETURN(pending.verifier, in.at("verifier").string());
  ASSIGN_OR_RETURN(pending.browser, in.at("browser").string());
  // Another browser's: it stays for the one that began it.
  if (!core::constant_time_equal(pending.browser, core::sha256_hex(browser))) return expired();
  ASSIGN_OR_RETURN(const bool mine, service.store->state().remove_if_version(key, record->version));
  if (!mine) return expired();
  return pending;
}

// RFC 6749 section 2.3.1.
std::string basic_credentials(std::string_view id, std::string_view secret) {
  return "Basic " + core::base64_encode(core::percent_encode(id) + ":" + core::percent_encode(secret));
}

core::Result<Object> post_form(const core::Context& context, const Service& service,
                               const IdentityProvider& provider, net::HttpRequest request) {
  request.total_timeout = kRequestTimeout;
  request.max_response_bytes = kMaxAnswer;
  request.headers.set("Accept", "application/json");
  auto response = service.outside->send(context, request);
  core::wipe(request.body);
  if (!response) return unusable(provider, response.error().message);
  auto value = core::json::parse(response->body, {.max_bytes = kMaxAnswer});
  if (response->status != 200) {
    const std::string_view error = value ? core::json::string_or_empty(*value, "error") : std::string_view{};
    return refused(
        fmt::format("The identity provider {} refused the sign-in: {}.", provider.name,
                    error.empty() ? fmt::format("status {}", response->status) : oauth::quoted(error)),
        "An administrator should look at the client id and secret of the identity provider.");
  }
  if (!value || !value->is_object()) return unusable(provider, "its answer is not a JSON object.");
  return std::move(value->get_object());
}

core::Result<Object> redeem_code(const core::Context& context, const Service& service,
                                 const IdentityProvider& provider, const oauth::IssuerMetadata& metadata,
                                 const std::string& code, const std::string& verifier) {
  net::HttpRequest request{.method = net::Method::post};
  ASSIGN_OR_RETURN(request.url, endpoint(provider, metadata, "token_endpoint"));
  net::Query form{{"grant_type", "authorization_code"},
                  {"code", code},
                  {"redirect_uri", service.url("/login/callback")},
                  {"code_verifier", verifier}};
  core::Secret secret;
  if (!provider.sealed_secret.empty()) {
    ASSIGN_OR_RETURN(auto opened, service.vault->open(provider.sealed_secret,
                                                      IdentityProvider::secret_context(provider.id)));
    secret = core::Secret(std::move(opened));
  }
  if (provider.auth_method == "client_secret_basic") {
    request.headers.set("Authorization", basic_credentials(provider.client_id, secret.reveal()));
  } else {
    form.emplace_back("client_id", provider.client_id);
    if (provider.auth_method == "client_secret_post") form.emplace_back("client_secret", secret.reveal());
  }
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  request.body = net::encode_form(form);
  for (auto& [name, value] : form) core::wipe(value);
  return post_form(context, service, provider, std::move(request));
}

// OpenID Connect Core section 3.1.3.7.
core::Result<Object> check_id_token(const core::Context& context, const Service& service,
                                    const IdentityProvider& provider, const oauth::IssuerMetadata& metadata,
                                    std::string_view token, std::string_view nonce) {
  oauth::JwksCache cache({.issuer = provider.issuer,
                          .jwks_uri = metadata.jwks_uri,
                          .http = *service.outside,
                          .clock = *service.clock});
  auto keys = cache.keys(context);
  if (!keys) return unusable(provider, keys.error().message);
  const auto algorithms = oauth::asymmetric_algorithms();
  oauth::JwtRules rules{.jws = {.algorithms = {algorithms.begin(), algorithms.end()}},
                        .issuer = provider.issuer,
                        .audiences = {provider.client_id},
                        .max_age = std::chrono::duration_cast<std::chrono::seconds>(kSignInPatience),
                        .required_claims = {"sub", "iat"}};
  ASSIGN_OR_RETURN(const auto verifier, oauth::JwtVerifier::create(std::move(rules), *service.clock));
  const auto jwt = verifier.verify(token, **keys);
  if (!jwt)
    return refused(fmt::format("The ID token of {} does not hold: {}", provider.name, jwt.error().message));
  if (!core::constant_time_equal(jwt->string("nonce"), nonce))
    return refused("The ID token was made for another sign-in.", "Start again.");
  const bool several = jwt->strings("aud").size() > 1;
  const std::string_view party = jwt->string("azp");
  if ((several || jwt->claims().contains("azp")) && party != provider.client_id)
    return refused("The ID token was made for another client.");
  if (jwt->subject().empty() || jwt->subject().size() > kMaxSubject)
    return refused("The ID token names nobody.");
  return jwt->claims();
}

// Claims that the ID token lacks, as Okta's org authorization server leaves them out; of the same subject
// (section 5.3.2).
core::Status add_userinfo(const core::Context& context, const Service& service,
                          const IdentityProvider& provider, const oauth::IssuerMetadata& metadata,
                          std::string_view access_token, Object& claims) {
  auto url = endpoint(provider, metadata, "userinfo_endpoint");
  if (!url || access_token.empty()) return {};
  net::HttpRequest request{.url = *url, .total_timeout = kRequestTimeout, .max_response_bytes = kMaxAnswer};
  request.headers.set("Accept", "application/json");
  request.headers.set("Authorization", fmt::format("Bearer {}", access_token));
  auto response = service.outside->send(context, request);
  if (!response) return unusable(provider, response.error().message);
  auto value = core::json::parse(response->body, {.max_bytes = kMaxAnswer});
  if (response->status != 200 || !value || !value->is_object()) return {};
  if (core::json::string_or_empty(*value, "sub") != core::json::string_or_empty(claims, "sub"))
    return refused("The identity provider's answers are about two different people.");
  for (auto& member : value->get_object())
    if (!claims.contains(member.key())) claims[member.key()] = std::move(member.value());
  return {};
}

bool is_true(const Object& claims, std::string_view name) {
  const Value* value = claims.if_contains(name);
  return value &&
         ((value->is_bool() && value->get_bool()) || (value->is_string() && value->get_string() == "true"));
}

// RFC 9207: where the provider says that it sends `iss`, it has to be there.
core::Status check_answer_issuer(const IdentityProvider& provider, const oauth::IssuerMetadata& metadata,
                                 const net::Query& answer) {
  const auto issuer = net::query_value(answer, "iss");
  const bool promised = is_true(metadata.document, "authorization_response_iss_parameter_supported");
  if ((!issuer && !promised) || (issuer && *issuer == provider.issuer)) return {};
  return refused("The answer does not come from the identity provider that was asked.");
}

}  // namespace

std::string ProvenIdentity::text(std::string_view claim) const {
  const Value* value = claims.if_contains(claim);
  if (!value || !value->is_string() || value->get_string().size() > kMaxClaim) return {};
  std::string found(value->get_string().data(), value->get_string().size());
  const bool plain = std::ranges::none_of(found, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
  return plain ? found : std::string();
}

core::Result<StartedSignIn> start_sign_in(const core::Context& context, const Service& service,
                                          const IdentityProvider& provider, std::string_view target,
                                          bool again) {
  ASSIGN_OR_RETURN(const auto metadata, metadata_of(context, service, provider));
  ASSIGN_OR_RETURN(const auto authorize, endpoint(provider, metadata, "authorization_endpoint"));
  const std::string state = service.random->token(32);
  const std::string nonce = service.random->token(32);
  const std::string verifier = service.random->token(48);
  StartedSignIn started{.url = {}, .browser = service.random->token(32)};
  const Object pending{{"provider", provider.id},
                       {"target", target},
                       {"nonce", nonce},
                       {"verifier", verifier},
                       {"browser", core::sha256_hex(started.browser)}};
  const std::string key = record_key(state);
  ASSIGN_OR_RETURN(const auto sealed, service.vault->seal(core::json::write(pending), key));
  RETURN_IF_ERROR(service.store->state().put(key, sealed, kSignInPatience));
  std::string scopes;
  for (const auto& scope : provider.scopes) scopes += (scopes.empty() ? "" : " ") + scope;
  net::Query query{{"response_type", "code"},
                   {"client_id", provider.client_id},
                   {"redirect_uri", service.url("/login/callback")},
                   {"scope", scopes},
                   {"state", state},
                   {"nonce", nonce},
                   {"code_challenge", oauth::pkce_challenge(verifier)},
                   {"code_challenge_method", "S256"}};
  if (again) query.emplace_back("prompt", "login");
  started.url =
      fmt::format("{}{}{}", authorize, authorize.contains('?') ? "&" : "?", net::encode_query(query));
  return started;
}

core::Result<ProvenIdentity> complete_sign_in(const core::Context& context, const Service& service,
                                              const net::Query& answer, std::string_view browser) {
  ASSIGN_OR_RETURN(const auto pending,
                   take_pending(service, net::query_value(answer, "state").value_or(""), browser));
  ASSIGN_OR_RETURN(auto provider, active_provider(service, pending.provider));
  ASSIGN_OR_RETURN(const auto metadata, metadata_of(context, service, provider));
  RETURN_IF_ERROR(check_answer_issuer(provider, metadata, answer));
  if (const auto error = net::query_value(answer, "error"))
    return refused(fmt::format("The identity provider {} did not sign you in: {}.", provider.name,
                               oauth::quoted(*error)));
  const auto code = net::query_value(answer, "code");
  if (!code || code->empty() || code->size() > 4096)
    return refused("The identity provider's answer has no code.");
  ASSIGN_OR_RETURN(auto tokens, redeem_code(context, service, provider, metadata, *code, pending.verifier));
  ASSIGN_OR_RETURN(auto claims,
                   check_id_token(context, service, provider, metadata,
                                  core::json::string_or_empty(tokens, "id_token"), pending.nonce));
  if (!claims.contains(provider.login_claim) || !claims.contains("email") ||
      !claims.contains("email_verified")) {
    RETURN_IF_ERROR(add_userinfo(context, service, provider, metadata,
                                 core::json::string_or_empty(tokens, "access_token"), claims));
  }
  ProvenIdentity identity{.provider = std::move(provider),
                          .subject = std::string(core::json::string_or_empty(claims, "sub")),
                          .target = pending.target,
                          .email = {},
                          .claims = std::move(claims)};
  if (is_true(identity.claims, "email_verified"))
    identity.email = catalogue::fold_case(identity.text("email"));
  return identity;
}

}  // namespace registry
