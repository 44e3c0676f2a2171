#include "registry/sts_target.h"

#include <algorithm>
#include <string>
#include <vector>

#include "registry/capabilities.h"

namespace registry {

core::Result<std::optional<Connection>> find_connection(Reader& reader, std::string_view principal,
                                                        ConnectionType type, std::string_view resource) {
  Query query{.kind = Kind::connection, .parent = std::string(principal), .limit = Store::kMaxPage};
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, reader.list(query));
    for (const Row& row : rows) {
      ASSIGN_OR_RETURN(auto connection, read_connection(row));
      if (connection.active && connection.type == type && connection.resource_indicator == resource)
        return connection;
    }
    if (rows.size() < query.limit) return std::nullopt;
    query.after = rows.back().id;
  }
}

core::Result<std::optional<StsTarget>> resolve_target(Reader& reader, const Service& service,
                                                      const Connection& connection) {
  if (!connection.active || connection.type != ConnectionType::sts_access_token) return std::nullopt;
  ASSIGN_OR_RETURN(const auto principal_row, reader.get(Kind::workload_principal, connection.owner));
  ASSIGN_OR_RETURN(const auto settings_row, reader.get(Kind::client_auth_settings, connection.settings));
  if (!principal_row || !settings_row) return std::nullopt;
  ASSIGN_OR_RETURN(auto principal, read_workload_principal(*principal_row));
  ASSIGN_OR_RETURN(auto settings, read_client_auth_settings(*settings_row));
  if (principal.status != AgentStatus::active || !settings.active) return std::nullopt;
  if (settings.secret_expires && *settings.secret_expires <= service.now()) return std::nullopt;

  ASSIGN_OR_RETURN(const auto server_row, reader.get(Kind::mcp_server, settings.server));
  ASSIGN_OR_RETURN(
      const auto auth_server_row,
      reader.get(Kind::mcp_auth_server, auth_server_row_id(settings.server, settings.auth_server)));
  if (!server_row || !auth_server_row) return std::nullopt;
  ASSIGN_OR_RETURN(auto server, read_mcp_server(*server_row));
  ASSIGN_OR_RETURN(auto auth_server, read_mcp_auth_server(*auth_server_row));
  // The binding of trust is to the issuer: credentials of one are never shown to another.
  if (server.status != Status::active || auth_server.status != Status::active ||
      auth_server.issuer != settings.issuer)
    return std::nullopt;
  ASSIGN_OR_RETURN(const auto capabilities, capabilities_of(reader, service, server));
  if (!capabilities.connectable ||
      std::ranges::find(capabilities.sts, auth_server.id) == capabilities.sts.end())
    return std::nullopt;
  return StsTarget{.principal = std::move(principal),
                   .connection = connection,
                   .settings = std::move(settings),
                   .auth_server = std::move(auth_server),
                   .server = std::move(server)};
}

core::Result<std::optional<StsTarget>> resolve_target(Reader& reader, const Service& service,
                                                      std::string_view connection) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::connection, connection));
  if (!row) return std::nullopt;
  ASSIGN_OR_RETURN(const auto found, read_connection(*row));
  return resolve_target(reader, service, found);
}

Actor actor_of(const WorkloadPrincipal& principal) {
  return {.id = principal.id, .type = "WorkloadPrincipal", .name = principal.name};
}

std::vector<EventTarget> event_targets(const StsTarget& target) {
  return {{.id = target.principal.id, .type = "WorkloadPrincipal", .name = target.principal.name},
          {.id = target.connection.id, .type = "ResourceConnection"},
          {.id = target.server.id, .type = "McpServer", .name = target.server.display_name},
          {.id = target.auth_server.id, .type = "AuthServer", .name = target.auth_server.issuer},
          {.id = target.settings.id, .type = "ClientAuthSettings", .name = target.settings.name}};
}

}  // namespace registry
