// /resource-servers/api/v1/mcp-servers: register, list, read, change, delete, and what is read of a server.
// The requests that move it are mcp_server_lifecycle.cpp.
#include <array>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "registry/client_auth_settings.h"
#include "registry/mcp_server_api.h"
#include "registry/mcp_server_lifecycle.h"
#include "registry/members.h"
#include "registry/operation.h"
#include "registry/server_search.h"
#include "registry/transitions.h"
#include "registry/workload_principal.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using net::Method;
using rest::Reply;
using Takes = ApiRoute::Takes;

Array array_of(const std::vector<std::string>& texts) {
  Array array;
  array.reserve(texts.size());
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

// ---- What a server looks like ----

// A server that is a client of others, too; nullopt when it is not.
core::Result<std::optional<Object>> oauth_client_of(const Service& service, const McpServer& server) {
  ASSIGN_OR_RETURN(const auto rows,
                   service.store->list({.kind = Kind::workload_principal, .parent = server.id, .limit = 1}));
  if (rows.empty()) return std::optional<Object>{};
  ASSIGN_OR_RETURN(const auto client, read_workload_principal(rows.front()));
  ASSIGN_OR_RETURN(
      const auto connections,
      service.store->list({.kind = Kind::connection, .parent = client.id, .limit = Store::kMaxPage}));
  return std::optional(Object{{"clientId", client.client_id()},
                              {"orn", service.names.mcp_client(client.id)},
                              {"status", to_string(client.status)},
                              {"tokenEndpointAuthMethod", client.auth_method},
                              {"grantTypes", Array{"urn:ietf:params:oauth:grant-type:token-exchange",
                                                   "urn:ietf:params:oauth:grant-type:jwt-bearer"}},
                              {"connectionCount", connections.size()}});
}

Object links_of(const Service& service, const McpServer& server) {
  Object links;
  const std::string self = server_href(service, server.id);
  add_link(links, "self", self, "GET");
  for (const std::string_view verb : server_verbs(server.status)) {
    if (verb == "delete")
      add_link(links, verb, self, "DELETE");
    else
      add_link(links, verb, fmt::format("{}/lifecycle/{}", self, verb), "POST");
  }
  add_link(links, "refresh", self + "/refresh", "POST");
  add_link(links, "readiness", self + "/readiness", "GET");
  add_link(links, "authorizationServers", self + "/authorization-servers", "GET");
  add_link(links, "tools", self + "/tools", "GET");
  return links;
}

core::Result<Object> show_server(const Service& service, const McpServer& server) {
  ASSIGN_OR_RETURN(const auto capabilities, capabilities_of(*service.store, service, server));
  ASSIGN_OR_RETURN(auto client, oauth_client_of(service, server));
  Object metadata;
  if (!server.display_name.empty()) metadata["displayName"] = server.display_name;
  if (!server.description.empty()) metadata["description"] = server.description;
  Object shown{{"id", server.id},
               {"orn", service.names.mcp_server(server.id)},
               {"resourceUrl", server.resource_url},
               {"registrationType", server.manual ? "MANUAL" : "DISCOVERABLE"},
               {"status", to_string(server.status)},
               {"created", core::to_rfc3339(server.created)},
               {"lastUpdated", core::to_rfc3339(server.updated)},
               {"metadata", std::move(metadata)}};
  if (server.detected)
    shown["detectedMetadata"] = Object{{"resourceName", server.detected->resource_name},
                                       {"scopesSupported", array_of(server.detected->scopes_supported)},
                                       {"lastRefreshedAt", core::to_rfc3339(server.detected->refreshed)}};
  shown["authorizationServerCount"] = capabilities.by_auth_server.size();
  shown["capabilities"] = Object{{"xaa", array_of(capabilities.xaa)}, {"sts", array_of(capabilities.sts)}};
  shown["connectable"] = capabilities.connectable;
  shown["connectableReason"] = capabilities.reason;
  shown["missing"] = server.status == Status::pending ? array_of(capabilities.missing) : Array{};
  shown["invalidReasons"] = server.status == Status::invalid ? array_of(server.invalid_reasons) : Array{};
  shown["degraded"] = server.status == Status::active && server.failures > 0;
  if (client) shown["oauthClient"] = *std::move(client);
  shown["_links"] = links_of(service, server);
  return shown;
}

// ---- Register ----

constexpr TextRule kDisplayName{.least = 0};
constexpr TextRule kDescription{.least = 0, .most = 1024, .lines = true};

core::Result<McpServer> read_registration(const Service& service, const Object& object) {
  const Members body(object);
  RETURN_IF_ERROR(body.only({"resourceUrl", "displayName", "description", "registrationType"}));
  ASSIGN_OR_RETURN(const std::string url, body.text("resourceUrl", {.most = 2048}));
  RETURN_IF_ERROR(check_url(service, url, "resourceUrl"));
  McpServer server{.id = service.new_id("ems"), .resource_url = url};
  ASSIGN_OR_RETURN(auto name, body.optional_text("displayName", kDisplayName));
  ASSIGN_OR_RETURN(auto description, body.optional_text("description", kDescription));
  server.display_name = std::move(name).value_or("");
  server.description = std::move(description).value_or("");
  ASSIGN_OR_RETURN(const auto type, body.optional_choice("registrationType", {"DISCOVERABLE", "MANUAL"}));
  server.manual = type && *type == "MANUAL";
  return server;
}

constexpr std::string_view kRegister = "mcp-server:Register";

// Registering what is PENDING again leads to the same operation (also one that found it incomplete).
core::Result<std::string> registration_of(Transaction& tx, const Service& service, const Row& row) {
  ASSIGN_OR_RETURN(const auto server, read_mcp_server(row));
  if (server.status != Status::pending)
    return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                  fmt::format("An MCP server with this resourceUrl is registered already: {} ({}).",
                              server.id, to_string(server.status)),
                  "resourceUrl");
  ASSIGN_OR_RETURN(const auto last, last_operation(tx, server.id, kRegister));
  if (last) return last->id;
  return start_operation(tx, service, kRegister, server.id, "validate", {{"reason", "register"}});
}

core::Status register_or_find(const Service& service, const Actor& actor, const McpServer& wanted,
                              std::string& operation) {
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto found, tx.find_unique(Kind::mcp_server, wanted.resource_url));
    if (found) {
      ASSIGN_OR_RETURN(operation, registration_of(tx, service, *found));
      return {};
    }
    Row row = to_row(wanted);
    RETURN_IF_ERROR(tx.insert(row));
    ASSIGN_OR_RETURN(
        operation, start_operation(tx, service, kRegister, wanted.id, "validate", {{"reason", "register"}}));
    return emit_server_event(tx, service, wanted, "register", actor, operation);
  });
}

core::Result<Reply> register_server(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(auto server, read_registration(service, request.body));
  std::string operation;
  core::Status done = register_or_find(service, request.actor, server, operation);
  // Another node was first between our look and our write: now there is something to find.
  if (!done && done.error().code == "registry.UNIQUE_CONSTRAINT" && done.error().location != "resourceUrl")
    done = register_or_find(service, request.actor, server, operation);
  RETURN_IF_ERROR(done);
  return accepted(service, kResourceServers, operation);
}

// ---- List, read, change ----

core::Result<Reply> list_servers(const ApiRequest& request) {
  const Service& service = request.service;
  std::optional<Query> query = Query{.kind = Kind::mcp_server};
  if (const std::string search = request.call.query_value("search"); !search.empty()) {
    ASSIGN_OR_RETURN(query, search_servers(search));
  }
  return list_reply(request, std::move(query), "ems", [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const auto server, read_mcp_server(row));
    return show_server(service, server);
  });
}

core::Result<Reply> read_server(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto server, get_server(*service.store, request.param(0)));
  ASSIGN_OR_RETURN(const auto shown, show_server(service, server));
  return entity_reply(shown, server.version);
}

void note(Object& changes, std::string_view member, std::string& value, std::optional<std::string> next) {
  std::string text = std::move(next).value_or("");
  if (text == value) return;
  changes[member] = Object{{"from", value}, {"to", text}};
  value = std::move(text);
}

core::Status patch(const Object& object, McpServer& server, Object& changes) {
  const Members body(object);
  RETURN_IF_ERROR(
      body.only({"displayName", "description"},
                {"id", "orn", "resourceUrl", "registrationType", "status", "created", "lastUpdated",
                 "metadata", "detectedMetadata", "authorizationServerCount", "capabilities", "connectable",
                 "connectableReason", "missing", "invalidReasons", "degraded", "oauthClient", "_links"}));
  if (body.has("displayName")) {
    ASSIGN_OR_RETURN(auto name, body.optional_text("displayName", kDisplayName));
    note(changes, "mcp_server_display_name", server.display_name, std::move(name));
  }
  if (body.has("description")) {
    ASSIGN_OR_RETURN(auto description, body.optional_text("description", kDescription));
    note(changes, "mcp_server_description", server.description, std::move(description));
  }
  return {};
}

core::Result<Reply> patch_server(const ApiRequest& request) {
  const Service& service = request.service;
  McpServer server;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(server, hold_server(tx, request.param(0)));
    RETURN_IF_ERROR(check_version(request.call, server.version));
    Object changes;
    RETURN_IF_ERROR(patch(request.body, server, changes));
    if (changes.empty()) return {};
    Row row = to_row(server);
    RETURN_IF_ERROR(tx.update(row));
    server.version = row.version;
    server.updated = row.updated;
    return emit_server_event(tx, service, server, "update", request.actor, request.transaction,
                             std::move(changes));
  });
  RETURN_IF_ERROR(done);
  ASSIGN_OR_RETURN(const auto shown, show_server(service, server));
  return entity_reply(shown, server.version);
}

// ---- What was found out about it ----

core::Result<Reply> read_readiness(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto server, get_server(*service.store, request.param(0)));
  ASSIGN_OR_RETURN(const auto row, service.store->get(Kind::readiness, server.id));
  if (!row) return no_such(server.id, "ReadinessReport");
  return rest::json_reply(row->body);
}

core::Result<Reply> list_tools(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto server, get_server(*service.store, request.param(0)));
  Query query{.kind = Kind::tool, .parent = server.id};
  return list_reply(request, std::move(query), server.id + "/", [&](const Row& row) -> core::Result<Object> {
    const std::string id = row.id.substr(row.id.find('/') + 1);
    Object shown{{"id", id}, {"orn", service.names.tool(server.id, id)}};
    for (const auto& member : row.body) shown[member.key()] = member.value();
    shown["created"] = core::to_rfc3339(row.created);
    shown["lastUpdated"] = core::to_rfc3339(row.updated);
    return shown;
  });
}

constexpr std::array<ApiRoute, 12> kRoutes{{
    {Method::post, "", "registerMcpServer", "Register an MCP server; it is validated in the background",
     register_server, Takes::object},
    {Method::get, "", "listMcpServers", "List MCP servers, or search them", list_servers, Takes::page},
    {Method::get, "/{mcpServerId}", "getMcpServer",
     "Retrieve an MCP server: its state, what it can be used for and why not", read_server},
    {Method::patch, "/{mcpServerId}", "updateMcpServer", "Change display name and description", patch_server,
     Takes::merge_patch},
    {Method::delete_, "/{mcpServerId}", "deleteMcpServer",
     "Delete an MCP server that is not ACTIVE, with all that belongs to it", delete_server},
    {Method::post, "/{mcpServerId}/lifecycle/activate", "activateMcpServer",
     "Check an INACTIVE MCP server once more and make it ACTIVE", activate_server},
    {Method::post, "/{mcpServerId}/lifecycle/deactivate", "deactivateMcpServer",
     "Refuse tokens for an ACTIVE MCP server from now on", deactivate_server, Takes::optional_object},
    {Method::post, "/{mcpServerId}/lifecycle/validate", "validateMcpServer",
     "Run the readiness checks and take what follows from them", validate_server},
    {Method::post, "/{mcpServerId}/refresh", "refreshMcpServer",
     "Read the metadata of an MCP server and its authorization servers again", refresh_server},
    {Method::get, "/{mcpServerId}/readiness", "getMcpServerReadiness", "Retrieve the latest readiness report",
     read_readiness},
    {Method::post, "/{mcpServerId}/readiness", "runMcpServerReadiness", "Run the readiness checks now",
     validate_server},
    {Method::get, "/{mcpServerId}/tools", "listMcpServerTools",
     "List the tools that were found on an MCP server", list_tools, Takes::page},
}};

}  // namespace

void add_mcp_server_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kServersArea, kRoutes);
  add_auth_server_routes(router, service);
  add_client_auth_settings_routes(router, service);
  add_operation_routes(router, service, "resource-servers", kReadServers);
}

}  // namespace registry
