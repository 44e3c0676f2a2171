#include "devorg/oauth_routes.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <set>

#include "authserver/authorization.h"
#include "authserver/device_authorization.h"
#include "authserver/endpoints.h"
#include "catalogue/operations.h"
#include "core/encoding.h"
#include "core/seal.h"
#include "net/url.h"

namespace devorg {

struct OrgAuthorizationServer::Parts {
  std::unique_ptr<authserver::Store> store;
  authserver::Server server;
  std::function<std::vector<authserver::User>()> administrators;
  core::Sealer csrf_sealer = core::Sealer::ephemeral();
};

namespace {

using authserver::User;
using core::Result;
using net::Method;
using net::ServerRequest;
using net::ServerResponse;

constexpr std::size_t kMaxAdministrators = 50;
constexpr std::size_t kMaxForm = 16u << 10;
constexpr std::chrono::minutes kCsrfLifetime{30};
constexpr std::string_view kCsrfContext = "devorg.activate";

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
  if (options.device_may_refresh) clients.back().grants.emplace_back(authserver::kRefreshToken);
  clients.insert(clients.end(), options.more_clients.begin(), options.more_clients.end());
  return clients;
}

std::string escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

ServerResponse page(int status, std::string_view title, std::string_view body) {
  ServerResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "text/html; charset=utf-8"},
                      {"Cache-Control", "no-store"},
                      {"Content-Security-Policy",
                       "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "same-origin"}};
  response.body = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{0}</title></head>\n<body>\n"
      "<h1>{0}</h1>\n{1}<p><small>okta-dev-org, a local org for development. No password is asked "
      "for.</small></p>\n"
      "</body>\n</html>\n",
      escape(title), body);
  return response;
}

std::string code_form(std::string_view csrf) {
  return fmt::format(
      "<form method=\"post\" action=\"/activate\">\n"
      "<input type=\"hidden\" name=\"csrf_token\" value=\"{}\">\n"
      "<label>Enter the code shown on your device <input name=\"user_code\" autocomplete=\"off\" "
      "required></label>\n"
      "<button>Next</button>\n</form>\n",
      escape(csrf));
}

std::string decision_form(std::string_view csrf, const authserver::PendingDevice& device,
                          const std::vector<User>& administrators) {
  std::string scopes;
  for (const std::string& scope : device.scopes) scopes += "<li>" + escape(scope) + "</li>\n";
  std::string logins;
  for (const User& user : administrators) {
    logins += fmt::format("<option value=\"{0}\">{0}</option>\n", escape(user.login));
  }
  return fmt::format(
      "<p><strong>{0}</strong> ({1}) asks for access with the code "
      "<strong>{2}</strong>:</p>\n<ul>\n{3}</ul>\n"
      "<form method=\"post\" action=\"/activate\">\n"
      "<input type=\"hidden\" name=\"csrf_token\" value=\"{4}\">\n"
      "<input type=\"hidden\" name=\"user_code\" value=\"{2}\">\n"
      "<label>Sign in as <select name=\"login\">\n{5}</select></label>\n"
      "<button name=\"decision\" value=\"approve\">Approve</button>\n"
      "<button name=\"decision\" value=\"deny\">Refuse</button>\n</form>\n",
      escape(device.client_name), escape(device.client_id), escape(device.user_code), scopes, escape(csrf),
      logins);
}

// The pages of /activate. A form carries a token that only a reader of the page can know; browsers say in
// Origin whose page sent the form, and another site's is refused whatever token it carries.
class ActivatePage {
 public:
  ActivatePage(const authserver::Server& server, const core::Sealer& sealer, std::vector<User> administrators)
      : server_(server), sealer_(sealer), administrators_(std::move(administrators)) {
    if (administrators_.size() > kMaxAdministrators) administrators_.resize(kMaxAdministrators);
  }

  ServerResponse answer(const ServerRequest& request) const {
    if (request.method == Method::get || request.method == Method::head) return shown(request);
    if (request.method == Method::post) return submitted(request);
    auto response = page(405, "Method not allowed", "");
    response.headers.add("Allow", "GET, HEAD, POST");
    return response;
  }

 private:
  ServerResponse shown(const ServerRequest& request) const {
    auto query = net::parse_query(request.query);
    auto user_code = query ? net::query_value(*query, "user_code") : std::nullopt;
    if (!user_code || user_code->empty()) return page(200, "Activate your device", code_form(csrf_token()));
    return ask(*user_code);
  }

  ServerResponse ask(std::string_view user_code) const {
    auto device = authserver::find_pending_device(server_, user_code);
    if (!device) return failed(400, device.error().message);
    return page(200, "Activate your device", decision_form(csrf_token(), *device, administrators_));
  }

  ServerResponse submitted(const ServerRequest& request) const {
    if (net::media_type(request.headers.get("Content-Type")) != "application/x-www-form-urlencoded" ||
        request.body.size() > kMaxForm) {
      return failed(400, "The form is not one of this page's.");
    }
    auto fields = net::parse_query(request.body);
    if (!fields) return failed(400, "The form cannot be read.");
    auto field = [&](std::string_view name) { return net::query_value(*fields, name).value_or(""); };
    if (!same_origin(request) || !csrf_is_good(field("csrf_token"))) {
      return failed(
          403, "The form did not come from this page, or it was open for too long. Please send it again.");
    }
    std::string user_code = field("user_code");
    std::string decision = field("decision");
    if (decision.empty()) return ask(user_code);
    if (decision == "deny") {
      auto denied = authserver::deny_device(server_, user_code);
      if (!denied) return failed(400, denied.error().message);
      return page(200, "Refused", "<p>The device gets no access. You may close this page.</p>\n");
    }
    if (decision != "approve") return failed(400, "The decision is neither approve nor deny.");
    std::string login = field("login");
    auto user = find_administrator(login);
    if (!user) return failed(400, "The login is not that of an active administrator of this org.");
    auto approved = authserver::approve_device(server_, user_code, *user);
    if (!approved) return failed(400, approved.error().message);
    return page(200, "Device activated",
                "<p>The device is signed in as " + escape(user->login) + ". You may close this page.</p>\n");
  }

  ServerResponse failed(int status, std::string_view reason) const {
    return page(status, "Activate your device",
                "<p role=\"alert\">" + escape(reason) + "</p>\n" + code_form(csrf_token()));
  }

  std::optional<User> find_administrator(std::string_view login) const {
    bool listed = std::ranges::any_of(administrators_, [&](const User& user) { return user.login == login; });
    return listed ? server_.find_user(login) : std::nullopt;
  }

  std::string csrf_token() const {
    std::int64_t expires = (server_.now() + kCsrfLifetime).time_since_epoch().count();
    return core::base64url_encode(sealer_.seal(std::to_string(expires), kCsrfContext));
  }

  bool csrf_is_good(std::string_view token) const {
    auto sealed = core::base64url_decode(token);
    auto expires = sealed ? sealer_.open(*sealed, kCsrfContext) : Result<std::string>(std::string());
    // Only what this process sealed opens, so the text is a number.
    return expires && !expires->empty() && server_.now().time_since_epoch().count() < std::stoll(*expires);
  }

  // Not sent by curl. A loopback name other than the issuer's is the same machine under another name; any
  // other host is refused even if it matches Host, or a rebound DNS name would pass.
  bool same_origin(const ServerRequest& request) const {
    if (!request.headers.has("Origin")) return true;
    std::string_view origin = request.headers.get("Origin");
    if (origin == server_.settings.issuer) return true;
    auto url = net::parse_url(origin);
    return url && net::is_loopback_host(url->host) &&
           url->origin() == url->scheme + "://" + std::string(request.headers.get("Host"));
  }

  const authserver::Server& server_;
  const core::Sealer& sealer_;
  std::vector<User> administrators_;
};

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
  auto parts = std::make_unique<Parts>();
  auto clients = make_clients(options);
  parts->store = options.make_store ? options.make_store(std::move(clients))
                                    : std::make_unique<authserver::MemoryStore>(std::move(clients));
  parts->administrators = std::move(options.administrators);
  parts->server = {
      .settings = {.issuer = std::move(options.issuer),
                   .resource_scopes = options.scopes.empty() ? catalogue_scopes() : std::move(options.scopes),
                   .access_token_lifetime = options.access_token_lifetime,
                   .device_code_lifetime = options.device_code_lifetime},
      .store = parts->store.get(),
      .clock = options.clock,
      .random = options.random,
      .signing_keys = {*options.signing_key},
      .grants = {authserver::client_credentials_grant(), authserver::device_code_grant(),
                 authserver::refresh_token_grant()},
      .find_user = std::move(options.find_user)};
  RETURN_IF_ERROR(authserver::check(parts->server));
  return std::unique_ptr<OrgAuthorizationServer>(new OrgAuthorizationServer(std::move(parts)));
}

std::optional<ServerResponse> OrgAuthorizationServer::handle(const ServerRequest& request) const {
  for (const Endpoint& endpoint : kEndpoints) {
    if (endpoint.path == request.path) return endpoint.handler(parts_->server, request);
  }
  if (request.path != "/activate") return std::nullopt;
  return ActivatePage(parts_->server, parts_->csrf_sealer, parts_->administrators()).answer(request);
}

Result<oauth::VerifiedJwt> OrgAuthorizationServer::verify_access_token(std::string_view bearer) const {
  return authserver::verify_access_token(parts_->server, bearer);
}

AuthorizationHooks OrgAuthorizationServer::hooks() const {
  return {.handle = [this](const ServerRequest& request) { return handle(request); },
          .verify = [this](const ServerRequest&, std::string_view scheme,
                           std::string_view token) -> Result<TokenClaims> {
            if (scheme != "Bearer") {
              return core::fail(core::ErrorKind::unauthenticated, "authserver.scheme",
                                "This org takes bearer tokens only.");
            }
            ASSIGN_OR_RETURN(auto jwt, verify_access_token(token));
            ASSIGN_OR_RETURN(auto client, parts_->store->find_client(jwt.string("cid")));
            return TokenClaims{.client_id = std::string(jwt.string("cid")),
                               .client_name = client ? client->name : std::string(),
                               .user_id = std::string(jwt.string("uid")),
                               .scopes = jwt.strings("scp")};
          }};
}

}  // namespace devorg
