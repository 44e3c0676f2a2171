// What the sessions of an HTTP server share across its threads. Inside room net only.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

#include "net/http_server.h"

namespace net {

// Counts connections and requests in work, so that a stop can wait for the latter.
class ServerShared {
 public:
  ServerShared(HttpServerOptions options_given, ExchangeHandler handler_given)
      : options(std::move(options_given)), handler(std::move(handler_given)) {}

  const HttpServerOptions options;
  const ExchangeHandler handler;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};  // no request after the present one

  // A request is in work between its last byte and its answer's last byte.
  void begin_request() { ++busy_; }
  void end_request() {
    if (--busy_ > 0 || !draining) return;
    std::lock_guard lock(mutex_);
    quiet_.notify_all();
  }
  // Once draining.
  void wait_until_quiet(std::chrono::milliseconds limit) {
    std::unique_lock lock(mutex_);
    quiet_.wait_for(lock, limit, [this] { return busy_ == 0; });
  }

 private:
  std::atomic<std::size_t> busy_{0};
  std::mutex mutex_;
  std::condition_variable quiet_;
};

}  // namespace net
