#include "admin/arguments.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace admin {
namespace {

namespace json = core::json;

const ToolRow& row(std::string_view name) {
  for (const auto& candidate : all_tools()) {
    if (candidate.name == name) return candidate;
  }
  ADD_FAILURE() << "no tool " << name;
  return all_tools().front();
}

core::Result<Arguments> check(std::string_view tool, std::string_view text) {
  auto given = json::parse(text);
  EXPECT_TRUE(given) << text;
  return Arguments::check(row(tool), given->as_object(), core::WallTime{std::chrono::seconds{1'800'000'000}});
}

struct Case {
  std::string_view tool;
  std::string_view arguments;
  std::string_view code;  // empty: accepted
};

TEST(Arguments, AcceptsAndRefuses) {
  const Case cases[] = {
      {"list_users", "{}", ""},
      {"list_users", R"({"search":null,"limit":5})", ""},
      {"list_users", R"({"limit":0})", "admin.argument.type"},
      {"list_users", R"({"limit":201})", "admin.argument.type"},
      {"list_users", R"({"limit":"5"})", "admin.argument.type"},
      {"list_users", R"({"limit":5.0})", ""},
      {"list_users", R"({"limit":5.5})", "admin.argument.type"},
      {"list_users", R"({"serach":"x"})", "admin.argument.unknown"},
      {"list_users", R"({"format":"xml"})", "admin.argument.value"},
      {"list_users", R"({"fields":["id","profile.login"]})", ""},
      {"list_users", R"({"fields":"id"})", "admin.argument.type"},
      {"list_users", R"({"fetch_all":"yes"})", "admin.argument.type"},
      {"get_user", "{}", "admin.argument.missing"},
      {"get_user", R"({"user_id":null})", "admin.argument.missing"},
      {"get_user", R"({"user_id":12345})", "admin.argument.type"},
      {"create_user", R"({"profile":"x"})", "admin.argument.type"},
      {"create_user", R"({"profile":{},"activate":"false"})", "admin.argument.type"},
      {"create_user", R"({"profile":{"firstName":null},"groups":["Engineering"]})", ""},
      {"create_user", R"({"profile":{},"groups":["../x"]})", "admin.argument.value"},
      {"get_logs", R"({"since":"30m"})", ""},
      {"get_logs", R"({"since":"yesterday"})", "admin.argument.value"},
      {"confirm_delete_group", R"({"group_id":"x","confirmation":"delete"})", "admin.argument.value"},
      {"list_policies", "{}", "admin.argument.missing"},
      {"list_policies", R"({"type":"NO_SUCH"})", "admin.argument.value"},
  };
  for (const auto& c : cases) {
    auto result = check(c.tool, c.arguments);
    EXPECT_EQ(result ? "" : result.error().code, c.code) << c.tool << " " << c.arguments;
  }
}

TEST(Arguments, IdentifiersCannotLeaveTheirPlace) {
  for (std::string_view bad : {"../groups/00g1", "a\\\\b", "..", "x..y", "%2f", "x%2Fy", "%5c", "%2e%2e",
                               "00u1?admin=true", "00u1#frag", "", " ", "a b", "00u1\\n", "00u1\\u0000"}) {
    auto result = check("get_user", fmt::format(R"({{"user_id":"{}"}})", bad));
    ASSERT_FALSE(result) << bad;
    EXPECT_NE(result.error().message.find("user_id"), std::string::npos) << "the message names the parameter";
  }
  for (std::string_view good :
       {"00u1234567890abcdef", "user@example.com", "user+tag@example.com", "o'brien@x.com", "id-with-hyphen",
        "id_with_underscore", "a/b", "zoë@example.com"}) {
    EXPECT_TRUE(check("get_user", fmt::format(R"({{"user_id":"{}"}})", good))) << good;
  }
}

TEST(Arguments, TimesBecomeAbsolute) {
  auto result = check("get_logs", R"({"since":"30m","until":"2027-01-15T08:00:00+01:00"})");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text("since"), "2027-01-15T07:30:00.000Z");
  EXPECT_EQ(result->text("until"), "2027-01-15T07:00:00.000Z");
}

TEST(Arguments, PathsAreEncoded) {
  auto result = check("get_user", R"({"user_id":"a/b@x.com"})");
  ASSERT_TRUE(result);
  EXPECT_EQ(expand_path("/api/v1/users/{user_id}/groups", *result), "/api/v1/users/a%2Fb%40x.com/groups");
  result->add_resolved("user_id", {"00u1", "a/b@x.com"});
  EXPECT_EQ(expand_path("/api/v1/users/{user_id}", *result), "/api/v1/users/00u1");
}

TEST(Schemas, AreClosedAndNameEveryParameter) {
  for (const auto& tool : all_tools()) {
    auto schema = input_schema(tool);
    EXPECT_EQ(schema.at("type").as_string(), "object") << tool.name;
    EXPECT_FALSE(schema.at("additionalProperties").as_bool()) << tool.name;
    std::size_t count = all_params(tool).size();
    if (count == 0) continue;
    EXPECT_EQ(schema.at("properties").as_object().size(), count) << tool.name << ": a name stands twice";
  }
}

}  // namespace
}  // namespace admin
