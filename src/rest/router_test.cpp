#include "rest/router.h"

#include <gtest/gtest.h>
#include <ostream>

namespace rest {
namespace {

using net::Method;

Router sample() {
  Router router;
  for (const auto& [method, path, operation] : std::vector<std::tuple<Method, std::string, std::string>>{
           {Method::get, "/api/v1/users", "listUsers"},
           {Method::post, "/api/v1/users", "createUser"},
           {Method::get, "/api/v1/users/{id}", "getUser"},
           {Method::post, "/api/v1/users/{id}", "updateUser"},
           {Method::get, "/api/v1/users/me", "me"},
           {Method::get, "/api/v1/groups/rules", "listRules"},
           {Method::get, "/api/v1/groups/{id}", "getGroup"},
           {Method::get, "/api/v1/groups/{id}/users", "members"},
           {Method::put, "/api/v1/groups/{g}/users/{u}", "add"}})
    router.add({.method = method, .path = path, .operation = operation, .handler = {}});
  return router;
}

struct Row {
  Method method;
  std::string path;
  std::string expected;  // the operation, or the code of the refusal
  std::vector<std::string> params;

  friend void PrintTo(const Row& row, std::ostream* out) { *out << row.path; }
};

class RouterTest : public ::testing::TestWithParam<Row> {};

TEST_P(RouterTest, Finds) {
  const Router router = sample();
  const auto match = router.match(GetParam().method, GetParam().path);
  EXPECT_EQ(match ? match->route->operation : match.error().code, GetParam().expected) << GetParam().path;
  if (match) {
    EXPECT_EQ(match->params, GetParam().params) << GetParam().path;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Paths, RouterTest,
    ::testing::Values(Row{Method::get, "/api/v1/users", "listUsers", {}},
                      Row{Method::post, "/api/v1/users", "createUser", {}},
                      Row{Method::get, "/api/v1/users/00u1", "getUser", {"00u1"}},
                      Row{Method::get, "/api/v1/users/a%40b%2Fc", "getUser", {"a@b/c"}},
                      Row{Method::get, "/api/v1/users/a+b", "getUser", {"a+b"}},
                      // The literal wins, but only where it has the method.
                      Row{Method::get, "/api/v1/users/me", "me", {}},
                      Row{Method::post, "/api/v1/users/me", "updateUser", {"me"}},
                      // "rules" is no group here, but it may be one further down.
                      Row{Method::get, "/api/v1/groups/rules", "listRules", {}},
                      Row{Method::get, "/api/v1/groups/rules/users", "members", {"rules"}},
                      Row{Method::put, "/api/v1/groups/00g1/users/00u2", "add", {"00g1", "00u2"}},
                      Row{Method::get, "//api/v1/users", "listUsers", {}},
                      Row{Method::delete_, "/api/v1/users", "E0000022", {}},
                      Row{Method::patch, "/api/v1/users/00u1", "E0000022", {}},
                      Row{Method::get, "/api/v1/users/", "E0000022", {}},
                      Row{Method::get, "/api/v1/nowhere", "E0000008", {}},
                      Row{Method::get, "/api/v1", "E0000008", {}}, Row{Method::get, "/", "E0000008", {}},
                      Row{Method::get, "", "E0000008", {}},
                      Row{Method::get, "/api/v1/users/%4", "E0000001", {}}));

TEST(RouterTest, EndlessPathsAreRefused) {
  std::string path;
  for (int i = 0; i < 100'000; ++i) path += "/a";
  const auto match = sample().match(Method::get, path);
  ASSERT_FALSE(match);
  EXPECT_EQ(match.error().status, 404);
}

}  // namespace
}  // namespace rest
