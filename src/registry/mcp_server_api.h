// What the routes under /resource-servers/api/v1 have in common.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "registry/api.h"
#include "registry/capabilities.h"
#include "registry/mcp_server.h"
#include "registry/service.h"
#include "registry/store.h"
#include "rest/router.h"

namespace registry {

inline constexpr std::string_view kResourceServers = "/resource-servers/api/v1";
inline constexpr std::string_view kReadServers = "okta.resourceServers.mcpServers.read";
inline constexpr std::string_view kManageServers = "okta.resourceServers.mcpServers.manage";
inline constexpr ApiArea kServersArea{.base = "/resource-servers/api/v1/mcp-servers",
                                      .tag = "McpServers",
                                      .read = kReadServers,
                                      .manage = kManageServers};

core::Result<McpServer> get_server(Reader& reader, std::string_view id);
core::Result<McpServer> hold_server(Transaction& tx, std::string_view id);
core::Result<McpAuthServer> get_auth_server(Reader& reader, std::string_view server, std::string_view id);
core::Result<McpAuthServer> hold_auth_server(Transaction& tx, std::string_view server, std::string_view id);

// Where a server is found, and its state, as the result of an operation.
std::string server_href(const Service& service, std::string_view id);
std::string auth_server_href(const Service& service, const McpAuthServer& auth_server);

// Something about the server was supplied or changed: it is validated now, without an operation.
core::Status schedule_validation(Transaction& tx, const Service& service, std::string_view server);

core::json::Object show(const Service& service, const McpAuthServer& auth_server,
                        const AuthServerCapabilities& capabilities);

// {"rel":{"href":...,"hints":{"allow":["POST"]}}}, put into `links`.
void add_link(core::json::Object& links, std::string_view relation, std::string href,
              std::string_view method);

void add_auth_server_routes(rest::Router& router, const Service& service);

}  // namespace registry
