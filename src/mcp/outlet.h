// Where messages go: the one thing the protocol needs from a transport. A session has an outlet of its own,
// and each request brings the one its answer goes to; on stdio they are the same.
#pragma once

#include <string>
#include <utility>

namespace mcp {

enum class Delivery {
  required,   // answers, questions, list changes
  droppable,  // progress and log lines: left out when the peer does not read
};

// Implementations are thread-safe, keep the order of calls, never wait for the peer, and never call back into
// the session.
class Outlet {
 public:
  virtual ~Outlet() = default;
  // One JSON-RPC message: UTF-8, one line, without its newline.
  virtual void send(std::string message, Delivery delivery) = 0;
  // The answer to the request this outlet came with; where the request has a stream of its own, it ends there
  // and what is sent later is dropped. `error_code` is 0 for a result (and for a batch), else the JSON-RPC
  // code: what HTTP chooses a status by.
  virtual void answer(std::string message, int error_code) {
    (void)error_code;
    send(std::move(message), Delivery::required);
  }
  // That request will not be answered: it was cancelled.
  virtual void no_answer() {}
  // Lets go of the connection where the peer can come back for the rest; nothing elsewhere.
  virtual void hang_up() {}
};

}  // namespace mcp
