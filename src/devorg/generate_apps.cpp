// Applications of the generated org, their assignments, and its policies.
#include <algorithm>
#include <fmt/format.h>

#include "devorg/app_body.h"
#include "devorg/generate.h"
#include "devorg/names.h"
#include "devorg/policy_body.h"

namespace devorg {

namespace {

constexpr Seconds kDay = 86'400;

struct AppRow {
  std::string_view name;
  std::string_view label;
  std::string_view mode;
  std::string_view url;
  std::string_view groups[3];  // by name
  bool active = true;
  std::uint32_t direct_one_in = 0;  // besides, one in so many users is assigned directly
};

constexpr AppRow kApps[] = {
    {"saasure", "Okta Admin Console", "OPENID_CONNECT", "", {"Okta Administrators"}},
    {"okta_enduser", "Okta Dashboard", "OPENID_CONNECT", "", {"Everyone"}},
    {"google", "Google Workspace", "SAML_2_0", "https://mail.google.example", {"Everyone"}},
    {"slack", "Slack", "SAML_2_0", "https://atko.slack.example", {"Everyone"}},
    {"zoomus", "Zoom", "SAML_2_0", "https://atko.zoom.example", {"Everyone"}},
    {"salesforce",
     "Salesforce.com",
     "SAML_2_0",
     "https://atko.salesforce.example",
     {"Sales", "Salesforce Managers"}},
    {"github_enterprise",
     "GitHub Enterprise",
     "SAML_2_0",
     "https://github.atko.example",
     {"Engineering", "Security", "GitHub Admins"}},
    {"amazon_aws",
     "AWS Account Federation",
     "SAML_2_0",
     "https://aws.atko.example",
     {"AWS Administrators", "Production Access"}},
    {"jira_onprem",
     "Atlassian Jira",
     "SAML_2_0",
     "https://jira.atko.example",
     {"Engineering", "Product", "Design"}},
    {"workday", "Workday", "SAML_2_0", "https://workday.atko.example", {"People", "Finance"}},
    {"netsuite", "NetSuite", "SAML_2_0", "https://netsuite.atko.example", {"Finance"}},
    {"zendesk", "Zendesk", "SAML_2_0", "https://atko.zendesk.example", {"Customer Success"}},
    {"hubspot", "HubSpot", "BROWSER_PLUGIN", "https://hubspot.example", {"Marketing"}},
    {"template_swa",
     "Parts Catalogue",
     "BROWSER_PLUGIN",
     "https://parts.atko.example/login",
     {"Manufacturing"}},
    {"template_basic_auth",
     "Plant Monitoring",
     "BASIC_AUTH",
     "https://plant.atko.example",
     {"Manufacturing"}},
    {"oidc_client", "Expense Portal", "OPENID_CONNECT", "https://expenses.atko.example", {"Everyone"}},
    {"oidc_client",
     "Customer Support Console",
     "OPENID_CONNECT",
     "https://support.atko.example",
     {"Customer Success", "Leadership"}},
    {"oidc_client",
     "Payroll Self Service",
     "OPENID_CONNECT",
     "https://payroll.atko.example",
     {"Payroll"},
     true,
     40},
    {"bookmark", "Company Handbook", "BOOKMARK", "https://handbook.atko.example", {"Everyone"}},
    {"bookmark", "Canteen Menu", "BOOKMARK", "https://canteen.atko.example", {"Office Berlin"}},
    {"office365",
     "Microsoft Office 365",
     "WS_FEDERATION",
     "https://office.atko.example",
     {"Leadership"},
     true,
     15},
    {"figma", "Figma", "SAML_2_0", "https://figma.atko.example", {"Design"}, true, 30},
    {"docusign", "DocuSign", "SAML_2_0", "https://docusign.atko.example", {"Legal", "Sales"}},
    {"legacy_crm", "Old CRM", "SECURE_PASSWORD_STORE", "https://oldcrm.atko.example", {"Sales"}, false},
};

}  // namespace

void generate_apps(Org& org, const GenerateOptions& options, Dice& dice) {
  const auto now = static_cast<Seconds>(core::to_unix_seconds(options.now));
  const Seconds founded = now - 6 * 365 * kDay;
  for (const auto& row : kApps) {
    App app{.id = dice.id("0oa")};
    const Seconds created = founded + dice.below(1500) * kDay;
    app.body = make_app_body({.id = app.id,
                              .org_id = org.id,
                              .name = row.name,
                              .label = row.label,
                              .sign_on_mode = row.mode,
                              .url = row.url,
                              .active = row.active,
                              .created = created,
                              .secret = dice.id("") + dice.id("") + dice.id(""),
                              .key_id = dice.id("kid")});
    int priority = 0;
    for (const auto name : row.groups) {
      if (name.empty()) continue;
      const std::uint32_t group = org.find_group_name(name);
      if (group == kNone) continue;
      app.groups.push_back({.group = group, .priority = priority++, .last_updated = created});
    }
    if (row.direct_one_in > 0)
      for (std::uint32_t user = 0; user < org.users.size() && app.users.size() < 500; ++user)
        if (org.users.at(user).status == UserStatus::active && dice.one_in(row.direct_one_in)) {
          const Seconds at = std::max(created, org.users.at(user).activated);
          app.users[user] = AppUser{.created = at, .last_updated = at, .user_name = org.users.login(user)};
        }
    // The groups an app brings along.
    if (row.name == "salesforce" || row.name == "google") {
      Group group{.id = dice.id("00g"), .type = "APP_GROUP", .source_app = app.id};
      group.profile = {{"name", fmt::format("{} Admins", row.label)},
                       {"description", fmt::format("Imported from {}", row.label)}};
      group.created = group.last_updated = group.last_membership_updated = created;
      for (std::uint32_t user = 0; user < org.users.size(); ++user)
        if (org.users.at(user).level >= 2 && dice.one_in(8)) group.members.push_back(user);
      org.add_group(std::move(group));
    }
    org.add_app(std::move(app));
  }
}

void generate_policies(Org& org, const GenerateOptions& options, Dice& dice) {
  const auto now = static_cast<Seconds>(core::to_unix_seconds(options.now));
  const std::string everyone = org.groups[0].id;
  const auto group_id = [&](std::string_view name) { return org.groups[org.find_group_name(name)].id; };
  const std::vector<PolicyRow> rows = policy_rows(everyone, group_id("Leadership"), group_id("Contractors"));
  for (const auto& row : rows) {
    const Seconds created = now - (200 + dice.below(1500)) * kDay;
    Policy policy{.id = dice.id(row.uses_rst_id ? "rst" : "00p"), .body = row.body};
    stamp(policy.body, created);
    for (const auto& rule_body : row.rules) {
      PolicyRule rule{.id = dice.id(row.uses_rst_id ? "rul" : "0pr"), .body = rule_body};
      stamp(rule.body, created);
      policy.rules.push_back(std::move(rule));
    }
    org.add_policy(std::move(policy));
  }
}

}  // namespace devorg
