// Who answers for an AI agent: /governance/api/v1/resource-owners, as Okta's Governance API has it
// (operations configureResourceOwners, updateResourceOwners, listResourceOwners), for agents and users.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "registry/members.h"
#include "registry/workload_api.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;
using Takes = ApiRoute::Takes;

constexpr std::string_view kBase = "/governance/api/v1/resource-owners";
constexpr std::string_view kAgents = "workload-principals:ai-agents";
// Both limits are Okta's.
constexpr std::size_t kMaxOwners = 5;
constexpr std::size_t kMaxResources = 10;
constexpr TextRule kName{.most = 512};

constexpr std::array<catalogue::FilterProperty, 2> kFilterProperties{{
    {"parentResourceOrn", catalogue::bit(catalogue::Operator::eq)},
    {"resource.orn", catalogue::bit(catalogue::Operator::eq)},
}};
constexpr catalogue::FilterCapabilities kFilter{.name = "resource owners", .properties = kFilterProperties};

core::Result<std::string> agent_of(const Service& service, std::string_view orn, std::string location) {
  const std::string_view id = service.names.id_of(orn, kAgents);
  if (id.empty())
    return bad(std::move(location), "must name AI agents (...:workload-principals:ai-agents:wlp...)");
  return std::string(id);
}

core::Result<std::string> user_of(const Service& service, std::string_view orn, std::string location) {
  const std::string_view id = service.names.id_of(orn, "users");
  if (id.empty()) return bad(std::move(location), "must name users (...:users:00u...)");
  return std::string(id);
}

core::Status check_users(Reader& reader, const std::vector<std::string>& users, const std::string& location) {
  for (const std::string& id : users) {
    ASSIGN_OR_RETURN(const auto user, reader.get(Kind::user, id));
    if (!user) return bad(location, fmt::format("there is no user {}", id));
    if (user->status == "DEPROVISIONED")
      return bad(location, fmt::format("the user {} is deprovisioned", id));
  }
  return {};
}

core::Result<Object> show_owners(Reader& reader, const Service& service, const WorkloadPrincipal& agent) {
  Object profile;
  profile["id"] = agent.id;
  profile["name"] = agent.name;
  Object resource;
  resource["id"] = agent.id;
  resource["type"] = "ai-agents";
  resource["orn"] = orn_of(service, agent);
  resource["profile"] = std::move(profile);
  Array principals;
  for (const std::string& id : agent.owners) {
    ASSIGN_OR_RETURN(const auto user, reader.get(Kind::user, id));
    Object principal;
    principal["id"] = id;
    principal["type"] = "users";
    principal["orn"] = service.names.user(id);
    if (user) {
      Object person;
      person["id"] = id;
      person["name"] = user->name;
      principal["profile"] = std::move(person);
    }
    principals.emplace_back(std::move(principal));
  }
  Object out;
  out["parentResourceOrn"] = orn_of(service, agent);
  out["resource"] = std::move(resource);
  out["principals"] = std::move(principals);
  return out;
}

// Holds the agent, gives its owners to `change`, and stores what becomes of them.
core::Result<Object> set_owners(Transaction& tx, const ApiRequest& request, const std::string& id,
                                const std::function<core::Status(std::vector<std::string>&)>& change) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::workload_principal, id));
  if (!row) return no_such(id, "AIAgent");
  ASSIGN_OR_RETURN(WorkloadPrincipal agent, read_workload_principal(*row));
  if (agent.type != WorkloadPrincipal::Type::ai_agent) return no_such(id, "AIAgent");
  std::vector<std::string> owners = agent.owners;
  RETURN_IF_ERROR(change(owners));
  if (owners.size() > kMaxOwners)
    return bad("principalOrns", fmt::format("a resource has at most {} owners", kMaxOwners));
  if (owners.empty() && agent.status == AgentStatus::active) {
    return refuse(
        ErrorKind::conflict, "OWNER_REQUIRED",
        fmt::format("The AI agent {} is ACTIVE and needs an owner. Deactivate it, or name another one.",
                    agent.id),
        "principalOrns");
  }
  if (owners != agent.owners) {
    agent.owners = std::move(owners);
    Row changed = to_row(agent);
    RETURN_IF_ERROR(tx.update(changed));
    Array ids;
    for (const std::string& owner : agent.owners) ids.emplace_back(owner);
    Object debug;
    debug["owners"] = std::move(ids);
    RETURN_IF_ERROR(emit_principal_event(tx, agent, "update", request.actor, request.transaction, debug));
  }
  return show_owners(tx, request.service, agent);
}

// Those that are named become the owners of all resources that are named.
core::Result<rest::Reply> configure_owners(const ApiRequest& request) {
  const Service& service = request.service;
  const Members in(request.body);
  RETURN_IF_ERROR(in.only({"resourceOrns", "principalOrns"}));
  ASSIGN_OR_RETURN(const auto resources, in.optional_texts("resourceOrns", 1, kMaxResources, kName));
  if (!resources) return required("resourceOrns");
  ASSIGN_OR_RETURN(const auto principals, in.optional_texts("principalOrns", 0, kMaxOwners, kName));
  std::vector<std::string> agents, users;
  agents.reserve(resources->size());
  for (const std::string& orn : *resources) {
    ASSIGN_OR_RETURN(std::string id, agent_of(service, orn, "resourceOrns"));
    agents.push_back(std::move(id));
  }
  if (principals) {
    users.reserve(principals->size());
    for (const std::string& orn : *principals) {
      ASSIGN_OR_RETURN(std::string id, user_of(service, orn, "principalOrns"));
      users.push_back(std::move(id));
    }
  }
  // One order for all, so that two requests do not wait for each other.
  std::ranges::sort(agents);
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    Array data;
    RETURN_IF_ERROR(check_users(tx, users, "principalOrns"));
    for (const std::string& id : agents) {
      ASSIGN_OR_RETURN(Object shown,
                       set_owners(tx, request, id, [&](std::vector<std::string>& owners) -> core::Status {
                         owners = users;
                         return {};
                       }));
      data.emplace_back(std::move(shown));
    }
    Object body;
    body["data"] = std::move(data);
    return rest::json_reply(body);
  });
}

// {"resourceOrn","data":[{"op":"REMOVE"|"ADD","path":"/principalOrn","value"}]}
core::Result<rest::Reply> update_owners(const ApiRequest& request) {
  const Service& service = request.service;
  const Members in(request.body);
  RETURN_IF_ERROR(in.only({"resourceOrn", "data"}));
  ASSIGN_OR_RETURN(const std::string resource, in.text("resourceOrn", kName));
  ASSIGN_OR_RETURN(const std::string agent, agent_of(service, resource, "resourceOrn"));
  const Value* data = request.body.if_contains("data");
  if (data == nullptr || !data->is_array() || data->get_array().empty() ||
      data->get_array().size() > kMaxOwners)
    return bad("data", fmt::format("must be an array of 1 to {} changes", kMaxOwners));
  struct Change {
    bool add;
    std::string user;
  };
  std::vector<Change> changes;
  std::vector<std::string> added;
  for (const Value& entry : data->get_array()) {
    if (!entry.is_object()) return bad("data", "must hold objects");
    const Members change(entry.get_object(), "data");
    RETURN_IF_ERROR(change.only({"op", "path", "value"}));
    ASSIGN_OR_RETURN(const std::string op, change.choice("op", {"ADD", "REMOVE"}));
    RETURN_IF_ERROR(change.choice("path", {"/principalOrn"}));
    ASSIGN_OR_RETURN(const std::string orn, change.text("value", kName));
    ASSIGN_OR_RETURN(std::string user, user_of(service, orn, "data.value"));
    if (op == "ADD") added.push_back(user);
    changes.push_back({.add = op == "ADD", .user = std::move(user)});
  }
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    RETURN_IF_ERROR(check_users(tx, added, "data.value"));
    ASSIGN_OR_RETURN(const Object shown,
                     set_owners(tx, request, agent, [&](std::vector<std::string>& owners) -> core::Status {
                       for (const Change& change : changes) {
                         std::erase(owners, change.user);
                         if (change.add) owners.push_back(change.user);
                       }
                       return {};
                     }));
    return rest::no_content();
  });
}

core::Result<rest::Reply> list_owners(const ApiRequest& request) {
  const Service& service = request.service;
  Store& store = *service.store;
  ASSIGN_OR_RETURN(const auto filter, read_filter(request.call, kFilter));
  std::string wanted;
  if (filter) {
    auto orn = demanded(*filter, "parentResourceOrn");
    if (!orn) orn = demanded(*filter, "resource.orn");
    if (!orn) {
      return refuse(ErrorKind::invalid_input, "INVALID_FILTER",
                    "filter: must be parentResourceOrn eq \"...\" or resource.orn eq \"...\"", "filter");
    }
    ASSIGN_OR_RETURN(wanted, agent_of(service, *orn, "filter"));
  }
  std::vector<Row> rows;
  if (wanted.empty()) {
    ASSIGN_OR_RETURN(
        rows, rows_of_page(store, request.page, {.kind = Kind::workload_principal, .parent = "ai-agents"},
                           [](const Row& row) -> core::Result<bool> { return !row.refs.empty(); }));
  } else {
    ASSIGN_OR_RETURN(auto row, store.get(Kind::workload_principal, wanted));
    if (row && row->parent == "ai-agents" && !row->refs.empty()) rows.push_back(*std::move(row));
  }
  return show_page(request, std::move(rows), [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const auto agent, read_workload_principal(row));
    return show_owners(store, service, agent);
  });
}

constexpr ApiArea kArea{.base = kBase, .tag = "Owners", .read = kReadAgents, .manage = kManageAgents};

using net::Method;
constexpr std::array<ApiRoute, 4> kRoutes{{
    {Method::get, "", "listResourceOwners", "List AI agents with their owners", list_owners, Takes::page},
    {Method::post, "", "configureResourceOwners", "Set the owners of AI agents", configure_owners,
     Takes::object},
    {Method::put, "", "replaceResourceOwners", "Set the owners of AI agents", configure_owners,
     Takes::object},
    {Method::patch, "", "updateResourceOwners", "Add or remove owners of an AI agent", update_owners,
     Takes::object},
}};

}  // namespace

void add_owner_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
}

}  // namespace registry
