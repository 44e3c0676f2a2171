// Several orgs behind one server: which one a call reaches, and that one org alone changes nothing.
#include "admin/orgs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/arguments.h"
#include "admin/fake_org.h"
#include "admin/toolset.h"
#include "core/scratch_directory.h"

namespace admin {
namespace {

namespace json = core::json;
using testing::HasSubstr;

const ToolRow& row_of(std::string_view name) {
  const ToolRow* row = find_tool(name);
  EXPECT_NE(row, nullptr) << name;
  return *row;
}

class OrgsTest : public testing::Test {
 protected:
  struct One {
    One(const std::string& dir, core::Clock& clock, std::string name, std::vector<std::string> scopes,
        bool read_only)
        : services(
              ServicesOptions{.principal = "tester",
                              .state_dir = dir,
                              .configured_scopes = std::move(scopes),
                              .read_only = read_only,
                              .org_name = std::move(name)},
              [this]() -> core::Result<okta::Org*> { return &org; }, [this] { return org.tokens_.granted; },
              clock) {}
    FakeOrg org{[](const std::string& line, const okta::Request&) {
      return line.starts_with("GET ") ? answer_json("[]") : answer_json("{}", 200);
    }};
    Services services;
  };

  core::Result<Services*> take(std::string_view tool, std::string_view arguments) {
    arguments_ = json::parse(arguments)->as_object();
    return both_.take(row_of(tool), arguments_);
  }

  core::ScratchDirectory scratch_;
  core::FakeClock clock_;
  One prod_{scratch_.path(), clock_, "prod", {"okta.users.read"}, true};
  One dev_{scratch_.path(), clock_, "dev", {"okta.groups.manage"}, false};
  Orgs both_{{{"prod", &prod_.services}, {"dev", &dev_.services}}, 0};
  json::Object arguments_;
};

TEST_F(OrgsTest, OneOrgAloneTakesNoOrg) {
  const Orgs only(prod_.services);
  for (const ToolRow& row : all_tools()) {
    const json::Object plain = input_schema(row);
    json::Object described = plain;
    only.describe(row, described);
    EXPECT_EQ(json::write(described), json::write(plain)) << row.name;
  }
  json::Object given{{"org", "prod"}};
  EXPECT_EQ(*only.take(row_of("list_users"), given), &prod_.services);
  EXPECT_TRUE(given.contains("org")) << "left for the closed schema to refuse";
}

TEST_F(OrgsTest, EveryToolNamesTheOrgsAndChangesMust) {
  for (const ToolRow& row : all_tools()) {
    for (const Param& param : all_params(row)) EXPECT_NE(param.name, kOrgParam) << row.name;
    json::Object schema = input_schema(row);
    both_.describe(row, schema);
    const json::Value* choices = json::find(schema, "properties.org.enum");
    ASSERT_TRUE(choices) << row.name;
    EXPECT_EQ(json::write(*choices), R"(["prod","dev"])");
    const json::Value* required = json::find(schema, "required");
    const bool must = required && json::write(*required).find("\"org\"") != std::string::npos;
    EXPECT_EQ(must, row.effect != Effect::read) << row.name;
    EXPECT_FALSE(schema.at("additionalProperties").as_bool());
  }
}

TEST_F(OrgsTest, ACallReachesTheOrgItNames) {
  EXPECT_EQ(*take("list_users", R"({"org":"dev","limit":3})"), &dev_.services);
  EXPECT_EQ(json::write(arguments_), R"({"limit":3})");
  EXPECT_EQ(*take("list_users", R"({"limit":3})"), &prod_.services) << "reads go to the default org";
  EXPECT_EQ(*take("list_users", R"({"org":null})"), &prod_.services);
  EXPECT_EQ(*take("create_group", R"({"org":"dev"})"), &dev_.services);
  const struct {
    std::string_view tool, arguments, code;
  } refused[] = {
      {"create_group", "{}", "admin.argument.missing"},
      {"deactivate_user", R"({"org":null})", "admin.argument.missing"},
      {"list_users", R"({"org":"test"})", "admin.argument.value"},
      {"list_users", R"({"org":"Prod"})", "admin.argument.value"},
      {"list_users", R"({"org":["prod"]})", "admin.argument.type"},
  };
  for (const auto& c : refused) {
    const auto services = take(c.tool, c.arguments);
    ASSERT_FALSE(services) << c.arguments;
    EXPECT_EQ(services.error().code, c.code);
    EXPECT_THAT(services.error().hint, HasSubstr("prod, dev"));
  }
}

// A tool is listed when one org can use it, and fails with that org's own reason in the others.
TEST_F(OrgsTest, EachOrgKeepsItsOwnScopesAndGuards) {
  EXPECT_TRUE(is_available(prod_.services, row_of("list_users")));
  EXPECT_FALSE(is_available(prod_.services, row_of("create_group"))) << "read only, and no scope";
  EXPECT_TRUE(is_available(dev_.services, row_of("create_group")));
  EXPECT_FALSE(is_available(dev_.services, row_of("list_users")));
  const json::Object profile{{"profile", json::Object{{"name", "x"}}}};
  auto outcome = call_tool(prod_.services, "create_group", {}, {.arguments = profile});
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(std::get<mcp::Complete>(*outcome).result.is_error);
  EXPECT_TRUE(prod_.org.lines().empty());
  outcome = call_tool(dev_.services, "create_group", {}, {.arguments = profile});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(dev_.org.writes(), std::vector<std::string>{"POST /api/v1/groups"});
  EXPECT_TRUE(prod_.org.lines().empty());
}

}  // namespace
}  // namespace admin
