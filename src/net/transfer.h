// One HTTP exchange under way, and the engine that runs many of them on one thread. Inside room net only;
// libcurl stays in transfer_engine.cpp.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_client.h"
#include "net/transfer_error.h"
#include "net/url.h"

namespace net {

struct Curl;  // libcurl's functions

// Shared by send() and the engine. What has no lock is written by send() up to submit(), and belongs to the
// engine's thread from then until `done`.
struct Transfer {
  using Clock = std::chrono::steady_clock;

  const HttpRequest* request = nullptr;  // outlives the transfer: send() waits for `done`
  Url url;
  std::string origin;
  std::string proxy;  // empty for none
  Clock::time_point begun = Clock::now();
  Clock::time_point deadline;

  const Curl* curl = nullptr;
  void* easy = nullptr;          // CURL
  void* header_lines = nullptr;  // curl_slist
  std::string error_text;        // libcurl's buffer

  TransferEnd end = TransferEnd::libcurl;
  std::string_view refused;  // what kind of address HttpRequest::addresses did not allow
  bool running = false;      // it has one of its host's places
  bool sent = false;         // the request began to leave
  bool head_complete = false;
  std::size_t header_bytes = 0;
  std::size_t codings = 0;  // of the body, besides chunks
  std::size_t body_bytes = 0;
  std::int64_t uploaded = 0;
  Clock::time_point last_activity;
  HttpResponse response;

  std::atomic<bool> cancelled{false};

  std::mutex mutex;
  std::condition_variable changed;
  std::string pending;      // for on_body
  bool head_ready = false;  // status and headers of the final answer stand; for on_head
  bool paused = false;      // `pending` is full; the engine clears it when it reads on
  bool done = false;
  std::optional<core::Error> error;

  // `time` + `wait`, or the end of time for waits that would overflow.
  static Clock::time_point later(Clock::time_point time, std::chrono::milliseconds wait) {
    return wait > std::chrono::hours(24 * 365) ? Clock::time_point::max() : time + wait;
  }
  bool streams() const { return request->on_body && response.status / 100 == 2; }
};

// Thread-safe. Its destructor ends what still runs as cancelled.
class TransferEngine {
 public:
  // Loads libcurl and starts the thread. Error net.library.
  static core::Result<std::unique_ptr<TransferEngine>> start(HttpClientOptions options);
  virtual ~TransferEngine() = default;

  // From here on only through the three below, until the transfer is `done`. Error net.library.
  virtual core::Status submit(std::shared_ptr<Transfer> transfer) = 0;
  // Goes on reading after a pause.
  virtual void resume(std::shared_ptr<Transfer> transfer) = 0;
  virtual void cancel(Transfer& transfer) = 0;
};

}  // namespace net
