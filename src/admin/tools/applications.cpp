// Applications (Okta Management API, tag Application).
#include <fmt/format.h>

#include "admin/tools/shapes.h"
#include "core/json.h"

namespace admin {
namespace {

core::Status name_it(Services&, const core::Context&, Arguments& arguments, Plan& plan) {
  plan.title += fmt::format(" \"{}\"", core::json::string_or_empty(*arguments.object("app_config"), "label"));
  return {};
}

}  // namespace

std::vector<ToolRow> application_tools() {
  using enum Type;
  using net::Method;
  const Param app_id{.name = "app_id",
                     .type = application,
                     .place = Place::path,
                     .required = true,
                     .about = "id or exact label"};
  const Param expand{.name = "expand", .about = "user/{userId}"};
  ToolRow remove{.name = "delete_application",
                 .title = "Delete an application",
                 .area = Area::applications,
                 .about = "Delete a deactivated application; a person must confirm.",
                 .scope = "okta.apps.manage",
                 .effect = Effect::destructive,
                 .call = {Method::delete_, "/api/v1/apps/{app_id}"},
                 .params = {app_id},
                 .subject = "/api/v1/apps/{app_id}",
                 .verb = "Delete application",
                 .impact = "Everybody assigned to it loses it. This cannot be undone."};
  // Kept for prompts written for Okta's own server; a person is asked all the same.
  ToolRow confirm_remove = remove;
  confirm_remove.name = "confirm_delete_application";
  confirm_remove.title = "Delete an application (confirmed)";
  confirm_remove.about = "Same as delete_application.";
  confirm_remove.params.push_back(
      {.name = "confirmation", .place = Place::handler, .required = true, .choices = {"DELETE"}});
  return {
      {.name = "list_applications",
       .title = "List applications",
       .area = Area::applications,
       .about = "List applications.",
       .scope = "okta.apps.read",
       .call = {Method::get, "/api/v1/apps"},
       .params = {{.name = "q", .about = "label starts with"},
                  {.name = "filter", .about = "SCIM on status, user.id, group.id, name"},
                  expand,
                  {.name = "include_non_deleted", .type = boolean, .wire = "includeNonDeleted"}},
       .list = &kApplications},
      {.name = "get_application",
       .title = "Get an application",
       .area = Area::applications,
       .about = "One application, whole.",
       .scope = "okta.apps.read",
       .call = {Method::get, "/api/v1/apps/{app_id}"},
       .params = {app_id, expand}},
      {.name = "create_application",
       .title = "Create an application",
       .area = Area::applications,
       .about = "Create an application.",
       .scope = "okta.apps.manage",
       .effect = Effect::write,
       .call = {Method::post, "/api/v1/apps"},
       .params = {{.name = "app_config",
                   .type = object,
                   .place = Place::body,
                   .required = true,
                   .about = "label, signOnMode, settings, ... as in Okta's API"},
                  {.name = "activate", .type = boolean, .about = "default true", .fallback = "true"}},
       .body = Body::whole,
       .verb = "Create application",
       .adjust = name_it},
      {.name = "update_application",
       .title = "Update an application",
       .area = Area::applications,
       .about = "Change the members given, keep the rest; null clears one.",
       .scope = "okta.apps.manage",
       .effect = Effect::write,
       .call = {Method::put, "/api/v1/apps/{app_id}"},
       .params = {app_id, {.name = "app_config", .type = object, .place = Place::body, .required = true}},
       .body = Body::merge_whole,
       .subject = "/api/v1/apps/{app_id}",
       .verb = "Update application"},
      std::move(remove),
      std::move(confirm_remove),
      {.name = "activate_application",
       .title = "Activate an application",
       .area = Area::applications,
       .about = "Activate an application.",
       .scope = "okta.apps.manage",
       .effect = Effect::write,
       .call = {Method::post, "/api/v1/apps/{app_id}/lifecycle/activate"},
       .params = {app_id},
       .subject = "/api/v1/apps/{app_id}",
       .verb = "Activate application"},
      {.name = "deactivate_application",
       .title = "Deactivate an application",
       .area = Area::applications,
       .about = "Deactivate an application; a person must confirm.",
       .scope = "okta.apps.manage",
       .effect = Effect::destructive,
       .call = {Method::post, "/api/v1/apps/{app_id}/lifecycle/deactivate"},
       .params = {app_id},
       .subject = "/api/v1/apps/{app_id}",
       .verb = "Deactivate application",
       .impact = "Nobody can sign in to it until it is activated again."},
  };
}

}  // namespace admin
