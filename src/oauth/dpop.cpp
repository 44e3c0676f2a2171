#include "oauth/dpop.h"

#include <algorithm>

#include "core/encoding.h"
#include "core/json.h"
#include "core/seal.h"
#include "net/url.h"
#include "oauth/jws.h"

namespace oauth {
namespace {

using core::ErrorKind;
using std::chrono::milliseconds;

// Less than this lies within the precision of the Date header.
constexpr std::chrono::seconds kClockNoise{2};

// NQCHAR of RFC 6749 appendix A, as RFC 9449 section 8.1 has it: what goes back into a signed claim is at
// least no surprise to whoever logs it.
bool is_nonce(std::string_view text) {
  return !text.empty() && text.size() <= DpopProver::kMaxNonceBytes &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e && c != '"' && c != '\\'; });
}

// Only what makes the key (RFC 7638 section 3.2): the server needs no more to check the proof.
boost::json::object bare_jwk(const Key& key) {
  boost::json::object bare;
  const auto jwk = key.public_jwk();
  for (const auto& member : jwk) {
    for (std::string_view needed : {"kty", "crv", "x", "y", "n", "e"}) {
      if (std::string_view(member.key()) == needed) bare.emplace(member.key(), member.value());
    }
  }
  return bare;
}

std::unexpected<core::Error> unusable(std::string_view why) {
  return core::fail(ErrorKind::unauthenticated, "oauth.dpop_key",
                    "The key that the login is bound to (DPoP) cannot be used: " + std::string(why) + ".",
                    "Sign in again: that makes a new key.");
}

// RFC 9449 section 4.2: the URI without query and fragment. Okta's API compares it with the path it has
// decoded
// ("/users/a@b" where "/users/a%40b" was asked for: okta-sdk-python 541, okta-sdk-nodejs 521); at the token
// endpoint there is nothing to decode.
std::string htu_of(DpopServer server, const net::Url& url) {
  if (server == DpopServer::resource) {
    if (auto decoded = core::percent_decode(url.path)) return url.origin() + *decoded;
  }
  return url.origin() + url.path;
}

}  // namespace

core::Result<std::shared_ptr<DpopProver>> DpopProver::create(const Key& key, core::Clock& clock,
                                                             core::Random& random) {
  if (key.type() == KeyType::oct || !key.is_private() || !key.may_sign()) {
    return unusable("it is not a private signing key");
  }
  return std::shared_ptr<DpopProver>(new DpopProver(key, clock, random));
}

DpopProver::DpopProver(const Key& key, core::Clock& clock, core::Random& random)
    : key_(key.with_kid({})),  // the proof brings the key itself
      public_jwk_(bare_jwk(key_)),
      thumbprint_(key_.thumbprint()),
      clock_(clock),
      random_(random) {}

core::Result<DpopProof> DpopProver::proof(DpopServer server, net::Method method, std::string_view url,
                                          std::string_view access_token) const {
  ASSIGN_OR_RETURN(const auto target, net::parse_url(url));
  boost::json::object claims{{"jti", random_.uuid()},
                             {"htm", net::to_string(method)},
                             {"htu", htu_of(server, target)},
                             {"iat", core::to_unix_seconds(clock_.now() + skew())}};
  if (!access_token.empty()) claims["ath"] = core::base64url_encode(core::sha256(access_token));
  DpopProof made{.nonce = nonce(server, url)};
  if (!made.nonce.empty()) claims["nonce"] = made.nonce;
  ASSIGN_OR_RETURN(
      made.text, sign_compact(key_, core::json::write(claims), {{"typ", "dpop+jwt"}, {"jwk", public_jwk_}}));
  return made;
}

void DpopProver::learn(DpopServer server, std::string_view url, const net::Headers& answer) {
  if (const auto date = core::parse_http_date(answer.get("Date"))) set_skew(*date - clock_.now());
  const auto offered = answer.get("DPoP-Nonce");
  const auto target = net::parse_url(url);
  if (!is_nonce(offered) || !target) return;
  const std::string origin = target->origin();
  std::lock_guard lock(mutex_);
  std::erase_if(nonces_, [&](const Nonce& each) { return each.server == server && each.origin == origin; });
  if (nonces_.size() == kMaxServers) nonces_.erase(nonces_.begin());
  nonces_.push_back({server, origin, std::string(offered)});
}

std::string DpopProver::nonce(DpopServer server, std::string_view url) const {
  const auto target = net::parse_url(url);
  if (!target) return {};
  const std::string origin = target->origin();
  std::lock_guard lock(mutex_);
  const auto known = std::ranges::find_if(
      nonces_, [&](const Nonce& each) { return each.server == server && each.origin == origin; });
  return known == nonces_.end() ? std::string{} : known->value;
}

std::shared_ptr<DpopProver> DpopBinding::current() const {
  std::lock_guard lock(mutex_);
  return current_;
}

core::Result<std::shared_ptr<DpopProver>> DpopBinding::begin() {
  std::lock_guard lock(mutex_);
  if (!current_) {
    ASSIGN_OR_RETURN(auto key, Key::generate(Algorithm::es256));
    ASSIGN_OR_RETURN(current_, DpopProver::create(key, clock_, random_));
  }
  return current_;
}

core::Result<std::shared_ptr<DpopProver>> DpopBinding::adopt(const core::Secret& private_jwk) {
  if (private_jwk.empty()) return unusable("it is not stored with the login");
  auto key = Key::from_jwk(private_jwk.reveal());
  if (!key) return unusable("what is stored is no key");
  std::lock_guard lock(mutex_);
  if (!current_ || current_->thumbprint() != key->thumbprint()) {
    ASSIGN_OR_RETURN(current_, DpopProver::create(*key, clock_, random_));
  }
  return current_;
}

void DpopBinding::drop(const std::shared_ptr<DpopProver>& prover) {
  std::lock_guard lock(mutex_);
  if (current_ == prover) current_.reset();
}

DpopStep next_step(DpopAttempts& attempts, const DpopRefusal& refusal) {
  if (refusal.status != 400 && refusal.status != 401) return DpopStep::give_up;
  const bool about_nonce = refusal.error == "use_dpop_nonce";
  const bool about_proof = refusal.error == "invalid_dpop_proof";
  if (!attempts.proved) {
    // oidc-provider answers a missing proof with invalid_grant; where a grant cannot well be invalid, the
    // caller lets it count.
    const bool hidden = refusal.may_mean_proof && refusal.error == "invalid_grant";
    return about_nonce || about_proof || hidden ? DpopStep::prove : DpopStep::give_up;
  }
  if (!about_nonce && !about_proof) return DpopStep::give_up;
  if (!refusal.nonce.empty() && refusal.nonce != attempts.nonce &&
      attempts.nonce_retries < kDpopNonceRetries) {
    ++attempts.nonce_retries;
    return DpopStep::renew;
  }
  if (about_proof && !attempts.clock_retry && std::chrono::abs(refusal.skew - attempts.skew) >= kClockNoise) {
    attempts.clock_retry = true;
    return DpopStep::renew;
  }
  return DpopStep::give_up;
}

}  // namespace oauth
