// Resource connections of AI agents, and of MCP servers that are clients.
#include <array>
#include <fmt/format.h>

#include "registry/connections.h"
#include "registry/potential_connections.h"
#include "registry/revocation.h"
#include "registry/workload_api.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;
using Takes = ApiRoute::Takes;

constexpr std::string_view kCollection = "connections";
constexpr std::string_view kName = "ResourceConnection";

constexpr std::array<catalogue::FilterProperty, 2> kFilterProperties{{
    {"connectionType", catalogue::bit(catalogue::Operator::eq)},
    {"status", catalogue::bit(catalogue::Operator::eq)},
}};
constexpr catalogue::FilterCapabilities kFilter{.name = "resource connections",
                                                .properties = kFilterProperties};
constexpr std::array<catalogue::FilterProperty, 1> kPotentialProperties{{
    {"connectionType", catalogue::bit(catalogue::Operator::eq)},
}};
constexpr catalogue::FilterCapabilities kPotentialFilter{.name = "potential connections",
                                                         .properties = kPotentialProperties};

Object shown(const ApiRequest& request, const Connection& connection) {
  return show(request.service, connection, collection_path(request, kCollection));
}

core::Result<rest::Reply> list_connections(const ApiRequest& request) {
  Store& store = *request.service.store;
  ASSIGN_OR_RETURN(const auto owner, principal_of_path(store, request));
  ASSIGN_OR_RETURN(const auto filter, read_filter(request.call, kFilter));
  std::function<core::Result<bool>(const Row&)> fits;
  if (filter) {
    fits = [&](const Row& row) -> core::Result<bool> {
      Object view;
      view["connectionType"] = core::json::string_or_empty(row.body, "type");
      view["status"] = row.status;
      const core::json::Value value(std::move(view));
      return filter->matches(catalogue::JsonSubject(value));
    };
  }
  ASSIGN_OR_RETURN(auto rows,
                   rows_of_page(store, request.page, {.kind = Kind::connection, .parent = owner.id}, fits));
  return show_page(request, std::move(rows), [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const Connection connection, read_connection(row));
    return shown(request, connection);
  });
}

core::Result<rest::Reply> create_connection(const ApiRequest& request) {
  const Service& service = request.service;
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    // Not held yet: what it is connected to comes first in the order of the store.
    ASSIGN_OR_RETURN(const auto owner, principal_of_path(tx, request));
    ASSIGN_OR_RETURN(Connection made, make_connection(tx, service, owner, request.body));
    RETURN_IF_ERROR(insert_connection(tx, made));
    RETURN_IF_ERROR(
        emit_connection_event(tx, service, made, owner, "create", request.actor, request.transaction));
    rest::Reply reply = entity_reply(shown(request, made), made.version, 201);
    reply.headers.add("Location",
                      service.url(fmt::format("{}/{}", collection_path(request, kCollection), made.id)));
    return reply;
  });
}

core::Result<rest::Reply> get_connection(const ApiRequest& request) {
  Store& store = *request.service.store;
  ASSIGN_OR_RETURN(const auto owner, principal_of_path(store, request));
  ASSIGN_OR_RETURN(const Row row, row_of_path(store, Kind::connection, request.param(1), owner, kName));
  ASSIGN_OR_RETURN(const Connection connection, read_connection(row));
  return entity_reply(shown(request, connection), connection.version);
}

core::Result<Connection> hold_connection(Transaction& tx, const ApiRequest& request,
                                         const WorkloadPrincipal& owner) {
  ASSIGN_OR_RETURN(const Row row, hold_row_of_path(tx, Kind::connection, request.param(1), owner, kName));
  RETURN_IF_ERROR(check_version(request.call, row.version));
  return read_connection(row);
}

core::Result<rest::Reply> patch_connection(const ApiRequest& request) {
  const Service& service = request.service;
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    ASSIGN_OR_RETURN(const auto owner, hold_principal_of_path(tx, request));
    ASSIGN_OR_RETURN(Connection connection, hold_connection(tx, request, owner));
    RETURN_IF_ERROR(change_connection(tx, service, connection, request.body));
    Row row = to_row(connection);
    RETURN_IF_ERROR(tx.update(row));
    ASSIGN_OR_RETURN(connection, read_connection(row));
    RETURN_IF_ERROR(
        emit_connection_event(tx, service, connection, owner, "update", request.actor, request.transaction));
    return entity_reply(shown(request, connection), connection.version);
  });
}

core::Result<rest::Reply> change(const ApiRequest& request, AgentEvent event, bool revoke) {
  const Service& service = request.service;
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    if (event == AgentEvent::activate) {
      // What it leads to is held before its owner is, and that before the connection.
      ASSIGN_OR_RETURN(const auto owner, principal_of_path(tx, request));
      ASSIGN_OR_RETURN(const Row row, row_of_path(tx, Kind::connection, request.param(1), owner, kName));
      ASSIGN_OR_RETURN(const Connection connection, read_connection(row));
      RETURN_IF_ERROR(switched(connection.active, event, "The connection"));
      RETURN_IF_ERROR(check_target(tx, service, connection));
    }
    ASSIGN_OR_RETURN(const auto owner, hold_principal_of_path(tx, request));
    ASSIGN_OR_RETURN(Connection connection, hold_connection(tx, request, owner));
    rest::Reply reply = rest::no_content();
    ASSIGN_OR_RETURN(const auto to, switched(connection.active, event, "The connection"));
    if (to) {
      connection.active = *to;
      Row row = to_row(connection);
      RETURN_IF_ERROR(tx.update(row));
      ASSIGN_OR_RETURN(connection, read_connection(row));
      reply = entity_reply(shown(request, connection), connection.version);
    } else {
      RETURN_IF_ERROR(tx.remove(Kind::connection, connection.id));
    }
    RETURN_IF_ERROR(emit_connection_event(tx, service, connection, owner, to_string(event), request.actor,
                                          request.transaction));
    if (!revoke) return reply;
    RETURN_IF_ERROR(revoke_tokens_of(tx, service, connection.id, service.now()));
    RETURN_IF_ERROR(
        tx.emit({.type = "app.oauth2.token.revoke.implicit.client",
                 .actor = request.actor,
                 .targets = {target_of(owner), {.id = connection.id, .type = "ResourceConnection"}},
                 .transaction = request.transaction}));
    return reply;
  });
}

core::Result<rest::Reply> activate_connection(const ApiRequest& request) {
  return change(request, AgentEvent::activate, false);
}
core::Result<rest::Reply> deactivate_connection(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const bool revoke, wants_revocation(request));
  return change(request, AgentEvent::deactivate, revoke);
}
core::Result<rest::Reply> delete_connection(const ApiRequest& request) {
  return change(request, AgentEvent::remove, false);
}

core::Result<rest::Reply> list_potential(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const auto filter, read_filter(request.call, kPotentialFilter));
  const auto wanted = filter ? demanded(*filter, "connectionType") : std::nullopt;
  const auto type = wanted ? parse_connection_type(*wanted) : std::nullopt;
  if (!type) {
    return refuse(ErrorKind::invalid_input, "INVALID_FILTER",
                  "filter: must be connectionType eq \"...\", with one of the eight types.", "filter");
  }
  ASSIGN_OR_RETURN(auto found, potential_connections(*request.service.store, request.service, *type,
                                                     request.page.limit, request.page.after));
  return page_reply(request, std::move(found.data), found.next);
}

constexpr ApiArea kArea{
    .base = kWorkloadApi, .tag = "Resource connections", .read = kReadAgents, .manage = kManageAgents};

using net::Method;
constexpr std::array<ApiRoute, 15> kRoutes{{
    {Method::get, "/ai-agents/{agentId}/connections", "listAIAgentConnections",
     "List the resource connections of an AI agent", list_connections, Takes::page},
    {Method::post, "/ai-agents/{agentId}/connections", "createAIAgentConnection",
     "Connect an AI agent to a resource", create_connection, Takes::object},
    {Method::get, "/ai-agents/{agentId}/connections/{connectionId}", "getAIAgentConnection",
     "Retrieve a resource connection of an AI agent", get_connection},
    {Method::patch, "/ai-agents/{agentId}/connections/{connectionId}", "patchAIAgentConnection",
     "Change the scopes or the resource indicator of a connection", patch_connection, Takes::merge_patch},
    {Method::delete_, "/ai-agents/{agentId}/connections/{connectionId}", "deleteAIAgentConnection",
     "Delete an inactive connection of an AI agent", delete_connection},
    {Method::post, "/ai-agents/{agentId}/connections/{connectionId}/lifecycle/activate",
     "activateAIAgentConnection", "Activate a connection of an AI agent", activate_connection},
    {Method::post, "/ai-agents/{agentId}/connections/{connectionId}/lifecycle/deactivate",
     "deactivateAIAgentConnection",
     "Deactivate a connection of an AI agent; with revoke=true issued tokens are taken back, too",
     deactivate_connection, Takes::optional_object},

    {Method::get, "/mcp-servers/{mcpServerId}/connections", "listMcpServerConnections",
     "List the resource connections of an MCP server as a client", list_connections, Takes::page},
    {Method::post, "/mcp-servers/{mcpServerId}/connections", "createMcpServerConnection",
     "Connect an MCP server as a client to a resource", create_connection, Takes::object},
    {Method::get, "/mcp-servers/{mcpServerId}/connections/{connectionId}", "getMcpServerConnection",
     "Retrieve a resource connection of an MCP server as a client", get_connection},
    {Method::patch, "/mcp-servers/{mcpServerId}/connections/{connectionId}", "patchMcpServerConnection",
     "Change the scopes or the resource indicator of a connection", patch_connection, Takes::merge_patch},
    {Method::delete_, "/mcp-servers/{mcpServerId}/connections/{connectionId}", "deleteMcpServerConnection",
     "Delete an inactive connection of an MCP server as a client", delete_connection},
    {Method::post, "/mcp-servers/{mcpServerId}/connections/{connectionId}/lifecycle/activate",
     "activateMcpServerConnection", "Activate a connection of an MCP server as a client",
     activate_connection},
    {Method::post, "/mcp-servers/{mcpServerId}/connections/{connectionId}/lifecycle/deactivate",
     "deactivateMcpServerConnection", "Deactivate a connection of an MCP server as a client",
     deactivate_connection, Takes::optional_object},

    {Method::get, "/potential-connections", "listPotentialConnections",
     "List what could be connected now, by connection type", list_potential, Takes::page},
}};

}  // namespace

void add_connection_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
}

}  // namespace registry
