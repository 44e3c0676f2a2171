#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devorg/test_org.h"

namespace devorg {
namespace {

using testing::Contains;
using testing::Not;

std::string named(std::string_view name, std::string_view more = "") {
  return R"({"profile":{"name":")" + std::string(name) + "\"" + std::string(more) + "}}";
}

TEST(GroupRoutesTest, CreateReadReplaceDelete) {
  TestOrg org(20);
  const std::size_t before = org.org().log.size();
  const Answer made = org.post("/api/v1/groups", named("Night Shift"));
  ASSERT_EQ(made.status(), 200) << made.problem();
  EXPECT_EQ(made.text("type"), "OKTA_GROUP");
  EXPECT_TRUE(made.body.at("profile").at("description").is_null());
  const std::string path = "/api/v1/groups/" + made.text("id");
  EXPECT_EQ(org.get(path).raw.body, made.raw.body);
  org.clock.advance(std::chrono::minutes(1));
  const Answer changed = org.put(path, named("Night Watch", R"(,"description":"Late")"));
  EXPECT_EQ(changed.text("profile.name"), "Night Watch");
  EXPECT_GT(changed.text("lastUpdated"), made.text("lastUpdated"));
  EXPECT_EQ(changed.text("created"), made.text("created"));
  // A replacement drops what it does not name.
  EXPECT_TRUE(org.put(path, named("Night Watch")).body.at("profile").at("description").is_null());
  EXPECT_EQ(org.del(path).status(), 204);
  EXPECT_EQ(org.get(path).problem(),
            "E0000007 Not found: Resource not found: " + made.text("id") + " (UserGroup)");
  EXPECT_EQ(org.events_after(before),
            (std::vector<std::string>{"group.lifecycle.create", "group.profile.update",
                                      "group.profile.update", "group.lifecycle.delete"}));
}

TEST(GroupRoutesTest, Refusals) {
  TestOrg org(20);
  EXPECT_EQ(org.post("/api/v1/groups", named("Engineering")).problem(),
            "E0000001 Api validation failed: name"
            " | name: An object with this field already exists in the current organization");
  EXPECT_EQ(org.post("/api/v1/groups", "{}").problem(),
            "E0000001 Api validation failed: name | name: The field cannot be left blank");
  EXPECT_EQ(org.post("/api/v1/groups", named("")).code(), "E0000001");
  EXPECT_EQ(org.post("/api/v1/groups", named(std::string(256, 'x'))).code(), "E0000001");
  EXPECT_EQ(org.post("/api/v1/groups", named("x", R"(,"mystery":1)")).problem(),
            "E0000001 Api validation failed: profile | Property name 'mystery' is not defined in profile");
  const std::string everyone = "/api/v1/groups/" + org.group("Everyone");
  EXPECT_EQ(org.del(everyone).code(), "E0000060");
  EXPECT_EQ(org.put(everyone + "/users/" + org.org().users.at(2).id()).code(), "E0000060");
  EXPECT_EQ(org.put("/api/v1/groups/" + org.group("Google Workspace Admins"), named("x")).code(), "E0000006");
  EXPECT_EQ(
      org.put("/api/v1/groups/" + org.group("Okta Administrators") + "/users/" + org.org().users.at(2).id())
          .code(),
      "E0000006");
}

TEST(GroupRoutesTest, MembersComeAndGo) {
  TestOrg org(50);
  const std::string path = "/api/v1/groups/" + org.post("/api/v1/groups", named("Choir")).text("id");
  const std::string user = org.org().users.at(7).id();
  org.clock.advance(std::chrono::minutes(1));
  const std::size_t before = org.org().log.size();
  EXPECT_EQ(org.put(path + "/users/" + user).status(), 204);
  EXPECT_EQ(org.put(path + "/users/" + user).status(), 204) << "a second time is no error";
  EXPECT_EQ(org.walk(path + "/users"), std::vector<std::string>{user});
  EXPECT_THAT(org.walk("/api/v1/users/" + user + "/groups"), Contains(path.substr(15)));
  EXPECT_EQ(org.get(path).text("lastMembershipUpdated"), core::to_rfc3339(org.clock.now()));
  EXPECT_LT(org.get(path).text("lastUpdated"), org.get(path).text("lastMembershipUpdated"));
  EXPECT_EQ(
      org.get(path + "?expand=stats").body.at("_embedded").at("stats").at("usersCount").to_number<int>(), 1);
  EXPECT_EQ(org.del(path + "/users/" + user).status(), 204);
  EXPECT_EQ(org.del(path + "/users/" + user).status(), 204);
  EXPECT_TRUE(org.walk(path + "/users").empty());
  EXPECT_EQ(org.events_after(before),
            (std::vector<std::string>{"group.user_membership.add", "group.user_membership.remove"}));
  EXPECT_EQ(org.put(path + "/users/00uNobody00000000000").code(), "E0000007");
  EXPECT_EQ(org.put("/api/v1/groups/00gNowhere0000000000/users/" + user).problem(),
            "E0000007 Not found: Resource not found: 00gNowhere0000000000 (UserGroup)");
}

TEST(GroupRoutesTest, ListsByNameFilterAndSearch) {
  TestOrg org(20);
  EXPECT_EQ(org.get("/api/v1/groups?q=engin").body.as_array().size(), 1u);
  EXPECT_EQ(org.get("/api/v1/groups?q=gineering").body.as_array().size(), 0u);
  EXPECT_EQ(
      org.get("/api/v1/groups?" + TestOrg::query("filter", R"(type eq "BUILT_IN")")).body.as_array().size(),
      2u);
  EXPECT_EQ(org.get("/api/v1/groups?" + TestOrg::query("search", R"(profile.name co "GINEER")"))
                .body.as_array()
                .size(),
            1u);
  EXPECT_EQ(org.get("/api/v1/groups?" + TestOrg::query("search", R"(profile.name ne "x")")).code(),
            "E0000031");
  EXPECT_EQ(org.get("/api/v1/groups?" + TestOrg::query("filter", R"(profile.name eq "x")")).code(),
            "E0000031");
  // Search is behind, the list is not.
  const std::string search = "/api/v1/groups?" + TestOrg::query("search", R"(profile.name eq "Fresh")");
  ASSERT_EQ(org.post("/api/v1/groups", named("Fresh")).status(), 200);
  EXPECT_EQ(org.get(search).body.as_array().size(), 0u);
  EXPECT_EQ(org.get("/api/v1/groups?q=Fresh").body.as_array().size(), 1u);
  org.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(org.get(search).body.as_array().size(), 1u);
}

TEST(GroupRoutesTest, DeletingAGroupTakesItsAssignments) {
  TestOrg org(50);
  const std::string group = org.group("Finance");
  const auto apps = org.walk("/api/v1/groups/" + group + "/apps");
  ASSERT_FALSE(apps.empty());
  EXPECT_EQ(org.del("/api/v1/groups/" + group).status(), 204);
  for (const auto& app : apps) EXPECT_THAT(org.walk("/api/v1/apps/" + app + "/groups"), Not(Contains(group)));
}

// ---- Rules ----

std::string rule(std::string_view name, std::string_view expression, std::string_view group) {
  return core::json::write(boost::json::object{
      {"type", "group_rule"},
      {"name", name},
      {"conditions", {{"expression", {{"value", expression}, {"type", "urn:okta:expression:1.0"}}}}},
      {"actions", {{"assignUserToGroups", {{"groupIds", boost::json::array{group}}}}}}});
}

TEST(GroupRuleTest, AnActiveRuleFillsItsGroup) {
  TestOrg org(80);
  const std::string group = org.post("/api/v1/groups", named("Berliners")).text("id");
  const Answer made = org.post("/api/v1/groups/rules", rule("Berlin", R"(user.city=="Berlin")", group));
  ASSERT_EQ(made.status(), 200) << made.problem();
  EXPECT_EQ(made.text("status"), "INACTIVE");
  EXPECT_TRUE(org.walk("/api/v1/groups/" + group + "/users").empty());
  const std::string path = "/api/v1/groups/rules/" + made.text("id");
  EXPECT_EQ(org.post(path + "/lifecycle/activate").status(), 204);
  std::vector<std::string> berliners;
  for (std::uint32_t i = 0; i < 80; ++i)
    if (org.org().users.profile(i).contains("city") && org.org().users.profile(i).at("city") == "Berlin" &&
        org.org().users.at(i).status != UserStatus::deprovisioned)
      berliners.push_back(org.org().users.at(i).id());
  EXPECT_EQ(org.walk("/api/v1/groups/" + group + "/users"), berliners);
  // Whoever comes later, or moves, is put in as well.
  const std::string late =
      org.post("/api/v1/users", new_user("late@x.example", R"(,"city":"Berlin")")).text("id");
  EXPECT_THAT(org.walk("/api/v1/groups/" + group + "/users"), Contains(late));
  const std::string mover =
      org.post("/api/v1/users", new_user("mover@x.example", R"(,"city":"Rome")")).text("id");
  EXPECT_THAT(org.walk("/api/v1/groups/" + group + "/users"), Not(Contains(mover)));
  org.post("/api/v1/users/" + mover, R"({"profile":{"city":"Berlin"}})");
  EXPECT_THAT(org.walk("/api/v1/groups/" + group + "/users"), Contains(mover));

  EXPECT_EQ(org.put(path, rule("Other", R"(user.city=="Rome")", group)).code(), "E0000001")
      << "active rules are fixed";
  EXPECT_EQ(org.post(path + "/lifecycle/deactivate").status(), 204);
  EXPECT_EQ(org.put(path, rule("Other", R"(user.city=="Rome")", group)).text("name"), "Other");
  const Answer deleted = org.del(path);
  EXPECT_EQ(deleted.status(), 202);
  EXPECT_EQ(deleted.raw.body, "{}");
  EXPECT_EQ(org.get(path).problem(),
            "E0000007 Not found: Resource not found: " + made.text("id") + " (GroupRule)");
}

TEST(GroupRuleTest, RefusesBadRules) {
  TestOrg org(10);
  const std::string group = org.group("Payroll");
  EXPECT_EQ(org.post("/api/v1/groups/rules", rule("x", "user.city==", group)).code(), "E0000001");
  EXPECT_EQ(org.post("/api/v1/groups/rules", rule("", R"(user.city=="x")", group)).code(), "E0000001");
  EXPECT_EQ(org.post("/api/v1/groups/rules", rule("x", R"(user.city=="x")", "00gNowhere0000000000")).code(),
            "E0000001");
  EXPECT_EQ(org.post("/api/v1/groups/rules", rule("x", R"(user.city=="x")", org.group("Everyone"))).code(),
            "E0000001");
  EXPECT_EQ(
      org.post("/api/v1/groups/rules", rule("Department Engineering", R"(user.city=="x")", group)).code(),
      "E0000001");
  EXPECT_EQ(org.get("/api/v1/groups/rules?search=contractors").body.as_array().size(), 1u);
  const Answer expanded = org.get("/api/v1/groups/rules?limit=1&expand=groupIdToGroupNameMap");
  EXPECT_EQ(expanded.body.at(0).at("_embedded").at("groupIdToGroupNameMap").as_object().size(), 1u);
}

}  // namespace
}  // namespace devorg
