// What the routes below /api/v1/authorizationServers share: one row a route, links. Shapes
// are those of Okta's management API (operations listAuthorizationServers and following); where a member
// means nothing here and ignoring it would promise something, it is refused with its name.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"
#include "rest/router.h"

namespace registry {

inline constexpr std::string_view kCustomAsApi = "/api/v1/authorizationServers";

struct CustomAsCall {
  const Service& service;
  const rest::Call& http;
  core::json::Object body{};
  Actor actor;
  std::string transaction;  // of its events

  const std::string& param(std::size_t index) const { return http.param(index); }
};

struct CustomAsRoute {
  net::Method method;
  std::string_view path;  // below kCustomAsApi
  std::string_view operation;
  std::string_view about;
  core::Result<rest::Reply> (*handle)(const CustomAsCall& call);
};
// A PUT or a POST outside of lifecycles has a body, which is an object.
void add_routes(rest::Router& router, const Service& service, std::span<const CustomAsRoute> routes);

// The routes, by area.
void add_custom_as_server_routes(rest::Router& router, const Service& service);
void add_custom_as_scope_routes(rest::Router& router, const Service& service);
void add_custom_as_claim_routes(rest::Router& router, const Service& service);
void add_custom_as_policy_routes(rest::Router& router, const Service& service);

// The server in the path; 404 when it is not there.
core::Result<Row> server_of_path(Reader& reader, const CustomAsCall& call);
// The row of that id below `parent`; 404 when it is not there, or another's.
core::Result<Row> row_below(Reader& reader, Kind kind, std::string_view id, std::string_view parent,
                            std::string_view kind_name);
// Changes something below the server in the path, which is held, and says so in its row (custom_as.h).
core::Status change_below(const CustomAsCall& call,
                          const std::function<core::Status(Transaction& tx, const Row& server)>& change);
core::Status emit(Transaction& tx, const CustomAsCall& call, std::string_view type,
                  std::vector<EventTarget> targets);

// {"href","hints":{"allow"}}
core::json::Object link(const Service& service, std::string_view path,
                        std::initializer_list<std::string_view> allow);
std::string custom_as_path(std::string_view server);

}  // namespace registry
