#include "net/http_session.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <fmt/format.h>
#include <iterator>
#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "core/clock.h"
#include "core/log.h"
#include "net/http_exchange.h"

namespace net {
namespace {

using Kind = IoResult::Kind;

constexpr auto kSweep = std::chrono::milliseconds{200};
constexpr auto kLinger = std::chrono::seconds{2};
// What one connection may do before the others of its thread have their turn: pipelined requests, or reads
// of 64 KiB.
constexpr int kStepsPerTurn = 64;
// An idle connection keeps no more than this of its input's memory.
constexpr std::size_t kKeptInput = 4u << 10;

}  // namespace

const std::string& SessionLoop::http_date() {
  const auto now = core::system_clock().now();
  if (const auto second = core::to_unix_seconds(now); second != date_second_) {
    date_second_ = second;
    date_ = core::to_http_date(now);
  }
  return date_;
}

void SessionLoop::sweep() {
  sweeping = !sessions.empty();
  if (!sweeping) return;
  events->after(kSweep, [this] {
    const auto now = std::chrono::steady_clock::now();
    for (auto next = sessions.begin(); next != sessions.end();) {
      auto* session = (next++)->first;  // it may take itself out
      session->check_deadline(now);
    }
    sweep();
  });
}

void Outgoing::begin() {
  total_ = head.size() + body.size() + tail.size();
  for (const auto& piece : pieces) total_ += piece.size();
  written_ = 0;
}

std::size_t Outgoing::gather(std::span<iovec> into) const {
  std::size_t count = 0;
  std::size_t skip = written_;
  const auto add = [&](std::string_view bytes) {
    const auto skipped = std::min(skip, bytes.size());
    skip -= skipped;
    bytes.remove_prefix(skipped);
    // sendmsg(2) does not write to it.
    if (!bytes.empty())
      into[count++] = {.iov_base = const_cast<char*>(bytes.data()), .iov_len = bytes.size()};
  };
  add(head);
  add(body);
  for (const auto& piece : pieces) add(piece);
  add(tail);
  return count;
}

Session::Session(ServerShared& shared, SessionLoop& loop, int fd, std::string peer,
                 std::shared_ptr<const TlsContext> tls)
    : shared_(shared),
      loop_(loop),
      fd_(fd),
      peer_(std::move(peer)),
      encrypted_(tls != nullptr),
      reader_({.max_header_bytes = shared.options.max_header_bytes,
               .max_headers = shared.options.max_headers,
               .max_body_bytes = shared.options.max_body_bytes}) {
  if (tls) tls_ = TlsConnection::create(std::move(tls), fd);
  ++shared_.connections;
}

Session::~Session() {
  if (fd_ >= 0) ::close(fd_);
  --shared_.connections;
}

void Session::start() {
  if ((encrypted_ && !tls_) || !loop_.events->add(fd_, *this)) return close();
  state_ = tls_ ? State::shaking_hands : State::idle;
  expire_after(tls_ ? shared_.options.request_timeout : shared_.options.idle_timeout);
}

void Session::start_refused() {
  if (encrypted_ || !loop_.events->add(fd_, *this)) return close();
  refuse({503, "This server has all the connections it takes."});
  advance(false);
}

void Session::on_events(std::uint32_t events) {
  if (state_ == State::closed) return;
  const bool hung_up = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
  readable_ = readable_ || hung_up || tls_ || (events & EPOLLIN) != 0;
  writable_ = writable_ || hung_up || tls_ || (events & EPOLLOUT) != 0;
  if (hung_up) {
    peer_closed_ = true;
    gone_ = gone_ || (events & (EPOLLHUP | EPOLLERR)) != 0;
    on_hang_up();
  }
  advance(true);
}

// While a request is read the end shows by itself, and what came before it still counts.
void Session::on_hang_up() {
  if (state_ != State::handling && state_ != State::streaming) return;
  request_stop();
  // A client that only closed its own side still gets its answer, unless it is being held back.
  if (gone_ || delay_) close();
}

void Session::check_deadline(EventLoop::TimePoint now) {
  if (now < deadline_) return;
  if ((state_ == State::writing || state_ == State::streaming) && kernel_queue_shrank()) {
    return expire_after(shared_.options.write_timeout);
  }
  if (state_ != State::reading) return close();
  refuse({408, "The request did not arrive in time."});
  advance(false);
}

void Session::drain() {
  switch (state_) {
    case State::shaking_hands:
    case State::idle:
    case State::reading:
      return close();
    case State::streaming:
      return request_stop();
    case State::handling:
    case State::writing:
    case State::lingering:
    case State::closed:
      return;
  }
}

void Session::close() {
  if (state_ == State::closed) return;
  state_ = State::closed;
  never_expire();
  if (delay_) loop_.events->cancel(*std::exchange(delay_, std::nullopt));
  request_stop();
  stop_ = std::stop_source(std::nostopstate);
  if (stream_) std::exchange(stream_, nullptr)->close();
  tls_.reset();
  loop_.events->remove(fd_);
  ::close(std::exchange(fd_, -1));
  finish_request();
  if (auto own = loop_.sessions.extract(this)) loop_.events->retire(std::move(own.mapped()));
}

void Session::advance(bool may_dispatch) {
  if (advancing_) return;
  advancing_ = true;
  may_dispatch_ = may_dispatch;
  int budget = kStepsPerTurn;
  while (step()) {
    if (--budget > 0) continue;
    advance_later();
    break;
  }
  advancing_ = false;
}

void Session::advance_later() {
  loop_.events->post([self = weak_from_this()] {
    if (const auto alive = self.lock()) alive->advance(true);
  });
}

bool Session::step() {
  switch (state_) {
    case State::shaking_hands:
      return shake_hands();
    case State::idle:
    case State::reading:
      if (may_dispatch_) return read_request();
      if (readable_ || !input_.empty()) advance_later();
      return false;
    case State::writing:
      return write_some();
    case State::streaming:
      return stream_some();
    case State::lingering:
      return drop_input();
    case State::handling:
    case State::closed:
      return false;
  }
  return false;
}

bool Session::shake_hands() {
  const auto result = tls_->handshake();
  if (result.kind == Kind::blocked) return false;
  if (result.kind == Kind::done) {
    state_ = State::idle;
    expire_after(shared_.options.idle_timeout);
  } else if (tls_->was_plain_http()) {
    tls_.reset();
    refuse({400, "This port speaks TLS; use https."});
  } else {
    close();
  }
  return true;
}

bool Session::read_request() {
  std::string_view bytes = std::string_view(input_).substr(input_used_);
  const bool ahead = !bytes.empty();
  if (!ahead) {
    if (!readable_) return false;
    const auto got = receive(loop_.scratch);
    if (got.kind == Kind::blocked) return false;
    if (got.kind != Kind::done) {
      close();  // also a client that gives up half-way: nobody is left to answer
      return false;
    }
    bytes = {loop_.scratch.data(), got.bytes};
  }
  const auto used = reader_.feed(bytes);
  if (!ahead) {
    input_ = bytes.substr(used);
  } else if ((input_used_ += used) == input_.size()) {
    input_.clear();
    input_used_ = 0;
    if (input_.capacity() > kKeptInput) input_.shrink_to_fit();
  }
  switch (reader_.state()) {
    case wire::RequestReader::State::done:
      dispatch();
      return true;
    case wire::RequestReader::State::refused:
      refuse(reader_.refusal());
      return true;
    case wire::RequestReader::State::head:
    case wire::RequestReader::State::body:
      break;
  }
  if (state_ == State::idle) {
    state_ = State::reading;
    expire_after(shared_.options.request_timeout);
  }
  if (reader_.take_expectation() && !send_continue()) close();
  return true;
}

IoResult Session::receive(std::span<char> into) {
  if (tls_) {
    const auto result = tls_->read(into);
    if (result.kind == Kind::blocked) readable_ = false;
    return result;
  }
  for (;;) {
    const auto got = ::recv(fd_, into.data(), into.size(), 0);
    if (got > 0) {
      const auto bytes = static_cast<std::size_t>(got);
      // A short read has taken all there was, and what comes now is a new event (epoll(7)); but a hang-up
      // that was told already is not told again.
      if (bytes < into.size() && !peer_closed_) readable_ = false;
      return {.bytes = bytes};
    }
    if (got == 0) return {.kind = Kind::ended};
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return {.kind = Kind::failed};
    readable_ = false;
    return {.kind = Kind::blocked};
  }
}

IoResult Session::send_pieces(std::span<const iovec> pieces) {
  if (tls_) return tls_->write(pieces);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  for (;;) {
    const auto sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent >= 0) return {.bytes = static_cast<std::size_t>(sent)};
    if (errno == EINTR) continue;
    return {.kind = errno == EAGAIN || errno == EWOULDBLOCK ? Kind::blocked : Kind::failed};
  }
}

// The limit is on the time between two pieces the client takes, so that a slow reader of a large answer is
// not cut off.
IoResult::Kind Session::send_outgoing() {
  bool progress = deadline_ == EventLoop::TimePoint::max();
  while (out_.left() > 0) {
    IoResult result{.kind = Kind::blocked};
    if (writable_) {
      std::array<iovec, Outgoing::kMaxPieces + 3> pieces;
      const auto count = out_.gather(pieces);
      result = send_pieces({pieces.data(), count});
    }
    if (result.kind == Kind::done) {
      out_.advance(result.bytes);
      progress = true;
      continue;
    }
    writable_ = false;
    if (progress) {
      expire_after(shared_.options.write_timeout);
      kernel_queue_shrank();
    }
    return result.kind;
  }
  never_expire();
  return Kind::done;
}

// The kernel asks for more only when a good part of a buffer of megabytes is free again.
bool Session::kernel_queue_shrank() {
  int queued = 0;
  if (::ioctl(fd_, SIOCOUTQ, &queued) != 0) return false;
  return queued < std::exchange(kernel_queue_, queued);
}

// What was answered before has left, so these few bytes find room, unless the client reads nothing.
bool Session::send_continue() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  const iovec piece{.iov_base = const_cast<char*>(kContinue.data()), .iov_len = kContinue.size()};
  const auto sent = send_pieces({&piece, 1});
  return sent.kind == Kind::done && sent.bytes == kContinue.size();
}

void Session::dispatch() {
  version_ = reader_.version();
  keep_alive_ = reader_.keep_alive();
  auto request = reader_.take();
  head_request_ = request.method == Method::head;
  request.peer = peer_;
  request.encrypted = encrypted_;
  stop_ = std::stop_source();
  request.stop = stop_.get_token();
  state_ = State::handling;
  never_expire();
  busy_ = true;
  shared_.begin_request();
  if (peer_closed_) request_stop();
  const auto exchange = std::make_shared<ServerExchange>(
      std::move(request), loop_.shared_from_this(), weak_from_this(), shared_.options.max_stream_backlog);
  try {
    shared_.handler(exchange);
    return;
  } catch (const std::exception& error) {
    log_thrown(exchange->request(), error.what());
  } catch (...) {
    log_thrown(exchange->request(), "not a std::exception");
  }
  exchange->respond(failure_answer());
}

void Session::answer(ServerResponse response) {
  if (state_ != State::handling || delay_) return;
  if (response.delay.count() > 0) {
    if (peer_closed_) return close();
    const auto delay = response.delay;
    delay_ = loop_.events->after(delay, [this, response = std::move(response)]() mutable {
      delay_.reset();
      deliver(std::move(response));
      advance(true);
    });
    return;
  }
  deliver(std::move(response));
  advance(false);
}

void Session::deliver(ServerResponse response) {
  if (response.fault == Fault::reset_without_answer) {
    const ::linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);  // close() then sends RST, not FIN
    return close();
  }
  if (wire::has_token(response.headers, "Connection", "close") || shared_.draining ||
      response.fault == Fault::truncate_body) {
    keep_alive_ = false;
  }
  auto head = write_head(response, wire::Framing::length);
  if (!head) {
    response = failure_answer();
    head = write_head(response, wire::Framing::length);
  }
  out_.head = std::move(*head);
  out_.body = std::move(response.body);
  if (head_request_ || !wire::may_have_body(response.status)) out_.body.clear();
  if (response.fault == Fault::truncate_body) out_.body.resize(out_.body.size() / 2);
  out_.begin();
  state_ = State::writing;
  never_expire();
}

std::optional<std::string> Session::write_head(const ServerResponse& response, wire::Framing framing) {
  auto head = wire::write_head(
      response,
      {.version = version_, .keep_alive = keep_alive_, .framing = framing, .date = loop_.http_date()});
  if (!head) {
    core::log(core::LogLevel::error, "net", "A request handler gave an answer that cannot be sent.",
              {{"status", response.status}});
  }
  return head;
}

// An answer without a handler, after which the connection cannot go on: what follows cannot be told apart.
void Session::refuse(const wire::Refusal& refusal) {
  ServerResponse response{.status = refusal.status, .body = std::string(refusal.why) + "\n"};
  response.headers.add("Content-Type", "text/plain; charset=utf-8");
  keep_alive_ = false;
  head_request_ = false;
  deliver(std::move(response));
}

bool Session::write_some() {
  switch (send_outgoing()) {
    case Kind::blocked:
      return false;
    case Kind::done:
      on_answered();
      return true;
    case Kind::ended:
    case Kind::failed:
      break;
  }
  close();
  return false;
}

void Session::start_stream(ServerResponse head, std::shared_ptr<StreamState> stream) {
  if (state_ != State::handling || delay_) return stream->close();
  bodyless_ = head_request_ || !wire::may_have_body(head.status);
  chunked_ = version_ >= 11;
  if (wire::has_token(head.headers, "Connection", "close") || shared_.draining || (!chunked_ && !bodyless_)) {
    keep_alive_ = false;
  }
  auto text = write_head(head, chunked_ ? wire::Framing::chunked : wire::Framing::to_the_end);
  if (!text) {
    stream->close();
    deliver(failure_answer());
    return advance(false);
  }
  stream_head_ = std::move(*text);
  stream_ = std::move(stream);
  state_ = State::streaming;
  last_chunk_ = false;
  out_.clear();
  never_expire();
  if (shared_.draining || peer_closed_) request_stop();
  if (input_.empty()) input_.shrink_to_fit();
  // Not at once: what the caller writes next leaves together with the head.
  if (!advancing_) advance_later();
}

void Session::flush(const StreamState* stream) {
  if (stream_.get() == stream) advance(true);
}

void Session::drop(const StreamState* stream) {
  if (stream_.get() == stream) close();
}

bool Session::stream_some() {
  for (;;) {
    const auto sent = send_outgoing();
    if (sent == Kind::blocked) {
      const auto left = out_.left() - std::min(out_.left(), out_.tail.size());
      stream_->set_in_flight(std::min(left, chunk_bytes_));
      return false;
    }
    if (sent != Kind::done) {
      close();
      return false;
    }
    if (last_chunk_) {
      on_answered();
      return true;
    }
    out_.pieces.clear();
    auto batch = stream_->take(out_.pieces, Outgoing::kMaxPieces);
    if (batch.bytes == 0 && !batch.last && stream_head_.empty()) {
      out_.clear();
      if (peer_closed_) close();
      return false;
    }
    if (bodyless_) {
      out_.pieces.clear();
      batch.bytes = 0;
    }
    compose_chunk(batch.bytes, batch.last);
  }
}

// Whatever waits goes out as one chunk (RFC 9112 section 7.1).
void Session::compose_chunk(std::size_t bytes, bool last) {
  out_.head = std::exchange(stream_head_, {});
  out_.tail = {};
  if (chunked_ && !bodyless_) {
    if (bytes > 0) fmt::format_to(std::back_inserter(out_.head), "{:x}\r\n", bytes);
    constexpr std::string_view kEnd = "\r\n0\r\n\r\n";
    out_.tail = last ? kEnd.substr(bytes > 0 ? 0 : 2) : kEnd.substr(0, bytes > 0 ? 2 : 0);
  }
  chunk_bytes_ = bytes;
  last_chunk_ = last;
  out_.begin();
}

void Session::on_answered() {
  finish_request();
  stop_ = std::stop_source(std::nostopstate);
  stream_.reset();
  out_.clear();
  if (!keep_alive_ || shared_.draining) return linger();
  state_ = State::idle;
  expire_after(shared_.options.idle_timeout);
}

void Session::finish_request() {
  if (std::exchange(busy_, false)) shared_.end_request();
}

// Never at once: stop callbacks are the user's code.
void Session::request_stop() {
  if (!stop_.stop_possible() || stop_.stop_requested()) return;
  loop_.events->post([stop = stop_]() mutable { stop.request_stop(); });
}

// Closing a socket with unread input sends RST, which can destroy an answer the client has not read yet:
// close our side first and read on for a moment (RFC 9112 section 9.6).
void Session::linger() {
  if (tls_) tls_->close();
  if (::shutdown(fd_, SHUT_WR) != 0) return close();
  state_ = State::lingering;
  input_ = {};
  input_used_ = 0;
  expire_after(kLinger);
}

bool Session::drop_input() {
  if (!readable_) return false;
  const auto got = ::recv(fd_, loop_.scratch.data(), loop_.scratch.size(), 0);
  if (got > 0 || (got < 0 && errno == EINTR)) return true;
  if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    readable_ = false;
  } else {
    close();
  }
  return false;
}

}  // namespace net
