// Things learnt that may be forgotten at any time: at most so many, each for so long, the least recently used
// one goes first.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/clock.h"

namespace oauth {

// Thread-safe. `Value` is cheap to copy: a shared_ptr, a small struct.
template <class Value>
class BoundedCache {
 public:
  explicit BoundedCache(std::size_t capacity) : capacity_(capacity) {}

  std::optional<Value> find(std::string_view key, core::SteadyTime now) {
    std::lock_guard lock(mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return std::nullopt;
    if (now >= found->second->until) {
      drop(found);
      return std::nullopt;
    }
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  void put(std::string key, Value value, core::SteadyTime until) {
    std::lock_guard lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) drop(found);
    if (capacity_ == 0) return;
    if (entries_.size() >= capacity_) drop(index_.find(entries_.back().key));
    entries_.push_front({std::move(key), std::move(value), until});
    index_.emplace(entries_.front().key, entries_.begin());
  }

  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return entries_.size();
  }

 private:
  struct Entry {
    std::string key;
    Value value;
    core::SteadyTime until;
  };
  using Entries = std::list<Entry>;  // the most recently used one first
  using Index = std::unordered_map<std::string_view, typename Entries::iterator>;

  void drop(typename Index::iterator place) {
    const auto entry = place->second;
    index_.erase(place);  // its name is the entry's
    entries_.erase(entry);
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  Entries entries_;
  Index index_;
};

}  // namespace oauth
