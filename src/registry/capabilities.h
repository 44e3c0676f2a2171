// What an MCP server can be used for: XAA (ID-JAGs, by an Okta custom authorization server or by an external
// one that was allowed to) and STS (brokered consent, by an external one with a client registration).
//
// Computed from what is stored, never stored itself, so that it is right in the moment it is asked for. Reads
// of a Transaction make it right for the transaction.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "registry/mcp_server.h"
#include "registry/service.h"
#include "registry/store.h"

namespace registry {

// Of one authorization server, whatever its state; the reasons are for people, empty where the ability is
// there.
struct AuthServerCapabilities {
  bool xaa = false;
  bool sts = false;
  std::string why_not_xaa{};
  std::string why_not_sts{};
  // What it needs to be complete, each as "the token endpoint" (for PENDING servers).
  std::vector<std::string> missing{};
};

struct ServerCapabilities {
  std::map<std::string, AuthServerCapabilities> by_auth_server{};  // by id (eas..., aus...)
  // At least one ACTIVE authorization server supports XAA or STS.
  bool connectable = false;
  std::string reason{};  // either way, for people
  // Ids of the ACTIVE authorization servers that do.
  std::vector<std::string> xaa{};
  std::vector<std::string> sts{};
  // What keeps a PENDING server from being complete. Empty as soon as one authorization server, whatever its
  // state, has everything.
  std::vector<std::string> missing{};
};

core::Result<ServerCapabilities> capabilities_of(Reader& reader, const Service& service,
                                                 const McpServer& server);

// Of one authorization server.
core::Result<AuthServerCapabilities> capabilities_of(Reader& reader, const Service& service,
                                                     const McpAuthServer& auth_server);

// All authorization servers of an MCP server, and all client registrations for one of them.
core::Result<std::vector<McpAuthServer>> auth_servers_of(Reader& reader, std::string_view server);
core::Result<std::vector<ClientAuthSettings>> settings_of(Reader& reader, std::string_view server,
                                                          std::string_view auth_server);

// The row id of an authorization server: "ems.../eas...".
std::string auth_server_row_id(std::string_view server, std::string_view auth_server);

}  // namespace registry
