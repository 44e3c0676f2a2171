// DPoP proofs under the magnifying glass: what every one of them must be (RFC 9449 section 4.2), and its
// claims.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/json.h"
#include "core/random.h"
#include "net/http_client.h"
#include "oauth/dpop.h"
#include "oauth/jws.h"

namespace oauth::test {

struct ReadProof {
  boost::json::object header;
  boost::json::object claims;
  std::string thumbprint;  // of the key in the header, which made the signature

  std::string claim(std::string_view name) const {
    const auto* value = claims.if_contains(name);
    if (!value) return "(none)";
    return value->is_string() ? std::string(value->get_string()) : core::json::write(*value);
  }
};

// A proof that is none of RFC 9449 fails the test that reads it.
inline ReadProof read_proof(std::string_view text) {
  auto token = peek(text);
  if (!token) {
    ADD_FAILURE() << "not a JWT: " << text;
    return {};
  }
  ReadProof proof{.header = token->header, .claims = token->claims};
  EXPECT_EQ(core::json::string_or_empty(proof.header, "typ"), "dpop+jwt");
  EXPECT_EQ(proof.header.size(), 3u) << "more than alg, typ and jwk";
  const auto* jwk = proof.header.if_contains("jwk");
  if (!jwk || !jwk->is_object()) {
    ADD_FAILURE() << "no jwk";
    return proof;
  }
  for (std::string_view secret : {"d", "p", "q", "dp", "dq", "qi", "k"}) {
    EXPECT_FALSE(jwk->get_object().contains(secret)) << secret;
  }
  const auto key = Key::from_jwk(jwk->get_object());
  if (!key) {
    ADD_FAILURE() << key.error().message;
    return proof;
  }
  proof.thumbprint = key->thumbprint();
  const auto verified =
      verify_compact(text, KeySet({*key}), {.algorithms = {key->algorithm()}, .types = {"dpop+jwt"}});
  EXPECT_TRUE(verified) << "the signature does not verify";
  for (std::string_view claim : {"jti", "htm", "htu", "iat"})
    EXPECT_TRUE(proof.claims.contains(claim)) << claim;
  return proof;
}

inline std::optional<ReadProof> proof_of(const net::HttpRequest& request) {
  if (!request.headers.has("DPoP")) return std::nullopt;
  EXPECT_EQ(request.headers.all("DPoP").size(), 1u);
  return read_proof(request.headers.get("DPoP"));
}

inline std::shared_ptr<DpopProver> new_prover(core::Clock& clock, core::Random& random) {
  auto prover = DpopBinding(clock, random).begin();
  EXPECT_TRUE(prover);
  return *prover;
}

}  // namespace oauth::test
