// Where access tokens for an Okta org come from. One interface for every way to sign in.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/result.h"
#include "core/secret.h"

namespace oauth {

class DpopProver;  // dpop.h

// The scheme of tokens that are bound to a key (RFC 9449 section 7.1).
constexpr std::string_view kDpopScheme = "DPoP";

struct AccessToken {
  core::Secret value;
  std::string scheme = "Bearer";    // of the Authorization header: Bearer, SSWS, DPoP
  std::vector<std::string> scopes;  // granted, as the server said; empty when it did not say
  core::WallTime expires_at{};      // by this machine's clock, skew already taken out
  // Set where the scheme is DPoP: makes the proof that each request with this token needs (RFC 9449 section
  // 7).
  std::shared_ptr<DpopProver> dpop;
};

// Thread-safe. token() is single-flight: however many calls ask, one request is made.
class TokenSource {
 public:
  virtual ~TokenSource() = default;

  // A token that is good for at least a minute. May ask the network; never waits for a person: while one
  // has to confirm a sign-in the error is oauth.login_pending, and its hint carries link and code.
  virtual core::Result<std::shared_ptr<const AccessToken>> token(const core::Context& context) = 0;

  // The API answered 401 to this token: it is not handed out again, the next token() fetches anew.
  virtual void reject(const AccessToken& token) = 0;

  // What the last token was granted, without asking anybody; nullopt when nothing is known yet.
  virtual std::optional<std::vector<std::string>> granted_scopes() const = 0;

  // What a sign-in asks for, the scopes that only serve the sign-in itself (openid, offline_access) included;
  // empty where none are asked for.
  virtual std::vector<std::string> requested_scopes() const { return {}; }

  // "private key JWT", "device authorization grant", "authorization code with DPoP", "SSWS token"; for status
  // and audit.
  virtual std::string_view method() const = 0;
};

}  // namespace oauth
