#include "mcp/http_session.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "mcp/http_reply.h"
#include "mcp/server.h"
#include "mcp/sse.h"

namespace mcp {
namespace {

// A reader that is this far behind gets no progress and no log lines.
constexpr std::size_t kSlowReader = 64u << 10;

// What belongs to no request. The session owns the protocol's side, which owns this.
class GeneralOutlet final : public Outlet {
 public:
  explicit GeneralOutlet(std::weak_ptr<HttpSession> session) : session_(std::move(session)) {}
  void send(std::string message, Delivery delivery) override {
    if (auto session = session_.lock()) session->send(HttpSession::kGeneral, message, delivery);
  }

 private:
  const std::weak_ptr<HttpSession> session_;
};

}  // namespace

HttpSession::HttpSession(const SessionLimits& limits, core::Clock& clock, std::string principal,
                         std::unique_ptr<EventLog> log)
    : limits_(limits),
      clock_(clock),
      principal_(std::move(principal)),
      last_used_(clock.steady()),
      log_(std::move(log)),
      streams_{{kGeneral, {}}} {}

void HttpSession::connect(Server& server, const std::optional<Handshake>& handshake) {
  auto outlet = std::make_shared<GeneralOutlet>(weak_from_this());
  protocol_ = handshake ? server.resume(std::move(outlet), *handshake) : server.connect(std::move(outlet));
}

void HttpSession::admit(const SessionToken& token) {
  std::lock_guard lock(mutex_);
  token_ = token;
}

bool HttpSession::primes() const {
  return token_.handshake.revision >= Revision::v2025_11_25;
}

std::string HttpSession::priming_event(std::uint64_t stream) {
  std::string id = log_->id(log_->next(stream));
  return write_sse({.event = {}, .id = id, .retry = limits_.retry, .data = {}});
}

std::optional<std::uint64_t> HttpSession::open_stream(std::shared_ptr<net::Exchange> exchange) {
  std::lock_guard lock(mutex_);
  if (closed_ || streams_.size() > limits_.streams) return std::nullopt;
  std::uint64_t number = ++last_stream_;
  Stream& stream = streams_[number];
  stream.gone = exchange->request().stop;
  stream.pending = std::move(exchange);
  return number;
}

void HttpSession::begin(std::uint64_t number, Stream& stream) {
  auto exchange = std::move(stream.pending);
  if (stream.gone.stop_requested()) return;
  stream.live = start_events(*exchange, primes() ? priming_event(number) : std::string{});
}

void HttpSession::prime(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  auto found = streams_.find(number);
  if (found != streams_.end() && found->second.pending && primes()) begin(number, found->second);
}

void HttpSession::write(std::uint64_t number, Stream& stream, std::string_view message) {
  EventPosition position = log_->next(number);
  std::string id = log_->id(position);
  std::string frame = write_sse({.event = "message", .id = id, .retry = {}, .data = message});
  if (alive(stream) && stream.live->write(frame)) {
    stream.delivered = position.event;
  } else {
    stream.live.reset();
  }
  log_->keep(position, clock_.steady(), std::move(frame));
}

void HttpSession::finish(Stream& stream) {
  if (stream.live) stream.live->end();
  stream.live.reset();
}

void HttpSession::send(std::uint64_t number, const std::string& message, Delivery delivery) {
  std::lock_guard lock(mutex_);
  auto found = streams_.find(number);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  if (delivery == Delivery::droppable) {
    if (number == kGeneral && !alive(stream)) return;
    if (stream.live && stream.live->backlog() > kSlowReader) return;
  }
  if (stream.pending) begin(number, stream);
  write(number, stream, message);
}

void HttpSession::answer(std::uint64_t number, std::string message) {
  std::lock_guard lock(mutex_);
  auto found = streams_.find(number);
  if (found == streams_.end() || number == kGeneral) return;
  Stream& stream = found->second;
  if (stream.pending && !prefers_events(stream.pending->request().headers)) {
    respond_json(*stream.pending, 200, std::move(message));
  } else {
    if (stream.pending) begin(number, stream);
    write(number, stream, message);
    finish(stream);
  }
  streams_.erase(found);
}

void HttpSession::no_answer(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  auto found = streams_.find(number);
  if (found == streams_.end() || number == kGeneral) return;
  Stream& stream = found->second;
  if (stream.pending) begin(number, stream);
  finish(stream);
  streams_.erase(found);
  log_->drop_stream(number);
}

void HttpSession::hang_up(std::uint64_t number) {
  std::lock_guard lock(mutex_);
  auto found = streams_.find(number);
  if (found == streams_.end() || !primes()) return;
  if (found->second.pending) begin(number, found->second);
  finish(found->second);
}

HttpSession::Attached HttpSession::attach(net::Exchange& exchange,
                                          std::optional<std::string_view> last_event_id) {
  std::lock_guard lock(mutex_);
  auto general = streams_.find(kGeneral);
  if (closed_ || general == streams_.end()) return Attached::unknown_event;

  EventPosition after{kGeneral, general->second.delivered};
  std::string first;
  if (last_event_id) {
    auto position = log_->parse(*last_event_id);
    if (!position) return Attached::unknown_event;
    after = *position;
  } else if (alive(general->second)) {
    return Attached::taken;
  } else if (primes()) {
    first = priming_event(kGeneral);
  }

  auto found = streams_.find(after.stream);
  if (found == streams_.end() && !log_->holds(after.stream)) return Attached::unknown_event;
  std::uint64_t delivered = after.event;
  log_->replay(after, [&](const EventPosition& position, const std::string& frame) {
    first += frame;
    delivered = position.event;
  });
  auto live = start_events(exchange, std::move(first));
  if (found == streams_.end()) {  // its answer is among what was replayed
    live->end();
    return Attached::yes;
  }
  Stream& stream = found->second;
  finish(stream);  // the client came back: the old connection is no longer read
  stream.pending.reset();
  stream.live = std::move(live);
  stream.gone = exchange.request().stop;
  stream.delivered = delivered;
  return Attached::yes;
}

bool HttpSession::busy() const {
  std::lock_guard lock(mutex_);
  return std::ranges::any_of(
      streams_, [&](const auto& entry) { return entry.first != kGeneral || alive(entry.second); });
}

void HttpSession::keep_alive(std::uint64_t number, Stream& stream) {
  if (stream.pending && std::exchange(stream.ticked, true)) begin(number, stream);
  if (!stream.live) return;
  // What waits to be read keeps the connection alive by itself.
  bool fine = alive(stream) && (stream.live->backlog() > 0 || stream.live->write(std::string(kSseKeepAlive)));
  if (!fine) stream.live.reset();
}

void HttpSession::tick() {
  std::lock_guard lock(mutex_);
  for (auto& [number, stream] : streams_) keep_alive(number, stream);
  log_->drop_old(clock_.steady());
}

void HttpSession::close() {
  if (protocol_) protocol_->close();
  std::lock_guard lock(mutex_);
  closed_ = true;
  if (auto general = streams_.find(kGeneral); general != streams_.end()) {
    finish(general->second);
    streams_.erase(general);
  }
}

}  // namespace mcp
