// The legacy sessions of this process, by their ids: bounded, expiring, and taken up again when another
// instance opened them.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "core/seal.h"
#include "mcp/http_session.h"

namespace mcp {

// Thread-safe.
class HttpSessions {
 public:
  // `sealer` is shared with the instances that may take up each other's sessions. What is passed by reference
  // outlives this.
  HttpSessions(Server& server, SessionLimits limits, std::shared_ptr<const core::Sealer> sealer,
               core::Clock& clock, core::Random& random);

  // A session that knows nothing yet, for an `initialize`.
  std::shared_ptr<HttpSession> open(std::string principal);
  // After a successful `initialize`: gives it its id. nullopt: all sessions are in use.
  std::optional<std::string> admit(const std::shared_ptr<HttpSession>& session);
  // Null: unknown, ended, expired, or another principal's.
  std::shared_ptr<HttpSession> find(std::string_view id, std::string_view principal);
  // DELETE. False where find() is null.
  bool end(std::string_view id, std::string_view principal);

  // Keeps streams alive, ends what has expired.
  void tick();
  // For the end of the process: see HttpSession::close().
  void close_all();
  std::size_t size() const;

 private:
  std::shared_ptr<HttpSession> make(std::string principal, const std::optional<Handshake>& handshake);
  std::shared_ptr<HttpSession> take_up(const std::string& id, std::string_view principal);
  // False when there is no room. Under mutex_; what had to go for it is added to `evicted`.
  bool insert(const std::string& id, std::shared_ptr<HttpSession> session,
              std::vector<std::shared_ptr<HttpSession>>& evicted);
  void remember_ended(const SessionToken& token);
  bool expired(const SessionToken& token) const;

  Server& server_;
  const SessionLimits limits_;
  const std::shared_ptr<const core::Sealer> sealer_;
  core::Clock& clock_;
  core::Random& random_;
  const std::shared_ptr<EventPool> pool_;

  mutable std::mutex mutex_;  // of what follows
  std::unordered_map<std::string, std::shared_ptr<HttpSession>> sessions_;
  std::unordered_map<std::string, core::WallTime> ended_;  // by nonce, until when its token would hold
  std::deque<std::string> ended_order_;
};

}  // namespace mcp
