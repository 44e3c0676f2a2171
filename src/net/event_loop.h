// One thread's event loop: descriptors, tasks from other threads, timers. Inside room net only.
//
// Descriptors are watched edge-triggered (epoll(7)) and registered once, so that a request on a kept
// connection costs three system calls: wait, receive, send. EPOLLRDHUP tells that a client hung up without
// reading from it, so that nothing is read ahead to notice that.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "core/result.h"

namespace net {

class EventLoop {
 public:
  using Task = std::move_only_function<void()>;
  using TimePoint = std::chrono::steady_clock::time_point;
  using Timer = std::multimap<TimePoint, Task>::iterator;

  class Watcher {
   public:
    // The mask of epoll_wait(2). Called again only after a change: whoever stops reading half-way remembers
    // it.
    virtual void on_events(std::uint32_t events) = 0;

   protected:
    ~Watcher() = default;
  };

  static core::Result<std::unique_ptr<EventLoop>> create();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;
  ~EventLoop();

  // From any thread. Tasks run in the order they came; after run() has returned they are dropped.
  void post(Task task);
  // run() returns once every task posted before, and what those post, has run.
  void stop();
  bool on_thread() const { return thread_.load(std::memory_order_acquire) == std::this_thread::get_id(); }

  void run();

  // The rest only on the loop's thread, or before run().
  bool add(int fd, Watcher& watcher);  // false: errno
  void remove(int fd);                 // before it is closed
  // Keeps a watcher that is no longer wanted until no event in hand can name it.
  void retire(std::shared_ptr<void> watcher) { retired_.push_back(std::move(watcher)); }
  Timer after(std::chrono::milliseconds delay, Task task);
  void cancel(Timer timer) { timers_.erase(timer); }

 private:
  EventLoop(int epoll, int wake) : epoll_(epoll), wake_(wake) {}
  int timeout() const;
  void run_timers();
  void run_tasks();

  const int epoll_;
  const int wake_;  // an eventfd
  std::atomic<std::thread::id> thread_;
  bool stopping_ = false;
  std::vector<Task> local_;  // posted by this thread
  std::multimap<TimePoint, Task> timers_;
  std::vector<std::shared_ptr<void>> retired_;

  std::mutex mutex_;
  std::vector<Task> remote_;  // posted by others; under mutex_
  bool finished_ = false;     // under mutex_
  std::atomic<bool> has_remote_{false};
};

}  // namespace net
