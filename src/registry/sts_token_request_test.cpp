#include "registry/sts_token_request.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "core/encoding.h"
#include "registry/test_sts.h"

namespace registry {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";

TokenOutcome read(int status, std::string_view type, std::string body, net::Headers more = {}) {
  net::HttpResponse response{.status = status, .headers = std::move(more), .body = std::move(body)};
  response.headers.add("Content-Type", std::string(type));
  return read_token_answer(response);
}

struct Success {
  std::string_view what, type, body;
  std::string_view refresh_token;
  std::vector<std::string> scopes;
  std::optional<seconds> lifetime;
};

TEST(TokenAnswer, SuccessesInEveryShape) {
  const std::vector<Success> rows{
      {"RFC 6749 section 5.1",
       kJson,
       R"({"access_token":"a-1","token_type":"Bearer","expires_in":3600,"refresh_token":"r-1","scope":"a b"})",
       "r-1",
       {"a", "b"},
       seconds{3600}},
      {"GitHub, asked for JSON",
       "application/json; charset=utf-8",
       R"({"access_token":"a-1","scope":"repo,gist","token_type":"bearer"})",
       "",
       {"repo", "gist"},
       std::nullopt},
      {"GitHub, not asked",
       kForm,
       "access_token=a-1&scope=repo%2Cgist&token_type=bearer",
       "",
       {"repo", "gist"},
       std::nullopt},
      {"GitHub, without scopes", kForm, "access_token=a-1&scope=&token_type=bearer", "", {}, std::nullopt},
      {"GitLab",
       kJson,
       R"({"access_token":"a-1","token_type":"Bearer","expires_in":7200,"refresh_token":"r-1","created_at":1607635748})",
       "r-1",
       {},
       seconds{7200}},
      {"expires_in as text", kJson, R"({"access_token":"a-1","expires_in":"3599"})", "", {}, seconds{3599}},
      {"expires_in as a double", kJson, R"({"access_token":"a-1","expires_in":1e3})", "", {}, seconds{1000}},
      {"expires_in in a form", kForm, "access_token=a-1&expires_in=60", "", {}, seconds{60}},
      {"expires_in 0: never", kJson, R"({"access_token":"a-1","expires_in":0})", "", {}, std::nullopt},
      {"expires_in negative", kJson, R"({"access_token":"a-1","expires_in":-5})", "", {}, std::nullopt},
      {"expires_in beyond all measure",
       kJson,
       R"({"access_token":"a-1","expires_in":1e300})",
       "",
       {},
       std::chrono::hours{24 * 3650}},
      {"expires_in nonsense", kJson, R"({"access_token":"a-1","expires_in":"soon"})", "", {}, std::nullopt},
      {"scope as a list", kJson, R"({"access_token":"a-1","scope":["x","y"]})", "", {"x", "y"}, std::nullopt},
      {"error null", kJson, R"({"access_token":"a-1","error":null})", "", {}, std::nullopt},
      {"error empty", kForm, "access_token=a-1&error=", "", {}, std::nullopt},
      {"refresh_token null", kJson, R"({"access_token":"a-1","refresh_token":null})", "", {}, std::nullopt},
      {"JSON called text", "text/plain", R"( {"access_token":"a-1"})", "", {}, std::nullopt},
      {"no type", kJson, R"({"access_token":"a-1","scope":"one"})", "", {"one"}, std::nullopt},
  };
  for (const Success& row : rows) {
    SCOPED_TRACE(row.what);
    const auto outcome = read(200, row.type, std::string(row.body));
    ASSERT_TRUE(outcome) << outcome.error().error;
    EXPECT_EQ(outcome->access_token.reveal(), "a-1");
    EXPECT_EQ(outcome->refresh_token.reveal(), row.refresh_token);
    EXPECT_EQ(outcome->scopes, row.scopes);
    EXPECT_EQ(outcome->lifetime, row.lifetime);
  }
}

struct Failure {
  std::string_view what;
  int status;
  std::string_view type, body;
  RefusalKind kind;
  std::string_view error;
};

TEST(TokenAnswer, RefusalsInEveryShape) {
  const std::string long_token(17u << 10, 'x');
  const std::string huge = R"({"access_token":")" + std::string(70u << 10, 'x') + "\"}";
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  const std::string long_answer = R"({"access_token":")" + long_token + "\"}";
  const std::string deep_answer = R"({"a":)" + deep + "}";
  const std::vector<Failure> rows{
      {"the code or refresh token", 400, kJson, R"({"error":"invalid_grant"})", RefusalKind::grant,
       "invalid_grant"},
      {"GitHub: 200", 200, kJson, R"({"error":"bad_refresh_token","error_description":"x","error_uri":"y"})",
       RefusalKind::grant, "bad_refresh_token"},
      {"GitHub: 200, a form", 200, kForm, "error=bad_verification_code&error_description=x",
       RefusalKind::grant, "bad_verification_code"},
      {"GitHub: the client", 200, kJson, R"({"error":"incorrect_client_credentials"})", RefusalKind::client,
       "incorrect_client_credentials"},
      {"an error beside a token", 200, kJson, R"({"access_token":"a-1","error":"access_denied"})",
       RefusalKind::grant, "access_denied"},
      {"the client", 401, kJson, R"({"error":"invalid_client"})", RefusalKind::client, "invalid_client"},
      {"an error nobody knows", 400, kJson, R"({"error":"quux"})", RefusalKind::client, "quux"},
      {"an error that is an object", 400, kJson, R"({"error":{"code":1}})", RefusalKind::client, "error"},
      {"busy, whatever it says", 429, kJson, R"({"error":"invalid_grant"})", RefusalKind::passing,
       "invalid_grant"},
      {"broken, whatever it says", 503, kJson, R"({"error":"invalid_grant"})", RefusalKind::passing,
       "invalid_grant"},
      {"an HTML page of a proxy", 502, "text/html", "<html>", RefusalKind::passing, "http_502"},
      {"glewlwyd: 400 and nothing", 400, "", "", RefusalKind::grant, "http_400"},
      {"400 in other words", 400, kJson, R"({"status":"BAD_REFRESH_TOKEN"})", RefusalKind::grant, "http_400"},
      {"a page of a proxy, 400", 400, "text/html", "<html>", RefusalKind::client, "http_400"},
      {"403 and nothing", 403, "", "", RefusalKind::client, "http_403"},
      {"not there", 404, "text/html", "<html>", RefusalKind::client, "http_404"},
      {"a redirect", 302, "text/html", "", RefusalKind::broken, "http_302"},
      {"success without words", 200, kJson, "", RefusalKind::broken, "answer_unreadable"},
      {"an HTML page", 200, "text/html", "access_token=a-1", RefusalKind::broken, "answer_unreadable"},
      {"a list", 200, kJson, R"(["access_token"])", RefusalKind::broken, "answer_unreadable"},
      {"half of an answer", 200, kJson, R"({"access_token":"a-1")", RefusalKind::broken, "answer_unreadable"},
      {"a name twice", 200, kJson, R"({"access_token":"a","access_token":"b"})", RefusalKind::broken,
       "answer_unreadable"},
      {"a field twice", 200, kForm, "access_token=a&access_token=b", RefusalKind::broken,
       "answer_unreadable"},
      {"too large", 200, kJson, huge, RefusalKind::broken, "answer_unreadable"},
      {"too deep", 200, kJson, deep_answer, RefusalKind::broken, "answer_unreadable"},
      {"no token", 200, kJson, R"({"token_type":"Bearer"})", RefusalKind::broken, "answer_without_token"},
      {"an empty token", 200, kJson, R"({"access_token":""})", RefusalKind::broken, "answer_without_token"},
      {"a token that is a number", 200, kJson, R"({"access_token":7})", RefusalKind::broken,
       "answer_without_token"},
      {"a token with a line break", 200, kJson, R"({"access_token":"a\r\nX: y"})", RefusalKind::broken,
       "answer_without_token"},
      {"a token that is too long", 200, kJson, long_answer, RefusalKind::broken, "answer_without_token"},
      {"a token bound to a key", 200, kJson, R"({"access_token":"a-1","token_type":"DPoP"})",
       RefusalKind::broken, "token_type"},
  };
  for (const Failure& row : rows) {
    SCOPED_TRACE(row.what);
    const auto outcome = read(row.status, row.type, std::string(row.body));
    ASSERT_FALSE(outcome);
    EXPECT_EQ(to_string(outcome.error().kind), to_string(row.kind));
    EXPECT_EQ(outcome.error().error, row.error);
  }
}

TEST(TokenAnswer, WordsOfTheServerAreCleaned) {
  const auto outcome = read(
      400, kJson, R"({"error":"invalid_grant\u202e\n","error_description":"<b>no\u0007</b>\nnext line"})");
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().error, Not(HasSubstr("\n")));
  EXPECT_THAT(outcome.error().description, Not(HasSubstr("\n")));
  EXPECT_THAT(outcome.error().description, Not(HasSubstr("\a")));
}

TEST(TokenAnswer, RetryAfterIsHeardWithinBounds) {
  EXPECT_EQ(read(503, kJson, "{}", {{"Retry-After", "30"}}).error().retry_after, seconds{30});
  EXPECT_EQ(read(503, kJson, "{}", {{"Retry-After", "999999"}}).error().retry_after, seconds{300});
  EXPECT_EQ(read(503, kJson, "{}", {{"Retry-After", "-1"}}).error().retry_after, seconds{0});
  EXPECT_EQ(read(503, kJson, "{}", {{"Retry-After", "Sat, 21 Nov 2026 23:01:00 GMT"}}).error().retry_after,
            seconds{0});
}

TEST(GrantedScopes, SpacesWinOverCommas) {
  EXPECT_THAT(split_granted_scopes("a b"), ElementsAre("a", "b"));
  EXPECT_THAT(split_granted_scopes("a,b"), ElementsAre("a", "b"));
  EXPECT_THAT(split_granted_scopes("a, b"), ElementsAre("a", "b"));
  EXPECT_THAT(split_granted_scopes(" a  b "), ElementsAre("a", "b"));
  EXPECT_THAT(split_granted_scopes("read:user,repo"), ElementsAre("read:user", "repo"));
  EXPECT_THAT(split_granted_scopes(""), IsEmpty());
  EXPECT_THAT(split_granted_scopes(",,"), IsEmpty());
}

class TokenRequestTest : public test::ServiceFixture {
 protected:
  void SetUp() override { world_.store(service_); }
  TokenOutcome ask() {
    return request_external_tokens(core::Context{}, service_, world_.auth_server, world_.settings,
                                   {{"grant_type", "refresh_token"}, {"refresh_token", "r-1"}});
  }
  std::string field(std::size_t request, std::string_view name) {
    return net::query_value(*net::parse_query(outside().requests().at(request).body), name)
        .value_or("(none)");
  }
  test::StsWorld world_;
};

TEST_F(TokenRequestTest, EachWayToAuthenticate) {
  const std::string good = R"({"access_token":"a-1"})";
  outside().reply(200, good);
  outside().reply(200, good);
  outside().reply(200, good);
  ASSERT_TRUE(ask());
  const auto basic = outside().requests().at(0);
  // RFC 6749 section 2.3.1: encoded as in a form before the colon goes between.
  EXPECT_EQ(basic.headers.get("Authorization"),
            "Basic " + core::base64_encode("client-1:s3cret%2Fwith%2Bsigns"));
  EXPECT_EQ(basic.headers.get("Accept"), "application/json");
  EXPECT_EQ(field(0, "client_id"), "(none)");
  EXPECT_EQ(field(0, "refresh_token"), "r-1");

  world_.settings.auth_method = "client_secret_post";
  ASSERT_TRUE(ask());
  EXPECT_FALSE(outside().requests().at(1).headers.has("Authorization"));
  EXPECT_EQ(field(1, "client_id"), "client-1");
  EXPECT_EQ(field(1, "client_secret"), "s3cret/with+signs");

  world_.settings.auth_method = "none";
  ASSERT_TRUE(ask());
  EXPECT_FALSE(outside().requests().at(2).headers.has("Authorization"));
  EXPECT_EQ(field(2, "client_id"), "client-1");
  EXPECT_EQ(field(2, "client_secret"), "(none)");

  world_.settings.auth_method = "tls_client_auth";
  const auto unknown = ask();
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().kind, RefusalKind::client);
  EXPECT_EQ(outside().count(), 3u);
}

TEST_F(TokenRequestTest, AskedOnceMoreWhenTheNetworkFails) {
  outside().fail("net.reset");
  outside().reply(200, R"({"access_token":"a-1"})");
  EXPECT_TRUE(ask());
  EXPECT_EQ(outside().count(), 2u);

  outside().fail("net.timeout", core::ErrorKind::timeout);
  outside().fail("net.connect");
  const auto failed = ask();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, RefusalKind::passing);
  EXPECT_EQ(failed.error().error, "net.connect");
  EXPECT_EQ(outside().count(), 4u);
}

TEST_F(TokenRequestTest, NotAskedAgainWhenItAnswered) {
  outside().reply(503);
  const auto failed = ask();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, RefusalKind::passing);
  outside().fail("net.too_large", core::ErrorKind::too_large);
  EXPECT_EQ(ask().error().kind, RefusalKind::broken);
  EXPECT_EQ(outside().count(), 2u);
}

TEST_F(TokenRequestTest, NoSecretInARefusal) {
  outside().reply(400, R"({"error":"invalid_client","error_description":"bad"})");
  const auto failed = ask();
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().description, Not(HasSubstr("s3cret")));
  // Sealed with a key that is not there.
  world_.settings.sealed_secret = "0123456789abcdef.AAAA";
  const auto foreign = ask();
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().kind, RefusalKind::client);
  EXPECT_EQ(outside().count(), 1u);
}

}  // namespace
}  // namespace registry
