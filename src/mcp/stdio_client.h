// A client of a server that it starts as a child process and speaks with over its stdin and stdout.
//
//   ASSIGN_OR_RETURN(auto client, mcp::StdioClient::start({.argv = {"./okta-mcp-server"}}));
//   ASSIGN_OR_RETURN(auto result, client->call_tool("list_users", {{"limit", 5}}));
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "mcp/client.h"

namespace mcp {

struct StdioClientOptions {
  std::vector<std::string> argv;           // argv[0] is looked up in PATH
  std::map<std::string, std::string> env;  // added to the present environment, or replacing it
  bool inherit_env = true;
  ClientOptions client;
};

class StdioTransport;  // stdio_client.cpp

// Thread-safe, as Client is.
class StdioClient final : public Client {
 public:
  // Starts the program and shakes hands. Errors: mcp.client.start, mcp.client.closed (with the end of
  // stderr), and those of Client::connect.
  static core::Result<std::unique_ptr<StdioClient>> start(StdioClientOptions options);
  ~StdioClient() override = default;  // close()

  // What the server wrote to stderr so far (the last 1 MiB).
  std::string stderr_text() const;
  int pid() const;
  // Closes stdin, waits for the process to end (SIGTERM after `patience`, then SIGKILL), returns its exit
  // status as a shell would show it (128 + signal).
  int close(std::chrono::milliseconds patience = std::chrono::seconds{10});

 private:
  StdioClient(StdioTransport& transport, std::unique_ptr<ClientTransport> owner, ClientOptions options);
  StdioTransport& transport_;  // the base owns it
};

}  // namespace mcp
