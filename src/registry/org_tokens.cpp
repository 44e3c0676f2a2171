#include "registry/org_tokens.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "authserver/authorization.h"
#include "authserver/client_authentication.h"
#include "authserver/dpop.h"
#include "authserver/endpoints.h"
#include "authserver/problem.h"
#include "authserver/token_exchange.h"
#include "net/http.h"
#include "registry/auth_store.h"
#include "registry/clients.h"
#include "registry/custom_tokens.h"
#include "registry/id_jag.h"
#include "registry/sts.h"
#include "registry/subject_token.h"
#include "registry/token_cache.h"
#include "registry/token_request.h"
#include "registry/token_servers.h"
#include "registry/vault.h"

namespace registry {
namespace {

using authserver::GrantCall;
using authserver::problem;
using authserver::TokenExchange;
using boost::json::object;
using core::Result;
using net::ServerRequest;
using net::ServerResponse;

constexpr std::array<std::string_view, 20> kApiScopes{"okta.aiAgents.manage",
                                                      "okta.aiAgents.read",
                                                      "okta.authorizationServers.manage",
                                                      "okta.authorizationServers.read",
                                                      "okta.idps.manage",
                                                      "okta.idps.read",
                                                      "okta.logs.read",
                                                      "okta.privilegedResources.manage",
                                                      "okta.privilegedResources.read",
                                                      "okta.resourceServers.mcpServers.manage",
                                                      "okta.resourceServers.mcpServers.read",
                                                      "okta.roles.manage",
                                                      "okta.roles.read",
                                                      "okta.serviceAccounts.manage",
                                                      "okta.serviceAccounts.read",
                                                      "okta.users.manage",
                                                      "okta.users.read",
                                                      "okta.apps.manage",
                                                      "okta.apps.read",
                                                      "okta.events.read"};

constexpr std::string_view kOrgPath = "/oauth2/v1/";
constexpr std::string_view kCustomPath = "/oauth2/";
constexpr std::array<std::string_view, 2> kWellKnown{"/.well-known/oauth-authorization-server",
                                                     "/.well-known/openid-configuration"};

// STS: the subject is checked here, the rest by the broker.
Result<object> exchange_at_sts(TokenRequest& request, const GrantCall& call, const TokenExchange& exchange) {
  ASSIGN_OR_RETURN(auto principal, find_active_principal(*request.service.store, call.client.id));
  if (!principal) return problem("workload_principal_not_found");
  request.actor = principal_actor(*principal);
  ASSIGN_OR_RETURN(const auto subject, verify_subject_token(request, call.server, *principal, exchange));
  if (exchange.resources.size() > 1) return problem("too_many_resources", {"1"});
  // The broker tells its own events; what came with the request is used up before it asks anybody outside.
  request.event_type.clear();
  RETURN_IF_ERROR(settle_rest(request));
  return redeem_sts(request.service,
                    {.requested_token_type = exchange.requested_token_type,
                     .resource = exchange.resources.empty() ? std::string() : exchange.resources.front(),
                     .principal = *std::move(principal),
                     .user_id = subject.is_user() ? subject.id() : std::string(),
                     .login = subject.login(),
                     .subject_is_user = subject.is_user(),
                     .transaction = request.transaction,
                     .subject_token_id = subject.token_id()});
}

std::vector<std::shared_ptr<const authserver::Grant>> org_grants(TokenRequest& request) {
  auto sts = [&request](const GrantCall& call, const TokenExchange& exchange) {
    return exchange_at_sts(request, call, exchange);
  };
  authserver::ExchangeRules rules{{std::string(authserver::kIdJagTokenType),
                                   [&request](const GrantCall& call, const TokenExchange& exchange) {
                                     return issue_id_jag(request, call, exchange);
                                   }},
                                  {std::string(kOAuthSts), sts},
                                  {std::string(kVaultedSecret), sts},
                                  {std::string(kServiceAccount), sts}};
  return {watched(authserver::client_credentials_grant(), request),
          watched(authserver::authorization_code_grant(), request),
          watched(authserver::refresh_token_grant(), request),
          watched(authserver::token_exchange_grant(std::move(rules)), request)};
}

ServerResponse not_found() {
  return authserver::json_response({{"errorCode", "E0000007"},
                                    {"errorSummary", "Not found: Resource not found (AuthorizationServer)"},
                                    {"errorLink", "E0000007"},
                                    {"errorCauses", boost::json::array{}}},
                                   404);
}

rest::Problem refused(const core::Error& error, bool by_dpop) {
  rest::Problem refusal = rest::invalid_token();
  const authserver::ProblemRow* row = authserver::problem_of(error);
  std::string_view name = "invalid_token";
  std::string_view text = "The access token is invalid.";
  if (row == nullptr &&
      (error.kind == core::ErrorKind::unavailable || error.kind == core::ErrorKind::internal)) {
    return problem_of(error);
  }
  // Of a token that is not good no more is said than that.
  if (row != nullptr && row->name != "access_token_revoked") {
    if (row->status != refusal.status) refusal = rest::other(row->status, "E0000011", row->description);
    name = row->error;
    text = row->description;
    by_dpop = true;
  }
  refusal.headers.set("WWW-Authenticate", fmt::format("{} error=\"{}\", error_description=\"{}\"",
                                                      by_dpop ? "DPoP" : "Bearer", name, text));
  return refusal;
}

}  // namespace

struct TokenService::Parts {
  Parts(const Service& its_service, TokenOptions its_options)
      : service(its_service),
        options(std::move(its_options)),
        cache(its_service, options.org_algorithm),
        records(its_service.store->state(),
                [this](std::string_view id) { return find_token_client(service, options, cache, id); }) {}

  const Service& service;
  const TokenOptions options;
  mutable TokenCache cache;
  mutable AuthStore records;

  Result<authserver::Server> org(authserver::Store& store) const {
    ASSIGN_OR_RETURN(const auto keys, cache.org_keys());
    return org_server(service, options, *keys, store);
  }

  TokenRequest request(RequestStore& store) const {
    return {.service = service,
            .options = options,
            .cache = cache,
            .records = store,
            .transaction = service.new_id("trs")};
  }

  ServerResponse org_endpoint(std::string_view name, const ServerRequest& http) const {
    RequestStore store(records, "org");
    TokenRequest request = this->request(store);
    auto server = org(store);
    if (!server) return authserver::error_response(server.error());
    server->grants = org_grants(request);
    if (name == "keys") return authserver::keys_endpoint(*server, http);
    if (name == "userinfo") return settled(request, authserver::userinfo_endpoint(*server, http));
    if (name == "authorize") {
      return options.authorize ? options.authorize(*server, http) : not_found();
    }
    if (name == "token") {
      request.event_type = "app.oauth2.token.grant.access_token";
      return settled(request, authserver::token_endpoint(*server, http));
    }
    if (name == "introspect") return settled(request, authserver::introspection_endpoint(*server, http));
    if (auto response = revoke_at_sts(request, *server, http)) return settled(request, *std::move(response));
    return settled(request, revoke(request, *server, http, "app.oauth2.token.revoke"));
  }

  ServerResponse custom_endpoint(std::string_view id, std::string_view name,
                                 const ServerRequest& http) const {
    auto view = cache.view(*service.store, id);
    if (!view) return authserver::error_response(view.error());
    if (!*view || !(*view)->server.active) {
      if (name == "keys" || name.starts_with('/')) return not_found();
      return authserver::error_response(problem("invalid_authorization_server").error());
    }
    auto keys = cache.keys(**view);
    if (!keys) return authserver::error_response(keys.error());
    RequestStore store(records, id);
    TokenRequest request = this->request(store);
    authserver::Server server = custom_server(service, options, **view, **keys, store);
    server.grants = custom_grants(request, **view);
    if (name == "keys") return authserver::keys_endpoint(server, http);
    if (name == kWellKnown[0]) return authserver::oauth_metadata_endpoint(server, http);
    if (name == kWellKnown[1]) return authserver::openid_metadata_endpoint(server, http);
    request.event_type = "app.oauth2.as.token.grant.access_token";
    if (name == "token") return settled(request, authserver::token_endpoint(server, http));
    request.event_type.clear();
    if (name == "introspect") return settled(request, authserver::introspection_endpoint(server, http));
    return settled(request, revoke(request, server, http, "app.oauth2.as.token.revoke"));
  }

  // What a request came with is used up before its answer goes out, whatever it is.
  static ServerResponse settled(TokenRequest& request, ServerResponse response) {
    if (auto done = settle_rest(request); !done) return authserver::error_response(done.error());
    return response;
  }

  static ServerResponse revoke(TokenRequest& request, const authserver::Server& server,
                               const ServerRequest& http, std::string_view event) {
    ServerResponse response = authserver::revocation_endpoint(server, http);
    if (response.status != 200 || !request.records.client()) return response;
    request.event_type = event;
    request.actor = client_actor(*request.records.client());
    return response;
  }

  // RFC 7009 with Okta's hint for what the broker keeps; nullopt for other tokens.
  static std::optional<ServerResponse> revoke_at_sts(TokenRequest& request, const authserver::Server& server,
                                                     const ServerRequest& http) {
    auto form = authserver::Form::read(http);
    if (!form || form->get("token_type_hint") != "oauth_sts") return std::nullopt;
    auto done = [&]() -> core::Status {
      ASSIGN_OR_RETURN(const auto client, authserver::authenticate_client(server, http, *form, "revoke"));
      const auto token = form->get("token");
      if (!token) return problem("request_missing_token");
      ASSIGN_OR_RETURN(const auto principal, find_active_principal(*request.service.store, client.id));
      if (!principal) return {};
      return revoke_sts(request.service, *principal, *token, request.transaction);
    }();
    if (!done) return authserver::error_response(done.error(), http.headers.has("Authorization"));
    ServerResponse response = authserver::json_response({});
    response.headers.remove("Content-Type");
    response.body.clear();
    return response;
  }

  ServerResponse org_metadata(bool openid, const ServerRequest& http) const {
    RequestStore store(records, "org");
    TokenRequest request = this->request(store);
    auto server = org(store);
    if (!server) return authserver::error_response(server.error());
    server->grants = org_grants(request);
    return openid ? authserver::openid_metadata_endpoint(*server, http)
                  : authserver::oauth_metadata_endpoint(*server, http);
  }
};

TokenService::TokenService(std::unique_ptr<const Parts> parts) : parts_(std::move(parts)) {}
TokenService::~TokenService() = default;

Result<std::unique_ptr<TokenService>> TokenService::create(const Service& service, TokenOptions options) {
  const bool known =
      options.org_algorithm == oauth::Algorithm::rs256 || options.org_algorithm == oauth::Algorithm::es256;
  if (!known) {
    return core::fail(core::ErrorKind::invalid_input, "registry.tokens.setting",
                      "The org signs with RS256 or ES256.");
  }
  // What is sealed within a transaction finds its key there.
  RETURN_IF_ERROR(prepare_sealing(service));
  std::unique_ptr<TokenService> tokens(
      new TokenService(std::make_unique<const Parts>(service, std::move(options))));
  RETURN_IF_ERROR(tokens->parts_->cache.org_keys());
  return tokens;
}

std::optional<ServerResponse> TokenService::handle(const ServerRequest& request) const {
  const std::string_view path = request.path;
  if (path.starts_with(kOrgPath)) {
    constexpr std::array<std::string_view, 6> kNames{"authorize",  "token",  "keys",
                                                     "introspect", "revoke", "userinfo"};
    const std::string_view name = path.substr(kOrgPath.size());
    if (std::ranges::find(kNames, name) == kNames.end()) return std::nullopt;
    return parts_->org_endpoint(name, request);
  }
  for (const std::string_view document : kWellKnown) {
    if (path == document) return parts_->org_metadata(document == kWellKnown[1], request);
    // RFC 8414 section 3.1: the issuer's path follows.
    if (path.starts_with(document) && path.substr(document.size()).starts_with(kCustomPath)) {
      return parts_->custom_endpoint(path.substr(document.size() + kCustomPath.size()), document, request);
    }
  }
  if (!path.starts_with(kCustomPath)) return std::nullopt;
  const std::string_view rest = path.substr(kCustomPath.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const std::string_view id = rest.substr(0, slash);
  const std::string_view below = rest.substr(slash);
  if (!id.starts_with("aus")) return std::nullopt;
  constexpr std::array<std::string_view, 4> kNames{"/v1/token", "/v1/keys", "/v1/introspect", "/v1/revoke"};
  if (std::ranges::find(kNames, below) != kNames.end()) {
    return parts_->custom_endpoint(id, below.substr(std::string_view("/v1/").size()), request);
  }
  if (std::ranges::find(kWellKnown, below) != kWellKnown.end()) {
    return parts_->custom_endpoint(id, below, request);
  }
  return std::nullopt;
}

std::expected<rest::Caller, rest::Problem> TokenService::authenticate(const ServerRequest& request) const {
  const Parts& parts = *parts_;
  RequestStore store(parts.records, "api");
  const authserver::PresentedToken presented = authserver::presented_token(request);
  const bool by_dpop = net::equals_ignoring_case(presented.scheme, "DPoP");
  auto caller = [&]() -> Result<rest::Caller> {
    ASSIGN_OR_RETURN(const auto org, parts.org(store));
    ASSIGN_OR_RETURN(const auto token, authserver::verify_presented_token(org, request, presented,
                                                                          parts.service.url(request.path)));
    if (by_dpop) {
      RETURN_IF_ERROR(parts.service.store->transaction([&](Transaction& tx) { return store.use_up(tx); }));
    }
    Store& reader = *parts.service.store;
    rest::Caller found{.kind = rest::Caller::Kind::client,
                       .id = std::string(token.string("cid")),
                       .name = std::string(token.subject()),
                       .scopes = token.strings("scp")};
    const std::string_view user_id = token.string("uid");
    if (user_id.empty()) return found;
    found.kind = rest::Caller::Kind::user;
    found.id = user_id;
    std::optional<authserver::User> user;
    if (parts.options.user_by_id) {
      ASSIGN_OR_RETURN(user, parts.options.user_by_id(reader, user_id));
    }
    if (!user) return problem("access_token_revoked");
    bool administers = false;
    if (parts.options.is_administrator) {
      ASSIGN_OR_RETURN(administers, parts.options.is_administrator(reader, user_id));
    }
    if (!administers) {
      std::erase_if(found.scopes, [](const std::string& scope) { return scope.starts_with("okta."); });
    }
    return found;
  }();
  if (!caller) return std::unexpected(refused(caller.error(), by_dpop));
  return *std::move(caller);
}

Result<authserver::Server> TokenService::org() const {
  ASSIGN_OR_RETURN(auto server, parts_->org(parts_->records));
  // Nobody redeems anything with it; that pages may ask what is offered, they are there.
  server.grants = {authserver::authorization_code_grant(), authserver::refresh_token_grant()};
  return server;
}

Result<std::string> TokenService::mint_admin_token(std::string_view who,
                                                   const std::vector<std::string>& scopes,
                                                   std::chrono::seconds lifetime) const {
  for (const std::string& scope : scopes) {
    if (std::ranges::find(kApiScopes, scope) == kApiScopes.end()) return problem("invalid_scope");
  }
  ASSIGN_OR_RETURN(const auto org, parts_->org(parts_->records));
  const core::WallTime now = org.now();
  const std::string id = "AT." + org.random->token(32);
  const object claims{{"ver", 1},
                      {"jti", id},
                      {"iss", org.settings.issuer},
                      {"aud", org.settings.issuer},
                      {"sub", who},
                      {"cid", who},
                      {"iat", core::to_unix_seconds(now)},
                      {"exp", core::to_unix_seconds(now + lifetime)},
                      {"scp", boost::json::array(scopes.begin(), scopes.end())}};
  ASSIGN_OR_RETURN(std::string token,
                   oauth::sign_jwt(org.signing_keys.front(), claims, org.settings.access_token_type));
  RETURN_IF_ERROR(parts_->service.store->transaction([&](Transaction& tx) {
    return tx.emit({.type = "app.oauth2.token.grant.access_token",
                    .actor = {.id = "system", .type = "SystemPrincipal", .name = "operator on this machine"},
                    .targets = {{.id = id,
                                 .type = "access_token",
                                 .name = std::string(who),
                                 .detail = {{"expires", core::to_rfc3339(now + lifetime)}}}}});
  }));
  return token;
}

std::vector<std::string> TokenService::api_scopes() {
  return {kApiScopes.begin(), kApiScopes.end()};
}

}  // namespace registry
