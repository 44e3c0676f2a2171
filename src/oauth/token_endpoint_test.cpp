#include "oauth/token_endpoint.h"

#include <gtest/gtest.h>

#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using core::ErrorKind;
using test::json;
using test::kMark;
using test::kOrg;
using test::kTokenUrl;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class TokenEndpointTest : public testing::Test {
 protected:
  std::unique_ptr<TokenEndpoint> make(std::string org = kOrg) {
    auto endpoint = TokenEndpoint::create({.org_url = std::move(org), .http = http_, .clock = clock_});
    EXPECT_TRUE(endpoint);
    return std::move(*endpoint);
  }
  core::Result<TokenAnswer> request(TokenEndpoint& endpoint) {
    return endpoint.request_token({}, Grant::client_credentials,
                                  {{"grant_type", "client_credentials"},
                                   {"scope", "okta.users.read okta.logs.read"},
                                   {"client_assertion", "assertion-" + kMark}});
  }
  core::Error error_of(net::HttpResponse response, std::string org = kOrg) {
    http_.push(std::move(response));
    auto answer = request(*make(std::move(org)));
    EXPECT_FALSE(answer);
    return answer ? core::Error{} : answer.error();
  }

  core::FakeClock clock_;
  net::FakeHttpClient http_;
};

TEST_F(TokenEndpointTest, TakesOnlyTheOriginOfAnOrg) {
  struct Case {
    std::string url, org;  // org empty: refused
  };
  const Case cases[] = {
      {"https://acme.okta.test", "https://acme.okta.test"},
      {"https://Acme.Okta.test/", "https://acme.okta.test"},
      {"https://acme.okta.test:8443", "https://acme.okta.test:8443"},
      {"http://127.0.0.1:4400", "http://127.0.0.1:4400"},
      {"http://localhost:4400/", "http://localhost:4400"},
      {"", ""},
      {"acme.okta.test", ""},
      {"http://acme.okta.test", ""},
      {"https://http://acme.okta.test", ""},
      {"https://acme.okta.test/oauth2/default", ""},
      {"https://acme.okta.test/?x=1", ""},
      {"https://acme.okta.test/#top", ""},
      {"https://acme.okta.test@evil.test", ""},
      {"ftp://acme.okta.test", ""},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.url);
    const auto endpoint = TokenEndpoint::create({.org_url = each.url, .http = http_, .clock = clock_});
    ASSERT_EQ(endpoint.has_value(), !each.org.empty());
    if (endpoint) {
      EXPECT_EQ((*endpoint)->org(), each.org);
      EXPECT_EQ((*endpoint)->url(), each.org + "/oauth2/v1/token");
    } else {
      EXPECT_EQ(endpoint.error().code, "oauth.org_url");
    }
  }
}

TEST_F(TokenEndpointTest, PostsAFormAndReadsTheAnswer) {
  http_.push(json(200, R"({"token_type":"Bearer","expires_in":3600,"access_token":"at-s3cr3t",
                          "refresh_token":"rt-s3cr3t","scope":"okta.users.read okta.logs.read okta.users.read"})"));
  const auto before = clock_.now();
  const auto answer = request(*make());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->access_token.reveal(), "at-s3cr3t");
  EXPECT_EQ(answer->refresh_token.reveal(), "rt-s3cr3t");
  EXPECT_THAT(answer->scopes, ElementsAre("okta.users.read", "okta.logs.read"));
  EXPECT_EQ(answer->expires_at(), before + std::chrono::hours{1});

  const auto sent = http_.requests().at(0);
  EXPECT_EQ(sent.method, net::Method::post);
  EXPECT_EQ(sent.url, kTokenUrl);
  EXPECT_EQ(sent.headers.get("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(
      sent.body,
      "grant_type=client_credentials&scope=okta.users.read+okta.logs.read&client_assertion=assertion-s3cr3t");
  EXPECT_EQ(sent.max_response_bytes, 1u << 20);
}

TEST_F(TokenEndpointTest, DoesWithoutWhatAServerMayLeaveOut) {
  http_.push(json(200, R"({"token_type":"bearer","access_token":"at-s3cr3t","refresh_token":null})"));
  const auto answer = request(*make());
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->lifetime, std::chrono::minutes{5});
  EXPECT_TRUE(answer->scopes.empty());
  EXPECT_TRUE(answer->refresh_token.empty());
}

TEST_F(TokenEndpointTest, RefusesASuccessThatIsNone) {
  struct Case {
    std::string body, code;
  };
  const Case cases[] = {
      {"", "oauth.empty_answer"},
      {"{", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","access_token":"s3cr3t)", "oauth.bad_answer"},
      {"[]", "oauth.bad_answer"},
      {"{}", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60,"access_token":""})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60,"access_token":7})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60,"access_token":"s3cr3t\r\nX-Evil: 1"})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60,"access_token":"s3cr3t one"})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60,"access_token":"s3cr3t","access_token":"s3cr3t2"})",
       "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60,"access_token":"s3cr3t","refresh_token":1})",
       "oauth.bad_answer"},
      {R"({"token_type":"N_A","expires_in":60,"access_token":"s3cr3t"})", "oauth.bad_answer"},
      {R"({"expires_in":60,"access_token":"s3cr3t"})", "oauth.bad_answer"},
      {R"({"token_type":"DPoP","expires_in":60,"access_token":"s3cr3t"})", "oauth.dpop_demanded"},
      {R"({"token_type":"Bearer","expires_in":"60","access_token":"s3cr3t"})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":0,"access_token":"s3cr3t"})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":-5,"access_token":"s3cr3t"})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":1e99,"access_token":"s3cr3t"})", "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60,"access_token":"s3cr3t","scope":["a"]})",
       "oauth.bad_answer"},
      {R"({"token_type":"Bearer","expires_in":60,"access_token":"s3cr3t","scope":"a \"b"})",
       "oauth.bad_answer"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.body);
    const auto error = error_of(json(200, each.body));
    EXPECT_EQ(error.code, each.code);
    EXPECT_FALSE(error.hint.empty());
    EXPECT_THAT(test::everything(error), Not(HasSubstr(kMark)));
  }
}

TEST_F(TokenEndpointTest, ARefreshRefusedWithoutAWordSaysWhatMayHaveEnded) {
  http_.reply(400);
  const auto answer = make()->request_token({}, Grant::refresh_token, net::Query{{"refresh_token", kMark}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "oauth.http_400");
  EXPECT_THAT(answer.error().hint, HasSubstr("okta-mcp-server logout"));
  EXPECT_THAT(error_of({400, {}, ""}).hint, Not(HasSubstr("logout")));
}

TEST_F(TokenEndpointTest, TellsWhatStandsThereInsteadOfAnOrg) {
  const std::string page = "<!DOCTYPE html><html><body>Not here s3cr3t</body></html>";
  struct Case {
    std::string what, org;
    net::HttpResponse response;
    std::string code, in_hint;
    ErrorKind kind;
  };
  const Case cases[] = {
      {"404 page",
       kOrg,
       {404, {{"Content-Type", "text/html"}}, page},
       "oauth.not_an_org",
       "typo",
       ErrorKind::invalid_input},
      {"404 page of the admin host",
       "https://acme-admin.okta.test",
       {404, {{"Content-Type", "text/html"}}, page},
       "oauth.not_an_org",
       "https://acme.okta.test",
       ErrorKind::invalid_input},
      {"404 in Okta's own form", kOrg, json(404, R"({"errorCode":"E0000007","errorSummary":"Not found"})"),
       "oauth.not_an_org", "typo", ErrorKind::invalid_input},
      {"404 and nothing", kOrg, {404, {}, ""}, "oauth.not_an_org", "typo", ErrorKind::invalid_input},
      {"200 page",
       kOrg,
       {200, {{"Content-Type", "text/html"}}, page},
       "oauth.not_an_org",
       "typo",
       ErrorKind::invalid_input},
      {"403 page of a proxy",
       kOrg,
       {403, {{"Content-Type", "text/html"}}, page},
       "oauth.not_an_org",
       "typo",
       ErrorKind::invalid_input},
      {"redirect",
       kOrg,
       {302, {{"Location", "https://login.acme.test/x?y"}}, ""},
       "oauth.redirect",
       "https://login.acme.test is",
       ErrorKind::invalid_input},
      {"redirect to nowhere",
       kOrg,
       {301, {}, ""},
       "oauth.redirect",
       "OKTA_ORG_URL",
       ErrorKind::invalid_input},
      {"503 page",
       kOrg,
       {503, {{"Content-Type", "text/html"}}, page},
       "oauth.http_503",
       "status.okta.com",
       ErrorKind::unavailable},
      {"500 and nothing", kOrg, {500, {}, ""}, "oauth.http_500", "status.okta.com", ErrorKind::unavailable},
      {"500 in OAuth's form", kOrg, test::refusal(500, "server_error", "oops"), "oauth.server_error",
       "status.okta.com", ErrorKind::unavailable},
      {"429 in Okta's own form", kOrg,
       json(
           429,
           R"({"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due to too many requests."})"),
       "oauth.rate_limited", "Wait", ErrorKind::rate_limited},
      {"403 and nothing", kOrg, {403, {}, ""}, "oauth.http_403", "proxy", ErrorKind::forbidden},
      {"400 without a reason", kOrg, json(400, "{}"), "oauth.http_400", "OKTA_ORG_URL", ErrorKind::protocol},
      {"401 in Okta's own form", kOrg,
       json(401, R"({"errorCode":"E0000011","errorSummary":"Invalid token"})"), "oauth.refused", "System Log",
       ErrorKind::unauthenticated},
      {"200 that is not declared JSON",
       kOrg,
       {200, {{"Content-Type", "text/plain"}}, "ok"},
       "oauth.bad_answer",
       "proxy",
       ErrorKind::protocol},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    const auto error = error_of(each.response, each.org);
    EXPECT_EQ(error.code, each.code);
    EXPECT_THAT(error.hint, HasSubstr(each.in_hint));
    EXPECT_EQ(core::to_string(error.kind), core::to_string(each.kind));
    EXPECT_THAT(test::everything(error), Not(HasSubstr(kMark)));
  }
}

TEST_F(TokenEndpointTest, KeepsWhatTheOrgSaidForWhoeverLooksCloser) {
  auto response = test::refusal(401, "invalid_client", "The client_assertion JWT kid is invalid.");
  response.headers.add("X-Okta-Request-Id", "req-1");
  const auto error = error_of(std::move(response));
  ASSERT_TRUE(error.upstream);
  EXPECT_EQ(error.upstream->status, 401);
  EXPECT_EQ(error.upstream->code, "invalid_client");
  EXPECT_EQ(error.upstream->summary, "The client_assertion JWT kid is invalid");
  EXPECT_EQ(error.upstream->request_id, "req-1");
}

TEST_F(TokenEndpointTest, NeverRepeatsASecretThatAServerEchoes) {
  test::LogCapture log;
  for (const std::string member : {"client_assertion", "refresh_token", "device_code"}) {
    http_.push(test::refusal(400, "invalid_request", "bad value opaque-s3cr3t-value for " + member));
    http_.push(json(401, R"({"errorCode":"E0000011","errorSummary":"saw opaque-s3cr3t-value"})"));
    for (int i = 0; i < 2; ++i) {
      const auto answer = make()->request_token({}, Grant::device_code,
                                                {{member, "opaque-s3cr3t-value"}, {"client_id", "0oa1"}});
      ASSERT_FALSE(answer);
      EXPECT_THAT(test::everything(answer.error()), Not(HasSubstr(kMark)));
    }
  }
  EXPECT_THAT(log.text(), HasSubstr("token request"));
  EXPECT_THAT(log.text(), Not(HasSubstr(kMark)));
}

TEST_F(TokenEndpointTest, TriesOnceMoreOnlyWhenNothingWasSent) {
  struct Case {
    std::string code;
    std::size_t requests;
  };
  for (const auto& [code, requests] :
       {Case{"net.dns", 2}, Case{"net.connect", 2}, Case{"net.tls", 2}, Case{"net.timeout", 1},
        Case{"net.reset", 1}, Case{"net.truncated", 1}, Case{"net.too_large", 1}}) {
    SCOPED_TRACE(code);
    net::FakeHttpClient http;
    http.fail(code);
    http.push(test::token_answer("at-s3cr3t"));
    auto endpoint = TokenEndpoint::create({.org_url = kOrg, .http = http, .clock = clock_});
    ASSERT_TRUE(endpoint);
    const auto answer = request(**endpoint);
    EXPECT_EQ(http.count(), requests);
    EXPECT_EQ(answer.has_value(), requests == 2);
    EXPECT_EQ(answer ? code : answer.error().code, code);
    EXPECT_EQ(http.requests().front().body, http.requests().back().body);
  }
  http_.fail("net.dns");
  http_.fail("net.connect");
  const auto answer = request(*make());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "net.connect");
  EXPECT_EQ(http_.count(), 2u);
}

TEST_F(TokenEndpointTest, LearnsTheClocksDifferenceFromEveryAnswer) {
  auto endpoint = make();
  EXPECT_EQ(endpoint->skew().count(), 0);
  auto response = test::refusal(401, "invalid_client", "The client_assertion token is expired.");
  response.headers.add("Date", core::to_http_date(clock_.now() + std::chrono::minutes{9}));
  http_.push(response);
  auto answer = request(*endpoint);
  ASSERT_FALSE(answer);
  EXPECT_EQ(endpoint->skew(), std::chrono::minutes{9});
  EXPECT_THAT(answer.error().hint, HasSubstr("9 minutes behind"));

  response.headers.set("Date", "yesterday");
  http_.push(response);
  (void)request(*endpoint);
  EXPECT_EQ(endpoint->skew(), std::chrono::minutes{9});
}

TEST_F(TokenEndpointTest, ReadsADeviceAnswerWithItsDefaults) {
  auto endpoint = make();
  http_.push(json(
      200,
      R"({"device_code":"dc-s3cr3t","user_code":"ABCD","verification_uri":"https://a/","expires_in":600})"));
  const auto answer = endpoint->authorize_device({}, {{"client_id", "0oa1"}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(http_.requests().at(0).url, test::kDeviceUrl);
  EXPECT_EQ(answer->device_code.reveal(), "dc-s3cr3t");
  EXPECT_EQ(answer->interval, std::chrono::seconds{5});
  EXPECT_EQ(answer->lifetime, std::chrono::seconds{600});
  EXPECT_EQ(answer->verification_uri_complete, "");

  for (
      const std::string body :
      {R"({"user_code":"A","verification_uri":"https://a/","expires_in":600})",
       R"({"device_code":"dc-s3cr3t","user_code":"A","verification_uri":"https://a/"})",
       R"({"device_code":"dc-s3cr3t","user_code":5,"verification_uri":"https://a/","expires_in":600})",
       R"({"device_code":"dc-s3cr3t","user_code":"A","verification_uri":"https://a/","expires_in":600,"interval":"5"})"}) {
    http_.push(json(200, body));
    const auto refused = endpoint->authorize_device({}, {{"client_id", "0oa1"}});
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().code, "oauth.bad_answer");
    EXPECT_THAT(test::everything(refused.error()), Not(HasSubstr(kMark)));
  }
}

TEST(CheckClient, NamesTheSettingThatIsWrong) {
  struct Case {
    std::string client_id;
    std::vector<std::string> scopes;
    std::string code;
  };
  const Case cases[] = {
      {"0oa1", {"okta.users.read"}, ""},
      {"", {"okta.users.read"}, "oauth.client_id"},
      {"0oa 1", {"okta.users.read"}, "oauth.client_id"},
      {"0oa1\n", {"okta.users.read"}, "oauth.client_id"},
      {"0oa1", {}, "oauth.scopes"},
      {"0oa1", {"okta.users.read", "\"okta.logs.read\""}, "oauth.scopes"},
      {"0oa1", {""}, "oauth.scopes"},
  };
  for (const auto& each : cases) {
    const auto status = check_client(each.client_id, each.scopes);
    EXPECT_EQ(status ? "" : status.error().code, each.code);
    EXPECT_THAT(status ? "OKTA_" : status.error().message, HasSubstr("OKTA_"));
  }
}

TEST(Scopes, AreSplitAtSpacesAndKeptOnce) {
  EXPECT_THAT(split_scopes("  b a  b "), ElementsAre("b", "a"));
  EXPECT_TRUE(split_scopes("").empty());
  EXPECT_EQ(join_scopes({"b", "a"}), "b a");
}

}  // namespace
}  // namespace oauth
