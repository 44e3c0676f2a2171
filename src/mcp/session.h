// One connected peer. On stdio there is one session: it holds the legacy handshake, and beside it serves
// modern requests, each of which stands for itself. Over HTTP a legacy client has a session, and each modern
// request one of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/caller.h"
#include "mcp/jsonrpc.h"
#include "mcp/protocol.h"
#include "mcp/question.h"

namespace mcp {

class Outlet;
class SessionImpl;
struct ServerShared;

struct ClientInfo {
  std::string name;  // what the client calls itself; proves nothing
  std::string version;
};

// What `initialize` settled: enough for another process to go on with the session.
struct Handshake {
  Revision revision = kNewestLegacy;
  ClientAbilities abilities;
  ClientInfo client;
};

// What a message comes with.
struct Origin {
  std::shared_ptr<Outlet> outlet;  // of its answer, and of what is said meanwhile
  Caller caller;
};

class Session : public std::enable_shared_from_this<Session> {
 public:
  // ---- For applications; any thread.

  // Of the legacy handshake; 2025-11-25 before it.
  Revision revision() const;
  std::optional<Handshake> handshake() const;  // nullopt before `initialize`
  ClientInfo client() const;
  // True when the legacy client declared elicitation with `url` (2025-11-25).
  bool can_elicit_url() const;
  // Sends the question now. `done` is called once, on the reading thread or the timer's, with the person's
  // answer (cancel after question_timeout, a client error, or the end of the session); it must be quick.
  // Errors: mcp.session.no_url (see can_elicit_url), mcp.session.closed, mcp.session.too_many_questions.
  core::Status elicit_url(const UrlQuestion& question, std::function<void(Answer)> done);
  // notifications/elicitation/complete: the page has done its part.
  void elicitation_complete(std::string_view elicitation_id);

  // ---- For transports. One message at a time of those that open or end the session; several threads may
  // bring others.

  // One message (one line on stdio), to be answered on the session's own outlet. Never throws, never waits:
  // what takes time runs on a lane.
  void receive(std::string_view message);
  // The same for what is decoded already, answered on the outlet it brings.
  void accept(Incoming incoming, const Origin& origin);
  // A message longer than ServerOptions::max_message_bytes was skipped.
  void receive_oversized();
  // The peer is gone or the process ends: running calls are told to stop (their answers still go out), open
  // questions are withdrawn, listeners get their final answer. What comes after is ignored.
  void close();
  // Nobody reads any more: running calls are cancelled and not answered, listeners forgotten.
  void abandon();

  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  friend class Server;
  friend struct ServerShared;
  friend class SessionImpl;
  Session(ServerShared& shared, std::shared_ptr<Outlet> outlet);
  std::unique_ptr<SessionImpl> impl_;
};

}  // namespace mcp
