// What the routes below /api/v1/authorizationServers share. Shapes are those of Okta's management API
// (operations listAuthorizationServers and following); where a member means nothing here and ignoring it
// would promise something, it is refused with its name.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "registry/api.h"
#include "registry/service.h"
#include "registry/store.h"
#include "rest/router.h"

namespace registry {

inline constexpr std::string_view kCustomAsApi = "/api/v1/authorizationServers";
inline constexpr ApiArea kCustomAsArea{.base = kCustomAsApi,
                                       .tag = "AuthorizationServer",
                                       .read = "okta.authorizationServers.read",
                                       .manage = "okta.authorizationServers.manage"};

// The routes, by area.
void add_custom_as_server_routes(rest::Router& router, const Service& service);
void add_custom_as_scope_routes(rest::Router& router, const Service& service);
void add_custom_as_claim_routes(rest::Router& router, const Service& service);
void add_custom_as_policy_routes(rest::Router& router, const Service& service);

// The server in the path; 404 when it is not there.
core::Result<Row> server_of_path(Reader& reader, const ApiRequest& request);
// The row of that id below `parent`; 404 when it is not there, or another's.
core::Result<Row> row_below(Reader& reader, Kind kind, std::string_view id, std::string_view parent,
                            std::string_view kind_name);
// Changes something below the server in the path, which is held, and says so in its row (custom_as.h).
core::Status change_below(const ApiRequest& request,
                          const std::function<core::Status(Transaction& tx, const Row& server)>& change);
core::Status emit(Transaction& tx, const ApiRequest& request, std::string_view type,
                  std::vector<EventTarget> targets);

// {"href","hints":{"allow"}}
core::json::Object link(const Service& service, std::string_view path,
                        std::initializer_list<std::string_view> allow);
std::string custom_as_path(std::string_view server);

}  // namespace registry
