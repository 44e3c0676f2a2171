#include "registry/id_jag_target.h"

#include <algorithm>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "registry/capabilities.h"
#include "registry/mcp_server.h"

namespace registry {
namespace {

using authserver::problem;
using core::Result;

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// Of identity assertions: whether the connection leads to a resource of its own.
bool has_resource(ConnectionType type) {
  switch (type) {
    case ConnectionType::identity_assertion_mcp_server:
    case ConnectionType::identity_assertion_a2a_server:
    case ConnectionType::identity_assertion_virtual_mcp_server:
      return true;
    default:
      return false;
  }
}

std::unexpected<core::Error> no_such_resource() {
  return problem("token_exchange_invalid_resource");
}
std::unexpected<core::Error> incomplete() {
  return problem("token_exchange_incomplete_resource_configuration");
}

// Without a resource: the plain connections. With one: those that have this very text.
bool fits(const Connection& connection, std::string_view resource) {
  if (!connection.active) return false;
  if (has_resource(connection.type)) return !resource.empty() && connection.resource_indicator == resource;
  if (connection.type == ConnectionType::identity_assertion_custom_as) return resource.empty();
  if (connection.type == ConnectionType::identity_assertion_app_instance) {
    return resource.empty() || connection.resource_indicator == resource;
  }
  return false;
}

Result<std::vector<Connection>> connections_of(Reader& reader, const WorkloadPrincipal& principal,
                                               std::string_view custom_as) {
  ASSIGN_OR_RETURN(const auto rows, all_rows(reader, {.kind = Kind::connection,
                                                      .parent = principal.id,
                                                      .refers_to = std::string(custom_as)}));
  std::vector<Connection> connections;
  connections.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(auto connection, read_connection(row));
    connections.push_back(std::move(connection));
  }
  return connections;
}

core::Status check_mcp_server(Reader& reader, const Service& service, TokenCache& cache, IdJagTarget& target,
                              const McpAuthServer& auth_server) {
  ASSIGN_OR_RETURN(const auto server, cache.mcp_server(reader, target.connection.server));
  if (!server || server->status != Status::active) return no_such_resource();
  if (auth_server.status != Status::active) return incomplete();
  bool ready = target.custom_as && allows_jwt_bearer(target.custom_as->policies);
  if (!target.custom_as) {
    ASSIGN_OR_RETURN(const auto able, capabilities_of(reader, service, auth_server));
    ready = able.xaa;
  }
  if (!ready) return incomplete();
  target.resource_id = server->id;
  target.resource_type = "McpServer";
  return {};
}

core::Status check_agent(Reader& reader, IdJagTarget& target) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::workload_principal, target.connection.agent));
  if (!row || row->status != to_string(AgentStatus::active)) return no_such_resource();
  target.resource_id = row->id;
  target.resource_type = "WorkloadPrincipal";
  return {};
}

core::Status check_target(Reader& reader, const Service& service, TokenCache& cache, IdJagTarget& target) {
  const Connection& connection = target.connection;
  if (connection.type == ConnectionType::identity_assertion_mcp_server) {
    ASSIGN_OR_RETURN(
        const auto auth_server,
        cache.mcp_auth_server(reader, auth_server_row_id(connection.server, connection.custom_as)));
    if (!auth_server) return incomplete();
    return check_mcp_server(reader, service, cache, target, *auth_server);
  }
  if (connection.type == ConnectionType::identity_assertion_a2a_server) return check_agent(reader, target);
  return {};
}

Result<IdJagTarget> at_custom_as(Reader& reader, const Service& service, TokenCache& cache,
                                 const WorkloadPrincipal& principal, std::string_view custom_as,
                                 std::string_view resource) {
  ASSIGN_OR_RETURN(auto view, cache.view(reader, custom_as));
  if (!view || !view->server.active) return problem("token_exchange_invalid_audience");
  ASSIGN_OR_RETURN(auto connections, connections_of(reader, principal, custom_as));
  std::erase_if(connections, [&](const Connection& connection) { return connection.custom_as != custom_as; });
  const auto place = std::ranges::find_if(
      connections, [&](const Connection& connection) { return fits(connection, resource); });
  if (place == connections.end()) return no_such_resource();
  IdJagTarget target{.connection = std::move(*place), .custom_as = std::move(view)};
  RETURN_IF_ERROR(check_target(reader, service, cache, target));
  return target;
}

// The external authorization server with that issuer which an MCP server has.
Result<std::optional<McpAuthServer>> external_server(Reader& reader, const Connection& connection,
                                                     std::string_view issuer) {
  if (connection.type != ConnectionType::identity_assertion_mcp_server) return std::nullopt;
  ASSIGN_OR_RETURN(const auto servers, auth_servers_of(reader, connection.server));
  for (const McpAuthServer& server : servers) {
    const bool meant = connection.custom_as.empty() || connection.custom_as == server.id;
    if (meant && !server.okta && server.issuer == issuer) return server;
  }
  return std::nullopt;
}

Result<IdJagTarget> at_external_server(Reader& reader, const Service& service, TokenCache& cache,
                                       const WorkloadPrincipal& principal, std::string_view audience,
                                       std::string_view resource) {
  ASSIGN_OR_RETURN(const auto connections, connections_of(reader, principal, {}));
  bool known = false;
  for (const Connection& connection : connections) {
    const bool by_app = connection.type == ConnectionType::identity_assertion_app_instance &&
                        connection.issuer_url == audience;
    std::optional<McpAuthServer> server;
    if (!by_app) {
      ASSIGN_OR_RETURN(server, external_server(reader, connection, audience));
    }
    if (!by_app && !server) continue;
    known = true;
    if (!fits(connection, resource)) continue;
    IdJagTarget target{.connection = connection};
    if (server) {
      RETURN_IF_ERROR(check_mcp_server(reader, service, cache, target, *server));
    }
    return target;
  }
  if (known) return no_such_resource();
  return problem("token_exchange_invalid_audience");
}

bool allows(const Connection& connection, std::string_view scope) {
  switch (connection.scope_condition) {
    case Connection::Scopes::all:
      return true;
    case Connection::Scopes::include_only:
      return contains(connection.scopes, scope);
    case Connection::Scopes::exclude:
      return !contains(connection.scopes, scope);
  }
  return false;
}

}  // namespace

Result<IdJagTarget> find_id_jag_target(Reader& reader, const Service& service, TokenCache& cache,
                                       const WorkloadPrincipal& principal, std::string_view audience,
                                       std::string_view resource) {
  const std::string_view custom_as = custom_as_of(service, audience);
  if (!custom_as.empty()) return at_custom_as(reader, service, cache, principal, custom_as, resource);
  return at_external_server(reader, service, cache, principal, audience, resource);
}

Result<std::vector<std::string>> scopes_for_target(const IdJagTarget& target,
                                                   const std::vector<std::string>& requested) {
  for (const std::string& scope : requested) {
    if (authserver::is_openid_scope(scope)) return problem("invalid_scope");
    if (target.custom_as && target.custom_as->find_scope(scope) == nullptr) {
      return problem("no_matching_scope");
    }
    if (!allows(target.connection, scope)) return problem("invalid_scope");
  }
  if (!requested.empty() || !target.custom_as) return requested;
  std::vector<std::string> scopes;
  for (const AsScope& scope : target.custom_as->scopes) {
    if (scope.is_default && allows(target.connection, scope.name)) scopes.push_back(scope.name);
  }
  return scopes;
}

}  // namespace registry
