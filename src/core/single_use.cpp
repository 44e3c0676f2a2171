#include "core/single_use.h"

#include <fmt/format.h>

namespace core {

Result<bool> MemorySingleUse::consume(std::string_view id, std::chrono::milliseconds keep) {
  const WallTime now = clock_.now();
  std::lock_guard lock(mutex_);
  if (auto found = used_.find(id); found != used_.end()) {
    if (found->second > now) return false;
    found->second = now + keep;
    return true;
  }
  if (used_.size() >= limit_) std::erase_if(used_, [&](const auto& entry) { return entry.second <= now; });
  if (used_.size() >= limit_) {
    return fail(ErrorKind::rate_limited, "core.single_use.full",
                fmt::format("More than {} things of single use are remembered at once.", limit_),
                "Try again in a few minutes.");
  }
  used_.emplace(id, now + keep);
  return true;
}

}  // namespace core
