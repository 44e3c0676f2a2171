#include "mcp/client_authorization.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/json.h"
#include "core/log.h"
#include "mcp/client_answer.h"
#include "mcp/client_token_request.h"
#include "oauth/authorization_code.h"
#include "oauth/issuer_metadata.h"
#include "oauth/token_endpoint.h"
#include "oauth/www_authenticate.h"

namespace mcp {

using core::ErrorKind;

namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kMaxCodeBytes = 4096;
constexpr std::size_t kMaxScopes = 128;
constexpr std::size_t kMaxRegistrations = 16;
constexpr std::size_t kMaxAnswerBytes = 256u << 10;
// A token is renewed this long before it ends, so that it does not end on its way.
constexpr std::chrono::seconds kMargin{30};

bool has(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

void add_all(std::vector<std::string>& scopes, const std::vector<std::string>& more) {
  for (const std::string& scope : more) {
    if (scopes.size() < kMaxScopes && !has(scopes, scope)) scopes.push_back(scope);
  }
}

bool is_dpop(const oauth::ReceivedChallenge& challenge) {
  return net::equals_ignoring_case(challenge.scheme, oauth::kDpopScheme);
}

// The challenge that is about OAuth, whichever scheme it goes by.
oauth::ReceivedChallenge oauth_challenge(const std::vector<oauth::ReceivedChallenge>& challenges) {
  for (const auto& challenge : challenges) {
    if (net::equals_ignoring_case(challenge.scheme, "Bearer") || is_dpop(challenge)) return challenge;
  }
  return {};
}

std::unexpected<core::Error> bad_callback(std::string_view what) {
  return core::fail(ErrorKind::protocol, "mcp.auth.callback",
                    fmt::format("The answer to the sign-in {}.", what));
}

std::unexpected<core::Error> not_configured(std::string_view what) {
  return core::fail(ErrorKind::unauthenticated, "mcp.auth.unavailable",
                    fmt::format("The server asks for an access token, and {}.", what));
}

}  // namespace

struct ClientAuthorization::Grant {
  AuthorizationServer server;
  std::string resource;
  std::vector<std::string> scopes;  // requested
  bool prove = false;               // with a key of ours, from the first request to the token endpoint
  std::shared_ptr<const oauth::AccessToken> token;
  core::Secret refresh_token;
};

struct ClientAuthorization::Wanted {
  std::string_view metadata_url;    // empty where the refusal names none
  std::vector<std::string> scopes;  // of the refusal
  std::vector<std::string> held;    // scopes that are kept in a step up
  bool dpop = false;
};

ClientAuthorization::ClientAuthorization(ClientAuthorizationOptions options)
    : options_(std::move(options)), dpop_(options_.clock, options_.random) {}
ClientAuthorization::~ClientAuthorization() = default;

std::shared_ptr<const ClientAuthorization::Grant> ClientAuthorization::current() const {
  std::lock_guard lock(mutex_);
  return grant_;
}

void ClientAuthorization::store(std::shared_ptr<const Grant> grant) {
  std::lock_guard lock(mutex_);
  grant_ = std::move(grant);
}

std::string ClientAuthorization::issuer() const {
  const auto grant = current();
  return grant ? grant->server.issuer : std::string{};
}

std::vector<std::string> ClientAuthorization::requested_scopes() const {
  const auto grant = current();
  return grant ? grant->scopes : std::vector<std::string>{};
}

core::Result<std::shared_ptr<const oauth::AccessToken>> ClientAuthorization::token(
    const core::Context& context, std::string_view) {
  auto grant = current();
  if (!grant) return nullptr;
  if (options_.clock.now() + kMargin < grant->token->expires_at) return grant->token;
  std::lock_guard flight(flight_);
  grant = current();
  if (!grant) return nullptr;
  if (options_.clock.now() + kMargin < grant->token->expires_at) return grant->token;
  auto renewed = grant->refresh_token.empty() ? core::Result<std::shared_ptr<const Grant>>(nullptr)
                                              : refresh(context, *grant);
  if (!renewed || !*renewed) {
    // Sent as it is: it may still do, and if not the challenge starts over with what the server wants now.
    return grant->token;
  }
  store(*renewed);
  return (*renewed)->token;
}

core::Result<bool> ClientAuthorization::challenged(const core::Context& context,
                                                   const AuthorizationChallenge& challenge) {
  const auto challenges = oauth::read_challenges(challenge.headers);
  const auto received = oauth_challenge(challenges);
  const bool step_up = challenge.status == 403;
  if (step_up && received.get("error") != "insufficient_scope") return false;

  std::lock_guard flight(flight_);
  const auto held = current();
  if (held && held->token != challenge.used) return true;  // somebody else has got another one meanwhile
  Wanted wanted{.metadata_url = received.get("resource_metadata"),
                .scopes = oauth::split_scopes(received.get("scope")),
                .dpop = std::ranges::any_of(challenges, is_dpop)};
  if (step_up) {
    const bool wider = std::ranges::any_of(
        wanted.scopes, [&](const std::string& scope) { return !held || !has(held->scopes, scope); });
    // Asking again for the same would end in the same.
    if (!wider || step_ups_ >= options_.max_step_ups) return false;
    ++step_ups_;
  }
  if (step_up && held) {
    wanted.held = held->scopes;
    add_all(wanted.held, held->token->scopes);
  }
  ASSIGN_OR_RETURN(auto grant, obtain(context, wanted, step_up ? nullptr : held.get()));
  store(std::move(grant));
  return true;
}

// `before`: the grant whose token was refused with 401; its refresh token is tried first, provided that the
// server still sends to the same issuer.
core::Result<std::shared_ptr<const ClientAuthorization::Grant>> ClientAuthorization::obtain(
    const core::Context& context, const Wanted& asked, const Grant* before) {
  ASSIGN_OR_RETURN(auto resource,
                   fetch_protected_resource(context, options_.http, options_.server_url, asked.metadata_url));
  auto wanted = std::make_shared<Grant>();
  if (resource) {
    wanted->resource = resource->resource;
    const auto& issuers = resource->authorization_servers;
    std::string issuer = issuers.front();
    if (options_.choose_issuer) {
      ASSIGN_OR_RETURN(issuer, options_.choose_issuer(issuers));
    } else if (options_.registration && has(issuers, options_.registration->issuer)) {
      issuer = options_.registration->issuer;
    }
    ASSIGN_OR_RETURN(wanted->server, fetch_authorization_server(context, options_.http, issuer));
  } else {
    ASSIGN_OR_RETURN(const net::Url url, net::parse_url(options_.server_url));
    wanted->resource = options_.server_url;
    auto server = fetch_authorization_server(context, options_.http, url.origin());
    if (!server && (server.error().code != "oauth.issuer.missing" || !options_.assume_endpoints)) {
      return std::unexpected(std::move(server).error());
    }
    wanted->server = server ? *std::move(server) : assumed_authorization_server(url.origin());
  }

  wanted->prove = wanted->server.dpop_es256 && (asked.dpop || (resource && resource->dpop_required));
  // What was given to nobody in particular is not bound to a key by renewing it.
  const bool enough = before && (!wanted->prove || before->token->dpop);
  if (enough && before->server.issuer == wanted->server.issuer && !before->refresh_token.empty()) {
    if (auto renewed = refresh(context, *before)) return renewed;
  }
  wanted->scopes = asked.held;
  if (!asked.scopes.empty()) {
    add_all(wanted->scopes, asked.scopes);
  } else if (wanted->scopes.empty()) {
    add_all(wanted->scopes, resource && !resource->scopes.empty() ? resource->scopes : options_.scopes);
  }
  if (options_.refresh && options_.grant == ClientGrant::authorization_code && !wanted->scopes.empty() &&
      has(wanted->server.scopes, "offline_access")) {
    add_all(wanted->scopes, {"offline_access"});
  }
  ASSIGN_OR_RETURN(const ClientRegistration* client, register_with(context, wanted->server));
  ASSIGN_OR_RETURN(auto form, grant_form(context, *wanted, *client));
  RETURN_IF_ERROR(redeem(context, *wanted, *client, std::move(form)));
  return wanted;
}

core::Result<const ClientRegistration*> ClientAuthorization::register_with(
    const core::Context& context, const AuthorizationServer& server) {
  const auto& given = options_.registration;
  if (given && (given->issuer.empty() || given->issuer == server.issuer)) return &*given;
  if (const auto known = registrations_.find(server.issuer); known != registrations_.end()) {
    return &known->second;
  }
  if (registrations_.size() >= kMaxRegistrations) {
    return core::fail(
        ErrorKind::too_large, "mcp.auth.registration",
        fmt::format("The server has named more than {} authorization servers.", kMaxRegistrations));
  }
  std::optional<ClientRegistration> made;
  if (!options_.client_id_document.empty() && server.client_id_documents) {
    made.emplace(ClientRegistration{
        .issuer = server.issuer, .client_id = options_.client_id_document, .authentication = "none"});
  } else if (options_.dynamic_registration && !server.registration_endpoint.empty()) {
    ASSIGN_OR_RETURN(made, register_dynamically(context, server));
  } else {
    return core::fail(
        ErrorKind::unauthenticated, "mcp.auth.registration",
        fmt::format("{} does not know this client, and offers no way to register.", server.issuer),
        "Register a client there and configure its id.");
  }
  return &registrations_.insert_or_assign(server.issuer, *std::move(made)).first->second;
}

// RFC 7591.
core::Result<ClientRegistration> ClientAuthorization::register_dynamically(
    const core::Context& context, const AuthorizationServer& server) {
  core::json::Array grants{"authorization_code"};
  if (options_.refresh) grants.emplace_back("refresh_token");
  core::json::Object metadata{{"client_name", options_.client_name},
                              {"redirect_uris", core::json::Array{core::json::Value(options_.redirect_uri)}},
                              {"grant_types", std::move(grants)},
                              {"response_types", core::json::Array{"code"}}};
  // OpenID Connect Dynamic Client Registration section 2: what a redirect to this machine is.
  const auto redirect = net::parse_url(options_.redirect_uri);
  metadata["application_type"] = redirect && net::is_loopback_host(redirect->host) ? "native" : "web";
  for (std::string_view method : {"none", "client_secret_basic", "client_secret_post"}) {
    if (!has(server.token_authentication, method)) continue;
    metadata["token_endpoint_auth_method"] = method;
    break;
  }
  ASSIGN_OR_RETURN(auto response,
                   options_.http.send(context, {.method = net::Method::post,
                                                .url = server.registration_endpoint,
                                                .headers = {{"Content-Type", "application/json"},
                                                            {"Accept", "application/json"}},
                                                .body = core::json::write(metadata),
                                                .total_timeout = std::chrono::seconds{25},
                                                .max_response_bytes = kMaxAnswerBytes}));
  const auto document = core::json::parse(response.body, {.max_bytes = kMaxAnswerBytes, .max_depth = 16});
  core::wipe(response.body);
  if (response.status / 100 != 2) {
    return core::fail(oauth_refusal(
        server.issuer, response.status, document ? core::json::string_or_empty(*document, "error") : "",
        document ? core::json::string_or_empty(*document, "error_description") : ""));
  }
  ClientRegistration made{.issuer = server.issuer};
  if (document) {
    made.client_id = core::json::string_or_empty(*document, "client_id");
    made.client_secret = core::Secret{std::string(core::json::string_or_empty(*document, "client_secret"))};
    made.authentication = core::json::string_or_empty(*document, "token_endpoint_auth_method");
  }
  if (made.client_id.empty() || made.client_id.size() > kMaxCodeBytes) {
    return core::fail(ErrorKind::protocol, "mcp.auth.registration",
                      fmt::format("{} registered this client and gave it no client_id.", server.issuer));
  }
  core::log(core::LogLevel::info, "mcp", "registered with an authorization server",
            {{"issuer", server.issuer}});
  return made;
}

core::Result<net::Query> ClientAuthorization::grant_form(const core::Context& context, const Grant& wanted,
                                                         const ClientRegistration& client) {
  net::Query form;
  switch (options_.grant) {
    case ClientGrant::authorization_code:
      return ask_person(context, wanted, client);
    case ClientGrant::client_credentials:
      form.emplace_back("grant_type", "client_credentials");
      break;
    case ClientGrant::jwt_bearer: {
      if (!options_.assertion) return not_configured("nobody is there to supply an assertion");
      ASSIGN_OR_RETURN(auto assertion, options_.assertion(context, {.issuer = wanted.server.issuer,
                                                                    .resource = wanted.resource,
                                                                    .client_id = client.client_id,
                                                                    .scopes = wanted.scopes}));
      form.emplace_back("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
      form.emplace_back("assertion", assertion.reveal());
      break;
    }
  }
  if (!wanted.scopes.empty()) form.emplace_back("scope", oauth::join_scopes(wanted.scopes));
  return form;
}

core::Result<net::Query> ClientAuthorization::ask_person(const core::Context& context, const Grant& wanted,
                                                         const ClientRegistration& client) {
  const AuthorizationServer& server = wanted.server;
  if (!options_.visit || options_.redirect_uri.empty()) return not_configured("nobody is there to sign in");
  if (server.authorization_endpoint.empty()) {
    return core::fail(ErrorKind::protocol, "mcp.auth.server",
                      fmt::format("{} publishes no authorization_endpoint.", server.issuer));
  }
  if (!server.pkce_s256) {
    return core::fail(ErrorKind::unsupported, "mcp.auth.pkce",
                      fmt::format("{} does not say that it supports PKCE with S256.", server.issuer),
                      "Without it a stolen code can be redeemed by others, so the sign-in is not begun.");
  }
  const core::Secret verifier(options_.random.token(kSecretBytes));
  AuthorizationVisit visit{.issuer = server.issuer,
                           .state = options_.random.token(kSecretBytes),
                           .redirect_uri = options_.redirect_uri,
                           .scopes = wanted.scopes};
  net::Query query{{"response_type", "code"},
                   {"client_id", client.client_id},
                   {"redirect_uri", options_.redirect_uri},
                   {"state", visit.state},
                   {"code_challenge", oauth::pkce_challenge(verifier.reveal())},
                   {"code_challenge_method", "S256"},
                   {"resource", wanted.resource}};
  if (!wanted.scopes.empty()) query.emplace_back("scope", oauth::join_scopes(wanted.scopes));
  if (wanted.prove) {  // binds the code to the key as well (RFC 9449 section 10)
    ASSIGN_OR_RETURN(const auto prover, dpop_.begin());
    query.emplace_back("dpop_jkt", prover->thumbprint());
  }
  const char separator = server.authorization_endpoint.find('?') == std::string::npos ? '?' : '&';
  visit.link = fmt::format("{}{}{}", server.authorization_endpoint, separator, net::encode_query(query));

  ASSIGN_OR_RETURN(auto answer, options_.visit(context, visit));
  // RFC 6749 section 3.1: parameters must not be included more than once.
  for (const std::string_view name : {"code", "error", "state", "iss"}) {
    if (std::ranges::count(answer, name, &std::pair<std::string, std::string>::first) > 1) {
      return bad_callback(fmt::format("has more than one {}", name));
    }
  }
  if (net::query_value(answer, "state") != visit.state) return bad_callback("carries another state");
  const auto issuer = net::query_value(answer, "iss");
  if (issuer ? *issuer != server.issuer : server.names_itself) {
    return core::fail(
        ErrorKind::protocol, "mcp.auth.issuer",
        issuer ? fmt::format("The answer to the sign-in at {} names {} as its issuer.", server.issuer,
                             outside_text(*issuer, 200))
               : fmt::format("The answer to the sign-in at {} does not name its issuer.", server.issuer),
        "Another authorization server's answer may have been passed off as this one's.");
  }
  if (const auto error = net::query_value(answer, "error")) {
    return core::fail(oauth_refusal(server.issuer, 400, *error,
                                    net::query_value(answer, "error_description").value_or("")));
  }
  core::Secret code(net::query_value(answer, "code").value_or(""));
  if (code.empty() || code.reveal().size() > kMaxCodeBytes) return bad_callback("has no usable code");
  return net::Query{{"grant_type", "authorization_code"},
                    {"code", code.reveal()},
                    {"redirect_uri", options_.redirect_uri},
                    {"code_verifier", verifier.reveal()}};
}

core::Status ClientAuthorization::redeem(const core::Context& context, Grant& wanted,
                                         const ClientRegistration& client, net::Query form) {
  form.emplace_back("resource", wanted.resource);
  ASSIGN_OR_RETURN(auto granted, request_token(context,
                                               {.http = options_.http,
                                                .clock = options_.clock,
                                                .random = options_.random,
                                                .server = wanted.server,
                                                .client = client,
                                                .dpop = dpop_,
                                                .prove = wanted.prove},
                                               std::move(form)));
  wanted.token = std::move(granted.token);
  wanted.refresh_token = std::move(granted.refresh_token);
  return {};
}

core::Result<std::shared_ptr<const ClientAuthorization::Grant>> ClientAuthorization::refresh(
    const core::Context& context, const Grant& held) {
  auto renewed = std::make_shared<Grant>(Grant{.server = held.server,
                                               .resource = held.resource,
                                               .scopes = held.scopes,
                                               .prove = held.prove || held.token->dpop,
                                               .token = nullptr,
                                               .refresh_token = {}});
  ASSIGN_OR_RETURN(const ClientRegistration* client, register_with(context, renewed->server));
  RETURN_IF_ERROR(redeem(context, *renewed, *client,
                         {{"grant_type", "refresh_token"}, {"refresh_token", held.refresh_token.reveal()}}));
  // One that is not replaced stays good (RFC 6749 section 6).
  if (renewed->refresh_token.empty()) renewed->refresh_token = held.refresh_token.copy();
  return renewed;
}

}  // namespace mcp
