// What `search` sees. Okta's search answers from an eventually consistent source; here a written object keeps
// its old version in search until the lag has passed. Written under the org's exclusive lock, read under its
// shared lock; it has no lock of its own.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "core/clock.h"

namespace devorg {

enum class Indexed : std::uint8_t { user, group };

class SearchIndex {
 public:
  explicit SearchIndex(std::chrono::milliseconds lag) : lag_(lag) {}

  // The object is about to change; `before` is what it was, nullopt when it did not exist.
  void remember(Indexed kind, std::uint32_t index, std::optional<boost::json::object> before,
                core::WallTime now);

  struct Stale {
    std::optional<boost::json::object> before;
  };
  // The version search still shows; nullptr when search is up to date with this object.
  const Stale* stale(Indexed kind, std::uint32_t index, core::WallTime now) const;

  // Grows whenever what search shows changes, so that sorted results can be kept between pages.
  std::uint64_t version(core::WallTime now) const;

 private:
  struct Pending {
    core::WallTime visible_at{};
    Stale version;
  };
  std::chrono::milliseconds lag_;
  std::map<std::pair<Indexed, std::uint32_t>, std::deque<Pending>> pending_;
  // When each change becomes visible, in order; the ones long past are only counted.
  std::deque<std::pair<core::WallTime, std::pair<Indexed, std::uint32_t>>> changes_;
  std::uint64_t passed_ = 0;
};

}  // namespace devorg
