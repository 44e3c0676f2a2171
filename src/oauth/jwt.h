// JSON Web Tokens (RFC 7519, checked as RFC 8725 advises). A VerifiedJwt is evidence: only a JwtVerifier
// makes one.
//
// Errors beside those of jws.h:
//   oauth.jwt.claim          a registered claim of the wrong type
//   oauth.jwt.missing_claim  a required claim is absent (the message names it)
//   oauth.jwt.issuer         `iss` is another
//   oauth.jwt.audience       `aud` names somebody else
//   oauth.jwt.expired        `exp` has passed
//   oauth.jwt.not_yet_valid  `nbf` lies ahead
//   oauth.jwt.issued_ahead   `iat` lies ahead
//   oauth.jwt.too_old        older than max_age, by `iat`
//   oauth.jwt.lifetime       `exp` lies further ahead than max_lifetime
// All are ErrorKind::unauthenticated.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "oauth/jwk.h"
#include "oauth/jws.h"

namespace oauth {

// Claims as they are, signed with the key's algorithm; `typ` goes into the header, empty leaves it out.
core::Result<std::string> sign_jwt(const Key& key, const boost::json::object& claims,
                                   std::string_view typ = "JWT");

class VerifiedJwt {
 public:
  const boost::json::object& header() const { return header_; }
  const boost::json::object& claims() const { return claims_; }

  // A claim that is a string; empty when it is absent or something else.
  std::string_view string(std::string_view claim) const;
  // A claim that is an array of strings, or one string, as `aud` and `scp` are.
  std::vector<std::string> strings(std::string_view claim) const;
  std::string_view issuer() const { return string("iss"); }
  std::string_view subject() const { return string("sub"); }
  std::string_view id() const { return string("jti"); }
  core::WallTime expires_at() const { return expires_at_; }
  std::optional<core::WallTime> issued_at() const { return issued_at_; }
  const Key& key() const { return key_; }  // the one that verified

 private:
  friend class JwtVerifier;
  VerifiedJwt(const VerifiedJws& jws, boost::json::object claims)
      : header_(jws.header()), claims_(std::move(claims)), key_(jws.key()) {}

  boost::json::object header_;
  boost::json::object claims_;
  core::WallTime expires_at_{};
  std::optional<core::WallTime> issued_at_;
  Key key_;
};

struct JwtRules {
  JwsRules jws{};                        // allow-list, typ, kid, size
  std::string issuer{};                  // required: `iss` is exactly this
  std::vector<std::string> audiences{};  // required: `aud` names at least one of these, exactly
  // ... or, where they are resource URIs (RFC 8707), one whose canonical form is the same (resource_uri.h).
  bool audiences_are_resources = false;
  std::chrono::seconds leeway{60};                     // for exp, nbf, iat
  std::optional<std::chrono::seconds> max_age{};       // needs iat
  std::optional<std::chrono::seconds> max_lifetime{};  // exp at most this far ahead of now
  std::vector<std::string> required_claims{};          // besides iss, aud and exp, which always are
};

// Immutable and thread-safe; the clock outlives it.
class JwtVerifier {
 public:
  // Error oauth.jwt.rules when a rule that everything rests on is missing (issuer, audience, algorithms).
  static core::Result<JwtVerifier> create(JwtRules rules, const core::Clock& clock);

  core::Result<VerifiedJwt> verify(std::string_view token, const KeySet& keys) const;

  // The claims alone, where something other than a signature vouches for them (RFC 7662 over TLS).
  struct Times {
    core::WallTime expires_at{};
    std::optional<core::WallTime> issued_at;
  };
  core::Result<Times> check_claims(const boost::json::object& claims) const;
  const JwtRules& rules() const { return rules_; }

 private:
  JwtVerifier(JwtRules rules, const core::Clock& clock) : rules_(std::move(rules)), clock_(&clock) {}

  JwtRules rules_;
  const core::Clock* clock_;
};

}  // namespace oauth
