#include "devorg/search_index.h"

#include <algorithm>

namespace devorg {

void SearchIndex::remember(Indexed kind, std::uint32_t index, std::optional<boost::json::object> before,
                           core::WallTime now) {
  while (!changes_.empty() && changes_.front().first <= now) {
    const auto found = pending_.find(changes_.front().second);
    if (found != pending_.end()) {
      found->second.pop_front();
      if (found->second.empty()) pending_.erase(found);
    }
    changes_.pop_front();
    ++passed_;
  }
  const std::pair key{kind, index};
  // A clock that steps back must not break the order that version() relies on.
  const core::WallTime visible_at =
      changes_.empty() ? now + lag_ : std::max(now + lag_, changes_.back().first);
  auto& versions = pending_[key];
  // The older version that appears at the same moment already stands for this change too.
  if (!versions.empty() && versions.back().visible_at == visible_at) return;
  versions.push_back({.visible_at = visible_at, .version = {.before = std::move(before)}});
  changes_.emplace_back(visible_at, key);
}

const SearchIndex::Stale* SearchIndex::stale(Indexed kind, std::uint32_t index, core::WallTime now) const {
  if (pending_.empty()) return nullptr;
  const auto found = pending_.find({kind, index});
  if (found == pending_.end()) return nullptr;
  // The oldest change that search has not taken in yet decides: it shows what was before it.
  for (const auto& pending : found->second)
    if (pending.visible_at > now) return &pending.version;
  return nullptr;
}

std::uint64_t SearchIndex::version(core::WallTime now) const {
  const auto first =
      std::upper_bound(changes_.begin(), changes_.end(), now,
                       [](core::WallTime time, const auto& change) { return time < change.first; });
  return passed_ + static_cast<std::uint64_t>(first - changes_.begin());
}

}  // namespace devorg
