// What the routes below /workload-principals/api/v1 share: one row a route, one adapter to room rest, pages.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/scim_filter.h"
#include "core/json.h"
#include "core/result.h"
#include "registry/agent_states.h"
#include "registry/api.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/workload_principal.h"
#include "rest/paging.h"
#include "rest/router.h"

namespace registry {

inline constexpr std::string_view kWorkloadApi = "/workload-principals/api/v1";

// A request whose outer form is checked.
struct WorkloadRequest {
  const Service& service;
  const rest::Call& call;
  core::json::Object body{};
  rest::Page page{};  // of lists
  Actor actor;
  std::string transaction;  // of its events

  const std::string& param(std::size_t index) const { return call.param(index); }
};

struct WorkloadRoute {
  enum class Takes { nothing, object, optional_object, merge_patch, page };

  net::Method method;
  std::string_view path;  // below kWorkloadApi, or absolute where it is elsewhere
  std::string_view operation;
  bool changes;  // needs okta.aiAgents.manage, else okta.aiAgents.read
  std::string_view about;
  Takes takes;
  core::Result<rest::Reply> (*handle)(const WorkloadRequest& request);
};
void add_routes(rest::Router& router, const Service& service, std::string_view tag,
                std::span<const WorkloadRoute> routes);

// The routes, by area.
void add_agent_routes(rest::Router& router, const Service& service);
void add_credential_routes(rest::Router& router, const Service& service);
void add_connection_routes(rest::Router& router, const Service& service);
void add_delegation_link_routes(rest::Router& router, const Service& service);
void add_owner_routes(rest::Router& router, const Service& service);
void add_oauth_client_routes(rest::Router& router, const Service& service);

// "Not found: Resource not found: wlp1 (AIAgent)".
std::unexpected<core::Error> not_found(std::string_view id, std::string_view kind);

// {"data":[...],"_links":{"self","next"}} and the same as Link headers. `next_after` is empty on the last
// page.
rest::Reply page_reply(const WorkloadRequest& request, core::json::Array data, std::string_view next_after);

// One transaction that gives the answer; it may run more than once (Store::transaction()).
core::Result<rest::Reply> in_transaction(const WorkloadRequest& request,
                                         const std::function<core::Result<rest::Reply>(Transaction&)>& work);

// The rows of `query` that `fits` (empty: all) lets through, one more than the page holds, from the page's
// cursor on.
core::Result<std::vector<Row>> rows_of_page(Reader& reader, const rest::Page& page, Query query,
                                            const std::function<core::Result<bool>(const Row&)>& fits = {});
// Shows the rows of a page; cuts the one too many, whose predecessor is the cursor.
core::Result<rest::Reply> show_page(const WorkloadRequest& request, std::vector<Row> rows,
                                    const std::function<core::Result<core::json::Object>(const Row&)>& show);

// `filter`, or `search`, whichever is there. Errors: registry.INVALID_FILTER.
core::Result<std::optional<catalogue::BoundFilter>> read_filter(
    const rest::Call& call, const catalogue::FilterCapabilities& capabilities);
// The value of `path eq "..."` where the filter demands it (alone, or joined by `and`).
std::optional<std::string> demanded(const catalogue::BoundFilter& filter, std::string_view path);

// ?revoke=true, or {"revoke":true}: whether tokens issued so far are taken back, too.
core::Result<bool> wants_revocation(const WorkloadRequest& request);

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
core::Result<WorkloadPrincipal> principal_of_path(Reader& reader, const WorkloadRequest& request);
core::Result<WorkloadPrincipal> hold_principal_of_path(Transaction& tx, const WorkloadRequest& request);
// The path of the collection: "/workload-principals/api/v1/ai-agents/wlp.../NAME".
std::string collection_path(const WorkloadRequest& request, std::string_view name);

}  // namespace registry
