// Who may use an app: operations of ApplicationUsers and ApplicationGroups.
#include <algorithm>

#include "devorg/app_body.h"
#include "devorg/app_view.h"
#include "devorg/routes.h"
#include "devorg/views.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using rest::Answer;
using rest::Call;
using rest::Reply;

Answer<std::uint32_t> find_assigned(const Service& service, const Call& call, std::uint32_t app,
                                    std::string_view key) {
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, key));
  if (service.org().assignment(service.org().apps[app], user) == Org::Assignment::none)
    return rest::refuse(rest::not_found(key, "AppUser"));
  return user;
}

bool matches_quick(const Org& org, std::uint32_t user, const std::string& folded) {
  const object profile = org.users.profile(user);
  for (const auto name : {"login", "firstName", "lastName", "email"})
    if (catalogue::fold_case(rest::string_at(profile, name)).starts_with(folded)) return true;
  return false;
}

Answer<Reply> list_users(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto page, rest::read_page(call, {.default_limit = 50, .maximum = 500}));
  const Org& org = service.org();
  const App& app = org.apps[index];
  std::uint32_t at = 0;
  if (!page.after.empty()) {
    const std::uint32_t last = org.users.find_id(page.after);
    if (last == kNobody) return rest::refuse(rest::invalid_cursor());
    at = last + 1;
  }
  const std::string folded = catalogue::fold_case(call.query_value("q"));
  array body;
  std::string last;
  std::string next;
  for (at = org.next_app_user(app, at); at != kNobody; at = org.next_app_user(app, at + 1)) {
    if (!folded.empty() && !matches_quick(org, at, folded)) continue;
    if (body.size() == page.limit) {
      next = last;
      break;
    }
    object entry = app_user_json(service, index, at);
    if (call.query_value("expand") == "user")
      entry["_embedded"] = object{{"user", user_json(service, at, Links::self)}};
    body.push_back(std::move(entry));
    last = org.users.at(at).id();
  }
  Reply reply = rest::json_reply(body);
  rest::add_links(reply, call, service.base_url(), 50, next);
  return reply;
}

// Takes userName and profile of a request over.
void fill(AppUser& assigned, const object& body) {
  if (const object* credentials = rest::object_at(body, "credentials"))
    if (const auto name = rest::string_at(*credentials, "userName"); !name.empty())
      assigned.user_name = std::string(name);
  if (const object* profile = rest::object_at(body, "profile"))
    for (const auto& member : *profile) assigned.profile[member.key()] = member.value();
}

Answer<Reply> assign_user(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, rest::string_at(body, "id")));
  Org& org = service.org();
  if (org.users.at(user).status == UserStatus::deprovisioned)
    return rest::refuse(
        rest::other(403, "E0000117", "Cannot assign apps or update app profiles for an inactive user."));
  App& app = org.apps[index];
  if (rest::string_at(app.body, "status") != "ACTIVE")
    return rest::refuse(rest::validation_failed("appInstance", {"The application is not active."}));
  const Seconds now = service.now_seconds();
  const bool is_new = !app.users.contains(user);
  AppUser& assigned = app.users[user];
  if (is_new) assigned = AppUser{.created = now, .last_updated = now, .user_name = org.users.login(user)};
  assigned.last_updated = now;
  fill(assigned, body);
  service.record(call, is_new ? EventType::app_user_add : EventType::app_user_update,
                 {user_target(org, user), app_target(app)});
  service.saved_app_user(index, user);
  return rest::json_reply(app_user_json(service, index, user));
}

Answer<Reply> get_user(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto user, find_assigned(service, call, index, call.param(1)));
  object body = app_user_json(service, index, user);
  if (call.query_value("expand") == "user")
    body["_embedded"] = object{{"user", user_json(service, user, Links::self)}};
  return rest::json_reply(body);
}

Answer<Reply> update_user(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto user, find_assigned(service, call, index, call.param(1)));
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  App& app = service.org().apps[index];
  const Seconds now = service.now_seconds();
  // Changing a group assignment makes it the user's own.
  if (!app.users.contains(user))
    app.users[user] =
        AppUser{.created = now, .last_updated = now, .user_name = service.org().users.login(user)};
  fill(app.users[user], body);
  app.users[user].last_updated = now;
  service.record(call, EventType::app_user_update, {user_target(service.org(), user), app_target(app)});
  service.saved_app_user(index, user);
  return rest::json_reply(app_user_json(service, index, user));
}

Answer<Reply> unassign_user(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto user, find_assigned(service, call, index, call.param(1)));
  App& app = service.org().apps[index];
  if (app.users.erase(user) == 0)
    return rest::refuse(rest::validation_failed(
        "appUser", {"The user is assigned through a group; remove the user from the group instead."}));
  service.record(call, EventType::app_user_remove, {user_target(service.org(), user), app_target(app)});
  service.saved_app_user(index, user);
  return rest::no_content();
}

Answer<Reply> list_groups(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto page, rest::read_page(call, {.default_limit = 20, .maximum = 200}));
  const Org& org = service.org();
  const std::string folded = catalogue::fold_case(call.query_value("q"));
  bool begun = page.after.empty();
  array body;
  std::string last;
  std::string next;
  for (const auto& assigned : org.apps[index].groups) {
    const Group& group = org.groups[assigned.group];
    if (!begun) {
      begun = group.id == page.after;
      continue;
    }
    if (!catalogue::fold_case(rest::string_at(group.profile, "name")).starts_with(folded)) continue;
    if (body.size() == page.limit) {
      next = last;
      break;
    }
    object entry = app_group_json(service, index, assigned);
    if (call.query_value("expand") == "group")
      entry["_embedded"] = object{{"group", group_json(service, assigned.group)}};
    body.push_back(std::move(entry));
    last = group.id;
  }
  if (!begun) return rest::refuse(rest::invalid_cursor());
  Reply reply = rest::json_reply(body);
  rest::add_links(reply, call, service.base_url(), 20, next);
  return reply;
}

struct FoundGroup {
  std::uint32_t app = 0;
  std::uint32_t group = 0;
  AppGroup* assigned = nullptr;
};

Answer<FoundGroup> find_app_group(Service& service, const Call& call) {
  FoundGroup found;
  ASSIGN_OR_RETURN(found.app, find_app(service, call.param(0)));
  ASSIGN_OR_RETURN(found.group, find_group(service, call.param(1)));
  for (auto& assigned : service.org().apps[found.app].groups)
    if (assigned.group == found.group) found.assigned = &assigned;
  return found;
}

Answer<FoundGroup> require_app_group(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(auto found, find_app_group(service, call));
  if (!found.assigned) return rest::refuse(rest::not_found(call.param(1), "AppGroup"));
  return found;
}

Answer<Reply> get_group(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto found, require_app_group(service, call));
  return rest::json_reply(app_group_json(service, found.app, *found.assigned));
}

Answer<Reply> assign_group(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(auto found, find_app_group(service, call));
  ASSIGN_OR_RETURN(const auto body, rest::read_optional_object(call));
  App& app = service.org().apps[found.app];
  const bool is_new = !found.assigned;
  if (is_new) {
    int highest = -1;
    for (const auto& assigned : app.groups) highest = std::max(highest, assigned.priority);
    app.groups.push_back({.group = found.group, .priority = highest + 1});
    found.assigned = &app.groups.back();
  }
  found.assigned->last_updated = service.now_seconds();
  if (const auto* priority = body.if_contains("priority"); priority && priority->is_int64())
    found.assigned->priority =
        static_cast<int>(std::clamp<std::int64_t>(priority->get_int64(), 0, 1'000'000));
  if (const object* profile = rest::object_at(body, "profile")) found.assigned->profile = *profile;
  const object answer = app_group_json(service, found.app, *found.assigned);
  std::stable_sort(app.groups.begin(), app.groups.end(),
                   [](const AppGroup& a, const AppGroup& b) { return a.priority < b.priority; });
  if (is_new)
    service.record(call, EventType::group_app_add,
                   {group_target(service.org().groups[found.group]), app_target(app)});
  service.saved_app(found.app);
  return rest::json_reply(answer);
}

Answer<Reply> unassign_group(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto found, require_app_group(service, call));
  App& app = service.org().apps[found.app];
  std::erase_if(app.groups, [&](const AppGroup& assigned) { return assigned.group == found.group; });
  service.record(call, EventType::group_app_remove,
                 {group_target(service.org().groups[found.group]), app_target(app)});
  service.saved_app(found.app);
  return rest::no_content();
}

}  // namespace

void add_app_assignment_routes(rest::Router& router, Service& service) {
  using net::Method;
  const RoutesBelow add(router, service, "/api/v1/apps/{appId}");
  add(Method::get, "/users", "listApplicationUsers", list_users);
  add(Method::post, "/users", "assignUserToApplication", assign_user);
  add(Method::get, "/users/{userId}", "getApplicationUser", get_user);
  add(Method::post, "/users/{userId}", "updateApplicationUser", update_user);
  add(Method::delete_, "/users/{userId}", "unassignUserFromApplication", unassign_user);
  add(Method::get, "/groups", "listApplicationGroupAssignments", list_groups);
  add(Method::get, "/groups/{groupId}", "getApplicationGroupAssignment", get_group);
  add(Method::put, "/groups/{groupId}", "assignGroupToApplication", assign_group);
  add(Method::delete_, "/groups/{groupId}", "unassignApplicationFromGroup", unassign_group);
}

}  // namespace devorg
