// What the System Log tells of the servers, against a copy of the rules that is this program's own.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace soak {

// One server as its events tell it.
struct ServerStory {
  std::string state;  // empty before it is registered; "DELETED" at the end
  int activated = 0;
  int deactivated = 0;
  std::map<std::string, int> activations{};  // by the transaction of the event
};

// Events in the order of the log. Each fault is a sentence.
class EventWalk {
 public:
  // As GET /api/v1/logs shows it.
  void take(const core::json::Value& event);

  const std::map<std::string, ServerStory>& servers() const { return servers_; }
  // "INACTIVE>ACTIVE" and how often; the ten that there are, at most.
  const std::map<std::string, int>& transitions() const { return transitions_; }
  // How often an ID-JAG (its jti) was redeemed.
  const std::map<std::string, int>& redeemed() const { return redeemed_; }
  const std::vector<std::string>& faults() const { return faults_; }
  std::size_t events() const { return seen_.size(); }

  static std::vector<std::string> all_transitions();

 private:
  void take_server_event(std::string_view verb, const core::json::Value& event);
  void move(const std::string& id, ServerStory& server, std::string_view from, std::string_view to,
            std::string_view verb);
  void fault(std::string sentence);

  std::map<std::string, ServerStory> servers_;
  std::map<std::string, int> transitions_;
  std::map<std::string, int> redeemed_;
  std::set<std::string> seen_;  // events
  std::vector<std::string> faults_;
};

}  // namespace soak
