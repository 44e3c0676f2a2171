// Access policies of a custom authorization server and their rules: who gets tokens by which grant.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "authserver/jwt_bearer.h"
#include "authserver/token_exchange.h"
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

constexpr std::size_t kMostSiblings = 100;  // policies of a server, rules of a policy
constexpr std::size_t kMostListed = 500;    // clients, people, scopes of one condition

// {NAME:{"include":[...]}} inside `conditions`, with `exclude` where it is allowed.
Result<Object> lists_of(const Members& conditions, std::string_view name, bool may_exclude) {
  ASSIGN_OR_RETURN(const auto member, conditions.optional_object(name));
  if (!member) return Object{};
  RETURN_IF_ERROR(may_exclude ? member->only({"include", "exclude"}) : member->only({"include"}));
  Object lists;
  for (const char* list : {"include", "exclude"}) {
    ASSIGN_OR_RETURN(const auto texts, member->optional_texts(list, 0, kMostListed));
    if (texts) lists[list] = Array(texts->begin(), texts->end());
  }
  return lists;
}

Result<Object> demanded_lists(const Members& conditions, std::string_view name) {
  ASSIGN_OR_RETURN(Object lists, lists_of(conditions, name, false));
  const auto* include = lists.if_contains("include");
  const std::string path = fmt::format("{}.include", conditions.path_of(name));
  if (include == nullptr) return required(path);
  if (include->get_array().empty()) return bad(path, "must name at least one");
  return lists;
}

core::Status read_common(const Members& body, std::string_view type, Row& row) {
  ASSIGN_OR_RETURN(const std::string name, body.text("name", {.most = 100}));
  RETURN_IF_ERROR(body.optional_choice("type", {type}));
  ASSIGN_OR_RETURN(const auto status, body.optional_choice("status", {"ACTIVE", "INACTIVE"}));
  ASSIGN_OR_RETURN(const auto priority,
                   body.optional_integer("priority", 1, static_cast<std::int64_t>(kMostSiblings)));
  row.name = name;
  if (status) row.status = *status;
  row.body["name"] = name;
  row.body["system"] = false;
  if (priority) row.body["priority"] = *priority;
  return {};
}

core::Status read_policy(const Object& object, Row& row) {
  const Members body(object);
  RETURN_IF_ERROR(body.only({"type", "name", "description", "priority", "status", "conditions", "system",
                             "id", "created", "lastUpdated", "_links"}));
  RETURN_IF_ERROR(read_common(body, "OAUTH_AUTHORIZATION_POLICY", row));
  ASSIGN_OR_RETURN(const auto description,
                   body.optional_text("description", {.least = 0, .most = 1000, .lines = true}));
  ASSIGN_OR_RETURN(const Members conditions, body.object("conditions"));
  RETURN_IF_ERROR(conditions.only({"clients"}));
  ASSIGN_OR_RETURN(Object clients, demanded_lists(conditions, "clients"));
  row.body["description"] = description.value_or("");
  row.body["conditions"] = Object{{"clients", std::move(clients)}};
  return {};
}

core::Status check_grants(const Object& grants) {
  constexpr std::array<std::string_view, 3> kGrants{authserver::kClientCredentials,
                                                    authserver::kTokenExchange, authserver::kJwtBearer};
  // Okta's others are let in, so that its bodies are taken; nobody here asks for them.
  constexpr std::array<std::string_view, 5> kOthers{"authorization_code", "implicit", "password",
                                                    "urn:ietf:params:oauth:grant-type:device_code",
                                                    "urn:openid:params:grant-type:ciba"};
  for (const auto& grant : grants.at("include").get_array()) {
    const std::string_view name = grant.get_string();
    if (std::ranges::find(kGrants, name) == kGrants.end() &&
        std::ranges::find(kOthers, name) == kOthers.end()) {
      return bad("conditions.grantTypes.include", fmt::format("{} is no grant type", name));
    }
  }
  return {};
}

Result<Object> read_people(const Members& conditions) {
  ASSIGN_OR_RETURN(const auto people, conditions.optional_object("people"));
  if (!people) return Object{};
  RETURN_IF_ERROR(people->only({"users", "groups"}));
  ASSIGN_OR_RETURN(Object users, lists_of(*people, "users", true));
  ASSIGN_OR_RETURN(Object groups, lists_of(*people, "groups", false));
  return Object{{"users", std::move(users)}, {"groups", std::move(groups)}};
}

// Lifetimes; Okta's limits (5 minutes to 24 hours).
Result<Object> read_actions(const Members& body) {
  Object token{{"accessTokenLifetimeMinutes", 60},
               {"refreshTokenLifetimeMinutes", 0},
               {"refreshTokenWindowMinutes", 10080}};
  ASSIGN_OR_RETURN(const auto actions, body.optional_object("actions"));
  if (!actions) return Object{{"token", std::move(token)}};
  RETURN_IF_ERROR(actions->only({"token"}));
  ASSIGN_OR_RETURN(const auto given, actions->optional_object("token"));
  if (!given) return Object{{"token", std::move(token)}};
  RETURN_IF_ERROR(given->only(
      {"accessTokenLifetimeMinutes", "refreshTokenLifetimeMinutes", "refreshTokenWindowMinutes"}));
  ASSIGN_OR_RETURN(const auto access, given->optional_integer("accessTokenLifetimeMinutes", 5, 1440));
  // Nothing here gives refresh tokens for resources (the ID-JAG draft says they should not be).
  constexpr std::int64_t kFiveYears = std::int64_t{5} * 365 * 24 * 60;
  ASSIGN_OR_RETURN(const auto refresh, given->optional_integer("refreshTokenLifetimeMinutes", 0, kFiveYears));
  ASSIGN_OR_RETURN(const auto window, given->optional_integer("refreshTokenWindowMinutes", 0, kFiveYears));
  if (access) token["accessTokenLifetimeMinutes"] = *access;
  if (refresh) token["refreshTokenLifetimeMinutes"] = *refresh;
  if (window) token["refreshTokenWindowMinutes"] = *window;
  return Object{{"token", std::move(token)}};
}

core::Status read_rule(const Object& object, Row& row) {
  const Members body(object);
  RETURN_IF_ERROR(body.only({"type", "name", "priority", "status", "conditions", "actions", "system", "id",
                             "created", "lastUpdated", "_links"}));
  RETURN_IF_ERROR(read_common(body, "RESOURCE_ACCESS", row));
  ASSIGN_OR_RETURN(const Members conditions, body.object("conditions"));
  RETURN_IF_ERROR(conditions.only({"people", "grantTypes", "scopes"}));
  ASSIGN_OR_RETURN(Object grants, demanded_lists(conditions, "grantTypes"));
  RETURN_IF_ERROR(check_grants(grants));
  ASSIGN_OR_RETURN(Object scopes, demanded_lists(conditions, "scopes"));
  ASSIGN_OR_RETURN(Object people, read_people(conditions));
  ASSIGN_OR_RETURN(Object actions, read_actions(body));
  row.body["conditions"] =
      Object{{"people", std::move(people)}, {"grantTypes", std::move(grants)}, {"scopes", std::move(scopes)}};
  row.body["actions"] = std::move(actions);
  return {};
}

// Policies and rules differ in this only.
struct Family {
  Kind kind;
  std::string_view prefix;  // of ids
  std::string_view name;    // in "not found"
  std::string_view type;
  std::size_t param;  // of the id in the path
  core::Status (*read)(const Object& body, Row& row);
  std::string_view created, updated, deleted, activated, deactivated;  // events
};
constexpr Family kPolicies{Kind::as_policy,
                           "00p",
                           "Policy",
                           "OAUTH_AUTHORIZATION_POLICY",
                           1,
                           read_policy,
                           "policy.lifecycle.create",
                           "policy.lifecycle.update",
                           "policy.lifecycle.delete",
                           "policy.lifecycle.activate",
                           "policy.lifecycle.deactivate"};
constexpr Family kRules{Kind::as_rule,
                        "0pr",
                        "PolicyRule",
                        "RESOURCE_ACCESS",
                        2,
                        read_rule,
                        "policy.rule.add",
                        "policy.rule.update",
                        "policy.rule.delete",
                        "policy.rule.activate",
                        "policy.rule.deactivate"};

std::string policy_path(const ApiRequest& request) {
  return fmt::format("{}/policies", custom_as_path(request.param(0)));
}
std::string path_of(const ApiRequest& request, const Family& family) {
  if (family.kind == Kind::as_policy) return policy_path(request);
  return fmt::format("{}/{}/rules", policy_path(request), request.param(1));
}
std::string parent_of(const ApiRequest& request, const Family& family) {
  if (family.kind == Kind::as_policy) return request.param(0);
  return fmt::format("{}/{}", request.param(0), request.param(1));
}

// Everything that the path names above the row.
core::Status check_path(Reader& reader, const ApiRequest& request, const Family& family) {
  RETURN_IF_ERROR(server_of_path(reader, request));
  if (family.kind == Kind::as_policy) return {};
  RETURN_IF_ERROR(row_below(reader, Kind::as_policy, request.param(1), request.param(0), kPolicies.name));
  return {};
}

Object show(const ApiRequest& request, const Family& family, const Row& row) {
  const std::string path = fmt::format("{}/{}", path_of(request, family), row.id);
  const std::string_view verb = row.status == "ACTIVE" ? "deactivate" : "activate";
  Object links{{"self", link(request.service, path, {"GET", "PUT", "DELETE"})}};
  if (family.kind == Kind::as_policy) links["rules"] = link(request.service, path + "/rules", {"GET"});
  links[verb] = link(request.service, fmt::format("{}/lifecycle/{}", path, verb), {"POST"});
  Object view{{"type", family.type}, {"id", row.id}, {"status", row.status}};
  for (const auto& member : row.body) view[member.key()] = member.value();
  view["created"] = core::to_rfc3339(row.created);
  view["lastUpdated"] = core::to_rfc3339(row.updated);
  view["_links"] = std::move(links);
  return view;
}

std::int64_t priority_of(const Row& row) {
  const auto* value = row.body.if_contains("priority");
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

Result<std::vector<Row>> siblings(Reader& reader, const ApiRequest& request, const Family& family) {
  ASSIGN_OR_RETURN(auto rows, all_rows(reader, {.kind = family.kind, .parent = parent_of(request, family)}));
  std::ranges::stable_sort(rows, {}, priority_of);
  return rows;
}

// Priorities stay 1, 2, 3, ...: `row` takes its place (the last when it names none), the others make room.
// Writes those that moved; `row` is the caller's to write.
core::Status take_place(Transaction& tx, const ApiRequest& request, const Family& family, Row* row) {
  ASSIGN_OR_RETURN(auto others, siblings(tx, request, family));
  if (row != nullptr) {
    std::erase_if(others, [&](const Row& other) { return other.id == row->id; });
    if (others.size() >= kMostSiblings) {
      return refuse(ErrorKind::conflict, "LIMIT_REACHED",
                    fmt::format("There are at most {} of these in one place.", kMostSiblings));
    }
  }
  const auto last = static_cast<std::int64_t>(others.size()) + 1;
  const std::int64_t wanted = row != nullptr ? priority_of(*row) : last;
  const std::int64_t place = wanted == 0 ? last : std::min(wanted, last);
  if (row != nullptr) row->body["priority"] = place;
  std::int64_t next = 1;
  for (Row& other : others) {
    if (row != nullptr && next == place) ++next;
    if (priority_of(other) != next) {
      other.body["priority"] = next;
      RETURN_IF_ERROR(tx.update(other));
    }
    ++next;
  }
  return {};
}

core::Status tell(Transaction& tx, const ApiRequest& request, const Family& family, std::string_view event,
                  const Row& row, const Row& server) {
  return emit(tx, request, event,
              {{.id = row.id, .type = std::string(family.name), .name = row.name},
               {.id = server.id, .type = "AuthorizationServer", .name = server.name}});
}

template <const Family& family>
Result<rest::Reply> list(const ApiRequest& request) {
  Store& store = *request.service.store;
  RETURN_IF_ERROR(check_path(store, request, family));
  ASSIGN_OR_RETURN(const auto rows, siblings(store, request, family));
  Array body;
  body.reserve(rows.size());
  for (const Row& row : rows) body.emplace_back(show(request, family, row));
  return rest::json_reply(body);
}

template <const Family& family>
Result<rest::Reply> create(const ApiRequest& request) {
  Row read{.kind = family.kind,
           .id = request.service.new_id(family.prefix),
           .parent = parent_of(request, family),
           .status = "ACTIVE"};
  read.refs.push_back(request.param(0));
  if (family.kind == Kind::as_rule) read.refs.push_back(request.param(1));
  RETURN_IF_ERROR(family.read(request.body, read));
  Row row;
  const core::Status done = change_below(request, [&](Transaction& tx, const Row& server) -> core::Status {
    RETURN_IF_ERROR(check_path(tx, request, family));
    row = read;
    RETURN_IF_ERROR(take_place(tx, request, family, &row));
    RETURN_IF_ERROR(tx.insert(row));
    return tell(tx, request, family, family.created, row, server);
  });
  RETURN_IF_ERROR(done);
  return rest::json_reply(show(request, family, row), 201);
}

template <const Family& family>
Result<rest::Reply> get(const ApiRequest& request) {
  Store& store = *request.service.store;
  RETURN_IF_ERROR(check_path(store, request, family));
  ASSIGN_OR_RETURN(const Row row, row_below(store, family.kind, request.param(family.param),
                                            parent_of(request, family), family.name));
  return rest::json_reply(show(request, family, row));
}

template <const Family& family>
Result<rest::Reply> replace(const ApiRequest& request) {
  Row row;
  const core::Status done = change_below(request, [&](Transaction& tx, const Row& server) -> core::Status {
    RETURN_IF_ERROR(check_path(tx, request, family));
    ASSIGN_OR_RETURN(row, row_below(tx, family.kind, request.param(family.param), parent_of(request, family),
                                    family.name));
    RETURN_IF_ERROR(family.read(request.body, row));
    RETURN_IF_ERROR(take_place(tx, request, family, &row));
    RETURN_IF_ERROR(tx.update(row));
    return tell(tx, request, family, family.updated, row, server);
  });
  RETURN_IF_ERROR(done);
  return rest::json_reply(show(request, family, row));
}

template <const Family& family>
Result<rest::Reply> remove(const ApiRequest& request) {
  const core::Status done = change_below(request, [&](Transaction& tx, const Row& server) -> core::Status {
    RETURN_IF_ERROR(check_path(tx, request, family));
    ASSIGN_OR_RETURN(const Row row, row_below(tx, family.kind, request.param(family.param),
                                              parent_of(request, family), family.name));
    if (family.kind == Kind::as_policy) {
      ASSIGN_OR_RETURN(const auto rules, all_rows(tx, {.kind = Kind::as_rule, .refers_to = row.id}));
      for (const Row& rule : rules) RETURN_IF_ERROR(tx.remove(Kind::as_rule, rule.id));
    }
    RETURN_IF_ERROR(tx.remove(family.kind, row.id));
    RETURN_IF_ERROR(take_place(tx, request, family, nullptr));
    return tell(tx, request, family, family.deleted, row, server);
  });
  RETURN_IF_ERROR(done);
  return rest::no_content();
}

template <const Family& family, bool active>
Result<rest::Reply> switch_to(const ApiRequest& request) {
  const core::Status done = change_below(request, [&](Transaction& tx, const Row& server) -> core::Status {
    RETURN_IF_ERROR(check_path(tx, request, family));
    ASSIGN_OR_RETURN(Row row, row_below(tx, family.kind, request.param(family.param),
                                        parent_of(request, family), family.name));
    const std::string_view status = active ? "ACTIVE" : "INACTIVE";
    if (row.status == status) return {};
    row.status = status;
    RETURN_IF_ERROR(tx.update(row));
    return tell(tx, request, family, active ? family.activated : family.deactivated, row, server);
  });
  RETURN_IF_ERROR(done);
  return rest::no_content();
}

constexpr std::array<ApiRoute, 14> kRoutes{{
    {Method::get, "/{authServerId}/policies", "listAuthorizationServerPolicies", "List policies, by priority",
     list<kPolicies>},
    {Method::post, "/{authServerId}/policies", "createAuthorizationServerPolicy", "Create a policy",
     create<kPolicies>, Takes::object},
    {Method::get, "/{authServerId}/policies/{policyId}", "getAuthorizationServerPolicy", "Retrieve a policy",
     get<kPolicies>},
    {Method::put, "/{authServerId}/policies/{policyId}", "replaceAuthorizationServerPolicy",
     "Replace a policy", replace<kPolicies>, Takes::object},
    {Method::delete_, "/{authServerId}/policies/{policyId}", "deleteAuthorizationServerPolicy",
     "Delete a policy with its rules", remove<kPolicies>},
    {Method::post, "/{authServerId}/policies/{policyId}/lifecycle/activate",
     "activateAuthorizationServerPolicy", "Activate a policy", switch_to<kPolicies, true>},
    {Method::post, "/{authServerId}/policies/{policyId}/lifecycle/deactivate",
     "deactivateAuthorizationServerPolicy", "Deactivate a policy", switch_to<kPolicies, false>},
    {Method::get, "/{authServerId}/policies/{policyId}/rules", "listAuthorizationServerPolicyRules",
     "List rules, by priority", list<kRules>},
    {Method::post, "/{authServerId}/policies/{policyId}/rules", "createAuthorizationServerPolicyRule",
     "Create a rule", create<kRules>, Takes::object},
    {Method::get, "/{authServerId}/policies/{policyId}/rules/{ruleId}", "getAuthorizationServerPolicyRule",
     "Retrieve a rule", get<kRules>},
    {Method::put, "/{authServerId}/policies/{policyId}/rules/{ruleId}",
     "replaceAuthorizationServerPolicyRule", "Replace a rule", replace<kRules>, Takes::object},
    {Method::delete_, "/{authServerId}/policies/{policyId}/rules/{ruleId}",
     "deleteAuthorizationServerPolicyRule", "Delete a rule", remove<kRules>},
    {Method::post, "/{authServerId}/policies/{policyId}/rules/{ruleId}/lifecycle/activate",
     "activateAuthorizationServerPolicyRule", "Activate a rule", switch_to<kRules, true>},
    {Method::post, "/{authServerId}/policies/{policyId}/rules/{ruleId}/lifecycle/deactivate",
     "deactivateAuthorizationServerPolicyRule", "Deactivate a rule", switch_to<kRules, false>},
}};

}  // namespace

void add_custom_as_policy_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kCustomAsArea, kRoutes);
}

}  // namespace registry
