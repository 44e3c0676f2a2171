// Resource connections: what a workload principal may get tokens for. One row of a table says what each of
// the eight types takes; the rules are Okta's (REST reference of managed connections, Agent Gateway guide).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/workload_principal.h"

namespace registry {

struct ConnectionRow {
  ConnectionType type;
  bool scopes;     // scopeCondition and scopes; the others refuse both
  bool indicator;  // resourceIndicator may be chosen
  // Members of the create body that say what it leads to, besides connectionType.
  std::span<const std::string_view> targets;
};
std::span<const ConnectionRow> connection_types();
const ConnectionRow& row_of(ConnectionType type);

// A connection of `owner` from a create body, its target and the owner held and looked at. Not stored yet.
//
// Errors: registry.INVALID_FORMAT (invalid_input: a member, or a name of another kind of resource), not_found
// (what it leads to), conflicts that name the state: registry.RESOURCE_NOT_ACTIVE,
// registry.NOT_CONNECTABLE (an MCP server, or not by this authorization server),
// registry.DUPLICATE_CONNECTION.
core::Result<Connection> make_connection(Transaction& tx, const Service& service,
                                         const WorkloadPrincipal& owner, const core::json::Object& body);

// That what it leads to may be connected, as make_connection() demands it; held as there. For activation.
core::Status check_target(Transaction& tx, const Service& service, const Connection& connection);

// Stores a new one. Error registry.DUPLICATE_CONNECTION.
core::Status insert_connection(Transaction& tx, Connection& connection);

// A merge patch: scopeCondition with scopes, and resourceIndicator (null: the default again). Anything else
// is refused: registry.IMMUTABLE_PROPERTY, registry.INVALID_FORMAT.
core::Status change_connection(Transaction& tx, const Service& service, Connection& connection,
                               const core::json::Object& patch);

// Of identity_assertion_mcp_server: what its authorization server is called, {"orn"} of ours or {"id"}.
core::json::Object show_auth_server(const Service& service, std::string_view id);

// As the API shows it. `base` is the path of the collection that it is in.
core::json::Object show(const Service& service, const Connection& connection, std::string_view base);

// "workload_principal.resource_connection." + verb.
core::Status emit_connection_event(Transaction& tx, const Service& service, const Connection& connection,
                                   const WorkloadPrincipal& owner, std::string_view verb, const Actor& actor,
                                   const std::string& transaction);

}  // namespace registry
