// Policies and their rules (Okta Management API, tag Policy).
#include <fmt/format.h>

#include "admin/tools/shapes.h"
#include "core/json.h"

namespace admin {
namespace {

template <const char* kParam>
core::Status name_it(Services&, const core::Context&, Arguments& arguments, Plan& plan) {
  plan.title += fmt::format(" \"{}\"", core::json::string_or_empty(*arguments.object(kParam), "name"));
  return {};
}

constexpr char kPolicyData[] = "policy_data";
constexpr char kRuleData[] = "rule_data";

// The four lifecycle rows differ in two words.
ToolRow lifecycle(bool rule, bool activate) {
  ToolRow row{.area = Area::policies, .scope = "okta.policies.manage"};
  row.params = {{.name = "policy_id",
                 .type = Type::policy,
                 .place = Place::path,
                 .required = true,
                 .about = "id or exact name"}};
  row.effect = activate ? Effect::write : Effect::destructive;
  if (rule) {
    row.params.push_back({.name = "rule_id",
                          .type = Type::policy_rule,
                          .place = Place::path,
                          .required = true,
                          .about = "id or exact name"});
    row.name = activate ? "activate_policy_rule" : "deactivate_policy_rule";
    row.title = activate ? "Activate a policy rule" : "Deactivate a policy rule";
    row.about = activate ? "Activate a rule." : "Deactivate a rule; a person must confirm.";
    row.verb = activate ? "Activate policy rule" : "Deactivate policy rule";
    row.subject = "/api/v1/policies/{policy_id}/rules/{rule_id}";
    row.call = {net::Method::post, activate
                                       ? "/api/v1/policies/{policy_id}/rules/{rule_id}/lifecycle/activate"
                                       : "/api/v1/policies/{policy_id}/rules/{rule_id}/lifecycle/deactivate"};
  } else {
    row.name = activate ? "activate_policy" : "deactivate_policy";
    row.title = activate ? "Activate a policy" : "Deactivate a policy";
    row.about = activate ? "Activate a policy." : "Deactivate a policy; a person must confirm.";
    row.verb = activate ? "Activate policy" : "Deactivate policy";
    row.subject = "/api/v1/policies/{policy_id}";
    row.call = {net::Method::post, activate ? "/api/v1/policies/{policy_id}/lifecycle/activate"
                                            : "/api/v1/policies/{policy_id}/lifecycle/deactivate"};
  }
  if (!activate) row.impact = "What it demands is no longer demanded.";
  return row;
}

}  // namespace

std::vector<ToolRow> policy_tools() {
  using enum Type;
  using net::Method;
  const Param policy_id{.name = "policy_id",
                        .type = policy,
                        .place = Place::path,
                        .required = true,
                        .about = "id or exact name"};
  const Param rule_id{.name = "rule_id",
                      .type = policy_rule,
                      .place = Place::path,
                      .required = true,
                      .about = "id or exact name"};
  const Param policy_data{.name = kPolicyData,
                          .type = object,
                          .place = Place::body,
                          .required = true,
                          .about = "type, name, conditions, settings, ..."};
  const Param rule_data{.name = kRuleData,
                        .type = object,
                        .place = Place::body,
                        .required = true,
                        .about = "type, name, conditions, actions, ..."};
  return {
      {.name = "list_policies",
       .title = "List policies",
       .area = Area::policies,
       .about = "List policies of one type.",
       .scope = "okta.policies.read",
       .call = {Method::get, "/api/v1/policies"},
       .params = {{.name = "type",
                   .required = true,
                   .choices = {"OKTA_SIGN_ON", "PASSWORD", "MFA_ENROLL", "ACCESS_POLICY",
                               "PROFILE_ENROLLMENT", "IDP_DISCOVERY", "POST_AUTH_SESSION", "ENTITY_RISK",
                               "DEVICE_SIGNAL_COLLECTION"}},
                  {.name = "status", .choices = {"ACTIVE", "INACTIVE"}},
                  {.name = "q", .about = "name holds"}},
       .list = &kPolicies},
      {.name = "get_policy",
       .title = "Get a policy",
       .area = Area::policies,
       .about = "One policy, whole.",
       .scope = "okta.policies.read",
       .call = {Method::get, "/api/v1/policies/{policy_id}"},
       .params = {policy_id}},
      {.name = "create_policy",
       .title = "Create a policy",
       .area = Area::policies,
       .about = "Create a policy.",
       .scope = "okta.policies.manage",
       .effect = Effect::write,
       .call = {Method::post, "/api/v1/policies"},
       .params = {policy_data},
       .body = Body::whole,
       .verb = "Create policy",
       .adjust = name_it<kPolicyData>},
      {.name = "update_policy",
       .title = "Update a policy",
       .area = Area::policies,
       .about = "Change the members given, keep the rest; null clears one.",
       .scope = "okta.policies.manage",
       .effect = Effect::write,
       .call = {Method::put, "/api/v1/policies/{policy_id}"},
       .params = {policy_id, policy_data},
       .body = Body::merge_whole,
       .subject = "/api/v1/policies/{policy_id}",
       .verb = "Update policy"},
      {.name = "delete_policy",
       .title = "Delete a policy",
       .area = Area::policies,
       .about = "Delete a policy; a person must confirm.",
       .scope = "okta.policies.manage",
       .effect = Effect::destructive,
       .call = {Method::delete_, "/api/v1/policies/{policy_id}"},
       .params = {policy_id},
       .subject = "/api/v1/policies/{policy_id}",
       .verb = "Delete policy",
       .impact = "What it demands is no longer demanded. This cannot be undone."},
      lifecycle(false, true),
      lifecycle(false, false),
      {.name = "list_policy_rules",
       .title = "List a policy's rules",
       .area = Area::policies,
       .about = "Rules of a policy, in order.",
       .scope = "okta.policies.read",
       .call = {Method::get, "/api/v1/policies/{policy_id}/rules"},
       .params = {policy_id},
       .list = &kPolicyRules},
      {.name = "get_policy_rule",
       .title = "Get a policy rule",
       .area = Area::policies,
       .about = "One rule, whole.",
       .scope = "okta.policies.read",
       .call = {Method::get, "/api/v1/policies/{policy_id}/rules/{rule_id}"},
       .params = {policy_id, rule_id}},
      {.name = "create_policy_rule",
       .title = "Create a policy rule",
       .area = Area::policies,
       .about = "Create a rule in a policy.",
       .scope = "okta.policies.manage",
       .effect = Effect::write,
       .call = {Method::post, "/api/v1/policies/{policy_id}/rules"},
       .params = {policy_id, rule_data},
       .body = Body::whole,
       .verb = "Create policy rule",
       .adjust = name_it<kRuleData>},
      {.name = "update_policy_rule",
       .title = "Update a policy rule",
       .area = Area::policies,
       .about = "Change the members given, keep the rest; null clears one.",
       .scope = "okta.policies.manage",
       .effect = Effect::write,
       .call = {Method::put, "/api/v1/policies/{policy_id}/rules/{rule_id}"},
       .params = {policy_id, rule_id, rule_data},
       .body = Body::merge_whole,
       .subject = "/api/v1/policies/{policy_id}/rules/{rule_id}",
       .verb = "Update policy rule"},
      {.name = "delete_policy_rule",
       .title = "Delete a policy rule",
       .area = Area::policies,
       .about = "Delete a rule; a person must confirm.",
       .scope = "okta.policies.manage",
       .effect = Effect::destructive,
       .call = {Method::delete_, "/api/v1/policies/{policy_id}/rules/{rule_id}"},
       .params = {policy_id, rule_id},
       .subject = "/api/v1/policies/{policy_id}/rules/{rule_id}",
       .verb = "Delete policy rule",
       .impact = "What it demands is no longer demanded. This cannot be undone."},
      lifecycle(true, true),
      lifecycle(true, false),
  };
}

}  // namespace admin
