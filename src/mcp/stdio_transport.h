// MCP over a pair of descriptors: one message a line (page "stdio").
//
// The calling thread reads and answers whatever needs no waiting; a message is written by whoever has it. No
// thread is started until a call needs a lane or the host stops reading.
#pragma once

#include <chrono>
#include <cstddef>

#include "core/result.h"
#include "mcp/server.h"

namespace mcp {

struct StdioOptions {
  int in = 0;
  int out = 1;
  // Becomes readable when the process should end: an eventfd, or a signalfd for SIGTERM and SIGINT. -1 for
  // none.
  int stop_fd = -1;
  // After the end of input or a stop, running calls get this long to come to an end.
  std::chrono::milliseconds settle = std::chrono::seconds{5};
  // Answers the host has not read yet; beyond it the connection is given up.
  std::size_t max_backlog_bytes = 64u << 20;
};

enum class StdioEnd { end_of_input, stopped, output_broken };

struct StdioOutcome {
  StdioEnd why = StdioEnd::end_of_input;
  bool settled = true;  // false: a handler still runs, leave with _exit() (Server::settle)
};

// Serves until the end of input. SIGPIPE is ignored from here on. Errors: mcp.stdio.* when a descriptor is
// unusable.
core::Result<StdioOutcome> serve_stdio(Server& server, const StdioOptions& options);

}  // namespace mcp
