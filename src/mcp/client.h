// An MCP client: either era of the protocol, over any ClientTransport.
//
//   ASSIGN_OR_RETURN(auto transport, mcp::make_http_transport({.url = url, .http = http}));
//   ASSIGN_OR_RETURN(auto client, mcp::Client::connect(std::move(transport), {}));
//   ASSIGN_OR_RETURN(auto tools, client->list_tools());
//   ASSIGN_OR_RETURN(auto result, client->call_tool("list_users", {{"limit", 5}}));
//
// The server is not trusted: what it sends is bounded (ClientLimits) and stays data. Objects come back as the
// server sent them, unknown members included; texts in errors are cleaned and cut. `$ref` in schemas is never
// followed.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/client_transport.h"
#include "mcp/protocol.h"
#include "mcp/question.h"

namespace mcp {

enum class ClientEra {
  automatic,  // server/discover first; `initialize` where the server does not know it
  modern,     // server/discover only
  legacy,     // initialize only, any legacy revision
};

struct ClientOptions {
  ClientEra era = ClientEra::automatic;
  std::optional<Revision> revision;  // exactly this one, whatever `era` says
  std::string name = "mcp-client";
  std::string version = "1";
  std::chrono::milliseconds timeout = std::chrono::seconds{30};  // of each request, unless it says otherwise
  // ClientEra::automatic over stdio: silence for that long means a server that knows no server/discover.
  std::chrono::milliseconds probe_timeout = std::chrono::seconds{5};
  ClientLimits limits;

  // What the server may ask. Absent functions are not declared, and such questions are refused. Called on the
  // thread of the call that is asked (2026-07-28) or on threads of the client's own, several at once when
  // several questions are open; may take as long as a person takes, and holds up the destructor meanwhile.
  std::function<InputResponse(const core::json::Object& params)> on_elicitation;  // elicitation/create
  bool url_elicitation = false;  // declare mode "url" too; such questions come with "mode": "url"
  std::function<core::Result<core::json::Object>(const core::json::Object& params)> on_sampling;
  std::function<core::Result<core::json::Array>()> on_roots;  // the roots

  // Every notification that is not progress of a call which watches it, nor an event of a subscription.
  // Called on a reading thread: must be quick, and must not call the client.
  std::function<void(std::string_view method, const core::json::Object& params)> on_notification;
  // Log lines from this level on are asked for: with each request (2026-07-28), else by logging/setLevel.
  std::optional<core::LogLevel> log_level;
  // More of `capabilities`, such as extensions.
  core::json::Object capabilities;
};

struct Progress {
  double done = 0;
  std::optional<double> total;
  std::string message;
};

struct CallOptions {
  std::chrono::milliseconds timeout{};               // of each round; zero: the client's
  std::stop_token stop;                              // gives up, and tells the server
  std::function<void(const Progress&)> on_progress;  // as on_notification
};

// What a subscription is told about.
struct Interests {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::vector<std::string> resource_uris;
};

// Ends when destroyed. `events` of listen() are called until then.
class Subscription {
 public:
  virtual ~Subscription() = default;
  // What the server agreed to, as it said it (2026-07-28: the `notifications` of the acknowledgement; legacy:
  // what was asked for).
  virtual const core::json::Object& honoured() const = 0;
  // True when the server, or the connection, has ended it; it does not begin again by itself.
  virtual bool ended() const = 0;
};

// Thread-safe: several threads may have requests open.
//
// Errors of the calls, beside those of ClientTransport::exchange:
//   mcp.client.rpc        a JSON-RPC error: message "-32602: ...", upstream.code "-32602"
//   mcp.client.protocol   not what the protocol allows; the message says what
//   mcp.client.limit      a limit of ClientLimits (ErrorKind::too_large)
//   mcp.client.question   the server asks for something that was not offered
class Client {
 public:
  // Shakes hands. Errors beside those above: mcp.client.version when the two have no revision in common.
  static core::Result<std::unique_ptr<Client>> connect(std::unique_ptr<ClientTransport> transport,
                                                       ClientOptions options);
  virtual ~Client();  // close()
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  Revision revision() const;
  // The result of initialize or server/discover.
  const core::json::Object& server() const;
  // Its `capabilities`; empty when it named none.
  core::json::Object capabilities() const;
  // `serverInfo` of initialize, or of the _meta of server/discover; empty when the server gave none.
  core::json::Object server_info() const;

  // Whole lists, all pages. Tools whose x-mcp-header marks break the rules are left out in 2026-07-28, as
  // that revision asks for; dropped_tools() names them.
  core::Result<core::json::Array> list_tools();
  core::Result<core::json::Array> list_resources();
  core::Result<core::json::Array> list_resource_templates();
  core::Result<core::json::Array> list_prompts();
  std::vector<std::string> dropped_tools() const;

  // The result objects as they came, a tool's isError among them; questions are answered on the way.
  core::Result<core::json::Object> call_tool(std::string_view name, core::json::Object arguments = {},
                                             const CallOptions& options = {});
  core::Result<core::json::Object> read_resource(std::string_view uri, const CallOptions& options = {});
  core::Result<core::json::Object> get_prompt(std::string_view name, core::json::Object arguments = {},
                                              const CallOptions& options = {});
  // `reference` is {"type":"ref/prompt","name":...} or {"type":"ref/resource","uri":...}; `context` the
  // arguments given so far.
  core::Result<core::json::Object> complete(core::json::Object reference, std::string_view argument,
                                            std::string_view value, core::json::Object context = {},
                                            const CallOptions& options = {});

  // Any request, once: no question of a result is answered. In 2026-07-28 the _meta is added.
  core::Result<core::json::Object> request(std::string_view method, core::json::Object params = {},
                                           const CallOptions& options = {});
  core::Status notify(std::string_view method, core::json::Object params = {});

  // 2026-07-28: subscriptions/listen, which holds one connection over HTTP. Legacy: resources/subscribe for
  // each URI, and list_changed as it comes. `events` as on_notification. The client outlives it.
  core::Result<std::unique_ptr<Subscription>> listen(
      Interests interests,
      std::function<void(std::string_view method, const core::json::Object& params)> events);

  // Ends what is open; every later call fails with mcp.client.closed.
  void close();

  struct Impl;  // client_impl.h

 protected:
  Client(std::unique_ptr<ClientTransport> transport, ClientOptions options);
  core::Status shake_hands();

 private:
  std::unique_ptr<Impl> impl_;
};

// Adds the defaults of a form's schema to an accepted answer, where it says nothing (page Elicitation).
void fill_defaults(const core::json::Object& question, InputResponse& response);

// All text blocks of a tools/call result, joined by newlines.
std::string result_text(const core::json::Object& result);

}  // namespace mcp
