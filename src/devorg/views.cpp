#include "devorg/views.h"

#include <fmt/format.h>

#include "devorg/app_body.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

// Which actions a status offers, as the _links of recorded users show them.
bool offers(UserStatus status, std::string_view action) {
  const bool live = status == UserStatus::active || status == UserStatus::recovery ||
                    status == UserStatus::password_expired || status == UserStatus::locked_out;
  if (action == "suspend") return status == UserStatus::active || status == UserStatus::password_expired;
  if (action == "unsuspend") return status == UserStatus::suspended;
  if (action == "unlock") return status == UserStatus::locked_out;
  if (action == "activate") return status == UserStatus::staged || status == UserStatus::deprovisioned;
  if (action == "reactivate") return status == UserStatus::provisioned || status == UserStatus::recovery;
  if (action == "deactivate") return status != UserStatus::deprovisioned && status != UserStatus::staged;
  if (action == "delete") return status == UserStatus::deprovisioned;
  return live || (action == "resetFactors" && status != UserStatus::deprovisioned);
}

object user_links(const Service& service, const User& user, const std::string& href) {
  struct Action {
    std::string_view name;
    std::string_view path;
    std::string_view method = "POST";
  };
  static constexpr Action kActions[] = {
      {"suspend", "/lifecycle/suspend"},
      {"unsuspend", "/lifecycle/unsuspend"},
      {"unlock", "/lifecycle/unlock"},
      {"activate", "/lifecycle/activate"},
      {"reactivate", "/lifecycle/reactivate"},
      {"resetPassword", "/lifecycle/reset_password"},
      {"expirePassword", "/lifecycle/expire_password"},
      {"changeRecoveryQuestion", "/credentials/change_recovery_question"},
      {"resetFactors", "/lifecycle/reset_factors"},
      {"changePassword", "/credentials/change_password"},
      {"deactivate", "/lifecycle/deactivate"},
      {"delete", "", "DELETE"},
  };
  object links;
  links["schema"] =
      object{{"href", service.url("/api/v1/meta/schemas/user/" + service.org().user_schema_id)}};
  for (const auto& action : kActions)
    if (offers(user.status, action.name))
      links[action.name] = object{{"href", href + std::string(action.path)}, {"method", action.method}};
  links["self"] = object{{"href", href}};
  links["type"] = object{{"href", service.url("/api/v1/meta/types/user/" + service.org().user_type_id)}};
  return links;
}

}  // namespace

value time_or_null(Seconds seconds) {
  return seconds == 0 ? value(nullptr) : value(okta_time(seconds));
}

object user_json(const Service& service, std::uint32_t index, Links links) {
  const UserTable& users = service.org().users;
  const User& user = users.at(index);
  const std::string id = user.id();
  object profile = users.profile(index);
  object credentials;
  if (user.has_password) credentials["password"] = object{};
  if (const auto email = rest::string_at(profile, "email"); !email.empty())
    credentials["emails"] = array{object{{"value", email}, {"status", "VERIFIED"}, {"type", "PRIMARY"}}};
  if (user.overlay && !user.overlay->recovery_question.empty())
    credentials["recovery_question"] = object{{"question", user.overlay->recovery_question}};
  credentials["provider"] = object{{"type", user.overlay ? user.overlay->provider_type : "OKTA"},
                                   {"name", user.overlay ? user.overlay->provider_name : "OKTA"}};
  const std::string href = service.url("/api/v1/users/" + id);
  return {{"id", id},
          {"status", to_string(user.status)},
          {"created", time_or_null(user.created)},
          {"activated", time_or_null(user.activated)},
          {"statusChanged", time_or_null(user.status_changed)},
          {"lastLogin", time_or_null(user.last_login)},
          {"lastUpdated", time_or_null(user.last_updated)},
          {"passwordChanged", time_or_null(user.password_changed)},
          {"type", object{{"id", service.org().user_type_id}}},
          {"profile", std::move(profile)},
          {"credentials", std::move(credentials)},
          {"_links",
           links == Links::all ? user_links(service, user, href) : object{{"self", object{{"href", href}}}}}};
}

std::string user_etag(const Service& service, std::uint32_t user) {
  return rest::weak_etag(boost::json::serialize(user_json(service, user, Links::self)));
}

object group_json(const Service& service, std::uint32_t index, std::string_view expand) {
  const Org& org = service.org();
  const Group& group = org.groups[index];
  const std::string href = service.url("/api/v1/groups/" + group.id);
  object links{{"logo", array{object{{"name", "medium"},
                                     {"href", service.url("/assets/img/logos/groups/okta-medium.png")},
                                     {"type", "image/png"}},
                              object{{"name", "large"},
                                     {"href", service.url("/assets/img/logos/groups/okta-large.png")},
                                     {"type", "image/png"}}}},
               {"users", object{{"href", href + "/users"}}},
               {"apps", object{{"href", href + "/apps"}}}};
  object body{{"id", group.id},
              {"created", okta_time(group.created)},
              {"lastUpdated", okta_time(group.last_updated)},
              {"lastMembershipUpdated", okta_time(group.last_membership_updated)},
              {"objectClass",
               array{group.type == "APP_GROUP" ? "okta:windows_security_principal" : "okta:user_group"}},
              {"type", group.type},
              {"profile", group.profile}};
  if (!group.source_app.empty()) {
    links["source"] = object{{"href", service.url("/api/v1/apps/" + group.source_app)}};
  }
  body["_links"] = std::move(links);
  object embedded;
  if (expand.find("stats") != std::string_view::npos) {
    std::size_t apps = 0;
    for (const auto& app : org.apps)
      for (const auto& assigned : app.groups) apps += !app.removed && assigned.group == index ? 1 : 0;
    embedded["stats"] = object{{"usersCount", org.member_count(index)},
                               {"appsCount", apps},
                               {"groupPushMappingsCount", 0},
                               {"hasAdminPrivilege", group.type == "BUILT_IN" && !group.everyone},
                               {"_links", object{{"self", object{{"href", href + "/stats"}}}}}};
  }
  if (!embedded.empty()) body["_embedded"] = std::move(embedded);
  return body;
}

object group_rule_json(const GroupRule& rule) {
  object body{{"type", "group_rule"}, {"id", rule.id}};
  for (const auto& member : rule.body) body[member.key()] = member.value();
  return body;
}

}  // namespace devorg
