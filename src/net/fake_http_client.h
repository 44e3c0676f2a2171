// A stand-in for the network in tests: answers come from a function or a queue, requests are kept.
//
//   net::FakeHttpClient http;
//   http.reply(200, R"({"id":"00u1"})");
//   http.fail("net.dns");
//   ... code under test calls http.send(...) ...
//   EXPECT_EQ(http.requests().at(0).url, "https://example.okta.com/api/v1/users/me");
// Thread-safe. Answers are given in the order they were queued; an answer function takes the place of the
// queue. on_head and on_body are fed like the real client does: a 2xx body goes there, HttpResponse::body
// stays empty.
#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_client.h"

namespace net {

class FakeHttpClient final : public HttpClient {
 public:
  using Answer = core::Result<HttpResponse>;
  // Called outside the lock, so it may block, or call back into this object.
  using AnswerFunction = std::function<Answer(const core::Context&, const HttpRequest&)>;

  FakeHttpClient() = default;
  explicit FakeHttpClient(AnswerFunction answer) : answer_(std::move(answer)) {}

  void answer_with(AnswerFunction answer) {
    std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  void push(Answer answer) {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(answer));
  }
  // A JSON answer unless `headers` say otherwise.
  void reply(int status, std::string body = {}, Headers headers = {}) {
    if (!headers.has("Content-Type") && !body.empty()) headers.add("Content-Type", "application/json");
    push(HttpResponse{.status = status, .headers = std::move(headers), .body = std::move(body)});
  }
  // A failed send(): "net.dns", "net.timeout", "net.reset", ...
  void fail(std::string code, core::ErrorKind kind = core::ErrorKind::unavailable) {
    push(core::fail(kind, std::move(code), "The test made this request fail."));
  }

  core::Result<HttpResponse> send(const core::Context& context, const HttpRequest& request) override {
    AnswerFunction function;
    {
      std::lock_guard lock(mutex_);
      requests_.push_back(request);
      function = answer_;
    }
    if (context.cancelled()) {
      return core::fail(core::ErrorKind::cancelled, "net.cancelled_unsent",
                        "The request was cancelled before it was sent.");
    }
    auto answer = function ? function(context, request) : next();
    if (answer && request.on_head) {
      RETURN_IF_ERROR(request.on_head(*answer));
    }
    if (answer && request.on_body && answer->status / 100 == 2) {
      RETURN_IF_ERROR(request.on_body(answer->body));
      answer->body.clear();
    }
    return answer;
  }

  // Copies, in the order they came.
  std::vector<HttpRequest> requests() const {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  std::size_t count() const {
    std::lock_guard lock(mutex_);
    return requests_.size();
  }
  // Answers nobody asked for yet: a test that expects all of them to be used checks for 0.
  std::size_t unused() const {
    std::lock_guard lock(mutex_);
    return queue_.size();
  }
  void clear_requests() {
    std::lock_guard lock(mutex_);
    requests_.clear();
  }

 private:
  Answer next() {
    std::lock_guard lock(mutex_);
    if (queue_.empty()) {
      return core::fail(core::ErrorKind::internal, "net.fake.empty",
                        "The test queued no answer for this request.");
    }
    auto answer = std::move(queue_.front());
    queue_.pop_front();
    return answer;
  }

  mutable std::mutex mutex_;
  AnswerFunction answer_;
  std::deque<Answer> queue_;
  std::vector<HttpRequest> requests_;
};

}  // namespace net
