// Time is injected, so that no test sleeps (docs/architecture.md, rule 11).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/result.h"

namespace core {

using WallTime = std::chrono::sys_time<std::chrono::milliseconds>;  // UTC
using SteadyTime = std::chrono::steady_clock::time_point;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime now() const = 0;
  virtual SteadyTime steady() const = 0;
  // Blocks the calling thread until `when` or a stop request; false means stopped.
  virtual bool wait_until(SteadyTime when, std::stop_token stop) = 0;
};

Clock& system_clock();

// Moves only when told to. wait_until() returns once advance() has passed its time.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(WallTime start = WallTime{std::chrono::seconds{1'800'000'000}}) : now_(start) {}
  WallTime now() const override;
  SteadyTime steady() const override;
  bool wait_until(SteadyTime when, std::stop_token stop) override;
  void advance(std::chrono::milliseconds by);
  // How many threads are inside wait_until(), for tests that must know a wait has begun.
  int waiters() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable_any moved_;
  WallTime now_;
  SteadyTime steady_{};
  int waiters_ = 0;
};

// RFC 3339 in UTC with milliseconds, as Okta prints times: "2026-11-21T23:01:00.000Z".
std::string to_rfc3339(WallTime time);
// RFC 3339 / ISO 8601 date-time with zone ("Z" or an offset), or a bare date (midnight UTC).
Result<WallTime> parse_rfc3339(std::string_view text);
// As above, or relative to `now`: "30m", "12h", "90d", "4w" (that long ago), or "now".
Result<WallTime> parse_time(std::string_view text, WallTime now);
// RFC 9110 IMF-fixdate, as in the Date header: "Sat, 21 Nov 2026 23:01:00 GMT".
std::optional<WallTime> parse_http_date(std::string_view text);
std::string to_http_date(WallTime time);
std::int64_t to_unix_seconds(WallTime time);

}  // namespace core
