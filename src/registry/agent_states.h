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

// What an agent lacks to be ACTIVE, for people: an owner, a credential that its authentication method can
// use. Empty: nothing.
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

// Without looking at its state: for MCP servers that are clients no more. Error registry.RESOURCE_IN_USE.
core::Status remove_principal(Transaction& tx, const Service& service, const WorkloadPrincipal& principal,
                              const Actor& actor, const std::string& transaction);

// Keys, secrets and connections: ACTIVE <-> INACTIVE, removed only when INACTIVE. Gives whether it is active
// then, or nullopt where it goes. Error registry.INVALID_STATE_TRANSITION; `what` is for people ("The key").
core::Result<std::optional<bool>> switched(bool active, AgentEvent event, std::string_view what);

// The event of a workload principal: "workload_principal." + verb.
core::Status emit_principal_event(Transaction& tx, const WorkloadPrincipal& principal, std::string_view verb,
                                  const Actor& actor, const std::string& transaction,
                                  core::json::Object debug = {});
// "workload_principal.delegation_link." + verb.
core::Status emit_link_event(Transaction& tx, const DelegationLink& link, std::string_view verb,
                             const Actor& actor, const std::string& transaction);
EventTarget target_of(const WorkloadPrincipal& principal);

// Its name as a resource.
std::string orn_of(const Service& service, const WorkloadPrincipal& principal);

}  // namespace registry
