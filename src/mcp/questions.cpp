#include "mcp/questions.h"

#include <vector>

namespace mcp {

Budget::Reservation Budget::reserve() {
  std::size_t used = used_.load();
  do {
    if (used >= limit_) return {};
  } while (!used_.compare_exchange_weak(used, used + 1));
  return Reservation(this);
}

Alarms::~Alarms() {
  // A ring takes locks of its own; none of them is held here.
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
}

Alarms::Key Alarms::set(core::SteadyTime when, std::function<void()> ring) {
  Key key;
  {
    std::lock_guard lock(mutex_);
    key = {when, ++serial_};
    alarms_.emplace(key, std::move(ring));
    if (!thread_.joinable()) thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
  }
  changed_.notify_one();
  return key;
}

void Alarms::clear(const Key& key) {
  std::lock_guard lock(mutex_);
  alarms_.erase(key);
}

void Alarms::run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (!changed_.wait(lock, stop, [this] { return !alarms_.empty(); })) return;
    core::SteadyTime next = alarms_.begin()->first.first;
    lock.unlock();
    bool awake = clock_.wait_until(next, stop);
    lock.lock();
    if (!awake) return;

    std::vector<std::function<void()>> due;
    core::SteadyTime now = clock_.steady();
    while (!alarms_.empty() && alarms_.begin()->first.first <= now) {
      due.push_back(std::move(alarms_.begin()->second));
      alarms_.erase(alarms_.begin());
    }
    lock.unlock();
    for (auto& ring : due) ring();
    lock.lock();
  }
}

}  // namespace mcp
