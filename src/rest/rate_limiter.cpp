#include "rest/rate_limiter.h"

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
  auto window = windows_.find(bucket);
  // The buckets are the catalogue's, so the map stays small.
  if (window == windows_.end()) window = windows_.emplace(std::string(bucket), Window{}).first;

  const core::WallTime now = clock_.now();
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
