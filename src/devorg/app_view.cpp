#include "devorg/app_view.h"

#include <algorithm>
#include <fmt/format.h>

#include "devorg/app_body.h"
#include "rest/body.h"

namespace devorg {

using boost::json::array;
using boost::json::object;
using boost::json::value;

object app_json(const Service& service, std::uint32_t index) {
  const App& app = service.org().apps[index];
  const std::string href = service.url("/api/v1/apps/" + app.id);
  object body{{"id", app.id}};
  for (const auto& member : app.body) body[member.key()] = member.value();
  const bool active = rest::string_at(app.body, "status") == "ACTIVE";
  object links{
      {"uploadLogo", object{{"href", href + "/logo"}, {"hints", object{{"allow", array{"POST"}}}}}},
      {"appLinks", array{object{{"name", "login"},
                                {"href", service.url(fmt::format("/home/{}/{}/2557",
                                                                 rest::string_at(app.body, "name"), app.id))},
                                {"type", "text/html"}}}},
      {"groups", object{{"href", href + "/groups"}}},
      {"logo", array{object{{"name", "medium"},
                            {"href", service.url("/assets/img/logos/default.png")},
                            {"type", "image/png"}}}},
      {"users", object{{"href", href + "/users"}}}};
  if (active) {
    links["deactivate"] = object{{"href", href + "/lifecycle/deactivate"}};
  } else {
    links["activate"] = object{{"href", href + "/lifecycle/activate"}};
  }
  body["_links"] = std::move(links);
  return body;
}

object app_user_json(const Service& service, std::uint32_t app_index, std::uint32_t user) {
  const Org& org = service.org();
  const App& app = org.apps[app_index];
  const auto direct = app.users.find(user);
  const bool is_direct = direct != app.users.end();
  // A group assignment has no record of its own: its dates are the later of the user's and the group's.
  Seconds created = is_direct ? direct->second.created : 0;
  if (!is_direct)
    for (const auto& group : app.groups)
      if (org.is_member(group.group, user)) {
        created = std::max(group.last_updated, org.users.at(user).activated);
        break;
      }
  const Seconds updated = is_direct ? direct->second.last_updated : created;
  const std::string id = org.users.at(user).id();
  const std::string user_name =
      is_direct && !direct->second.user_name.empty() ? direct->second.user_name : org.users.login(user);
  object body{{"id", id},
              {"externalId", nullptr},
              {"created", okta_time(created)},
              {"lastUpdated", okta_time(updated)},
              {"scope", is_direct ? "USER" : "GROUP"},
              {"status", "ACTIVE"},
              {"statusChanged", okta_time(created)},
              {"passwordChanged", nullptr},
              {"syncState", "DISABLED"},
              {"credentials", object{{"userName", user_name}}},
              {"profile", is_direct ? direct->second.profile : object{}},
              {"_links", object{{"app", object{{"href", service.url("/api/v1/apps/" + app.id)}}},
                                {"user", object{{"href", service.url("/api/v1/users/" + id)}}}}}};
  return body;
}

object app_group_json(const Service& service, std::uint32_t app, const AppGroup& assigned) {
  const std::string href = service.url("/api/v1/apps/" + service.org().apps[app].id);
  const std::string id = service.org().groups[assigned.group].id;
  return {{"id", id},
          {"lastUpdated", okta_time(assigned.last_updated)},
          {"priority", assigned.priority},
          {"profile", assigned.profile},
          {"_links", object{{"app", object{{"href", href}}},
                            {"self", object{{"href", href + "/groups/" + id}}},
                            {"group", object{{"href", service.url("/api/v1/groups/" + id)}}}}}};
}

}  // namespace devorg
