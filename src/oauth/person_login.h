// A login that a person made, kept alive: in memory, in the store, and renewed with its refresh token, which
// the org may rotate (RFC 6749 section 6, RFC 9700 section 4.14). What the device grant and a sign-in in the
// browser share; how the person signs in is theirs.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/result.h"
#include "oauth/token_cache.h"
#include "oauth/token_endpoint.h"
#include "oauth/token_source.h"
#include "oauth/token_store.h"

namespace oauth {

// TokenKey::grant of the two ways a person signs in.
inline constexpr std::string_view kDeviceCode = "device_code";
inline constexpr std::string_view kAuthorizationCode = "authorization_code";

// The code of the error that says that nobody is signed in. Inside this room: callers are told what to do.
inline constexpr std::string_view kLoginNeeded = "oauth.login_needed";
// As it is told where no sign-in may be started (DeviceGrantOptions::may_ask_a_person).
std::unexpected<core::Error> login_needed(const std::string& org);

struct PersonLoginOptions {
  TokenEndpoint& endpoint;  // endpoint, clock and store outlive the login
  std::string client_id;
  std::vector<std::string> scopes;  // as configured
  std::string_view grant;           // kDeviceCode or kAuthorizationCode
  core::Clock& clock;
  DpopBinding& dpop;                                 // the endpoint's
  TokenStore* store = nullptr;                       // null: the login lives in memory only
  std::optional<LoginCaller> caller = std::nullopt;  // TokenKey::caller
  // The org has refused the refresh token for good. Called while the login is locked, so it must not ask it
  // for a token; its error takes the place of the org's.
  std::function<core::Status()> on_ended;
};

// Thread-safe.
class PersonLogin {
 public:
  explicit PersonLogin(PersonLoginOptions options);

  // Errors: kLoginNeeded; oauth.invalid_grant when the login has just ended and been forgotten; those of
  // TokenEndpoint, and oauth.store.locked, after which the login is still there.
  core::Result<std::shared_ptr<const AccessToken>> token(const core::Context& context);
  TokenCache& cache() { return cache_; }
  const TokenCache& cache() const { return cache_; }

 private:
  core::Result<StoredToken> refresh(const core::Context& context, const StoredToken* held);

  const PersonLoginOptions options_;
  TokenCache cache_;
};

// What a person's sign-in asks for: the scopes, openid, profile and email, and, for a login that is to last,
// offline_access.
std::vector<std::string> requested_scopes(const std::vector<std::string>& configured, bool lasting);

// True for a refusal that may be about offline_access: it names it, or is an invalid_scope that names
// nothing.
bool offline_access_refused(const core::Error& error);

// Shown with a sign-in that had to do without offline_access.
inline constexpr std::string_view kShortLoginNotice =
    "The org does not grant offline_access to this app, so this sign-in lasts only as long as its first "
    "access token; to change that, enable the Refresh Token grant for the app.";

}  // namespace oauth
