#include "devorg/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "catalogue/operations.h"
#include "devorg/test_org.h"

namespace devorg {
namespace {

using net::Method;

AuthorizationHooks tokens() {
  return {.handle = [](const net::ServerRequest& request) -> std::optional<net::ServerResponse> {
            if (!request.path.starts_with("/oauth2/")) return std::nullopt;
            return net::ServerResponse{.status = 200, .body = "oauth"};
          },
          .verify = [](const net::ServerRequest& request) -> std::expected<TokenClaims, TokenRefusal> {
            const std::string_view token = request.headers.get("authorization");
            if (token == "DPoP bound")
              return TokenClaims{.client_id = "0oa1",
                                 .client_name = "Bound",
                                 .scopes = {"okta.users.read"},
                                 .headers = {{"DPoP-Nonce", "n1"}}};
            if (token == "DPoP proofless")
              return std::unexpected(TokenRefusal{.status = 400,
                                                  .error = "invalid_dpop_proof",
                                                  .description = "The DPoP proof JWT is invalid.",
                                                  .of_dpop = true,
                                                  .headers = {{"DPoP-Nonce", "n2"}}});
            if (token == "Bearer reader")
              return TokenClaims{.client_id = "0oa1", .client_name = "Reader", .scopes = {"okta.users.read"}};
            if (token == "Bearer manager")
              return TokenClaims{
                  .client_id = "0oa1", .client_name = "Manager", .scopes = {"okta.users.manage"}};
            return std::unexpected(TokenRefusal{});
          },
          .dpop_algorithms = "RS256 ES256"};
}

Answer with(TestOrg& org, std::string authorization, Method method, std::string target,
            std::string body = {}) {
  return org.call(method, std::move(target), std::move(body), {{"authorization", std::move(authorization)}});
}

TEST(ServerTest, KnowsWhoCalls) {
  TestOrg org(5);
  org.server->set_authorization(tokens());
  EXPECT_EQ(with(org, "SSWS test-token", Method::get, "/api/v1/users").status(), 200);
  EXPECT_EQ(with(org, "Bearer reader", Method::get, "/api/v1/users").status(), 200);
  for (const auto* bad : {"SSWS wrong", "SSWS", "SSWS ", "Basic dGVzdDp0ZXN0", "test-token", "DPoP reader"}) {
    const Answer refused = with(org, bad, Method::get, "/api/v1/users");
    EXPECT_EQ(refused.status(), 401) << bad;
    EXPECT_EQ(refused.problem(), "E0000011 Invalid token provided") << bad;
  }
  net::ServerRequest anonymous{
      .method = Method::get, .target = "/api/v1/users", .path = "/api/v1/users", .peer = "127.0.0.1:1"};
  EXPECT_EQ(org.server->handle(anonymous).status, 403);
  EXPECT_NE(org.server->handle(anonymous).body.find("E0000005"), std::string::npos);
  const Answer expired = with(org, "Bearer old", Method::get, "/api/v1/users/00u1");
  EXPECT_EQ(expired.status(), 401);
  EXPECT_EQ(expired.raw.headers.get("www-authenticate"),
            "Bearer authorization_uri=\"http://org.test/oauth2/v1/authorize\", realm=\"http://org.test\", "
            "scope=\"okta.users.read\", error=\"invalid_token\", error_description=\"The access token is "
            "invalid.\", "
            "resource=\"/api/v1/users/00u1\"");
}

TEST(ServerTest, DpopHasChallengesOfItsOwn) {
  TestOrg org(5);
  org.server->set_authorization(tokens());
  const Answer good = with(org, "DPoP bound", Method::get, "/api/v1/users");
  EXPECT_EQ(good.status(), 200);
  EXPECT_EQ(good.raw.headers.get("dpop-nonce"), "n1");
  const Answer refused = with(org, "DPoP proofless", Method::get, "/api/v1/users?limit=2");
  EXPECT_EQ(refused.status(), 400);
  EXPECT_EQ(refused.raw.body, "");
  EXPECT_EQ(refused.raw.headers.get("dpop-nonce"), "n2");
  EXPECT_EQ(refused.raw.headers.get("www-authenticate"),
            "DPoP algs=\"RS256 ES256\", authorization_uri=\"http://org.test/oauth2/v1/authorize\", "
            "realm=\"http://org.test\", scope=\"okta.users.read\", error=\"invalid_dpop_proof\", "
            "error_description=\"The DPoP proof JWT is invalid.\", resource=\"/api/v1/users\"");
  const Answer forbidden = with(org, "DPoP bound", Method::get, "/api/v1/groups");
  EXPECT_EQ(forbidden.status(), 403);
  EXPECT_THAT(std::string(forbidden.raw.headers.get("www-authenticate")),
              testing::AllOf(testing::StartsWith("DPoP algs="), testing::HasSubstr("insufficient_scope")));
}

TEST(ServerTest, ScopesDecideByOperation) {
  TestOrg org(20);
  org.server->set_authorization(tokens());
  const std::string user = "/api/v1/users/" + org.org().users.at(3).id();
  EXPECT_EQ(with(org, "Bearer reader", Method::get, user).status(), 200);
  EXPECT_EQ(with(org, "Bearer manager", Method::get, user).status(), 200) << "manage includes read";
  EXPECT_EQ(with(org, "Bearer manager", Method::post, user, R"({"profile":{"title":"x"}})").status(), 200);
  const Answer refused = with(org, "Bearer reader", Method::post, user, R"({"profile":{"title":"y"}})");
  EXPECT_EQ(refused.status(), 403);
  EXPECT_EQ(refused.problem(), "E0000006 You do not have permission to perform the requested action");
  EXPECT_THAT(std::string(refused.raw.headers.get("www-authenticate")),
              testing::AllOf(testing::HasSubstr("scope=\"okta.users.manage\""),
                             testing::HasSubstr("error=\"insufficient_scope\"")));
  EXPECT_EQ(org.get(user).text("profile.title"), "x");
  EXPECT_EQ(with(org, "Bearer manager", Method::get, "/api/v1/groups").status(), 403);
  EXPECT_EQ(with(org, "Bearer manager", Method::get, "/api/v1/users/me").status(), 404)
      << "a service app is nobody";
  // The System Log names the client.
  const auto last = org.org().log.read(org.org(), org.org().log.size() - 1);
  EXPECT_EQ(last.at("actor").at("type").as_string(), "PublicClientApp");
  EXPECT_EQ(last.at("actor").at("id").as_string(), "0oa1");
}

TEST(ServerTest, EveryRouteIsAnOperationOfOkta) {
  TestOrg org(5);
  for (const auto& route : org.server->router().routes()) {
    const auto* operation = catalogue::find_operation(route->operation);
    ASSERT_NE(operation, nullptr) << route->operation;
    EXPECT_EQ(operation->method, net::to_string(route->method)) << route->operation;
    std::string concrete = route->path;
    for (std::size_t open = concrete.find('{'); open != std::string::npos; open = concrete.find('{'))
      concrete.replace(open, concrete.find('}') - open + 1, "00x");
    EXPECT_EQ(catalogue::match_operation(net::to_string(route->method), concrete), operation) << route->path;
    if (catalogue::is_write(operation->effect)) {
      EXPECT_TRUE(route->changes) << route->operation;
    }
  }
}

TEST(ServerTest, SaysWhatItDoesNotServe) {
  TestOrg org(5);
  EXPECT_EQ(org.get("/api/v1/brands").problem(),
            "E0000060 Unsupported operation. | okta-dev-org does not serve listBrands.");
  EXPECT_EQ(org.get("/api/v1/nowhere").code(), "E0000008");
  EXPECT_EQ(org.call(Method::patch, "/api/v1/users").code(), "E0000022");
  EXPECT_EQ(org.get("/api/v1/users?limit=%zz").code(), "E0000001");
}

TEST(ServerTest, EveryAnswerCarriesTheHeadersOfOne) {
  TestOrg org(5);
  for (const auto* target : {"/api/v1/users", "/api/v1/users/nobody", "/api/v1/brands"}) {
    const Answer answer = org.get(target);
    EXPECT_EQ(answer.raw.headers.get("x-rate-limit-limit"), "12000") << target;
    EXPECT_FALSE(answer.raw.headers.get("x-rate-limit-remaining").empty()) << target;
    EXPECT_FALSE(answer.raw.headers.get("x-rate-limit-reset").empty()) << target;
    EXPECT_FALSE(answer.raw.headers.get("x-okta-request-id").empty()) << target;
    EXPECT_EQ(answer.raw.headers.get("content-type"), "application/json") << target;
  }
}

TEST(ServerTest, SmallBuckets) {
  TestOrg org(5, {.limits = {.otherwise = 100, .named = {{"/api/v1/users", 2}}}});
  EXPECT_EQ(org.get("/api/v1/users").status(), 200);
  EXPECT_EQ(org.get("/api/v1/users").raw.headers.get("x-rate-limit-remaining"), "0");
  const std::size_t before = org.org().users.size();
  const Answer refused = org.post("/api/v1/users", new_user("r.l@x.example"));
  EXPECT_EQ(refused.status(), 429);
  EXPECT_EQ(refused.problem(), "E0000047 API call exceeded rate limit due to too many requests.");
  EXPECT_FALSE(refused.raw.headers.has("retry-after")) << "recorded: Okta sends none";
  EXPECT_EQ(org.org().users.size(), before);
  EXPECT_EQ(org.get("/api/v1/groups").status(), 200);
  org.clock.advance(std::chrono::seconds(61));
  EXPECT_EQ(org.get("/api/v1/users").status(), 200);
}

TEST(ServerTest, FaultsStrikeAsOftenAsTheyShould) {
  TestOrg org(10);
  const auto ask = [&](std::string body) { return org.call(Method::post, "/dev/faults", std::move(body)); };
  const std::string user = "/api/v1/users/" + org.org().users.at(3).id();

  ASSERT_EQ(ask(R"({"match":"GET /api/v1/users","fault":"429","times":2})").status(), 200);
  EXPECT_EQ(org.get("/api/v1/users").status(), 429);
  EXPECT_EQ(org.get("/api/v1/groups").status(), 200);
  EXPECT_EQ(org.get("/api/v1/users").raw.headers.get("x-rate-limit-remaining"), "0");
  EXPECT_EQ(org.get("/api/v1/users").status(), 200);

  ASSERT_EQ(ask(R"({"match":"* /api/v1/users/*","fault":"500"})").status(), 200);
  EXPECT_EQ(org.post(user, R"({"profile":{"title":"unreached"}})").code(), "E0000009");
  EXPECT_NE(org.get(user).text("profile.title"), "unreached");

  ASSERT_EQ(ask(R"({"match":"GET /api/v1/users","fault":"503html"})").status(), 200);
  const Answer html = org.get("/api/v1/users");
  EXPECT_EQ(html.status(), 503);
  EXPECT_EQ(net::media_type(html.raw.headers.get("content-type")), "text/html");

  // A reset strikes after the work was done: that is what makes it interesting.
  ASSERT_EQ(ask(R"({"match":"POST *","fault":"reset"})").status(), 200);
  EXPECT_EQ(org.post(user, R"({"profile":{"title":"done"}})").raw.fault, net::Fault::reset_without_answer);
  EXPECT_EQ(org.get(user).text("profile.title"), "done");
  ASSERT_EQ(ask(R"({"match":"GET *","fault":"truncate"})").status(), 200);
  EXPECT_EQ(org.get("/api/v1/users").raw.fault, net::Fault::truncate_body);
  ASSERT_EQ(ask(R"({"match":"GET *","fault":"slow","delayMs":1234})").status(), 200);
  EXPECT_EQ(org.get("/api/v1/users").raw.delay, std::chrono::milliseconds(1234));
  EXPECT_EQ(org.get("/api/v1/users").raw.delay, std::chrono::milliseconds(0));

  ASSERT_EQ(ask(R"({"match":"GET *","fault":"500","times":-1})").status(), 200);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(org.get("/api/v1/users").status(), 500);
  EXPECT_EQ(org.call(Method::delete_, "/dev/faults").raw.body, "[]");
  EXPECT_EQ(org.get("/api/v1/users").status(), 200);
}

TEST(ServerTest, FaultsAreAskedForCorrectlyAndLocally) {
  TestOrg org(5);
  for (const auto* bad :
       {"", "{}", R"({"match":"GET","fault":"500"})", R"({"match":"GET /x","fault":"plague"})",
        R"({"match":"YELL /x","fault":"500"})", R"({"match":"GET /x","fault":"500","times":"two"})",
        R"({"match":"GET /x","fault":"500","extra":1})"})
    EXPECT_EQ(org.call(Method::post, "/dev/faults", bad).status(), 400) << bad;
  net::ServerRequest distant{
      .method = Method::get, .target = "/dev/faults", .path = "/dev/faults", .peer = "192.0.2.1:5"};
  EXPECT_EQ(org.server->handle(distant).status, 403);
  struct Row {
    std::string text;
    bool good;
  };
  for (const auto& [text, good] : std::vector<Row>{{"GET /api/v1/users=429", true},
                                                   {"* /api/v1/*=slow:-1", true},
                                                   {"GET /api/v1/users?x=1=500:3", true},
                                                   {"GET /api/v1/users", false},
                                                   {"GET=500", false},
                                                   {"GET /x=500:many", false},
                                                   {"GET /x=nothing", false}})
    EXPECT_EQ(parse_fault(text).has_value(), good) << text;
}

TEST(ServerTest, TheAuthorizationServerHasItsPaths) {
  TestOrg org(5);
  org.server->set_authorization(tokens());
  EXPECT_EQ(org.call(Method::post, "/oauth2/v1/token").raw.body, "oauth");
}

}  // namespace
}  // namespace devorg
