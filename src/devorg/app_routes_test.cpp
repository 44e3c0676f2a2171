#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "devorg/test_org.h"

namespace devorg {
namespace {

using testing::Contains;
using testing::Not;

std::string bookmark(std::string_view label) {
  return R"({"name":"bookmark","label":")" + std::string(label) +
         R"(","signOnMode":"BOOKMARK","settings":{"app":{"requestIntegration":false,"url":"https://b.example"}}})";
}
constexpr const char* kOidc = R"({"name":"oidc_client","label":"Portal","signOnMode":"OPENID_CONNECT",
  "credentials":{"oauthClient":{"token_endpoint_auth_method":"%METHOD%"}},
  "settings":{"oauthClient":{"grant_types":["authorization_code"],"response_types":["code"],
  "redirect_uris":["https://p.example/cb"],"application_type":"web"}}})";

TEST(AppRoutesTest, CreateReadReplaceDelete) {
  TestOrg org(20);
  const std::size_t before = org.org().log.size();
  const Answer made = org.post("/api/v1/apps", bookmark("Wiki"));
  ASSERT_EQ(made.status(), 200) << made.problem();
  EXPECT_EQ(made.text("status"), "ACTIVE");
  EXPECT_EQ(made.text("settings.app.url"), "https://b.example");
  const std::string path = "/api/v1/apps/" + made.text("id");
  EXPECT_EQ(org.get(path).raw.body, made.raw.body);

  const Answer renamed =
      org.put(path, R"({"name":"bookmark","label":"Wiki 2","signOnMode":"BOOKMARK","status":"INACTIVE",
    "settings":{"app":{"url":"https://c.example"},"notes":{"admin":"hello"}}})");
  EXPECT_EQ(renamed.text("label"), "Wiki 2");
  EXPECT_EQ(renamed.text("settings.notes.admin"), "hello");
  EXPECT_EQ(renamed.text("status"), "ACTIVE") << "the status changes by lifecycle only";
  EXPECT_EQ(renamed.text("created"), made.text("created"));
  EXPECT_TRUE(org.put(path, bookmark("Wiki 2")).text("settings.notes.admin").empty()) << "PUT replaces";

  const Answer refused = org.del(path);
  EXPECT_EQ(refused.status(), 403);
  EXPECT_EQ(refused.problem(),
            "E0000056 Delete application forbidden. | The application must be deactivated before deletion.");
  EXPECT_EQ(org.post(path + "/lifecycle/deactivate").raw.body, "{}");
  EXPECT_EQ(org.get(path).text("status"), "INACTIVE");
  EXPECT_TRUE(org.get(path).body.at("_links").as_object().contains("activate"));
  EXPECT_EQ(org.post(path + "/lifecycle/activate").status(), 200);
  EXPECT_EQ(org.post(path + "/lifecycle/deactivate").status(), 200);
  EXPECT_EQ(org.del(path).status(), 204);
  EXPECT_EQ(org.get(path).problem(),
            "E0000007 Not found: Resource not found: " + made.text("id") + " (AppInstance)");
  EXPECT_THAT(org.walk("/api/v1/apps"), Not(Contains(made.text("id"))));
  EXPECT_EQ(org.events_after(before),
            (std::vector<std::string>{"application.lifecycle.create", "application.lifecycle.activate",
                                      "application.lifecycle.update", "application.lifecycle.update",
                                      "application.lifecycle.deactivate", "application.lifecycle.activate",
                                      "application.lifecycle.deactivate", "application.lifecycle.delete"}));
}

TEST(AppRoutesTest, OnlyClientsThatUseOneHaveASecret) {
  TestOrg org(5);
  for (const auto& [method, has_secret] :
       std::vector<std::pair<std::string, bool>>{{"client_secret_basic", true},
                                                 {"client_secret_post", true},
                                                 {"private_key_jwt", false},
                                                 {"none", false}}) {
    std::string body = kOidc;
    body.replace(body.find("%METHOD%"), 8, method);
    const Answer made = org.post("/api/v1/apps", body);
    ASSERT_EQ(made.status(), 200) << made.problem();
    const auto& client = made.body.at("credentials").at("oauthClient").as_object();
    EXPECT_EQ(client.contains("client_secret"), has_secret) << method;
    EXPECT_EQ(client.at("client_id").as_string(), made.text("id"));
    // A replacement that does not name the secret keeps it.
    const Answer replaced = org.put("/api/v1/apps/" + made.text("id"), body);
    EXPECT_EQ(replaced.text("credentials.oauthClient.client_secret"),
              made.text("credentials.oauthClient.client_secret"));
  }
}

TEST(AppRoutesTest, KeepsWhatItDoesNotKnow) {
  TestOrg org(5);
  const Answer made =
      org.post("/api/v1/apps?activate=false", R"({"name":"zoomus","label":"Zoom 2","signOnMode":"SAML_2_0",
    "settings":{"app":{"subDomain":"acme","domainType":{"deep":[1,2.5,null]}}},"brandNewField":{"x":true}})");
  ASSERT_EQ(made.status(), 200);
  EXPECT_EQ(made.text("status"), "INACTIVE");
  EXPECT_EQ(made.text("settings.app.subDomain"), "acme");
  EXPECT_TRUE(made.body.at("brandNewField").at("x").as_bool());
}

TEST(AppRoutesTest, Refusals) {
  TestOrg org(5);
  EXPECT_EQ(org.post("/api/v1/apps", R"({"label":"x","signOnMode":"MAGIC"})").code(), "E0000001");
  EXPECT_EQ(org.post("/api/v1/apps", R"({"signOnMode":"BOOKMARK"})").problem(),
            "E0000001 Api validation failed: label | label: The field cannot be left blank");
  EXPECT_EQ(org.post("/api/v1/apps", R"({"label":"x","signOnMode":"BOOKMARK"})").code(), "E0000001");
  EXPECT_EQ(
      org.post("/api/v1/apps", R"({"label":"x","signOnMode":"OPENID_CONNECT","settings":{"oauthClient":{}}})")
          .code(),
      "E0000001");
  const std::string path = "/api/v1/apps/" + org.org().apps[3].id;
  EXPECT_EQ(org.put(path, bookmark("x")).code(), "E0000001") << "the sign-on mode is fixed";
  EXPECT_EQ(org.get("/api/v1/apps?limit=10&expand=user/id,group/id").problem(),
            "E0000001 Api validation failed: RequestParams | Expand query is malformed.");
  EXPECT_EQ(org.get("/api/v1/apps?q=x&after=00u1testcursorvalue&limit=1").problem(),
            "E0000029 Invalid paging request. | Invalid cursor.");
  EXPECT_EQ(org.get("/api/v1/apps?" + TestOrg::query("filter", R"(label eq "x")")).code(), "E0000031");
}

TEST(AppRoutesTest, FiltersAndExpandsByUser) {
  TestOrg org(60);
  const std::string user = org.org().users.at(0).id();
  const Answer mine =
      org.get("/api/v1/apps?limit=200&" + TestOrg::query("filter", "user.id eq \"" + user + "\"") +
              "&expand=user/" + user);
  ASSERT_EQ(mine.status(), 200);
  ASSERT_FALSE(mine.body.as_array().empty());
  for (const auto& app : mine.body.as_array())
    EXPECT_EQ(app.at("_embedded").at("user").at("id").as_string(), user);
  const auto inactive = org.get("/api/v1/apps?" + TestOrg::query("filter", R"(status eq "INACTIVE")"));
  EXPECT_EQ(inactive.body.as_array().size(), 1u);
  EXPECT_EQ(org.get("/api/v1/apps?q=sales").body.as_array().size(), 1u);
  EXPECT_EQ(org.get("/api/v1/apps?q=oidc_client&limit=200").body.as_array().size(), 3u);
}

TEST(AppAssignmentTest, UsersAreAssignedDirectlyOrThroughGroups) {
  TestOrg org(60);
  const std::string app = "/api/v1/apps/" + org.post("/api/v1/apps", bookmark("Wiki")).text("id");
  const std::string user = org.user_in(UserStatus::active);
  const std::string login = org.get("/api/v1/users/" + user).text("profile.login");
  EXPECT_EQ(org.get(app + "/users").raw.body, "[]");
  const Answer assigned = org.post(app + "/users", R"({"id":")" + user + R"("})");
  ASSERT_EQ(assigned.status(), 200) << assigned.problem();
  EXPECT_EQ(assigned.text("scope"), "USER");
  EXPECT_EQ(assigned.text("credentials.userName"), login);
  EXPECT_EQ(org.post(app + "/users/" + user, R"({"credentials":{"userName":"other"}})")
                .text("credentials.userName"),
            "other");
  EXPECT_EQ(org.del(app + "/users/" + user).status(), 204);
  EXPECT_EQ(org.get(app + "/users/" + user).problem(),
            "E0000007 Not found: Resource not found: " + user + " (AppUser)");

  const std::string group = org.post("/api/v1/groups", R"({"profile":{"name":"Wiki Readers"}})").text("id");
  const Answer through = org.put(app + "/groups/" + group, "{}");
  EXPECT_EQ(through.body.at("priority").to_number<int>(), 0);
  EXPECT_EQ(org.put("/api/v1/groups/" + group + "/users/" + user).status(), 204);
  EXPECT_EQ(org.walk(app + "/users"), std::vector<std::string>{user});
  EXPECT_EQ(org.get(app + "/users/" + user).text("scope"), "GROUP");
  EXPECT_EQ(org.del(app + "/users/" + user).code(), "E0000001") << "not while the group has it";
  EXPECT_EQ(org.get(app + "/users?expand=user").body.at(0).at("_embedded").at("user").at("id").as_string(),
            user);
  EXPECT_THAT(org.walk("/api/v1/users/" + user + "/appLinks", "appInstanceId"), Contains(app.substr(13)));
  EXPECT_EQ(org.del(app + "/groups/" + group).status(), 204);
  EXPECT_EQ(org.get(app + "/groups/" + group).code(), "E0000007");
  EXPECT_TRUE(org.walk(app + "/users").empty());
}

TEST(AppAssignmentTest, Refusals) {
  TestOrg org(300);
  const std::string app = "/api/v1/apps/" + org.post("/api/v1/apps", bookmark("Wiki")).text("id");
  EXPECT_EQ(org.post(app + "/users", R"({"id":")" + org.user_in(UserStatus::deprovisioned) + R"("})").code(),
            "E0000117");
  EXPECT_EQ(org.post(app + "/users", R"({"id":"00uNobody00000000000"})").code(), "E0000007");
  EXPECT_EQ(org.post(app + "/users", R"({})").code(), "E0000007");
  EXPECT_EQ(org.put(app + "/groups/00gNowhere0000000000").code(), "E0000007");
  EXPECT_EQ(org.post(app + "/lifecycle/deactivate").status(), 200);
  EXPECT_EQ(org.post(app + "/users", R"({"id":")" + org.user_in(UserStatus::active) + R"("})").code(),
            "E0000001");
}

TEST(AppAssignmentTest, GroupsComeByPriority) {
  TestOrg org(20);
  const std::string app = "/api/v1/apps/" + org.post("/api/v1/apps", bookmark("Wiki")).text("id");
  const std::string a = org.group("Sales"), b = org.group("Legal"), c = org.group("IT");
  for (const auto& group : {a, b, c}) ASSERT_EQ(org.put(app + "/groups/" + group).status(), 200);
  EXPECT_EQ(org.walk(app + "/groups?limit=2"), (std::vector<std::string>{a, b, c}));
  ASSERT_EQ(org.put(app + "/groups/" + a, R"({"priority":9})").status(), 200);
  EXPECT_EQ(org.walk(app + "/groups?limit=1"), (std::vector<std::string>{b, c, a}));
}

}  // namespace
}  // namespace devorg
