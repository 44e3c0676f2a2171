// MCP servers as OAuth clients of this org: what they need to call others on behalf of a person.
#include <array>
#include <fmt/format.h>

#include "registry/mcp_server.h"
#include "registry/workload_api.h"

namespace registry {
namespace {

using core::ErrorKind;

core::Result<rest::Reply> create_oauth_client(const ApiRequest& request) {
  const Service& service = request.service;
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, request.param(0)));
    if (!row) return no_such(request.param(0), "McpServer");
    ASSIGN_OR_RETURN(const McpServer server, read_mcp_server(*row));
    const WorkloadPrincipal made{
        .id = service.new_id("wlp"),
        .type = WorkloadPrincipal::Type::mcp_server,
        .status = AgentStatus::active,
        .name = server.display_name.empty() ? server.resource_url : server.display_name,
        .server = server.id};
    Row stored = to_row(made);
    auto inserted = tx.insert(stored);
    if (!inserted && inserted.error().code == "registry.UNIQUE_CONSTRAINT")
      return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT", "The MCP server is an OAuth client already.");
    RETURN_IF_ERROR(inserted);
    RETURN_IF_ERROR(emit_principal_event(tx, made, "register", request.actor, request.transaction));
    RETURN_IF_ERROR(emit_principal_event(tx, made, "activate", request.actor, request.transaction));
    return rest::Reply{.status = 201, .body = {}, .headers = {}};
  });
}

core::Result<rest::Reply> delete_oauth_client(const ApiRequest& request) {
  const Service& service = request.service;
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    ASSIGN_OR_RETURN(const WorkloadPrincipal client, hold_principal_of_path(tx, request));
    for (const auto& [kind, what] :
         {std::pair{Kind::connection, "connections"}, std::pair{Kind::jwk, "keys"}}) {
      ASSIGN_OR_RETURN(const auto rows, tx.list({.kind = kind, .parent = client.id, .limit = 1}));
      if (rows.empty()) continue;
      return refuse(ErrorKind::conflict, "RESOURCE_IN_USE",
                    fmt::format("The OAuth client has {} still; delete them before.", what));
    }
    RETURN_IF_ERROR(remove_principal(tx, service, client, request.actor, request.transaction));
    return rest::no_content();
  });
}

constexpr ApiArea kArea{
    .base = kWorkloadApi, .tag = "MCP servers as clients", .read = kReadAgents, .manage = kManageAgents};

using net::Method;
constexpr std::array<ApiRoute, 2> kRoutes{{
    {Method::post, "/mcp-servers/{mcpServerId}/oauth-client", "createMcpServerOAuthClient",
     "Make an MCP server an OAuth client, active at once", create_oauth_client},
    {Method::delete_, "/mcp-servers/{mcpServerId}/oauth-client", "deleteMcpServerOAuthClient",
     "Make an MCP server an OAuth client no more, when its keys and connections are gone",
     delete_oauth_client},
}};

}  // namespace

void add_oauth_client_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
}

}  // namespace registry
