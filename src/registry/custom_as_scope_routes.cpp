// Scopes and claims of a custom authorization server.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

#include "authserver/scopes.h"
#include "registry/custom_as.h"
#include "registry/custom_as_api.h"
#include "registry/members.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::Result;
using core::json::Array;
using core::json::Object;
using net::Method;
using Takes = ApiRoute::Takes;

constexpr std::size_t kMostRows = 500;  // of each, below one server
constexpr TextRule kDescription{.least = 0, .most = 1000, .lines = true};

// Set by the authorization server itself, or with a meaning of their own (RFC 7519, 8693, 9068; Okta's
// reserved claims).
constexpr std::array<std::string_view, 26> kReservedClaims{
    "ver",      "jti",    "iss", "aud", "iat",       "exp",   "nbf",     "cid",         "uid",
    "scp",      "sub",    "act", "cnf", "client_id", "scope", "may_act", "sub_profile", "auth_time",
    "resource", "events", "sid", "acr", "amr",       "azp",   "mcn",     "ems"};

std::unexpected<core::Error> reserved_name() {
  return refuse(ErrorKind::invalid_input, "RESERVED_NAME", "The name is reserved.", "name");
}

// One of the two families of rows: how a body is read, shown and called.
struct Family {
  Kind kind;
  std::string_view path;    // "/scopes"
  std::string_view prefix;  // of ids
  std::string_view name;    // in "not found"
  std::string_view event;   // "oauth2.scope"
  // The row's name, status, unique and body from a request.
  core::Status (*read)(const Object& body, Row& row);
  bool has_status;
};

core::Status read_scope(const Object& object, Row& row) {
  const Members body(object);
  RETURN_IF_ERROR(body.only({"name", "description", "displayName", "consent", "default", "optional",
                             "metadataPublish", "system", "id", "_links"}));
  ASSIGN_OR_RETURN(const std::string name, body.text("name"));
  ASSIGN_OR_RETURN(const auto description, body.optional_text("description", kDescription));
  ASSIGN_OR_RETURN(const auto display_name, body.optional_text("displayName", {.least = 0}));
  ASSIGN_OR_RETURN(const auto consent, body.optional_choice("consent", {"IMPLICIT", "REQUIRED", "FLEXIBLE"}));
  ASSIGN_OR_RETURN(const auto is_default, body.optional_flag("default"));
  ASSIGN_OR_RETURN(const auto optional, body.optional_flag("optional"));
  ASSIGN_OR_RETURN(const auto publish,
                   body.optional_choice("metadataPublish", {"ALL_CLIENTS", "NO_CLIENTS"}));
  const auto split = authserver::split_scopes(name);
  if (!split || split->size() != 1 || split->front() != name)
    return bad("name", "must be printable ASCII without spaces, quotes and backslashes");
  if (authserver::is_openid_scope(name) || name.starts_with("okta.")) return reserved_name();
  row.name = name;
  row.body = Object{{"name", name},
                    {"description", description ? core::json::Value(*description) : nullptr},
                    {"displayName", display_name ? core::json::Value(*display_name) : nullptr},
                    {"consent", consent.value_or("IMPLICIT")},
                    {"default", is_default.value_or(false)},
                    {"optional", optional.value_or(false)},
                    {"metadataPublish", publish.value_or("NO_CLIENTS")},
                    {"system", false}};
  return {};
}

core::Status check_claim_value(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"' &&
                      value.substr(1, value.size() - 2).find_first_of("\"\\") == std::string_view::npos;
  const auto known = claim_expressions();
  if (quoted || std::ranges::find(known, value) != known.end()) return {};
  return refuse(ErrorKind::invalid_input, "UNSUPPORTED_EXPRESSION",
                fmt::format("value must be a text in double quotes, or one of: {}.", fmt::join(known, ", ")),
                "value");
}

core::Status read_claim(const Object& object, Row& row) {
  const Members body(object);
  RETURN_IF_ERROR(body.only({"name", "status", "claimType", "valueType", "value", "conditions",
                             "alwaysIncludeInToken", "system", "id", "_links"}));
  ASSIGN_OR_RETURN(const std::string name, body.text("name", {.most = 100}));
  ASSIGN_OR_RETURN(const auto status, body.optional_choice("status", {"ACTIVE", "INACTIVE"}));
  // ID tokens come from the org here, and group filters need groups.
  RETURN_IF_ERROR(body.optional_choice("claimType", {"RESOURCE"}));
  RETURN_IF_ERROR(body.optional_choice("valueType", {"EXPRESSION"}));
  ASSIGN_OR_RETURN(const std::string value, body.text("value", {.most = 1000}));
  ASSIGN_OR_RETURN(const auto always, body.optional_flag("alwaysIncludeInToken"));
  ASSIGN_OR_RETURN(const auto conditions, body.optional_object("conditions"));
  std::vector<std::string> scopes;
  if (conditions) {
    RETURN_IF_ERROR(conditions->only({"scopes"}));
    ASSIGN_OR_RETURN(auto named, conditions->optional_texts("scopes", 0, kMostRows));
    scopes = std::move(named).value_or(scopes);
  }
  if (std::ranges::find(kReservedClaims, name) != kReservedClaims.end()) return reserved_name();
  RETURN_IF_ERROR(check_claim_value(value));
  row.name = name;
  row.status = status.value_or("ACTIVE");
  row.body = Object{{"name", name},
                    {"claimType", "RESOURCE"},
                    {"valueType", "EXPRESSION"},
                    {"value", value},
                    {"conditions", Object{{"scopes", Array(scopes.begin(), scopes.end())}}},
                    {"system", false},
                    {"alwaysIncludeInToken", always.value_or(true)}};
  return {};
}

constexpr Family kScopes{Kind::as_scope, "/scopes", "scp", "OAuth2Scope", "oauth2.scope", read_scope, false};
constexpr Family kClaims{Kind::as_claim, "/claims", "ocl", "OAuth2Claim", "oauth2.claim", read_claim, true};

Object show(const ApiRequest& request, const Family& family, const Row& row) {
  Object view{{"id", row.id}};
  for (const auto& member : row.body) view[member.key()] = member.value();
  if (family.has_status) view["status"] = row.status;
  view["_links"] =
      Object{{"self", link(request.service,
                           fmt::format("{}{}/{}", custom_as_path(request.param(0)), family.path, row.id),
                           {"GET", "PUT", "DELETE"})}};
  return view;
}

core::Status tell(Transaction& tx, const ApiRequest& request, const Family& family, std::string_view verb,
                  const Row& row, const Row& server) {
  return emit(tx, request, fmt::format("{}.{}", family.event, verb),
              {{.id = row.id, .type = std::string(family.name), .name = row.name},
               {.id = server.id, .type = "AuthorizationServer", .name = server.name}});
}

template <const Family& family>
Result<rest::Reply> list(const ApiRequest& request) {
  Store& store = *request.service.store;
  RETURN_IF_ERROR(server_of_path(store, request));
  ASSIGN_OR_RETURN(const auto rows, all_rows(store, {.kind = family.kind, .parent = request.param(0)}));
  Array body;
  body.reserve(rows.size());
  for (const Row& row : rows) body.emplace_back(show(request, family, row));
  return rest::json_reply(body);
}

template <const Family& family>
Result<rest::Reply> create(const ApiRequest& request) {
  Row read{.kind = family.kind, .id = request.service.new_id(family.prefix), .parent = request.param(0)};
  RETURN_IF_ERROR(family.read(request.body, read));
  read.unique = fmt::format("{}/{}", read.parent, read.name);
  Row row;
  const core::Status done = change_below(request, [&](Transaction& tx, const Row& server) -> core::Status {
    ASSIGN_OR_RETURN(const auto there, all_rows(tx, {.kind = family.kind, .parent = server.id}));
    if (there.size() >= kMostRows) {
      return refuse(ErrorKind::conflict, "LIMIT_REACHED",
                    fmt::format("An authorization server has at most {} of these.", kMostRows));
    }
    row = read;
    RETURN_IF_ERROR(tx.insert(row));
    return tell(tx, request, family, "created", row, server);
  });
  RETURN_IF_ERROR(done);
  return rest::json_reply(show(request, family, row), 201);
}

template <const Family& family>
Result<rest::Reply> get(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const Row row, row_below(*request.service.store, family.kind, request.param(1),
                                            request.param(0), family.name));
  return rest::json_reply(show(request, family, row));
}

template <const Family& family>
Result<rest::Reply> replace(const ApiRequest& request) {
  Row row;
  const core::Status done = change_below(request, [&](Transaction& tx, const Row& server) -> core::Status {
    ASSIGN_OR_RETURN(row, row_below(tx, family.kind, request.param(1), server.id, family.name));
    RETURN_IF_ERROR(family.read(request.body, row));
    row.unique = fmt::format("{}/{}", row.parent, row.name);
    RETURN_IF_ERROR(tx.update(row));
    return tell(tx, request, family, "updated", row, server);
  });
  RETURN_IF_ERROR(done);
  return rest::json_reply(show(request, family, row));
}

template <const Family& family>
Result<rest::Reply> remove(const ApiRequest& request) {
  const core::Status done = change_below(request, [&](Transaction& tx, const Row& server) -> core::Status {
    ASSIGN_OR_RETURN(const Row row, row_below(tx, family.kind, request.param(1), server.id, family.name));
    RETURN_IF_ERROR(tx.remove(family.kind, row.id));
    return tell(tx, request, family, "deleted", row, server);
  });
  RETURN_IF_ERROR(done);
  return rest::no_content();
}

constexpr std::array<ApiRoute, 5> kScopeRoutes{{
    {Method::get, "/{authServerId}/scopes", "listOAuth2Scopes", "List scopes", list<kScopes>},
    {Method::post, "/{authServerId}/scopes", "createOAuth2Scope", "Create a scope", create<kScopes>,
     Takes::object},
    {Method::get, "/{authServerId}/scopes/{scopeId}", "getOAuth2Scope", "Retrieve a scope", get<kScopes>},
    {Method::put, "/{authServerId}/scopes/{scopeId}", "replaceOAuth2Scope", "Replace a scope",
     replace<kScopes>, Takes::object},
    {Method::delete_, "/{authServerId}/scopes/{scopeId}", "deleteOAuth2Scope", "Delete a scope",
     remove<kScopes>},
}};
constexpr std::array<ApiRoute, 5> kClaimRoutes{{
    {Method::get, "/{authServerId}/claims", "listOAuth2Claims", "List claims of access tokens",
     list<kClaims>},
    {Method::post, "/{authServerId}/claims", "createOAuth2Claim", "Create a claim of access tokens",
     create<kClaims>, Takes::object},
    {Method::get, "/{authServerId}/claims/{claimId}", "getOAuth2Claim", "Retrieve a claim", get<kClaims>},
    {Method::put, "/{authServerId}/claims/{claimId}", "replaceOAuth2Claim", "Replace a claim",
     replace<kClaims>, Takes::object},
    {Method::delete_, "/{authServerId}/claims/{claimId}", "deleteOAuth2Claim", "Delete a claim",
     remove<kClaims>},
}};

}  // namespace

void add_custom_as_scope_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kCustomAsArea, kScopeRoutes);
}

void add_custom_as_claim_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kCustomAsArea, kClaimRoutes);
}

}  // namespace registry
