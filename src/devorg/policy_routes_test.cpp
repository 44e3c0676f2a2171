#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devorg/test_org.h"

namespace devorg {
namespace {

constexpr const char* kPolicy = R"({"type":"OKTA_SIGN_ON","name":"Night","description":"d","priority":1,
  "conditions":{"people":{"groups":{"include":["00g1"]}}},"settings":{"custom":{"deep":[1]}}})";
constexpr const char* kRule =
    R"({"type":"SIGN_ON","name":"Rule","conditions":{"network":{"connection":"ANYWHERE"}},
  "actions":{"signon":{"access":"ALLOW","session":{"maxSessionIdleMinutes":5}}}})";

TEST(PolicyRoutesTest, EveryTypeHasItsPolicies) {
  TestOrg org(5);
  for (const auto* type : {"OKTA_SIGN_ON", "PASSWORD", "MFA_ENROLL", "IDP_DISCOVERY", "ACCESS_POLICY",
                           "PROFILE_ENROLLMENT", "POST_AUTH_SESSION", "ENTITY_RISK"}) {
    const Answer list = org.get(std::string("/api/v1/policies?type=") + type);
    ASSERT_EQ(list.status(), 200) << type;
    ASSERT_FALSE(list.body.as_array().empty()) << type;
    for (const auto& policy : list.body.as_array()) {
      EXPECT_EQ(policy.at("type").as_string(), type);
      const std::string id(policy.at("id").as_string());
      const Answer rules = org.get("/api/v1/policies/" + id + "/rules");
      EXPECT_FALSE(rules.body.as_array().empty()) << type;
      EXPECT_FALSE(rules.raw.headers.has("link")) << "recorded: this list has no Link";
    }
  }
  EXPECT_EQ(org.get("/api/v1/policies").problem(), "E0000028 The request is missing a required parameter.");
  EXPECT_EQ(org.get("/api/v1/policies?type=NONSENSE").code(), "E0000001");
  EXPECT_EQ(org.get("/api/v1/policies?type=PASSWORD&status=INACTIVE").raw.body, "[]");
  EXPECT_EQ(org.get("/api/v1/policies?type=PASSWORD&q=lead").body.as_array().size(), 1u);
  EXPECT_EQ(org.get("/api/v1/policies?type=PASSWORD&status=maybe").code(), "E0000001");
}

TEST(PolicyRoutesTest, CreateReadReplaceDelete) {
  TestOrg org(5);
  const std::size_t before = org.org().log.size();
  const Answer made = org.post("/api/v1/policies", kPolicy);
  ASSERT_EQ(made.status(), 200) << made.problem();
  EXPECT_TRUE(made.text("id").starts_with("00p"));
  EXPECT_EQ(made.text("status"), "ACTIVE");
  EXPECT_FALSE(made.body.at("system").as_bool());
  EXPECT_EQ(boost::json::serialize(made.body.at("settings")), R"({"custom":{"deep":[1]}})");
  const std::string path = "/api/v1/policies/" + made.text("id");
  EXPECT_EQ(org.get(path).raw.body, made.raw.body);
  // PUT replaces: settings that are not sent are gone, conditions are null.
  const Answer replaced = org.put(path, R"({"type":"OKTA_SIGN_ON","name":"Day","status":"INACTIVE"})");
  EXPECT_EQ(replaced.text("name"), "Day");
  EXPECT_EQ(replaced.text("status"), "ACTIVE") << "the status changes by lifecycle only";
  EXPECT_FALSE(replaced.body.as_object().contains("settings"));
  EXPECT_TRUE(replaced.body.at("conditions").is_null());
  EXPECT_EQ(replaced.text("created"), made.text("created"));
  EXPECT_EQ(org.post(path + "/lifecycle/deactivate").status(), 204);
  EXPECT_EQ(org.get(path).text("status"), "INACTIVE");
  EXPECT_TRUE(org.get(path).body.at("_links").as_object().contains("activate"));
  EXPECT_EQ(org.post(path + "/lifecycle/activate").status(), 204);
  const Answer clone = org.post(path + "/clone");
  EXPECT_EQ(clone.text("name"), "[cloned] Day");
  EXPECT_EQ(org.del(path).status(), 204);
  EXPECT_EQ(org.get(path).problem(),
            "E0000007 Not found: Resource not found: " + made.text("id") + " (Policy)");
  EXPECT_EQ(org.events_after(before),
            (std::vector<std::string>{"policy.lifecycle.create", "policy.lifecycle.update",
                                      "policy.lifecycle.deactivate", "policy.lifecycle.activate",
                                      "policy.lifecycle.create", "policy.lifecycle.delete"}));
  EXPECT_TRUE(
      org.post("/api/v1/policies", R"({"type":"ACCESS_POLICY","name":"A"})").text("id").starts_with("rst"));
}

TEST(PolicyRoutesTest, Refusals) {
  TestOrg org(5);
  EXPECT_EQ(org.post("/api/v1/policies", R"({"name":"x"})").code(), "E0000001");
  EXPECT_EQ(org.post("/api/v1/policies", R"({"type":"PASSWORD"})").problem(),
            "E0000001 Api validation failed: name | name: The field cannot be left blank");
  EXPECT_EQ(org.post("/api/v1/policies", R"({"type":"PASSWORD","name":"Default Policy"})").code(),
            "E0000001");
  const std::string system =
      "/api/v1/policies/" +
      std::string(org.get("/api/v1/policies?type=MFA_ENROLL").body.at(0).at("id").as_string());
  EXPECT_EQ(org.del(system).code(), "E0000006");
  EXPECT_EQ(org.post(system + "/lifecycle/deactivate").code(), "E0000006");
  EXPECT_EQ(org.put(system, R"({"type":"MFA_ENROLL","name":"Mine"})").code(), "E0000001");
  EXPECT_EQ(org.put(system, R"({"type":"PASSWORD","name":"Default Policy"})").code(), "E0000001");
}

TEST(PolicyRoutesTest, Rules) {
  TestOrg org(5);
  const std::string policy = "/api/v1/policies/" + org.post("/api/v1/policies", kPolicy).text("id");
  const Answer made = org.post(policy + "/rules", kRule);
  ASSERT_EQ(made.status(), 200) << made.problem();
  EXPECT_EQ(made.body.at("actions").at("signon").at("session").at("maxSessionIdleMinutes").to_number<int>(),
            5);
  EXPECT_EQ(org.post(policy + "/rules", kRule).code(), "E0000001") << "the name is taken";
  EXPECT_EQ(org.post(policy + "/rules", R"({"type":"PASSWORD","name":"Other"})").code(), "E0000001");
  const std::string path = policy + "/rules/" + made.text("id");
  EXPECT_EQ(org.get(path).raw.body, made.raw.body);
  EXPECT_EQ(org.put(path, R"({"type":"SIGN_ON","name":"Renamed"})").text("name"), "Renamed");
  EXPECT_TRUE(org.get(path).body.at("actions").is_null()) << "PUT replaces";
  EXPECT_EQ(org.post(path + "/lifecycle/deactivate").status(), 204);
  EXPECT_EQ(org.get(path).text("status"), "INACTIVE");
  EXPECT_EQ(org.del(path).status(), 204);
  EXPECT_EQ(org.get(path).problem(),
            "E0000007 Not found: Resource not found: " + made.text("id") + " (PolicyRule)");
}

TEST(PolicyRoutesTest, ANewRuleGoesWhereItAsksAndMovesTheOthersBack) {
  TestOrg org(5);
  const std::string policy = "/api/v1/policies/" + org.post("/api/v1/policies", kPolicy).text("id");
  const auto add = [&](std::string name, std::string more) {
    return org.post(policy + "/rules", R"({"type":"SIGN_ON","name":")" + name + "\"" + more + "}").text("id");
  };
  const std::string a = add("a", ""), b = add("b", ""), first = add("first", R"(,"priority":1)");
  EXPECT_EQ(org.walk(policy + "/rules"), (std::vector<std::string>{first, a, b}));
}

// The default policy stays last, whatever comes.
TEST(PolicyRoutesTest, ANewPolicyGoesBeforeTheDefaultOne) {
  TestOrg org(5);
  const auto names = [&] { return org.walk("/api/v1/policies?type=PASSWORD", "name"); };
  ASSERT_EQ(org.post("/api/v1/policies", R"({"type":"PASSWORD","name":"Later"})").status(), 200);
  EXPECT_EQ(names(), (std::vector<std::string>{"Leadership Password", "Later", "Default Policy"}));
  ASSERT_EQ(org.post("/api/v1/policies", R"({"type":"PASSWORD","name":"First","priority":1})").status(), 200);
  EXPECT_EQ(names(), (std::vector<std::string>{"First", "Leadership Password", "Later", "Default Policy"}));
  std::set<std::int64_t> priorities;
  const Answer list = org.get("/api/v1/policies?type=PASSWORD");
  for (const auto& policy : list.body.as_array()) priorities.insert(policy.at("priority").as_int64());
  EXPECT_EQ(priorities, (std::set<std::int64_t>{1, 2, 3, 4}));
}

TEST(PolicyRoutesTest, PagesWithALimit) {
  TestOrg org(5);
  for (int i = 0; i < 7; ++i)
    ASSERT_EQ(
        org.post("/api/v1/policies", R"({"type":"OKTA_SIGN_ON","name":"p)" + std::to_string(i) + R"("})")
            .status(),
        200);
  const auto whole = org.walk("/api/v1/policies?type=OKTA_SIGN_ON");
  EXPECT_EQ(whole.size(), 9u);
  EXPECT_EQ(org.walk("/api/v1/policies?type=OKTA_SIGN_ON&limit=2"), whole);
}

}  // namespace
}  // namespace devorg
