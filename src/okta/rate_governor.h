// Keeps an org's requests inside its rate limits: paces before the wall, waits behind it, and bounds how many
// requests are in flight. Knows nothing of HTTP bodies; time and jitter are injected.
//
// Okta counts per bucket and minute (Okta, "Rate limits overview": most counters allow N requests per minute,
// the windows are not aligned to the clock) and tells limit, remaining and reset with every answer. Nothing
// is assumed before the first answer, and nothing is kept on disk: what other clients and other processes use
// up is learnt from the headers.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/context.h"
#include "core/json.h"
#include "core/random.h"
#include "core/result.h"
#include "net/http.h"
#include "okta/org.h"

namespace okta {

// Thread-safe.
class RateGovernor {
 public:
  struct Options {
    int reserve_percent = 10;
    int max_concurrent = 15;
    std::chrono::seconds max_rate_wait{120};
  };

  // One request in flight; gives its place back when it goes.
  class Permit {
   public:
    Permit(Permit&& other) noexcept;
    Permit& operator=(Permit&&) = delete;
    ~Permit();

   private:
    friend class RateGovernor;
    Permit(RateGovernor& governor, std::string bucket) : governor_(&governor), bucket_(std::move(bucket)) {}
    RateGovernor* governor_;
    std::string bucket_;
  };

  // `clock` and `random` outlive the governor.
  RateGovernor(Options options, core::Clock& clock, core::Random& random);

  // Waits for a place among the requests in flight and for the bucket to have more left than the reserve.
  // Errors: okta.rate_limited when the bucket frees up later than `give_up` or context.deadline;
  // okta.cancelled.
  core::Result<Permit> admit(const core::Context& context, std::string_view bucket, core::WallTime give_up);
  // When a call that begins now gives up: max_rate_wait from now.
  core::WallTime give_up() const { return clock_.now() + options_.max_rate_wait; }

  // Takes in an answer's headers. nullopt when it has no (sane) rate limit headers.
  std::optional<RateLimit> learn(std::string_view bucket, const net::Headers& headers);

  // Okta answered 429: nobody is admitted to the bucket before its window ends (and up to a second of jitter
  // more), or, without headers that say so, before Retry-After or 2^attempt seconds have passed. `attempt`
  // counts from 0.
  void refused(std::string_view bucket, const net::Headers& headers, int attempt);

  // Okta answered 429 because of too many requests at once: halves the number in flight (at most once a
  // second), which grows back by one per 20 answers. Admits nobody for a second and up to a second of jitter.
  void refused_concurrency();

  // Waits `pause` (for a retry that has nothing to do with rates), telling `why` as progress. False when
  // cancelled, or when the deadline comes sooner.
  bool pause(const core::Context& context, std::chrono::milliseconds pause, std::string_view why);

  // The number of requests that may be in flight at present.
  int concurrency() const;
  // {bucket: {"limit", "remaining", "reset"}} of every bucket heard of.
  core::json::Object state() const;

 private:
  struct Bucket {
    std::optional<RateLimit> known;
    int in_flight = 0;
    core::WallTime blocked_until{};  // after a 429
  };
  struct Obstacle {
    std::optional<core::WallTime> until;  // nullopt: until somebody's request comes back
    std::string what;                     // "Okta's rate limit on /api/v1/users"
  };

  std::optional<Obstacle> obstacle(Bucket& bucket, std::string_view name, core::WallTime now) const;
  core::Status wait(const core::Context& context, core::WallTime until, std::string_view what);
  core::Error too_long(core::WallTime until, std::string_view what) const;
  void release(const std::string& bucket);
  std::chrono::milliseconds jitter();
  void note_skew(const net::Headers& headers);  // under mutex_

  const Options options_;
  core::Clock& clock_;
  core::Random& random_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<std::string, Bucket, std::less<>> buckets_;
  std::chrono::milliseconds skew_{0};  // Okta's clock minus ours
  int in_flight_ = 0;
  int allowed_in_flight_;
  int answers_since_lowered_ = 0;
  core::WallTime concurrency_lowered_{};
  core::WallTime concurrency_blocked_until_{};
};

}  // namespace okta
