// Groups and their members (Okta Management API, tag Group).
#include <fmt/format.h>

#include "admin/resolve.h"
#include "admin/services.h"
#include "admin/tools/shapes.h"
#include "core/json.h"

namespace admin {
namespace {

namespace json = core::json;

core::Status name_it(Services&, const core::Context&, Arguments& arguments, Plan& plan) {
  plan.title += fmt::format(" \"{}\"", json::string_or_empty(*arguments.object("profile"), "name"));
  return {};
}

// A person deciding about a group should know how many lose something by it. Okta counts on request
// (getGroup with expand=stats is not in its OpenAPI), so one page of members is read.
core::Status count_members(Services& services, const core::Context& context, Arguments& arguments,
                           Plan& plan) {
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  auto members =
      org->get(context, expand_path("/api/v1/groups/{group_id}/users", arguments), {{"limit", "200"}});
  if (!members) {
    plan.facts.emplace_back("members: could not be counted");
    return {};
  }
  std::size_t count = members->body.is_array() ? members->body.get_array().size() : 0;
  plan.facts.push_back(fmt::format("members: {}{}", members->next ? "more than " : "", count));
  return {};
}

core::Status name_member(Services&, const core::Context&, Arguments& arguments, Plan& plan) {
  plan.title += fmt::format(": {}", arguments.display_name("user_id"));
  return {};
}

}  // namespace

std::vector<ToolRow> group_tools() {
  using enum Type;
  using net::Method;
  const Param group_id{
      .name = "group_id", .type = group, .place = Place::path, .required = true, .about = "id or exact name"};
  const Param user_id{
      .name = "user_id", .type = user, .place = Place::path, .required = true, .about = "id or login"};
  const Param profile{.name = "profile",
                      .type = object,
                      .place = Place::body,
                      .required = true,
                      .about = "name, description, ..."};
  ToolRow delete_group{.name = "delete_group",
                       .title = "Delete a group",
                       .area = Area::groups,
                       .about = "Delete a group; a person must confirm.",
                       .scope = "okta.groups.manage",
                       .effect = Effect::destructive,
                       .call = {Method::delete_, "/api/v1/groups/{group_id}"},
                       .params = {group_id},
                       .subject = "/api/v1/groups/{group_id}",
                       .verb = "Delete group",
                       .impact = "Its members lose what the group gives them. This cannot be undone.",
                       .adjust = count_members};
  // Kept for prompts written for Okta's own server. The word confirms nothing here: a person is asked all the
  // same.
  ToolRow confirm_delete_group = delete_group;
  confirm_delete_group.name = "confirm_delete_group";
  confirm_delete_group.title = "Delete a group (confirmed)";
  confirm_delete_group.about = "Same as delete_group.";
  confirm_delete_group.params.push_back(
      {.name = "confirmation", .place = Place::handler, .required = true, .choices = {"DELETE"}});
  return {
      {.name = "list_groups",
       .title = "List groups",
       .area = Area::groups,
       .about = "List groups.",
       .scope = "okta.groups.read",
       .call = {Method::get, "/api/v1/groups"},
       .params = {{.name = "search", .about = "SCIM, e.g. type eq \"OKTA_GROUP\""},
                  {.name = "filter", .about = "SCIM on type, id, lastUpdated, lastMembershipUpdated"},
                  {.name = "q", .about = "name starts with"}},
       .list = &kGroups},
      {.name = "get_group",
       .title = "Get a group",
       .area = Area::groups,
       .about = "One group, whole.",
       .scope = "okta.groups.read",
       .call = {Method::get, "/api/v1/groups/{group_id}"},
       .params = {group_id}},
      {.name = "create_group",
       .title = "Create a group",
       .area = Area::groups,
       .about = "Create a group.",
       .scope = "okta.groups.manage",
       .effect = Effect::write,
       .call = {Method::post, "/api/v1/groups"},
       .params = {profile},
       .body = Body::profile,
       .verb = "Create group",
       .adjust = name_it},
      std::move(delete_group),
      std::move(confirm_delete_group),
      {.name = "update_group",
       .title = "Update a group",
       .area = Area::groups,
       .about = "Change the attributes given, keep the rest; null clears one.",
       .scope = "okta.groups.manage",
       .effect = Effect::write,
       .call = {Method::put, "/api/v1/groups/{group_id}"},
       .params = {group_id, profile},
       .body = Body::merge_profile,
       .subject = "/api/v1/groups/{group_id}",
       .verb = "Update group"},
      {.name = "list_group_users",
       .title = "List group members",
       .area = Area::groups,
       .about = "Members of a group.",
       .scope = "okta.groups.read",
       .call = {Method::get, "/api/v1/groups/{group_id}/users"},
       .params = {group_id},
       .list = &kGroupUsers},
      {.name = "list_group_apps",
       .title = "List a group's applications",
       .area = Area::groups,
       .about = "Applications assigned to a group.",
       .scope = "okta.groups.read",
       .call = {Method::get, "/api/v1/groups/{group_id}/apps"},
       .params = {group_id},
       .list = &kApplications},
      {.name = "add_user_to_group",
       .title = "Add a user to a group",
       .area = Area::groups,
       .about = "Add a user to a group.",
       .scope = "okta.groups.manage",
       .effect = Effect::write,
       .call = {Method::put, "/api/v1/groups/{group_id}/users/{user_id}"},
       .params = {group_id, user_id},
       .subject = "/api/v1/groups/{group_id}",
       .verb = "Add to group",
       .adjust = name_member},
      {.name = "remove_user_from_group",
       .title = "Remove a user from a group",
       .area = Area::groups,
       .about = "Remove a user from a group; a person must confirm.",
       .scope = "okta.groups.manage",
       .effect = Effect::destructive,
       .call = {Method::delete_, "/api/v1/groups/{group_id}/users/{user_id}"},
       .params = {group_id, user_id},
       .subject = "/api/v1/groups/{group_id}",
       .verb = "Remove from group",
       .impact = "The person loses what the group gives them.",
       .adjust = name_member},
  };
}

}  // namespace admin
