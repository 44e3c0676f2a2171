// DPoP at a protected resource (RFC 9449 sections 7 and 9): the proof of this request, for the first time.
//
// The memory of used proofs is this process's. Where several instances serve one resource, a proof could be
// used once at each of them while it is fresh; demand a nonce there, since each instance knows only its own.
//
// Errors: those of dpop_verifier.h, and
//   oauth.dpop.replayed  this proof was used before (unauthenticated)
//   oauth.dpop.full      no room to remember another proof (unavailable): refused, rather than forget one
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "oauth/dpop_verifier.h"

namespace oauth {

struct DpopGuardOptions {
  std::vector<Algorithm> algorithms{asymmetric_algorithms().begin(), asymmetric_algorithms().end()};
  std::chrono::seconds max_age{300};
  std::chrono::seconds leeway{60};
  bool demand_nonce = false;
  std::chrono::seconds nonce_lifetime{300};  // the one before is good for as long again
  // Remembered at once, twice (below). 48 bytes each; this many carry 700 requests a second.
  std::size_t max_proofs = 250'000;
  core::Clock& clock;  // both outlive the guard
  core::Random& random;
};

// Thread-safe.
class DpopGuard {
 public:
  explicit DpopGuard(DpopGuardOptions options) : options_(std::move(options)) {}

  core::Result<VerifiedDpopProof> check(const DpopRequest& request);
  // For the DPoP-Nonce header; empty when none is demanded.
  std::string nonce();
  const std::vector<Algorithm>& algorithms() const { return options_.algorithms; }

 private:
  using Id = std::array<unsigned char, 16>;  // the front of a SHA-256
  struct IdHash {
    std::size_t operator()(const Id& id) const;
  };
  void turn_nonces(core::SteadyTime now);  // under mutex_
  core::Status remember(const VerifiedDpopProof& proof);

  const DpopGuardOptions options_;
  std::mutex mutex_;
  std::string nonce_, nonce_before_;
  core::SteadyTime nonce_since_{};
  // A proof can pass for max_age + leeway. It goes into the first set; after that long the first becomes the
  // second and the second is dropped, so each is remembered for at least that long, at no cost per proof.
  std::unordered_set<Id, IdHash> used_, used_before_;
  core::SteadyTime used_since_{};
};

}  // namespace oauth
