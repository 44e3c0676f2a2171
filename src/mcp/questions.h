// What open questions share across sessions and eras: how many there may be, and when each gives up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "core/clock.h"

namespace mcp {

// A bounded number of things. Thread-safe; outlives its reservations.
class Budget {
 public:
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)) {}
    Reservation& operator=(Reservation&& other) noexcept {
      std::swap(budget_, other.budget_);
      return *this;
    }
    ~Reservation() { release(); }
    void release() {
      if (budget_) --budget_->used_;
      budget_ = nullptr;
    }
    explicit operator bool() const { return budget_ != nullptr; }

   private:
    friend class Budget;
    explicit Reservation(Budget* budget) : budget_(budget) {}
    Budget* budget_ = nullptr;
  };

  explicit Budget(std::size_t limit) : limit_(limit) {}
  // Empty when all are taken.
  Reservation reserve();
  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_ = 0;
};

// Calls back at a time, unless told not to. One thread, started by the first alarm.
class Alarms {
 public:
  using Key = std::pair<core::SteadyTime, std::uint64_t>;

  explicit Alarms(core::Clock& clock) : clock_(clock) {}
  ~Alarms();

  // `ring` runs on the alarm thread and must be quick.
  Key set(core::SteadyTime when, std::function<void()> ring);
  void clear(const Key& key);

 private:
  void run(std::stop_token stop);

  core::Clock& clock_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Key, std::function<void()>>
      alarms_;  // all are set equally far ahead, so a new one is never the next
  std::uint64_t serial_ = 0;
  std::jthread thread_;
};

}  // namespace mcp
