// A small MCP client that starts a server as a child process and speaks over its stdin and stdout: for the
// demo and for tests.
//
//   ASSIGN_OR_RETURN(auto client, mcp::StdioClient::start({.argv = {"./okta-mcp-server"}}));
//   ASSIGN_OR_RETURN(auto result, client->call_tool("list_users", {{"limit", 5}}));
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "mcp/protocol.h"
#include "mcp/tool.h"

namespace mcp {

struct StdioClientOptions {
  std::vector<std::string> argv;           // argv[0] is looked up in PATH
  std::map<std::string, std::string> env;  // added to the present environment, or replacing it
  bool inherit_env = true;
  Revision revision = Revision::v2025_11_25;  // any legacy revision, or 2026-07-28
  std::string name = "mcp-stdio-client";
  std::string version = "1";
  std::chrono::milliseconds timeout = std::chrono::seconds{30};  // of each request, unless it says otherwise
  // Answers form questions (elicitation/create, or inputRequests in 2026-07-28); the params are what the
  // server sent. Absent: the client declares no elicitation. Called on the client's reading thread.
  std::function<InputResponse(const core::json::Object& params)> on_elicitation;
  bool url_elicitation = false;  // declare `url` too; such questions come to on_elicitation with mode "url"
  // Every notification (log, progress, list_changed ...). Called on the reading thread.
  std::function<void(std::string_view method, const core::json::Object& params)> on_notification;
};

// Thread-safe: several threads may have requests open.
class StdioClient {
 public:
  // Starts the program and shakes hands (initialize + initialized, or server/discover).
  // Errors: mcp.client.start, mcp.client.timeout, mcp.client.closed (with the end of stderr),
  // mcp.client.protocol.
  static core::Result<std::unique_ptr<StdioClient>> start(StdioClientOptions options);
  ~StdioClient();  // close(), and SIGKILL when that does not help
  StdioClient(const StdioClient&) = delete;
  StdioClient& operator=(const StdioClient&) = delete;

  // The result of initialize or server/discover.
  const core::json::Object& server() const;
  core::Result<core::json::Array> list_tools();
  // The result object of tools/call, with its isError as it came; multi-round-trip questions are answered on
  // the way. A JSON-RPC error becomes an Error with code "mcp.client.rpc" and the message "-32602: ...".
  core::Result<core::json::Object> call_tool(std::string_view name, core::json::Object arguments = {},
                                             std::chrono::milliseconds timeout = {});
  // Any request; in 2026-07-28 the _meta is added.
  core::Result<core::json::Object> request(std::string_view method, core::json::Object params = {},
                                           std::chrono::milliseconds timeout = {});
  core::Status notify(std::string_view method, const core::json::Object& params = {});

  // What the server wrote to stderr so far (the last 1 MiB).
  std::string stderr_text() const;
  int pid() const;
  // Closes stdin, waits for the process to end (SIGTERM after `patience`, then SIGKILL), returns its exit
  // status as a shell would show it (128 + signal).
  int close(std::chrono::milliseconds patience = std::chrono::seconds{10});

 private:
  struct Impl;
  explicit StdioClient(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// All text blocks of a tools/call result, joined by newlines.
std::string result_text(const core::json::Object& result);

}  // namespace mcp
