// The org authorization server and the custom ones as values of room authserver. Inside the token service
// only.
#pragma once

#include <string>
#include <string_view>

#include "authserver/server.h"
#include "core/result.h"
#include "registry/org_tokens.h"
#include "registry/service.h"
#include "registry/token_cache.h"
#include "registry/workload_principal.h"

namespace registry {

// Claims of our access tokens beside Okta's: the connection and the MCP server that one came through.
inline constexpr std::string_view kConnectionClaim = "mcn";
inline constexpr std::string_view kServerClaim = "ems";

// Without grants. `records` and what `service` and `options` hold outlive them.
authserver::Server org_server(const Service& service, const TokenOptions& options, const ServerKeys& keys,
                              authserver::Store& records);
authserver::Server custom_server(const Service& service, const TokenOptions& options,
                                 const CustomAsView& view, const ServerKeys& keys,
                                 authserver::Store& records);

// A client of this org: a workload principal, or one of TokenOptions.
core::Result<std::optional<authserver::Client>> find_token_client(const Service& service,
                                                                  const TokenOptions& options,
                                                                  TokenCache& cache, std::string_view id);

// Where a workload principal is itself called, so that it knows tokens that are meant for it: an agent's
// resource URL, or that of the MCP server; empty: nowhere.
core::Result<std::string> resource_of(Reader& reader, const WorkloadPrincipal& principal);

}  // namespace registry
