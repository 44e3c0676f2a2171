// One connection of the HTTP server: reads requests, hands them out as exchanges, writes answers and streams.
// Inside room net only.
//
// A session lives on its loop's thread and needs no lock; exchanges and streams, which others hold, post to
// it. User code runs from three places only: the handler of a request just read, stop callbacks, which are
// always posted, and destructors of what the user let go. So answering never re-enters the caller.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <sys/uio.h>
#include <unordered_map>
#include <vector>

#include "net/event_loop.h"
#include "net/http_reader.h"
#include "net/http_server.h"
#include "net/http_wire.h"
#include "net/server_io.h"
#include "net/server_shared.h"
#include "net/server_tls.h"

namespace net {

class Session;
class StreamState;

// An event loop and the sessions that live on it.
struct SessionLoop : std::enable_shared_from_this<SessionLoop> {
  explicit SessionLoop(std::unique_ptr<EventLoop> events_given) : events(std::move(events_given)) {}

  // Formatted once a second.
  const std::string& http_date();
  // One timer for all sessions, and none while there are none.
  void sweep();

  std::unique_ptr<EventLoop> events;
  std::unordered_map<Session*, std::shared_ptr<Session>> sessions;
  std::array<char, 64u << 10> scratch;  // what is read before it is known whose it is
  bool sweeping = false;

 private:
  std::int64_t date_second_ = -1;
  std::string date_;
};

// Bytes on their way out, gathered from where they lie.
class Outgoing {
 public:
  std::string head;                 // of the message, and the size of the first chunk
  std::string body;                 // of a plain answer
  std::vector<std::string> pieces;  // of a stream
  std::string_view tail;            // static text

  void begin();  // after filling the above
  void clear() { *this = {}; }
  std::size_t left() const { return total_ - written_; }
  void advance(std::size_t bytes) { written_ += bytes; }
  // Everything that is left, as long as `into` is large enough; returns how many of it are used.
  std::size_t gather(std::span<iovec> into) const;

  static constexpr std::size_t kMaxPieces = 60;

 private:
  std::size_t total_ = 0;
  std::size_t written_ = 0;
};

class Session final : public EventLoop::Watcher, public std::enable_shared_from_this<Session> {
 public:
  // Takes `fd`.
  Session(ServerShared& shared, SessionLoop& loop, int fd, std::string peer,
          std::shared_ptr<const TlsContext> tls);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Once, after it is in the loop's list.
  void start();
  void start_refused();  // answers 503

  void on_events(std::uint32_t events) override;
  void check_deadline(EventLoop::TimePoint now);
  // No further request; streams are told.
  void drain();
  void close();

  // What exchanges and streams ask for.
  void answer(ServerResponse response);
  void start_stream(ServerResponse head, std::shared_ptr<StreamState> stream);
  void flush(const StreamState* stream);
  void drop(const StreamState* stream);

 private:
  enum class State {
    shaking_hands,  // TLS
    idle,           // between requests
    reading,        // a request has begun to arrive
    handling,       // somebody has it, or its answer is held back
    writing,        // the answer goes out
    streaming,      // the answer goes out as it comes
    lingering,      // our side is closed, what still comes is read and dropped
    closed,
  };

  // Does what can be done now. The handler runs only where `may_dispatch`.
  void advance(bool may_dispatch);
  void advance_later();
  // Each true when there may be more to do at once.
  bool step();
  bool shake_hands();
  bool read_request();
  bool write_some();
  bool stream_some();
  bool drop_input();

  IoResult receive(std::span<char> into);
  IoResult send_pieces(std::span<const iovec> pieces);
  IoResult::Kind send_outgoing();
  // Whether the client has taken something of what the kernel holds for it since this was last asked.
  bool kernel_queue_shrank();
  bool send_continue();
  void dispatch();
  void deliver(ServerResponse response);
  void refuse(const wire::Refusal& refusal);
  void compose_chunk(std::size_t bytes, bool last);
  std::optional<std::string> write_head(const ServerResponse& response, wire::Framing framing);
  void on_hang_up();
  void on_answered();
  void finish_request();
  void request_stop();
  void linger();
  void expire_after(std::chrono::milliseconds limit) { deadline_ = std::chrono::steady_clock::now() + limit; }
  void never_expire() { deadline_ = EventLoop::TimePoint::max(); }

  ServerShared& shared_;
  SessionLoop& loop_;
  int fd_;
  const std::string peer_;
  std::unique_ptr<TlsConnection> tls_;

  State state_ = State::idle;
  EventLoop::TimePoint deadline_ = EventLoop::TimePoint::max();
  bool encrypted_ = false;
  bool readable_ = false;
  bool writable_ = true;
  bool peer_closed_ = false;  // at least its sending side
  bool gone_ = false;         // both sides, or reset
  bool advancing_ = false;
  bool may_dispatch_ = false;
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
  std::optional<EventLoop::Timer> delay_;
  std::shared_ptr<StreamState> stream_;
  std::string stream_head_;  // until it has left with the first chunk
  std::size_t chunk_bytes_ = 0;
  int kernel_queue_ = 0;  // bytes
  Outgoing out_;
};

}  // namespace net
