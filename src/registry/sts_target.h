// What the `resource` of a token request leads to, as it stands now. Inside the STS broker only.
#pragma once

#include <optional>
#include <string_view>

#include "core/result.h"
#include "registry/mcp_server.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/workload_principal.h"

namespace registry {

struct StsTarget {
  WorkloadPrincipal principal;
  Connection connection;
  ClientAuthSettings settings;
  McpAuthServer auth_server;
  McpServer server;
};

// The ACTIVE connection of that type whose resource indicator is `resource`, byte for byte.
core::Result<std::optional<Connection>> find_connection(Reader& reader, std::string_view principal,
                                                        ConnectionType type, std::string_view resource);

// nullopt unless all of it may be used now: principal and connection, settings (with a secret that has not
// expired), authorization server and MCP server are ACTIVE, and the authorization server supports STS.
core::Result<std::optional<StsTarget>> resolve_target(Reader& reader, const Service& service,
                                                      const Connection& connection);
// The same by the connection's id.
core::Result<std::optional<StsTarget>> resolve_target(Reader& reader, const Service& service,
                                                      std::string_view connection);

Actor actor_of(const WorkloadPrincipal& principal);
// The parts of the target, for events.
std::vector<EventTarget> event_targets(const StsTarget& target);

}  // namespace registry
