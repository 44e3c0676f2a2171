// Where a session's messages go: the one thing the protocol needs from a transport.
#pragma once

#include <string>

namespace mcp {

enum class Delivery {
  required,   // answers, questions, list changes
  droppable,  // progress and log lines: left out when the peer does not read
};

// Implementations are thread-safe, keep the order of calls, and never wait for the peer.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // One JSON-RPC message: UTF-8, one line, without its newline.
  virtual void send(std::string message, Delivery delivery) = 0;
};

}  // namespace mcp
