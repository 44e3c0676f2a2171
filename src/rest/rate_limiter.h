// Fixed one-minute windows by bucket, as Okta counts them: X-Rate-Limit-Limit, -Remaining, -Reset.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "net/http.h"

namespace rest {

struct RateLimits {
  std::size_t otherwise = 600;                            // requests a minute in a bucket that is not named
  std::map<std::string, std::size_t, std::less<>> named;  // bucket → requests a minute
};

// Thread-safe. A window starts with a bucket's first request and lasts sixty seconds.
class RateLimiter {
 public:
  RateLimiter(RateLimits limits, core::Clock& clock) : limits_(std::move(limits)), clock_(clock) {}

  struct Verdict {
    bool allowed = true;
    std::size_t limit = 0;
    std::size_t remaining = 0;
    std::int64_t reset = 0;  // Unix seconds

    void write(net::Headers& headers) const;
  };
  // Counts one request. A refused request is not counted.
  Verdict take(std::string_view bucket);

  void set(std::string bucket, std::size_t limit);

 private:
  static constexpr std::size_t kSweepAt = 4096;

  struct Window {
    core::WallTime ends{};
    std::size_t used = 0;
  };
  std::mutex mutex_;
  RateLimits limits_;
  core::Clock& clock_;
  std::map<std::string, Window, std::less<>> windows_;
  std::size_t sweep_at_ = kSweepAt;  // so many windows: time to look for old ones
};

}  // namespace rest
