#include "devorg/org.h"

#include <algorithm>

namespace devorg {

namespace {

template <class Entity>
std::uint32_t look_up(const std::map<std::string, std::uint32_t, std::less<>>& index,
                      const std::vector<Entity>& entities, std::string_view id) {
  const auto found = index.find(id);
  return found == index.end() || entities[found->second].removed ? kNone : found->second;
}

}  // namespace

std::uint32_t Org::find_group(std::string_view group_id) const {
  return look_up(group_index_, groups, group_id);
}
std::uint32_t Org::find_app(std::string_view app_id) const {
  return look_up(app_index_, apps, app_id);
}
std::uint32_t Org::find_policy(std::string_view policy_id) const {
  return look_up(policy_index_, policies, policy_id);
}

std::uint32_t Org::find_group_name(std::string_view name) const {
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const auto* own = groups[i].profile.if_contains("name");
    if (!groups[i].removed && own && own->is_string() && own->get_string() == name)
      return static_cast<std::uint32_t>(i);
  }
  return kNone;
}

std::uint32_t Org::find_group_rule(std::string_view rule_id) const {
  for (std::size_t i = 0; i < group_rules.size(); ++i)
    if (!group_rules[i].removed && group_rules[i].id == rule_id) return static_cast<std::uint32_t>(i);
  return kNone;
}

void Org::add_group(Group group) {
  group_index_[group.id] = static_cast<std::uint32_t>(groups.size());
  groups.push_back(std::move(group));
}

void Org::add_app(App app) {
  app_index_[app.id] = static_cast<std::uint32_t>(apps.size());
  apps.push_back(std::move(app));
}

void Org::add_policy(Policy policy) {
  policy_index_[policy.id] = static_cast<std::uint32_t>(policies.size());
  policies.push_back(std::move(policy));
}

bool Org::is_member(std::uint32_t group, std::uint32_t user) const {
  if (groups[group].everyone) return !users.at(user).removed;
  const auto& members = groups[group].members;
  return std::binary_search(members.begin(), members.end(), user);
}

bool Org::add_member(std::uint32_t group, std::uint32_t user) {
  auto& members = groups[group].members;
  const auto at = std::lower_bound(members.begin(), members.end(), user);
  if (groups[group].everyone || (at != members.end() && *at == user)) return false;
  members.insert(at, user);
  return true;
}

bool Org::remove_member(std::uint32_t group, std::uint32_t user) {
  auto& members = groups[group].members;
  const auto at = std::lower_bound(members.begin(), members.end(), user);
  if (at == members.end() || *at != user) return false;
  members.erase(at);
  return true;
}

std::size_t Org::member_count(std::uint32_t group) const {
  return groups[group].everyone ? live_users_ : groups[group].members.size();
}

std::uint32_t Org::next_member(std::uint32_t group, std::uint32_t from) const {
  if (groups[group].everyone) {
    while (from < users.size() && users.at(from).removed) ++from;
    return from < users.size() ? from : kNobody;
  }
  const auto& members = groups[group].members;
  const auto at = std::lower_bound(members.begin(), members.end(), from);
  return at == members.end() ? kNobody : *at;
}

std::vector<std::uint32_t> Org::groups_of(std::uint32_t user) const {
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < groups.size(); ++i)
    if (!groups[i].removed && is_member(i, user)) found.push_back(i);
  return found;
}

Org::Assignment Org::assignment(const App& app, std::uint32_t user) const {
  if (app.users.contains(user)) return Assignment::user;
  // A deactivated user keeps the groups but loses the apps.
  if (users.at(user).status == UserStatus::deprovisioned) return Assignment::none;
  for (const auto& group : app.groups)
    if (!groups[group.group].removed && is_member(group.group, user)) return Assignment::group;
  return Assignment::none;
}

std::uint32_t Org::next_app_user(const App& app, std::uint32_t from) const {
  while (true) {
    std::uint32_t next = kNobody;
    if (const auto direct = app.users.lower_bound(from); direct != app.users.end()) next = direct->first;
    for (const auto& group : app.groups)
      if (!groups[group.group].removed) next = std::min(next, next_member(group.group, from));
    if (next == kNobody || assignment(app, next) != Assignment::none) return next;
    from = next + 1;
  }
}

std::uint32_t Org::add_user(User user) {
  ++live_users_;
  return users.add(std::move(user));
}

void Org::erase_user(std::uint32_t user) {
  for (std::uint32_t i = 0; i < groups.size(); ++i) remove_member(i, user);
  for (auto& app : apps) app.users.erase(user);
  users.remove(user);
  --live_users_;
}

}  // namespace devorg
