// How workload principals change state, and what they need for it. The drawing in docs/registry.md is made
// from the table.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/workload_principal.h"

namespace registry {

enum class AgentEvent { activate, deactivate, remove };
std::string_view to_string(AgentEvent event);  // "activate", "deactivate", "delete"

// `to` is empty where it goes (DELETED).
struct AgentTransition {
  AgentStatus from;
  AgentEvent event;
  std::optional<AgentStatus> to;
  std::string_view when;    // the guard, for people
  std::string_view effect;  // what else happens, for people
};
std::span<const AgentTransition> agent_transitions();
// As Markdown.
std::string draw_agent_states();
// The requests that a state allows: "activate", "deactivate", "delete".
std::vector<std::string_view> agent_verbs(AgentStatus status);

// What an agent lacks to be ACTIVE, for people: an owner, a credential that its authentication method can use.
// Empty: nothing.
core::Result<std::vector<std::string>> missing_of(Reader& reader, const WorkloadPrincipal& principal);

// Takes the transition, writes the row (or removes it, with keys, secrets, connections and delegation links)
// and emits the events. `principal` is as read by Transaction::hold() in this transaction. Deactivation is
// the kill switch: with the transaction, no node knows the client any more (clients.h).
//
// Errors: registry.INVALID_STATE_TRANSITION (conflict) names the state and the verbs it allows;
// registry.MISSING_PREREQUISITE (invalid_input, activate) says what is missing; registry.RESOURCE_IN_USE
// (conflict, remove) while another agent is connected to it.
core::Status move_agent(Transaction& tx, const Service& service, WorkloadPrincipal& principal,
                        AgentEvent event, const Actor& actor, const std::string& transaction);

// The event of a workload principal: "workload_principal." + verb.
core::Status emit_principal_event(Transaction& tx, const WorkloadPrincipal& principal, std::string_view verb,
                                  const Actor& actor, const std::string& transaction,
                                  core::json::Object debug = {});
EventTarget target_of(const WorkloadPrincipal& principal);

// "AI_AGENT", "MCP_SERVER".
std::string_view to_string(WorkloadPrincipal::Type type);
// Its name as a resource.
std::string orn_of(const Service& service, const WorkloadPrincipal& principal);

}  // namespace registry
