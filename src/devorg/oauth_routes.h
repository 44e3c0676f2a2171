// The org authorization server of the local org: room authserver bound to Okta's paths, with the clients
// developers use and a page where a person confirms a sign-in.
//
//   POST /oauth2/v1/token, /oauth2/v1/device/authorize, /oauth2/v1/introspect, /oauth2/v1/revoke
//   GET  /oauth2/v1/keys, /oauth2/v1/userinfo
//   GET  /.well-known/openid-configuration, /.well-known/oauth-authorization-server
//   GET, POST /activate, /oauth2/v1/authorize
//   POST /oauth2/v1/authorize/confirm
//
// The pages ask for no password: it is a development tool, whoever reaches it may sign in as any of the org's
// administrators. From a shell:
//   csrf=$(curl -s "$ORG/activate" | sed -n 's/.*name="csrf_token" value="\([^"]*\)".*/\1/p')
//   curl -s "$ORG/activate" -d "csrf_token=$csrf&user_code=$CODE&login=admin@example.com&decision=approve"
// The page of /oauth2/v1/authorize has a field `request` beside `csrf_token`; both go to .../confirm with
// login and decision.
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
#include "authserver/store.h"
#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "devorg/server.h"
#include "net/http_server.h"
#include "oauth/jwk.h"
#include "oauth/jwt.h"

namespace devorg {

// client_credentials with private_key_jwt; its public keys come with the options.
inline constexpr std::string_view kDevServiceClient = "0oaDevServiceClient1";
// Device grant, authorization code with PKCE, and refresh tokens: what Okta calls a Native app. A public
// client, no secret.
inline constexpr std::string_view kDevDeviceClient = "0oaDevDeviceClient01";

// What the apps do about DPoP. Off: proofs are ignored. Optional: who sends one gets a token bound to it.
// Required: Okta's "Require Demonstrating Proof of Possession (DPoP) header in token requests".
enum class Dpop { off, optional, required };
// Where proofs must carry a nonce. Okta: at the token endpoint.
enum class DpopNonce { off, token_endpoint, everywhere };

struct OrgAuthorizationServerOptions {
  std::string issuer;  // the org's URL without a slash at the end: "http://127.0.0.1:4400"
  std::vector<oauth::Key> service_keys{};             // of kDevServiceClient; without any it cannot sign in
  std::vector<std::string> service_scopes{"okta.*"};  // what it may be granted; "okta.*" is everything
  std::vector<std::string> device_scopes{"okta.*"};   // the same of kDevDeviceClient
  bool device_may_refresh =
      true;  // false: offline_access is refused, as for an app without the refresh token grant
  // Of kDevDeviceClient; empty: no authorization codes. Compared as texts, ports included, as Okta does.
  std::vector<std::string> redirect_uris{"http://127.0.0.1:16582/callback"};
  std::vector<authserver::Client> more_clients{};  // they say for themselves whether DPoP is required
  Dpop dpop = Dpop::optional;
  DpopNonce dpop_nonce = DpopNonce::token_endpoint;
  std::chrono::seconds refresh_grace{30};  // authserver::Settings says what it does
  std::vector<std::string> scopes{};  // that exist; empty: all that an operation of the catalogue demands
  std::vector<std::string> more_scopes{};  // beside those

  // An active user by login; called from several threads.
  std::function<std::optional<authserver::User>(std::string_view login)> find_user{};
  // Whom /activate offers, at most 50 are shown; called from several threads.
  std::function<std::vector<authserver::User>()> administrators{};

  std::optional<oauth::Key> signing_key{};  // private, RS256, with kid; none: a new one
  // Where codes and tokens are remembered; none: in memory.
  std::function<std::unique_ptr<authserver::Store>(std::vector<authserver::Client>)> make_store{};
  std::chrono::seconds access_token_lifetime{3600};
  std::chrono::seconds device_code_lifetime{600};
  core::Clock* clock = nullptr;    // outlives the server
  core::Random* random = nullptr;  // outlives the server
};

// Thread-safe.
class OrgAuthorizationServer {
 public:
  // Errors: authserver.server_error with what is missing or wrong in the options, devorg.redirect_uri.
  static core::Result<std::unique_ptr<OrgAuthorizationServer>> create(OrgAuthorizationServerOptions options);
  ~OrgAuthorizationServer();

  // nullopt for a path that is not one of these.
  std::optional<net::ServerResponse> handle(const net::ServerRequest& request) const;

  // Evidence that a token (without its scheme) is one of ours, unexpired and not revoked. Its scopes are
  // strings("scp"), the client string("cid"), a person string("uid"). Errors: oauth/jwt.h,
  // authserver.access_token_revoked. How it was presented is verify_request()'s to check.
  core::Result<oauth::VerifiedJwt> verify_access_token(std::string_view token) const;
  // The token of an API request, under Bearer or DPoP, with all that belongs to it (authserver/dpop.h).
  std::expected<TokenClaims, TokenRefusal> verify_request(const net::ServerRequest& request) const;

  // For Server::set_authorization(); this object outlives that server.
  AuthorizationHooks hooks() const;

 private:
  struct Parts;
  explicit OrgAuthorizationServer(std::unique_ptr<const Parts> parts);
  std::unique_ptr<const Parts> parts_;
};

}  // namespace devorg
