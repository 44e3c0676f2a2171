// One connected peer. On stdio there is one session: it holds the legacy handshake, and beside it serves
// modern requests, each of which stands for itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/protocol.h"
#include "mcp/tool.h"

namespace mcp {

class Outlet;
class SessionImpl;
struct ServerShared;

struct ClientInfo {
  std::string name;  // what the client calls itself; proves nothing
  std::string version;
};

// URL mode elicitation: the person is sent to a page, the client learns nothing of what happens there.
struct UrlQuestion {
  std::string message;
  std::string url;
  std::string elicitation_id;  // names the interaction for elicitation_complete()
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // ---- For applications; any thread.

  // Of the legacy handshake; 2025-11-25 before it.
  Revision revision() const;
  ClientInfo client() const;
  // True when the legacy client declared elicitation with `url` (2025-11-25).
  bool can_elicit_url() const;
  // Sends the question now. `done` is called once, on the reading thread or the timer's, with the person's
  // answer (cancel after question_timeout, a client error, or the end of the session); it must be quick.
  // Errors: mcp.session.no_url (see can_elicit_url), mcp.session.closed, mcp.session.too_many_questions.
  core::Status elicit_url(const UrlQuestion& question, std::function<void(Answer)> done);
  // notifications/elicitation/complete: the page has done its part.
  void elicitation_complete(std::string_view elicitation_id);

  // ---- For transports; one reading thread.

  // One message (one line on stdio). Never throws, never waits: what takes time runs on a lane.
  void receive(std::string_view message);
  // A message longer than ServerOptions::max_message_bytes was skipped.
  void receive_oversized();
  // The peer is gone or the process ends: running calls are told to stop (their answers still go out), open
  // questions are withdrawn, listeners get their final answer. What comes after is ignored.
  void close();

  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  friend class Server;
  friend class SessionImpl;
  Session(ServerShared& shared, std::shared_ptr<Outlet> outlet);
  std::unique_ptr<SessionImpl> impl_;
};

}  // namespace mcp
