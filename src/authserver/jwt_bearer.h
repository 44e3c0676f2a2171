// JWT bearer grants (RFC 7523 section 2.1) whose assertion is an identity assertion authorization grant
// (draft-ietf-oauth-identity-assertion-authz-grant): what any resource authorization server must check of one
// is checked here, in this order; what it stands for is the injected rule's to decide, and that it is used
// once.
//
//   id_jag_scopes_in_request          the request has a `scope`
//   missing_token_request_parameter   no assertion
//   invalid_grant                     not a JWT, `typ` is not oauth-id-jag+jwt, a claim is missing or
//   malformed id_jag_untrusted_issuer id_jag_invalid_signature jwt_bearer_grant_invalid_audience `aud` is not
//   this issuer alone id_jag_expired, id_jag_issued_in_future, id_jag_lifetime_too_long
//   id_jag_client_mismatch            `client_id` is not who asks
//   invalid_grant                     bound to a key (`cnf.jkt`) that the request does not prove; not bound,
//   for
//                                     a client that must (draft section "Proof-of-Possession")
//   id_jag_invalid_subject            no `sub`
//   id_jag_lacking_scopes
//   too_many_resources, id_jag_resource_mismatch   `resource` of claim and request are not the same text
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/result.h"
#include "oauth/jwt.h"

namespace authserver {

inline constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
inline constexpr std::string_view kIdJagType = "oauth-id-jag+jwt";
inline constexpr std::string_view kIdJagProfile = "urn:ietf:params:oauth:grant-profile:id-jag";

struct IdentityAssertionRules;

// Evidence: exists only when all of the above has passed.
class IdentityAssertion {
 public:
  const oauth::VerifiedJwt& jwt() const { return jwt_; }
  const std::vector<std::string>& scopes() const { return scopes_; }
  const std::string& resource() const { return resource_; }  // of claim and request; empty: none

 private:
  friend core::Result<IdentityAssertion> verify_identity_assertion(const IdentityAssertionRules&,
                                                                   const GrantCall&);
  explicit IdentityAssertion(oauth::VerifiedJwt jwt) : jwt_(std::move(jwt)) {}

  oauth::VerifiedJwt jwt_;
  std::vector<std::string> scopes_;
  std::string resource_;
};

struct IdentityAssertionRules {
  // The keys of an issuer; nullopt: it is not trusted.
  std::function<core::Result<std::optional<oauth::KeySet>>(std::string_view issuer)> keys_of{};
  std::function<core::Result<boost::json::object>(const GrantCall& call, const IdentityAssertion& assertion)>
      redeem{};
  std::chrono::seconds max_lifetime{300};
  std::chrono::seconds skew{5};  // of clocks that go ahead
};

core::Result<IdentityAssertion> verify_identity_assertion(const IdentityAssertionRules& rules,
                                                          const GrantCall& call);

std::shared_ptr<const Grant> jwt_bearer_grant(IdentityAssertionRules rules);

}  // namespace authserver
