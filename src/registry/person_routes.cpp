// People: Okta's Users API as far as a registry without passwords has use for it, and the one role there is.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <string>

#include "catalogue/scim_filter.h"
#include "core/json.h"
#include "registry/api.h"
#include "registry/members.h"
#include "registry/person.h"
#include "registry/person_view.h"
#include "registry/service.h"

namespace registry {

namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;
using net::Method;
using rest::Call;
using rest::Reply;
using Takes = ApiRoute::Takes;

constexpr std::size_t kMaxText = 100;  // Okta's limit of logins and e-mail addresses
constexpr std::size_t kMaxName = 50;   // of first and last names
// The role's id in answers: a person has it once or not at all.
constexpr std::string_view kOwnerRole = "SUPER_ADMIN";

Value time_or_null(const std::optional<core::WallTime>& time) {
  return time ? Value(core::to_rfc3339(*time)) : Value(nullptr);
}

Value text_or_null(const std::string& text) {
  return text.empty() ? Value(nullptr) : Value(text);
}

// What is changed of a person, and the event of it, in one transaction. `change` says whether it changed
// anything.
using Change = std::function<core::Result<bool>(Transaction&, Person&)>;

core::Result<Person> change_person(const ApiRequest& request, std::string_view event, const Object& debug,
                                   const Change& change) {
  const Service& service = request.service;
  Person changed;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto found, required_person(tx, request.call, request.param(0)));
    ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::user, found.id));
    if (!row) return no_such(found.id, "User");
    ASSIGN_OR_RETURN(changed, read_person(*row));
    ASSIGN_OR_RETURN(const bool anything, change(tx, changed));
    if (!anything) return {};
    Row next = to_row(changed);
    RETURN_IF_ERROR(tx.update(next));
    changed.version = next.version;
    changed.updated = next.updated;
    return tx.emit({.type = std::string(event),
                    .actor = request.actor,
                    .targets = {target_of(changed)},
                    .transaction = request.transaction,
                    .debug = debug});
  });
  RETURN_IF_ERROR(status);
  return changed;
}

Reply shown(const Service& service, const Person& person, int status = 200) {
  Reply reply = rest::json_reply(view_of(service, person), status);
  reply.headers.set("ETag", etag_of(person.version));
  return reply;
}

// ---- Listing ----

bool starts_with_folded(std::string_view text, std::string_view folded_start) {
  return catalogue::fold_case(text).starts_with(folded_start);
}

bool matches_q(const Person& person, std::string_view folded) {
  return folded.empty() || starts_with_folded(person.login, folded) ||
         starts_with_folded(person.email, folded) || starts_with_folded(person.first_name, folded) ||
         starts_with_folded(person.last_name, folded);
}

core::Result<Reply> list_people(const ApiRequest& request) {
  const Service& service = request.service;
  const rest::Page& page = request.page;
  ASSIGN_OR_RETURN(const auto search, read_filter(request.call, "search", catalogue::users_search()));
  ASSIGN_OR_RETURN(const auto filter, read_filter(request.call, "filter", catalogue::users_filter()));
  const std::string q = catalogue::fold_case(request.call.query_value("q"));
  Array list;
  std::string after = page.after;
  bool more = true;
  while (more && list.size() < page.limit) {
    ASSIGN_OR_RETURN(const auto rows,
                     service.store->list({.kind = Kind::user, .after = after, .limit = Store::kMaxPage}));
    more = rows.size() == Store::kMaxPage;
    for (const auto& row : rows) {
      if (list.size() == page.limit) {
        more = true;
        break;
      }
      after = row.id;
      ASSIGN_OR_RETURN(const auto person, read_person(row));
      // As Okta: deactivated people come only to who asks with search or filter.
      if (!search && !filter && !person.active()) continue;
      if (!matches_q(person, q)) continue;
      const Value view = view_of(service, person);
      const catalogue::JsonSubject subject(view);
      if ((search && !search->matches(subject)) || (filter && !filter->matches(subject))) continue;
      list.push_back(view);
    }
  }
  return array_reply(request, list, more ? after : std::string());
}

core::Result<Reply> get_person(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto person, required_person(*service.store, request.call, request.param(0)));
  return shown(service, person);
}

// ---- Making and changing ----

core::Status check_login(const std::string& login, std::string_view location) {
  const bool plain = std::ranges::all_of(login, [](char c) { return c > ' ' && c != '/' && c != '\x7f'; });
  if (login.size() >= 3 && plain && login != "me") return {};
  return bad(std::string(location), "must have at least three characters, and no spaces or slashes");
}

core::Status check_email(const std::string& email, std::string_view location) {
  const std::size_t at = email.find('@');
  const bool good = at != std::string::npos && at > 0 && at + 1 < email.size() &&
                    email.find('@', at + 1) == std::string::npos && !email.contains(' ');
  if (email.empty() || good) return {};
  return bad(std::string(location), "must be an e-mail address");
}

// The profile's members that are there replace the person's.
core::Status read_profile(const Members& in, Person& person) {
  RETURN_IF_ERROR(in.only({"login", "email", "firstName", "lastName", "displayName"}));
  struct Line {
    std::string_view name;
    std::size_t most;
    std::string Person::* value;
  };
  constexpr std::array kLines{
      Line{"login", kMaxText, &Person::login}, Line{"email", kMaxText, &Person::email},
      Line{"firstName", kMaxName, &Person::first_name}, Line{"lastName", kMaxName, &Person::last_name},
      Line{"displayName", kMaxText, &Person::display_name}};
  for (const auto& [name, most, value] : kLines) {
    ASSIGN_OR_RETURN(auto text, in.optional_text(name, {.least = 0, .most = most}));
    if (text) person.*value = *std::move(text);
  }
  RETURN_IF_ERROR(check_login(person.login, in.path_of("login")));
  return check_email(person.email, in.path_of("email"));
}

core::Status read_person_body(const Object& body, Person& person, bool is_new) {
  const Members in(body);
  RETURN_IF_ERROR(in.only({"profile"}));
  ASSIGN_OR_RETURN(const Members profile, in.object("profile"));
  if (is_new) RETURN_IF_ERROR(profile.text("login", {.least = 0, .most = kMaxText}));
  return read_profile(profile, person);
}

core::Result<Reply> create_person(const ApiRequest& request) {
  const Service& service = request.service;
  Person person{.id = service.new_id("00u"), .login = {}};
  RETURN_IF_ERROR(read_person_body(request.body, person, true));
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    Row row = to_row(person);
    if (auto inserted = tx.insert(row); !inserted) {
      core::Error error = std::move(inserted).error();
      if (error.code == "registry.UNIQUE_CONSTRAINT") {
        error.message = fmt::format("There is a person with the login {} already.", person.login);
        error.location = "profile.login";
      }
      return std::unexpected(std::move(error));
    }
    person.created = row.created;
    person.updated = row.updated;
    person.version = row.version;
    return tx.emit({.type = "user.lifecycle.create",
                    .actor = request.actor,
                    .targets = {target_of(person)},
                    .transaction = request.transaction});
  });
  RETURN_IF_ERROR(status);
  return shown(service, person);
}

core::Result<Reply> update_person(const ApiRequest& request) {
  const auto change = [&](Transaction&, Person& person) -> core::Result<bool> {
    RETURN_IF_ERROR(check_version(request.call, person.version));
    RETURN_IF_ERROR(read_person_body(request.body, person, false));
    return true;
  };
  ASSIGN_OR_RETURN(const auto changed, change_person(request, "user.account.update_profile", {}, change));
  return shown(request.service, changed);
}

// ---- Lifecycle ----

core::Result<Reply> deactivate_person(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto person, change_person(request, "user.lifecycle.deactivate", {},
                                                    [&](Transaction&, Person& one) -> core::Result<bool> {
                                                      if (!one.active()) return false;
                                                      one.status = PersonStatus::deprovisioned;
                                                      one.sessions_from = service.now();
                                                      return true;
                                                    }));
  return rest::json_reply(Object{});
}

core::Result<Reply> activate_person(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const auto person,
                   change_person(request, "user.lifecycle.activate", {},
                                 [](Transaction&, Person& one) -> core::Result<bool> {
                                   if (one.active())
                                     return refuse(ErrorKind::forbidden, "INVALID_STATE_TRANSITION",
                                                   "The person is ACTIVE already; deactivate is allowed.");
                                   one.status = PersonStatus::active;
                                   return true;
                                 }));
  return rest::json_reply(Object{});
}

core::Result<Reply> revoke_sessions(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto person, change_person(request, "user.session.clear", {},
                                                    [&](Transaction&, Person& one) -> core::Result<bool> {
                                                      one.sessions_from = service.now();
                                                      return true;
                                                    }));
  return rest::no_content();
}

// Okta's way: the first deletes an active person's access, the second the person.
core::Result<Reply> delete_person(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto found, required_person(*service.store, request.call, request.param(0)));
  if (found.active()) {
    ASSIGN_OR_RETURN(auto reply, deactivate_person(request));
    return rest::no_content();
  }
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::user, found.id));
    if (!row) return {};
    ASSIGN_OR_RETURN(const auto person, read_person(*row));
    if (person.active())
      return refuse(ErrorKind::conflict, "INVALID_STATE_TRANSITION",
                    "The person is ACTIVE again; deactivate comes first.");
    ASSIGN_OR_RETURN(const auto agents,
                     tx.list({.kind = Kind::workload_principal, .refers_to = person.id, .limit = 1}));
    if (!agents.empty())
      return refuse(
          ErrorKind::conflict, "IN_USE",
          fmt::format("{} owns the agent {}; give it another owner first.", person.login, agents.front().id));
    RETURN_IF_ERROR(tx.remove(Kind::user, person.id));
    return tx.emit({.type = "user.lifecycle.delete.initiated",
                    .actor = request.actor,
                    .targets = {target_of(person)},
                    .transaction = request.transaction});
  });
  RETURN_IF_ERROR(status);
  return rest::no_content();
}

// ---- The role ----

Object role_view(const Person& person) {
  return {{"id", kOwnerRole},
          {"label", "Super Administrator"},
          {"type", kOwnerRole},
          {"status", "ACTIVE"},
          {"created", core::to_rfc3339(person.created)},
          {"lastUpdated", core::to_rfc3339(person.updated)},
          {"assignmentType", "USER"}};
}

core::Result<Reply> list_roles(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto person, required_person(*service.store, request.call, request.param(0)));
  Array list;
  if (person.owner) list.push_back(role_view(person));
  return rest::json_reply(list);
}

core::Result<Reply> assign_role(const ApiRequest& request) {
  const Members in(request.body);
  RETURN_IF_ERROR(in.only({"type"}));
  RETURN_IF_ERROR(in.choice("type", {kOwnerRole}));
  ASSIGN_OR_RETURN(
      const auto person,
      change_person(request, "user.account.privilege.grant", {{"privilegeGranted", "Super administrator"}},
                    [](Transaction&, Person& one) -> core::Result<bool> {
                      if (one.owner)
                        return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                                      "The person has this role already.", "type");
                      one.owner = true;
                      return true;
                    }));
  return rest::json_reply(role_view(person), 201);
}

core::Result<Reply> unassign_role(const ApiRequest& request) {
  if (request.param(1) != kOwnerRole) return no_such(request.param(1), "RoleAssignment");
  ASSIGN_OR_RETURN(
      const auto person,
      change_person(request, "user.account.privilege.revoke", {{"privilegeRevoked", "Super administrator"}},
                    [](Transaction& tx, Person& one) -> core::Result<bool> {
                      if (!one.owner) return no_such(kOwnerRole, "RoleAssignment");
                      ASSIGN_OR_RETURN(
                          const auto owners,
                          tx.list({.kind = Kind::user, .refers_to = std::string(kOwnerRef), .limit = 2}));
                      if (owners.size() < 2)
                        return refuse(ErrorKind::conflict, "LAST_OWNER",
                                      "This is the last one with the role; give it to somebody else first.");
                      one.owner = false;
                      return true;
                    }));
  return rest::no_content();
}

constexpr ApiArea kUsersArea{
    .base = "/api/v1/users", .tag = "Users", .read = "okta.users.read", .manage = "okta.users.manage"};
constexpr ApiArea kRolesArea{.base = "/api/v1/users/{id}/roles",
                             .tag = "Users",
                             .read = "okta.roles.read",
                             .manage = "okta.roles.manage"};

constexpr std::array<ApiRoute, 8> kUserRoutes{{
    {Method::get, "", "listUsers", "List people", list_people, Takes::page, rest::PageRules{}},
    {Method::post, "", "createUser", "Add a person", create_person, Takes::object},
    {Method::get, "/{id}", "getUser", "Read a person, by id or login, or yourself as me", get_person},
    {Method::post, "/{id}", "updateUser", "Change a person's profile", update_person, Takes::object},
    {Method::delete_, "/{id}", "deleteUser", "Deactivate a person, or delete a deactivated one",
     delete_person},
    {Method::post, "/{id}/lifecycle/activate", "activateUser", "Let a deactivated person sign in again",
     activate_person},
    {Method::post, "/{id}/lifecycle/deactivate", "deactivateUser", "End a person's access and sessions",
     deactivate_person},
    {Method::delete_, "/{id}/sessions", "revokeUserSessions", "End all sessions of a person",
     revoke_sessions},
}};
constexpr std::array<ApiRoute, 3> kRoleRoutes{{
    {Method::get, "", "listAssignedRolesForUser", "List the roles of a person", list_roles},
    {Method::post, "", "assignRoleToUser", "Make a person an administrator of everything", assign_role,
     Takes::object},
    {Method::delete_, "/{roleAssignmentId}", "unassignRoleFromUser", "Take the role away", unassign_role},
}};

}  // namespace

Object view_of(const Service& service, const Person& person) {
  Object profile{{"login", person.login},
                 {"email", text_or_null(person.email)},
                 {"firstName", text_or_null(person.first_name)},
                 {"lastName", text_or_null(person.last_name)}};
  if (!person.display_name.empty()) profile["displayName"] = person.display_name;
  const std::string href = service.url("/api/v1/users/" + person.id);
  return {{"id", person.id},
          {"status", to_string(person.status)},
          {"created", core::to_rfc3339(person.created)},
          {"activated", core::to_rfc3339(person.created)},
          {"statusChanged", nullptr},
          {"lastLogin", time_or_null(person.last_login)},
          {"lastUpdated", core::to_rfc3339(person.updated)},
          {"passwordChanged", nullptr},
          {"profile", std::move(profile)},
          {"credentials", Object{{"provider", Object{{"type", "FEDERATION"}, {"name", "FEDERATION"}}}}},
          {"_links", Object{{"self", Object{{"href", href}}}}}};
}

core::Result<Person> required_person(Reader& reader, const Call& call, std::string_view id_or_login) {
  const std::string_view id = id_or_login == "me" ? std::string_view(call.caller.id) : id_or_login;
  ASSIGN_OR_RETURN(auto person, find_person(reader, id));
  if (!person) {
    ASSIGN_OR_RETURN(person, find_person_by_login(reader, id));
  }
  if (!person) return no_such(id_or_login, "User");
  return *std::move(person);
}

void add_person_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kUsersArea, kUserRoutes);
  add_routes(router, service, kRolesArea, kRoleRoutes);
  add_identity_provider_routes(router, service);
}

}  // namespace registry
