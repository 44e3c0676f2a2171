#include "okta/answer.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "okta/test_support.h"

namespace okta {
namespace {

using core::ErrorKind;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Question asking(std::string_view method, std::string_view path) {
  const auto* operation = catalogue::match_operation(method, path);
  return {.method = method,
          .path = path,
          .write = operation ? catalogue::is_write(operation->effect) : method != "GET" && method != "HEAD",
          .operation = operation,
          .origin = kOrigin};
}

net::HttpResponse answer(int status, std::string body,
                         net::Headers headers = {{"Content-Type", "application/json"}}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

core::Error error_of(const Question& question, const net::HttpResponse& response) {
  auto result = read_answer(question, response);
  EXPECT_FALSE(result);
  return result ? core::Error{} : result.error();
}

constexpr std::string_view kNotFound =
    R"j({"errorCode":"E0000007","errorSummary":"Not found: Resource not found: x (User)","errorLink":"E0000007",)j"
    R"j("errorId":"oae1","errorCauses":[]})j";

TEST(Answer, JsonPassesThroughUntouched) {
  for (std::string_view text :
       {R"({"b":1,"a":null,"nested":{"deep":[1,2.5,true,{}]},"unknown":"x","big":12345678901234567})", "[]",
        "{}", "null", R"(["\u00e9\ud83d\ude00"])", "  [1] \n"}) {
    auto result = read_answer(asking("GET", "/api/v1/users"), answer(200, std::string(text)));
    ASSERT_TRUE(result) << text;
    EXPECT_EQ(core::json::write(result->body), core::json::write(*core::json::parse(text)));
  }
}

TEST(Answer, UpstreamDataMayRepeatAMember) {
  auto result = read_answer(asking("GET", "/api/v1/users"), answer(200, R"({"a":1,"a":2})"));
  ASSERT_TRUE(result);
  EXPECT_EQ(core::json::write(result->body), R"({"a":2})");
}

TEST(Answer, DepthIsLimited) {
  auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(read_answer(asking("GET", "/api/v1/users"), answer(200, nested(128))));
  EXPECT_EQ(error_of(asking("GET", "/api/v1/users"), answer(200, nested(129))).code, "okta.broken_body");
}

TEST(Answer, HeadersAreKept) {
  auto result =
      read_answer(asking("GET", "/api/v1/users/00u1"),
                  answer(200, "{}",
                         {{"content-type", "application/json"},
                          {"etag", "W/\"1\""},
                          {"X-Okta-Request-Id", "req1"},
                          {"link", R"(<https://example.okta.com/api/v1/users/00u1>; rel="self")"}}));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->status, 200);
  EXPECT_EQ(result->etag, "W/\"1\"");
  EXPECT_EQ(result->request_id, "req1");
  EXPECT_FALSE(result->next);
  EXPECT_FALSE(result->next_url);
}

TEST(Answer, SuccessIsAStatusNeverABody) {
  struct Row {
    std::string_view name, method, path;
    int status;
    std::string body;
    net::Headers headers;
    std::string_view code;  // of the error; empty for success
  };
  const net::Headers kJson{{"Content-Type", "application/json"}};
  const net::Headers kHtml{{"Content-Type", "text/html; charset=utf-8"}};
  constexpr std::string_view kUser = "/api/v1/users/00u1";
  const Row kRows[] = {
      {"204", "DELETE", kUser, 204, "", {}, ""},
      {"204 for a read", "GET", kUser, 204, "", {}, ""},
      {"202 without a body", "POST", kUser, 202, "", {}, ""},
      {"200 without a body for a write", "POST", "/api/v1/users/00u1/lifecycle/suspend", 200, "", {}, ""},
      {"an error envelope in a 200", "GET", kUser, 200, std::string(kNotFound), kJson, ""},
      {"no content type", "GET", kUser, 200, "{}", {}, ""},
      {"HEAD", "HEAD", kUser, 200, "", kJson, ""},
      {"200 without a body for a read", "GET", kUser, 200, "", kJson, "okta.empty_answer"},
      {"200 with white space for a read", "GET", kUser, 200, "\r\n", kJson, "okta.empty_answer"},
      {"a web page", "GET", kUser, 200, "<html>", kHtml, "okta.html"},
      {"a web page called JSON", "GET", kUser, 200, "<!DOCTYPE html>", kJson, "okta.html"},
      {"a web page without a name", "GET", kUser, 200, "<html>", {}, "okta.html"},
      {"half a body", "GET", kUser, 200, R"({"id":"00u1","prof)", kJson, "okta.broken_body"},
      {"two bodies", "GET", kUser, 200, "{}{}", kJson, "okta.broken_body"},
      {"bad UTF-8", "GET", kUser, 200, "{\"a\":\"\xff\"}", kJson, "okta.broken_body"},
      {"half a body for a write", "POST", kUser, 200, R"({"id")", kJson, "okta.unknown_outcome"},
      {"a web page for a write", "POST", kUser, 200, "<html>", kHtml, "okta.unknown_outcome"},
      {"a POST that reads", "POST", "/api/v1/policies/simulate", 200, "<html>", kHtml, "okta.html"},
      // The empty-bodied family: never a success, never an empty list.
      {"empty 401", "GET", "/api/v1/users", 401, "", {}, "okta.http_401"},
      {"empty 403", "GET", "/api/v1/users", 403, "", {}, "okta.http_403"},
      {"empty 404", "GET", kUser, 404, "", {}, "okta.http_404"},
      {"empty 500", "GET", kUser, 500, "", {}, "okta.http_500"},
      {"empty 401 for a write", "DELETE", kUser, 401, "", {}, "okta.http_401"},
      {"empty 403 for a write", "POST", kUser, 403, "", kJson, "okta.http_403"},
      {"empty 404 for a write", "PUT", kUser, 404, "", kJson, "okta.http_404"},
      {"empty 500 for a write", "DELETE", kUser, 500, "", kJson, "okta.unknown_outcome"},
      {"empty 503 for a write", "DELETE", kUser, 503, "", kJson, "okta.http_503"},
      {"empty 504 for a write", "POST", kUser, 504, "", kJson, "okta.unknown_outcome"},
      {"null", "GET", kUser, 404, "null", kJson, "okta.http_404"},
      {"an empty object", "GET", kUser, 403, "{}", kJson, "okta.http_403"},
      {"a list", "GET", kUser, 400, "[]", kJson, "okta.http_400"},
      {"a web page from a gateway", "GET", kUser, 502, "<html>", kHtml, "okta.http_502"},
      {"half an envelope", "GET", kUser, 400, R"({"errorCode":"E00)", kJson, "okta.http_400"},
      {"a code that is no code", "GET", kUser, 400, R"({"errorCode":"a b\n"})", kJson, "okta.http_400"},
      {"members of the wrong type", "GET", kUser, 400,
       R"({"errorCode":7,"errorCauses":{},"errorSummary":[]})", kJson, "okta.http_400"},
      {"a redirect", "GET", kUser, 302, "", {{"Location", "https://evil/"}}, "okta.http_302"},
      {"not modified", "GET", kUser, 304, "", {}, "okta.http_304"},
      {"a status of its own", "GET", kUser, 199, "", {}, "okta.http_199"},
      {"Okta's envelope", "GET", kUser, 404, std::string(kNotFound), kJson, "okta.E0000007"},
      {"Okta's envelope without a type", "GET", kUser, 404, std::string(kNotFound), {}, "okta.E0000007"},
      {"OAuth's body", "POST", "/oauth2/v1/token", 400, R"({"error":"use_dpop_nonce"})", kJson,
       "okta.use_dpop_nonce"},
      {"a gateway's body",
       "POST",
       kUser,
       404,
       R"({"status":404,"message":"Resource not found"})",
       {},
       "okta.http_404"},
  };
  for (const auto& row : kRows) {
    auto result = read_answer(asking(row.method, row.path),
                              {.status = row.status, .headers = row.headers, .body = row.body});
    EXPECT_EQ(result ? "" : result.error().code, row.code) << row.name;
    if (!result) {
      EXPECT_TRUE(result.error().upstream) << row.name;
      EXPECT_EQ(result.error().upstream->status, row.status) << row.name;
      EXPECT_FALSE(result.error().hint.empty()) << row.name;
      EXPECT_THAT(result.error().message, HasSubstr(std::to_string(row.status))) << row.name;
    }
  }
}

TEST(Answer, TextThatIsNotJsonIsAString) {
  auto xml = read_answer(asking("GET", "/api/v1/apps/0oa1/sso/saml/metadata"),
                         answer(200, "<?xml version=\"1.0\"?><a/>", {{"Content-Type", "text/xml"}}));
  ASSERT_TRUE(xml);
  EXPECT_EQ(xml->body, "<?xml version=\"1.0\"?><a/>");
  auto bytes = read_answer(asking("GET", "/api/v1/apps/0oa1/logo"),
                           answer(200, "\x89PNG\xff", {{"Content-Type", "image/png"}}));
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code, "okta.broken_body");
}

TEST(Answer, TheEnvelopeIsTranslated) {
  auto error = error_of(
      asking("POST", "/api/v1/users"),
      answer(
          400,
          R"({"errorCode":"E0000001","errorSummary":"Api validation failed: login","errorId":"oae1","errorCauses":[)"
          R"({"errorSummary":"login: An object with this field already exists"},{"reason":"UNIQUE"},{},7]})",
          {{"Content-Type", "application/json"}, {"X-Okta-Request-Id", "r1"}}));
  EXPECT_EQ(error.kind, ErrorKind::invalid_input);
  EXPECT_EQ(error.code, "okta.E0000001");
  EXPECT_EQ(error.message,
            "Okta answered 400 to POST /api/v1/users: Api validation failed: login. login: An object with "
            "this field "
            "already exists. UNIQUE.");
  EXPECT_THAT(error.hint, HasSubstr("Correct the fields"));
  ASSERT_TRUE(error.upstream);
  EXPECT_EQ(error.upstream->code, "E0000001");
  EXPECT_EQ(error.upstream->summary, "Api validation failed: login");
  EXPECT_THAT(error.upstream->causes,
              ElementsAre("login: An object with this field already exists", "UNIQUE"));
  EXPECT_EQ(error.upstream->error_id, "oae1");
  EXPECT_EQ(error.upstream->request_id, "r1");
}

TEST(Answer, KindsAndHintsFitTheSituation) {
  struct Row {
    std::string_view name;
    int status;
    std::string_view code;
    ErrorKind kind;
    std::string_view hint;
  };
  constexpr Row kRows[] = {
      {"token", 401, "E0000011", ErrorKind::unauthenticated, "Sign in again"},
      {"feature off", 401, "E0000015", ErrorKind::forbidden, "does not have this feature"},
      {"status of the user", 403, "E0000038", ErrorKind::conflict, "status"},
      {"active app", 403, "E0000056", ErrorKind::conflict, "Deactivate the app"},
      {"no such object", 404, "E0000007", ErrorKind::not_found, "Look the id up"},
      {"cursor", 400, "E0000029", ErrorKind::invalid_input, "without a cursor"},
      {"too many", 429, "E0000047", ErrorKind::rate_limited, "Wait for the window"},
      {"mails", 429, "E0000118", ErrorKind::rate_limited, "Wait for the rate limit"},
      {"unknown code", 400, "E7777777", ErrorKind::invalid_input, "API reference"},
      {"unknown code, 403", 403, "E7777777", ErrorKind::forbidden, "admin role"},
      {"unknown code, 5xx", 503, "E7777777", ErrorKind::unavailable, "try again in a minute"},
      {"rare code", 409, "E0000136", ErrorKind::conflict, "read it again"},
      {"changed meanwhile", 412, "E0000231", ErrorKind::conflict, "Read it again"},
  };
  for (const auto& row : kRows) {
    auto error =
        error_of(asking("GET", "/api/v1/users/00u1"),
                 answer(row.status, fmt::format(R"({{"errorCode":"{}","errorSummary":"S"}})", row.code)));
    EXPECT_EQ(error.kind, row.kind) << row.name;
    EXPECT_EQ(error.code, fmt::format("okta.{}", row.code)) << row.name;
    EXPECT_THAT(error.hint, HasSubstr(row.hint)) << row.name;
  }
}

TEST(Answer, A403SaysWhetherScopeOrRoleIsMissing) {
  const auto refusal = answer(403, R"({"errorCode":"E0000006","errorSummary":"You do not have permission"})");
  auto question = asking("POST", "/api/v1/users");
  EXPECT_THAT(
      error_of(question, refusal).hint,
      AllOf(HasSubstr("Either the token lacks the scope okta.users.manage"), HasSubstr("admin role")));

  question.token_scopes = {"okta.users.read"};
  EXPECT_THAT(error_of(question, refusal).hint,
              AllOf(HasSubstr("lacks the scope okta.users.manage"), Not(HasSubstr("admin role"))));

  question.token_scopes = {"okta.users.manage"};
  EXPECT_THAT(error_of(question, refusal).hint, HasSubstr("what is missing is an admin role"));

  question.api_token = true;
  EXPECT_THAT(error_of(question, refusal).hint, HasSubstr("API token acts with the admin roles"));
  question.api_token = false;

  // Okta's own word beats what we believe about the token.
  auto challenged = refusal;
  challenged.headers.add(
      "WWW-Authenticate",
      R"(Bearer authorization_uri="http://example.okta.com/oauth2/v1/authorize", realm="x", )"
      R"(scope="okta.users.manage", error="insufficient_scope", error_description="No, no.")");
  EXPECT_THAT(error_of(question, challenged).hint, HasSubstr("lacks the scope okta.users.manage"));
  challenged.body.clear();
  auto bare = error_of(question, challenged);
  EXPECT_EQ(bare.code, "okta.insufficient_scope");
  EXPECT_EQ(bare.upstream->summary, "No, no.");
  EXPECT_THAT(bare.hint, HasSubstr("lacks the scope okta.users.manage"));

  auto page = answer(403, "<html>", {{"Content-Type", "text/html"}});
  EXPECT_THAT(error_of(question, page).hint, HasSubstr("network zone"));
}

TEST(Answer, A401NamesDpop) {
  auto error =
      error_of(asking("GET", "/api/v1/users"),
               answer(401, "", {{"WWW-Authenticate", R"(DPoP algs="RS256", error="invalid_dpop_proof")"}}));
  EXPECT_EQ(error.code, "okta.invalid_dpop_proof");
  EXPECT_THAT(error.hint, HasSubstr("DPoP-bound"));
}

TEST(Answer, WritesThatMayHaveBeenMadeSayWhatToReadBack) {
  auto created = error_of(asking("POST", "/api/v1/groups"), answer(504, ""));
  EXPECT_EQ(created.code, "okta.unknown_outcome");
  EXPECT_EQ(created.kind, ErrorKind::timeout);
  EXPECT_THAT(created.hint, HasSubstr("List /api/v1/groups"));
  auto replaced = error_of(asking("PUT", "/api/v1/groups/00g1"), answer(500, ""));
  EXPECT_THAT(replaced.hint, HasSubstr("PUT /api/v1/groups/00g1"));
}

TEST(Answer, OutsideTextIsCleaned) {
  auto error = error_of(
      asking("GET", "/api/v1/users/00u1"),
      answer(400, "{\"errorCode\":\"E0000001\",\"errorSummary\":\"a\\u001b[31m\\nb\\u202e\\u200bc\\u0085d\"}",
             {{"X-Okta-Request-Id", "r\x01\xffq"}}));
  EXPECT_EQ(error.upstream->summary, "a [31m bcd");
  EXPECT_EQ(error.upstream->request_id, "r q");

  EXPECT_EQ(one_line("  a\t\r\nb ", 100), "  a b");
  EXPECT_EQ(one_line("\u00e9\u00e9\u00e9", 5), "\u00e9\u00e9...");
  EXPECT_EQ(one_line("\xc3", 5), "");
  EXPECT_EQ(one_line("\xe2\x80", 5), "");
  EXPECT_EQ(one_line("\xf0\x9f\x98\x80", 10), "\xf0\x9f\x98\x80");

  std::string many =
      R"({"errorCode":"E0000001","errorSummary":")" + std::string(5'000, 'x') + R"(","errorCauses":[)";
  for (int i = 0; i < 100; ++i) many += R"({"errorSummary":"c"},)";
  many += "{}]}";
  auto long_one = error_of(asking("GET", "/api/v1/users/00u1"), answer(400, many));
  EXPECT_EQ(long_one.upstream->summary.size(), 1'003u);
  EXPECT_EQ(long_one.upstream->causes.size(), 20u);
}

TEST(Answer, NextLinks) {
  struct Row {
    std::string_view name, target;
    std::optional<std::string> cursor;  // none: an error
  };
  const Row kRows[] = {
      {"plain", "https://example.okta.com/api/v1/users?after=abc&limit=2", "abc"},
      {"escaped", "https://example.okta.com/api/v1/users?after=bGRhcA%3D%3D&limit=2", "bGRhcA=="},
      // Recorded: /api/v1/behaviors pages by name, with '+' for a space.
      {"plus", "https://example.okta.com/api/v1/users?limit=1&after=Test+Rule%2B1", "Test Rule+1"},
      {"default port", "https://example.okta.com:443/api/v1/users?after=a", "a"},
      {"host in capitals", "https://EXAMPLE.okta.com/api/v1/users?after=a", "a"},
      {"relative", "/api/v1/users?after=a", "a"},
      // Recorded: an org's links carry its admin host ...
      {"admin host", "https://example-admin.okta.com/api/v1/users?after=a", "a"},
      // ... and those of associatedServers the path of their parent.
      {"another path", "https://example.okta.com/api/v1/authorizationServers?after=a&limit=-1", "a"},
      {"another host", "https://evil.example.com/api/v1/users?after=a", std::nullopt},
      {"another org", "https://example2.okta.com/api/v1/users?after=a", std::nullopt},
      {"a host that begins alike", "https://example.okta.com.evil.com/api/v1/users?after=a", std::nullopt},
      {"user info", "https://example.okta.com@evil.com/api/v1/users?after=a", std::nullopt},
      {"plain http", "http://example.okta.com/api/v1/users?after=a", std::nullopt},
      {"another port", "https://example.okta.com:8443/api/v1/users?after=a", std::nullopt},
      {"no URL", "javascript:alert(1)", std::nullopt},
      {"no cursor", "https://example.okta.com/api/v1/users?limit=2", std::nullopt},
      {"empty cursor", "https://example.okta.com/api/v1/users?after=", std::nullopt},
  };
  for (const auto& row : kRows) {
    auto result = read_answer(asking("GET", "/api/v1/users"),
                              answer(200, "[]", {{"Link", fmt::format("<{}>; rel=\"next\"", row.target)}}));
    if (row.cursor) {
      ASSERT_TRUE(result) << row.name << ": " << result.error().message;
      EXPECT_EQ(result->next, row.cursor) << row.name;
      EXPECT_TRUE(result->next_url) << row.name;
    } else {
      ASSERT_FALSE(result) << row.name;
      EXPECT_EQ(result.error().code, "okta.foreign_link") << row.name;
      EXPECT_EQ(result.error().kind, ErrorKind::protocol) << row.name;
    }
  }
}

TEST(Answer, AWriteIsNotFailedByItsLinks) {
  auto result =
      read_answer(asking("POST", "/api/v1/users"),
                  answer(200, "{}", {{"Link", R"(<https://evil.example.com/x?after=a>; rel="next")"}}));
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->next);
}

TEST(Answer, NextLinksInTheBody) {
  struct Row {
    std::string_view name, body;
    std::optional<std::string> cursor;
  };
  const Row kRows[] = {
      {"IAM",
       R"({"roles":[],"_links":{"next":{"href":"https://example.okta.com/api/v1/iam/roles?after=a%3D"}}})",
       "a="},
      {"a step of a transaction",
       R"({"_links":{"next":{"name":"verify","href":"https://example.okta.com/api/v1/authn"}}})",
       std::nullopt},
      {"another list", R"({"_links":{"next":{"href":"https://example.okta.com/api/v1/users?after=a"}}})",
       std::nullopt},
      {"several", R"({"_links":{"next":[{"href":"https://example.okta.com/api/v1/iam/roles?after=a"}]}})",
       std::nullopt},
      {"none", R"({"_links":{"self":{"href":"https://example.okta.com/api/v1/iam/roles?after=a"}}})",
       std::nullopt},
  };
  for (const auto& row : kRows) {
    auto result = read_answer(asking("GET", "/api/v1/iam/roles"), answer(200, std::string(row.body)));
    ASSERT_TRUE(result) << row.name;
    EXPECT_EQ(result->next, row.cursor) << row.name;
  }
}

TEST(Answer, TellsTokenTroubleFromOther401s) {
  struct Row {
    std::string_view body;
    int status;
    bool about_token;
  };
  constexpr Row kRows[] = {
      {"", 401, true},
      {R"({"errorCode":"E0000011","errorSummary":"Invalid token provided"})", 401, true},
      {R"({"errorCode":"E0000015"})", 401, false},
      {R"({"errorCode":"E0000004"})", 401, false},
      {R"({"error":"invalid_token"})", 401, true},
      {R"({"errorCode":"E0000011"})", 403, false},
  };
  for (const auto& row : kRows) {
    EXPECT_EQ(
        is_about_token(error_of(asking("GET", "/api/v1/users"), answer(row.status, std::string(row.body)))),
        row.about_token)
        << row.status << row.body;
  }
}

TEST(Answer, TellsWindowsFromOther429s) {
  auto refused = [](std::string_view body) {
    return error_of(asking("POST", "/api/v1/users"), answer(429, std::string(body)));
  };
  EXPECT_TRUE(ends_with_window(refused("")));
  EXPECT_TRUE(ends_with_window(refused(R"({"errorCode":"E0000047"})")));
  EXPECT_FALSE(ends_with_window(refused(R"({"errorCode":"E0000109"})")));  // a text message was just sent
  EXPECT_FALSE(ends_with_window(error_of(asking("GET", "/api/v1/users"), answer(503, ""))));
}

}  // namespace
}  // namespace okta
