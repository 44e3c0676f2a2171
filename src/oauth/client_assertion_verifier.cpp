#include "oauth/client_assertion_verifier.h"

#include "core/json.h"

namespace oauth {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;

constexpr std::size_t kMaxAssertion = 16u << 10;
constexpr std::size_t kMaxId = 255;

std::unexpected<core::Error> refuse(std::string_view reason, std::string message) {
  return fail(ErrorKind::unauthenticated, "oauth.client_assertion." + std::string(reason),
              std::move(message));
}

std::string_view text(const boost::json::object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

}  // namespace

Result<std::string> claimed_client_id(std::string_view assertion) {
  ASSIGN_OR_RETURN(auto jwt, peek(assertion, kMaxAssertion));
  std::string_view subject = text(jwt.claims, "sub");
  if (subject.empty()) return refuse("subject", "The client assertion names no subject.");
  return std::string(subject);
}

Result<VerifiedClientAssertion> verify_client_assertion(std::string_view assertion,
                                                        std::string_view client_id, const KeySet& keys,
                                                        const ClientAssertionRules& rules,
                                                        const core::Clock& clock) {
  ASSIGN_OR_RETURN(auto unverified, peek(assertion, kMaxAssertion));
  if (text(unverified.claims, "iss") != client_id) {
    return refuse("issuer", "The client assertion's issuer is not the client.");
  }
  if (text(unverified.claims, "sub") != client_id) {
    return refuse("subject", "The client assertion's subject is not the client.");
  }
  if (!unverified.claims.contains("exp")) {
    return refuse("expiration", "The client assertion has no expiration time.");
  }
  ASSIGN_OR_RETURN(auto verifier, JwtVerifier::create({.jws = {.algorithms = rules.algorithms,
                                                               .types = {"JWT"},
                                                               .typ_optional = true,
                                                               .max_bytes = kMaxAssertion},
                                                       .issuer = std::string(client_id),
                                                       .audiences = rules.audiences,
                                                       .leeway = rules.leeway,
                                                       .max_lifetime = rules.max_lifetime},
                                                      clock));
  ASSIGN_OR_RETURN(auto jwt, verifier.verify(assertion, keys));
  if (jwt.id().size() > kMaxId)
    return refuse("id", "The client assertion's jti is longer than 255 characters.");
  VerifiedClientAssertion verified;
  verified.client_id_ = client_id;
  verified.id_ = jwt.id();
  verified.expires_at_ = jwt.expires_at();
  return verified;
}

}  // namespace oauth
