// The requestState of multi-round-trip requests (page MRTR): what a handler wants back travels through the
// client, which may do with it what it likes. So it is sealed, bound to the call it belongs to, expires, and
// opens once.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/json.h"
#include "core/key_ring.h"
#include "core/result.h"
#include "core/single_use.h"
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
  std::string job = {};                            // the job that asks, when it is not the handler
};

// What instances of a server share so that a state that one of them sealed is accepted by another, once. Both
// outlive the states.
struct SharedStates {
  core::KeyRing& keys;
  core::SingleUse& used;
};

// A question as JSON of our own, for what is sealed or stored.
core::json::Object write_question(const Question& question);
// nullopt when write_question() did not make it.
std::optional<Question> read_question(const core::json::Value& written);

// Thread-safe. Without `shared` the key lives as long as the process: after a restart, and at another
// instance, a state is refused (mcp.state.foreign). With it, sealing, opening and consuming may wait for the
// store: not for a reading thread.
class RequestStates {
 public:
  RequestStates(core::Clock& clock, std::chrono::milliseconds lifetime,
                std::optional<SharedStates> shared = std::nullopt);

  // The reservation is held until the state is used or expires. With `shared` it is let go at once, because
  // the state may come back elsewhere and costs nothing meanwhile. Errors: those of the shared keys.
  core::Result<std::string> seal(const CallBinding& binding, const OpenRound& round,
                                 Budget::Reservation reservation);

  struct Opened {
    OpenRound round;
    std::string nonce;
    core::WallTime expires;
  };
  // Checks all but single use. Errors: mcp.state.refused (altered, of another call, expired or used),
  // mcp.state.foreign (sealed by an instance that shares nothing with this one), and those of the shared
  // keys.
  core::Result<Opened> open(std::string_view request_state, const CallBinding& binding);
  // The single use: false when someone was faster. Errors: those of the shared store; the state then counts
  // as used.
  core::Result<bool> consume(const Opened& opened);
  // Gives the reservations of clients that never came back to others.
  void drop_expired();

 private:
  struct Pending {
    core::WallTime expires;
    Budget::Reservation reservation;
  };

  core::Clock& clock_;
  const std::chrono::milliseconds lifetime_;
  const std::unique_ptr<core::KeyRing> own_keys_;
  core::KeyRing& keys_;
  core::SingleUse* const used_;  // null: pending_ tells
  std::mutex mutex_;
  std::map<std::string, Pending> pending_;  // by nonce
};

}  // namespace mcp
