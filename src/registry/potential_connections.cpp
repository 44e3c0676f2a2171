#include "registry/potential_connections.h"

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <vector>

#include "registry/capabilities.h"
#include "registry/connections.h"
#include "registry/mcp_server.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using Type = ConnectionType;

// One that could be made; `key` tells those of one row apart.
struct Candidate {
  std::string key;
  Object shown;
};
using Candidates = std::vector<Candidate>;
using Expand = std::function<core::Result<Candidates>(const Row&)>;

// Rows of one kind, each giving some candidates. A cursor is "ROW KEY": the last one that was given.
core::Result<PotentialConnections> walk(Reader& reader, Query query, const Expand& expand, std::size_t limit,
                                        const std::string& after) {
  PotentialConnections out;
  const std::size_t space = after.find(' ');
  const std::string after_row = after.substr(0, space);
  const std::string after_key = space == std::string::npos ? std::string() : after.substr(space + 1);

  std::string last;
  // True: the page is full, and there is more.
  const auto take = [&](const Row& row) -> core::Result<bool> {
    ASSIGN_OR_RETURN(Candidates candidates, expand(row));
    std::ranges::sort(candidates, {}, &Candidate::key);
    for (Candidate& candidate : candidates) {
      if (row.id == after_row && candidate.key <= after_key) continue;
      if (out.data.size() == limit) {
        out.next = last;
        return true;
      }
      last = fmt::format("{} {}", row.id, candidate.key);
      out.data.emplace_back(std::move(candidate.shown));
    }
    return false;
  };

  if (!after_row.empty()) {
    // The row that the page before ended in may have more.
    ASSIGN_OR_RETURN(const auto row, reader.get(query.kind, after_row));
    const bool fits = row && (query.statuses.empty() ||
                              std::ranges::find(query.statuses, row->status) != query.statuses.end());
    if (fits) {
      ASSIGN_OR_RETURN(const bool full, take(*row));
      if (full) return out;
    }
  }
  query.after = after_row;
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, reader.list(query));
    for (const Row& row : rows) {
      ASSIGN_OR_RETURN(const bool full, take(row));
      if (full) return out;
    }
    if (rows.size() < query.limit) return out;
    query.after = rows.back().id;
  }
}

Object named(std::string orn, std::string_view name, std::string_view resource_type = {}) {
  Object out;
  out["orn"] = std::move(orn);
  if (!name.empty()) out["name"] = name;
  if (!resource_type.empty()) out["resourceType"] = resource_type;
  return out;
}

Object start(Type type, std::string indicator) {
  Object out;
  out["connectionType"] = to_string(type);
  out["resourceIndicator"] = std::move(indicator);
  return out;
}

core::Result<Candidates> of_custom_as(const Service& service, const Row& row) {
  Object shown = start(Type::identity_assertion_custom_as, service.names.custom_as(row.id));
  shown["authorizationServer"] = named(service.names.custom_as(row.id), row.name);
  Candidates out;
  out.push_back({.key = {}, .shown = std::move(shown)});
  return out;
}

core::Result<Candidates> of_mcp_server(Reader& reader, const Service& service, const Row& row) {
  Candidates out;
  ASSIGN_OR_RETURN(const McpServer server, read_mcp_server(row));
  ASSIGN_OR_RETURN(const ServerCapabilities can, capabilities_of(reader, service, server));
  for (const std::string& id : can.xaa) {
    Object shown = start(Type::identity_assertion_mcp_server, server.resource_url);
    shown["resource"] = named(service.names.mcp_server(server.id), server.display_name, "MCP_SERVER");
    shown["authorizationServer"] = show_auth_server(service, id);
    out.push_back({.key = id, .shown = std::move(shown)});
  }
  return out;
}

core::Result<Candidates> of_settings(Reader& reader, const Service& service, const Row& row) {
  Candidates out;
  ASSIGN_OR_RETURN(const ClientAuthSettings settings, read_client_auth_settings(row));
  if (!settings.active) return out;
  ASSIGN_OR_RETURN(const auto server_row, reader.get(Kind::mcp_server, settings.server));
  if (!server_row) return out;
  ASSIGN_OR_RETURN(const McpServer server, read_mcp_server(*server_row));
  if (server.status != Status::active) return out;
  ASSIGN_OR_RETURN(const ServerCapabilities can, capabilities_of(reader, service, server));
  if (std::ranges::find(can.sts, settings.auth_server) == can.sts.end()) return out;
  Object shown = start(Type::sts_access_token, service.names.client_auth_settings(settings.id));
  shown["resource"] = named(service.names.client_auth_settings(settings.id), settings.name, "MCP_SERVER");
  out.push_back({.key = {}, .shown = std::move(shown)});
  return out;
}

// An agent with a URL of its own, by each custom authorization server.
core::Result<Candidates> of_agent(const Service& service, const std::vector<Row>& custom, const Row& row) {
  Candidates out;
  ASSIGN_OR_RETURN(const WorkloadPrincipal agent, read_workload_principal(row));
  if (agent.resource_url.empty()) return out;
  for (const Row& server : custom) {
    Object shown = start(Type::identity_assertion_a2a_server, agent.resource_url);
    shown["resource"] = named(service.names.a2a_server(agent.id), agent.name, "A2A_SERVER");
    shown["authorizationServer"] = named(service.names.custom_as(server.id), server.name);
    out.push_back({.key = server.id, .shown = std::move(shown)});
  }
  return out;
}

core::Result<Candidates> of_vault_secret(const Service& service, const Row& row) {
  Candidates out;
  if (row.status == "INACTIVE") return out;
  Object shown = start(Type::sts_vault_secret, service.names.vault_secret(row.id));
  shown["secret"] = named(service.names.vault_secret(row.id), row.name);
  out.push_back({.key = {}, .shown = std::move(shown)});
  return out;
}

core::Result<Candidates> of_service_account(const Service& service, const Row& row) {
  Candidates out;
  if (row.status == "INACTIVE") return out;
  const std::string app(core::json::string_or_empty(row.body, "app"));
  const std::string orn = service.names.service_account(app, row.id);
  Object shown = start(Type::sts_service_account, orn);
  shown["app"] = named(orn.substr(0, orn.rfind(":service_accounts:")), {});
  shown["serviceAccount"] = named(orn, row.name);
  out.push_back({.key = {}, .shown = std::move(shown)});
  return out;
}

}  // namespace

core::Result<PotentialConnections> potential_connections(Reader& reader, const Service& service,
                                                         ConnectionType type, std::size_t limit,
                                                         std::string after) {
  const auto each = [&](Kind kind, std::vector<std::string> statuses, const Expand& expand) {
    return walk(reader, {.kind = kind, .statuses = std::move(statuses)}, expand, limit, after);
  };
  switch (type) {
    case Type::identity_assertion_custom_as:
      return each(Kind::custom_as, {"ACTIVE"}, [&](const Row& row) { return of_custom_as(service, row); });
    case Type::identity_assertion_mcp_server:
      return each(Kind::mcp_server, {"ACTIVE"},
                  [&](const Row& row) { return of_mcp_server(reader, service, row); });
    case Type::identity_assertion_a2a_server: {
      ASSIGN_OR_RETURN(const auto custom, reader.list({.kind = Kind::custom_as, .statuses = {"ACTIVE"}}));
      return walk(
          reader, {.kind = Kind::workload_principal, .parent = "ai-agents", .statuses = {"ACTIVE"}},
          [&](const Row& row) { return of_agent(service, custom, row); }, limit, after);
    }
    case Type::sts_access_token:
      return each(Kind::client_auth_settings, {},
                  [&](const Row& row) { return of_settings(reader, service, row); });
    case Type::sts_vault_secret:
      return each(Kind::vault_secret, {}, [&](const Row& row) { return of_vault_secret(service, row); });
    case Type::sts_service_account:
      return each(Kind::service_account, {},
                  [&](const Row& row) { return of_service_account(service, row); });
    case Type::identity_assertion_app_instance:
    case Type::identity_assertion_virtual_mcp_server:
      break;
  }
  return PotentialConnections{};
}

}  // namespace registry
