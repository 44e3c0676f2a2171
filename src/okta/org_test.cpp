#include "okta/org.h"

#include <gmock/gmock.h>
#include <thread>

#include "okta/test_support.h"

namespace okta {
namespace {

using core::ErrorKind;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Org, SendsWhatItWasGiven) {
  TestOrg test({.user_agent = "okta-mcp-server/1.2.3"});
  test.http.reply(200, R"({"id":"00u1"})");
  auto response = test.org->call(
      test.context, Request{.method = net::Method::post,
                            .path = "/api/v1/users/o%27brien",
                            .query = {{"strict", "true"}, {"x", "a b&c"}},
                            .body = core::json::Value{{"profile", {{"title", nullptr}, {"nick", ""}}}},
                            .headers = {{"If-Match", "W/\"7\""}, {"Authorization", "Bearer stolen"}}});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  const auto request = test.http.requests().at(0);
  EXPECT_EQ(request.method, net::Method::post);
  EXPECT_EQ(request.url, "https://example.okta.com/api/v1/users/o%27brien?strict=true&x=a%20b%26c");
  EXPECT_EQ(request.body, R"({"profile":{"title":null,"nick":""}})");
  EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(request.headers.get("Accept"), "application/json");
  EXPECT_EQ(request.headers.get("User-Agent"), "okta-mcp-server/1.2.3");
  EXPECT_EQ(request.headers.get("If-Match"), "W/\"7\"");
  EXPECT_THAT(request.headers.all("Authorization"), ElementsAre("Bearer token-1"));
  EXPECT_EQ(request.total_timeout, seconds{60});
  EXPECT_EQ(request.max_response_bytes, 64u << 20);
}

TEST(Org, SendsNoBodyWhereThereIsNone) {
  TestOrg test;
  test.http.reply(204);
  ASSERT_TRUE(test.send(net::Method::post, "/api/v1/users/00u1/lifecycle/suspend"));
  EXPECT_EQ(test.http.requests().at(0).body, "");
  EXPECT_FALSE(test.http.requests().at(0).headers.has("Content-Type"));
}

TEST(Org, RefusesUrlsThatAreNoOrigin) {
  TestOrg test;
  struct Row {
    std::string_view url, origin;
  };
  constexpr Row kRows[] = {
      {"https://example.okta.com", "https://example.okta.com"},
      {"https://EXAMPLE.okta.com/", "https://example.okta.com"},
      {"http://127.0.0.1:4400", "http://127.0.0.1:4400"},
      {"http://localhost:80", "http://localhost"},
      {"http://example.okta.com", ""},
      {"https://example.okta.com/api", ""},
      {"https://example.okta.com?x=1", ""},
      {"https://me@example.okta.com", ""},
      {"https://example.okta.com#x", ""},
      {"example.okta.com", ""},
      {"ftp://example.okta.com", ""},
      {"", ""},
  };
  for (const auto& row : kRows) {
    auto org = Org::create({.url = std::string(row.url)}, test.http, test.tokens, test.clock);
    EXPECT_EQ(org ? (*org)->url() : "", row.origin) << row.url;
    if (!org) {
      EXPECT_EQ(org.error().code, "okta.url");
      EXPECT_THAT(org.error().hint, HasSubstr("OKTA_ORG_URL"));
    }
  }
}

TEST(Org, RefusesPathsThatCouldLeadElsewhere) {
  TestOrg test;
  for (std::string_view path :
       {"", "api/v1/users", "/api/v1/users/../groups", "/api/v1/users/%2e%2E/groups", "/api/v1/users/a%2Fb",
        "/api/v1/users/a%5cb", "/api/v1/users/a\\b", "/api/v1/users?limit=1", "/api/v1/users#x",
        "/api/v1/users/a b", "/api/v1/users/a\nb", "/api/v1/users/%zz", "/api/v1/users/%4", "/api/v1/users/.",
        "/api/v1/users/\xc3\xa9", "/api/v1/users/\"x\"", "https://evil.com/"}) {
    auto result = test.get(std::string(path));
    ASSERT_FALSE(result) << path;
    EXPECT_EQ(result.error().code, "okta.path") << path;
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_input) << path;
  }
  EXPECT_FALSE(test.get("/" + std::string(2'000, 'a')));
  EXPECT_EQ(test.http.count(), 0u);
  for (std::string_view path :
       {"/api/v1/users/o'brien@example.com", "/api/v1/users/a..b", "/api/v1/users/a+b%20c"}) {
    test.http.reply(200, "{}");
    EXPECT_TRUE(test.get(std::string(path))) << path;
  }
}

TEST(Org, ReadOnlyIsDecidedByTheCatalogue) {
  TestOrg test({.read_only = true});
  struct Row {
    net::Method method;
    std::string_view path;
    bool allowed;
  };
  constexpr Row kRows[] = {
      {net::Method::get, "/api/v1/users", true},
      {net::Method::head, "/api/v1/users", true},
      {net::Method::post, "/api/v1/policies/simulate", true},  // a POST that only reads
      {net::Method::get, "/api/v1/unknown", true},
      {net::Method::post, "/api/v1/users", false},
      {net::Method::put, "/api/v1/groups/00g1", false},
      {net::Method::patch, "/workload-principals/api/v1/ai-agents/wlp1", false},
      {net::Method::delete_, "/api/v1/users/00u1", false},
      {net::Method::post, "/api/v1/users/00u1/lifecycle/suspend", false},
      {net::Method::post, "/api/v1/brands/bnd1/templates/email/X/test",
       false},  // a .read scope, but mail leaves
      {net::Method::get, "/api/v1/apps/0oa1/express-configure/oauth2/authorize", false},
      {net::Method::post, "/api/v1/unknown", false},
      {net::Method::post, "/api/v1/policies/simulate/", true},
      // Other spellings of writes.
      {net::Method::get, "//api/v1//apps/0oa1/express%2Dconfigure/oauth2;x=1/authorize/", false},
      {net::Method::post, "/api/v1/policies/simulate/x", false},
      {net::Method::options, "/api/v1/users", false},
  };
  for (const auto& row : kRows) {
    test.http.clear_requests();
    if (row.allowed) test.http.reply(200, "{}");
    auto result = test.send(row.method, std::string(row.path));
    EXPECT_EQ(result.has_value(), row.allowed) << row.path;
    EXPECT_EQ(test.http.count(), row.allowed ? 1u : 0u) << row.path;
    if (!result) {
      EXPECT_EQ(result.error().code, "okta.read_only") << row.path;
      EXPECT_EQ(result.error().kind, ErrorKind::forbidden);
    }
  }
}

TEST(Org, RefusesWhatTheTokenHasNoScopeFor) {
  TestOrg test;
  test.tokens.granted = {"okta.users.manage", "okta.groups.manage"};
  auto result = test.get("/api/v1/apps");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "okta.scope");
  EXPECT_EQ(result.error().kind, ErrorKind::forbidden);
  EXPECT_THAT(result.error().message, HasSubstr("okta.apps.read"));
  EXPECT_EQ(test.http.count(), 0u);
  EXPECT_EQ(test.tokens.asked, 0);

  test.http.reply(200, "{}");
  EXPECT_TRUE(test.send(net::Method::post, "/api/v1/users/00u1", core::json::Value(core::json::Object{})));
  test.http.reply(200, "[]");  // needs users.read: whether users.manage includes it, Okta decides
  EXPECT_TRUE(test.get("/api/v1/users"));
  test.http.reply(200, "{}");  // needs apps.manage and groups.manage: with one of them Okta decides
  EXPECT_TRUE(test.send(net::Method::post, "/api/v1/apps/0oa1/group-push/mappings"));
  test.http.reply(200, "{}");  // needs none
  EXPECT_TRUE(test.get("/.well-known/okta-organization"));
  test.http.reply(200, "{}");  // nobody knows what it needs
  EXPECT_TRUE(test.get("/api/v1/unknown"));

  for (auto unknown :
       {std::optional<std::vector<std::string>>{}, std::optional(std::vector<std::string>{})}) {
    test.tokens.granted = unknown;
    test.http.reply(200, "[]");
    EXPECT_TRUE(test.get("/api/v1/users"));
  }
}

TEST(Org, ARejectedTokenIsReplacedOnce) {
  TestOrg test;
  test.http.reply(401, R"({"errorCode":"E0000011","errorSummary":"Invalid token provided"})");
  test.http.reply(200, R"({"id":"00u1"})");
  ASSERT_TRUE(test.send(net::Method::post, "/api/v1/users/00u1", core::json::Value(core::json::Object{})));
  EXPECT_THAT(test.tokens.rejected, ElementsAre("token-1"));
  EXPECT_EQ(test.http.requests().at(1).headers.get("Authorization"), "Bearer token-2");

  test.http.reply(401);
  test.http.reply(401, "", {{"X-Okta-Request-Id", "r2"}});
  auto result = test.get("/api/v1/users");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::unauthenticated);
  EXPECT_EQ(result.error().upstream->request_id, "r2");
  EXPECT_EQ(test.http.count(), 4u);
  EXPECT_THAT(result.error().hint, HasSubstr("Sign in again"));
}

TEST(Org, A401ThatNoTokenHelpsIsNotRepeated) {
  TestOrg test;
  test.http.reply(401, R"({"errorCode":"E0000015","errorSummary":"No feature"})");
  auto result = test.get("/api/v1/realms");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind, ErrorKind::forbidden);
  EXPECT_EQ(test.http.count(), 1u);
  EXPECT_THAT(test.tokens.rejected, IsEmpty());
}

TEST(Org, TokenTroublePassesThrough) {
  TestOrg test({.max_concurrent = 1});
  test.tokens.failure =
      core::Error{ErrorKind::unauthenticated, "oauth.login_pending", "Not signed in.", "Open ...", {}};
  for (int i = 0; i < 3; ++i) {  // the place among the requests in flight is given back each time
    auto result = test.get("/api/v1/users");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, "oauth.login_pending");
  }
  EXPECT_EQ(test.http.count(), 0u);
}

TEST(Org, A429IsWaitedOutAndSaid) {
  for (auto method : {net::Method::get, net::Method::post, net::Method::delete_}) {
    TestOrg test;
    auto now = test.clock.now();
    test.http.reply(429, R"({"errorCode":"E0000047","errorSummary":"API call exceeded rate limit"})",
                    rate_headers(600, 0, now + seconds{12}, now));
    test.http.reply(200, "{}");
    ASSERT_TRUE(test.send(method, "/api/v1/users/00u1"));
    EXPECT_GE(test.clock.waited(), seconds{12});
    EXPECT_LE(test.clock.waited(), seconds{13});
    EXPECT_EQ(test.http.count(), 2u);
    EXPECT_THAT(test.progress.kept(),
                Contains(testing::ContainsRegex("^waiting 1[23] s for Okta's rate limit on /api/v1/users")));
  }
}

TEST(Org, A429IsRepeatedThreeTimesAtMost) {
  TestOrg test;
  for (int i = 0; i < 5; ++i) test.http.reply(429, R"({"errorCode":"E0000047","errorSummary":"Too many"})");
  auto result = test.get("/api/v1/users");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "okta.E0000047");
  EXPECT_EQ(result.error().kind, ErrorKind::rate_limited);
  EXPECT_EQ(test.http.count(), 4u);
  EXPECT_GE(test.clock.waited(), seconds{1 + 2 + 4});  // no header said how long
}

TEST(Org, A429BeyondTheCeilingNamesItsEnd) {
  TestOrg test({.max_rate_wait = seconds{30}});
  auto now = test.clock.now();
  auto headers = rate_headers(600, 0, now + seconds{31}, now);
  headers.add("X-Okta-Request-Id", "r9");
  test.http.reply(429, R"({"errorCode":"E0000047","errorSummary":"Too many"})", headers);
  auto result = test.get("/api/v1/users");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "okta.E0000047");
  EXPECT_THAT(result.error().message,
              HasSubstr("Too many. Waiting for Okta's rate limit on /api/v1/users would take "
                        "until 2027-01-15T08:00:31."));
  EXPECT_THAT(result.error().hint, HasSubstr("a call waits 30 s at most"));
  ASSERT_TRUE(result.error().upstream);
  EXPECT_EQ(result.error().upstream->request_id, "r9");
  EXPECT_EQ(test.http.count(), 1u);
  EXPECT_EQ(test.clock.waited(), seconds{0});
}

TEST(Org, TheCeilingIsForTheWholeCall) {
  TestOrg test({.max_rate_wait = seconds{100}});
  test.http.answer_with([&](const core::Context&, const net::HttpRequest&) -> net::FakeHttpClient::Answer {
    auto now = test.clock.now();
    return net::HttpResponse{.status = 429, .headers = rate_headers(600, 0, now + seconds{60}, now)};
  });
  auto result = test.get("/api/v1/users");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "okta.http_429");
  EXPECT_THAT(result.error().message, HasSubstr("would take until"));
  EXPECT_EQ(test.http.count(), 2u);
  EXPECT_LE(test.clock.waited(), seconds{100});
}

TEST(Org, AWaitForARateLimitCanBeCancelled) {
  core::FakeClock clock;
  core::SeededRandom random{1};
  net::FakeHttpClient http;
  FakeTokens tokens;
  auto org = Org::create({.url = std::string(kOrigin)}, http, tokens, clock, random).value();
  http.reply(429, "", rate_headers(600, 0, clock.now() + seconds{50}, clock.now()));
  std::stop_source stop;
  std::jthread call([&] {
    auto result = org->get({.stop = stop.get_token()}, "/api/v1/users");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind, ErrorKind::cancelled);
  });
  while (clock.waiters() == 0) std::this_thread::yield();
  stop.request_stop();
  call.join();
  EXPECT_EQ(http.count(), 1u);
}

TEST(Org, CountersWithoutAWindowAreNotWaitedFor) {
  TestOrg test;
  test.http.reply(429, R"({"errorCode":"E0000109","errorSummary":"An SMS message was recently sent"})");
  auto result = test.send(net::Method::post, "/api/v1/users/00u1/factors/sms1/resend");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "okta.E0000109");
  EXPECT_EQ(test.http.count(), 1u);
  EXPECT_EQ(test.clock.waited(), seconds{0});
}

TEST(Org, AConcurrencyViolationSlowsDownAndIsRepeated) {
  TestOrg test;
  auto now = test.clock.now();
  // Its reset is a suggestion only ("Concurrency limits"), so a minute is not waited for it.
  test.http.reply(429, R"({"errorCode":"E0000047","errorSummary":"Too many"})",
                  rate_headers(0, 0, now + seconds{60}, now));
  test.http.reply(429, R"({"errorSummary":"Concurrency limit exceeded"})");
  test.http.reply(200, "[]");
  ASSERT_TRUE(test.get("/api/v1/users"));
  EXPECT_LT(test.clock.waited(), seconds{5});
  EXPECT_THAT(test.progress.kept(), Contains(HasSubstr("simultaneous requests")));
}

TEST(Org, PacesBeforeTheWallAcrossCalls) {
  TestOrg test({.reserve_percent = 50});
  auto now = test.clock.now();
  test.http.reply(200, "[]", rate_headers(100, 51, now + seconds{20}, now));
  test.http.reply(200, "[]", rate_headers(100, 50, now + seconds{20}, now));
  test.http.reply(200, "[]");
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(test.get("/api/v1/users"));
  EXPECT_EQ(test.clock.waited(), seconds{0});
  ASSERT_TRUE(test.get("/api/v1/users"));
  EXPECT_EQ(test.clock.waited(), seconds{20});
  EXPECT_TRUE(test.org->rate_limits().contains("/api/v1/users"));
}

TEST(Org, TellsTheRateLimitOfEachAnswer) {
  TestOrg test;
  auto now = test.clock.now();
  // Okta's clock is an hour ahead; what comes out is by ours.
  test.http.reply(200, "[]", rate_headers(600, 599, now + seconds{3'660}, now + seconds{3'600}));
  auto response = test.get("/api/v1/users");
  ASSERT_TRUE(response && response->rate_limit);
  EXPECT_EQ(response->rate_limit->limit, 600);
  EXPECT_EQ(response->rate_limit->remaining, 599);
  EXPECT_EQ(response->rate_limit->reset, now + seconds{60});
}

struct Loss {
  std::string_view code;
  bool sent;  // may have been
};
constexpr Loss kLosses[] = {
    {"net.connect", false},  {"net.connect_timeout", false}, {"net.reset", true},    {"net.timeout", true},
    {"net.truncated", true}, {"net.protocol", true},         {"net.dns", false},     {"net.tls", false},
    {"net.proxy", false},    {"net.too_large", true},        {"net.cancelled", true}};

TEST(Org, AWriteIsNeverRepeatedBlindly) {
  for (auto method : {net::Method::post, net::Method::put, net::Method::patch, net::Method::delete_}) {
    for (const auto& loss : kLosses) {
      TestOrg test;
      test.http.fail(std::string(loss.code));
      for (int i = 0; i < 5; ++i) test.http.reply(200, "{}");
      auto result = test.send(method, "/api/v1/users/00u1");
      if (loss.sent) {
        ASSERT_FALSE(result) << loss.code;
        EXPECT_EQ(result.error().code, "okta.unknown_outcome") << loss.code;
        EXPECT_THAT(result.error().hint, HasSubstr("Read the object back")) << loss.code;
        EXPECT_EQ(test.http.count(), 1u) << loss.code;
      } else if (loss.code.starts_with("net.connect")) {
        EXPECT_TRUE(result) << loss.code;  // it never left
        EXPECT_EQ(test.http.count(), 2u) << loss.code;
      } else {
        ASSERT_FALSE(result) << loss.code;
        EXPECT_EQ(result.error().code, loss.code);
        EXPECT_EQ(test.http.count(), 1u) << loss.code;
      }
    }
  }
}

TEST(Org, ReadsAreRepeatedAfterPassingTrouble) {
  struct Row {
    std::string_view trouble;  // a code of the network, or a status
    std::size_t requests;      // in all, while the trouble lasts
  };
  constexpr Row kRows[] = {
      {"net.reset", 4},     {"net.truncated", 4}, {"net.connect", 4}, {"net.connect_timeout", 4},
      {"net.timeout", 2},   {"net.dns", 1},       {"net.tls", 1},     {"net.too_large", 1},
      {"net.cancelled", 1}, {"503", 4},           {"504", 4},         {"502", 4},
      {"500", 1},           {"501", 1},           {"400", 1}};
  for (const auto& row : kRows) {
    TestOrg test;
    bool network = row.trouble.starts_with("net.");
    test.http.answer_with([&](const core::Context&, const net::HttpRequest&) -> net::FakeHttpClient::Answer {
      if (network) return core::fail(ErrorKind::unavailable, std::string(row.trouble), "It failed.");
      return net::HttpResponse{.status = std::stoi(std::string(row.trouble))};
    });
    auto result = test.get("/api/v1/users");
    ASSERT_FALSE(result) << row.trouble;
    EXPECT_EQ(result.error().code,
              network ? std::string(row.trouble) : "okta.http_" + std::string(row.trouble));
    EXPECT_EQ(test.http.count(), row.requests) << row.trouble;
    if (row.requests > 1) {
      EXPECT_GT(test.clock.waited(), std::chrono::milliseconds{0});
      EXPECT_LT(test.clock.waited(), seconds{6});
      EXPECT_THAT(test.progress.kept(), Contains(HasSubstr("trying again in"))) << row.trouble;
    }
  }
  TestOrg test;
  test.http.fail("net.reset");
  test.http.reply(503);
  test.http.reply(200, "[]");
  EXPECT_TRUE(test.get("/api/v1/users"));
}

TEST(Org, WritesAreNotRepeatedAfterAGatewaysTrouble) {
  for (int status : {500, 502, 503, 504}) {
    TestOrg test;
    test.http.reply(status);
    auto result = test.send(net::Method::post, "/api/v1/groups", core::json::Value(core::json::Object{}));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, status == 503 ? "okta.http_503" : "okta.unknown_outcome");
    EXPECT_EQ(test.http.count(), 1u);
  }
}

TEST(Org, APauseDoesNotOutlastTheDeadline) {
  TestOrg test;
  test.context.deadline = test.clock.steady() + std::chrono::milliseconds{100};
  test.http.reply(503);
  auto result = test.get("/api/v1/users");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "okta.http_503");
  EXPECT_EQ(test.http.count(), 1u);
}

TEST(Org, NothingIsSentForACallThatIsOver) {
  TestOrg test;
  std::stop_source stop;
  stop.request_stop();
  test.context.stop = stop.get_token();
  auto result = test.send(net::Method::delete_, "/api/v1/users/00u1");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "okta.cancelled");
  EXPECT_EQ(result.error().kind, ErrorKind::cancelled);
  EXPECT_EQ(test.http.count(), 0u);
}

TEST(Org, RequestsInFlightAreBounded) {
  net::FakeHttpClient http;
  FakeTokens tokens;
  auto org =
      Org::create({.url = std::string(kOrigin), .max_concurrent = 3}, http, tokens, core::system_clock())
          .value();
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0, most = 0, arrived = 0;
  bool open = false;
  http.answer_with([&](const core::Context&, const net::HttpRequest&) -> net::FakeHttpClient::Answer {
    std::unique_lock lock(mutex);
    most = std::max(most, ++inside);
    ++arrived;
    changed.notify_all();
    changed.wait(lock, [&] { return open; });
    --inside;
    return net::HttpResponse{.status = 200, .body = "[]"};
  });
  {
    std::vector<std::jthread> calls;
    for (int i = 0; i < 12; ++i) calls.emplace_back([&] { EXPECT_TRUE(org->get({}, "/api/v1/users")); });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return arrived == 3; });
    open = true;
    changed.notify_all();
  }
  EXPECT_EQ(most, 3);
  EXPECT_EQ(arrived, 12);
}

}  // namespace
}  // namespace okta
