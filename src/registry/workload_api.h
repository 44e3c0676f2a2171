// What the routes below /workload-principals/api/v1 share.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "catalogue/scim_filter.h"
#include "core/json.h"
#include "core/result.h"
#include "registry/agent_states.h"
#include "registry/api.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/workload_principal.h"
#include "rest/router.h"

namespace registry {

inline constexpr std::string_view kWorkloadApi = "/workload-principals/api/v1";
inline constexpr std::string_view kReadAgents = "okta.aiAgents.read";
inline constexpr std::string_view kManageAgents = "okta.aiAgents.manage";

// The routes, by area.
void add_agent_routes(rest::Router& router, const Service& service);
void add_credential_routes(rest::Router& router, const Service& service);
void add_connection_routes(rest::Router& router, const Service& service);
void add_delegation_link_routes(rest::Router& router, const Service& service);
void add_owner_routes(rest::Router& router, const Service& service);
void add_oauth_client_routes(rest::Router& router, const Service& service);

// One transaction that gives the answer; it may run more than once (Store::transaction()).
core::Result<rest::Reply> in_transaction(const ApiRequest& request,
                                         const std::function<core::Result<rest::Reply>(Transaction&)>& work);

// `filter`, or `search`, whichever is there. Errors: registry.INVALID_FILTER.
core::Result<std::optional<catalogue::BoundFilter>> read_filter(
    const rest::Call& call, const catalogue::FilterCapabilities& capabilities);
// The value of `path eq "..."` where the filter demands it (alone, or joined by `and`).
std::optional<std::string> demanded(const catalogue::BoundFilter& filter, std::string_view path);

// The row of a credential, a connection and the like that is in the path of its principal; 404 when it is
// not there, or another's.
core::Result<Row> row_of_path(Reader& reader, Kind kind, std::string_view id, const WorkloadPrincipal& owner,
                              std::string_view kind_name);
core::Result<Row> hold_row_of_path(Transaction& tx, Kind kind, std::string_view id,
                                   const WorkloadPrincipal& owner, std::string_view kind_name);

// {"self":{"href"}} and a link for each verb that the state of a credential or a connection allows.
core::json::Object links_of(const Service& service, std::string_view path, bool active);

// Of the path: an AI agent ("/ai-agents/{id}/...") or the OAuth client of an MCP server
// ("/mcp-servers/{id}/..."). 404 when there is none.
core::Result<WorkloadPrincipal> principal_of_path(Reader& reader, const ApiRequest& request);
core::Result<WorkloadPrincipal> hold_principal_of_path(Transaction& tx, const ApiRequest& request);
// The path of the collection: "/workload-principals/api/v1/ai-agents/wlp.../NAME".
std::string collection_path(const ApiRequest& request, std::string_view name);

}  // namespace registry
