#include "devorg/generate.h"

#include <fstream>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <sstream>

#include "core/json.h"
#include "devorg/profile_rules.h"
#include "devorg/rule_expression.h"

namespace devorg {
namespace {

constexpr Seconds kDay = 86'400;

core::WallTime now() {
  return core::FakeClock().now();
}

std::unique_ptr<Org> make(std::uint32_t users, std::uint64_t seed = 1) {
  auto org = generate({.users = users, .seed = seed, .now = now()});
  EXPECT_TRUE(org);
  return *std::move(org);
}

// Everything about an org that a client can see, as one text.
std::string fingerprint(const Org& org) {
  std::ostringstream out;
  for (std::uint32_t i = 0; i < org.users.size(); ++i) {
    const User& user = org.users.at(i);
    out << user.id() << to_string(user.status) << user.created << ' ' << user.last_login << ' '
        << boost::json::serialize(org.users.profile(i)) << '\n';
  }
  for (const auto& group : org.groups) {
    out << group.id << boost::json::serialize(group.profile);
    for (const auto member : group.members) out << ' ' << member;
    out << '\n';
  }
  for (const auto& rule : org.group_rules) out << rule.id << boost::json::serialize(rule.body) << '\n';
  for (const auto& app : org.apps)
    out << app.id << boost::json::serialize(app.body) << app.users.size() << '\n';
  for (const auto& policy : org.policies) out << policy.id << boost::json::serialize(policy.body) << '\n';
  for (std::size_t i = 0; i < org.log.size(); i += 17)
    out << boost::json::serialize(org.log.read(org, i)) << '\n';
  return out.str();
}

TEST(GenerateTest, TheSameSeedGivesTheSameOrg) {
  EXPECT_EQ(fingerprint(*make(500, 3)), fingerprint(*make(500, 3)));
  EXPECT_NE(fingerprint(*make(500, 3)), fingerprint(*make(500, 4)));
}

TEST(GenerateTest, AnySizeWorks) {
  for (const std::uint32_t users : {1u, 2u, 3u, 17u}) EXPECT_EQ(make(users)->users.size(), users);
  for (const std::uint32_t users : {0u, 1'000'001u})
    EXPECT_EQ(generate({.users = users, .seed = 1, .now = now()}).error().code, "devorg.generate");
}

TEST(GenerateTest, IdsAndLoginsAreUniqueAlsoWhenNamesRunOut) {
  const auto org = make(70'000);
  std::set<std::string> ids, logins;
  for (std::uint32_t i = 0; i < org->users.size(); ++i) {
    ids.insert(org->users.at(i).id());
    logins.insert(org->users.login(i));
  }
  EXPECT_EQ(ids.size(), 70'000u);
  EXPECT_EQ(logins.size(), 70'000u);
  for (const std::uint32_t i : {0u, 1u, 4711u, 69'999u}) {
    EXPECT_EQ(org->users.find_id(org->users.at(i).id()), i);
    EXPECT_EQ(org->users.find_login(org->users.login(i)), i);
  }
}

TEST(GenerateTest, ProfilesPassTheOrgsOwnRules) {
  const auto org = make(1000);
  for (std::uint32_t i = 0; i < org->users.size(); ++i) {
    const auto checked = check_user_profile(*org, org->users.profile(i), true);
    ASSERT_TRUE(checked) << boost::json::serialize(org->users.profile(i))
                         << checked.error().causes.at(0).summary;
  }
  for (const auto& group : org->groups) EXPECT_TRUE(check_group_profile(*org, group.profile));
  for (const auto& rule : org->group_rules)
    EXPECT_TRUE(RuleExpression::parse(core::json::string_or_empty(rule.body, "conditions.expression.value")));
}

TEST(GenerateTest, LivesAreConsistent) {
  const auto org = make(5000);
  const auto now_seconds = static_cast<Seconds>(core::to_unix_seconds(now()));
  std::map<UserStatus, int> statuses;
  int never = 0, inactive = 0, recent = 0;
  for (std::uint32_t i = 0; i < org->users.size(); ++i) {
    const User& user = org->users.at(i);
    ++statuses[user.status];
    EXPECT_LE(user.created, now_seconds);
    EXPECT_LE(user.last_updated, now_seconds);
    EXPECT_GE(user.last_updated, user.created);
    if (user.status == UserStatus::staged) {
      EXPECT_EQ(user.activated, 0u);
      EXPECT_EQ(user.last_login, 0u);
      continue;
    }
    EXPECT_GE(user.activated, user.created);
    EXPECT_GE(user.status_changed, user.activated);
    if (user.last_login != 0) {
      EXPECT_GE(user.last_login, user.activated);
      EXPECT_LE(user.last_login, now_seconds);
    }
    if (user.status != UserStatus::active) continue;
    if (user.last_login == 0) ++never;
    if (user.last_login != 0 && user.last_login < now_seconds - 90 * kDay) ++inactive;
    if (user.last_login > now_seconds - 14 * kDay) ++recent;
    if (user.manager != kNobody) {
      EXPECT_NE(user.manager, i);
    }
  }
  EXPECT_EQ(statuses.size(), 8u) << "every status occurs";
  EXPECT_GT(statuses[UserStatus::active], 4000);
  EXPECT_GT(never, 50);
  EXPECT_GT(inactive, 100);
  EXPECT_GT(recent, 2000);
}

TEST(GenerateTest, TheAdministratorIsWhomTheManualsName) {
  const auto org = make(50);
  EXPECT_EQ(org->users.login(org->admin), "admin@example.com");
  EXPECT_EQ(org->users.at(org->admin).status, UserStatus::active);
  EXPECT_TRUE(org->is_member(org->find_group_name("Okta Administrators"), org->admin));
}

TEST(GenerateTest, GroupsHoldWhomTheirNameSays) {
  const auto org = make(2000);
  const std::uint32_t engineering = org->find_group_name("Engineering");
  ASSERT_NE(engineering, kNone);
  EXPECT_GT(org->member_count(engineering), 200u);
  for (const auto member : org->groups[engineering].members)
    EXPECT_EQ(org->users.profile(member).at("department").as_string(), "Engineering");
  EXPECT_EQ(org->member_count(0), 2000u);
  EXPECT_EQ(org->groups[0].type, "BUILT_IN");
  EXPECT_EQ(org->member_count(org->find_group_name("Retired Project Falcon")), 0u);
  std::set<std::string> names;
  for (const auto& group : org->groups) names.insert(std::string(group.profile.at("name").as_string()));
  EXPECT_EQ(names.size(), org->groups.size());
}

TEST(GenerateTest, EverySignOnModeIsThere) {
  const auto org = make(100);
  std::set<std::string> modes;
  for (const auto& app : org->apps) modes.insert(std::string(app.body.at("signOnMode").as_string()));
  for (const auto* mode :
       {"SAML_2_0", "OPENID_CONNECT", "BROWSER_PLUGIN", "BOOKMARK", "BASIC_AUTH", "WS_FEDERATION"})
    EXPECT_TRUE(modes.contains(mode)) << mode;
}

// A last sign-in within the log's reach stands in the log.
TEST(GenerateTest, TheLogAgreesWithTheUsers) {
  const auto org = make(400);
  std::map<std::string, std::int64_t> last;
  for (std::size_t i = 0; i < org->log.size(); ++i) {
    const auto event = org->log.read(*org, i);
    if (event.at("eventType") != "user.session.start" || event.at("outcome").at("result") != "SUCCESS")
      continue;
    last[std::string(event.at("actor").at("id").as_string())] = org->log.published(i) / 1000;
  }
  const auto now_seconds = static_cast<Seconds>(core::to_unix_seconds(now()));
  int checked = 0;
  for (std::uint32_t i = 1; i < org->users.size(); ++i) {
    const User& user = org->users.at(i);
    if (user.last_login < now_seconds - 30 * kDay) continue;
    EXPECT_EQ(last[user.id()], user.last_login) << org->users.login(i);
    ++checked;
  }
  EXPECT_GT(checked, 100);
}

TEST(GenerateTest, EventTypesAreOktas) {
  std::ifstream file(std::string(SHARED_DIR) + "/okta-reference/okta-event-types.csv");
  if (!file) GTEST_SKIP() << "Okta's list of event types is not here";
  std::set<std::string> known;
  for (std::string line; std::getline(file, line);)
    if (line.starts_with('"')) known.insert(line.substr(1, line.find('"', 1) - 1));
  for (int type = 0; type <= static_cast<int>(EventType::rule_delete); ++type) {
    const std::string name(facts(static_cast<EventType>(type)).type);
    EXPECT_TRUE(known.contains(name)) << name;
  }
}

}  // namespace
}  // namespace devorg
