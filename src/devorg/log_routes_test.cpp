#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devorg/test_org.h"

namespace devorg {
namespace {

using testing::Contains;

std::string window(core::WallTime since, core::WallTime until) {
  return "/api/v1/logs?since=" + core::to_rfc3339(since) + "&until=" + core::to_rfc3339(until);
}

TEST(LogRoutesTest, TheHistoryCoversThirtyDaysOfWhatAdminsAskAbout) {
  TestOrg org(2000);
  const auto now = org.clock.now();
  std::set<std::string> types;
  std::set<std::string> days;
  std::string target = window(now - std::chrono::days(31), now) + "&limit=1000";
  std::string last;
  while (!target.empty()) {
    const Answer page = org.get(target);
    ASSERT_EQ(page.status(), 200) << page.problem();
    for (const auto& event : page.body.as_array()) {
      types.insert(std::string(event.at("eventType").as_string()));
      const std::string published(event.at("published").as_string());
      EXPECT_GE(published, last);
      last = published;
      days.insert(published.substr(0, 10));
    }
    target = page.next();
  }
  EXPECT_GE(days.size(), 31u);
  for (const auto* type :
       {"user.session.start", "user.authentication.sso", "user.lifecycle.create", "user.lifecycle.activate",
        "user.lifecycle.deactivate", "user.account.lock", "group.user_membership.add",
        "group.user_membership.remove", "application.user_membership.add",
        "application.user_membership.remove", "user.account.update_profile"})
    EXPECT_THAT(types, Contains(type));
}

TEST(LogRoutesTest, SomebodyFailedToSignInDuringTheLastHalfHour) {
  TestOrg org(2000);
  const auto now = org.clock.now();
  const Answer page = org.get(
      window(now - std::chrono::minutes(30), now) + "&" +
      TestOrg::query("filter", R"(eventType eq "user.session.start" and outcome.result eq "FAILURE")"));
  EXPECT_GE(page.body.as_array().size(), 3u);
}

TEST(LogRoutesTest, SinceIsSevenDaysBeforeUntilUnlessSaid) {
  TestOrg org(300);
  const auto until = org.clock.now() - std::chrono::days(10);
  const auto whole = org.walk("/api/v1/logs?limit=1000&until=" + core::to_rfc3339(until), "uuid");
  EXPECT_EQ(whole, org.walk(window(until - std::chrono::days(7), until) + "&limit=1000", "uuid"));
  EXPECT_FALSE(whole.empty());
  EXPECT_GT(org.walk(window(until - std::chrono::days(20), until) + "&limit=1000", "uuid").size(),
            whole.size());
}

TEST(LogRoutesTest, BoundedRequestsEndAndPollingOnesDoNot) {
  TestOrg org(20);
  const auto now = org.clock.now();
  EXPECT_TRUE(org.get(window(now - std::chrono::seconds(1), now)).next().empty());
  // Without `until` the next link is always there, also on an empty page, and finds what comes later.
  Answer page = org.get("/api/v1/logs?since=" + core::to_rfc3339(now + std::chrono::milliseconds(1)));
  EXPECT_EQ(page.raw.body, "[]");
  ASSERT_FALSE(page.next().empty());
  org.clock.advance(std::chrono::seconds(5));
  org.post("/api/v1/groups", R"({"profile":{"name":"One"}})");
  page = org.get(page.next());
  ASSERT_EQ(page.body.as_array().size(), 1u);
  EXPECT_EQ(page.body.at(0).at("eventType").as_string(), "group.lifecycle.create");
  page = org.get(page.next());
  EXPECT_EQ(page.raw.body, "[]");
  ASSERT_FALSE(page.next().empty());
  org.clock.advance(std::chrono::seconds(5));
  org.post("/api/v1/groups", R"({"profile":{"name":"Two"}})");
  page = org.get(page.next());
  ASSERT_EQ(page.body.as_array().size(), 1u);
  EXPECT_EQ(page.body.at(0).at("target").at(0).at("displayName").as_string(), "Two");
}

TEST(LogRoutesTest, DescendingIsTheSameBackwards) {
  TestOrg org(100);
  const auto now = org.clock.now();
  auto up = org.walk(window(now - std::chrono::days(3), now) + "&limit=50", "uuid");
  const auto down =
      org.walk(window(now - std::chrono::days(3), now) + "&limit=7&sortOrder=DESCENDING", "uuid");
  std::reverse(up.begin(), up.end());
  EXPECT_EQ(up, down);
}

TEST(LogRoutesTest, KeywordsMustAllStandThereAsWords) {
  TestOrg org(20);
  const auto since = core::to_rfc3339(org.clock.now());
  org.clock.advance(std::chrono::seconds(1));
  org.post("/api/v1/groups", R"({"profile":{"name":"Blue Heron Watchers"}})");
  const auto found = [&](std::string_view q) {
    return org.get("/api/v1/logs?since=" + since + "&" + TestOrg::query("q", q)).body.as_array().size();
  };
  EXPECT_EQ(found("heron"), 1u);
  EXPECT_EQ(found("HERON blue"), 1u);
  EXPECT_EQ(found("heron red"), 0u);
  EXPECT_EQ(found("hero"), 0u);
  EXPECT_EQ(found("group.lifecycle.create"), 1u);
}

TEST(LogRoutesTest, Refusals) {
  TestOrg org(5);
  const auto refused = [&](std::string query) { return org.get("/api/v1/logs?" + query).code(); };
  EXPECT_EQ(refused("since=yesterday"), "E0000030");
  EXPECT_EQ(refused("until=2020-13-01T00:00:00Z"), "E0000030");
  EXPECT_EQ(refused("since=2021-01-01T00:00:00Z&until=2020-01-01T00:00:00Z"), "E0000001");
  EXPECT_EQ(refused("sortOrder=SIDEWAYS"), "E0000001");
  EXPECT_EQ(refused("limit=1001"), "E0000001");
  EXPECT_EQ(refused("limit=0"), "E0000001");
  EXPECT_EQ(refused("after=nonsense"), "E0000029");
  EXPECT_EQ(refused("after=123_9999999999"), "E0000029");
  EXPECT_EQ(refused(TestOrg::query("filter", R"(target[type eq "User"])")), "E0000031");
  EXPECT_EQ(refused(TestOrg::query("q", "a b c d e f g h i j k")), "E0000001");
  EXPECT_EQ(refused(TestOrg::query("q", std::string(41, 'x'))), "E0000001");
}

TEST(LogRoutesTest, AnEventSaysWhoDidWhatToWhom) {
  TestOrg org(20);
  const std::string user = org.user_in(UserStatus::active);
  const auto since = core::to_rfc3339(org.clock.now());
  org.clock.advance(std::chrono::seconds(1));
  org.put("/api/v1/groups/" + org.group("Retired Project Falcon") + "/users/" + user);
  const Answer page = org.get("/api/v1/logs?since=" + since);
  ASSERT_EQ(page.body.as_array().size(), 1u);
  const auto& event = page.body.at(0);
  EXPECT_EQ(event.at("actor").at("alternateId").as_string(), "admin@example.com");
  EXPECT_EQ(event.at("target").at(0).at("id").as_string(), user);
  EXPECT_EQ(event.at("target").at(0).at("type").as_string(), "User");
  EXPECT_EQ(event.at("target").at(1).at("displayName").as_string(), "Retired Project Falcon");
  EXPECT_EQ(event.at("outcome").at("result").as_string(), "SUCCESS");
  EXPECT_EQ(event.at("client").at("ipAddress").as_string(), "127.0.0.1");
  EXPECT_EQ(event.at("published").as_string(), core::to_rfc3339(org.clock.now()));
}

}  // namespace
}  // namespace devorg
