// The receiving side of private_key_jwt (RFC 7523 section 3): a client proves who it is with a token signed
// by its key.
//
// Errors: those of jwt.h, and where RFC 7523 has rules of its own
//   oauth.client_assertion.issuer      `iss` is missing or is not the client
//   oauth.client_assertion.subject     `sub` is missing or is not the client
//   oauth.client_assertion.expiration  `exp` is missing
//   oauth.client_assertion.id          `jti` is longer than 255 characters
// Whether a jti was used before is for the caller's store to say: it alone can decide that once for all
// processes.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "oauth/jwk.h"
#include "oauth/jwt.h"

namespace oauth {

struct ClientAssertionRules;

// Evidence: exists only as the result of verify_client_assertion().
class VerifiedClientAssertion {
 public:
  const std::string& client_id() const { return client_id_; }
  const std::string& id() const { return id_; }  // jti; may be empty, RFC 7523 leaves it optional
  core::WallTime expires_at() const { return expires_at_; }

 private:
  friend core::Result<VerifiedClientAssertion> verify_client_assertion(std::string_view, std::string_view,
                                                                       const KeySet&,
                                                                       const ClientAssertionRules&,
                                                                       const core::Clock&);
  VerifiedClientAssertion() = default;

  std::string client_id_;
  std::string id_;
  core::WallTime expires_at_{};
};

struct ClientAssertionRules {
  std::vector<std::string> audiences{};  // `aud` names one of these: the endpoint that was asked
  // Okta's list for private_key_jwt.
  std::vector<Algorithm> algorithms{Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                                    Algorithm::es256, Algorithm::es384, Algorithm::es512};
  std::chrono::seconds max_lifetime{3600};  // Okta refuses `exp` more than an hour ahead
  std::chrono::seconds leeway{5};
};

// Who the assertion says it comes from, before anything is checked: to look up that client's keys.
core::Result<std::string> claimed_client_id(std::string_view assertion);

core::Result<VerifiedClientAssertion> verify_client_assertion(std::string_view assertion,
                                                              std::string_view client_id, const KeySet& keys,
                                                              const ClientAssertionRules& rules,
                                                              const core::Clock& clock);

}  // namespace oauth
