#include "net/http_exchange.h"

#include <utility>

#include "core/log.h"

namespace net {

ServerResponse failure_answer() {
  ServerResponse response{.status = 500, .body = "The server failed to answer this request.\n"};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  return response;
}

void log_thrown(const ServerRequest& request, std::string_view what) {
  core::log(core::LogLevel::error, "net", "A request handler threw.",
            {{"path", request.path}, {"what", core::redact(what)}});
}

StreamState::StreamState(std::shared_ptr<ServerLoop> loop, std::weak_ptr<Session> session,
                         std::size_t max_backlog, std::string first_piece)
    : loop_(std::move(loop)), session_(std::move(session)), max_backlog_(max_backlog) {
  pending_bytes_ = first_piece.size();
  if (!first_piece.empty()) pending_.push_back(std::move(first_piece));
}

bool StreamState::write(std::string bytes) {
  std::lock_guard lock(mutex_);
  if (closed_ || ended_) return false;
  if (pending_bytes_ + in_flight_ > max_backlog_) {
    drop();
    return false;
  }
  if (bytes.empty()) return true;  // an empty chunk would end the body
  pending_bytes_ += bytes.size();
  pending_.push_back(std::move(bytes));
  wake();
  return true;
}

std::size_t StreamState::backlog() const {
  std::lock_guard lock(mutex_);
  return pending_bytes_ + in_flight_;
}

void StreamState::end() {
  std::lock_guard lock(mutex_);
  if (closed_ || ended_) return;
  ended_ = true;
  wake();
}

void StreamState::abandon() {
  std::lock_guard lock(mutex_);
  if (!closed_ && !ended_) drop();
}

StreamState::Batch StreamState::take(std::vector<std::string>& pieces) {
  std::lock_guard lock(mutex_);
  Batch batch;
  if (taken_ == 0 && pending_.size() <= kMaxPieces) {
    pieces.swap(pending_);
  } else {
    for (; taken_ < pending_.size() && pieces.size() < kMaxPieces; ++taken_) {
      pieces.push_back(std::move(pending_[taken_]));
    }
    if (taken_ < pending_.size()) {
      for (const auto& piece : pieces) batch.bytes += piece.size();
      pending_bytes_ -= batch.bytes;
      in_flight_ = batch.bytes;
      return batch;
    }
  }
  pending_.clear();
  taken_ = 0;
  batch.bytes = std::exchange(pending_bytes_, 0);
  batch.last = ended_;
  in_flight_ = batch.bytes;
  awake_ = batch.bytes > 0 || batch.last;
  if (!awake_ && pending_.capacity() > kMaxPieces) pending_.shrink_to_fit();
  return batch;
}

void StreamState::set_in_flight(std::size_t bytes) {
  std::lock_guard lock(mutex_);
  in_flight_ = bytes;
}

void StreamState::close() {
  std::vector<std::string> dropped;  // freed outside the lock
  std::lock_guard lock(mutex_);
  closed_ = true;
  pending_bytes_ = in_flight_ = taken_ = 0;
  dropped.swap(pending_);
}

void StreamState::wake() {
  if (std::exchange(awake_, true)) return;
  loop_->post([this, session = session_] {
    // A session holds its stream, so this one is still there if the session is, and has not changed streams.
    if (const auto alive = session.lock()) alive->flush(this);
  });
}

void StreamState::drop() {
  closed_ = true;
  loop_->post([this, session = session_] {
    if (const auto alive = session.lock()) alive->drop(this);
  });
}

ServerExchange::~ServerExchange() {
  if (!answered_) ServerExchange::respond(failure_answer());
}

void ServerExchange::respond(ServerResponse response) {
  if (answered_.exchange(true)) return;
  if (loop_->on_thread()) {
    if (const auto session = session_.lock()) session->answer(std::move(response));
    return;
  }
  loop_->post([session = session_, response = std::move(response)]() mutable {
    if (const auto alive = session.lock()) alive->answer(std::move(response));
  });
}

std::shared_ptr<ResponseStream> ServerExchange::stream(ServerResponse head) {
  auto state =
      std::make_shared<StreamState>(loop_, session_, max_stream_backlog_, std::exchange(head.body, {}));
  if (answered_.exchange(true)) {
    state->close();
    return state;
  }
  if (loop_->on_thread()) {
    const auto session = session_.lock();
    session ? session->start_stream(std::move(head), state) : state->close();
  } else {
    loop_->post([session = session_, head = std::move(head), state]() mutable {
      const auto alive = session.lock();
      alive ? alive->start_stream(std::move(head), std::move(state)) : state->close();
    });
  }
  auto* raw = state.get();
  return {raw, [state = std::move(state)](ResponseStream*) { state->abandon(); }};
}

}  // namespace net
