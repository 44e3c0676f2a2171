// Worker lanes: bounded threads for work, kept apart by what the work waits for (rule 8).
//
// A call that must wait for time to pass (a rate limit, a token another thread is fetching) parks:
//   { core::Parked parked; clock.wait_until(reset, stop); }
// While parked it does not count against its lane's workers, so other calls go on. Parked threads are bounded
// too.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/result.h"

namespace core {

struct LaneOptions {
  std::string name = "lane";
  std::size_t workers = 8;   // tasks that run at once; threads start on demand
  std::size_t queue = 1024;  // tasks that wait for a worker
  std::size_t parked = 256;  // tasks that wait for time to pass, on top of the workers
};

class Lane {
 public:
  explicit Lane(LaneOptions options);
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
  // Runs what is queued, then joins. Tasks end early only if they watch a stop token of their own.
  ~Lane();

  // Error core.lane.full (rate_limited) when the queue is full: the caller answers at once instead of
  // waiting.
  Status submit(std::move_only_function<void()> task);

  std::size_t running() const;
  std::size_t parked() const;
  std::size_t queued() const;

 private:
  friend class Parked;
  void work();
  void start_worker_if_needed();  // under mutex_
  bool park();
  void unpark();

  const LaneOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> queue_;
  std::vector<std::thread> threads_;
  std::size_t running_ = 0;  // inside a task and not parked
  std::size_t parked_ = 0;
  std::size_t idle_ = 0;
  bool closing_ = false;
};

// Marks the present thread as waiting, for as long as it lives. Does nothing outside a lane, inside another
// Parked, or when the lane already has its fill of parked tasks (then the wait simply holds a worker).
class Parked {
 public:
  Parked();
  ~Parked();
  Parked(const Parked&) = delete;
  Parked& operator=(const Parked&) = delete;

 private:
  Lane* lane_;
};

}  // namespace core
