// One connection of the HTTP server: reads requests, hands them out as exchanges, writes answers and streams.
// Inside room net only.
//
// A session lives on its loop's thread and needs no lock; exchanges and streams, which others hold, post to
// it. User code runs from three places only: the handler of a request just read, stop callbacks, which are
// always posted, and destructors of what the user let go. So answering never re-enters the caller.
#pragma once

#include <chrono>
#include <memory>

#include "net/http_server.h"
#include "net/server_loop.h"
#include "net/server_shared.h"
#include "net/server_tls.h"

namespace net {

class StreamState;
struct Accepted;  // server_loop_impl.h

class Session : public std::enable_shared_from_this<Session> {
 public:
  virtual ~Session() = default;

  // Its time limits, looked at a few times a second.
  virtual void check(std::chrono::steady_clock::time_point now) = 0;
  // No further request; streams are told.
  virtual void drain() = 0;
  virtual void close() = 0;

  // What exchanges and streams ask for.
  virtual void answer(ServerResponse response) = 0;
  virtual void start_stream(ServerResponse head, std::shared_ptr<StreamState> stream) = 0;
  virtual void flush(const StreamState* stream) = 0;
  virtual void drop(const StreamState* stream) = 0;
};

// On the loop's thread. `tls` is null for plain HTTP. Refused: answered 503, with TLS closed without a word.
enum class Admission { served, refused };
void start_session(ServerShared& shared, ServerLoop& loop, Accepted&& accepted,
                   std::shared_ptr<TlsContext> tls, Admission admission);

}  // namespace net
