// Walking any list with any limit yields each element once: checked over every list there is.
#include "devorg/listing.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devorg/test_org.h"

namespace devorg {
namespace {

class WalkTest : public ::testing::TestWithParam<std::string> {};

std::string expand(TestOrg& org, std::string target) {
  const auto put = [&](std::string_view name, const std::string& value) {
    const std::size_t at = target.find(name);
    if (at != std::string::npos) target.replace(at, name.size(), value);
  };
  put("{group}", org.group("Engineering"));
  put("{everyone}", org.group("Everyone"));
  put("{app}", org.org().apps[4].id);
  put("{shared}", org.org().apps[6].id);
  return target;
}

TEST_P(WalkTest, EachElementOnceWithAnyLimit) {
  TestOrg org(157);
  const std::string target = expand(org, GetParam());
  const std::string joint = target.contains('?') ? "&" : "?";
  const std::string_view key = target.starts_with("/api/v1/logs") ? "uuid" : "id";
  const auto whole = org.walk(target + joint + "limit=" + (key == "uuid" ? "1000" : "200"), key);
  ASSERT_FALSE(whole.empty()) << target;
  EXPECT_EQ(std::set<std::string>(whole.begin(), whole.end()).size(), whole.size()) << target;
  for (const std::size_t limit : {1u, 2u, 3u, 7u, 50u, 156u, 157u, 158u, 199u}) {
    if (limit < 7 && whole.size() > 500) continue;
    EXPECT_EQ(org.walk(target + joint + "limit=" + std::to_string(limit), key), whole)
        << target << " by " << limit;
  }
}

INSTANTIATE_TEST_SUITE_P(
    EveryList, WalkTest,
    ::testing::Values(
        "/api/v1/users", "/api/v1/users?filter=status%20eq%20%22ACTIVE%22", "/api/v1/users?search=id%20pr",
        "/api/v1/users?search=id%20pr&sortBy=profile.lastName",
        "/api/v1/users?search=id%20pr&sortBy=profile.lastName&sortOrder=desc",
        "/api/v1/users?search=id%20pr&sortBy=activated&sortOrder=desc",
        "/api/v1/users?search=id%20pr&sortBy=status", "/api/v1/users?search=id%20pr&sortBy=profile.nickName",
        "/api/v1/groups", "/api/v1/groups?filter=type%20eq%20%22OKTA_GROUP%22",
        "/api/v1/groups?search=type%20eq%20%22OKTA_GROUP%22&sortBy=profile.name", "/api/v1/groups/rules",
        "/api/v1/groups/{group}/users", "/api/v1/groups/{everyone}/users", "/api/v1/groups/{group}/apps",
        "/api/v1/apps", "/api/v1/apps/{app}/users", "/api/v1/apps/{shared}/groups",
        "/api/v1/policies?type=ACCESS_POLICY",
        "/api/v1/logs?since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z",
        "/api/v1/logs?since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z&sortOrder=DESCENDING",
        "/api/v1/"
        "logs?since=2020-01-01T00:00:00Z&until=2030-01-01T00:00:00Z&filter=eventType%20eq%20%22group.user_"
        "membership.add%22"));

TEST(ListingTest, SortsAsAskedWithTiesById) {
  TestOrg org(157);
  const auto sorted = [&](std::string more) {
    std::vector<std::pair<std::string, std::string>> rows;
    std::string target = "/api/v1/users?search=id%20pr&sortBy=profile.department&limit=20" + more;
    while (!target.empty()) {
      const Answer page = org.get(target);
      for (const auto& user : page.body.as_array())
        rows.emplace_back(catalogue::fold_case(core::json::string_or_empty(user, "profile.department")),
                          core::json::string_or_empty(user, "id"));
      target = page.next();
    }
    return rows;
  };
  const auto up = sorted("");
  EXPECT_TRUE(std::is_sorted(up.begin(), up.end()));
  const auto down = sorted("&sortOrder=desc");
  EXPECT_TRUE(std::is_sorted(down.begin(), down.end(), [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  }));
}

// What was there from the first page to the last is seen once, whatever is added and removed in between.
TEST(ListingTest, ChangesBetweenPagesLoseAndRepeatNobody) {
  for (const std::string& list :
       {std::string("/api/v1/users?limit=10"),
        std::string("/api/v1/users?search=id%20pr&sortBy=profile.lastName&limit=10")}) {
    TestOrg org(100);
    std::vector<std::string> seen;
    std::set<std::string> deleted;
    std::string target = list;
    for (int page_number = 0; !target.empty(); ++page_number) {
      const Answer page = org.get(target);
      ASSERT_EQ(page.status(), 200) << page.problem();
      for (const auto& user : page.body.as_array()) seen.emplace_back(user.at("id").as_string());
      target = page.next();
      // The last one of this page goes for good, and a new one comes.
      deleted.insert(seen.back());
      org.del("/api/v1/users/" + seen.back());
      org.del("/api/v1/users/" + seen.back());
      ASSERT_EQ(
          org.post("/api/v1/users", new_user("p" + std::to_string(page_number) + ".aaa@x.example")).status(),
          200);
      org.clock.advance(std::chrono::seconds(2));
      ASSERT_LT(page_number, 100);
    }
    EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), seen.size()) << list;
    const auto left = org.walk("/api/v1/users?limit=200");
    for (const auto& id : left) {
      const std::uint32_t at = org.org().users.find_id(id);
      if (at < 100) {
        EXPECT_THAT(seen, testing::Contains(id)) << list;
      }
    }
  }
}

}  // namespace
}  // namespace devorg
