// What the sessions of an HTTP server share across its threads. Inside room net only.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <utility>

#include "net/http_server.h"

namespace net {

// Counts connections and requests in work, so that a stop can wait for the latter.
struct ServerShared {
  ServerShared(HttpServerOptions options_given, HttpHandler handler_given)
      : options(std::move(options_given)), handler(std::move(handler_given)) {}

  const HttpServerOptions options;
  const HttpHandler handler;
  std::atomic<std::size_t> connections{0};
  std::atomic<bool> draining{false};  // no request after the present one
  std::atomic<bool> closing{false};   // the grace is over

  std::mutex mutex;
  std::condition_variable quiet;
  std::size_t busy = 0;  // requests between their last byte and their answer's last byte; under mutex

  void begin_request() {
    std::lock_guard lock(mutex);
    ++busy;
  }
  void end_request() {
    {
      std::lock_guard lock(mutex);
      --busy;
    }
    quiet.notify_all();
  }
};

}  // namespace net
