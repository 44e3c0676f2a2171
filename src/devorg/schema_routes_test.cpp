#include <gtest/gtest.h>

#include "devorg/test_org.h"

namespace devorg {
namespace {

TEST(SchemaRoutesTest, TheUserSchemaHasOktasBaseAttributes) {
  TestOrg org(5);
  const Answer schema = org.get("/api/v1/meta/schemas/user/default");
  ASSERT_EQ(schema.status(), 200);
  const auto& base = schema.body.at("definitions").at("base");
  EXPECT_EQ(base.at("properties").as_object().size(), 31u);
  EXPECT_EQ(boost::json::serialize(base.at("required")), R"(["login","firstName","lastName","email"])");
  EXPECT_EQ(base.at("properties").at("login").at("maxLength").to_number<int>(), 100);
  EXPECT_TRUE(schema.body.at("definitions").at("custom").at("properties").as_object().contains("skills"));
  // The id in a user's links leads to the same schema.
  const std::string link = org.get("/api/v1/users/me").text("_links.schema.href");
  EXPECT_EQ(org.get(link.substr(std::string("http://org.test").size())).status(), 200);
  EXPECT_EQ(org.get("/api/v1/meta/schemas/user/oscNowhere").code(), "E0000007");
}

TEST(SchemaRoutesTest, CustomAttributesCanBeAddedAndRemoved) {
  TestOrg org(5);
  const std::string path = "/api/v1/meta/schemas/user/default";
  EXPECT_EQ(org.post("/api/v1/users", new_user("a@x.example", R"(,"shoe":38)")).code(), "E0000001");
  const auto custom = [](std::string properties) {
    return R"({"definitions":{"custom":{"properties":)" + properties + "}}}";
  };
  ASSERT_EQ(org.post(path, custom(R"({"shoe":{"title":"Shoe","type":"integer"}})")).status(), 200);
  EXPECT_EQ(org.post("/api/v1/users", new_user("a@x.example", R"(,"shoe":"big")")).code(), "E0000001");
  EXPECT_EQ(org.post("/api/v1/users", new_user("a@x.example", R"(,"shoe":38)")).status(), 200);
  ASSERT_EQ(org.post(path, custom(R"({"shoe":null})")).status(), 200);
  EXPECT_EQ(org.post("/api/v1/users", new_user("b@x.example", R"(,"shoe":38)")).code(), "E0000001");
  EXPECT_EQ(org.post(path, custom(R"({"x":{"title":"X","type":"magic"}})")).code(), "E0000001");
  EXPECT_EQ(org.post(path, custom(R"({"x":{"type":"string"}})")).code(), "E0000001");
  EXPECT_EQ(org.post(path, "{}").code(), "E0000001");
}

TEST(SchemaRoutesTest, GroupsAndAppsHaveTheirs) {
  TestOrg org(5);
  EXPECT_EQ(org.get("/api/v1/meta/schemas/group/default").text("name"), "group");
  ASSERT_EQ(
      org.post("/api/v1/meta/schemas/group/default",
               R"({"definitions":{"custom":{"properties":{"owner":{"title":"Owner","type":"string"}}}}})")
          .status(),
      200);
  EXPECT_EQ(org.post("/api/v1/groups", R"({"profile":{"name":"Owned","owner":"me"}})").text("profile.owner"),
            "me");
  EXPECT_EQ(org.get("/api/v1/meta/schemas/apps/" + org.org().apps[2].id + "/default").status(), 200);
  EXPECT_EQ(org.get("/api/v1/meta/schemas/apps/0oaNowhere/default").code(), "E0000007");
  const std::string type = org.get("/api/v1/users/me").text("type.id");
  EXPECT_EQ(org.get("/api/v1/meta/types/user").body.at(0).at("id").as_string(), type);
  EXPECT_EQ(org.get("/api/v1/meta/types/user/" + type).text("name"), "user");
  EXPECT_EQ(org.get("/api/v1/meta/types/user/otyNowhere").problem(),
            "E0000007 Not found: Resource not found: otyNowhere (CVDType)");
}

}  // namespace
}  // namespace devorg
