#include "devorg/persistence.h"

#include <fmt/format.h>

#include "core/json.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using core::json::Reader;

std::unexpected<core::Error> misfit(std::string_view kind, std::string_view id, std::string_view what) {
  return core::fail(core::ErrorKind::protocol, "devorg.data",
                    fmt::format("The data file's row {} of kind {} {}.", id, kind, what),
                    "Start with the seed and size the file was made with, or with a new file.");
}

core::Result<Seconds> seconds(const Reader& row, std::string_view key) {
  ASSIGN_OR_RETURN(const auto number, row.at(key).integer_in(0, 0xFFFFFFFF));
  return static_cast<Seconds>(number);
}

core::Result<object> object_of(const Reader& row, std::string_view key) {
  ASSIGN_OR_RETURN(const auto* found, row.at(key).object());
  return *found;
}

bool is_removed(const value& row) {
  return row.is_null();
}

core::Status restore_user(Org& org, std::string_view id, const value& json) {
  std::uint32_t index = org.users.find_id(id);
  if (is_removed(json)) {
    if (index != kNobody) org.erase_user(index);
    return {};
  }
  const Reader row(json);
  ASSIGN_OR_RETURN(const auto status_name, row.at("status").string());
  const auto status = parse_user_status(status_name);
  if (!status || id.size() != 20) return misfit("user", id, "has no status Okta knows");
  ASSIGN_OR_RETURN(auto profile, object_of(row, "profile"));
  if (index == kNobody) {
    User fresh;
    std::copy(id.begin() + 3, id.end(), fresh.id_tail.begin());
    fresh.overlay = std::make_unique<UserOverlay>();
    fresh.overlay->profile = std::move(profile);
    index = org.add_user(std::move(fresh));
  } else {
    org.users.set_profile(index, std::move(profile));
  }
  User& user = org.users.edit(index);
  user.status = *status;
  ASSIGN_OR_RETURN(user.has_password, row.at("hasPassword").boolean());
  ASSIGN_OR_RETURN(user.created, seconds(row, "created"));
  ASSIGN_OR_RETURN(user.activated, seconds(row, "activated"));
  ASSIGN_OR_RETURN(user.status_changed, seconds(row, "statusChanged"));
  ASSIGN_OR_RETURN(user.last_login, seconds(row, "lastLogin"));
  ASSIGN_OR_RETURN(user.last_updated, seconds(row, "lastUpdated"));
  ASSIGN_OR_RETURN(user.password_changed, seconds(row, "passwordChanged"));
  UserOverlay& overlay = org.users.overlay(index);
  ASSIGN_OR_RETURN(overlay.recovery_question, row.at("recoveryQuestion").string());
  ASSIGN_OR_RETURN(overlay.provider_type, row.at("providerType").string());
  ASSIGN_OR_RETURN(overlay.provider_name, row.at("providerName").string());
  return {};
}

core::Status restore_group(Org& org, std::string_view id, const value& json) {
  std::uint32_t index = org.find_group(id);
  if (is_removed(json)) {
    if (index != kNone) org.groups[index].removed = true;
    return {};
  }
  const Reader row(json);
  if (index == kNone) {
    org.add_group(Group{.id = std::string(id)});
    index = static_cast<std::uint32_t>(org.groups.size() - 1);
  }
  Group& group = org.groups[index];
  ASSIGN_OR_RETURN(group.type, row.at("type").string());
  ASSIGN_OR_RETURN(group.profile, object_of(row, "profile"));
  ASSIGN_OR_RETURN(group.source_app, row.at("sourceApp").string());
  ASSIGN_OR_RETURN(group.created, seconds(row, "created"));
  ASSIGN_OR_RETURN(group.last_updated, seconds(row, "lastUpdated"));
  ASSIGN_OR_RETURN(group.last_membership_updated, seconds(row, "lastMembershipUpdated"));
  return {};
}

core::Status restore_group_rule(Org& org, std::string_view id, const value& json) {
  std::uint32_t index = org.find_group_rule(id);
  if (is_removed(json)) {
    if (index != kNone) org.group_rules[index].removed = true;
    return {};
  }
  if (!json.is_object()) return misfit("group rule", id, "is no object");
  if (index == kNone) {
    org.group_rules.push_back({.id = std::string(id), .body = {}});
    index = static_cast<std::uint32_t>(org.group_rules.size() - 1);
  }
  org.group_rules[index].body = json.get_object();
  return {};
}

core::Status restore_app(Org& org, std::string_view id, const value& json) {
  std::uint32_t index = org.find_app(id);
  if (is_removed(json)) {
    if (index != kNone) org.apps[index].removed = true;
    return {};
  }
  const Reader row(json);
  ASSIGN_OR_RETURN(auto body, object_of(row, "body"));
  std::vector<AppGroup> groups;
  ASSIGN_OR_RETURN(const auto entries, row.at("groups").elements());
  for (const auto& entry : entries) {
    ASSIGN_OR_RETURN(const auto group_id, entry.at("id").string());
    const std::uint32_t group = org.find_group(group_id);
    if (group == kNone) continue;  // deleted since
    AppGroup assigned{.group = group};
    ASSIGN_OR_RETURN(const auto priority, entry.at("priority").integer_in(0, 1'000'000));
    assigned.priority = static_cast<int>(priority);
    ASSIGN_OR_RETURN(assigned.last_updated, seconds(entry, "lastUpdated"));
    ASSIGN_OR_RETURN(assigned.profile, object_of(entry, "profile"));
    groups.push_back(std::move(assigned));
  }
  if (index == kNone) {
    org.add_app(App{.id = std::string(id)});
    index = static_cast<std::uint32_t>(org.apps.size() - 1);
  }
  org.apps[index].body = std::move(body);
  org.apps[index].groups = std::move(groups);
  return {};
}

core::Status restore_app_user(Org& org, std::string_view id, const value& json) {
  const std::size_t colon = id.find(':');
  const std::uint32_t app = org.find_app(id.substr(0, colon));
  const std::uint32_t user =
      colon == std::string_view::npos ? kNobody : org.users.find_id(id.substr(colon + 1));
  if (app == kNone || user == kNobody) return {};  // deleted since
  if (is_removed(json)) {
    org.apps[app].users.erase(user);
    return {};
  }
  const Reader row(json);
  AppUser assigned;
  ASSIGN_OR_RETURN(assigned.created, seconds(row, "created"));
  ASSIGN_OR_RETURN(assigned.last_updated, seconds(row, "lastUpdated"));
  ASSIGN_OR_RETURN(assigned.user_name, row.at("userName").string());
  ASSIGN_OR_RETURN(assigned.profile, object_of(row, "profile"));
  org.apps[app].users[user] = std::move(assigned);
  return {};
}

core::Status restore_policy(Org& org, std::string_view id, const value& json) {
  std::uint32_t index = org.find_policy(id);
  if (is_removed(json)) {
    if (index != kNone) org.policies[index].removed = true;
    return {};
  }
  const Reader row(json);
  ASSIGN_OR_RETURN(auto body, object_of(row, "body"));
  std::vector<PolicyRule> rules;
  ASSIGN_OR_RETURN(const auto entries, row.at("rules").elements());
  for (const auto& entry : entries) {
    PolicyRule rule;
    ASSIGN_OR_RETURN(rule.id, entry.at("id").string());
    ASSIGN_OR_RETURN(rule.body, object_of(entry, "body"));
    rules.push_back(std::move(rule));
  }
  if (index == kNone) {
    org.add_policy(Policy{.id = std::string(id), .body = {}, .rules = {}});
    index = static_cast<std::uint32_t>(org.policies.size() - 1);
  }
  org.policies[index].body = std::move(body);
  org.policies[index].rules = std::move(rules);
  return {};
}

core::Status restore_schema(Org& org, const value& json) {
  const Reader row(json);
  ASSIGN_OR_RETURN(const auto users, object_of(row, "user"));
  ASSIGN_OR_RETURN(const auto groups, object_of(row, "group"));
  org.custom_user_attributes.clear();
  org.custom_group_attributes.clear();
  for (const auto& member : users)
    if (member.value().is_object()) org.custom_user_attributes[member.key()] = member.value().get_object();
  for (const auto& member : groups)
    if (member.value().is_object()) org.custom_group_attributes[member.key()] = member.value().get_object();
  return {};
}

core::Status restore_member(Org& org, std::string_view id, const value& json) {
  const std::size_t colon = id.find(':');
  const std::uint32_t group = org.find_group(id.substr(0, colon));
  const std::uint32_t user =
      colon == std::string_view::npos ? kNobody : org.users.find_id(id.substr(colon + 1));
  if (group == kNone || user == kNobody) return {};  // deleted since
  if (json.is_bool() && json.get_bool()) {
    org.add_member(group, user);
  } else {
    org.remove_member(group, user);
  }
  return {};
}

core::Status restore_event(Org& org, std::string_view id, const value& json) {
  const auto published = core::parse_rfc3339(core::json::string_or_empty(json, "published"));
  if (!published || !json.is_object()) return misfit("event", id, "has no time");
  org.log.append(published->time_since_epoch().count(), json);
  return {};
}

}  // namespace

value dump_user(const Org& org, std::uint32_t index) {
  const User& user = org.users.at(index);
  if (user.removed) return nullptr;
  return object{{"status", to_string(user.status)},
                {"hasPassword", user.has_password},
                {"created", user.created},
                {"activated", user.activated},
                {"statusChanged", user.status_changed},
                {"lastLogin", user.last_login},
                {"lastUpdated", user.last_updated},
                {"passwordChanged", user.password_changed},
                {"recoveryQuestion", user.overlay ? user.overlay->recovery_question : ""},
                {"providerType", user.overlay ? user.overlay->provider_type : "OKTA"},
                {"providerName", user.overlay ? user.overlay->provider_name : "OKTA"},
                {"profile", org.users.profile(index)}};
}

value dump_group(const Org& org, std::uint32_t index) {
  const Group& group = org.groups[index];
  if (group.removed) return nullptr;
  return object{{"type", group.type},
                {"profile", group.profile},
                {"sourceApp", group.source_app},
                {"created", group.created},
                {"lastUpdated", group.last_updated},
                {"lastMembershipUpdated", group.last_membership_updated}};
}

value dump_group_rule(const Org& org, std::uint32_t index) {
  const GroupRule& rule = org.group_rules[index];
  return rule.removed ? value(nullptr) : value(rule.body);
}

value dump_app(const Org& org, std::uint32_t index) {
  const App& app = org.apps[index];
  if (app.removed) return nullptr;
  array groups;
  for (const auto& group : app.groups)
    groups.push_back(object{{"id", org.groups[group.group].id},
                            {"priority", group.priority},
                            {"lastUpdated", group.last_updated},
                            {"profile", group.profile}});
  return object{{"body", app.body}, {"groups", std::move(groups)}};
}

value dump_app_user(const Org& org, std::uint32_t app, std::uint32_t user) {
  const auto found = org.apps[app].users.find(user);
  if (found == org.apps[app].users.end()) return nullptr;
  return object{{"created", found->second.created},
                {"lastUpdated", found->second.last_updated},
                {"userName", found->second.user_name},
                {"profile", found->second.profile}};
}

value dump_policy(const Org& org, std::uint32_t index) {
  const Policy& policy = org.policies[index];
  if (policy.removed) return nullptr;
  array rules;
  for (const auto& rule : policy.rules) rules.push_back(object{{"id", rule.id}, {"body", rule.body}});
  return object{{"body", policy.body}, {"rules", std::move(rules)}};
}

value dump_schema(const Org& org) {
  object users;
  for (const auto& [name, attribute] : org.custom_user_attributes) users[name] = attribute;
  object groups;
  for (const auto& [name, attribute] : org.custom_group_attributes) groups[name] = attribute;
  return object{{"user", std::move(users)}, {"group", std::move(groups)}};
}

core::Status restore(Org& org, std::string_view kind, std::string_view id, const value& row) {
  if (kind == kind::kUser) return restore_user(org, id, row);
  if (kind == kind::kGroup) return restore_group(org, id, row);
  if (kind == kind::kGroupRule) return restore_group_rule(org, id, row);
  if (kind == kind::kMember) return restore_member(org, id, row);
  if (kind == kind::kApp) return restore_app(org, id, row);
  if (kind == kind::kAppUser) return restore_app_user(org, id, row);
  if (kind == kind::kPolicy) return restore_policy(org, id, row);
  if (kind == kind::kEvent) return restore_event(org, id, row);
  if (kind == kind::kSchema) return restore_schema(org, row);
  return misfit(kind, id, "is of a kind this version does not know");
}

}  // namespace devorg
