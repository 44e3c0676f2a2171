// JSON Web Signatures in compact form (RFC 7515): sign, and verify under rules the token cannot change.
//
// Keys come from the caller only: `jwk`, `jku`, `x5u`, `x5c` in a header are never followed or trusted.
// Everything that can be wrong with a token has one error code, shared by this file and jwt.h:
//   oauth.jwt.too_large     longer than the limit
//   oauth.jwt.malformed     not three parts, base64url that is not strict, header or claims that are not one
//   JSON object oauth.jwt.duplicate     a member name stands twice (RFC 7515 section 4) oauth.jwt.header a
//   header member of the wrong type oauth.jwt.critical      `crit`: none of its extensions is understood here
//   (RFC 7515 section 4.1.11; so `b64` goes too) oauth.jwt.algorithm     `alg` is missing, "none", unknown,
//   or not in the allow-list oauth.jwt.type          `typ` is not what this token must be (RFC 8725
//   section 3.11) oauth.jwt.unknown_key   no key of that kid, or none that is bound to this algorithm
//   oauth.jwt.signature     the signature does not verify
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "oauth/jwk.h"

namespace oauth {

// Signs with the key's own algorithm. `header` may add members (typ, ...) and not set `alg` or `crit`; `kid`
// is added when the key has one. Errors: oauth.jwk.not_private, oauth.jws.header, oauth.jws.sign.
core::Result<std::string> sign_compact(const Key& key, std::string_view payload,
                                       const boost::json::object& header = {});

struct JwsRules {
  std::vector<Algorithm> algorithms{};  // the allow-list; empty refuses everything
  // Accepted `typ` values, compared without case and without a leading "application/" (RFC 7515
  // section 4.1.9). Empty: `typ` is not looked at. Otherwise a token without typ passes only where
  // typ_optional is set.
  std::vector<std::string> types{};
  bool typ_optional = false;
  // Refuse a token that does not name its key. Without kid, every key of the set that fits the algorithm is
  // tried.
  bool require_kid = false;
  std::size_t max_bytes = 32u << 10;
};

// Evidence: exists only as the result of verify_compact().
class VerifiedJws {
 public:
  const boost::json::object& header() const { return header_; }
  const std::string& payload() const { return payload_; }
  const Key& key() const { return key_; }  // the one that verified

 private:
  friend core::Result<VerifiedJws> verify_compact(std::string_view, const KeySet&, const JwsRules&);
  VerifiedJws(boost::json::object header, std::string payload, Key key)
      : header_(std::move(header)), payload_(std::move(payload)), key_(std::move(key)) {}

  boost::json::object header_;
  std::string payload_;
  Key key_;
};

core::Result<VerifiedJws> verify_compact(std::string_view token, const KeySet& keys, const JwsRules& rules);

// The primitives underneath: raw JWA signatures (ECDSA as R || S), with the key's own algorithm.
core::Result<std::string> sign_raw(const Key& key, std::string_view input);
bool verify_raw(const Key& key, std::string_view input, std::string_view signature);

// Header and claims of a token nobody has checked: to choose a key set by issuer, or to log. Trust nothing in
// it.
struct UnverifiedJwt {
  boost::json::object header;
  boost::json::object claims;
};
core::Result<UnverifiedJwt> peek(std::string_view token, std::size_t max_bytes = 32u << 10);

}  // namespace oauth
