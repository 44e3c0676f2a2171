// Signing in as a person with a browser on this machine: the authorization code grant (RFC 6749 section 4.1)
// with PKCE by S256 (RFC 7636) and a loopback redirect (RFC 8252 section 7.3). One sign-in; the login it
// makes goes to the store, where person_tokens.h finds it.
//
// Okta compares redirect URIs letter by letter, port included (unlike RFC 8252 section 7.3, which lets the
// port vary), so the port is fixed, and has to be registered.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/random.h"
#include "core/result.h"
#include "core/secret.h"
#include "net/http_client.h"
#include "oauth/loopback_redirect.h"
#include "oauth/token_endpoint.h"
#include "oauth/token_store.h"

namespace oauth {

// Below the range from which Linux gives out ports by itself (32768 and up), and not assigned by IANA: a 1,
// and OKTA on a telephone's keys.
inline constexpr std::uint16_t kDefaultRedirectPort = 16582;

// How long a person may take between opening the link and coming back.
inline constexpr std::chrono::minutes kBrowserPatience{10};

struct BrowserPrompt {
  std::string redirect_uri;  // to be registered in the app: "http://127.0.0.1:16582/callback"
  std::string link;          // to be opened; printable ASCII, on the org's own origin
  core::WallTime expires_at{};
};

struct AuthorizationCodeOptions {
  std::string org_url;
  std::string client_id;
  std::vector<std::string> scopes;  // requested together with openid, profile, email and offline_access
  net::HttpClient& http;            // http, clock, random and store outlive the sign-in
  core::Clock& clock;
  core::Random& random;
  TokenStore& store;
  std::uint16_t port = kDefaultRedirectPort;  // 0 picks a free one, for tests
};

class AuthorizationCode {
 public:
  // Listens before it returns. Errors oauth.org_url, oauth.client_id, oauth.scopes, oauth.redirect_port.
  static core::Result<std::unique_ptr<AuthorizationCode>> create(AuthorizationCodeOptions options);

  const BrowserPrompt& prompt() const { return prompt_; }

  // Waits for the browser to come back, exchanges the code, stores the login, tells the browser how it went,
  // and returns the scopes granted. To be called once. An org that refuses offline_access is asked again
  // without it, in the same browser.
  //
  // Errors: oauth.callback_timeout, oauth.cancelled; what the org said (token_error.h); oauth.issuer when the
  // answer names another issuer (RFC 9207); oauth.bad_callback when it is not what RFC 6749 section 4.1.2
  // asks for; those of TokenEndpoint; what kept the login from being stored.
  core::Result<std::vector<std::string>> complete(const core::Context& context);
  // True when the org granted no refresh token: the login ends with its first access token.
  bool short_lived() const { return short_lived_; }

 private:
  AuthorizationCode(AuthorizationCodeOptions options, std::unique_ptr<TokenEndpoint> endpoint);
  // The link of another attempt, with a state and a verifier of its own.
  std::string new_link();
  core::Result<StoredToken> redeem(const core::Context& context, net::Query answer);
  core::Status check_issuer(const net::Query& answer) const;
  core::Status save(const core::Context& context, const StoredToken& token);

  const AuthorizationCodeOptions options_;
  const std::unique_ptr<TokenEndpoint> endpoint_;
  std::string state_;
  core::Secret verifier_;
  bool lasting_ = true;  // offline_access is asked for
  bool short_lived_ = false;
  BrowserPrompt prompt_;
  std::unique_ptr<LoopbackRedirect> redirect_;
};

// RFC 7636 section 4.2: base64url(SHA-256(verifier)).
std::string pkce_challenge(std::string_view verifier);

}  // namespace oauth
