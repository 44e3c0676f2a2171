// What may be used once: an approval, a requestState, a nonce.
#pragma once

#include <chrono>
#include <string_view>

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

}  // namespace core
