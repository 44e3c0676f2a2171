#include "core/lane.h"

#include <fmt/format.h>

namespace core {
namespace {

thread_local Lane* t_lane = nullptr;
thread_local bool t_parked = false;

}  // namespace

Lane::Lane(LaneOptions options) : options_(std::move(options)) {}

Lane::~Lane() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (;;) {
    std::vector<std::thread> threads;
    {
      std::lock_guard lock(mutex_);
      threads.swap(threads_);
    }
    if (threads.empty()) break;
    for (auto& thread : threads) thread.join();
  }
}

Status Lane::submit(std::move_only_function<void()> task) {
  {
    std::lock_guard lock(mutex_);
    if (closing_) {
      return fail(ErrorKind::unavailable, "core.lane.closing", "The server is shutting down.");
    }
    if (queue_.size() >= options_.queue) {
      return fail(ErrorKind::rate_limited, "core.lane.full",
                  fmt::format("{} calls already wait in the {} lane.", queue_.size(), options_.name),
                  "Wait for answers before sending more calls.");
    }
    queue_.push_back(std::move(task));
    start_worker_if_needed();
  }
  wake_.notify_one();
  return {};
}

void Lane::start_worker_if_needed() {
  if (queue_.size() > idle_ && running_ + idle_ < options_.workers) {
    ++idle_;  // counted as idle from birth, so that a burst of submits does not start one too many
    threads_.emplace_back([this] { work(); });
  }
}

void Lane::work() {
  t_lane = this;
  std::unique_lock lock(mutex_);
  for (;;) {
    // Threads that came back from parking may make one too many: those go to sleep until there is room.
    wake_.wait(lock, [this] {
      return (!queue_.empty() && running_ < options_.workers) || (closing_ && queue_.empty());
    });
    if (queue_.empty()) return;
    auto task = std::move(queue_.front());
    queue_.pop_front();
    --idle_;
    ++running_;
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
    --running_;
    ++idle_;
    if (closing_) {
      wake_.notify_all();  // sleepers leave once the queue is empty, and only this tells them
    } else if (queue_.size() > 1) {
      wake_.notify_one();  // the first is this thread's own next one
    }
  }
}

bool Lane::park() {
  {
    std::lock_guard lock(mutex_);
    if (parked_ >= options_.parked) return false;
    ++parked_;
    --running_;
    start_worker_if_needed();
  }
  wake_.notify_one();
  return true;
}

void Lane::unpark() {
  std::lock_guard lock(mutex_);
  --parked_;
  ++running_;  // may exceed the workers for a moment; no new task starts until it falls again
}

std::size_t Lane::running() const {
  std::lock_guard lock(mutex_);
  return running_;
}

std::size_t Lane::parked() const {
  std::lock_guard lock(mutex_);
  return parked_;
}

std::size_t Lane::queued() const {
  std::lock_guard lock(mutex_);
  return queue_.size();
}

Parked::Parked() : lane_(t_parked ? nullptr : t_lane) {
  if (lane_ && !lane_->park()) lane_ = nullptr;
  if (lane_) t_parked = true;
}

Parked::~Parked() {
  if (!lane_) return;
  t_parked = false;
  lane_->unpark();
}

}  // namespace core
