// The load: administrators who move servers about, and agents who want tokens for them.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "mcp_world.h"
#include "oauth/jwk.h"
#include "registry_api.h"

namespace soak {

inline constexpr std::string_view kServers = "/resource-servers/api/v1/mcp-servers";

// What was promised, to be compared with what became of it. Thread-safe.
class Promises {
 public:
  void registered(const std::string& id, const std::string& url);
  void accepted(const std::string& operation);
  // What the operation was when it was over, and how long that took.
  void ended(const std::string& operation, std::string status, std::chrono::milliseconds waited);
  void issued();
  // `granted`: by one answer, exactly.
  void presented(const std::string& jag, int times, bool granted);
  void answer_lost();  // an ID-JAG that was used up without anybody hearing of it
  void refused_everywhere(std::chrono::milliseconds last_granted);

  struct Book {
    std::map<std::string, std::string> servers{};     // id to URL
    std::map<std::string, std::string> operations{};  // id to status; empty: not seen to its end
    std::map<std::string, bool> jags{};               // jti to whether it was granted
    int issued = 0;
    int presentations = 0;
    int answers_lost = 0;
    int deactivations_probed = 0;
    std::chrono::milliseconds longest_operation{0};
    std::chrono::milliseconds last_granted{0};  // after a deactivation was answered
  };
  Book book() const;

 private:
  mutable std::mutex mutex_;
  Book book_;
};

struct Load {
  Api& api;
  McpWorld& world;
  Promises& promises;
  std::chrono::seconds operation_patience;  // for one operation to end
  std::atomic<int> redeeming{0};            // rounds of redemptions that were begun
};

// Waits for the end; empty, and a fault, when that does not come.
std::string await_operation(Load& load, Choice& choice, const std::string& operation);

// Registers, activates, deactivates, deletes, makes ill and well, and asks for what is not allowed, on a few
// servers that are its own.
class Administrator {
 public:
  Administrator(Load& load, int self, std::uint64_t seed) : load_(load), self_(self), choice_(seed) {}
  void run(const std::stop_token& stop);

 private:
  struct Slot {
    std::string name, id;
  };
  void enroll(Slot& slot);
  void act(Slot& slot);
  void request(Slot& slot, std::string_view verb);
  bool chance(unsigned percent) { return choice_() % 100 < percent; }

  Load& load_;
  const int self_;
  Choice choice_;
  int made_ = 0;
  std::vector<Slot> slots_{4};
};

// The agent, the person, the authorization server, and servers that are connected; made before any harm.
struct Agency {
  std::string agent;
  std::string user;
  std::string custom_as;
  std::optional<oauth::Key> key;
  std::vector<std::string> servers;  // ids; names in the world are "agent-N"

  static core::Result<Agency> found(Load& load, Choice& choice, std::size_t servers);
};

// Asks for ID-JAGs for one server, redeems each at all nodes at once, and deactivates the server now and
// then.
class Agent {
 public:
  Agent(Load& load, const Agency& agency, std::size_t server, std::uint64_t seed)
      : load_(load), agency_(agency), server_(server), choice_(seed) {}
  void run(const std::stop_token& stop);

 private:
  enum class Verdict { granted, replay, refused, unknown };

  std::string server_path() const { return std::string(kServers) + "/" + agency_.servers[server_]; }
  net::Query exchange_form() const;
  net::Query redeem_form(const std::string& jag) const;
  Reply ask(const std::string& node, const std::string& path, net::Query form);  // as the agent
  Verdict redeem(const std::string& node, const std::string& jag, std::string& told);
  std::string redemption_path() const;
  std::optional<std::string> exchange();  // nullopt: no answer, or a fault
  void redeem_at_once();
  void present_again();
  void deactivate();
  void look_at_refusal(std::size_t node, std::chrono::steady_clock::time_point answered);
  void activate();

  Load& load_;
  const Agency& agency_;
  const std::size_t server_;
  Choice choice_;
  std::vector<std::string> used_;  // ID-JAGs, the latest last
};

}  // namespace soak
