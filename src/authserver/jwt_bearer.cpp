#include "authserver/jwt_bearer.h"

#include <array>

#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "core/json.h"

namespace authserver {
namespace {

using boost::json::object;
using core::Result;

struct Translation {
  std::string_view from;  // error code of room oauth
  std::string_view to;    // name in the problem table
};
constexpr std::array<Translation, 6> kErrors{{
    {"oauth.jwt.signature", "id_jag_invalid_signature"},
    {"oauth.jwt.unknown_key", "id_jag_invalid_signature"},
    {"oauth.jwt.algorithm", "id_jag_invalid_signature"},
    {"oauth.jwt.audience", "jwt_bearer_grant_invalid_audience"},
    {"oauth.jwt.expired", "id_jag_expired"},
    {"oauth.jwt.issued_ahead", "id_jag_issued_in_future"},
}};

std::unexpected<core::Error> assertion_problem(const core::Error& error) {
  for (const Translation& row : kErrors) {
    if (row.from == error.code) return problem(row.to);
  }
  return problem("invalid_grant");
}

core::Status check_times(const IdentityAssertionRules& rules, const GrantCall& call,
                         const oauth::VerifiedJwt& jwt) {
  // The skew is granted to the clock of who issued it, not to who holds on to it.
  if (call.server.now() >= jwt.expires_at()) return problem("id_jag_expired");
  if (!jwt.issued_at()) return problem("invalid_grant");
  if (jwt.expires_at() - *jwt.issued_at() > rules.max_lifetime) return problem("id_jag_lifetime_too_long");
  return {};
}

// Bound means bound: the key of the exchange, and no other, redeems it (RFC 9449 section 6.1).
core::Status check_key(const GrantCall& call, const oauth::VerifiedJwt& jwt) {
  const bool bound = jwt.claims().contains("cnf");
  const std::string_view key = core::json::string_or_empty(jwt.claims(), "cnf.jkt");
  if (bound ? key.empty() || key != call.dpop_key : call.client.dpop_bound_access_tokens) {
    return problem("invalid_grant");
  }
  return {};
}

Result<std::string> checked_resource(const GrantCall& call, const oauth::VerifiedJwt& jwt) {
  auto asked = call.form.all("resource");
  if (asked.size() > 1) return problem("too_many_resources", {"1"});
  auto claimed = jwt.strings("resource");
  if (jwt.claims().contains("resource") && claimed.size() != 1) return problem("invalid_grant");
  if (asked != claimed) return problem("id_jag_resource_mismatch");
  return asked.empty() ? std::string() : std::move(asked.front());
}

class JwtBearerGrant final : public Grant {
 public:
  explicit JwtBearerGrant(IdentityAssertionRules rules) : rules_(std::move(rules)) {}

  std::string_view type() const override { return kJwtBearer; }

  Result<object> redeem(const GrantCall& call) const override {
    ASSIGN_OR_RETURN(auto assertion, verify_identity_assertion(rules_, call));
    return rules_.redeem(call, assertion);
  }

  void describe(object& metadata) const override {
    metadata["authorization_grant_profiles_supported"] = boost::json::array{kIdJagProfile};
  }

 private:
  IdentityAssertionRules rules_;
};

}  // namespace

Result<IdentityAssertion> verify_identity_assertion(const IdentityAssertionRules& rules,
                                                    const GrantCall& call) {
  if (call.form.get("scope")) return problem("id_jag_scopes_in_request");
  auto token = call.form.get("assertion");
  if (!token) return problem("missing_token_request_parameter", {"assertion"});
  auto unverified = oauth::peek(*token);
  if (!unverified || core::json::string_or_empty(unverified->header, "typ") != kIdJagType) {
    return problem("invalid_grant");
  }
  std::string issuer(core::json::string_or_empty(unverified->claims, "iss"));
  std::optional<oauth::KeySet> keys;
  if (!issuer.empty()) {
    ASSIGN_OR_RETURN(keys, rules.keys_of(issuer));
  }
  if (!keys) return problem("id_jag_untrusted_issuer");
  ASSIGN_OR_RETURN(
      auto verifier,
      oauth::JwtVerifier::create({.jws = {.algorithms = {oauth::Algorithm::rs256, oauth::Algorithm::es256},
                                          .types = {std::string(kIdJagType)},
                                          .require_kid = true},
                                  .issuer = std::move(issuer),
                                  .audiences = {call.server.settings.issuer},
                                  .leeway = rules.skew,
                                  .required_claims = {"jti", "iat", "client_id"}},
                                 *call.server.clock));
  auto jwt = verifier.verify(*token, *keys);
  if (!jwt) return assertion_problem(jwt.error());
  if (jwt->strings("aud").size() != 1) return problem("jwt_bearer_grant_invalid_audience");
  RETURN_IF_ERROR(check_times(rules, call, *jwt));
  if (jwt->string("client_id") != call.client.id) return problem("id_jag_client_mismatch");
  if (jwt->id().empty()) return problem("invalid_grant");
  RETURN_IF_ERROR(check_key(call, *jwt));
  if (jwt->subject().empty()) return problem("id_jag_invalid_subject");
  auto scopes = split_scopes(jwt->string("scope"));
  if (!scopes) return problem("invalid_grant");
  if (scopes->empty()) return problem("id_jag_lacking_scopes");
  ASSIGN_OR_RETURN(auto resource, checked_resource(call, *jwt));
  IdentityAssertion assertion(*std::move(jwt));
  assertion.scopes_ = *std::move(scopes);
  assertion.resource_ = std::move(resource);
  return assertion;
}

std::shared_ptr<const Grant> jwt_bearer_grant(IdentityAssertionRules rules) {
  return std::make_shared<JwtBearerGrant>(std::move(rules));
}

}  // namespace authserver
