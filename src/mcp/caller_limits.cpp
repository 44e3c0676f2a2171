#include "mcp/caller_limits.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "mcp/challenge.h"

namespace mcp {
namespace {

CallerLimitOptions usable(CallerLimitOptions options) {
  options.burst = std::max<std::size_t>(options.burst, 1);
  options.callers = std::max<std::size_t>(options.callers, 1);
  return options;
}

}  // namespace

CallerLimits::CallerLimits(CallerLimitOptions options, core::Clock& clock)
    : options_(usable(options)),
      per_second_(static_cast<double>(options.requests_per_minute) / 60.0),
      clock_(clock) {}

CallerLimits::Bucket& CallerLimits::bucket_of(std::string_view principal, core::SteadyTime now) {
  if (const auto found = index_.find(principal); found != index_.end()) {
    buckets_.splice(buckets_.begin(), buckets_, found->second);
    return buckets_.front();
  }
  if (buckets_.size() >= options_.callers) {
    index_.erase(buckets_.back().principal);
    buckets_.pop_back();
  }
  buckets_.push_front({std::string(principal), static_cast<double>(options_.burst), now});
  index_.emplace(buckets_.front().principal, buckets_.begin());
  return buckets_.front();
}

std::optional<net::ServerResponse> CallerLimits::refuse(std::string_view principal) {
  if (options_.requests_per_minute == 0) return std::nullopt;
  double seconds = 0;
  {
    const auto now = clock_.steady();
    std::lock_guard lock(mutex_);
    Bucket& bucket = bucket_of(principal, now);
    const double passed = std::max(0.0, std::chrono::duration<double>(now - bucket.at).count());
    bucket.left = std::min(static_cast<double>(options_.burst), bucket.left + passed * per_second_);
    bucket.at = std::max(bucket.at, now);
    // A hair of tolerance: a tenth of a second has no exact double.
    if (bucket.left >= 1.0 - 1e-9) {
      bucket.left -= 1.0;
      return std::nullopt;
    }
    seconds = std::ceil((1.0 - bucket.left) / per_second_);
  }
  net::ServerResponse response =
      refusal(429, {}, {.error = "rate_limited", .description = "Too many requests from this caller."});
  response.headers.add("Retry-After",
                       std::to_string(std::max<std::int64_t>(1, static_cast<std::int64_t>(seconds))));
  return response;
}

std::size_t CallerLimits::callers() const {
  std::lock_guard lock(mutex_);
  return buckets_.size();
}

}  // namespace mcp
