// How a client's messages travel: a child process's pipes (stdio_client.h) or Streamable HTTP
// (http_client_transport.h). What the messages mean is client.h's business.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/jsonrpc.h"
#include "mcp/protocol.h"
#include "net/http.h"

namespace mcp {

// What one server may cost. The server is not trusted: whatever it sends beyond these ends the exchange with
// an error that names the limit.
struct ClientLimits {
  std::size_t message_bytes = 16u << 20;  // one message: a line of stdio, a JSON body, an SSE event
  std::size_t message_depth = 64;         // nesting of its JSON
  std::size_t answer_bytes = 64u << 20;   // all that comes over HTTP in answer to one request
  std::size_t answer_messages = 100'000;  // notifications and questions that come with one answer
  std::size_t list_pages = 200;           // of one list
  std::size_t list_items = 10'000;
  std::size_t list_bytes = 32u << 20;
  int rounds = 16;                             // of one request that asks again and again (multi-round-trip)
  std::size_t questions = 32;                  // of one round, and open at one time in the legacy era
  int redirects = 3;                           // on the same origin; none leads elsewhere
  int resumptions = 8;                         // of one broken SSE stream without an event in between
  int authorizations = 3;                      // times that one request is repeated with another token
  std::chrono::milliseconds retry_floor{100};  // an SSE stream's `retry` is taken as no less
  std::chrono::milliseconds retry_ceiling{30'000};  // and as no more
};

// A request or a notification on its way out.
struct Outgoing {
  std::optional<RequestId> id;  // a notification has none
  std::string_view method;
  const core::json::Object& params;
  // Headers that mirror arguments (x-mcp-header); for HTTP only.
  std::vector<net::Headers::Field> mirrored = {};
  // The answer is a stream of events without an end: no limit on its time, bytes and number of messages.
  bool endless = false;
};

struct Received {
  Response response;
  std::size_t bytes = 0;  // of the message it came in
};

// Thread-safe.
class ClientTransport {
 public:
  // Gets each message that is not the answer to exchange(): notifications, and in the legacy era the
  // server's requests. Called on any thread, in the order of the stream they came in; must be quick.
  using Receiver = std::function<void(Message message)>;

  virtual ~ClientTransport() = default;

  // Once, before everything else.
  virtual void start(Receiver receiver) = 0;

  // Sends a request and waits for its response; messages that come before it go to the receiver. Gives up
  // at context.deadline and on context.stop; telling the server is up to the caller where
  // hanging_up_cancels() is false.
  //
  // Errors: mcp.client.closed, mcp.client.timeout, mcp.client.cancelled, mcp.client.protocol,
  // mcp.client.too_large; over HTTP besides mcp.client.http_NNN (upstream.status says it, too),
  // mcp.client.session_ended, mcp.client.redirect, mcp.client.media_type, those of net::HttpClient and of the
  // TokenProvider.
  virtual core::Result<Received> exchange(const core::Context& context, const Outgoing& request) = 0;
  // A notification, or an answer to a request of the server's (`message` is the whole text).
  virtual core::Status notify(const core::Context& context, const Outgoing& notification) = 0;
  virtual core::Status answer(const core::Context& context, std::string message) = 0;

  // How requests go out from now on; before it, `server/discover` goes out as modern, `initialize` as legacy.
  // Called again when a session begins anew.
  virtual void agree(Revision revision) = 0;
  // Legacy: the initialized notification was sent; messages that belong to no request may be fetched.
  virtual void settled() {}
  // Forgets the session, so that `initialize` can open another.
  virtual void forget_session() {}
  // A legacy server behind it may leave a request that it does not know unanswered.
  virtual bool may_stay_silent() const = 0;
  // Modern HTTP: to stop reading is to cancel (page Cancellation).
  virtual bool hanging_up_cancels() const = 0;

  // Ends every exchange under way and lets go of the server. A second call does nothing.
  virtual void close() = 0;
};

}  // namespace mcp
