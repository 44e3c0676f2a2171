#include "devorg/oauth_routes.h"

#include <algorithm>
#include <array>
#include <set>

#include "authserver/authorization.h"
#include "authserver/dpop.h"
#include "authserver/endpoints.h"
#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "catalogue/operations.h"
#include "core/seal.h"
#include "devorg/sign_in_pages.h"
#include "net/url.h"

namespace devorg {

struct OrgAuthorizationServer::Parts {
  std::unique_ptr<authserver::Store> store;
  authserver::Server server;
  std::function<std::vector<authserver::User>()> administrators;
  core::Sealer csrf_sealer = core::Sealer::ephemeral();
};

namespace {

using core::Result;
using net::ServerRequest;
using net::ServerResponse;

// Each API request with a DPoP proof leaves a record for six minutes: enough for hundreds a second.
constexpr std::size_t kMaxRecords = 1'000'000;

struct Endpoint {
  std::string_view path;
  ServerResponse (*handler)(const authserver::Server&, const ServerRequest&);
};
constexpr std::array<Endpoint, 8> kEndpoints{{
    {"/oauth2/v1/token", authserver::token_endpoint},
    {"/oauth2/v1/device/authorize", authserver::device_authorization_endpoint},
    {"/oauth2/v1/keys", authserver::keys_endpoint},
    {"/oauth2/v1/introspect", authserver::introspection_endpoint},
    {"/oauth2/v1/revoke", authserver::revocation_endpoint},
    {"/oauth2/v1/userinfo", authserver::userinfo_endpoint},
    {"/.well-known/openid-configuration", authserver::openid_metadata_endpoint},
    {"/.well-known/oauth-authorization-server", authserver::oauth_metadata_endpoint},
}};

std::vector<std::string> catalogue_scopes() {
  std::set<std::string> scopes;
  for (const auto& operation : catalogue::operations())
    scopes.insert(operation.scopes.begin(), operation.scopes.end());
  return {scopes.begin(), scopes.end()};
}

std::vector<authserver::Client> make_clients(const OrgAuthorizationServerOptions& options) {
  std::vector<authserver::Client> clients{{.id = std::string(kDevServiceClient),
                                           .name = "Development service app",
                                           .auth_method = authserver::AuthMethod::private_key_jwt,
                                           .keys = oauth::KeySet(options.service_keys),
                                           .grants = {std::string(authserver::kClientCredentials)},
                                           .scopes = options.service_scopes},
                                          {.id = std::string(kDevDeviceClient),
                                           .name = "Development device app",
                                           .auth_method = authserver::AuthMethod::none,
                                           .grants = {std::string(authserver::kDeviceCode)},
                                           .scopes = options.device_scopes}};
  if (!options.redirect_uris.empty()) {
    clients.back().grants.emplace_back(authserver::kAuthorizationCode);
    clients.back().redirect_uris = options.redirect_uris;
  }
  for (authserver::Client& client : clients) client.dpop_bound_access_tokens = options.dpop == Dpop::required;
  if (options.device_may_refresh) clients.back().grants.emplace_back(authserver::kRefreshToken);
  clients.insert(clients.end(), options.more_clients.begin(), options.more_clients.end());
  return clients;
}

// Okta's rule: absolute, without a fragment. And ours, since it goes into headers: nothing but URI
// characters.
core::Status check_redirect_uri(std::string_view uri) {
  constexpr std::string_view kAllowed = "-._~:/?@!$&'()*+=%[]";
  bool plain = std::ranges::all_of(uri, [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || kAllowed.contains(c);
  });
  bool web = uri.starts_with("http:") || uri.starts_with("https:");
  auto url = net::parse_url(uri);
  std::size_t colon = uri.find(':');
  bool good =
      plain && colon != std::string_view::npos && colon > 0 &&
      (web ? url && (url->scheme == "https" || net::is_loopback_host(url->host))
           : colon + 1 < uri.size() && uri.substr(0, colon).find_first_of("/?%") == std::string_view::npos);
  if (good) return {};
  return core::fail(core::ErrorKind::invalid_input, "devorg.redirect_uri",
                    "'" + std::string(uri) + "' cannot be a redirect URI.",
                    "It is absolute and has no fragment: https://..., http:// on loopback, or the app's own "
                    "scheme.");
}

TokenRefusal refusal_of(const core::Error& error, bool presented_by_dpop) {
  TokenRefusal refusal{.of_dpop = presented_by_dpop};
  // Of a token that is not good Okta says only that.
  const auto* row = authserver::problem_of(error);
  if (!row || row->name == "access_token_revoked") return refusal;
  refusal.status = row->status;
  refusal.error = row->error;
  refusal.description = row->description;
  refusal.of_dpop = true;
  return refusal;
}

}  // namespace

OrgAuthorizationServer::OrgAuthorizationServer(std::unique_ptr<const Parts> parts)
    : parts_(std::move(parts)) {}
OrgAuthorizationServer::~OrgAuthorizationServer() = default;

Result<std::unique_ptr<OrgAuthorizationServer>> OrgAuthorizationServer::create(
    OrgAuthorizationServerOptions options) {
  auto wrong = [](std::string message) {
    return core::fail(core::ErrorKind::invalid_input, "authserver.server_error", std::move(message));
  };
  if (!options.administrators) return wrong("The org authorization server needs a list of administrators.");
  for (oauth::Key& key : options.service_keys) {
    // Only the public half is kept; and Okta names every registered key.
    key = key.public_key();
    if (key.kid().empty()) key = key.with_kid(key.thumbprint());
  }
  if (!options.signing_key) {
    ASSIGN_OR_RETURN(oauth::Key key, oauth::Key::generate(oauth::Algorithm::rs256));
    options.signing_key = key.with_kid(key.thumbprint());
  }
  for (const std::string& uri : options.redirect_uris) {
    RETURN_IF_ERROR(check_redirect_uri(uri));
  }
  if (options.scopes.empty()) options.scopes = catalogue_scopes();
  for (const std::string& scope : options.more_scopes)
    if (std::ranges::find(options.scopes, scope) == options.scopes.end()) options.scopes.push_back(scope);
  auto parts = std::make_unique<Parts>();
  auto clients = make_clients(options);
  parts->store = options.make_store
                     ? options.make_store(std::move(clients))
                     : std::make_unique<authserver::MemoryStore>(std::move(clients), kMaxRecords);
  parts->administrators = std::move(options.administrators);
  parts->server = {.settings = {.issuer = std::move(options.issuer),
                                .resource_scopes = std::move(options.scopes),
                                .access_token_lifetime = options.access_token_lifetime,
                                .device_code_lifetime = options.device_code_lifetime,
                                .refresh_grace = options.refresh_grace,
                                .dpop = options.dpop != Dpop::off,
                                .dpop_nonce = options.dpop_nonce != DpopNonce::off,
                                .dpop_api_nonce = options.dpop_nonce == DpopNonce::everywhere},
                   .store = parts->store.get(),
                   .clock = options.clock,
                   .random = options.random,
                   .signing_keys = {*options.signing_key},
                   .grants = {authserver::client_credentials_grant(), authserver::device_code_grant(),
                              authserver::authorization_code_grant(), authserver::refresh_token_grant()},
                   .find_user = std::move(options.find_user)};
  RETURN_IF_ERROR(authserver::check(parts->server));
  return std::unique_ptr<OrgAuthorizationServer>(new OrgAuthorizationServer(std::move(parts)));
}

std::optional<ServerResponse> OrgAuthorizationServer::handle(const ServerRequest& request) const {
  for (const Endpoint& endpoint : kEndpoints) {
    if (endpoint.path == request.path) return endpoint.handler(parts_->server, request);
  }
  auto pages = [this] { return SignInPages{parts_->server, parts_->csrf_sealer, parts_->administrators()}; };
  if (request.path == "/activate") return pages().activate(request);
  if (request.path == "/oauth2/v1/authorize") return pages().authorize(request);
  if (request.path == "/oauth2/v1/authorize/confirm") return pages().confirm(request);
  return std::nullopt;
}

Result<oauth::VerifiedJwt> OrgAuthorizationServer::verify_access_token(std::string_view bearer) const {
  return authserver::verify_access_token(parts_->server, bearer);
}

std::expected<TokenClaims, TokenRefusal> OrgAuthorizationServer::verify_request(
    const ServerRequest& request) const {
  const authserver::Server& server = parts_->server;
  auto presented = authserver::presented_token(request);
  bool by_dpop = server.settings.dpop && net::equals_ignoring_case(presented.scheme, "DPoP");
  auto jwt =
      authserver::verify_presented_token(server, request, presented, server.settings.issuer + request.path);
  net::Headers headers;
  if (by_dpop) {
    auto nonces = authserver::dpop_nonces(server, authserver::DpopNonceUse::resource);
    if (nonces && !nonces->empty()) headers.add("DPoP-Nonce", nonces->front());
  }
  if (!jwt) {
    TokenRefusal refusal = refusal_of(jwt.error(), by_dpop);
    refusal.headers = std::move(headers);
    return std::unexpected(std::move(refusal));
  }
  auto client = parts_->store->find_client(jwt->string("cid"));
  if (!client) return std::unexpected(refusal_of(client.error(), by_dpop));
  return TokenClaims{.client_id = std::string(jwt->string("cid")),
                     .client_name = *client ? (*client)->name : std::string(),
                     .user_id = std::string(jwt->string("uid")),
                     .scopes = jwt->strings("scp"),
                     .headers = std::move(headers)};
}

AuthorizationHooks OrgAuthorizationServer::hooks() const {
  AuthorizationHooks hooks{
      .handle = [this](const ServerRequest& request) { return handle(request); },
      .verify = [this](const ServerRequest& request) { return verify_request(request); }};
  if (parts_->server.settings.dpop)
    hooks.dpop_algorithms = authserver::join_scopes(authserver::dpop_algorithms());
  return hooks;
}

}  // namespace devorg
