// The token service: the org authorization server and the custom ones behind one function, and who calls the
// API.
//
//   POST /oauth2/v1/token, introspect, revoke     GET /oauth2/v1/keys, userinfo, authorize (TokenOptions)
//   POST /oauth2/{aus}/v1/token, introspect, revoke     GET /oauth2/{aus}/v1/keys
//   GET  /.well-known/{oauth-authorization-server,openid-configuration}, the same below /oauth2/{aus}, and
//        /.well-known/{...}/oauth2/{aus} (RFC 8414 section 3.1 inserts, OpenID Connect appends)
//
// Nothing is kept here but parsed keys and rules, each with the version of the row that it came from.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/result.h"
#include "net/http_server.h"
#include "oauth/jwk.h"
#include "registry/service.h"
#include "rest/problem.h"
#include "rest/router.h"

namespace registry {

// What the token service asks of other parts. Called from several threads, some within a transaction: they
// read with the reader they are given and change nothing.
struct TokenOptions {
  oauth::Algorithm org_algorithm = oauth::Algorithm::rs256;  // of new keys of the org
  bool dpop_nonce = true;  // proofs at token endpoints carry a nonce, as Okta's
  // Active people.
  std::function<core::Result<std::optional<authserver::User>>(Reader&, std::string_view id)> user_by_id{};
  std::function<core::Result<std::optional<authserver::User>>(Reader&, std::string_view login)>
      user_by_login{};
  std::function<core::Result<std::vector<std::string>>(Reader&, std::string_view user)> groups_of{};
  // Who may use okta.* scopes. Asked with every call of the API that a person makes; none: nobody may.
  std::function<core::Result<bool>(Reader&, std::string_view user)> is_administrator{};
  // Active clients that are no workload principals: service apps of administrators, the console.
  std::function<core::Result<std::optional<authserver::Client>>(Reader&, std::string_view id)> find_client{};
  // GET and POST /oauth2/v1/authorize: the sign-in. authserver/authorization_code.h does the rest with `org`.
  std::function<net::ServerResponse(const authserver::Server& org, const net::ServerRequest&)> authorize{};
};

// Thread-safe. The service outlives it.
class TokenService {
 public:
  // Makes the org's keys where there are none. Errors: those of the store; registry.tokens.setting.
  static core::Result<std::unique_ptr<TokenService>> create(const Service& service, TokenOptions options);
  ~TokenService();

  // nullopt for a path that is not one of these.
  std::optional<net::ServerResponse> handle(const net::ServerRequest& request) const;

  // Who makes this call of the API: the holder of an access token of the org authorization server, under
  // Bearer or DPoP. 401 E0000011 with WWW-Authenticate otherwise. What the scopes allow is the router's.
  std::expected<rest::Caller, rest::Problem> authenticate(const net::ServerRequest& request) const;

  // The org authorization server, for pages that sign people in.
  core::Result<authserver::Server> org() const;

  // An access token for the API that an operator on this machine gives to somebody: `who` is its subject and
  // stands in events. Errors: invalid_scope for one that does not exist.
  core::Result<std::string> mint_admin_token(std::string_view who, const std::vector<std::string>& scopes,
                                             std::chrono::seconds lifetime) const;

  // Scopes that exist here: those of the API ("okta.aiAgents.read", ...).
  static std::vector<std::string> api_scopes();

 private:
  struct Parts;
  explicit TokenService(std::unique_ptr<const Parts> parts);
  std::unique_ptr<const Parts> parts_;
};

}  // namespace registry
