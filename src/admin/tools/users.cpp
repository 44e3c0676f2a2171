// Users (Okta Management API, tag User and UserLifecycle).
#include <fmt/format.h>

#include "admin/change.h"
#include "admin/resolve.h"
#include "admin/tools/shapes.h"
#include "admin/tools/user_files.h"
#include "core/json.h"

namespace admin {
namespace {

namespace json = core::json;

// createUser takes group ids beside the profile: the person is a member from the first moment on.
core::Status add_groups(Services& services, const core::Context& context, Arguments& arguments, Plan& plan) {
  const json::Object* profile = arguments.object("profile");
  plan.title += fmt::format(" \"{}\"", json::string_or_empty(*profile, "login").empty()
                                           ? json::string_or_empty(*profile, "email")
                                           : json::string_or_empty(*profile, "login"));
  json::Array ids;
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  for (const auto& name : arguments.list("groups")) {
    ASSIGN_OR_RETURN(auto group, resolve_group(*org, context, name));
    plan.title += fmt::format(", member of \"{}\"", group.name);
    ids.emplace_back(group.id);
    arguments.add_resolved("groups", std::move(group));
  }
  if (!ids.empty()) plan.steps[0].request.body->get_object()["groupIds"] = std::move(ids);
  return {};
}

// The first DELETE of a user who is not DEPROVISIONED only deactivates (deleteUser); that must not look like
// a deletion.
core::Status only_when_deactivated(Services&, const core::Context&, Arguments&, Plan& plan) {
  auto status = json::string_or_empty(plan.subject->body, "status");
  if (status == "DEPROVISIONED") return {};
  return core::fail(core::ErrorKind::conflict, "admin.user.active",
                    fmt::format("The user is {}, not DEPROVISIONED; nothing was changed.", status),
                    "Deactivate the user first (deactivate_user), then delete.");
}

core::Status only_when_active(Services&, const core::Context&, Arguments&, Plan& plan) {
  if (json::string_or_empty(plan.subject->body, "status") == "DEPROVISIONED") {
    plan.nothing_to_do = "the user is deactivated already; nothing was sent.";
  }
  return {};
}

}  // namespace

std::vector<ToolRow> user_tools() {
  using enum Type;
  using net::Method;
  return {
      {.name = "list_users",
       .title = "List users",
       .area = Area::users,
       .about = "List users; deactivated ones only if asked for by search.",
       .scope = "okta.users.read",
       .call = {Method::get, "/api/v1/users"},
       .params = {{.name = "search",
                   .about = "SCIM on any property, e.g. profile.department eq \"IT\"; not lastLogin"},
                  {.name = "filter", .about = "SCIM on status, lastUpdated, id, login, email, names"},
                  {.name = "q", .about = "name or email starts with"}},
       .list = &kUsers},
      {.name = "get_user_profile_attributes",
       .title = "Get user profile attributes",
       .area = Area::users,
       .about = "The attributes a user profile can have.",
       .scope = "okta.users.read",
       .call = {Method::get, "/api/v1/meta/schemas/user/default"},
       .handler = get_user_profile_attributes},
      {.name = "get_user",
       .title = "Get a user",
       .area = Area::users,
       .about = "One user, whole.",
       .scope = "okta.users.read",
       .call = {Method::get, "/api/v1/users/{user_id}"},
       .params = {{.name = "user_id",
                   .type = user,
                   .place = Place::path,
                   .required = true,
                   .about = "id or login"}}},
      {.name = "create_user",
       .title = "Create a user",
       .area = Area::users,
       .about = "Create a user, optionally in groups.",
       .scope = "okta.users.manage",
       .effect = Effect::write,
       .call = {Method::post, "/api/v1/users"},
       .params =
           {{.name = "profile",
             .type = object,
             .place = Place::body,
             .required = true,
             .about = "firstName, lastName, email, login, ..."},
            {.name = "activate", .type = boolean, .about = "default true; false: STAGED", .fallback = "true"},
            {.name = "groups", .type = group_list, .place = Place::handler, .about = "ids or names"}},
       .body = Body::profile,
       .verb = "Create user",
       .adjust = add_groups},
      {.name = "update_user",
       .title = "Update a user",
       .area = Area::users,
       .about = "Change the attributes given; null clears one.",
       .scope = "okta.users.manage",
       .effect = Effect::write,
       .call = {Method::post, "/api/v1/users/{user_id}"},
       .params =
           {{.name = "user_id", .type = user, .place = Place::path, .required = true, .about = "id or login"},
            {.name = "profile", .type = object, .place = Place::body, .required = true}},
       .body = Body::profile,
       .subject = "/api/v1/users/{user_id}",
       .verb = "Update user"},
      {.name = "deactivate_user",
       .title = "Deactivate a user",
       .area = Area::users,
       .about = "End a person's access; a person must confirm.",
       .scope = "okta.users.manage",
       .effect = Effect::destructive,
       .call = {Method::post, "/api/v1/users/{user_id}/lifecycle/deactivate"},
       .params = {{.name = "user_id",
                   .type = user,
                   .place = Place::path,
                   .required = true,
                   .about = "id or login"}},
       .subject = "/api/v1/users/{user_id}",
       .verb = "Deactivate user",
       .impact = "Sessions end, app assignments and enrolled factors are removed.",
       .adjust = only_when_active},
      {.name = "delete_deactivated_user",
       .title = "Delete a deactivated user",
       .area = Area::users,
       .about = "Delete a deactivated user for good; a person must confirm.",
       .scope = "okta.users.manage",
       .effect = Effect::destructive,
       .call = {Method::delete_, "/api/v1/users/{user_id}"},
       .params = {{.name = "user_id",
                   .type = user,
                   .place = Place::path,
                   .required = true,
                   .about = "id or login"}},
       .subject = "/api/v1/users/{user_id}",
       .verb = "Delete user",
       .impact = "This cannot be undone.",
       .adjust = only_when_deactivated},
      {.name = "export_users_csv",
       .title = "Export users to a file",
       .area = Area::users,
       .about = "Write users to a CSV file on this machine, whole, whatever their number.",
       .scope = "okta.users.read",
       .call = {Method::get, "/api/v1/users"},
       .params = {{.name = "output_path",
                   .place = Place::handler,
                   .about = "file name, in the export folder"},
                  {.name = "search"},
                  {.name = "filter"},
                  {.name = "q"}},
       .handler = export_users_csv,
       .writes_file = true},
      {.name = "list_user_groups",
       .title = "List a user's groups",
       .area = Area::users,
       .about = "Groups a user is in.",
       .scope = "okta.users.read",
       .call = {Method::get, "/api/v1/users/{user_id}/groups"},
       .params = {{.name = "user_id",
                   .type = user,
                   .place = Place::path,
                   .required = true,
                   .about = "id or login"}},
       .list = &kGroups},
  };
}

}  // namespace admin
