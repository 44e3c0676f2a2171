// The receiving side of DPoP (RFC 9449 section 4.3): a client proves, for this one request, that it holds the
// private key of the public key in the proof.
//
// Errors, all ErrorKind::unauthenticated:
//   oauth.dpop.missing        no DPoP header field
//   oauth.dpop.multiple       more than one                                            (check 1)
//   oauth.dpop.malformed      too long, not one JWT, or `crit` in it                   (check 2)
//   oauth.dpop.type           `typ` is not dpop+jwt                                    (check 4)
//   oauth.dpop.algorithm      `alg` is missing, symmetric, "none", or not in the list  (check 5)
//   oauth.dpop.key            `jwk` is missing, no usable public key, or a private one (checks 3, 7)
//   oauth.dpop.signature      it does not verify with that key                         (check 6)
//   oauth.dpop.htm, .htu      missing, or of another request                           (checks 3, 8, 9)
//   oauth.dpop.nonce          missing, or none of those handed out                     (check 10)
//   oauth.dpop.iat            missing, or not a time                                   (check 3)
//   oauth.dpop.issued_ahead, .too_old                                                  (check 11)
//   oauth.dpop.expired        `exp`, which a proof need not have, has passed
//   oauth.dpop.jti            missing, empty, or longer than 255 characters            (check 3)
//   oauth.dpop.ath            missing, or of another access token                      (check 12)
//   oauth.dpop.binding        the key is not the one the token is bound to             (check 12)
// Whether a jti was used before is for the caller's store to say: it alone can decide that once for all
// processes.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "oauth/jwk.h"

namespace oauth {

// What is known about the request that the proof came with.
struct DpopRequest {
  std::vector<std::string_view> proofs{};  // the values of its DPoP header fields, all of them
  std::string method;                      // "POST"; compared exactly, methods have case (RFC 9110)
  std::string url;                         // as others see it; a query and a fragment do not count
  // Of a request for a resource; empty at a token endpoint. The proof's `ath` must be its hash.
  std::string access_token{};
  // Thumbprint (RFC 7638) that a token, or a code, is bound to; empty when it is bound to none.
  std::string bound_to{};
};

// How `htu` is compared with the path of the request.
enum class HtuForm {
  // As RFC 9449 says it should: after RFC 3986 sections 6.2.2 and 6.2.3.
  normalised,
  // As Okta's API does it: `htu` must hold the path with its percent escapes decoded ("/users/a@b.example"
  // for "/users/a%40b.example"), and the escaped form is refused (okta/okta-sdk-python issue 541,
  // okta/okta-sdk-java pull request 1526).
  decoded,
};

struct DpopRules {
  // Okta's list, as its API's challenges print it.
  std::vector<Algorithm> algorithms{Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                                    Algorithm::es256, Algorithm::es384, Algorithm::es512};
  std::chrono::seconds max_age{300};  // Okta: "issued more than five minutes in the past"
  std::chrono::seconds leeway{5};     // for clocks that go ahead
  // Nonces that are accepted; empty demands none (RFC 9449 section 8). The check comes last, so that a
  // proof that is wrong in any other way is not sent back for a nonce.
  std::vector<std::string> nonces{};
  HtuForm htu = HtuForm::normalised;
};

// Evidence: exists only as the result of verify_dpop_proof().
class VerifiedDpopProof {
 public:
  const std::string& thumbprint() const { return thumbprint_; }  // RFC 7638, what `cnf.jkt` holds
  const std::string& id() const { return id_; }                  // jti, 1 to 255 characters
  // Up to and including then the same proof would pass again: so long its jti is to be remembered.
  core::WallTime replayable_until() const { return replayable_until_; }

 private:
  friend core::Result<VerifiedDpopProof> verify_dpop_proof(const DpopRequest&, const DpopRules&,
                                                           const core::Clock&);
  VerifiedDpopProof() = default;

  std::string thumbprint_;
  std::string id_;
  core::WallTime replayable_until_{};
};

core::Result<VerifiedDpopProof> verify_dpop_proof(const DpopRequest& request, const DpopRules& rules,
                                                  const core::Clock& clock);

// base64url(SHA-256(token)), as in `ath` (RFC 9449 section 4.2).
std::string access_token_hash(std::string_view access_token);

}  // namespace oauth
