#include "rest/rate_limiter.h"

#include <algorithm>

namespace rest {

void RateLimiter::Verdict::write(net::Headers& headers) const {
  headers.set("x-rate-limit-limit", std::to_string(limit));
  headers.set("x-rate-limit-remaining", std::to_string(remaining));
  headers.set("x-rate-limit-reset", std::to_string(reset));
}

RateLimiter::Verdict RateLimiter::take(std::string_view bucket) {
  std::lock_guard lock(mutex_);
  const auto named = limits_.named.find(bucket);
  const std::size_t limit = named == limits_.named.end() ? limits_.otherwise : named->second;
  const core::WallTime now = clock_.now();
  auto window = windows_.find(bucket);
  if (window == windows_.end()) {
    // Where buckets are callers, those whose minute is over are forgotten.
    if (windows_.size() >= sweep_at_) {
      std::erase_if(windows_, [&](const auto& entry) { return now >= entry.second.ends; });
      sweep_at_ = std::max(kSweepAt, 2 * windows_.size());
    }
    window = windows_.emplace(std::string(bucket), Window{}).first;
  }
  if (now >= window->second.ends) window->second = Window{.ends = now + std::chrono::seconds(60), .used = 0};
  const bool allowed = window->second.used < limit;
  if (allowed) ++window->second.used;
  const auto reset = std::chrono::ceil<std::chrono::seconds>(window->second.ends.time_since_epoch()).count();
  return Verdict{
      .allowed = allowed, .limit = limit, .remaining = limit - window->second.used, .reset = reset};
}

void RateLimiter::set(std::string bucket, std::size_t limit) {
  std::lock_guard lock(mutex_);
  // A smaller limit must not leave more used than there is.
  if (auto window = windows_.find(bucket); window != windows_.end())
    window->second.used = std::min(window->second.used, limit);
  limits_.named[std::move(bucket)] = limit;
}

}  // namespace rest
