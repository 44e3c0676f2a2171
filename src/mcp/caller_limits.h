// How often each caller may call: a token bucket for every principal.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/clock.h"
#include "net/http_server.h"

namespace mcp {

struct CallerLimitOptions {
  std::size_t requests_per_minute = 600;  // in the long run; 0: no limit
  std::size_t burst = 120;                // at once, after a pause; at least 1
  // Known at once. Beyond it the caller that was quiet longest is forgotten, and begins with a full bucket.
  std::size_t callers = 10'000;
};

// Thread-safe; the clock outlives it. To be asked after a request was authorized, so that nobody spends
// another's share.
class CallerLimits {
 public:
  CallerLimits(CallerLimitOptions options, core::Clock& clock);

  // Takes one request off the caller's share; or the answer when nothing is left: 429 with Retry-After in
  // seconds.
  std::optional<net::ServerResponse> refuse(std::string_view principal);

  std::size_t callers() const;

 private:
  struct Bucket {
    std::string principal;
    double left = 0;
    core::SteadyTime at{};  // when `left` was right
  };
  using Buckets = std::list<Bucket>;  // the one that called last is first
  Bucket& bucket_of(std::string_view principal, core::SteadyTime now);

  const CallerLimitOptions options_;
  const double per_second_;
  core::Clock& clock_;
  mutable std::mutex mutex_;
  Buckets buckets_;
  std::unordered_map<std::string_view, Buckets::iterator> index_;
};

}  // namespace mcp
