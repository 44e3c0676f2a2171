#include "mcp/static_token_guard.h"

#include <gtest/gtest.h>

#include "mcp/test_resource_server.h"

namespace mcp {
namespace {

const std::string kToken = "0123456789abcdef0123";

std::unique_ptr<StaticTokenGuard> guard() {
  auto made = StaticTokenGuard::create(core::Secret(kToken));
  EXPECT_TRUE(made);
  return *std::move(made);
}

TEST(StaticTokenGuard, WhoHasTheTokenIsTheLocalCaller) {
  const auto door = guard();
  struct Row {
    const char* what;
    net::ServerRequest request;
    int status;  // 0: let in
    const char* error;
  };
  const Row rows[] = {
      {"the token", test::bearer(kToken), 0, ""},
      {"the scheme in small letters", test::request({{"authorization", "bearer " + kToken}}), 0, ""},
      {"none", test::request(), 401, "unauthorized"},
      {"another scheme", test::request({{"Authorization", "Basic YTpi"}}), 401, "unauthorized"},
      {"another token", test::bearer("0123456789abcdef0124"), 401, "invalid_token"},
      {"the front of it", test::bearer(kToken.substr(0, 19)), 401, "invalid_token"},
      {"more than it", test::bearer(kToken + "0"), 401, "invalid_token"},
      {"as DPoP", test::request({{"Authorization", "DPoP " + kToken}}), 401, "invalid_token"},
      {"in the query", test::request({}, "access_token=" + kToken), 401, "unauthorized"},
      {"twice", test::request({{"Authorization", "Bearer " + kToken}, {"Authorization", "Bearer " + kToken}}),
       400, "invalid_request"},
      {"malformed", test::request({{"Authorization", "Bearer"}}), 400, "invalid_request"},
  };
  for (const Row& row : rows) {
    const auto at_once = door->try_authorize(row.request);
    ASSERT_TRUE(at_once) << row.what;
    for (const Authorized& outcome : {*at_once, door->authorize({}, row.request)}) {
      if (row.status == 0) {
        EXPECT_EQ(test::principal_of(outcome), "local") << row.what;
        EXPECT_FALSE(std::get<Caller>(outcome).scopes) << row.what;
        continue;
      }
      const auto response = test::refused(outcome);
      EXPECT_EQ(response.status, row.status) << row.what;
      EXPECT_EQ(test::error_of(response), row.error) << row.what;
      EXPECT_TRUE(test::challenge_of(response).starts_with("Bearer realm=\"mcp\"")) << row.what;
      EXPECT_EQ(test::all_of(response).find(kToken.substr(0, 16)), std::string::npos) << row.what;
    }
  }
}

TEST(StaticTokenGuard, HasNoScopesAndNoMetadata) {
  const auto door = guard();
  EXPECT_TRUE(door->permits(Caller{}, {"anything"}));
  EXPECT_EQ(door->insufficient_scope({"anything"}).status, 403);
  EXPECT_FALSE(door->metadata_response({.path = "/.well-known/oauth-protected-resource"}));
}

TEST(StaticTokenGuard, RefusesATokenThatIsNone) {
  for (const char* token : {"", "short", "0123456789abcde", "0123456789abcdef 0123", " 0123456789abcdef",
                            "0123456789abcdef\n", "0123456789abcdef\""}) {
    const auto made = StaticTokenGuard::create(core::Secret(token));
    ASSERT_FALSE(made) << token;
    EXPECT_EQ(made.error().code, "mcp.static_token");
  }
}

}  // namespace
}  // namespace mcp
