// Operations of Policy: listPolicies, createPolicy, getPolicy, replacePolicy, deletePolicy, activate,
// deactivate, clonePolicy, and the same for the rules of a policy.
#include <algorithm>
#include <array>
#include <charconv>

#include "devorg/app_body.h"
#include "devorg/policy_body.h"
#include "devorg/routes.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using rest::Answer;
using rest::Call;
using rest::Reply;

// Policy type, the type of its rules, and whether its ids are those of the Identity Engine.
struct PolicyKind {
  std::string_view type;
  std::string_view rule_type;
  bool rst = false;
};
constexpr std::array kKinds = std::to_array<PolicyKind>({
    {"OKTA_SIGN_ON", "SIGN_ON"},
    {"PASSWORD", "PASSWORD"},
    {"MFA_ENROLL", "MFA_ENROLL"},
    {"IDP_DISCOVERY", "IDP_DISCOVERY"},
    {"ACCESS_POLICY", "ACCESS_POLICY", true},
    {"PROFILE_ENROLLMENT", "PROFILE_ENROLLMENT", true},
    {"POST_AUTH_SESSION", "POST_AUTH_SESSION", true},
    {"ENTITY_RISK", "ENTITY_RISK", true},
    {"DEVICE_SIGNAL_COLLECTION", "DEVICE_SIGNAL_COLLECTION", true},
    {"SESSION_VIOLATION_DETECTION", "SESSION_VIOLATION_DETECTION", true},
    {"CLIENT_UPDATE", "CLIENT_UPDATE", true},
    {"IDENTITY_CLAIM_SOURCING", "IDENTITY_CLAIM_SOURCING", true},
});

const PolicyKind* kind_of(std::string_view type) {
  const auto* found =
      std::find_if(kKinds.begin(), kKinds.end(), [&](const PolicyKind& row) { return row.type == type; });
  return found == kKinds.end() ? nullptr : found;
}

bool is_system(const object& body) {
  const auto* system = body.if_contains("system");
  return system && system->is_bool() && system->get_bool();
}

object hinted(const std::string& href, std::initializer_list<std::string_view> methods) {
  array allow;
  for (const auto method : methods) allow.push_back(value(method));
  return {{"href", href}, {"hints", object{{"allow", std::move(allow)}}}};
}

// self (GET, PUT, and DELETE unless it is Okta's own), and the lifecycle step that is possible.
object links_of(const std::string& href, const object& body, bool with_rules) {
  object links;
  links["self"] = is_system(body) ? hinted(href, {"GET", "PUT"}) : hinted(href, {"GET", "PUT", "DELETE"});
  if (with_rules) links["rules"] = hinted(href + "/rules", {"GET", "POST"});
  if (!is_system(body)) {
    const bool active = rest::string_at(body, "status") == "ACTIVE";
    const std::string_view step = active ? "deactivate" : "activate";
    links[step] = hinted(href + "/lifecycle/" + std::string(step), {"POST"});
  }
  return links;
}

object with_id(std::string_view id, const object& body) {
  object out{{"id", id}};
  for (const auto& member : body) out[member.key()] = member.value();
  return out;
}

object rule_json(const Service& service, const Policy& policy, const PolicyRule& rule) {
  object body = with_id(rule.id, rule.body);
  body["_links"] =
      links_of(service.url("/api/v1/policies/" + policy.id + "/rules/" + rule.id), rule.body, false);
  return body;
}

object policy_json(const Service& service, const Policy& policy, std::string_view expand = {}) {
  object body = with_id(policy.id, policy.body);
  body["_links"] = links_of(service.url("/api/v1/policies/" + policy.id), policy.body, true);
  if (expand == "rules") {
    array rules;
    for (const auto& rule : policy.rules) rules.push_back(rule_json(service, policy, rule));
    body["_embedded"] = object{{"rules", std::move(rules)}};
  }
  return body;
}

Answer<std::uint32_t> find_policy(const Service& service, std::string_view id) {
  const std::uint32_t policy = service.org().find_policy(id);
  if (policy == kNone) return rest::refuse(rest::not_found(id, "Policy"));
  return policy;
}

struct FoundRule {
  std::uint32_t policy = 0;
  std::size_t at = 0;
};

Answer<FoundRule> find_rule(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto policy, find_policy(service, call.param(0)));
  const auto& rules = service.org().policies[policy].rules;
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const PolicyRule& rule) { return rule.id == call.param(1); });
  if (found == rules.end()) return rest::refuse(rest::not_found(call.param(1), "PolicyRule"));
  return FoundRule{.policy = policy, .at = static_cast<std::size_t>(found - rules.begin())};
}

int priority_of(const object& body, int otherwise) {
  const auto* priority = body.if_contains("priority");
  if (!priority || !priority->is_int64()) return otherwise;
  return static_cast<int>(std::clamp<std::int64_t>(priority->get_int64(), 0, 100'000));
}

// Policies of a type, by priority; those without an order of their own keep the order of creation.
std::vector<std::uint32_t> policies_of(const Org& org, std::string_view type) {
  std::vector<std::uint32_t> found;
  for (std::uint32_t i = 0; i < org.policies.size(); ++i)
    if (!org.policies[i].removed && rest::string_at(org.policies[i].body, "type") == type) found.push_back(i);
  std::stable_sort(found.begin(), found.end(), [&](std::uint32_t a, std::uint32_t b) {
    return priority_of(org.policies[a].body, 1) < priority_of(org.policies[b].body, 1);
  });
  return found;
}

Answer<Reply> list_policies(Service& service, const Call& call) {
  const std::string type = call.query_value("type");
  if (type.empty())
    return rest::refuse(rest::other(400, "E0000028", "The request is missing a required parameter."));
  if (!kind_of(type))
    return rest::refuse(rest::validation_failed("type", {"type: Invalid policy type " + type}));
  const std::string status = call.query_value("status");
  if (!status.empty() && status != "ACTIVE" && status != "INACTIVE")
    return rest::refuse(rest::validation_failed("status", {"status: must be ACTIVE or INACTIVE"}));
  // Without a limit there is one page (recorded: the self link then has no limit either).
  ASSIGN_OR_RETURN(const auto page, rest::read_page(call, {.default_limit = 1'000'000, .maximum = 200}));
  const std::string q = catalogue::fold_case(call.query_value("q"));
  const Org& org = service.org();
  std::vector<std::uint32_t> chosen;
  for (const std::uint32_t at : policies_of(org, type)) {
    const object& body = org.policies[at].body;
    if (!status.empty() && rest::string_at(body, "status") != status) continue;
    if (!catalogue::fold_case(rest::string_at(body, "name")).starts_with(q)) continue;
    chosen.push_back(at);
  }
  if (call.query_value("sortBy") == "name")
    std::stable_sort(chosen.begin(), chosen.end(), [&](std::uint32_t a, std::uint32_t b) {
      return rest::string_at(org.policies[a].body, "name") < rest::string_at(org.policies[b].body, "name");
    });
  std::size_t begin = 0;
  if (!page.after.empty()) {
    const auto last = std::find_if(chosen.begin(), chosen.end(),
                                   [&](std::uint32_t at) { return org.policies[at].id == page.after; });
    if (last == chosen.end()) return rest::refuse(rest::invalid_cursor());
    begin = static_cast<std::size_t>(last - chosen.begin()) + 1;
  }
  const std::size_t end = std::min(chosen.size(), begin + page.limit);
  array body;
  for (std::size_t i = begin; i < end; ++i)
    body.push_back(policy_json(service, org.policies[chosen[i]], call.query_value("expand")));
  Reply reply = rest::json_reply(body);
  rest::add_links(reply, call, service.base_url(), 0,
                  end < chosen.size() ? org.policies[chosen[end - 1]].id : "");
  return reply;
}

// The members a request may set; Okta decides the others.
constexpr std::string_view kIssued[] = {"id", "created", "lastUpdated", "system", "_links", "_embedded"};

object given_parts(const object& body) {
  object out = body;
  for (const auto key : kIssued) out.erase(key);
  return out;
}

Answer<bool> check_name(const object& body, std::size_t maximum) {
  const std::string_view name = rest::string_at(body, "name");
  if (name.empty())
    return rest::refuse(rest::validation_failed("name", {"name: The field cannot be left blank"}));
  if (name.size() > maximum)
    return rest::refuse(rest::validation_failed(
        "name", {"name: String is too long (maximum " + std::to_string(maximum) + " characters)"}));
  return true;
}

Answer<bool> check_policy_name(const Service& service, const object& body, std::string_view type,
                               std::string_view self) {
  RETURN_IF_ERROR(check_name(body, 255));
  for (const auto& policy : service.org().policies)
    if (!policy.removed && policy.id != self && rest::string_at(policy.body, "type") == type &&
        rest::string_at(policy.body, "name") == rest::string_at(body, "name"))
      return rest::refuse(rest::validation_failed("name", {"name: Policy name already in use"}));
  return true;
}

// Puts a policy where it asks to stand, or last before Okta's own, and moves the others back. Policies of the
// Identity Engine are chosen by their app, not by order: recorded, all of them have priority 1.
void make_room(Service& service, const PolicyKind& kind, object& body, bool asked) {
  if (kind.rst) return;
  Org& org = service.org();
  const auto others = policies_of(org, kind.type);
  int wanted = priority_of(body, 1);
  if (!asked) {
    wanted = 1;
    for (const std::uint32_t at : others)
      if (!is_system(org.policies[at].body))
        wanted = std::max(wanted, priority_of(org.policies[at].body, 1) + 1);
  }
  body["priority"] = wanted;
  for (const std::uint32_t at : others) {
    object& other = org.policies[at].body;
    if (priority_of(other, 1) < wanted) continue;
    other["priority"] = priority_of(other, 1) + 1;
    service.saved_policy(at);
  }
}

Answer<Reply> create_policy(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  ASSIGN_OR_RETURN(const bool activate, rest::read_flag(call, "activate", true));
  const std::string type(rest::string_at(body, "type"));
  const PolicyKind* kind = kind_of(type);
  if (!kind)
    return rest::refuse(rest::validation_failed("type", {"type: The policy type is missing or unknown"}));
  RETURN_IF_ERROR(check_policy_name(service, body, type, {}));
  Policy policy{.id = service.random().okta_id(kind->rst ? "rst" : "00p")};
  policy.body = {{"type", type},  {"status", "ACTIVE"}, {"name", nullptr},      {"description", nullptr},
                 {"priority", 1}, {"system", false},    {"conditions", nullptr}};
  for (const auto& member : given_parts(body)) policy.body[member.key()] = member.value();
  policy.body["status"] = activate ? "ACTIVE" : "INACTIVE";
  make_room(service, *kind, policy.body, body.contains("priority"));
  stamp(policy.body, service.now_seconds());
  const auto index = static_cast<std::uint32_t>(service.org().policies.size());
  service.org().add_policy(std::move(policy));
  service.record(call, EventType::policy_create, {policy_target(service.org().policies[index])});
  service.saved_policy(index);
  return rest::json_reply(policy_json(service, service.org().policies[index]));
}

Answer<Reply> get_policy(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_policy(service, call.param(0)));
  return rest::json_reply(policy_json(service, service.org().policies[index], call.query_value("expand")));
}

// PUT replaces: what the request leaves out is gone (conditions, settings), what Okta issued stays.
Answer<Reply> replace_policy(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_policy(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  Policy& policy = service.org().policies[index];
  const std::string type(rest::string_at(policy.body, "type"));
  if (const auto given = rest::string_at(body, "type"); !given.empty() && given != type)
    return rest::refuse(rest::validation_failed("type", {"type: The policy type cannot be changed"}));
  RETURN_IF_ERROR(check_policy_name(service, body, type, policy.id));
  if (is_system(policy.body) && rest::string_at(body, "name") != rest::string_at(policy.body, "name"))
    return rest::refuse(
        rest::validation_failed("name", {"name: The name of a system policy cannot be changed"}));
  object next{{"type", type},
              {"status", policy.body.at("status")},
              {"name", nullptr},
              {"description", nullptr},
              {"priority", policy.body.at("priority")},
              {"system", policy.body.at("system")},
              {"conditions", nullptr}};
  for (const auto& member : given_parts(body)) next[member.key()] = member.value();
  next["created"] = policy.body.at("created");
  next["status"] = policy.body.at("status");
  next["lastUpdated"] = okta_time(service.now_seconds());
  policy.body = std::move(next);
  service.record(call, EventType::policy_update, {policy_target(policy)});
  service.saved_policy(index);
  return rest::json_reply(policy_json(service, policy));
}

Answer<Reply> delete_policy(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_policy(service, call.param(0)));
  Policy& policy = service.org().policies[index];
  if (is_system(policy.body)) return rest::refuse(rest::access_denied());
  const auto target = policy_target(policy);
  policy.removed = true;
  service.record(call, EventType::policy_delete, {target});
  service.saved_policy(index);
  return rest::no_content();
}

Answer<Reply> set_policy_status(Service& service, const Call& call, bool active) {
  ASSIGN_OR_RETURN(const auto index, find_policy(service, call.param(0)));
  Policy& policy = service.org().policies[index];
  if (is_system(policy.body) && !active) return rest::refuse(rest::access_denied());
  policy.body["status"] = active ? "ACTIVE" : "INACTIVE";
  policy.body["lastUpdated"] = okta_time(service.now_seconds());
  service.record(call, active ? EventType::policy_activate : EventType::policy_deactivate,
                 {policy_target(policy)});
  service.saved_policy(index);
  return rest::no_content();
}

Answer<Reply> clone_policy(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_policy(service, call.param(0)));
  const PolicyKind* kind = kind_of(rest::string_at(service.org().policies[index].body, "type"));
  Policy copy{.id = service.random().okta_id(kind && kind->rst ? "rst" : "00p"),
              .body = service.org().policies[index].body,
              .rules = service.org().policies[index].rules};
  copy.body["name"] = "[cloned] " + std::string(rest::string_at(copy.body, "name"));
  copy.body["system"] = false;
  stamp(copy.body, service.now_seconds());
  for (auto& rule : copy.rules) rule.id = service.random().okta_id(kind && kind->rst ? "rul" : "0pr");
  const auto at = static_cast<std::uint32_t>(service.org().policies.size());
  service.org().add_policy(std::move(copy));
  service.record(call, EventType::policy_create, {policy_target(service.org().policies[at])});
  service.saved_policy(at);
  return rest::json_reply(policy_json(service, service.org().policies[at]));
}

// ---- Rules ----

void sort_rules(Policy& policy) {
  std::stable_sort(policy.rules.begin(), policy.rules.end(), [](const PolicyRule& a, const PolicyRule& b) {
    return priority_of(a.body, 1) < priority_of(b.body, 1);
  });
}

boost::json::array rule_targets(const Policy& policy, const PolicyRule& rule) {
  return {event_entity(rule.id, "PolicyRule", "unknown", rest::string_at(rule.body, "name")),
          policy_target(policy)};
}

Answer<Reply> list_rules(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_policy(service, call.param(0)));
  const Policy& policy = service.org().policies[index];
  array body;
  for (const auto& rule : policy.rules) body.push_back(rule_json(service, policy, rule));
  // Recorded: no Link header on this list.
  return rest::json_reply(body);
}

Answer<bool> check_rule(const Policy& policy, const object& body, std::string_view self) {
  RETURN_IF_ERROR(check_name(body, 50));
  const PolicyKind* kind = kind_of(rest::string_at(policy.body, "type"));
  if (const auto type = rest::string_at(body, "type"); kind && !type.empty() && type != kind->rule_type)
    return rest::refuse(
        rest::validation_failed("type", {"type: A policy of type " + std::string(kind->type) +
                                         " takes rules of type " + std::string(kind->rule_type)}));
  for (const auto& rule : policy.rules)
    if (rule.id != self && rest::string_at(rule.body, "name") == rest::string_at(body, "name"))
      return rest::refuse(rest::validation_failed("name", {"name: Policy rule name already in use"}));
  return true;
}

Answer<Reply> create_rule(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_policy(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  ASSIGN_OR_RETURN(const bool activate, rest::read_flag(call, "activate", true));
  Policy& policy = service.org().policies[index];
  RETURN_IF_ERROR(check_rule(policy, body, {}));
  const PolicyKind* kind = kind_of(rest::string_at(policy.body, "type"));
  PolicyRule rule{.id = service.random().okta_id(kind && kind->rst ? "rul" : "0pr")};
  // A new rule goes before Okta's own catch-all, last of the others.
  int priority = 1;
  for (const auto& other : policy.rules)
    if (!is_system(other.body)) priority = std::max(priority, priority_of(other.body, 1) + 1);
  rule.body = {{"type", kind ? kind->rule_type : std::string_view("SIGN_ON")},
               {"status", "ACTIVE"},
               {"name", nullptr},
               {"priority", priority},
               {"system", false},
               {"conditions", nullptr},
               {"actions", nullptr}};
  for (const auto& member : given_parts(body)) rule.body[member.key()] = member.value();
  rule.body["status"] = activate ? "ACTIVE" : "INACTIVE";
  stamp(rule.body, service.now_seconds());
  const PolicyRule copy = rule;
  // Who stood at this priority or behind moves back by one.
  const int wanted = priority_of(rule.body, priority);
  for (auto& other : policy.rules)
    if (!is_system(other.body) && priority_of(other.body, 1) >= wanted)
      other.body["priority"] = priority_of(other.body, 1) + 1;
  policy.rules.push_back(std::move(rule));
  sort_rules(policy);
  service.record(call, EventType::rule_add, rule_targets(policy, copy));
  service.saved_policy(index);
  return rest::json_reply(rule_json(service, policy, copy));
}

Answer<Reply> get_rule(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto found, find_rule(service, call));
  const Policy& policy = service.org().policies[found.policy];
  return rest::json_reply(rule_json(service, policy, policy.rules[found.at]));
}

Answer<Reply> replace_rule(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto found, find_rule(service, call));
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  Policy& policy = service.org().policies[found.policy];
  PolicyRule& rule = policy.rules[found.at];
  RETURN_IF_ERROR(check_rule(policy, body, rule.id));
  object next{{"type", rule.body.at("type")},
              {"status", rule.body.at("status")},
              {"name", nullptr},
              {"priority", rule.body.at("priority")},
              {"system", rule.body.at("system")},
              {"conditions", nullptr},
              {"actions", nullptr}};
  for (const auto& member : given_parts(body)) next[member.key()] = member.value();
  next["status"] = rule.body.at("status");
  next["created"] = rule.body.at("created");
  next["lastUpdated"] = okta_time(service.now_seconds());
  rule.body = std::move(next);
  const PolicyRule copy = rule;
  sort_rules(policy);
  service.record(call, EventType::rule_update, rule_targets(policy, copy));
  service.saved_policy(found.policy);
  return rest::json_reply(rule_json(service, policy, copy));
}

Answer<Reply> delete_rule(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto found, find_rule(service, call));
  Policy& policy = service.org().policies[found.policy];
  const PolicyRule rule = policy.rules[found.at];
  if (is_system(rule.body)) return rest::refuse(rest::access_denied());
  policy.rules.erase(policy.rules.begin() + static_cast<std::ptrdiff_t>(found.at));
  service.record(call, EventType::rule_delete, rule_targets(policy, rule));
  service.saved_policy(found.policy);
  return rest::no_content();
}

Answer<Reply> set_rule_status(Service& service, const Call& call, bool active) {
  ASSIGN_OR_RETURN(const auto found, find_rule(service, call));
  Policy& policy = service.org().policies[found.policy];
  PolicyRule& rule = policy.rules[found.at];
  if (is_system(rule.body) && !active) return rest::refuse(rest::access_denied());
  rule.body["status"] = active ? "ACTIVE" : "INACTIVE";
  rule.body["lastUpdated"] = okta_time(service.now_seconds());
  service.record(call, active ? EventType::rule_activate : EventType::rule_deactivate,
                 rule_targets(policy, rule));
  service.saved_policy(found.policy);
  return rest::no_content();
}

}  // namespace

void add_policy_routes(rest::Router& router, Service& service) {
  using net::Method;
  const RoutesBelow add(router, service, "/api/v1/policies");
  add(Method::get, "", "listPolicies", list_policies);
  add(Method::post, "", "createPolicy", create_policy);
  add(Method::get, "/{policyId}", "getPolicy", get_policy);
  add(Method::put, "/{policyId}", "replacePolicy", replace_policy);
  add(Method::delete_, "/{policyId}", "deletePolicy", delete_policy);
  add(Method::post, "/{policyId}/clone", "clonePolicy", clone_policy);
  add(Method::post, "/{policyId}/lifecycle/activate", "activatePolicy",
      [](Service& s, const Call& call) { return set_policy_status(s, call, true); });
  add(Method::post, "/{policyId}/lifecycle/deactivate", "deactivatePolicy",
      [](Service& s, const Call& call) { return set_policy_status(s, call, false); });
  add(Method::get, "/{policyId}/rules", "listPolicyRules", list_rules);
  add(Method::post, "/{policyId}/rules", "createPolicyRule", create_rule);
  add(Method::get, "/{policyId}/rules/{ruleId}", "getPolicyRule", get_rule);
  add(Method::put, "/{policyId}/rules/{ruleId}", "replacePolicyRule", replace_rule);
  add(Method::delete_, "/{policyId}/rules/{ruleId}", "deletePolicyRule", delete_rule);
  add(Method::post, "/{policyId}/rules/{ruleId}/lifecycle/activate", "activatePolicyRule",
      [](Service& s, const Call& call) { return set_rule_status(s, call, true); });
  add(Method::post, "/{policyId}/rules/{ruleId}/lifecycle/deactivate", "deactivatePolicyRule",
      [](Service& s, const Call& call) { return set_rule_status(s, call, false); });
}

}  // namespace devorg
