#include "registry/workload_principal.h"

#include <array>
#include <utility>

#include "catalogue/scim_filter.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using JsonReader = core::json::Reader;
using core::json::Value;

// Parent of the rows of AI agents, so that lists of them are without MCP servers that are clients.
constexpr std::string_view kAgents = "ai-agents";

constexpr std::array<std::pair<ConnectionType, std::string_view>, 8> kConnectionTypes{{
    {ConnectionType::identity_assertion_custom_as, "IDENTITY_ASSERTION_CUSTOM_AS"},
    {ConnectionType::identity_assertion_app_instance, "IDENTITY_ASSERTION_APP_INSTANCE"},
    {ConnectionType::identity_assertion_mcp_server, "IDENTITY_ASSERTION_MCP_SERVER"},
    {ConnectionType::identity_assertion_a2a_server, "IDENTITY_ASSERTION_A2A_SERVER"},
    {ConnectionType::identity_assertion_virtual_mcp_server, "IDENTITY_ASSERTION_VIRTUAL_MCP_SERVER"},
    {ConnectionType::sts_access_token, "STS_ACCESS_TOKEN"},
    {ConnectionType::sts_vault_secret, "STS_VAULT_SECRET"},
    {ConnectionType::sts_service_account, "STS_SERVICE_ACCOUNT"},
}};

constexpr std::array<std::pair<Connection::Scopes, std::string_view>, 3> kScopeConditions{{
    {Connection::Scopes::all, "ALL_SCOPES"},
    {Connection::Scopes::include_only, "INCLUDE_ONLY"},
    {Connection::Scopes::exclude, "EXCLUDE"},
}};

std::string_view active_name(bool active) {
  return active ? "ACTIVE" : "INACTIVE";
}

Array to_array(const std::vector<std::string>& texts) {
  Array out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

void put(Object& out, std::string_view key, const std::string& text) {
  if (!text.empty()) out[key] = text;
}
void put(Object& out, std::string_view key, const std::vector<std::string>& texts) {
  if (!texts.empty()) out[key] = to_array(texts);
}

// What put() left out is empty.
core::Result<std::string> text_at(const JsonReader& in, std::string_view key) {
  ASSIGN_OR_RETURN(auto text, in.at(key).optional_string());
  return std::move(text).value_or(std::string());
}
core::Result<std::vector<std::string>> texts_at(const JsonReader& in, std::string_view key) {
  const JsonReader member = in.at(key);
  if (!member.present()) return std::vector<std::string>{};
  return member.strings();
}
core::Result<bool> flag_at(const JsonReader& in, std::string_view key) {
  ASSIGN_OR_RETURN(const auto flag, in.at(key).optional_boolean());
  return flag.value_or(false);
}

// A body that does not read is a defect of the store, not of a request.
template <class Entity>
core::Result<Entity> stored(const Row& row, core::Result<Entity> entity) {
  if (!entity) {
    return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                      "The stored row " + row.id + " (" + std::string(to_string(row.kind)) +
                          ") cannot be read: " + entity.error().message,
                      "Another program wrote it, or the database is damaged; restore a backup.");
  }
  entity->created = row.created;
  entity->version = row.version;
  if constexpr (requires { entity->updated; }) entity->updated = row.updated;
  return entity;
}

core::Result<WorkloadPrincipal> read_principal_body(const Row& row, const JsonReader& in) {
  WorkloadPrincipal out;
  out.id = row.id;
  out.name = row.name;
  ASSIGN_OR_RETURN(const std::string type, in.at("type").string());
  out.type = type == "MCP_SERVER" ? WorkloadPrincipal::Type::mcp_server : WorkloadPrincipal::Type::ai_agent;
  out.status = row.status == to_string(AgentStatus::active)     ? AgentStatus::active
               : row.status == to_string(AgentStatus::inactive) ? AgentStatus::inactive
                                                                : AgentStatus::staged;
  ASSIGN_OR_RETURN(out.description, text_at(in, "description"));
  ASSIGN_OR_RETURN(out.server, text_at(in, "server"));
  ASSIGN_OR_RETURN(out.platform, text_at(in, "platform"));
  ASSIGN_OR_RETURN(out.external_id, text_at(in, "externalId"));
  ASSIGN_OR_RETURN(out.resource_url, text_at(in, "resourceUrl"));
  ASSIGN_OR_RETURN(out.owners, texts_at(in, "owners"));
  ASSIGN_OR_RETURN(out.auth_method, in.at("authMethod").string());
  ASSIGN_OR_RETURN(out.cimd_url, text_at(in, "cimdUrl"));
  ASSIGN_OR_RETURN(out.jwks_uri, text_at(in, "jwksUri"));
  ASSIGN_OR_RETURN(out.redirect_uris, texts_at(in, "redirectUris"));
  ASSIGN_OR_RETURN(out.dpop_required, flag_at(in, "dpopRequired"));
  return out;
}

core::Result<AgentKey> read_key_body(const Row& row, const JsonReader& in) {
  AgentKey out;
  out.id = row.id;
  out.owner = row.parent;
  out.active = row.status == active_name(true);
  ASSIGN_OR_RETURN(const Object* jwk, in.at("jwk").object());
  out.jwk = *jwk;
  return out;
}

core::Result<AgentSecret> read_secret_body(const Row& row, const JsonReader& in) {
  AgentSecret out;
  out.id = row.id;
  out.owner = row.parent;
  out.active = row.status == active_name(true);
  ASSIGN_OR_RETURN(out.hash, in.at("hash").string());
  return out;
}

core::Result<Connection> read_connection_body(const Row& row, const JsonReader& in) {
  Connection out;
  out.id = row.id;
  out.owner = row.parent;
  out.active = row.status == active_name(true);
  ASSIGN_OR_RETURN(const std::string type, in.at("type").string());
  const auto known = parse_connection_type(type);
  if (!known)
    return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable", "unknown type " + type);
  out.type = *known;
  ASSIGN_OR_RETURN(out.server, text_at(in, "server"));
  ASSIGN_OR_RETURN(out.custom_as, text_at(in, "customAs"));
  ASSIGN_OR_RETURN(out.settings, text_at(in, "settings"));
  ASSIGN_OR_RETURN(out.secret, text_at(in, "secret"));
  ASSIGN_OR_RETURN(out.service_account, text_at(in, "serviceAccount"));
  ASSIGN_OR_RETURN(out.agent, text_at(in, "agent"));
  ASSIGN_OR_RETURN(out.app_orn, text_at(in, "appOrn"));
  ASSIGN_OR_RETURN(out.issuer_url, text_at(in, "issuerUrl"));
  ASSIGN_OR_RETURN(const std::string condition, text_at(in, "scopeCondition"));
  for (const auto& [value, name] : kScopeConditions) {
    if (name == condition) out.scope_condition = value;
  }
  ASSIGN_OR_RETURN(out.scopes, texts_at(in, "scopes"));
  ASSIGN_OR_RETURN(out.resource_indicator, text_at(in, "resourceIndicator"));
  return out;
}

core::Result<DelegationLink> read_link_body(const Row& row, const JsonReader& in) {
  DelegationLink out;
  out.id = row.id;
  out.principal = row.parent;
  ASSIGN_OR_RETURN(out.client_orn, in.at("clientOrn").string());
  ASSIGN_OR_RETURN(out.client, in.at("client").string());
  ASSIGN_OR_RETURN(out.id_token, flag_at(in, "idToken"));
  ASSIGN_OR_RETURN(out.resource_orn, in.at("resourceOrn").string());
  ASSIGN_OR_RETURN(out.custom_as, text_at(in, "customAs"));
  return out;
}

// What makes a connection the same as another one of its owner.
std::string target_of_connection(const Connection& connection) {
  std::string out = connection.owner + "|" + std::string(to_string(connection.type));
  for (const std::string* part :
       {&connection.server, &connection.custom_as, &connection.settings, &connection.secret,
        &connection.service_account, &connection.agent, &connection.app_orn, &connection.issuer_url}) {
    out += "|" + *part;
  }
  return out;
}

}  // namespace

std::string_view to_string(AgentStatus status) {
  switch (status) {
    case AgentStatus::staged:
      return "STAGED";
    case AgentStatus::active:
      return "ACTIVE";
    case AgentStatus::inactive:
      return "INACTIVE";
  }
  return "";
}

std::string_view to_string(WorkloadPrincipal::Type type) {
  return type == WorkloadPrincipal::Type::ai_agent ? "AI_AGENT" : "MCP_SERVER";
}

std::string_view to_string(ConnectionType type) {
  for (const auto& [value, name] : kConnectionTypes) {
    if (value == type) return name;
  }
  return "";
}

std::optional<ConnectionType> parse_connection_type(std::string_view text) {
  for (const auto& [value, name] : kConnectionTypes) {
    if (name == text) return value;
  }
  return std::nullopt;
}

std::string_view to_string(Connection::Scopes condition) {
  for (const auto& [value, name] : kScopeConditions) {
    if (value == condition) return name;
  }
  return "";
}

std::optional<Connection::Scopes> parse_scope_condition(std::string_view text) {
  for (const auto& [value, name] : kScopeConditions) {
    if (name == text) return value;
  }
  return std::nullopt;
}

Row to_row(const WorkloadPrincipal& principal) {
  const bool agent = principal.type == WorkloadPrincipal::Type::ai_agent;
  Row row{.kind = Kind::workload_principal, .id = principal.id};
  row.parent = agent ? std::string(kAgents) : principal.server;
  row.unique = agent ? "name:" + catalogue::fold_case(principal.name) : "server:" + principal.server;
  row.status = to_string(principal.status);
  row.name = principal.name;
  row.refs = principal.owners;
  if (!principal.server.empty()) row.refs.push_back(principal.server);
  row.body["type"] = to_string(principal.type);
  put(row.body, "description", principal.description);
  put(row.body, "server", principal.server);
  put(row.body, "platform", principal.platform);
  put(row.body, "externalId", principal.external_id);
  put(row.body, "resourceUrl", principal.resource_url);
  put(row.body, "owners", principal.owners);
  row.body["authMethod"] = principal.auth_method;
  put(row.body, "cimdUrl", principal.cimd_url);
  put(row.body, "jwksUri", principal.jwks_uri);
  put(row.body, "redirectUris", principal.redirect_uris);
  if (principal.dpop_required) row.body["dpopRequired"] = true;
  row.version = principal.version;
  row.created = principal.created;
  row.updated = principal.updated;
  return row;
}

Row to_row(const AgentKey& key) {
  Row row{.kind = Kind::jwk, .id = key.id, .parent = key.owner};
  row.unique = key.owner + "|" + std::string(core::json::string_or_empty(key.jwk, "kid"));
  row.status = active_name(key.active);
  row.body["jwk"] = key.jwk;
  row.version = key.version;
  row.created = key.created;
  row.updated = key.updated;
  return row;
}

Row to_row(const AgentSecret& secret) {
  Row row{.kind = Kind::client_secret, .id = secret.id, .parent = secret.owner};
  row.status = active_name(secret.active);
  row.body["hash"] = secret.hash;
  row.version = secret.version;
  row.created = secret.created;
  row.updated = secret.updated;
  return row;
}

Row to_row(const Connection& connection) {
  Row row{.kind = Kind::connection, .id = connection.id, .parent = connection.owner};
  row.unique = target_of_connection(connection);
  row.status = active_name(connection.active);
  for (const std::string* id : {&connection.server, &connection.custom_as, &connection.settings,
                                &connection.secret, &connection.service_account, &connection.agent}) {
    if (!id->empty()) row.refs.push_back(*id);
  }
  row.body["type"] = to_string(connection.type);
  put(row.body, "server", connection.server);
  put(row.body, "customAs", connection.custom_as);
  put(row.body, "settings", connection.settings);
  put(row.body, "secret", connection.secret);
  put(row.body, "serviceAccount", connection.service_account);
  put(row.body, "agent", connection.agent);
  put(row.body, "appOrn", connection.app_orn);
  put(row.body, "issuerUrl", connection.issuer_url);
  row.body["scopeCondition"] = to_string(connection.scope_condition);
  put(row.body, "scopes", connection.scopes);
  put(row.body, "resourceIndicator", connection.resource_indicator);
  row.version = connection.version;
  row.created = connection.created;
  row.updated = connection.updated;
  return row;
}

Row to_row(const DelegationLink& link) {
  Row row{.kind = Kind::delegation_link, .id = link.id, .parent = link.principal};
  row.unique = link.principal + "|" + (link.id_token ? "ID_TOKEN" : "ACCESS_TOKEN") + "|" + link.client_orn;
  row.refs = {link.principal, link.client};
  row.body["clientOrn"] = link.client_orn;
  row.body["client"] = link.client;
  if (link.id_token) row.body["idToken"] = true;
  row.body["resourceOrn"] = link.resource_orn;
  put(row.body, "customAs", link.custom_as);
  row.version = link.version;
  row.created = link.created;
  return row;
}

core::Result<WorkloadPrincipal> read_workload_principal(const Row& row) {
  const Value body(row.body);
  return stored(row, read_principal_body(row, JsonReader(body)));
}
core::Result<AgentKey> read_agent_key(const Row& row) {
  const Value body(row.body);
  return stored(row, read_key_body(row, JsonReader(body)));
}
core::Result<AgentSecret> read_agent_secret(const Row& row) {
  const Value body(row.body);
  return stored(row, read_secret_body(row, JsonReader(body)));
}
core::Result<Connection> read_connection(const Row& row) {
  const Value body(row.body);
  return stored(row, read_connection_body(row, JsonReader(body)));
}
core::Result<DelegationLink> read_delegation_link(const Row& row) {
  const Value body(row.body);
  return stored(row, read_link_body(row, JsonReader(body)));
}

}  // namespace registry
