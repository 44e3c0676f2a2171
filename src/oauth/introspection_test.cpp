#include "oauth/introspection.h"

#include <gtest/gtest.h>

#include "oauth/test_issuer.h"

namespace oauth {
namespace {

struct Answer {
  const char* what;
  int status;
  const char* body;
  const char* code;
};

TEST(Introspection, AnswersAndWhatTheyMean) {
  const Answer rows[] = {
      {"active", 200, R"({"active":true,"sub":"00u1"})", "ok"},
      {"Bearer", 200, R"({"active":true,"token_type":"bearer"})", "ok"},
      {"DPoP", 200, R"({"active":true,"token_type":"DPoP"})", "ok"},
      {"a refresh token", 200, R"({"active":true,"token_type":"refresh_token"})", "oauth.introspection.kind"},
      {"not active", 200, R"({"active":false,"sub":"00u1"})", "oauth.introspection.inactive"},
      {"active in words", 200, R"({"active":"true"})", "oauth.introspection.answer"},
      {"no active", 200, R"({"sub":"00u1"})", "oauth.introspection.answer"},
      {"active twice", 200, R"({"active":false,"active":true})", "oauth.introspection.answer"},
      {"a page", 200, "<html>", "oauth.introspection.answer"},
      {"nothing", 200, "", "oauth.introspection.answer"},
      {"wrong secret", 401, R"({"error":"invalid_client"})", "oauth.introspection.refused"},
      {"redirect", 302, R"({"active":true})", "oauth.introspection.refused"},
      {"broken", 500, "", "oauth.introspection.refused"},
  };
  for (const Answer& row : rows) {
    net::FakeHttpClient http;
    http.reply(row.status, row.body);
    Introspector introspector(test::kIssuer, {.endpoint = "https://login.example.com/i", .client_id = "rs"},
                              http);
    const auto members = introspector.ask({}, "t0ken");
    EXPECT_EQ(members ? "ok" : members.error().code, row.code) << row.what;
    const std::string said = members ? "" : core::describe(members.error());
    EXPECT_EQ(said.find("t0ken"), std::string::npos) << row.what;
  }
}

TEST(Introspection, TheRequest) {
  net::FakeHttpClient http;
  http.reply(200, R"({"active":true})");
  Introspector introspector(test::kIssuer,
                            {.endpoint = "https://login.example.com/i",
                             .client_id = "rs:1",
                             .client_secret = core::Secret("a b+c")},
                            http);
  ASSERT_TRUE(introspector.ask({}, "t0ken+/="));
  const auto request = http.requests().at(0);
  EXPECT_EQ(request.method, net::Method::post);
  EXPECT_EQ(request.url, "https://login.example.com/i");
  EXPECT_EQ(request.headers.get("Authorization"), "Basic " + core::base64_encode("rs%3A1:a%20b%2Bc"));
  EXPECT_EQ(request.body, "token=t0ken%2B%2F%3D&token_type_hint=access_token");
  EXPECT_LE(request.total_timeout, std::chrono::seconds{5});
  EXPECT_LE(request.max_response_bytes, 64u << 10);
}

TEST(Introspection, APublicClientNamesItself) {
  net::FakeHttpClient http;
  http.reply(200, R"({"active":true})");
  Introspector introspector(test::kIssuer, {.endpoint = "https://login.example.com/i", .client_id = "rs"},
                            http);
  ASSERT_TRUE(introspector.ask({}, "t"));
  EXPECT_FALSE(http.requests().at(0).headers.has("Authorization"));
  EXPECT_EQ(http.requests().at(0).body, "token=t&token_type_hint=access_token&client_id=rs");
}

TEST(Introspection, TheEndpointIsLookedUpOnce) {
  test::TestIssuer issuer;
  issuer.opaque["t"] = {{"active", true}};
  net::FakeHttpClient http(test::network({&issuer}));
  Introspector introspector(issuer.name(), {.client_id = "rs"}, http);
  ASSERT_TRUE(introspector.ask({}, "t"));
  ASSERT_TRUE(introspector.ask({}, "t"));
  EXPECT_EQ(http.count(), 3u);
  test::TestIssuer without;
  without.metadata.erase("introspection_endpoint");
  net::FakeHttpClient bare(test::network({&without}));
  Introspector nowhere(without.name(), {.client_id = "rs"}, bare);
  EXPECT_EQ(nowhere.ask({}, "t").error().code, "oauth.introspection.missing");
}

}  // namespace
}  // namespace oauth
