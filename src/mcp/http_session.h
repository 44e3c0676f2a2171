// One legacy client over HTTP: its session, the streams its answers travel on, and what it may have again
// after its connection broke (page Transports, "Session Management", "Resumability and Redelivery").
//
// A request's answer is plain JSON as long as nothing was said before it; otherwise its stream of events.
// From 2025-11-25 on a request that is not answered at once gets its stream right away, with an event id to
// come back with. A broken connection cancels nothing: the call runs on and its events wait in the log.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "mcp/event_log.h"
#include "mcp/outlet.h"
#include "mcp/session.h"
#include "mcp/session_token.h"
#include "net/http_server.h"

namespace mcp {

class Server;

struct SessionLimits {
  std::size_t sessions = 4096;
  std::size_t streams = 64;  // requests of one session that are being answered; the next one gets 429
  std::chrono::seconds idle = std::chrono::minutes{30};    // without a request or an open stream
  std::chrono::seconds lifetime = std::chrono::hours{24};  // whatever happens
  EventLogLimits events;                                   // of one session
  std::size_t event_bytes = 128u << 20;                    // of all sessions together
  std::chrono::milliseconds retry{1000};  // what clients are told to wait before they come back
};

// Thread-safe.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  static constexpr std::uint64_t kGeneral = 0;  // the stream of what belongs to no request

  HttpSession(const SessionLimits& limits, core::Clock& clock, std::string principal,
              std::unique_ptr<EventLog> log);

  // Once, before anything else: the protocol's side. `handshake` when another process made it.
  void connect(Server& server, const std::optional<Handshake>& handshake);
  // Once, when `initialize` succeeded or with connect(): who it is from now on.
  void admit(const SessionToken& token);

  Session& protocol() const { return *protocol_; }
  const std::string& principal() const { return principal_; }
  const SessionToken& token() const { return token_; }

  // A stream for the request that came with `exchange`; nullopt when there are too many.
  std::optional<std::uint64_t> open_stream(std::shared_ptr<net::Exchange> exchange);
  // The request was not answered at once: from 2025-11-25 on its stream opens now.
  void prime(std::uint64_t stream);
  void send(std::uint64_t stream, const std::string& message, Delivery delivery);
  void answer(std::uint64_t stream, std::string message);
  void no_answer(std::uint64_t stream);
  // Lets go of the connection; the client comes back for the rest (2025-11-25; otherwise nothing happens).
  void hang_up(std::uint64_t stream);

  enum class Attached { yes, taken, unknown_event };
  // GET: the general stream, or after `last_event_id` the stream that event was of.
  Attached attach(net::Exchange& exchange, std::optional<std::string_view> last_event_id);

  void touch() { last_used_.store(clock_.steady()); }
  core::SteadyTime last_used() const { return last_used_.load(); }
  // Somebody reads, or waits for an answer.
  bool busy() const;
  // Keep-alive comments, connections that are gone, events that are old.
  void tick();
  // Running calls are told to stop, their answers still go out; everything else ends.
  void close();

 private:
  struct Stream {
    std::shared_ptr<net::Exchange> pending;  // the request, as long as its answer may be plain JSON
    std::shared_ptr<net::ResponseStream> live;
    std::stop_token gone;
    std::uint64_t delivered = 0;  // the last event that went to a connection
    bool ticked = false;
  };
  // A server that stops says so like a client that hangs up; then what is left may still go out.
  bool alive(const Stream& stream) const { return stream.live && (closed_ || !stream.gone.stop_requested()); }
  bool primes() const;
  std::string priming_event(std::uint64_t stream);
  void begin(std::uint64_t number, Stream& stream);
  void write(std::uint64_t number, Stream& stream, std::string_view message);
  static void finish(Stream& stream);
  void keep_alive(std::uint64_t number, Stream& stream);

  const SessionLimits& limits_;
  core::Clock& clock_;
  const std::string principal_;
  std::shared_ptr<Session> protocol_;
  SessionToken token_;
  std::atomic<core::SteadyTime> last_used_;

  mutable std::mutex mutex_;  // of what follows; never held while protocol_ is called
  const std::unique_ptr<EventLog> log_;
  std::map<std::uint64_t, Stream> streams_;  // not ended yet; kGeneral is always there
  std::uint64_t last_stream_ = kGeneral;
  bool closed_ = false;
};

// The outlet of one POST of a session.
class HttpSessionOutlet final : public Outlet {
 public:
  HttpSessionOutlet(std::shared_ptr<HttpSession> session, std::uint64_t stream)
      : session_(std::move(session)), stream_(stream) {}
  void send(std::string message, Delivery delivery) override { session_->send(stream_, message, delivery); }
  void answer(std::string message, int) override { session_->answer(stream_, std::move(message)); }
  void no_answer() override { session_->no_answer(stream_); }
  void hang_up() override { session_->hang_up(stream_); }

 private:
  const std::shared_ptr<HttpSession> session_;
  const std::uint64_t stream_;
};

}  // namespace mcp
