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
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/result.h"
#include "mcp/icon.h"
#include "mcp/jsonrpc.h"
#include "mcp/mirrored_headers.h"
#include "mcp/outlet.h"
#include "mcp/prompt.h"
#include "mcp/resource.h"
#include "mcp/session.h"
#include "mcp/tool.h"

namespace core {
class Jobs;
}
namespace mcp {

struct ServerShared;  // server_shared.h: what sessions share
struct SharedStates;  // request_state.h

// Who we are (schema: Implementation).
struct Implementation {
  std::string name;
  std::string title;  // sent from 2025-06-18 on
  std::string version;
  std::string description;  // sent from 2025-11-25 on, as are the next two
  std::string website_url;
  std::vector<Icon> icons;
};

// A call that has ended: tools/call, prompts/get, resources/read, completion/complete.
struct CallReport {
  enum class Outcome {
    answered,   // a result
    failed,     // a result with isError, or an error
    asked,      // a question to the client that ends this request (2026-07-28)
    cancelled,  // by the client; not answered
  };
  std::string_view method;
  std::string_view name;  // of the tool or prompt; empty for resources, whose URIs are without number
  Outcome outcome = Outcome::answered;
  core::SteadyTime::duration took{};
};
std::string_view to_string(CallReport::Outcome outcome);

struct ServerOptions {
  Implementation info;
  // For the model, key facts first; at most 2048 bytes, because hosts cut it there.
  std::string instructions;
  core::Clock* clock = &core::system_clock();  // outlives the server
  // How long a person may take: a legacy question then counts as cancelled, a modern requestState as expired.
  std::chrono::milliseconds question_timeout = std::chrono::minutes{10};
  // Questions without an answer, both eras together; the next call that wants to ask gets an error result.
  std::size_t max_open_questions = 1024;
  // Set where several instances of the server answer at one address: each accepts what another asked for.
  // Null: a requestState is good at the instance that made it.
  std::shared_ptr<const SharedStates> shared_states = nullptr;
  // `ttlMs` of discover and lists in 2026-07-28. Zero: clients ask again each time.
  std::chrono::milliseconds list_ttl{0};
  // Context::deadline of a call, from its start; time spent waiting for a person does not count.
  std::chrono::milliseconds call_timeout = std::chrono::minutes{30};
  // A full lane is answered at once with an error result.
  core::LaneOptions local{.name = "local", .workers = 4};
  core::LaneOptions upstream{.name = "upstream", .workers = 16};
  // Called when a call has ended, on whichever thread ended it; must be quick. For metrics.
  std::function<void(const CallReport&)> on_call = nullptr;
  std::size_t max_message_bytes = 16u << 20;  // a longer message is refused with -32600
  std::size_t max_message_depth = 64;
  std::size_t max_batch = 256;     // messages in one JSON-RPC batch
  std::size_t max_listeners = 64;  // subscriptions/listen streams of one session
  // What tools start (Started); outlives the server. Without it there are no tasks in any revision.
  core::Jobs* jobs = nullptr;
  std::chrono::milliseconds task_poll_interval{1000};  // what clients of tasks are told
  std::size_t max_watched_tasks = 256;                 // of one listen stream
  // Entries on a page of resources, templates and prompts; tools, which clients rarely page, have their own.
  std::size_t page_size = 100;
  std::size_t tools_page_size = 1000;
  std::size_t max_subscriptions = 256;  // resources one session, or one listen stream, may watch
  std::size_t max_watches = 65'536;     // resources that all of them watch together
};

// Thread-safe after the first connect(); add_tool() and the on_... setters belong before it.
class Server {
 public:
  // Errors: mcp.server.info (name or version missing), mcp.server.instructions (too long),
  // mcp.server.page_size (zero), mcp.icon.
  static core::Result<std::unique_ptr<Server>> create(ServerOptions options);
  ~Server();  // joins the lanes: see settle()
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Checked here, so that a bad tool fails at start-up: name 1–64 of [A-Za-z0-9_.-] and unique, description
  // 1–2048 bytes, schemas as check_schema() wants them, x-mcp-header as read_header_parameters() does,
  // `_meta.ui` as MCP Apps defines it, a handler. Errors: mcp.tool.*, mcp.icon.
  core::Status add_tool(Tool tool);

  // Which tools are listed. A tool that is not listed can still be called: listing is advice, the handler's
  // own checks decide, and its refusal explains more than "unknown tool" would. Asked now and at each
  // tools_changed(), never per request; must not call the server.
  void set_visible(std::function<bool(const Tool&)> visible);
  // Asks again what is visible; when that differs, sends list_changed to legacy sessions past `initialized`
  // and to modern listeners. Any thread.
  void tools_changed();

  // Checked here, like tools. What is added decides what is declared: a server without resources (or
  // templates), prompts or completers does not declare the capability, and its methods are not found.
  //
  // Uri: an absolute RFC 3986 URI, unique. Name: 1–128 bytes without control characters. Description: at most
  // 2048 bytes. Icons: see check_icons(). A reader. Errors: mcp.resource.*, mcp.icon.
  core::Status add_resource(Resource resource);
  // Also: the template is one UriTemplate::parse() accepts. A URI that is a resource's is read there; else by
  // the first template that matches, in the order of registration.
  core::Status add_resource_template(ResourceTemplate resource_template);
  // Name: as a tool's, up to 128. Arguments: at most 64, names unique. Errors: mcp.prompt.*, mcp.icon.
  core::Status add_prompt(Prompt prompt);

  // As set_visible(), for resources, templates and prompts. What is not listed can still be read.
  void set_resources_visible(std::function<bool(const Resource&)> resource,
                             std::function<bool(const ResourceTemplate&)> resource_template = {});
  void set_prompts_visible(std::function<bool(const Prompt&)> visible);
  // As tools_changed().
  void resources_changed();
  void prompts_changed();
  // The contents at this URI are no longer what they were: tells those who watch it, and nobody else. Any
  // thread; cheap when nobody does.
  void resource_updated(std::string_view uri);
  // The same for every watched URI of which `updated` says so, by the name of its resource or template and
  // what the URI holds. Asked once for each URI, without locks held.
  using UpdatedResources = std::function<bool(std::string_view name, const UriVariables& variables)>;
  void resources_updated(const UpdatedResources& updated);

  // A log notification to every legacy session past `initialized` whose level allows it. 2026-07-28 has log
  // lines within requests only: those go through Context::notifier. Any thread. `data` must hold no secret.
  void log(core::LogLevel level, std::string_view logger, const core::json::Value& data);

  // Called on the session's reading thread after notifications/initialized: must be quick, may keep the
  // pointer.
  void on_legacy_ready(std::function<void(std::shared_ptr<Session>)> callback);
  // Called once in the server's life, on the reading thread, at the first modern request that is
  // neither server/discover (a probe) nor subscriptions/listen: must be quick.
  void on_first_modern_call(std::function<void()> callback);

  // For transports. The session keeps the outlet; the server must outlive the session.
  std::shared_ptr<Session> connect(std::shared_ptr<Outlet> outlet);
  // Goes on with a legacy session that another process opened.
  std::shared_ptr<Session> resume(std::shared_ptr<Outlet> outlet, const Handshake& handshake);

  // What transports look at before they hand a request on. Null: no such tool.
  const Tool* find_tool(std::string_view name) const;
  std::span<const HeaderParameter> header_parameters(const Tool& tool) const;
  bool serves_modern(std::string_view method) const;
  // The OAuth scopes of what a request is about (a tool, a prompt, resources) that `permits` says no to, the
  // first of them. Null: nothing stands against it.
  using PermitsScopes = std::function<bool(const std::vector<std::string>& needed)>;
  const std::vector<std::string>* unmet_scopes(const Request& request, const PermitsScopes& permits) const;

  // Waits until no handler runs, at most `at_most`. False: some handler ignores its stop token; the
  // destructor would wait for it, so leave the process with _exit().
  bool settle(std::chrono::milliseconds at_most);

  const ServerOptions& options() const;

 private:
  explicit Server(std::unique_ptr<ServerShared> shared);
  std::unique_ptr<ServerShared> shared_;
};

}  // namespace mcp
