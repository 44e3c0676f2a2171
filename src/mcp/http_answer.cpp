#include "mcp/http_answer.h"

#include <utility>

#include "mcp/http_ladder.h"
#include "mcp/http_reply.h"
#include "mcp/sse.h"

namespace mcp {
namespace {

// A reader that is this far behind gets no progress and no log lines.
constexpr std::size_t kSlowReader = 64u << 10;

std::string event(std::string_view message) {
  return write_sse({.event = "message", .id = {}, .retry = {}, .data = message});
}

}  // namespace

void OpenAnswers::add(std::shared_ptr<HttpAnswer> answer) {
  std::lock_guard lock(mutex_);
  const HttpAnswer* key = answer.get();
  answers_.emplace(key, std::move(answer));
}

void OpenAnswers::remove(const HttpAnswer& answer) {
  std::shared_ptr<HttpAnswer> removed;  // goes after the lock
  std::lock_guard lock(mutex_);
  auto found = answers_.find(&answer);
  if (found == answers_.end()) return;
  removed = std::move(found->second);
  answers_.erase(found);
}

std::size_t OpenAnswers::size() const {
  std::lock_guard lock(mutex_);
  return answers_.size();
}

std::vector<std::shared_ptr<HttpAnswer>> OpenAnswers::all() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<HttpAnswer>> answers;
  answers.reserve(answers_.size());
  for (const auto& [key, answer] : answers_) answers.push_back(answer);
  return answers;
}

void OpenAnswers::tick() {
  for (const auto& answer : all()) answer->tick();
}

void OpenAnswers::drain() {
  for (const auto& answer : all()) answer->drain();
}

HttpAnswer::HttpAnswer(std::shared_ptr<net::Exchange> exchange, std::shared_ptr<OpenAnswers> open)
    : open_(std::move(open)), exchange_(std::move(exchange)) {}

void HttpAnswer::wait(std::shared_ptr<Session> session) {
  std::stop_token gone;
  {
    std::lock_guard lock(mutex_);
    if (!exchange_) return;
    gone = exchange_->request().stop;
    session_ = std::move(session);
    // Under the lock, so that an answer that comes now finds itself there to be removed.
    open_->add(shared_from_this());
  }
  on_gone_.emplace(gone, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->client_gone();
  });
}

void HttpAnswer::begin(std::string first) {
  stream_ = start_events(*exchange_, std::move(first));
}

void HttpAnswer::send(std::string message, Delivery delivery) {
  std::lock_guard lock(mutex_);
  if (!exchange_) return;
  if (!stream_) {
    if (!accepts(exchange_->request().headers, "text/event-stream")) return;
    return begin(event(message));
  }
  if (delivery == Delivery::droppable && stream_->backlog() > kSlowReader) return;
  stream_->write(event(message));  // when the client is gone, the stop token says so
}

void HttpAnswer::answer(std::string message, int error_code) {
  std::unique_lock lock(mutex_);
  if (!exchange_) return;
  // An error keeps the status that tells intermediaries what went wrong.
  bool plain = !stream_ && (error_code != 0 || !prefers_events(exchange_->request().headers));
  if (plain) {
    respond_json(*exchange_, answer_status(Era::modern, error_code), std::move(message));
  } else {
    if (stream_) {
      stream_->write(event(message));
    } else {
      begin(event(message));
    }
    stream_->end();
  }
  done(std::move(lock));
}

void HttpAnswer::no_answer() {
  std::unique_lock lock(mutex_);
  if (!exchange_) return;
  if (!stream_) begin({});
  stream_->end();
  done(std::move(lock));
}

void HttpAnswer::done(std::unique_lock<std::mutex> lock) {
  auto exchange = std::move(exchange_);
  auto stream = std::move(stream_);
  auto session = std::move(session_);
  lock.unlock();
  if (session) open_->remove(*this);
}

void HttpAnswer::client_gone() {
  std::shared_ptr<Session> session;
  bool draining = false;
  {
    std::lock_guard lock(mutex_);
    session = session_;
    draining = draining_;
  }
  if (!session) return;
  // A server that stops says so like a client that hangs up; then answers may still go out.
  if (draining) return session->close();
  session->abandon();
  no_answer();  // a subscription has no call that would say so
}

void HttpAnswer::tick() {
  std::lock_guard lock(mutex_);
  if (!exchange_) return;
  if (stream_) {
    if (stream_->backlog() == 0) stream_->write(std::string(kSseKeepAlive));
  } else if (std::exchange(ticked_, true) && accepts(exchange_->request().headers, "text/event-stream")) {
    begin(std::string(kSseKeepAlive));
  }
}

void HttpAnswer::drain() {
  std::shared_ptr<Session> session;
  {
    std::lock_guard lock(mutex_);
    draining_ = true;
    session = session_;
  }
  if (session) session->close();
}

}  // namespace mcp
