// One thread's event loop (an Asio io_context), and the sessions that live on it. Inside room net only.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>

#include "core/result.h"

namespace net {

class Session;

class ServerLoop : public std::enable_shared_from_this<ServerLoop> {
 public:
  using Task = std::move_only_function<void()>;
  struct Io;  // server_loop_impl.h

  static core::Result<std::shared_ptr<ServerLoop>> create();
  ~ServerLoop();
  ServerLoop(const ServerLoop&) = delete;
  ServerLoop& operator=(const ServerLoop&) = delete;

  // From any thread. Tasks run in the order they came; after run() has returned they are dropped.
  void post(Task task);
  bool on_thread() const;
  // run() returns once stop() was called, nothing waits any more (sessions and listeners are closed) and
  // every task posted until then has run.
  void run();
  void stop();

  // The rest only on the loop's thread, or before run().
  Io& io() { return *io_; }
  void add(std::shared_ptr<Session> session);
  void remove(Session& session) { sessions_.erase(&session); }
  // `what` may take the session out.
  template <class Do>
  void for_each_session(Do&& what) {
    for (auto next = sessions_.begin(); next != sessions_.end();) {
      const auto session = (next++)->second;
      what(*session);
    }
  }
  // Formatted once a second.
  const std::string& http_date();

  std::array<char, 64u << 10> scratch;  // what is read before it is known whose it is

 private:
  explicit ServerLoop(std::unique_ptr<Io> io);
  void sweep();

  const std::unique_ptr<Io> io_;
  std::unordered_map<Session*, std::shared_ptr<Session>> sessions_;
  bool sweeping_ = false;
  std::int64_t date_second_ = -1;
  std::string date_;
  std::shared_mutex mutex_;  // shared by those who post: one that is interrupted there holds up no other
  bool finished_ = false;    // under mutex_
};

}  // namespace net
