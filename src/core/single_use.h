// What may be used once: an approval, a requestState, a nonce.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"

namespace core {

// Thread-safe.
class SingleUse {
 public:
  virtual ~SingleUse() = default;
  // True exactly once for an id, whoever shares this and however many ask at once. It is remembered for
  // `keep`, so the thing must not be good for longer than that. An error means that nobody knows: treat it as
  // used.
  virtual Result<bool> consume(std::string_view id, std::chrono::milliseconds keep) = 0;
};

// Among the threads of one process. Holds at most `limit` ids; error core.single_use.full beyond that,
// because forgetting one would let it be used again.
class MemorySingleUse final : public SingleUse {
 public:
  explicit MemorySingleUse(Clock& clock, std::size_t limit = 1u << 16) : clock_(clock), limit_(limit) {}
  Result<bool> consume(std::string_view id, std::chrono::milliseconds keep) override;

 private:
  Clock& clock_;
  const std::size_t limit_;
  std::mutex mutex_;
  std::map<std::string, WallTime, std::less<>> used_;  // until when
};

}  // namespace core
