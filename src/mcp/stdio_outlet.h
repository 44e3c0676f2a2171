// The writing half of the stdio transport: straight to the descriptor while the host reads, through a bounded
// backlog and a thread of its own once it does not.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "core/clock.h"
#include "core/result.h"
#include "mcp/outlet.h"

namespace mcp {

class StdioOutlet final : public Outlet {
 public:
  // `broken_fd` (an eventfd, or -1) is written to once when the peer is gone or the backlog full.
  // Error mcp.stdio.output when the descriptor is not open.
  static core::Result<std::shared_ptr<StdioOutlet>> create(int fd, std::size_t max_backlog_bytes,
                                                           int broken_fd);
  ~StdioOutlet() override;

  void send(std::string message, Delivery delivery) override;

  // Waits until everything is written, at most `at_most`; false when something was left.
  bool flush(std::chrono::milliseconds at_most);
  // What is sent from here on is dropped: the descriptor is the caller's again.
  void shut();
  bool broken() const;

 private:
  // How to write without ever waiting. A pipe is opened a second time, because O_NONBLOCK belongs to the open
  // file and the host, or stderr, may share ours.
  enum class Way { own_pipe, socket, file, polled };

  StdioOutlet(int fd, std::size_t max_backlog_bytes, int broken_fd);
  std::size_t write_some(std::string_view text);  // under mutex_; 0 when the peer does not take more now
  void enqueue(std::string rest);                 // under mutex_
  void give_up();                                 // under mutex_
  void drain();                                   // the thread

  const int fd_;
  const std::size_t max_backlog_bytes_;
  const int broken_fd_;
  Way way_ = Way::polled;
  int own_fd_ = -1;
  int wake_fd_ = -1;  // ends the thread's poll

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> backlog_;
  std::size_t backlog_bytes_ = 0;
  std::size_t front_written_ = 0;
  bool broken_ = false;
  bool shut_ = false;
  std::thread thread_;
};

}  // namespace mcp
