#include "mcp/http_sessions.h"

#include <algorithm>
#include <utility>

#include "mcp/server.h"

namespace mcp {
namespace {

constexpr std::size_t kNonce = 16;
constexpr std::size_t kLogName = 8;
// How many ended sessions are remembered, in multiples of how many may live. Forgetting one early lets its
// own client go on with it, nobody else.
constexpr std::size_t kEndedFactor = 4;

}  // namespace

HttpSessions::HttpSessions(Server& server, SessionLimits limits, std::shared_ptr<const core::Sealer> sealer,
                           core::Clock& clock, core::Random& random)
    : server_(server),
      limits_(limits),
      sealer_(std::move(sealer)),
      clock_(clock),
      random_(random),
      pool_(std::make_shared<EventPool>(limits.event_bytes)) {}

std::shared_ptr<HttpSession> HttpSessions::make(std::string principal,
                                                const std::optional<Handshake>& handshake) {
  auto session = std::make_shared<HttpSession>(
      limits_, clock_, std::move(principal),
      std::make_unique<EventLog>(limits_.events, random_.alphanumeric(kLogName), pool_));
  session->connect(server_, handshake);
  return session;
}

std::shared_ptr<HttpSession> HttpSessions::open(std::string principal) {
  return make(std::move(principal), std::nullopt);
}

std::optional<std::string> HttpSessions::admit(const std::shared_ptr<HttpSession>& session) {
  auto handshake = session->protocol().handshake();
  if (!handshake) return std::nullopt;
  SessionToken token{*std::move(handshake), clock_.now(), random_.token(kNonce)};
  std::string id = seal_session(*sealer_, token, session->principal());
  session->admit(token);
  std::vector<std::shared_ptr<HttpSession>> evicted;
  bool inserted = false;
  {
    std::lock_guard lock(mutex_);
    inserted = insert(id, session, evicted);
  }
  for (const auto& old : evicted) old->close();
  if (!inserted) return std::nullopt;
  return id;
}

bool HttpSessions::insert(const std::string& id, std::shared_ptr<HttpSession> session,
                          std::vector<std::shared_ptr<HttpSession>>& evicted) {
  if (sessions_.size() >= limits_.sessions) {
    // The one that rested longest goes; its id still holds, so its client only loses what waited for it.
    auto oldest = sessions_.end();
    for (auto entry = sessions_.begin(); entry != sessions_.end(); ++entry) {
      if (oldest != sessions_.end() && entry->second->last_used() >= oldest->second->last_used()) continue;
      if (!entry->second->busy()) oldest = entry;
    }
    if (oldest == sessions_.end()) return false;
    evicted.push_back(std::move(oldest->second));
    sessions_.erase(oldest);
  }
  sessions_.emplace(id, std::move(session));
  return true;
}

bool HttpSessions::expired(const SessionToken& token) const {
  return clock_.now() - token.issued >= limits_.lifetime;
}

std::shared_ptr<HttpSession> HttpSessions::find(std::string_view id, std::string_view principal) {
  std::string key(id);
  {
    std::lock_guard lock(mutex_);
    auto found = sessions_.find(key);
    if (found != sessions_.end()) {
      const auto& session = found->second;
      bool idle = !session->busy() && clock_.steady() - session->last_used() >= limits_.idle;
      // The next tick ends what has expired.
      if (session->principal() != principal || expired(session->token()) || idle) return nullptr;
      session->touch();
      return session;
    }
  }
  return take_up(key, principal);
}

std::shared_ptr<HttpSession> HttpSessions::take_up(const std::string& id, std::string_view principal) {
  auto token = open_session(*sealer_, id, principal);
  if (!token || expired(*token)) return nullptr;
  {
    std::lock_guard lock(mutex_);
    if (ended_.contains(token->nonce)) return nullptr;
  }
  auto session = make(std::string(principal), token->handshake);
  session->admit(*token);
  std::vector<std::shared_ptr<HttpSession>> closing;
  {
    std::lock_guard lock(mutex_);
    auto found = sessions_.find(id);
    if (found != sessions_.end()) {  // another request was faster
      closing.push_back(std::exchange(session, found->second));
    } else if (ended_.contains(token->nonce) || !insert(id, session, closing)) {
      closing.push_back(std::exchange(session, nullptr));
    }
  }
  for (const auto& old : closing) old->close();
  return session;
}

void HttpSessions::remember_ended(const SessionToken& token) {
  if (!ended_.emplace(token.nonce, token.issued + limits_.lifetime).second) return;
  ended_order_.push_back(token.nonce);
  if (ended_order_.size() > limits_.sessions * kEndedFactor) {
    ended_.erase(ended_order_.front());
    ended_order_.pop_front();
  }
}

bool HttpSessions::end(std::string_view id, std::string_view principal) {
  auto session = find(id, principal);
  if (!session) return false;
  {
    std::lock_guard lock(mutex_);
    if (sessions_.erase(std::string(id)) == 0) return false;
    remember_ended(session->token());
  }
  session->close();
  return true;
}

void HttpSessions::tick() {
  std::vector<std::shared_ptr<HttpSession>> alive;
  std::vector<std::shared_ptr<HttpSession>> over;
  core::SteadyTime now = clock_.steady();
  core::WallTime wall = clock_.now();
  {
    std::lock_guard lock(mutex_);
    alive.reserve(sessions_.size());
    for (auto entry = sessions_.begin(); entry != sessions_.end();) {
      const auto& session = entry->second;
      if (session->busy()) session->touch();
      if (now - session->last_used() < limits_.idle && !expired(session->token())) {
        alive.push_back(session);
        ++entry;
        continue;
      }
      remember_ended(session->token());
      over.push_back(session);
      entry = sessions_.erase(entry);
    }
    while (!ended_order_.empty() && ended_.at(ended_order_.front()) <= wall) {
      ended_.erase(ended_order_.front());
      ended_order_.pop_front();
    }
  }
  for (const auto& session : alive) session->tick();
  for (const auto& session : over) session->close();
}

void HttpSessions::close_all() {
  std::vector<std::shared_ptr<HttpSession>> all;
  {
    std::lock_guard lock(mutex_);
    all.reserve(sessions_.size());
    for (auto& [id, session] : sessions_) all.push_back(session);
  }
  for (const auto& session : all) session->close();
}

std::size_t HttpSessions::size() const {
  std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace mcp
