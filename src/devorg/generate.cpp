#include "devorg/generate.h"

#include <algorithm>
#include <fmt/format.h>

#include "devorg/names.h"

namespace devorg {

std::string Dice::id(std::string_view prefix) {
  static constexpr std::string_view kAlphabet =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
  std::string id(prefix);
  while (id.size() < 17) {
    std::uint64_t bits = next();
    for (int i = 0; i < 7 && id.size() < 17; ++i, bits >>= 9)
      id += kAlphabet[(bits & 0x1FF) % kAlphabet.size()];
  }
  return id + "5d7";
}

namespace {

constexpr Seconds kDay = 86'400;

Seconds seconds_of(core::WallTime time) {
  return static_cast<Seconds>(core::to_unix_seconds(time));
}

Group make_group(Dice& dice, std::string_view type, std::string_view name, std::string_view description,
                 Seconds created) {
  Group group{.id = dice.id("00g"), .type = std::string(type)};
  group.profile = {
      {"name", name},
      {"description", description.empty() ? boost::json::value(nullptr) : boost::json::value(description)}};
  group.created = group.last_updated = group.last_membership_updated = created;
  return group;
}

// Appends all users that fit; indexes come in order, so the list is sorted.
template <class Predicate>
void fill(Org& org, Group& group, Predicate&& fits) {
  for (std::uint32_t i = 0; i < org.users.size(); ++i) {
    const User& user = org.users.at(i);
    if (user.status == UserStatus::staged || !fits(user, i)) continue;
    group.members.push_back(i);
    group.last_membership_updated = std::max(group.last_membership_updated, user.activated);
  }
}

boost::json::object rule_body(std::string_view name, std::string_view status, std::string_view expression,
                              std::string_view group_id, Seconds created) {
  const std::string time = core::to_rfc3339(core::WallTime{std::chrono::seconds{created}});
  return {
      {"type", "group_rule"},
      {"status", status},
      {"name", name},
      {"created", time},
      {"lastUpdated", time},
      {"conditions",
       boost::json::object{
           {"people",
            boost::json::object{{"users", boost::json::object{{"exclude", boost::json::array{}}}},
                                {"groups", boost::json::object{{"exclude", boost::json::array{}}}}}},
           {"expression", boost::json::object{{"value", expression}, {"type", "urn:okta:expression:1.0"}}}}},
      {"actions", boost::json::object{{"assignUserToGroups",
                                       boost::json::object{{"groupIds", boost::json::array{group_id}}}}}}};
}

}  // namespace

void generate_groups(Org& org, const GenerateOptions& options, Dice& dice) {
  const Seconds now = seconds_of(options.now);
  const Seconds founded = now - 6 * 365 * kDay;
  Group everyone = make_group(dice, "BUILT_IN", "Everyone", "All users in your organization", founded);
  everyone.everyone = true;
  everyone.last_membership_updated = now - 3600;
  org.add_group(std::move(everyone));

  Group admins =
      make_group(dice, "BUILT_IN", "Okta Administrators",
                 "Okta manages this group, which contains all administrators in your organization.", founded);
  admins.members = {org.admin};
  org.add_group(std::move(admins));

  // One group a department, filled by a rule; one an office; the rest by hand.
  for (std::uint8_t d = 0; d < departments().size(); ++d) {
    Group group = make_group(dice, "OKTA_GROUP", departments()[d].name,
                             fmt::format("Everybody in {}", departments()[d].name), founded + kDay);
    fill(org, group, [&](const User& user, std::uint32_t) { return user.department == d; });
    const std::string group_id = group.id;
    org.add_group(std::move(group));
    org.group_rules.push_back(
        {.id = dice.id("0pr"),
         .body = rule_body(fmt::format("Department {}", departments()[d].name), "ACTIVE",
                           fmt::format("user.department==\"{}\"", departments()[d].name), group_id,
                           founded + kDay)});
  }
  for (std::uint8_t c = 0; c < cities().size(); ++c) {
    Group group = make_group(dice, "OKTA_GROUP", fmt::format("Office {}", cities()[c].name),
                             fmt::format("People who work from {}", cities()[c].name), founded + 30 * kDay);
    fill(org, group, [&](const User& user, std::uint32_t) { return user.city == c; });
    org.add_group(std::move(group));
  }
  struct Special {
    std::string_view name, description;
    std::uint32_t one_in;
    int department;  // -1 for any
    bool leads, contractors;
  };
  constexpr Special kSpecials[] = {
      {"Contractors", "External staff", 1, -1, false, true},
      {"Leadership", "Heads of department and their leads", 1, -1, true, false},
      {"VPN Users", "May connect from outside", 3, -1, false, false},
      {"GitHub Admins", "Owners of the source code organisation", 60, 0, false, false},
      {"Production Access", "May sign in to production systems", 12, 0, false, false},
      {"AWS Administrators", "Administer the cloud accounts", 9, 9, false, false},
      {"Salesforce Managers", "Approve discounts", 10, 3, false, false},
      {"Payroll", "Run the payroll", 5, 6, false, false},
      {"Incident Response", "On call for security incidents", 3, 10, false, false},
      {"Beta Testers", "", 25, -1, false, false},
  };
  for (const auto& special : kSpecials) {
    Group group = make_group(dice, "OKTA_GROUP", special.name, special.description, founded + 90 * kDay);
    fill(org, group, [&](const User& user, std::uint32_t) {
      if (special.department >= 0 && user.department != special.department) return false;
      if (special.leads) return user.level >= 2;
      if (special.contractors) return user.contractor;
      return dice.one_in(special.one_in);
    });
    org.add_group(std::move(group));
  }
  org.add_group(
      make_group(dice, "OKTA_GROUP", "Retired Project Falcon", "Nobody is left here", founded + 400 * kDay));
  org.group_rules.push_back(
      {.id = dice.id("0pr"),
       .body = rule_body("Contractors by user type", "INACTIVE", "user.userType==\"Contractor\"",
                         org.groups[org.find_group_name("Contractors")].id, founded + kDay)});
}

core::Result<std::unique_ptr<Org>> generate(const GenerateOptions& options) {
  if (options.users < 1 || options.users > 1'000'000)
    return core::fail(core::ErrorKind::invalid_input, "devorg.generate",
                      fmt::format("An org of {} users cannot be generated.", options.users),
                      "Choose from 1 to 1,000,000 users.");
  auto org = std::make_unique<Org>();
  Dice dice(options.seed);
  org->started = options.now;
  org->id = dice.id("00o");
  org->user_type_id = dice.id("oty");
  org->user_schema_id = "osc" + org->user_type_id.substr(3);
  org->custom_user_attributes = {{"hireDate",
                                  {{"title", "Hire date"},
                                   {"type", "string"},
                                   {"format", "date"},
                                   {"mutability", "READ_WRITE"},
                                   {"scope", "NONE"}}},
                                 {"skills",
                                  {{"title", "Skills"},
                                   {"type", "array"},
                                   {"items", {{"type", "string"}}},
                                   {"mutability", "READ_WRITE"},
                                   {"scope", "NONE"}}}};
  generate_users(*org, options, dice);
  generate_groups(*org, options, dice);
  generate_apps(*org, options, dice);
  generate_policies(*org, options, dice);
  generate_events(*org, options, dice);
  return org;
}

}  // namespace devorg
