#include "insight/inactive_users.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "insight/paged_org.h"

namespace insight {
namespace {

namespace json = core::json;
using testing::ElementsAre;
using testing::IsEmpty;

const core::WallTime kNow =
    core::parse_rfc3339("2026-11-21T12:00:00.000Z").value();  // 90 days ago: 2026-08-23

json::Object user(std::string id, std::string created, json::Value last_login,
                  std::string status = "ACTIVE") {
  return {{"id", id},
          {"status", status},
          {"created", created},
          {"lastLogin", last_login},
          {"lastUpdated", created},
          {"profile", {{"login", id + "@example.com"}, {"firstName", "F"}, {"mobilePhone", "secret"}}},
          {"credentials", {{"provider", {{"type", "OKTA"}}}}},
          {"_links", {{"self", {{"href", "x"}}}}}};
}

std::vector<std::string> ids(const InactiveUsers& found) {
  std::vector<std::string> out;
  for (const auto& row : found.rows) out.emplace_back(json::string_or_empty(row, "id"));
  return out;
}

core::Result<InactiveUsers> run(PagedOrg& org, InactiveUsersOptions options = {},
                                core::Context context = {}) {
  return find_inactive_users(context, org, kNow, options);
}

TEST(InactiveUsers, TakesActiveUsersCreatedBeforeTheCutOffWhoDidNotLogInSince) {
  // One row a rule: does this user belong into the report?
  const struct {
    json::Object user;
    bool inactive;
  } cases[] = {
      {user("never", "2025-01-01T00:00:00.000Z", nullptr), true},
      {user("long-ago", "2025-01-01T00:00:00.000Z", "2026-08-23T11:59:59.999Z"), true},
      {user("at-the-cut-off", "2025-01-01T00:00:00.000Z", "2026-08-23T12:00:00.000Z"), false},
      {user("yesterday", "2025-01-01T00:00:00.000Z", "2026-11-20T00:00:00.000Z"), false},
      {user("new-and-never", "2026-08-23T12:00:00.000Z", nullptr), false},
      {user("just-old-enough", "2026-08-23T11:59:59.999Z", nullptr), true},
      {user("other-zone", "2025-01-01T00:00:00.000Z", "2026-08-23T13:59:59.000+02:00"), true},
      {user("suspended", "2025-01-01T00:00:00.000Z", nullptr, "SUSPENDED"), false},
      {user("deactivated", "2025-01-01T00:00:00.000Z", nullptr, "DEPROVISIONED"), false},
  };
  for (const auto& c : cases) {
    PagedOrg org(1, [&](std::size_t, const okta::Request&) { return json::Array{c.user}; });
    auto found = run(org);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->total(), c.inactive ? 1 : 0) << json::write(c.user);
    EXPECT_EQ(found->read, 1);
    EXPECT_EQ(found->unreadable, 0);
  }
}

TEST(InactiveUsers, CountsThoseWhoNeverLoggedInApart) {
  PagedOrg org(1, [](std::size_t, const okta::Request&) {
    json::Object without = user("c", "2025-01-01T00:00:00.000Z", nullptr);
    without.erase("lastLogin");
    return json::Array{user("a", "2025-01-01T00:00:00.000Z", nullptr),
                       user("b", "2025-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z"), without};
  });
  auto found = run(org);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->never_logged_in, 2);
  EXPECT_EQ(found->logged_in_before, 1);
  EXPECT_THAT(ids(*found), ElementsAre("a", "b", "c"));
  EXPECT_EQ(core::to_rfc3339(found->cut_off), "2026-08-23T12:00:00.000Z");
}

TEST(InactiveUsers, AsksOktaForNoMoreThanItMust) {
  PagedOrg org(1, [](std::size_t, const okta::Request&) { return json::Array{}; });
  ASSERT_TRUE(run(org, {.days = 30}));
  ASSERT_EQ(org.requests.size(), 1u);
  EXPECT_EQ(org.requests[0].path, "/api/v1/users");
  EXPECT_EQ(org.asked(0, "search"), "status eq \"ACTIVE\" and created lt \"2026-10-22T12:00:00.000Z\"");
  EXPECT_EQ(org.asked(0, "limit"), "200");
  EXPECT_EQ(org.asked(0, "filter"), "");
}

TEST(InactiveUsers, ReadsEveryPageAndSaysHowFarItIs) {
  PagedOrg org(3, [](std::size_t page, const okta::Request&) {
    json::Array users;
    for (int i = 0; i < 2; ++i) {
      users.push_back(user(std::to_string(page) + std::to_string(i), "2025-01-01T00:00:00.000Z", nullptr));
    }
    return users;
  });
  KeptProgress progress;
  core::Context context;
  context.notifier = &progress;
  auto found = run(org, {}, context);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->read, 6);
  EXPECT_THAT(ids(*found), ElementsAre("00", "01", "10", "11", "20", "21"));
  EXPECT_THAT(progress.values, ElementsAre(2, 4, 6));
  EXPECT_EQ(progress.messages.back(), "6 users read, 6 inactive");
}

TEST(InactiveUsers, KeepsAFewRowsAndExactCounts) {
  PagedOrg org(50, [](std::size_t page, const okta::Request&) {
    json::Array users;
    for (int i = 0; i < 200; ++i) {
      users.push_back(user(std::to_string(page * 200 + static_cast<std::size_t>(i)),
                           "2025-01-01T00:00:00.000Z", nullptr));
    }
    return users;
  });
  auto found = run(org, {.max_rows = 100});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->rows.size(), 100u);
  EXPECT_EQ(found->total(), 10'000);
  EXPECT_FALSE(found->complete());
}

TEST(InactiveUsers, KeepsOnlyTheColumnsOfTheReport) {
  PagedOrg org(1, [](std::size_t, const okta::Request&) {
    return json::Array{user("a", "2025-01-01T00:00:00.000Z", nullptr)};
  });
  auto found = run(org);
  ASSERT_TRUE(found);
  EXPECT_EQ(json::write(found->rows[0]),
            R"({"id":"a","status":"ACTIVE","created":"2025-01-01T00:00:00.000Z","lastLogin":null,)"
            R"("profile":{"login":"a@example.com","firstName":"F"}})");
}

TEST(InactiveUsers, CountsUsersWhoseTimesCannotBeRead) {
  PagedOrg org(1, [](std::size_t, const okta::Request&) {
    return json::Array{user("a", "yesterday", nullptr), user("b", "2025-01-01T00:00:00.000Z", "never"),
                       user("c", "2025-01-01T00:00:00.000Z", 5), json::Object{{"status", "ACTIVE"}},
                       json::Value(7)};
  });
  auto found = run(org);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->unreadable, 4);
  EXPECT_EQ(found->total(), 0);
  EXPECT_THAT(found->rows, IsEmpty());
}

core::Error refusal(std::string code) {
  core::Error error{.kind = core::ErrorKind::invalid_input, .code = "okta." + code};
  error.upstream = core::UpstreamProblem{.status = 400, .code = std::move(code)};
  return error;
}

TEST(InactiveUsers, FiltersWhereTheSearchIsRefused) {
  PagedOrg org(1, [](std::size_t, const okta::Request& request) -> core::Result<json::Array> {
    if (net::query_value(request.query, "search")) return core::fail(refusal("E0000031"));
    return json::Array{user("a", "2025-01-01T00:00:00.000Z", nullptr),
                       user("b", "2026-11-01T00:00:00.000Z", nullptr)};
  });
  auto found = run(org);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->searched);
  EXPECT_EQ(org.asked(1, "filter"), "status eq \"ACTIVE\"");
  EXPECT_THAT(ids(*found), ElementsAre("a"));
}

TEST(InactiveUsers, PassesOtherErrorsOn) {
  PagedOrg org(1, [](std::size_t, const okta::Request&) -> core::Result<json::Array> {
    return core::fail(refusal("E0000006"));
  });
  auto found = run(org);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, "okta.E0000006");
  EXPECT_EQ(org.requests.size(), 1u);
}

TEST(InactiveUsers, StopsBetweenPages) {
  std::stop_source source;
  PagedOrg org(5, [&](std::size_t page, const okta::Request&) {
    if (page == 1) source.request_stop();
    return json::Array{user("a", "2025-01-01T00:00:00.000Z", nullptr)};
  });
  core::Context context;
  context.stop = source.get_token();
  auto found = run(org, {}, context);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, "core.cancelled");
  EXPECT_EQ(org.requests.size(), 2u);
}

TEST(InactiveUsers, RefusesSpansThatMakeNoSense) {
  PagedOrg org(1, [](std::size_t, const okta::Request&) { return json::Array{}; });
  for (int days : {0, -1, 3'651}) {
    auto found = run(org, {.days = days});
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, "insight.days");
  }
  EXPECT_THAT(org.requests, IsEmpty());
}

}  // namespace
}  // namespace insight
