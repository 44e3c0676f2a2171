// Demonstrating proof of possession, the client's side (RFC 9449): tokens that are worth nothing without a
// key, and the signed proof of that key that goes with each request.
//
// A DpopProver is one key and what has been learnt for using it: each server's newest nonce and the org's
// clock. Whoever holds a bound access token holds its prover (AccessToken::dpop), so that nobody has to know
// where the key lives. A DpopBinding is the place where a client keeps its prover from one token to the next.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "core/secret.h"
#include "net/http.h"
#include "oauth/jwk.h"

namespace oauth {

// Both may sit on one origin, as at Okta, and give out nonces of their own (RFC 9449 sections 8 and 9).
enum class DpopServer { authorization, resource };

struct DpopProof {
  std::string text;   // for the DPoP header
  std::string nonce;  // that stands in it; empty when none was known
};

// Thread-safe.
class DpopProver {
 public:
  // `clock` and `random` outlive the prover. Error oauth.dpop_key: the key is not a private one of a public
  // key algorithm.
  static core::Result<std::shared_ptr<DpopProver>> create(const Key& key, core::Clock& clock,
                                                          core::Random& random);

  // RFC 9449 section 4.2. `url` as it is requested; in the proof query and fragment are left out, and
  // towards the API its path is decoded; `ath` is there when an
  // access token is given, `nonce` when the server has given one. Each proof has a `jti` of its own and is
  // good for one request. Errors: net.url, oauth.jws.sign.
  core::Result<DpopProof> proof(DpopServer server, net::Method method, std::string_view url,
                                std::string_view access_token = {}) const;

  // Every answer may bring the nonce for the next request (section 8.2), and tells the server's time (Date).
  void learn(DpopServer server, std::string_view url, const net::Headers& answer);
  // The nonce that the next proof for this server will carry; empty when there is none.
  std::string nonce(DpopServer server, std::string_view url) const;

  // The servers' clock minus this machine's, as last learnt. `iat` is told by theirs.
  std::chrono::milliseconds skew() const { return std::chrono::milliseconds{skew_ms_.load()}; }
  void set_skew(std::chrono::milliseconds skew) { skew_ms_ = skew.count(); }

  const std::string& thumbprint() const { return thumbprint_; }  // `jkt`, RFC 7638
  core::Result<core::Secret> private_jwk() const { return key_.private_jwk(); }

  // What is kept: the newest nonces of this many servers, of at most this length each.
  static constexpr std::size_t kMaxServers = 16;
  static constexpr std::size_t kMaxNonceBytes = 1024;

 private:
  struct Nonce {
    DpopServer server;
    std::string origin;
    std::string value;
  };
  DpopProver(const Key& key, core::Clock& clock, core::Random& random);

  const Key key_;
  const boost::json::object public_jwk_;
  const std::string thumbprint_;
  core::Clock& clock_;
  core::Random& random_;
  std::atomic<std::int64_t> skew_ms_{0};
  mutable std::mutex mutex_;
  std::vector<Nonce> nonces_;  // newest last
};

// The prover of one client at one org: none until the org asks for DPoP, or a stored login brings its key.
// Thread-safe.
class DpopBinding {
 public:
  // Both outlive the binding and its provers.
  DpopBinding(core::Clock& clock, core::Random& random) : clock_(clock), random_(random) {}

  std::shared_ptr<DpopProver> current() const;  // null while nobody has asked
  // The current one, or one with a new ES256 key. Error oauth.jwk.*.
  core::Result<std::shared_ptr<DpopProver>> begin();
  // Makes the key of a stored login (a private JWK) current; the same key is the same prover as before. Error
  // oauth.dpop_key when there is no such key in it.
  core::Result<std::shared_ptr<DpopProver>> adopt(const core::Secret& private_jwk);
  // The attempt with this prover led nowhere: it is not current any more.
  void drop(const std::shared_ptr<DpopProver>& prover);

 private:
  core::Clock& clock_;
  core::Random& random_;
  mutable std::mutex mutex_;
  std::shared_ptr<DpopProver> current_;
};

// What one request has been through, as far as DPoP goes.
struct DpopAttempts {
  bool proved = false;                // the last one carried a proof,
  std::string nonce;                  // with this nonce,
  std::chrono::milliseconds skew{0};  // and its time by this
  int nonce_retries = 0;
  bool clock_retry = false;
};

// A refusal, after its headers have been learnt from.
struct DpopRefusal {
  int status = 0;
  std::string_view error;             // OAuth error, from the body or the challenge
  std::string nonce;                  // that the next proof would carry
  std::chrono::milliseconds skew{0};  // by which it would tell the time
  // The server may mean "no proof" with an error that says something else (see dpop.cpp).
  bool may_mean_proof = false;
};

enum class DpopStep {
  give_up,  // the refusal stands
  prove,    // ask again with a proof: the server demands one
  renew,    // ask again with a new proof: it will carry another nonce, or another time
};

// Whether a refused request is worth another attempt, and counts it in `attempts`. For one request at most:
// one upgrade to DPoP, kDpopNonceRetries for a nonce, each only for a nonce not yet tried, and one for the
// clock.
DpopStep next_step(DpopAttempts& attempts, const DpopRefusal& refusal);
constexpr int kDpopNonceRetries = 2;

}  // namespace oauth
