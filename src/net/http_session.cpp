#include "net/http_session.h"

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <exception>
#include <fmt/format.h>
#include <iterator>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <optional>
#include <poll.h>
#include <stop_token>
#include <string>
#include <string_view>
#include <sys/ioctl.h>
#include <utility>

#include "core/log.h"
#include "net/http_exchange.h"
#include "net/http_reader.h"
#include "net/http_wire.h"
#include "net/server_loop_impl.h"
#include "net/server_socket_impl.h"

namespace net {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kLinger = std::chrono::seconds{2};
// What a client sends before its turn is read up to here, to see whether it hangs up; then not any more.
constexpr std::size_t kReadAhead = 4u << 10;
// An idle connection keeps no more than this of its input's memory.
constexpr std::size_t kKeptInput = 4u << 10;

// `S` is a PlainSocket or a TlsSocket. Each operation that is under way holds the session.
template <class S>
class SocketSession final : public Session {
 public:
  SocketSession(ServerShared& shared, ServerLoop& loop, Accepted&& accepted, std::shared_ptr<TlsContext> tls)
      : shared_(shared),
        loop_(loop),
        socket_(std::move(accepted.socket), std::move(tls)),
        peer_(std::move(accepted.peer)),
        reader_({.max_header_bytes = shared.options.max_header_bytes,
                 .max_headers = shared.options.max_headers,
                 .max_body_bytes = shared.options.max_body_bytes}) {
    ++shared_.connections;
  }
  ~SocketSession() override { --shared_.connections; }
  SocketSession(const SocketSession&) = delete;
  SocketSession& operator=(const SocketSession&) = delete;

  // Once, after it is in the loop's list.
  void start() {
    if constexpr (S::kEncrypted) {
      shake_hands();
    } else {
      next_request();
    }
  }

  // An answer without a handler, after which the connection cannot go on: what follows cannot be told apart.
  void refuse(const wire::Refusal& refusal) {
    ServerResponse response{.status = refusal.status, .body = std::string(refusal.why) + "\n"};
    response.headers.add("Content-Type", "text/plain; charset=utf-8");
    keep_alive_ = false;
    head_request_ = false;
    deliver(std::move(response));
  }

  void check(SteadyClock::time_point now) override {
    if (!receiving_ && !peer_closed_ && has_request() && hung_up()) on_hang_up(false);
    if (sending_ && kernel_queue_shrank()) expire_after(shared_.options.write_timeout);
    if (now < deadline_) return;
    if (state_ != State::reading) return close();
    refuse({408, "The request did not arrive in time."});
  }

  void drain() override {
    switch (state_) {
      case State::shaking_hands:
      case State::idle:
      case State::reading:
      case State::continuing:
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

  void close() override {
    if (state_ == State::closed) return;
    state_ = State::closed;
    never_expire();
    delay_.reset();
    request_stop();
    stop_ = std::stop_source(std::nostopstate);
    if (stream_) std::exchange(stream_, nullptr)->close();
    error_code ignored;
    (void)socket_.lowest().close(ignored);
    finish_request();
    loop_.remove(*this);
  }

  void answer(ServerResponse response) override {
    if (state_ != State::handling || delay_) return;
    if (response.delay.count() <= 0) return deliver(std::move(response));
    if (peer_closed_) return close();
    delay_ = std::make_unique<asio::steady_timer>(loop_.io().context, response.delay);
    delay_->async_wait([self = self(), response = std::move(response)](error_code) mutable {
      if (self->state_ == State::closed) return;
      self->delay_.reset();
      self->deliver(std::move(response));
    });
  }

  void start_stream(ServerResponse head, std::shared_ptr<StreamState> stream) override {
    if (state_ != State::handling || delay_) return stream->close();
    bodyless_ = head_request_ || !wire::may_have_body(head.status);
    chunked_ = version_ >= 11;
    if (wire::has_token(head.headers, "Connection", "close") || shared_.draining ||
        (!chunked_ && !bodyless_)) {
      keep_alive_ = false;
    }
    auto text = write_head(head, chunked_ ? wire::Framing::chunked : wire::Framing::to_the_end);
    if (!text) {
      stream->close();
      return deliver(failure_answer());
    }
    stream_head_ = std::move(*text);
    stream_ = std::move(stream);
    state_ = State::streaming;
    last_chunk_ = false;
    out_.clear();
    if (shared_.draining || peer_closed_) request_stop();
    if (ahead() == 0) input_.shrink_to_fit();
    // Not at once: what the caller writes next leaves together with the head.
    loop_.post([self = self(), raw = stream_.get()] { self->flush(raw); });
  }

  void flush(const StreamState* stream) override {
    if (stream_.get() == stream && !sending_) send_stream();
  }

  void drop(const StreamState* stream) override {
    if (stream_.get() == stream) close();
  }

 private:
  enum class State {
    shaking_hands,  // TLS
    idle,           // between requests
    reading,        // a request has begun to arrive
    continuing,     // its head is here, and "100 Continue" goes out
    handling,       // somebody has it, or its answer is held back
    writing,        // the answer goes out
    streaming,      // the answer goes out as it comes
    lingering,      // our side is closed, what still comes is read and dropped
    closed,
  };

  std::shared_ptr<SocketSession> self() {
    return std::static_pointer_cast<SocketSession>(this->shared_from_this());
  }
  std::size_t ahead() const { return input_.size() - input_used_; }
  bool has_request() const { return state_ == State::handling || state_ == State::streaming; }
  void expire_after(std::chrono::milliseconds limit) { deadline_ = SteadyClock::now() + limit; }
  void never_expire() { deadline_ = SteadyClock::time_point::max(); }

  void shake_hands()
    requires S::kEncrypted
  {
    state_ = State::shaking_hands;
    expire_after(shared_.options.request_timeout);
    socket_.stream().async_handshake(ssl::stream_base::server, [self = self()](error_code error) {
      if (self->state_ == State::closed) return;
      if (!error) return self->next_request();
      if (error.category() == asio::error::get_ssl_category() &&
          ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST) {
        self->refuse_plain_http();
      }
      self->close();
    });
  }

  void refuse_plain_http()
    requires S::kEncrypted
  {
    const auto plain = std::make_shared<SocketSession<PlainSocket<Socket>>>(
        shared_, loop_, Accepted{.socket = std::move(socket_.lowest()), .peer = peer_}, nullptr);
    loop_.add(plain);
    plain->refuse({400, "This port speaks TLS; use https."});
  }

  // One read is always under way, for the client's hang-up, unless enough was read ahead.
  void receive() {
    if (receiving_ || input_ended_ || state_ == State::closed || ahead() >= kReadAhead) return;
    receiving_ = true;
    socket_.receive(loop_.scratch, [self = self()](error_code error, std::string_view bytes) {
      self->receiving_ = false;
      if (self->state_ == State::closed) return;
      self->on_received(error, bytes);
      self->receive();
    });
  }

  void on_received(error_code error, std::string_view bytes) {
    if (error == asio::error::would_block) return;
    if (error) {
      input_ended_ = true;
      return on_hang_up(error != asio::error::eof);
    }
    switch (state_) {
      case State::idle:
      case State::reading:
        bytes.remove_prefix(read(bytes));
        [[fallthrough]];
      case State::continuing:
      case State::handling:
      case State::writing:
      case State::streaming:
        input_.append(bytes);
        return;
      case State::shaking_hands:
      case State::lingering:
      case State::closed:
        return;
    }
  }

  // `gone`: not its sending side alone. While a request is read the end shows by itself, and what came before
  // it still counts.
  void on_hang_up(bool gone) {
    peer_closed_ = true;
    switch (state_) {
      case State::shaking_hands:
      case State::idle:
      case State::reading:  // nobody is left to answer
      case State::lingering:
        return close();
      case State::handling:
        request_stop();
        // A client that only closed its own side still gets its answer, unless it is being held back.
        if (gone || delay_) close();
        return;
      case State::streaming:
        request_stop();
        if (gone) return close();
        return flush(stream_.get());
      case State::continuing:
      case State::writing:
        if (gone) close();
        return;
      case State::closed:
        return;
    }
  }

  // Only where reading is paused; a client that waits with its next request is seen by receive().
  bool hung_up() {
    pollfd events{.fd = socket_.lowest().native_handle(), .events = POLLRDHUP, .revents = 0};
    return ::poll(&events, 1, 0) > 0;
  }

  void next_request() {
    state_ = State::idle;
    expire_after(shared_.options.idle_timeout);
    read_ahead();
  }

  // Goes on with what came before its turn, then with what comes.
  void read_ahead() {
    if (ahead() > 0) {
      input_used_ += read(std::string_view(input_).substr(input_used_));
      if (ahead() == 0) {
        input_.clear();
        input_used_ = 0;
        if (input_.capacity() > kKeptInput) input_.shrink_to_fit();
      }
    }
    if (input_ended_ && (state_ == State::idle || state_ == State::reading)) return close();
    receive();
  }

  // Returns how many of `bytes` belonged to the present request.
  std::size_t read(std::string_view bytes) {
    const auto used = reader_.feed(bytes);
    switch (reader_.state()) {
      case wire::RequestReader::State::done:
        dispatch();
        return used;
      case wire::RequestReader::State::refused:
        refuse(reader_.refusal());
        return used;
      case wire::RequestReader::State::head:
      case wire::RequestReader::State::body:
        break;
    }
    if (state_ == State::idle) {
      state_ = State::reading;
      expire_after(shared_.options.request_timeout);
    }
    if (reader_.take_expectation()) send_continue();
    return used;
  }

  void send_continue() {
    state_ = State::continuing;
    out_.clear();
    out_.tail = "HTTP/1.1 100 Continue\r\n\r\n";
    out_.begin();
    const auto deadline = deadline_;
    send();
    deadline_ = deadline;  // the client's time for the request goes on
  }

  void dispatch() {
    version_ = reader_.version();
    keep_alive_ = reader_.keep_alive();
    auto request = reader_.take();
    head_request_ = request.method == Method::head;
    request.peer = peer_;
    request.encrypted = S::kEncrypted;
    stop_ = std::stop_source();
    request.stop = stop_.get_token();
    state_ = State::handling;
    never_expire();
    busy_ = true;
    shared_.begin_request();
    if (peer_closed_) request_stop();
    const auto exchange =
        std::make_shared<ServerExchange>(std::move(request), loop_.shared_from_this(), this->weak_from_this(),
                                         shared_.options.max_stream_backlog);
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

  void deliver(ServerResponse response) {
    if (response.fault == Fault::reset_without_answer) {
      error_code ignored;
      // close() then sends RST, not FIN
      (void)socket_.lowest().set_option(asio::socket_base::linger(true, 0), ignored);
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
    out_.tail = {};
    if (head_request_ || !wire::may_have_body(response.status)) out_.body.clear();
    if (response.fault == Fault::truncate_body) out_.body.resize(out_.body.size() / 2);
    out_.begin();
    state_ = State::writing;
    // After what else is ready now: each send may wake a client that waits, which costs more than an answer;
    // those that follow at once find it awake.
    asio::post(loop_.io().context, [self = self()] {
      if (self->state_ == State::writing) self->send();
    });
  }

  std::optional<std::string> write_head(const ServerResponse& response, wire::Framing framing) {
    auto head = wire::write_head(
        response,
        {.version = version_, .keep_alive = keep_alive_, .framing = framing, .date = loop_.http_date()});
    if (!head) {
      core::log(core::LogLevel::error, "net", "A request handler gave an answer that cannot be sent.",
                {{"status", response.status}});
    }
    return head;
  }

  // Piece by piece, and the limit is on each, so that a slow reader of a large answer is not cut off.
  void send() {
    sending_ = true;
    kernel_queue_ = 0;
    expire_after(shared_.options.write_timeout);
    socket_.send(out_.gather(), [self = self()](error_code error, std::size_t bytes) {
      self->sending_ = false;
      if (self->state_ == State::closed) return;
      if (error) return self->close();
      self->out_.advance(bytes);
      self->on_sent();
    });
  }

  void on_sent() {
    if (out_.left() > 0) {
      if (stream_) {
        const auto left = out_.left() - std::min(out_.left(), out_.tail.size());
        stream_->set_in_flight(std::min(left, chunk_bytes_));
      }
      return send();
    }
    if (state_ == State::streaming) return last_chunk_ ? on_answered() : send_stream();
    if (state_ != State::continuing) return on_answered();
    state_ = State::reading;
    read_ahead();
  }

  // The kernel asks for more only when a good part of a buffer of megabytes is free again; a client that has
  // taken something of what is in there is not stuck.
  bool kernel_queue_shrank() {
    int queued = 0;
    if (::ioctl(socket_.lowest().native_handle(), SIOCOUTQ, &queued) != 0) return false;
    return queued < std::exchange(kernel_queue_, queued);
  }

  void send_stream() {
    do {
      out_.pieces.clear();
      auto batch = stream_->take(out_.pieces);
      if (batch.bytes == 0 && !batch.last && stream_head_.empty()) {
        out_.clear();
        never_expire();
        if (peer_closed_) close();
        return;
      }
      if (bodyless_) {
        out_.pieces.clear();
        batch.bytes = 0;
      }
      compose_chunk(batch.bytes, batch.last);
    } while (out_.left() == 0 && !last_chunk_);
    out_.left() > 0 ? send() : on_answered();
  }

  // Whatever waits goes out as one chunk (RFC 9112 section 7.1).
  void compose_chunk(std::size_t bytes, bool last) {
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

  void on_answered() {
    finish_request();
    stop_ = std::stop_source(std::nostopstate);
    stream_.reset();
    out_.clear();
    if (!keep_alive_ || shared_.draining) return linger();
    next_request();
  }

  void finish_request() {
    if (std::exchange(busy_, false)) shared_.end_request();
  }

  // Never at once: stop callbacks are the user's code.
  void request_stop() {
    if (!stop_.stop_possible() || stop_.stop_requested()) return;
    loop_.post([stop = stop_]() mutable { stop.request_stop(); });
  }

  // Closing a socket with unread input sends RST, which can destroy an answer the client has not read yet:
  // close our side first and read on for a moment (RFC 9112 section 9.6).
  void linger() {
    state_ = State::lingering;
    expire_after(kLinger);
    input_ = {};
    input_used_ = 0;
    if constexpr (S::kEncrypted) {
      // Ends when the client has said that it sends no more, either.
      socket_.stream().async_shutdown([self = self()](error_code) {
        if (self->state_ == State::lingering) self->end_output();
      });
    } else {
      end_output();
    }
    receive();
  }

  void end_output() {
    error_code error;
    (void)socket_.lowest().shutdown(Socket::shutdown_send, error);
    if (error || input_ended_) close();
  }

  ServerShared& shared_;
  ServerLoop& loop_;
  S socket_;
  const std::string peer_;

  State state_ = State::idle;
  SteadyClock::time_point deadline_ = SteadyClock::time_point::max();
  bool receiving_ = false;
  bool sending_ = false;
  bool input_ended_ = false;  // read to its end
  bool peer_closed_ = false;  // at least its sending side
  bool busy_ = false;
  bool keep_alive_ = true;
  bool head_request_ = false;
  bool chunked_ = false;
  bool bodyless_ = false;
  bool last_chunk_ = false;
  unsigned version_ = 11;

  wire::RequestReader reader_;
  std::string input_;  // read beyond the present request
  std::size_t input_used_ = 0;
  std::stop_source stop_{std::nostopstate};
  std::unique_ptr<asio::steady_timer> delay_;
  std::shared_ptr<StreamState> stream_;
  std::string stream_head_;  // until it has left with the first chunk
  std::size_t chunk_bytes_ = 0;
  int kernel_queue_ = 0;  // bytes
  Outgoing out_;
};

}  // namespace

void start_session(ServerShared& shared, ServerLoop& loop, Accepted&& accepted,
                   std::shared_ptr<TlsContext> tls, Admission admission) {
  if (tls) {
    if (admission == Admission::refused) return;
    const auto session =
        std::make_shared<SocketSession<TlsSocket<Socket>>>(shared, loop, std::move(accepted), std::move(tls));
    loop.add(session);
    return session->start();
  }
  const auto session =
      std::make_shared<SocketSession<PlainSocket<Socket>>>(shared, loop, std::move(accepted), nullptr);
  loop.add(session);
  if (admission == Admission::served) return session->start();
  session->refuse({503, "This server has all the connections it takes."});
}

}  // namespace net
