#include "registry/agent_states.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <iterator>

#include "registry/connections.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;

constexpr std::string_view kReady = "it has an owner and a credential for its authentication method";

constexpr std::array<AgentTransition, 5> kTransitions{{
    {AgentStatus::staged, AgentEvent::activate, AgentStatus::active, kReady, "may ask for tokens"},
    {AgentStatus::staged, AgentEvent::remove, std::nullopt, "no other agent is connected to it",
     "its keys, secrets, connections and delegation links go with it"},
    {AgentStatus::active, AgentEvent::deactivate, AgentStatus::inactive, "",
     "no new tokens from now on; with revoke=true those issued are inactive, too"},
    {AgentStatus::inactive, AgentEvent::activate, AgentStatus::active, kReady, "may ask for tokens"},
    {AgentStatus::inactive, AgentEvent::remove, std::nullopt, "no other agent is connected to it",
     "its keys, secrets, connections and delegation links go with it"},
}};

struct SwitchTransition {
  bool from;  // active
  AgentEvent event;
  std::optional<bool> to;
};
constexpr std::array<SwitchTransition, 3> kSwitch{{
    {true, AgentEvent::deactivate, false},
    {false, AgentEvent::activate, true},
    {false, AgentEvent::remove, std::nullopt},
}};

// Every row of a query, page by page.
core::Result<std::vector<Row>> all_rows(Reader& reader, Query query) {
  std::vector<Row> out;
  query.limit = Store::kMaxPage;
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<Row> rows, reader.list(query));
    const bool last = rows.size() < query.limit;
    if (!rows.empty()) query.after = rows.back().id;
    out.insert(out.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
    if (last) return out;
  }
}

core::Result<bool> has_active(Reader& reader, Kind kind, std::string_view owner) {
  ASSIGN_OR_RETURN(
      const auto rows,
      reader.list({.kind = kind, .parent = std::string(owner), .statuses = {"ACTIVE"}, .limit = 1}));
  return !rows.empty();
}

}  // namespace

std::string_view to_string(AgentEvent event) {
  switch (event) {
    case AgentEvent::activate:
      return "activate";
    case AgentEvent::deactivate:
      return "deactivate";
    case AgentEvent::remove:
      return "delete";
  }
  return "";
}

std::span<const AgentTransition> agent_transitions() {
  return kTransitions;
}

std::string draw_agent_states() {
  std::string out = "| from | event | to | when | effect |\n|---|---|---|---|---|\n";
  for (const AgentTransition& row : kTransitions) {
    out += fmt::format("| {} | {} | {} | {} | {} |\n", to_string(row.from), to_string(row.event),
                       row.to ? to_string(*row.to) : "(deleted)", row.when, row.effect);
  }
  return out;
}

std::vector<std::string_view> agent_verbs(AgentStatus status) {
  std::vector<std::string_view> out;
  out.reserve(kTransitions.size());
  for (const AgentTransition& row : kTransitions) {
    if (row.from == status) out.push_back(to_string(row.event));
  }
  return out;
}

core::Result<std::optional<bool>> switched(bool active, AgentEvent event, std::string_view what) {
  std::vector<std::string_view> allowed;
  for (const SwitchTransition& row : kSwitch) {
    if (row.from != active) continue;
    if (row.event == event) return row.to;
    allowed.push_back(to_string(row.event));
  }
  return refuse(ErrorKind::conflict, "INVALID_STATE_TRANSITION",
                fmt::format("{} is {}; allowed now: {}.", what, active ? "ACTIVE" : "INACTIVE",
                            fmt::join(allowed, ", ")));
}

core::Result<std::vector<std::string>> missing_of(Reader& reader, const WorkloadPrincipal& principal) {
  std::vector<std::string> out;
  bool owned = false;
  for (const std::string& owner : principal.owners) {
    ASSIGN_OR_RETURN(const auto user, reader.get(Kind::user, owner));
    owned = owned || (user && user->status != "DEPROVISIONED");
  }
  if (!owned) out.emplace_back("an owner (PUT /governance/api/v1/resource-owners)");
  if (principal.auth_method == "private_key_jwt") {
    ASSIGN_OR_RETURN(const bool key, has_active(reader, Kind::jwk, principal.id));
    if (!key && principal.jwks_uri.empty() && principal.cimd_url.empty())
      out.emplace_back("an active public key for private_key_jwt (POST .../credentials/jwks)");
  } else if (principal.auth_method != "none") {
    ASSIGN_OR_RETURN(const bool secret, has_active(reader, Kind::client_secret, principal.id));
    if (!secret)
      out.push_back(
          fmt::format("an active secret for {} (POST .../credentials/secrets)", principal.auth_method));
  }
  return out;
}

core::Status move_agent(Transaction& tx, const Service& service, WorkloadPrincipal& principal,
                        AgentEvent event, const Actor& actor, const std::string& transaction) {
  const auto* row = std::ranges::find_if(kTransitions, [&](const AgentTransition& candidate) {
    return candidate.from == principal.status && candidate.event == event;
  });
  if (row == kTransitions.end()) {
    return refuse(ErrorKind::conflict, "INVALID_STATE_TRANSITION",
                  fmt::format("The AI agent is {}, which does not allow to {} it; allowed now: {}.",
                              to_string(principal.status), to_string(event),
                              fmt::join(agent_verbs(principal.status), ", ")),
                  "status");
  }
  if (!row->to) return remove_principal(tx, service, principal, actor, transaction);
  if (*row->to == AgentStatus::active) {
    ASSIGN_OR_RETURN(const auto missing, missing_of(tx, principal));
    if (!missing.empty()) {
      return refuse(
          ErrorKind::invalid_input, "MISSING_PREREQUISITE",
          fmt::format("The AI agent cannot be activated yet; it lacks {}.", fmt::join(missing, ", and ")),
          "status");
    }
  }
  principal.status = *row->to;
  Row stored = to_row(principal);
  RETURN_IF_ERROR(tx.update(stored));
  ASSIGN_OR_RETURN(principal, read_workload_principal(stored));
  return emit_principal_event(tx, principal, to_string(event), actor, transaction);
}

core::Status remove_principal(Transaction& tx, const Service& service, const WorkloadPrincipal& principal,
                              const Actor& actor, const std::string& transaction) {
  ASSIGN_OR_RETURN(const auto users, tx.list({.kind = Kind::connection, .refers_to = principal.id}));
  for (const Row& user : users) {
    if (user.parent == principal.id) continue;
    return refuse(ErrorKind::conflict, "RESOURCE_IN_USE",
                  fmt::format("The connection {} of {} leads to it. Deactivate and delete that first.",
                              user.id, user.parent));
  }
  for (const Kind kind : {Kind::jwk, Kind::client_secret, Kind::principal_url}) {
    ASSIGN_OR_RETURN(const auto rows, all_rows(tx, {.kind = kind, .parent = principal.id}));
    for (const Row& row : rows) RETURN_IF_ERROR(tx.remove(kind, row.id));
  }
  ASSIGN_OR_RETURN(const auto connections, all_rows(tx, {.kind = Kind::connection, .parent = principal.id}));
  for (const Row& row : connections) {
    ASSIGN_OR_RETURN(const auto connection, read_connection(row));
    RETURN_IF_ERROR(tx.remove(Kind::connection, row.id));
    RETURN_IF_ERROR(emit_connection_event(tx, service, connection, principal, "delete", actor, transaction));
  }
  // Those from it, and those to it.
  ASSIGN_OR_RETURN(const auto links,
                   all_rows(tx, {.kind = Kind::delegation_link, .refers_to = principal.id}));
  for (const Row& row : links) {
    ASSIGN_OR_RETURN(const auto link, read_delegation_link(row));
    RETURN_IF_ERROR(tx.remove(Kind::delegation_link, row.id));
    RETURN_IF_ERROR(emit_link_event(tx, link, "delete", actor, transaction));
  }
  RETURN_IF_ERROR(tx.remove(Kind::workload_principal, principal.id));
  return emit_principal_event(tx, principal, "delete", actor, transaction);
}

core::Status emit_principal_event(Transaction& tx, const WorkloadPrincipal& principal, std::string_view verb,
                                  const Actor& actor, const std::string& transaction, Object debug) {
  EventTarget target = target_of(principal);
  if (verb == "delete") target.detail["workload_principal_status"] = "DELETED";
  return tx.emit({.type = fmt::format("workload_principal.{}", verb),
                  .actor = actor,
                  .targets = {std::move(target)},
                  .transaction = transaction,
                  .debug = std::move(debug)});
}

core::Status emit_link_event(Transaction& tx, const DelegationLink& link, std::string_view verb,
                             const Actor& actor, const std::string& transaction) {
  Object detail;
  detail["from_client_orn"] = link.client_orn;
  detail["token_type"] = link.id_token ? "ID_TOKEN" : "ACCESS_TOKEN";
  detail["to_resource_orn"] = link.resource_orn;
  std::vector<EventTarget> targets;
  targets.push_back({.id = link.id, .type = "DelegationLink", .detail = std::move(detail)});
  targets.push_back({.id = link.principal, .type = "WorkloadPrincipal"});
  targets.push_back({.id = link.client, .type = "Client"});
  return tx.emit({.type = fmt::format("workload_principal.delegation_link.{}", verb),
                  .actor = actor,
                  .targets = std::move(targets),
                  .transaction = transaction});
}

EventTarget target_of(const WorkloadPrincipal& principal) {
  EventTarget target{.id = principal.id, .type = "WorkloadPrincipal", .name = principal.name};
  target.detail["workload_principal_type"] = to_string(principal.type);
  target.detail["workload_principal_status"] = to_string(principal.status);
  return target;
}

std::string orn_of(const Service& service, const WorkloadPrincipal& principal) {
  return principal.type == WorkloadPrincipal::Type::ai_agent ? service.names.ai_agent(principal.id)
                                                             : service.names.mcp_client(principal.id);
}

}  // namespace registry
