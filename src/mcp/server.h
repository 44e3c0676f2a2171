// The MCP server, whatever it is connected to. Three things, kept apart:
//
//   Server   what is offered: tools, instructions, worker lanes. One per process; it outlives its sessions.
//   Session  who is connected (session.h): handshake, running calls, open questions, listeners.
//   Outlet   where bytes go (outlet.h). A transport implements it and feeds Session::receive(); see
//            stdio_transport.h.
//
//   ASSIGN_OR_RETURN(auto server, mcp::Server::create({.info = {.name = "x", .version = "1"}}));
//   RETURN_IF_ERROR(server->add_tool({...}));
//   ASSIGN_OR_RETURN(auto end, mcp::serve_stdio(*server, {}));
//
// Both eras are served at once: `initialize` for 2024-11-05 … 2025-11-25, and 2026-07-28 by the _meta that
// each request carries.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/result.h"
#include "mcp/outlet.h"
#include "mcp/session.h"
#include "mcp/tool.h"

namespace mcp {

struct ServerShared;  // server_shared.h: what sessions share

// Who we are (schema: Implementation).
struct Implementation {
  std::string name;
  std::string title;  // sent from 2025-06-18 on
  std::string version;
  std::string description;  // sent from 2025-11-25 on, as is website_url
  std::string website_url;
};

struct ServerOptions {
  Implementation info;
  // For the model, key facts first; at most 2048 bytes, because hosts cut it there.
  std::string instructions;
  core::Clock* clock = &core::system_clock();  // outlives the server
  // How long a person may take: a legacy question then counts as cancelled, a modern requestState as expired.
  std::chrono::milliseconds question_timeout = std::chrono::minutes{10};
  // Questions without an answer, both eras together; the next call that wants to ask gets an error result.
  std::size_t max_open_questions = 1024;
  // `ttlMs` of discover and lists in 2026-07-28. Zero: clients ask again each time.
  std::chrono::milliseconds list_ttl{0};
  // Context::deadline of a call, from its start; time spent waiting for a person does not count.
  std::chrono::milliseconds call_timeout = std::chrono::minutes{30};
  // A full lane is answered at once with an error result.
  core::LaneOptions local{.name = "local", .workers = 4};
  core::LaneOptions upstream{.name = "upstream", .workers = 16};
  std::size_t max_message_bytes = 16u << 20;  // a longer message is refused with -32600
  std::size_t max_message_depth = 64;
  std::size_t max_batch = 256;     // messages in one JSON-RPC batch
  std::size_t max_listeners = 64;  // subscriptions/listen streams of one session
};

// Thread-safe after the first connect(); add_tool() and the on_... setters belong before it.
class Server {
 public:
  // Errors: mcp.server.info (name or version missing), mcp.server.instructions (too long).
  static core::Result<std::unique_ptr<Server>> create(ServerOptions options);
  ~Server();  // joins the lanes: see settle()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Checked here, so that a bad tool fails at start-up: name 1–64 of [A-Za-z0-9_.-] and unique, description
  // 1–2048 bytes, input schema with root type "object", a handler. Errors: mcp.tool.*.
  core::Status add_tool(Tool tool);

  // Which tools are listed. A tool that is not listed can still be called: listing is advice, the handler's
  // own checks decide, and its refusal explains more than "unknown tool" would. Asked now and at each
  // tools_changed(), never per request; must not call the server.
  void set_visible(std::function<bool(const Tool&)> visible);
  // Asks again what is visible; when that differs, sends list_changed to legacy sessions past `initialized`
  // and to modern listeners. Any thread.
  void tools_changed();

  // A log notification to every legacy session past `initialized` whose level allows it. 2026-07-28 has log
  // lines within requests only: those go through Context::notifier. Any thread. `data` must hold no secret.
  void log(core::LogLevel level, std::string_view logger, const core::json::Value& data);

  // Called on the session's reading thread after notifications/initialized: must be quick, may keep the
  // pointer.
  void on_legacy_ready(std::function<void(std::shared_ptr<Session>)> callback);
  // Called once in the server's life, on the reading thread, at the first modern tools/list or tools/call (a
  // discover alone is a probe): must be quick.
  void on_first_modern_call(std::function<void()> callback);

  // For transports. The session keeps the outlet; the server must outlive the session.
  std::shared_ptr<Session> connect(std::shared_ptr<Outlet> outlet);
  // Goes on with a legacy session that another process opened.
  std::shared_ptr<Session> resume(std::shared_ptr<Outlet> outlet, const Handshake& handshake);

  // Waits until no handler runs, at most `at_most`. False: some handler ignores its stop token; the
  // destructor would wait for it, so leave the process with _exit().
  bool settle(std::chrono::milliseconds at_most);

  const ServerOptions& options() const;

 private:
  explicit Server(std::unique_ptr<ServerShared> shared);
  std::unique_ptr<ServerShared> shared_;
};

}  // namespace mcp
