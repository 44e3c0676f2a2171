// Operations listGroupRules, createGroupRule, getGroupRule, replaceGroupRule, deleteGroupRule, activate,
// deactivate.
#include <algorithm>

#include "devorg/app_body.h"
#include "devorg/routes.h"
#include "devorg/rule_expression.h"
#include "devorg/views.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using rest::Answer;
using rest::Call;
using rest::Reply;

Answer<std::uint32_t> find_rule(const Service& service, std::string_view id) {
  const std::uint32_t rule = service.org().find_group_rule(id);
  if (rule == kNone) return rest::refuse(rest::not_found(id, "GroupRule"));
  return rule;
}

boost::json::object rule_target(const GroupRule& rule) {
  return event_entity(rule.id, "GroupRule", "unknown", rest::string_at(rule.body, "name"));
}

std::string_view expression_of(const object& body) {
  const object* conditions = rest::object_at(body, "conditions");
  const object* expression = conditions ? rest::object_at(*conditions, "expression") : nullptr;
  return expression ? rest::string_at(*expression, "value") : std::string_view{};
}

std::vector<std::string_view> targets_of(const object& body) {
  std::vector<std::string_view> ids;
  const object* actions = rest::object_at(body, "actions");
  const object* assign = actions ? rest::object_at(*actions, "assignUserToGroups") : nullptr;
  const auto* list = assign ? assign->if_contains("groupIds") : nullptr;
  if (list && list->is_array())
    for (const auto& id : list->get_array())
      if (id.is_string()) ids.emplace_back(id.get_string());
  return ids;
}

// The parts of a request that make a rule; checked.
Answer<object> read_rule(const Service& service, const Call& call, std::uint32_t self) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  std::vector<rest::Cause> causes;
  const std::string_view name = rest::string_at(body, "name");
  if (name.empty()) causes.emplace_back("name: The field cannot be left blank");
  if (name.size() > 50) causes.emplace_back("name: String is too long (maximum 50 characters)");
  const auto& rules = service.org().group_rules;
  for (std::uint32_t i = 0; i < rules.size(); ++i)
    if (i != self && !rules[i].removed && rest::string_at(rules[i].body, "name") == name)
      causes.emplace_back("name: An object with this field already exists in the current organization");
  if (const auto parsed = RuleExpression::parse(expression_of(body)); !parsed)
    causes.push_back("conditions: Invalid expression: " + parsed.error().message);
  const auto targets = targets_of(body);
  if (targets.empty()) causes.emplace_back("actions: At least one group must be given");
  for (const auto id : targets) {
    const std::uint32_t group = service.org().find_group(id);
    if (group == kNone || service.org().groups[group].type != "OKTA_GROUP")
      causes.push_back("actions: Invalid group id " + std::string(id));
  }
  if (!causes.empty()) {
    const std::string field = causes.front().summary.substr(0, causes.front().summary.find(':'));
    return rest::refuse(rest::validation_failed(field, std::move(causes)));
  }
  object conditions = *rest::object_at(body, "conditions");
  return object{
      {"name", name}, {"conditions", std::move(conditions)}, {"actions", *rest::object_at(body, "actions")}};
}

// Whether a rule puts this user into its groups; an expression outside the language fits nobody.
bool fits(const Service& service, const GroupRule& rule, std::uint32_t user) {
  const auto expression = RuleExpression::parse(expression_of(rule.body));
  if (!expression) return false;
  const Org& org = service.org();
  const object profile = org.users.profile(user);
  return expression->matches(
      {.attribute = [&](std::string_view name) { return std::string(rest::string_at(profile, name)); },
       .member_of =
           [&](std::string_view id) {
             const std::uint32_t group = org.find_group(id);
             return group != kNone && org.is_member(group, user);
           },
       .member_of_name =
           [&](std::string_view name) {
             const std::uint32_t group = org.find_group_name(name);
             return group != kNone && org.is_member(group, user);
           }});
}

void apply_rule(Service& service, const Call& call, const GroupRule& rule, std::uint32_t user) {
  if (!fits(service, rule, user)) return;
  for (const auto id : targets_of(rule.body))
    if (const std::uint32_t group = service.org().find_group(id); group != kNone)
      change_membership(service, call, group, user, true);
}

Answer<Reply> list_rules(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto page, rest::read_page(call, {.default_limit = 50, .maximum = 200}));
  const std::string search = catalogue::fold_case(call.query_value("search"));
  const auto& rules = service.org().group_rules;
  std::uint32_t at = 0;
  if (!page.after.empty()) {
    const auto found = std::find_if(rules.begin(), rules.end(),
                                    [&](const GroupRule& rule) { return rule.id == page.after; });
    if (found == rules.end()) return rest::refuse(rest::invalid_cursor());
    at = static_cast<std::uint32_t>(found - rules.begin()) + 1;
  }
  array body;
  std::string last;
  std::string next;
  for (; at < rules.size(); ++at) {
    if (rules[at].removed) continue;
    if (!search.empty() &&
        catalogue::fold_case(rest::string_at(rules[at].body, "name")).find(search) == std::string::npos)
      continue;
    if (body.size() == page.limit) {
      next = last;
      break;
    }
    object rule = group_rule_json(rules[at]);
    if (call.query_value("expand") == "groupIdToGroupNameMap") {
      object names;
      for (const auto id : targets_of(rules[at].body))
        if (const std::uint32_t group = service.org().find_group(id); group != kNone)
          names[id] = rest::string_at(service.org().groups[group].profile, "name");
      rule["_embedded"] = object{{"groupIdToGroupNameMap", std::move(names)}};
    }
    body.push_back(std::move(rule));
    last = rules[at].id;
  }
  Reply reply = rest::json_reply(body);
  rest::add_links(reply, call, service.base_url(), 50, next);
  return reply;
}

Answer<Reply> create_rule(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(auto parts, read_rule(service, call, kNone));
  const std::string now = okta_time(service.now_seconds());
  GroupRule rule{.id = service.random().okta_id("0pr")};
  rule.body = {{"status", "INACTIVE"},
               {"name", parts["name"]},
               {"created", now},
               {"lastUpdated", now},
               {"conditions", parts["conditions"]},
               {"actions", parts["actions"]}};
  const auto index = static_cast<std::uint32_t>(service.org().group_rules.size());
  service.org().group_rules.push_back(std::move(rule));
  service.record(call, EventType::group_rule_create, {rule_target(service.org().group_rules[index])});
  service.saved_group_rule(index);
  return rest::json_reply(group_rule_json(service.org().group_rules[index]));
}

Answer<Reply> get_rule(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto rule, find_rule(service, call.param(0)));
  return rest::json_reply(group_rule_json(service.org().group_rules[rule]));
}

// Only an inactive rule may be changed, and not its groups (replaceGroupRule).
Answer<Reply> replace_rule(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_rule(service, call.param(0)));
  GroupRule& rule = service.org().group_rules[index];
  if (rest::string_at(rule.body, "status") == "ACTIVE")
    return rest::refuse(rest::validation_failed("status", {"Cannot modify a rule that is active."}));
  ASSIGN_OR_RETURN(auto parts, read_rule(service, call, index));
  rule.body["name"] = parts["name"];
  rule.body["conditions"] = parts["conditions"];
  rule.body["actions"] = parts["actions"];
  rule.body["lastUpdated"] = okta_time(service.now_seconds());
  service.record(call, EventType::group_rule_update, {rule_target(rule)});
  service.saved_group_rule(index);
  return rest::json_reply(group_rule_json(rule));
}

// removeUsers=true also takes out whom the rule had put in.
Answer<Reply> delete_rule(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_rule(service, call.param(0)));
  ASSIGN_OR_RETURN(const bool remove_users, rest::read_flag(call, "removeUsers", false));
  GroupRule& rule = service.org().group_rules[index];
  if (remove_users)
    for (std::uint32_t user = 0; user < service.org().users.size(); ++user) {
      if (service.org().users.at(user).removed || !fits(service, rule, user)) continue;
      for (const auto id : targets_of(rule.body))
        if (const std::uint32_t group = service.org().find_group(id); group != kNone)
          change_membership(service, call, group, user, false);
    }
  rule.removed = true;
  service.record(call, EventType::group_rule_delete, {rule_target(rule)});
  service.saved_group_rule(index);
  return rest::json_reply(object{}, 202);
}

Answer<Reply> set_status(Service& service, const Call& call, bool active) {
  ASSIGN_OR_RETURN(const auto index, find_rule(service, call.param(0)));
  Org& org = service.org();
  org.group_rules[index].body["status"] = active ? "ACTIVE" : "INACTIVE";
  org.group_rules[index].body["lastUpdated"] = okta_time(service.now_seconds());
  service.record(call, active ? EventType::group_rule_activate : EventType::group_rule_deactivate,
                 {rule_target(org.group_rules[index])});
  service.saved_group_rule(index);
  if (active) {
    const GroupRule rule = org.group_rules[index];
    for (std::uint32_t user = 0; user < org.users.size(); ++user)
      if (!org.users.at(user).removed && org.users.at(user).status != UserStatus::deprovisioned)
        apply_rule(service, call, rule, user);
  }
  return rest::no_content();
}

}  // namespace

void apply_group_rules(Service& service, const Call& call, std::uint32_t user) {
  if (service.org().users.at(user).status == UserStatus::deprovisioned) return;
  const std::vector<GroupRule>& rules = service.org().group_rules;
  for (const auto& rule : rules)
    if (!rule.removed && rest::string_at(rule.body, "status") == "ACTIVE")
      apply_rule(service, call, rule, user);
}

void add_group_rule_routes(rest::Router& router, Service& service) {
  using net::Method;
  const RoutesBelow add(router, service, "/api/v1/groups/rules");
  add(Method::get, "", "listGroupRules", list_rules);
  add(Method::post, "", "createGroupRule", create_rule);
  add(Method::get, "/{groupRuleId}", "getGroupRule", get_rule);
  add(Method::put, "/{groupRuleId}", "replaceGroupRule", replace_rule);
  add(Method::delete_, "/{groupRuleId}", "deleteGroupRule", delete_rule);
  add(Method::post, "/{groupRuleId}/lifecycle/activate", "activateGroupRule",
      [](Service& s, const Call& call) { return set_status(s, call, true); });
  add(Method::post, "/{groupRuleId}/lifecycle/deactivate", "deactivateGroupRule",
      [](Service& s, const Call& call) { return set_status(s, call, false); });
}

}  // namespace devorg
