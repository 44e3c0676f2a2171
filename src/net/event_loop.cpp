#include "net/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utility>

namespace net {

core::Result<std::unique_ptr<EventLoop>> EventLoop::create() {
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.ptr = nullptr}};
  if (epoll < 0 || wake < 0 || ::epoll_ctl(epoll, EPOLL_CTL_ADD, wake, &event) != 0) {
    const int error = errno;
    if (epoll >= 0) ::close(epoll);
    if (wake >= 0) ::close(wake);
    return core::fail(core::ErrorKind::unavailable, "net.listen",
                      fmt::format("Cannot make an event loop: {}.", std::strerror(error)),
                      "The process may be out of file descriptors; raise its limit (ulimit -n).");
  }
  return std::unique_ptr<EventLoop>(new EventLoop(epoll, wake));
}

EventLoop::~EventLoop() {
  ::close(wake_);
  ::close(epoll_);
}

void EventLoop::post(Task task) {
  if (on_thread()) {
    local_.push_back(std::move(task));
    return;
  }
  std::lock_guard lock(mutex_);
  if (finished_) return;
  remote_.push_back(std::move(task));
  if (remote_.size() > 1) return;  // woken already
  has_remote_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  // It cannot fail before 2^64 - 1 calls. Nobody reads it: each write is a new edge.
  [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
}

void EventLoop::stop() {
  post([this] { stopping_ = true; });
}

bool EventLoop::add(int fd, Watcher& watcher) {
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = &watcher}};
  return ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void EventLoop::remove(int fd) {
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::Timer EventLoop::after(std::chrono::milliseconds delay, Task task) {
  return timers_.emplace(std::chrono::steady_clock::now() + delay, std::move(task));
}

void EventLoop::run() {
  thread_.store(std::this_thread::get_id(), std::memory_order_release);
  std::array<epoll_event, 256> events;
  while (!stopping_ || !local_.empty() || has_remote_.load(std::memory_order_acquire)) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout());
    for (int i = 0; i < count; ++i) {
      const auto& event = events[static_cast<std::size_t>(i)];
      if (event.data.ptr) static_cast<Watcher*>(event.data.ptr)->on_events(event.events);
    }
    run_timers();
    run_tasks();
    retired_.clear();
  }
  std::vector<Task> dropped;
  {
    std::lock_guard lock(mutex_);
    finished_ = true;
    dropped.swap(remote_);
  }
  dropped.clear();  // while on_thread() still holds: what a task owns may post as it goes
  timers_.clear();
  local_.clear();
  retired_.clear();
  thread_.store(std::thread::id(), std::memory_order_release);
}

int EventLoop::timeout() const {
  if (!local_.empty() || stopping_) return 0;
  if (timers_.empty()) return -1;
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
}

void EventLoop::run_timers() {
  if (timers_.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    auto due = timers_.extract(timers_.begin());
    due.mapped()();
  }
}

void EventLoop::run_tasks() {
  // Only what was there at the beginning: tasks that post tasks take turns with the descriptors.
  std::vector<Task> tasks;
  tasks.swap(local_);
  for (auto& task : tasks) task();
  if (!has_remote_.load(std::memory_order_acquire)) return;
  tasks.clear();
  {
    std::lock_guard lock(mutex_);
    tasks.swap(remote_);
    has_remote_.store(false, std::memory_order_release);
  }
  for (auto& task : tasks) task();
}

}  // namespace net
