#include "event_walk.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace soak {
namespace {

using core::json::string_or_empty;

constexpr std::size_t kMostFaults = 50;
constexpr std::string_view kServerEvents = "resource_servers.mcp_server.";
constexpr std::string_view kRedemption = "app.oauth2.as.token.grant.access_token";

// "Okta for AI Agents: MCP servers", lifecycle of an MCP server, with the event that tells of each.
struct Legal {
  std::string_view from, to, verb;
};
constexpr std::array kLegal{
    Legal{"PENDING", "INACTIVE", "update"},    Legal{"PENDING", "INVALID", "update"},
    Legal{"PENDING", "DELETED", "delete"},     Legal{"INACTIVE", "ACTIVE", "activate"},
    Legal{"INACTIVE", "INVALID", "update"},    Legal{"INACTIVE", "DELETED", "delete"},
    Legal{"ACTIVE", "INACTIVE", "deactivate"}, Legal{"ACTIVE", "INVALID", "update"},
    Legal{"INVALID", "INACTIVE", "update"},    Legal{"INVALID", "DELETED", "delete"},
};

}  // namespace

std::vector<std::string> EventWalk::all_transitions() {
  std::vector<std::string> names;
  names.reserve(kLegal.size());
  for (const Legal& row : kLegal) names.push_back(fmt::format("{}>{}", row.from, row.to));
  return names;
}

void EventWalk::fault(std::string sentence) {
  if (faults_.size() < kMostFaults) faults_.push_back(std::move(sentence));
}

void EventWalk::move(const std::string& id, ServerStory& server, std::string_view from, std::string_view to,
                     std::string_view verb) {
  if (server.state != from)
    fault(fmt::format("{} goes from {} to {}, but the log has it in {}: an event is lost or doubled", id,
                      from, to, server.state.empty() ? "no state" : server.state));
  const bool legal = std::any_of(kLegal.begin(), kLegal.end(), [&](const Legal& row) {
    return row.from == from && row.to == to && row.verb == verb;
  });
  if (!legal) fault(fmt::format("{}: {} from {} to {} is no transition", id, verb, from, to));
  ++transitions_[fmt::format("{}>{}", from, to)];
  server.state = to;
}

void EventWalk::take_server_event(std::string_view verb, const core::json::Value& event) {
  const auto* target = core::json::find(event, "target");
  if (target == nullptr || !target->is_array() || target->get_array().empty())
    return fault("an event of a server names none");
  const core::json::Value& first = target->get_array().front();
  const std::string id(string_or_empty(first, "id"));
  const std::string_view status = string_or_empty(first, "detailEntry.mcp_server_status");
  ServerStory& server = servers_[id];
  if (verb == "register") {
    if (!server.state.empty()) fault(fmt::format("{} is registered a second time", id));
    if (status != "PENDING") fault(fmt::format("{} is registered as {}", id, status));
    server.state = "PENDING";
    return;
  }
  if (server.state.empty()) fault(fmt::format("{}: {} before it is registered", id, verb));
  if (verb == "delete") {
    // The event names no state before.
    const std::string before = server.state;
    return move(id, server, before, "DELETED", verb);
  }
  const auto* change = core::json::find(event, "debugContext.debugData.changeDetails.mcp_server_status");
  if (change == nullptr) {
    if (verb != "update") fault(fmt::format("{}: {} tells no change of state", id, verb));
    return;
  }
  const std::string_view to = string_or_empty(*change, "to");
  if (to != status) fault(fmt::format("{}: {} to {} shows it in {}", id, verb, to, status));
  move(id, server, string_or_empty(*change, "from"), to, verb);
  if (verb == "activate") {
    ++server.activated;
    ++server.activations[std::string(string_or_empty(event, "transaction.id"))];
  }
  if (verb == "deactivate") ++server.deactivated;
}

void EventWalk::take(const core::json::Value& event) {
  const std::string id(string_or_empty(event, "uuid"));
  if (id.empty()) return fault("an event without an id");
  if (!seen_.insert(id).second) return fault(fmt::format("the event {} comes twice", id));
  const std::string_view type = string_or_empty(event, "eventType");
  if (type == kRedemption && string_or_empty(event, "outcome.result") == "SUCCESS")
    ++redeemed_[std::string(string_or_empty(event, "debugContext.debugData.subjectTokenId"))];
  if (!type.starts_with(kServerEvents)) return;
  const std::string_view verb = type.substr(kServerEvents.size());
  if (!verb.contains('.')) take_server_event(verb, event);
}

}  // namespace soak
