// What acts: AI agents, and MCP servers that are clients of others. With their keys, secrets, connections and
// delegation links.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"
#include "registry/store.h"

namespace registry {

enum class AgentStatus { staged, active, inactive };
std::string_view to_string(AgentStatus status);  // "STAGED"

struct WorkloadPrincipal {
  std::string id;  // wlp...; also its client_id, unless cimd_url is set
  enum class Type { ai_agent, mcp_server } type = Type::ai_agent;
  AgentStatus status = AgentStatus::staged;
  std::string name;  // agents: unique, at least 3 characters
  std::string description{};
  std::string server{};               // mcp_server: ems...
  std::string platform{};             // "AWS_BEDROCK_AGENTCORE", for people
  std::string external_id{};          // there
  std::string resource_url{};         // the agent's own, where others call it; written once
  std::vector<std::string> owners{};  // ids of users
  // How it authenticates: none, client_secret_basic, client_secret_post, private_key_jwt. A CIMD agent's
  // keys come from its document.
  std::string auth_method = "private_key_jwt";
  std::string cimd_url{};                    // client_id metadata document; then that URL is the client_id
  std::string jwks_uri{};                    // keys that are fetched, beside those stored
  std::vector<std::string> redirect_uris{};  // of its sign-on app: where persons come back to
  bool dpop_required = false;
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;

  const std::string& client_id() const { return cimd_url.empty() ? id : cimd_url; }
};
std::string_view to_string(WorkloadPrincipal::Type type);  // "AI_AGENT", "MCP_SERVER"

struct AgentKey {
  std::string id;     // pks...
  std::string owner;  // wlp...
  bool active = true;
  core::json::Object jwk;  // public: kty, n, e | crv, x, y; use, alg, kid
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};

struct AgentSecret {
  std::string id;     // ocs...
  std::string owner;  // wlp...
  bool active = true;
  std::string hash;  // authserver::hash_secret()
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};

enum class ConnectionType {
  identity_assertion_custom_as,
  identity_assertion_app_instance,
  identity_assertion_mcp_server,
  identity_assertion_a2a_server,
  identity_assertion_virtual_mcp_server,
  sts_access_token,
  sts_vault_secret,
  sts_service_account,
};
std::string_view to_string(ConnectionType type);  // "IDENTITY_ASSERTION_CUSTOM_AS"
std::optional<ConnectionType> parse_connection_type(std::string_view text);

// What a workload principal may get tokens for.
struct Connection {
  std::string id;     // mcn...
  std::string owner;  // wlp...
  ConnectionType type{};
  bool active = true;
  // What it leads to, by type; the others are empty. Ids, which are Row::refs too.
  std::string server{};     // ems...: identity_assertion_mcp_server, and of the settings
  std::string custom_as{};  // aus...: identity_assertion_custom_as, _mcp_server (or eas...), _a2a_server
  std::string settings{};   // rsc...: sts_access_token
  std::string secret{};     // sts_vault_secret
  std::string service_account{};  // sts_service_account
  std::string agent{};            // wlp...: identity_assertion_a2a_server
  std::string app_orn{};          // identity_assertion_app_instance, sts_service_account
  std::string issuer_url{};       // identity_assertion_app_instance
  enum class Scopes { all, include_only, exclude } scope_condition = Scopes::all;
  std::vector<std::string> scopes{};  // "*" for all
  std::string resource_indicator;     // what `resource` must be, byte for byte
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};

std::string_view to_string(Connection::Scopes condition);  // "INCLUDE_ONLY"
std::optional<Connection::Scopes> parse_scope_condition(std::string_view text);

// Which client may hand its token to which workload principal.
struct DelegationLink {
  std::string id;            // dlk...
  std::string client_orn;    // from
  std::string client;        // its id
  bool id_token = false;     // else access tokens
  std::string resource_orn;  // to: a workload principal
  std::string principal;     // its id
  std::string custom_as{};   // inferred from the resource; may be empty
  core::WallTime created{};
  std::int64_t version = 0;
};

Row to_row(const WorkloadPrincipal& principal);
Row to_row(const AgentKey& key);
Row to_row(const AgentSecret& secret);
Row to_row(const Connection& connection);
Row to_row(const DelegationLink& link);
core::Result<WorkloadPrincipal> read_workload_principal(const Row& row);
core::Result<AgentKey> read_agent_key(const Row& row);
core::Result<AgentSecret> read_agent_secret(const Row& row);
core::Result<Connection> read_connection(const Row& row);
core::Result<DelegationLink> read_delegation_link(const Row& row);

}  // namespace registry
