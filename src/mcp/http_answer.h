// The answer to one modern request over HTTP (page Streamable HTTP, "Receiving Messages"): plain JSON, unless
// something has to be said before it; then a stream of events, whose last one it is.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

#include "mcp/outlet.h"
#include "mcp/session.h"
#include "net/http_server.h"

namespace mcp {

class HttpAnswer;

// The requests that wait for their answers: running calls and subscriptions. Thread-safe.
class OpenAnswers {
 public:
  void add(std::shared_ptr<HttpAnswer> answer);
  void remove(const HttpAnswer& answer);
  std::size_t size() const;

  // Keep-alive comments, and a stream for what has been silent from one tick to the next.
  void tick();
  // For the end of the process: calls are told to stop, subscriptions get their final answer.
  void drain();

 private:
  std::vector<std::shared_ptr<HttpAnswer>> all() const;

  mutable std::mutex mutex_;
  std::unordered_map<const HttpAnswer*, std::shared_ptr<HttpAnswer>> answers_;
};

// Thread-safe.
class HttpAnswer final : public Outlet, public std::enable_shared_from_this<HttpAnswer> {
 public:
  HttpAnswer(std::shared_ptr<net::Exchange> exchange, std::shared_ptr<OpenAnswers> open);

  // The request was handed to its session. Unless it is answered already, it is kept until it is, and
  // cancelled when the client hangs up (page Streamable HTTP, "Cancellation").
  void wait(std::shared_ptr<Session> session);

  void send(std::string message, Delivery delivery) override;
  void answer(std::string message, int error_code) override;
  void no_answer() override;

  void tick();
  void drain();

 private:
  void begin(std::string first);  // under mutex_
  void done(std::unique_lock<std::mutex> lock);
  void client_gone();

  const std::shared_ptr<OpenAnswers> open_;
  std::optional<std::stop_callback<std::function<void()>>> on_gone_;  // touched by wait() and the destructor

  std::mutex mutex_;                         // of what follows; never held while session_ is called
  std::shared_ptr<net::Exchange> exchange_;  // null once answered
  std::shared_ptr<net::ResponseStream> stream_;
  std::shared_ptr<Session> session_;
  bool draining_ = false;
  bool ticked_ = false;
};

}  // namespace mcp
