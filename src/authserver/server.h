// An authorization server as a value: settings, keys, the grants it offers, and where it remembers things.
// The endpoints (endpoints.h) are functions over it; nothing here changes while it serves.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/form.h"
#include "authserver/store.h"
#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "oauth/dpop_verifier.h"
#include "oauth/jwk.h"
#include "oauth/jwt.h"

namespace authserver {

struct Server;

struct GrantCall {
  const Server& server;
  const Form& form;
  const Client& client;  // authenticated, and allowed to use this grant
  // Thumbprint of the key that the request's DPoP proof proved (dpop.h); empty without a proof.
  std::string dpop_key{};
};

// One grant_type. Objects without state; what a grant needs it finds in the call.
class Grant {
 public:
  virtual ~Grant() = default;
  virtual std::string_view type() const = 0;
  // The members of the token answer (RFC 6749 section 5.1).
  virtual core::Result<boost::json::object> redeem(const GrantCall& call) const = 0;
  // What it adds to the server's metadata, beside its type.
  virtual void describe(boost::json::object&) const {}
};

// A grant that is one function, thread-safe.
using GrantRule = std::function<core::Result<boost::json::object>(const GrantCall&)>;
std::shared_ptr<const Grant> rule_grant(std::string type, GrantRule rule);

std::shared_ptr<const Grant> client_credentials_grant();  // RFC 6749 section 4.4
std::shared_ptr<const Grant> device_code_grant();         // RFC 8628
std::shared_ptr<const Grant> authorization_code_grant();  // RFC 6749 section 4.1 with RFC 7636
std::shared_ptr<const Grant> refresh_token_grant();  // RFC 6749 section 6, rotated, RFC 9700 section 4.14.2

inline constexpr std::string_view kClientCredentials = "client_credentials";
inline constexpr std::string_view kDeviceCode = "urn:ietf:params:oauth:grant-type:device_code";
inline constexpr std::string_view kAuthorizationCode = "authorization_code";
inline constexpr std::string_view kRefreshToken = "refresh_token";

// The header's `typ` of access tokens for the org's own API, and of those for others (RFC 9068 section 2.1).
inline constexpr std::string_view kAccessTokenType = "application/okta-internal-at+jwt";
inline constexpr std::string_view kResourceTokenType = "at+jwt";

// A person who may sign in. find_user() knows active ones only.
struct User {
  std::string id;     // "00u..."
  std::string login;  // "ada@example.com"
  std::string email{};
  std::string first_name{};
  std::string last_name{};
};

struct Settings {
  std::string issuer;  // "https://acme.okta.com": `iss` and `aud` of what is minted; no slash at the end
  std::string path = "/oauth2/v1";             // of the endpoints below the issuer
  std::vector<std::string> resource_scopes{};  // okta.users.read, ...; the OpenID ones are always known
  std::chrono::seconds access_token_lifetime{3600};
  std::chrono::seconds device_code_lifetime{600};
  std::chrono::seconds device_interval{5};
  std::chrono::seconds refresh_token_lifetime{7 * 86400};    // unused for that long, it dies
  std::chrono::seconds refresh_family_lifetime{90 * 86400};  // after that the person signs in again
  // How long a rotated refresh token still gives tokens, so that a client whose answer got lost may ask again
  // (Okta's `leeway`: 0 to 60 s, 30 by default). After that its use is taken for theft, and the whole family
  // dies. 0: at once.
  std::chrono::seconds refresh_grace{30};
  std::chrono::seconds authorization_code_lifetime{300};

  bool dpop = true;  // false: proofs are ignored, and the scheme DPoP is unknown
  // Proofs must carry a nonce of ours. Okta demands it at the token endpoint and not at its API.
  bool dpop_nonce = true;
  bool dpop_api_nonce = false;
  std::chrono::seconds dpop_nonce_rotation{86400};      // Okta hands out a new one every day,
  std::chrono::seconds dpop_nonce_lifetime{3 * 86400};  // and takes the old ones for three
  oauth::HtuForm dpop_htu = oauth::HtuForm::decoded;    // Okta's

  // Okta's org authorization server gives client_credentials to private_key_jwt clients only.
  bool client_credentials_need_key = true;

  std::string access_token_type{kAccessTokenType};
  // Access tokens are for the resource that was asked for (RFC 8707): whether `aud` is theirs is for
  // resources to check, not for this server.
  bool tokens_for_resources = false;
  std::vector<std::string> published_scopes{};  // `scopes_supported`; empty: the OpenID ones
  bool session_in_id_tokens = false;            // ID tokens name the sign-in in `sid`

  std::string endpoint(std::string_view name) const { return issuer + path + "/" + std::string(name); }
};

// Thread-safe to use, not to change. Store, clock and random outlive it.
struct Server {
  Settings settings;
  Store* store = nullptr;
  core::Clock* clock = nullptr;
  core::Random* random = nullptr;
  std::vector<oauth::Key> signing_keys{};  // RS256 or ES256, with kid; the first signs, all verify
  std::vector<std::shared_ptr<const Grant>> grants{};
  std::function<std::optional<User>(std::string_view login)> find_user{};
  // Beyond what this room remembers: whether a token of ours that verifies was taken back. None: never.
  std::function<core::Result<bool>(const oauth::VerifiedJwt& token)> is_taken_back{};
  // Whether a client may introspect a token that was not issued to it, as its resource may. None: never.
  std::function<core::Result<bool>(const Client& client, const oauth::VerifiedJwt& token)> may_introspect{};

  core::WallTime now() const { return clock->now(); }
  const Grant* find_grant(std::string_view type) const;
  std::string grant_types() const;  // comma-separated, for messages
};

// Checks that everything is there. Error authserver.server_error with the reason.
core::Status check(const Server& server);

}  // namespace authserver
