#include "oauth/dpop_guard.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/seal.h"

namespace oauth {
namespace {

constexpr std::size_t kNonceBytes = 24;

}  // namespace

std::size_t DpopGuard::IdHash::operator()(const Id& id) const {
  std::size_t hash = 0;
  std::memcpy(&hash, id.data(), sizeof hash);
  return hash;
}

void DpopGuard::turn_nonces(core::SteadyTime now) {
  if (!nonce_.empty() && now < nonce_since_ + options_.nonce_lifetime) return;
  const bool long_ago = nonce_.empty() || now >= nonce_since_ + 2 * options_.nonce_lifetime;
  nonce_before_ = long_ago ? std::string() : std::move(nonce_);
  nonce_ = options_.random.token(kNonceBytes);
  nonce_since_ = now;
}

std::string DpopGuard::nonce() {
  if (!options_.demand_nonce) return {};
  std::lock_guard lock(mutex_);
  turn_nonces(options_.clock.steady());
  return nonce_;
}

core::Result<VerifiedDpopProof> DpopGuard::check(const DpopRequest& request) {
  DpopRules rules{.algorithms = options_.algorithms, .max_age = options_.max_age, .leeway = options_.leeway};
  if (options_.demand_nonce) {
    std::lock_guard lock(mutex_);
    turn_nonces(options_.clock.steady());
    rules.nonces.push_back(nonce_);
    if (!nonce_before_.empty()) rules.nonces.push_back(nonce_before_);
  }
  ASSIGN_OR_RETURN(auto proof, verify_dpop_proof(request, rules, options_.clock));
  RETURN_IF_ERROR(remember(proof));
  return proof;
}

core::Status DpopGuard::remember(const VerifiedDpopProof& proof) {
  const std::string hash = core::sha256(proof.thumbprint() + "\n" + proof.id());
  Id id;
  std::copy_n(hash.begin(), id.size(), id.begin());
  // A second more, for what the two clocks' resolutions cut off.
  const auto window = options_.max_age + options_.leeway + std::chrono::seconds{1};
  const auto now = options_.clock.steady();

  std::lock_guard lock(mutex_);
  if (now >= used_since_ + window) {
    used_before_ = now >= used_since_ + 2 * window ? decltype(used_){} : std::move(used_);
    used_.clear();
    used_since_ = now;
  }
  if (used_.contains(id) || used_before_.contains(id)) {
    return core::fail(core::ErrorKind::unauthenticated, "oauth.dpop.replayed",
                      "The DPoP proof was used before.", "Each request needs a proof with a jti of its own.");
  }
  if (used_.size() >= options_.max_proofs) {
    return core::fail(core::ErrorKind::unavailable, "oauth.dpop.full",
                      "Too many DPoP proofs are to be remembered at once.");
  }
  used_.insert(id);
  return {};
}

}  // namespace oauth
