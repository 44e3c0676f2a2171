// One io_context per event-loop thread, so a session needs no lock: everything in it happens on its own
// thread, except the handler, which runs on a worker and posts its answer back.
#include "net/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <fmt/format.h>
#include <mutex>
#include <sys/socket.h>
#include <thread>
#include <unordered_set>

#include "core/clock.h"
#include "core/lane.h"
#include "core/log.h"
#include "net/http_wire.h"
#include "net/server_shared.h"

namespace net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kHeadRead = 8u << 10;
// Beast reads as much at once as its buffer has room for; the default makes large bodies ten times as dear.
constexpr std::size_t kBodyRead = 64u << 10;
constexpr auto kSweep = std::chrono::milliseconds{200};
constexpr auto kLinger = std::chrono::seconds{2};
// Connections beyond the limit that are told so; further ones are closed without a word.
constexpr std::size_t kRefusedAtOnce = 64;

class Session;
using Shared = ServerShared;

// An event loop and the sessions that live on it.
struct Loop {
  Loop() : io(1), acceptor(io), sweep(io), retry(io) {}

  std::unordered_set<Session*> sessions;  // outlives io, whose pending operations own the sessions
  asio::io_context io;
  tcp::acceptor acceptor;
  asio::steady_timer sweep;
  asio::steady_timer retry;
  bool sweeping = false;
  std::int64_t date_second = 0;
  std::string date;
  std::thread thread;

  // Formatted once a second.
  const std::string& http_date() {
    const auto now = core::system_clock().now();
    if (const auto second = core::to_unix_seconds(now); second != date_second || date.empty()) {
      date_second = second;
      date = core::to_http_date(now);
    }
    return date;
  }
};

std::string to_text(const tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  return fmt::format("{}{}{}:{}", address.is_v6() ? "[" : "", address.to_string(), address.is_v6() ? "]" : "",
                     endpoint.port());
}

wire::Refusal refusal_for(error_code error) {
  if (error == http::error::body_limit) return {413, "The request's body is too large."};
  if (error == http::error::header_limit) return {431, "The request's header is too large."};
  if (error == http::error::bad_version) return {505, "Only HTTP/1.1 and HTTP/1.0 are supported."};
  return {400, "The request is malformed."};
}

// As opposed to a connection that failed or ended.
bool is_malformed(error_code error) {
  return error && error.category() == make_error_code(http::error::bad_version).category() &&
         error != http::error::partial_message && error != http::error::end_of_stream;
}

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Shared& shared, core::Lane& lane, Loop& loop, tcp::socket socket, std::string peer)
      : shared_(shared),
        lane_(lane),
        loop_(loop),
        socket_(std::move(socket)),
        delay_(loop.io),
        peer_(std::move(peer)),
        scanner_(shared.options.max_header_bytes) {
    loop_.sessions.insert(this);
    ++shared_.connections;
  }
  ~Session() {
    if (busy_) shared_.end_request();
    loop_.sessions.erase(this);
    --shared_.connections;
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() { next_request(); }
  void start_refused() { refuse({503, "This server has all the connections it takes."}); }

  // Called every kSweep.
  void check_deadline(SteadyClock::time_point now) {
    if (now < deadline_) return;
    if (state_ == State::reading) {
      timed_out_ = true;
      error_code ignored;
      (void)socket_.cancel(ignored);  // the pending read ends, and its handler answers 408
    } else {
      close();
    }
  }

  void drain() {
    if (state_ == State::idle || state_ == State::reading) close();
  }

  void close() {
    error_code ignored;
    state_ = State::closed;
    deadline_ = SteadyClock::time_point::max();
    stop_.request_stop();
    delay_.cancel();
    (void)socket_.close(ignored);
    finish_request();
  }

 private:
  enum class State {
    idle,       // between requests
    reading,    // a request has begun to arrive
    handling,   // a worker has it, or its answer is held back
    writing,    // the answer goes out
    lingering,  // our side is closed, what still comes is read and dropped
    closed,
  };

  void enter(State state, SteadyClock::duration limit) {
    state_ = state;
    deadline_ =
        limit == SteadyClock::duration::max() ? SteadyClock::time_point::max() : SteadyClock::now() + limit;
  }

  void next_request() {
    if (shared_.draining) return linger();
    scanner_ = wire::HeadScanner(shared_.options.max_header_bytes);
    parser_.reset();
    timed_out_ = false;
    head_request_ = false;
    if (buffer_.size() > 0) {
      enter(State::reading, shared_.options.request_timeout);
      return scan_head();
    }
    if (buffer_.capacity() > 2 * kHeadRead) buffer_.shrink_to_fit();  // an idle connection stays small
    enter(State::idle, shared_.options.idle_timeout);
    read_head();
  }

  void read_head() {
    socket_.async_read_some(buffer_.prepare(kHeadRead),
                            [self = shared_from_this()](error_code error, std::size_t bytes) {
                              self->on_head_bytes(error, bytes);
                            });
  }

  void on_head_bytes(error_code error, std::size_t bytes) {
    if (state_ == State::closed) return;
    if (timed_out_) return refuse({408, "The request did not arrive in time."});
    if (error) return close();  // also a client that gives up half-way: nobody is left to answer
    buffer_.commit(bytes);
    if (state_ == State::idle) enter(State::reading, shared_.options.request_timeout);
    scan_head();
  }

  void scan_head() {
    const auto data = buffer_.data();
    const bool complete = scanner_.scan({static_cast<const char*>(data.data()), data.size()});
    if (const auto& refusal = scanner_.refusal()) return refuse(*refusal);
    if (!complete) return read_head();
    parse_head();
  }

  void parse_head() {
    parser_ = std::make_unique<http::request_parser<http::string_body>>();
    parser_->header_limit(static_cast<std::uint32_t>(shared_.options.max_header_bytes));
    parser_->body_limit(shared_.options.max_body_bytes);
    error_code error;
    buffer_.consume(scanner_.leading());
    const auto head_bytes = scanner_.size() - scanner_.leading();
    parser_->put(asio::buffer(buffer_.data(), head_bytes), error);
    if (error) return refuse(refusal_for(error));
    buffer_.consume(head_bytes);

    const auto& message = parser_->get();
    version_ = message.version();
    keep_alive_ = message.keep_alive();
    const auto method = parse_method(message.method_string());
    head_request_ = method == Method::head;
    // Taken now: Beast adds the trailers of a chunked body to the same list, where a field that was checked
    // here could be replaced (RFC 9110 section 6.5.1).
    request_ = {};
    for (const auto& field : message) {
      request_.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    if (auto refusal =
            wire::check_head(message.method_string(), message.target(), version_, request_.headers)) {
      return refuse(*refusal);
    }
    request_.method = method.value_or(Method::get);  // check_head() has refused any other
    request_.target = message.target();
    wire::split_target(request_.target, request_.path, request_.query);
    if (parser_->is_done()) return dispatch();
    if (version_ >= 11 && request_.headers.has("Expect")) return send_continue();
    read_body();
  }

  void send_continue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    asio::async_write(socket_, asio::buffer(kContinue),
                      [self = shared_from_this()](error_code error, std::size_t) {
                        if (self->state_ == State::closed) return;
                        if (error || self->timed_out_) return self->close();
                        self->read_body();
                      });
  }

  void read_body() {
    buffer_.reserve(kBodyRead);
    http::async_read(socket_, buffer_, *parser_, [self = shared_from_this()](error_code error, std::size_t) {
      if (self->state_ == State::closed) return;
      if (self->timed_out_) return self->refuse({408, "The request did not arrive in time."});
      if (is_malformed(error)) return self->refuse(refusal_for(error));
      if (error) return self->close();  // the client gave up half-way
      self->dispatch();
    });
  }

  void dispatch() {
    request_.body = std::move(parser_->get().body());
    request_.peer = peer_;
    stop_ = std::stop_source();
    request_.stop = stop_.get_token();
    enter(State::handling, SteadyClock::duration::max());
    busy_ = true;
    shared_.begin_request();
    watch_for_hang_up();
    // The task gives its reference back to the loop, so that a session never dies on a worker.
    auto queued = lane_.submit([self = shared_from_this(), request = std::move(request_)]() mutable {
      auto response = self->shared_.closing ? ServerResponse{.status = 503} : self->call_handler(request);
      auto& io = self->loop_.io;
      asio::post(io, [self = std::move(self), response = std::move(response)]() mutable {
        self->on_answer(std::move(response));
      });
    });
    if (!queued) {
      on_answer({.status = 503,
                 .headers = {{"Retry-After", "1"}, {"Content-Type", "text/plain; charset=utf-8"}},
                 .body = "More requests wait than this server takes; try again soon.\n"});
    }
  }

  ServerResponse call_handler(const ServerRequest& request) {
    try {
      return shared_.handler(request);
    } catch (const std::exception& error) {
      core::log(core::LogLevel::error, "net", "A request handler threw.",
                {{"path", request.path}, {"what", core::redact(error.what())}});
    } catch (...) {
      core::log(core::LogLevel::error, "net", "A request handler threw.", {{"path", request.path}});
    }
    return internal_error();
  }

  static ServerResponse internal_error() {
    return {.status = 500,
            .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
            .body = "The server failed to answer this request.\n"};
  }

  // Left standing when the request is answered: it then ends with the next request's first byte, which costs
  // less than cancelling it each time.
  void watch_for_hang_up() {
    if (watching_) return;
    watching_ = true;
    socket_.async_wait(tcp::socket::wait_read, [self = shared_from_this()](error_code error) {
      self->watching_ = false;
      if (self->state_ != State::handling) return;
      if (!error) {
        std::array<char, 1> probe;
        (void)self->socket_.non_blocking(true, error);
        self->socket_.receive(asio::buffer(probe), tcp::socket::message_peek, error);
        // Data is the next request, sent ahead; it hides a later hang-up, which then shows when we write.
        if (!error || error == asio::error::would_block) return;
      }
      // Also a client that only closed its own side. Its answer is still sent, unless it is being held back.
      self->stop_.request_stop();
      if (self->delaying_ || error != asio::error::eof) self->close();
    });
  }

  void on_answer(ServerResponse response) {
    if (state_ == State::closed) return;
    response_ = std::move(response);
    if (response_.delay.count() <= 0) return deliver();
    if (stop_.stop_requested()) return close();
    delaying_ = true;
    delay_.expires_after(response_.delay);
    delay_.async_wait([self = shared_from_this()](error_code) {
      self->delaying_ = false;
      if (self->state_ != State::closed) self->deliver();
    });
  }

  void deliver() {
    if (response_.fault == Fault::reset_without_answer) {
      error_code ignored;
      // close() then sends RST, not FIN
      (void)socket_.set_option(asio::socket_base::linger(true, 0), ignored);
      return close();
    }
    if (equals_ignoring_case(response_.headers.get("Connection"), "close") || shared_.draining)
      keep_alive_ = false;
    if (response_.fault == Fault::truncate_body) keep_alive_ = false;
    auto head = write_head();
    if (!head) {
      core::log(core::LogLevel::error, "net", "A request handler gave an answer that cannot be sent.",
                {{"status", response_.status}});
      response_ = internal_error();
      head = write_head();
    }
    head_ = std::move(*head);
    if (head_request_ || !wire::may_have_body(response_.status)) response_.body.clear();
    if (response_.fault == Fault::truncate_body) response_.body.resize(response_.body.size() / 2);
    written_ = 0;
    write_some();
  }

  std::optional<std::string> write_head() {
    return wire::write_head(response_,
                            {.version = version_, .keep_alive = keep_alive_, .date = loop_.http_date()});
  }

  // Piece by piece, so that the limit is on each piece and a slow reader of a large answer is not cut off.
  void write_some() {
    enter(State::writing, shared_.options.request_timeout);
    const std::array pieces{asio::buffer(head_) + std::min(written_, head_.size()),
                            asio::buffer(response_.body) + (written_ - std::min(written_, head_.size()))};
    socket_.async_write_some(pieces, [self = shared_from_this()](error_code error, std::size_t bytes) {
      if (self->state_ == State::closed) return;
      if (error) return self->close();
      self->written_ += bytes;
      if (self->written_ < self->head_.size() + self->response_.body.size()) return self->write_some();
      self->on_written();
    });
  }

  void on_written() {
    finish_request();
    response_ = {};
    if (keep_alive_) return next_request();
    linger();
  }

  void finish_request() {
    if (busy_) shared_.end_request();
    busy_ = false;
  }

  // An answer without a handler, after which the connection cannot go on: what follows cannot be told apart.
  void refuse(const wire::Refusal& refusal) {
    keep_alive_ = false;
    response_ = {.status = refusal.status,
                 .headers = {{"Content-Type", "text/plain; charset=utf-8"}},
                 .body = std::string(refusal.why) + "\n"};
    deliver();
  }

  // Closing a socket with unread input sends RST, which can destroy an answer the client has not read yet:
  // close our side first and read on for a moment (RFC 9112 section 9.6).
  void linger() {
    error_code error;
    (void)socket_.shutdown(tcp::socket::shutdown_send, error);
    if (error) return close();
    enter(State::lingering, kLinger);
    drop_input();
  }

  void drop_input() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(kHeadRead),
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (self->state_ == State::closed) return;
                              if (error) return self->close();
                              self->drop_input();
                            });
  }

  Shared& shared_;
  core::Lane& lane_;
  Loop& loop_;
  tcp::socket socket_;
  asio::steady_timer delay_;
  const std::string peer_;

  State state_ = State::idle;
  SteadyClock::time_point deadline_ = SteadyClock::time_point::max();
  bool timed_out_ = false;
  bool busy_ = false;
  bool watching_ = false;
  bool delaying_ = false;

  beast::flat_buffer buffer_;
  wire::HeadScanner scanner_;
  std::unique_ptr<http::request_parser<http::string_body>> parser_;
  ServerRequest request_;
  bool head_request_ = false;
  unsigned version_ = 11;
  bool keep_alive_ = true;
  std::stop_source stop_{std::nostopstate};

  ServerResponse response_;
  std::string head_;
  std::size_t written_ = 0;
};

std::unexpected<core::Error> cannot_listen(const HttpServerOptions& options, std::string_view why) {
  return core::fail(core::ErrorKind::unavailable, "net.listen",
                    fmt::format("Cannot listen on {} port {}: {}.", options.host, options.port, why),
                    "Choose another address or port, or stop the program that has it.");
}

class Server final : public HttpServer {
 public:
  Server(HttpServerOptions options, HttpHandler handler)
      : shared_(std::move(options), std::move(handler)),
        lane_(std::make_unique<core::Lane>(core::LaneOptions{
            .name = "http", .workers = shared_.options.workers, .queue = shared_.options.queue})) {}

  ~Server() override { stop(std::chrono::milliseconds{0}); }

  core::Status listen() {
    error_code error;
    asio::io_context lookup;
    const auto found = tcp::resolver(lookup).resolve(shared_.options.host, "", tcp::resolver::passive, error);
    if (error || found.empty()) return cannot_listen(shared_.options, "the host has no address");
    tcp::endpoint endpoint(found.begin()->endpoint().address(), shared_.options.port);
    const int count = std::max(1, shared_.options.io_threads);
    for (int i = 0; i < count; ++i) {
      auto loop = std::make_unique<Loop>();
      error = open(loop->acceptor, endpoint, count > 1);
      if (error) {
        return cannot_listen(shared_.options, error.message());
      }
      endpoint = loop->acceptor.local_endpoint();  // the second thread takes the port the first was given
      loops_.push_back(std::move(loop));
    }
    port_ = endpoint.port();
    for (auto& loop : loops_) {
      accept(*loop);
      loop->thread = std::thread([&io = loop->io] { io.run(); });
    }
    return {};
  }

  std::uint16_t port() const override { return port_; }

  void stop(std::chrono::milliseconds grace) override {
    std::lock_guard once(stop_mutex_);
    if (stopped_) return;
    stopped_ = true;
    shared_.draining = true;
    for (auto& loop : loops_) {
      asio::post(loop->io, [&loop = *loop] {
        error_code ignored;
        (void)loop.acceptor.close(ignored);
        loop.retry.cancel();
        for (auto* session : loop.sessions) session->drain();
      });
    }
    {
      std::unique_lock lock(shared_.mutex);
      shared_.quiet.wait_for(lock, grace, [this] { return shared_.busy == 0; });
    }
    shared_.closing = true;
    for (auto& loop : loops_) {
      asio::post(loop->io, [&loop = *loop] {
        for (auto* session : loop.sessions) session->close();
      });
    }
    lane_.reset();  // waits for handlers; their answers find closed sessions
    for (auto& loop : loops_) {
      asio::post(loop->io, [&io = loop->io] { io.stop(); });
      if (loop->thread.joinable()) loop->thread.join();
    }
    loops_.clear();
  }

 private:
  static error_code open(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool share_port) {
    error_code error;
    (void)acceptor.open(endpoint.protocol(), error);
    if (!error) (void)acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && share_port) {
      // Each thread has a socket of its own on the port; the kernel spreads the connections.
      const int on = 1;
      if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
        error = error_code(errno, boost::system::system_category());
      }
    }
    if (!error) (void)acceptor.bind(endpoint, error);
    if (!error) (void)acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error;
  }

  void accept(Loop& loop) {
    loop.acceptor.async_accept([this, &loop](error_code error, tcp::socket socket) {
      if (!loop.acceptor.is_open()) return;
      if (!error) admit(loop, std::move(socket));
      if (!error || error == asio::error::connection_aborted) return accept(loop);
      // Most likely out of descriptors: accept() would fail again at once, and some connection must end
      // first.
      loop.retry.expires_after(std::chrono::milliseconds{100});
      loop.retry.async_wait([this, &loop](error_code cancelled) {
        if (!cancelled) accept(loop);
      });
    });
  }

  void admit(Loop& loop, tcp::socket socket) {
    error_code error;
    const auto peer = socket.remote_endpoint(error);
    if (!error) (void)socket.set_option(tcp::no_delay(true), error);
    if (error) return;  // gone already
    const auto connections = shared_.connections.load();
    if (connections >= shared_.options.max_connections + kRefusedAtOnce) return;
    auto session = std::make_shared<Session>(shared_, *lane_, loop, std::move(socket), to_text(peer));
    if (connections >= shared_.options.max_connections) {
      session->start_refused();
    } else {
      session->start();
    }
    if (!loop.sweeping) sweep(loop);
  }

  // One timer for all sessions of a thread, and none while there are no sessions.
  void sweep(Loop& loop) {
    loop.sweeping = !loop.sessions.empty();
    if (!loop.sweeping) return;
    loop.sweep.expires_after(kSweep);
    loop.sweep.async_wait([this, &loop](error_code error) {
      if (error) return;
      const auto now = SteadyClock::now();
      for (auto* session : loop.sessions) session->check_deadline(now);
      sweep(loop);
    });
  }

  Shared shared_;
  std::unique_ptr<core::Lane> lane_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::uint16_t port_ = 0;
  std::mutex stop_mutex_;
  bool stopped_ = false;
};

}  // namespace

core::Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options, HttpHandler handler) {
  try {
    auto server = std::make_unique<Server>(std::move(options), std::move(handler));
    RETURN_IF_ERROR(server->listen());
    return server;
  } catch (const std::exception& error) {
    return core::fail(core::ErrorKind::unavailable, "net.listen",
                      fmt::format("Cannot start the HTTP server: {}.", error.what()));
  }
}

}  // namespace net
