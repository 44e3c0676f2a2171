// The requestState of multi-round-trip requests (page MRTR): what a handler wants back travels through the
// client, which may do with it what it likes. So it is sealed, bound to the call it belongs to, expires, and
// opens once.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"
#include "core/seal.h"
#include "mcp/question.h"
#include "mcp/questions.h"

namespace mcp {

// A call as requestState binds it: another tool, other arguments or another caller do not open it.
struct CallBinding {
  std::string_view method;
  std::string_view name;
  const core::json::Object& arguments;
  std::string_view principal;
};

struct OpenRound {
  std::map<std::string, Question> questions;       // asked and not answered yet
  std::map<std::string, InputResponse> responses;  // answered in earlier rounds of the same question
  core::json::Value state;                         // the handler's own
};

// Thread-safe. The key lives as long as the process: after a restart a state is refused like a foreign one.
class RequestStates {
 public:
  RequestStates(core::Clock& clock, std::chrono::milliseconds lifetime);

  // The reservation is held until the state is used or expires.
  std::string seal(const CallBinding& binding, const OpenRound& round, Budget::Reservation reservation);

  struct Opened {
    OpenRound round;
    std::string nonce;
  };
  // Checks all but single use. Error mcp.state.refused: altered, foreign, expired or used.
  core::Result<Opened> open(std::string_view request_state, const CallBinding& binding);
  // The single use: false when someone was faster.
  bool consume(const std::string& nonce);
  // Gives the reservations of clients that never came back to others.
  void drop_expired();

 private:
  struct Pending {
    core::WallTime expires;
    Budget::Reservation reservation;
  };

  core::Clock& clock_;
  const std::chrono::milliseconds lifetime_;
  const core::Sealer sealer_;
  std::mutex mutex_;
  std::map<std::string, Pending> pending_;  // by nonce
};

}  // namespace mcp
