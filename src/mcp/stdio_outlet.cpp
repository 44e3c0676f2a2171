#include "mcp/stdio_outlet.h"

#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "core/log.h"

namespace mcp {
namespace {

// Beyond this, progress and log lines are no longer worth keeping.
constexpr std::size_t kDropBeyond = 1u << 20;

void signal_fd(int fd) {
  if (fd < 0) return;
  std::uint64_t one = 1;
  [[maybe_unused]] auto written = ::write(fd, &one, sizeof one);
}

}  // namespace

core::Result<std::shared_ptr<StdioOutlet>> StdioOutlet::create(int fd, std::size_t max_backlog_bytes,
                                                               int broken_fd) {
  struct stat about{};
  if (::fstat(fd, &about) != 0) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.stdio.output",
                      fmt::format("Descriptor {} cannot be written to: {}.", fd, std::strerror(errno)));
  }
  std::shared_ptr<StdioOutlet> outlet(new StdioOutlet(fd, max_backlog_bytes, broken_fd));
  if (S_ISREG(about.st_mode)) {
    outlet->way_ = Way::file;
  } else if (S_ISSOCK(about.st_mode)) {
    outlet->way_ = Way::socket;
  } else if (S_ISFIFO(about.st_mode)) {
    outlet->own_fd_ = ::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (outlet->own_fd_ >= 0) outlet->way_ = Way::own_pipe;
  }
  return outlet;
}

StdioOutlet::StdioOutlet(int fd, std::size_t max_backlog_bytes, int broken_fd)
    : fd_(fd), max_backlog_bytes_(max_backlog_bytes), broken_fd_(broken_fd) {}

StdioOutlet::~StdioOutlet() {
  shut();
}

void StdioOutlet::shut() {
  std::thread thread;
  {
    std::lock_guard lock(mutex_);
    shut_ = true;
    thread.swap(thread_);
    signal_fd(wake_fd_);
  }
  changed_.notify_all();
  if (thread.joinable()) thread.join();
  std::lock_guard lock(mutex_);
  if (own_fd_ >= 0) ::close(own_fd_);
  if (wake_fd_ >= 0) ::close(wake_fd_);
  own_fd_ = wake_fd_ = -1;
}

bool StdioOutlet::broken() const {
  std::lock_guard lock(mutex_);
  return broken_;
}

std::size_t StdioOutlet::write_some(std::string_view text) {
  std::size_t written = 0;
  while (written < text.size()) {
    std::string_view rest = text.substr(written);
    ssize_t count = 0;
    switch (way_) {
      case Way::own_pipe:
        count = ::write(own_fd_, rest.data(), rest.size());
        break;
      case Way::socket:
        count = ::send(fd_, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        break;
      case Way::file:
        count = ::write(fd_, rest.data(), rest.size());
        break;
      case Way::polled: {
        // A pipe that polls writable takes PIPE_BUF bytes without waiting (pipe(7)).
        pollfd ready{fd_, POLLOUT, 0};
        if (::poll(&ready, 1, 0) <= 0) return written;
        count = ::write(fd_, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
        break;
      }
    }
    if (count >= 0) {
      written += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return written;
    } else if (errno != EINTR) {
      give_up();
      return written;
    }
  }
  return written;
}

void StdioOutlet::give_up() {
  if (broken_) return;
  broken_ = true;
  backlog_.clear();
  backlog_bytes_ = 0;
  signal_fd(broken_fd_);
  changed_.notify_all();
}

void StdioOutlet::send(std::string message, Delivery delivery) {
  message += '\n';
  std::lock_guard lock(mutex_);
  if (broken_ || shut_) return;
  if (backlog_.empty()) {
    std::size_t written = write_some(message);
    if (written == message.size() || broken_) return;
    message.erase(0, written);
    enqueue(std::move(message));
  } else if (delivery == Delivery::required || backlog_bytes_ < kDropBeyond) {
    enqueue(std::move(message));
  }
}

void StdioOutlet::enqueue(std::string rest) {
  if (backlog_bytes_ + rest.size() > max_backlog_bytes_) {
    core::log(core::LogLevel::error, "mcp", "the host does not read its answers; giving the connection up",
              {{"backlog_bytes", backlog_bytes_}, {"limit", max_backlog_bytes_}});
    give_up();
    return;
  }
  backlog_bytes_ += rest.size();
  backlog_.push_back(std::move(rest));
  if (!thread_.joinable()) {
    wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    try {
      thread_ = std::thread([this] { drain(); });
    } catch (const std::system_error& thrown) {
      core::log(core::LogLevel::error, "mcp", "no thread for the backlog", {{"what", thrown.what()}});
      give_up();
      return;
    }
  }
  changed_.notify_all();
}

void StdioOutlet::drain() {
  std::unique_lock lock(mutex_);
  while (!shut_) {
    if (backlog_.empty() || broken_) {
      changed_.wait(lock);
      continue;
    }
    int fd = way_ == Way::own_pipe ? own_fd_ : fd_;
    lock.unlock();
    pollfd wait[2] = {{fd, POLLOUT, 0}, {wake_fd_, POLLIN, 0}};
    ::poll(wait, 2, -1);
    lock.lock();
    while (!shut_ && !broken_ && !backlog_.empty()) {
      const std::string& front = backlog_.front();
      front_written_ += write_some(std::string_view(front).substr(front_written_));
      if (broken_ || front_written_ < front.size()) break;
      backlog_bytes_ -= front.size();
      backlog_.pop_front();
      front_written_ = 0;
    }
    if (backlog_.empty()) changed_.notify_all();
  }
}

bool StdioOutlet::flush(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [this] { return backlog_.empty() || broken_; }) && !broken_;
}

}  // namespace mcp
