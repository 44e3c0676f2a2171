#include "registry/connections.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "registry/agent_states.h"
#include "registry/api.h"
#include "registry/capabilities.h"
#include "registry/mcp_server.h"
#include "registry/members.h"
#include "registry/workload_api.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using Type = ConnectionType;

constexpr std::size_t kMaxConnections = 200;
constexpr std::size_t kMaxScopes = 500;
constexpr TextRule kName{.most = 512};

constexpr std::array<std::string_view, 1> kAuthServer{"authorizationServer"};
constexpr std::array<std::string_view, 2> kApp{"app", "issuerUrl"};
constexpr std::array<std::string_view, 2> kResourceAndAuthServer{"resource", "authorizationServer"};
constexpr std::array<std::string_view, 1> kResource{"resource"};
constexpr std::array<std::string_view, 1> kSecret{"secret"};
constexpr std::array<std::string_view, 2> kServiceAccount{"app", "serviceAccount"};

constexpr std::array<ConnectionRow, 8> kTypes{{
    {Type::identity_assertion_custom_as, true, true, kAuthServer},
    {Type::identity_assertion_app_instance, true, true, kApp},
    {Type::identity_assertion_mcp_server, true, false, kResourceAndAuthServer},
    {Type::identity_assertion_a2a_server, true, false, kResourceAndAuthServer},
    {Type::identity_assertion_virtual_mcp_server, true, false, kResourceAndAuthServer},
    {Type::sts_access_token, false, true, kResource},
    {Type::sts_vault_secret, false, true, kSecret},
    {Type::sts_service_account, false, true, kServiceAccount},
}};

std::unexpected<core::Error> not_active(std::string_view what, std::string_view id, std::string_view status,
                                        std::string location) {
  return refuse(ErrorKind::conflict, "RESOURCE_NOT_ACTIVE",
                fmt::format("{}: {} {} is {}; connections lead to ACTIVE ones only. Activate it before.",
                            location, what, id, status),
                std::move(location));
}

std::unexpected<core::Error> not_connectable(std::string_view id, std::string_view why,
                                             std::string location) {
  return refuse(
      ErrorKind::conflict, "NOT_CONNECTABLE",
      fmt::format("{}: the MCP server {} is ACTIVE but cannot be connected this way: {}", location, id, why),
      std::move(location));
}

std::unexpected<core::Error> duplicate(std::string message, std::string location) {
  return refuse(ErrorKind::conflict, "DUPLICATE_CONNECTION", std::move(message), std::move(location));
}

// ---- What a body names ----

core::Result<std::string> orn_at(const Members& in, std::string_view member) {
  ASSIGN_OR_RETURN(const Members object, in.object(member));
  RETURN_IF_ERROR(object.only({"orn"}));
  return object.text("orn", kName);
}

core::Result<std::string> id_at(const Service& service, const Members& in, std::string_view member,
                                std::string_view kind) {
  ASSIGN_OR_RETURN(const std::string orn, orn_at(in, member));
  const std::string_view id = service.names.id_of(orn, kind);
  if (id.empty())
    return bad(fmt::format("{}.orn", member), fmt::format("must be a name of this org of the kind {}", kind));
  return std::string(id);
}

// One of ours by its name; an external one, which has none, by its id.
core::Result<std::string> auth_server_at(const Service& service, const Members& in, bool external) {
  constexpr std::string_view kMember = "authorizationServer";
  ASSIGN_OR_RETURN(const Members object, in.object(kMember));
  if (external && object.has("id") && !object.has("orn")) {
    RETURN_IF_ERROR(object.only({"id"}));
    return object.text("id", {.most = 64});
  }
  return id_at(service, in, kMember, "authorization_servers");
}

// "orn:okta:idp:00o...:apps:github:0oa..." gives "github:0oa..."; empty for other names.
std::string_view app_of(const Service& service, std::string_view orn) {
  const std::string middle = fmt::format(":{}:apps:", service.names.org_id());
  const std::size_t at = orn.find(middle);
  if (!orn.starts_with("orn:") || at == std::string_view::npos) return {};
  const std::string_view app = orn.substr(at + middle.size());
  return app.find_first_of(" /") == std::string_view::npos && app.find(":service_accounts:") == app.npos
             ? app
             : std::string_view{};
}

core::Status read_app(const Service& service, const Members& in, Connection& out) {
  ASSIGN_OR_RETURN(out.app_orn, orn_at(in, "app"));
  if (app_of(service, out.app_orn).empty())
    return bad("app.orn", "must be a name of an app of this org (orn:okta:...:apps:NAME:0oa...)");
  return {};
}

core::Status read_service_account_name(const Service& service, const Members& in, Connection& out) {
  constexpr std::string_view kBefore = ":service_accounts:";
  ASSIGN_OR_RETURN(const std::string orn, orn_at(in, "serviceAccount"));
  const std::size_t at = orn.rfind(kBefore);
  if (at != std::string::npos) out.service_account = orn.substr(at + kBefore.size());
  if (out.service_account.empty() ||
      orn != service.names.service_account(app_of(service, out.app_orn), out.service_account)) {
    return bad("serviceAccount.orn", "must be a name of a service account of the app");
  }
  return {};
}

// The ids of what the body names; whether it is there is looked at later.
core::Status read_target(const Service& service, const Members& in, Connection& out) {
  switch (out.type) {
    case Type::identity_assertion_custom_as: {
      ASSIGN_OR_RETURN(out.custom_as, auth_server_at(service, in, false));
      return {};
    }
    case Type::identity_assertion_app_instance: {
      RETURN_IF_ERROR(read_app(service, in, out));
      ASSIGN_OR_RETURN(out.issuer_url, in.text("issuerUrl", {.most = 2048}));
      return check_url(service, out.issuer_url, "issuerUrl", false);
    }
    case Type::identity_assertion_mcp_server: {
      ASSIGN_OR_RETURN(out.server, id_at(service, in, "resource", "resource-servers:mcp"));
      ASSIGN_OR_RETURN(out.custom_as, auth_server_at(service, in, true));
      return {};
    }
    case Type::identity_assertion_a2a_server: {
      ASSIGN_OR_RETURN(out.agent, id_at(service, in, "resource", "resource-servers:a2a"));
      ASSIGN_OR_RETURN(out.custom_as, auth_server_at(service, in, false));
      return {};
    }
    case Type::identity_assertion_virtual_mcp_server: {
      ASSIGN_OR_RETURN(out.agent, id_at(service, in, "resource", "resource-servers:virtual-mcp"));
      ASSIGN_OR_RETURN(out.custom_as, auth_server_at(service, in, false));
      return {};
    }
    case Type::sts_access_token: {
      ASSIGN_OR_RETURN(out.settings, id_at(service, in, "resource", "client_auth_settings"));
      return {};
    }
    case Type::sts_vault_secret: {
      ASSIGN_OR_RETURN(out.secret, id_at(service, in, "secret", "secrets"));
      return {};
    }
    case Type::sts_service_account:
      RETURN_IF_ERROR(read_app(service, in, out));
      return read_service_account_name(service, in, out);
  }
  return {};
}

// RFC 6749 section 3.3.
bool is_scope(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return c >= 0x21 && c <= 0x7e && c != '"' && c != '\\'; });
}

core::Status read_scopes(const ConnectionRow& row, const Members& in, Connection& out) {
  const bool condition_given = in.has("scopeCondition");
  const bool scopes_given = in.has("scopes");
  if (!row.scopes) {
    if (!condition_given && !scopes_given) return {};
    return bad(condition_given ? "scopeCondition" : "scopes",
               fmt::format("{} connections have no scopes; the client authentication settings, or the vault, "
                           "say what is given",
                           to_string(out.type)));
  }
  if (!condition_given && !scopes_given) return {};
  if (!condition_given || !scopes_given)
    return bad(condition_given ? "scopes" : "scopeCondition", "scopeCondition and scopes go together");
  ASSIGN_OR_RETURN(const std::string text, in.text("scopeCondition"));
  const auto condition = parse_scope_condition(text);
  if (!condition) return bad("scopeCondition", "must be one of ALL_SCOPES, INCLUDE_ONLY, EXCLUDE");
  ASSIGN_OR_RETURN(auto scopes, in.optional_texts("scopes", 1, kMaxScopes));
  if (!scopes) return bad("scopes", "must have at least 1 entry");
  const bool all = *condition == Connection::Scopes::all;
  if (all && *scopes != std::vector<std::string>{"*"})
    return bad("scopes", "must be [\"*\"] where scopeCondition is ALL_SCOPES");
  for (const std::string& scope : *scopes) {
    if (!is_scope(scope) || (!all && scope == "*"))
      return bad("scopes", fmt::format("'{}' is no scope", scope));
  }
  out.scope_condition = *condition;
  out.scopes = *std::move(scopes);
  return {};
}

// ---- What it leads to ----

core::Result<McpServer> hold_server(Transaction& tx, const std::string& id, std::string location) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, id));
  if (!row) return no_such(id, "McpServer");
  ASSIGN_OR_RETURN(McpServer server, read_mcp_server(*row));
  if (server.status != Status::active)
    return not_active("the MCP server", id, to_string(server.status), std::move(location));
  return server;
}

core::Status check_custom_as(Transaction& tx, const std::string& id) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::custom_as, id));
  if (!row) return no_such(id, "AuthorizationServer");
  if (row->status != "ACTIVE")
    return not_active("the authorization server", id, row->status, "authorizationServer");
  return {};
}

core::Status check_mcp_server(Transaction& tx, const Service& service, const Connection& connection) {
  ASSIGN_OR_RETURN(const McpServer server, hold_server(tx, connection.server, "resource.orn"));
  ASSIGN_OR_RETURN(const auto linked,
                   tx.hold(Kind::mcp_auth_server, auth_server_row_id(server.id, connection.custom_as)));
  if (!linked) {
    return bad("authorizationServer",
               fmt::format("{} is none of the authorization servers of {}", connection.custom_as, server.id));
  }
  ASSIGN_OR_RETURN(const ServerCapabilities can, capabilities_of(tx, service, server));
  if (!can.connectable) return not_connectable(server.id, can.reason, "resource.orn");
  if (std::ranges::find(can.xaa, connection.custom_as) != can.xaa.end()) return {};
  const auto ability = can.by_auth_server.find(connection.custom_as);
  std::string why = ability == can.by_auth_server.end() ? std::string() : ability->second.why_not_xaa;
  if (why.empty()) why = fmt::format("the authorization server is {}", linked->status);
  return not_connectable(server.id, why, "authorizationServer");
}

core::Status check_settings(Transaction& tx, const Service& service, const Connection& connection) {
  ASSIGN_OR_RETURN(const McpServer server, hold_server(tx, connection.server, "resource.orn"));
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::client_auth_settings, connection.settings));
  if (!row) return no_such(connection.settings, "ClientAuthSettings");
  ASSIGN_OR_RETURN(const ClientAuthSettings settings, read_client_auth_settings(*row));
  if (!settings.active)
    return not_active("the client authentication settings", settings.id, "INACTIVE", "resource.orn");
  ASSIGN_OR_RETURN(const ServerCapabilities can, capabilities_of(tx, service, server));
  if (!can.connectable) return not_connectable(server.id, can.reason, "resource.orn");
  if (std::ranges::find(can.sts, settings.auth_server) != can.sts.end()) return {};
  const auto ability = can.by_auth_server.find(settings.auth_server);
  std::string why = ability == can.by_auth_server.end() ? std::string() : ability->second.why_not_sts;
  if (why.empty()) why = "its authorization server is not ACTIVE";
  return not_connectable(server.id, why, "resource.orn");
}

core::Result<WorkloadPrincipal> hold_agent(Transaction& tx, const std::string& id) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::workload_principal, id));
  if (!row) return no_such(id, "A2AServer");
  ASSIGN_OR_RETURN(WorkloadPrincipal agent, read_workload_principal(*row));
  if (agent.type != WorkloadPrincipal::Type::ai_agent || agent.resource_url.empty())
    return no_such(id, "A2AServer");
  if (agent.status != AgentStatus::active)
    return not_active("the AI agent", id, to_string(agent.status), "resource.orn");
  return agent;
}

core::Status check_a2a(Transaction& tx, const Connection& connection) {
  RETURN_IF_ERROR(check_custom_as(tx, connection.custom_as));
  // Two agents that are connected to each other at the same time: both are taken in one order.
  if (connection.owner < connection.agent)
    RETURN_IF_ERROR(tx.hold(Kind::workload_principal, connection.owner));
  RETURN_IF_ERROR(hold_agent(tx, connection.agent));
  return {};
}

core::Status check_vault(Transaction& tx, Kind kind, const std::string& id, std::string_view name,
                         std::string location) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(kind, id));
  if (!row) return no_such(id, name);
  if (row->status == "INACTIVE") return not_active("it", id, row->status, std::move(location));
  return {};
}

// The MCP server that the settings are for; where they are gone, check_target() says so.
core::Status complete(Reader& reader, Connection& connection) {
  if (connection.type != Type::sts_access_token) return {};
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::client_auth_settings, connection.settings));
  if (!row) return no_such(connection.settings, "ClientAuthSettings");
  ASSIGN_OR_RETURN(const ClientAuthSettings settings, read_client_auth_settings(*row));
  connection.server = settings.server;
  return {};
}

// Okta's, by type.
core::Result<std::string> default_indicator(Reader& reader, const Service& service,
                                            const Connection& connection) {
  switch (connection.type) {
    case Type::identity_assertion_custom_as:
      return service.names.custom_as(connection.custom_as);
    case Type::identity_assertion_app_instance:
      return connection.app_orn;
    case Type::identity_assertion_mcp_server: {
      ASSIGN_OR_RETURN(const auto row, reader.get(Kind::mcp_server, connection.server));
      if (!row) return no_such(connection.server, "McpServer");
      ASSIGN_OR_RETURN(const McpServer server, read_mcp_server(*row));
      return server.resource_url;
    }
    case Type::identity_assertion_a2a_server:
    case Type::identity_assertion_virtual_mcp_server: {
      ASSIGN_OR_RETURN(const auto row, reader.get(Kind::workload_principal, connection.agent));
      if (!row) return no_such(connection.agent, "A2AServer");
      ASSIGN_OR_RETURN(const WorkloadPrincipal agent, read_workload_principal(*row));
      return agent.resource_url;
    }
    case Type::sts_access_token:
      return service.names.client_auth_settings(connection.settings);
    case Type::sts_vault_secret:
      return service.names.vault_secret(connection.secret);
    case Type::sts_service_account:
      return service.names.service_account(app_of(service, connection.app_orn), connection.service_account);
  }
  return std::string();
}

core::Status read_indicator(Reader& reader, const Service& service, const ConnectionRow& row,
                            const Members& in, Connection& out) {
  ASSIGN_OR_RETURN(std::string otherwise, default_indicator(reader, service, out));
  if (!row.indicator) {
    if (in.has("resourceIndicator") && !in.is_null("resourceIndicator"))
      return bad("resourceIndicator",
                 fmt::format("of {} is the URL of the resource, and given", to_string(out.type)));
    out.resource_indicator = std::move(otherwise);
    return {};
  }
  ASSIGN_OR_RETURN(auto chosen, in.optional_text("resourceIndicator", {.most = 2048}));
  out.resource_indicator = chosen ? *std::move(chosen) : std::move(otherwise);
  // RFC 8707 section 2: an absolute URI without a fragment.
  const std::string& uri = out.resource_indicator;
  const bool absolute = uri.find(':') != std::string::npos && uri.find(':') > 0;
  if (!absolute || uri.find('#') != std::string::npos || !is_scope(uri))
    return bad("resourceIndicator", "must be an absolute URI without a fragment (RFC 8707)");
  return {};
}

// The broker finds a connection by its indicator, so an agent has each once. The owner is held.
core::Status check_indicator_is_new(Reader& reader, const Connection& connection) {
  if (row_of(connection.type).scopes) return {};
  ASSIGN_OR_RETURN(const auto rows, reader.list({.kind = Kind::connection, .parent = connection.owner}));
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(const Connection other, read_connection(row));
    if (other.id == connection.id || other.type != connection.type ||
        other.resource_indicator != connection.resource_indicator)
      continue;
    return duplicate(fmt::format("resourceIndicator: the connection {} has the same one.", other.id),
                     "resourceIndicator");
  }
  return {};
}

Object named(std::string_view orn, std::string_view resource_type = {}) {
  Object out;
  out["orn"] = orn;
  if (!resource_type.empty()) out["resourceType"] = resource_type;
  return out;
}

}  // namespace

std::span<const ConnectionRow> connection_types() {
  return kTypes;
}

const ConnectionRow& row_of(ConnectionType type) {
  return *std::ranges::find(kTypes, type, &ConnectionRow::type);
}

core::Status check_target(Transaction& tx, const Service& service, const Connection& connection) {
  switch (connection.type) {
    case Type::identity_assertion_custom_as:
      return check_custom_as(tx, connection.custom_as);
    case Type::identity_assertion_app_instance:
      return {};  // an app of somebody else's, which is not kept here
    case Type::identity_assertion_mcp_server:
      return check_mcp_server(tx, service, connection);
    case Type::identity_assertion_a2a_server:
      return check_a2a(tx, connection);
    case Type::identity_assertion_virtual_mcp_server:
      return no_such(connection.agent, "VirtualMcpServer");  // there are none here
    case Type::sts_access_token:
      return check_settings(tx, service, connection);
    case Type::sts_vault_secret:
      return check_vault(tx, Kind::vault_secret, connection.secret, "VaultSecret", "secret.orn");
    case Type::sts_service_account:
      return check_vault(tx, Kind::service_account, connection.service_account, "ServiceAccount",
                         "serviceAccount.orn");
  }
  return {};
}

core::Result<Connection> make_connection(Transaction& tx, const Service& service,
                                         const WorkloadPrincipal& owner, const Object& body) {
  const Members in(body);
  ASSIGN_OR_RETURN(const std::string text, in.text("connectionType"));
  const auto type = parse_connection_type(text);
  if (!type) {
    std::vector<std::string_view> names;
    names.reserve(kTypes.size());
    for (const ConnectionRow& row : kTypes) names.push_back(to_string(row.type));
    return bad("connectionType", fmt::format("must be one of {}", fmt::join(names, ", ")));
  }
  const ConnectionRow& row = row_of(*type);
  std::vector<std::string_view> known{"connectionType", "scopeCondition", "scopes", "resourceIndicator"};
  known.insert(known.end(), row.targets.begin(), row.targets.end());
  RETURN_IF_ERROR(in.only(known));

  Connection made{.id = service.new_id("mcn"), .owner = owner.id, .type = *type};
  if (row.scopes) made.scopes = {"*"};
  RETURN_IF_ERROR(read_scopes(row, in, made));
  RETURN_IF_ERROR(read_target(service, in, made));
  if (made.agent == owner.id || (!owner.server.empty() && made.server == owner.server))
    return bad("resource.orn", "a workload principal is not connected to itself");
  RETURN_IF_ERROR(complete(tx, made));
  RETURN_IF_ERROR(check_target(tx, service, made));

  ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::workload_principal, owner.id));
  if (!held) return no_such(owner.id, "AIAgent");
  RETURN_IF_ERROR(read_indicator(tx, service, row, in, made));
  RETURN_IF_ERROR(check_indicator_is_new(tx, made));
  ASSIGN_OR_RETURN(const auto there,
                   tx.list({.kind = Kind::connection, .parent = owner.id, .limit = kMaxConnections}));
  if (there.size() >= kMaxConnections) {
    return refuse(ErrorKind::conflict, "LIMIT_REACHED",
                  fmt::format("There are {} connections already, which is the most.", kMaxConnections));
  }
  return made;
}

core::Status insert_connection(Transaction& tx, Connection& connection) {
  Row row = to_row(connection);
  auto inserted = tx.insert(row);
  if (!inserted && inserted.error().code == "registry.UNIQUE_CONSTRAINT") {
    ASSIGN_OR_RETURN(const auto there, tx.find_unique(Kind::connection, row.unique));
    return duplicate(
        fmt::format("There is a connection of this type to it already{}.", there ? ": " + there->id : ""),
        "connectionType");
  }
  RETURN_IF_ERROR(inserted);
  ASSIGN_OR_RETURN(connection, read_connection(row));
  return {};
}

core::Status change_connection(Transaction& tx, const Service& service, Connection& connection,
                               const Object& patch) {
  constexpr std::array<std::string_view, 11> kFixed{
      "id",  "orn",    "connectionType", "status", "created", "issuerUrl", "resource", "authorizationServer",
      "app", "secret", "serviceAccount"};
  const Members in(patch);
  // The last two differ in a representation that is a little older.
  std::vector<std::string_view> known{"scopeCondition", "scopes", "resourceIndicator", "lastUpdated",
                                      "_links"};
  known.insert(known.end(), kFixed.begin(), kFixed.end());
  RETURN_IF_ERROR(in.only(known));
  RETURN_IF_ERROR(same_as_shown(in, show(service, connection, ""), kFixed));
  const ConnectionRow& row = row_of(connection.type);
  RETURN_IF_ERROR(read_scopes(row, in, connection));
  if (!in.has("resourceIndicator")) return {};
  RETURN_IF_ERROR(read_indicator(tx, service, row, in, connection));
  return check_indicator_is_new(tx, connection);
}

Object show_auth_server(const Service& service, std::string_view id) {
  Object out;
  if (id.starts_with("eas")) {
    out["id"] = id;
  } else {
    out["orn"] = service.names.custom_as(id);
  }
  return out;
}

Object show(const Service& service, const Connection& connection, std::string_view base) {
  Object out;
  out["id"] = connection.id;
  out["orn"] = service.names.connection(connection.id);
  out["connectionType"] = to_string(connection.type);
  out["status"] = connection.active ? "ACTIVE" : "INACTIVE";
  out["created"] = core::to_rfc3339(connection.created);
  out["lastUpdated"] = core::to_rfc3339(connection.updated);
  if (!connection.settings.empty()) {
    out["resource"] = named(service.names.client_auth_settings(connection.settings), "MCP_SERVER");
  } else if (!connection.server.empty()) {
    out["resource"] = named(service.names.mcp_server(connection.server), "MCP_SERVER");
  } else if (!connection.agent.empty()) {
    out["resource"] = named(service.names.a2a_server(connection.agent), "A2A_SERVER");
  }
  if (!connection.custom_as.empty())
    out["authorizationServer"] = show_auth_server(service, connection.custom_as);
  if (!connection.app_orn.empty()) out["app"] = named(connection.app_orn);
  if (!connection.issuer_url.empty()) out["issuerUrl"] = connection.issuer_url;
  if (!connection.secret.empty()) out["secret"] = named(service.names.vault_secret(connection.secret));
  if (!connection.service_account.empty()) {
    out["serviceAccount"] =
        named(service.names.service_account(app_of(service, connection.app_orn), connection.service_account));
  }
  if (row_of(connection.type).scopes) {
    out["scopeCondition"] = to_string(connection.scope_condition);
    Array scopes;
    scopes.reserve(connection.scopes.size());
    for (const std::string& scope : connection.scopes) scopes.emplace_back(scope);
    out["scopes"] = std::move(scopes);
  }
  out["resourceIndicator"] = connection.resource_indicator;
  out["_links"] = links_of(service, fmt::format("{}/{}", base, connection.id), connection.active);
  return out;
}

core::Status emit_connection_event(Transaction& tx, const Service& service, const Connection& connection,
                                   const WorkloadPrincipal& owner, std::string_view verb, const Actor& actor,
                                   const std::string& transaction) {
  const bool sts = !row_of(connection.type).scopes;
  Object detail;
  detail["resource_connection_type"] = sts ? "STS" : "IDENTITY_ASSERTION";
  detail["connection_type"] = to_string(connection.type);
  detail["resource_connection_status"] = verb == "delete"    ? "DELETED"
                                         : connection.active ? "ACTIVE"
                                                             : "INACTIVE";
  detail["resource_indicator"] = connection.resource_indicator;
  std::vector<EventTarget> targets;
  targets.push_back({.id = connection.id,
                     .type = "ResourceConnection",
                     .name = service.names.connection(connection.id),
                     .detail = std::move(detail)});
  targets.push_back(target_of(owner));
  const auto add = [&](const std::string& id, std::string type) {
    if (!id.empty()) targets.push_back({.id = id, .type = std::move(type)});
  };
  add(connection.server, "McpServer");
  add(connection.custom_as, "AuthServer");
  add(connection.settings, "ClientAuthSettings");
  add(connection.secret, "VaultSecret");
  add(connection.service_account, "ServiceAccount");
  add(connection.agent, "WorkloadPrincipal");
  return tx.emit({.type = fmt::format("workload_principal.resource_connection.{}", verb),
                  .actor = actor,
                  .targets = std::move(targets),
                  .transaction = transaction});
}

}  // namespace registry
