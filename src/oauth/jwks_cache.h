// The keys of one issuer (RFC 7517 section 5), kept as long as they are good.
//
//   good for      what Cache-Control (RFC 9111) says, at least a minute and at most an hour; ten minutes when
//                 it says nothing. The upper bound is how long a key that the issuer withdrew goes on here.
//   then          one caller asks again, the others use the old keys meanwhile
//   issuer away   the old keys go on for up to a day, the failure is logged, and asked again after 30 seconds
//   unknown kid   asked again, at most once in 30 seconds
//   bounds        256 KiB a document, ten seconds for everything one refresh needs
//
// Errors: those of fetch_issuer_metadata(), KeySet::parse and net::HttpClient, and
//   oauth.jwks.missing  the issuer's metadata names no keys
//   oauth.jwks.refused  the keys' address answered something other than 200
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/context.h"
#include "core/result.h"
#include "net/http_client.h"
#include "oauth/jwk.h"
#include "oauth/single_flight.h"

namespace oauth {

struct JwksCacheOptions {
  std::string issuer;
  std::string jwks_uri;  // empty: as the issuer's metadata says, looked up anew with each refresh
  net::HttpClient& http;
  core::Clock& clock;  // both outlive the cache
};

// Thread-safe.
class JwksCache {
 public:
  using Keys = std::shared_ptr<const KeySet>;

  explicit JwksCache(JwksCacheOptions options) : options_(std::move(options)) {}

  // From memory. nullopt: somebody has to ask the issuer, and that is what the functions below do.
  std::optional<core::Result<Keys>> try_keys() const;
  // `seen` lacks the key of a token. Newer keys; or `seen` again, when it is too early to ask.
  std::optional<core::Result<Keys>> try_newer(const Keys& seen) const;

  // The same, and ask where needed: block until the answer is there or the context ends.
  core::Result<Keys> keys(const core::Context& context);
  core::Result<Keys> newer(const core::Context& context, const Keys& seen);

  static constexpr std::chrono::seconds kDefaultLifetime{600};
  static constexpr std::chrono::seconds kShortestLifetime{60};
  static constexpr std::chrono::seconds kLongestLifetime{3'600};
  static constexpr std::chrono::seconds kUseWhileAway{86'400};
  static constexpr std::chrono::seconds kAskAgain{30};
  // With no keys at all every request would otherwise wait for the issuer.
  static constexpr std::chrono::seconds kAskAgainForFirst{5};

 private:
  struct Fetched {
    Keys keys;
    std::chrono::seconds lifetime;
  };
  std::optional<core::Result<Keys>> from_memory(core::SteadyTime now) const;  // under mutex_
  core::Result<Keys> refresh(const core::Context& context);
  core::Result<Fetched> fetch(const core::Context& context) const;
  core::Result<Keys> remember(core::Result<Fetched> fetched);

  const JwksCacheOptions options_;
  SingleFlight<Keys> flight_;
  mutable std::mutex mutex_;
  Keys keys_;  // null before the first answer
  core::SteadyTime fresh_until_{};
  core::SteadyTime usable_until_{};
  std::optional<core::Error> failure_;  // of the last refresh
  core::SteadyTime ask_again_{};        // not before, after a failure
  core::SteadyTime ask_for_unknown_{};  // not before, for a kid that is not there
  bool refreshing_ = false;
};

}  // namespace oauth
