#include "oauth/device_grant.h"

#include <deque>
#include <gtest/gtest.h>

#include "oauth/sealed_file_store.h"
#include "oauth/test_sign_in.h"

namespace oauth {
namespace {

using core::ErrorKind;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Answer;
using test::Bench;
using test::device_body;
using test::field;
using test::kDeviceUrl;
using test::kOrg;
using test::network_failure;
using test::refusal;
using test::token_answer;
using test::value;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Time runs by itself: whoever waits is let go at once.
class DeviceGrantTest : public testing::Test {
 protected:
  test::AutoClock clock_;
  Bench bench_{clock_};
};

// Time stands still: a sign-in stays where it is.
class PendingDeviceGrantTest : public testing::Test {
 protected:
  core::FakeClock clock_;
  Bench bench_{clock_};
};

TEST_F(DeviceGrantTest, SignsInAndKeepsTheLogin) {
  MemoryTokenStore store;
  bench_.store = &store;
  bench_.org.authorize.push_back(test::json(200, device_body()));
  bench_.org.poll = {
      refusal(400, "authorization_pending"), refusal(400, "authorization_pending"),
      token_answer("access-s3cr3t", "refresh-s3cr3t", 3600, "okta.users.read openid offline_access")};
  const auto source = bench_.make();
  source->begin();
  ASSERT_TRUE(bench_.ended());
  EXPECT_THAT(bench_.failed, IsEmpty());
  EXPECT_THAT(bench_.signed_in, ElementsAre(ElementsAre("okta.users.read", "openid", "offline_access")));
  EXPECT_EQ(value(source->token({})), "access-s3cr3t");
  EXPECT_EQ(source->method(), "device authorization grant");
  EXPECT_FALSE(source->pending());

  const auto requests = bench_.http.requests();
  ASSERT_THAT(requests, SizeIs(4));
  EXPECT_EQ(
      test::form_of(requests[0]),
      (net::Query{{"client_id", "0oa1"}, {"scope", "okta.users.read openid profile email offline_access"}}));
  EXPECT_EQ(test::form_of(requests[1]),
            (net::Query{{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
                        {"client_id", "0oa1"},
                        {"device_code", "device-s3cr3t"}}));
  EXPECT_THAT(bench_.org.polled_at, ElementsAre(5, 10, 15));

  ASSERT_THAT(bench_.prompts, SizeIs(1));
  const auto& prompt = bench_.prompts.front();
  EXPECT_EQ(prompt.verification_uri, kOrg + "/activate");
  EXPECT_EQ(prompt.link(), kOrg + "/activate?user_code=ABCD-EFGH");
  EXPECT_EQ(prompt.user_code, "ABCD-EFGH");
  EXPECT_THAT(prompt.notices, IsEmpty());

  const auto stored =
      store.load({.org = kOrg, .client_id = "0oa1", .grant = "device_code", .scopes = {"okta.users.read"}});
  ASSERT_TRUE(stored && *stored);
  EXPECT_EQ((*stored)->refresh_token.reveal(), "refresh-s3cr3t");
}

TEST_F(DeviceGrantTest, KeepsToThePaceThatTheOrgAsksFor) {
  struct Case {
    std::string what;
    std::string members;  // of the device answer
    std::vector<Answer> poll;
    std::vector<std::int64_t> polled_at;
  };
  const auto pending = [] { return Answer(refusal(400, "authorization_pending")); };
  const auto slow = [] { return Answer(refusal(400, "slow_down")); };
  const auto done = [] { return Answer(token_answer("access-s3cr3t", "refresh-s3cr3t")); };
  const Case cases[] = {
      {"5 seconds when none is named", "", {pending(), done()}, {5, 10}},
      {"the interval named", R"("interval":7,)", {pending(), done()}, {7, 14}},
      {"never without a pause", R"("interval":0,)", {pending(), done()}, {1, 2}},
      {"slow_down adds five seconds for good",
       R"("interval":5,)",
       {pending(), slow(), pending(), slow(), pending(), done()},
       {5, 10, 20, 30, 45, 60}},
      {"backs off while the org cannot be reached, and recovers",
       R"("interval":5,)",
       {network_failure("net.timeout"), network_failure("net.reset"), network_failure("net.truncated"),
        pending(), done()},
       {5, 15, 35, 75, 80}},
      {"backs off to a minute at most",
       R"("interval":20,)",
       {network_failure("net.timeout"), Answer(refusal(503, "temporarily_unavailable")),
        Answer(net::HttpResponse{.status = 502}), Answer(refusal(429, "too_many")), done()},
       {20, 60, 120, 180, 240}},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    test::AutoClock clock;
    Bench bench(clock);
    bench.org.authorize.push_back(test::json(200, device_body(each.members)));
    bench.org.poll.assign(each.poll.begin(), each.poll.end());
    const auto source = bench.make();
    source->begin();
    ASSERT_TRUE(bench.ended());
    EXPECT_THAT(bench.failed, IsEmpty());
    EXPECT_EQ(bench.org.polled_at, each.polled_at);
  }
}

TEST_F(DeviceGrantTest, EndsWithTheReasonThatTheOrgGives) {
  struct Case {
    Answer answer;
    std::string code;
  };
  const Case cases[] = {
      {refusal(400, "expired_token", "The device code has expired."), "oauth.expired_token"},
      {refusal(403, "access_denied", "The resource owner or authorization server denied the request."),
       "oauth.access_denied"},
      {refusal(400, "invalid_grant", "The device code is invalid or has expired."), "oauth.invalid_grant"},
      {refusal(401, "invalid_client", "no"), "oauth.invalid_client"},
      {refusal(400, "something_new", "no"), "oauth.something_new"},
      {net::HttpResponse{.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>"},
       "oauth.not_an_org"},
      {token_answer("access-s3cr3t", "refresh-s3cr3t", 30), "oauth.token_lifetime"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.code);
    test::AutoClock clock;
    Bench bench(clock);
    bench.org.authorize.push_back(test::json(200, device_body()));
    bench.org.poll.push_back(each.answer);
    const auto source = bench.make();
    source->begin();
    ASSERT_TRUE(bench.ended());
    ASSERT_THAT(bench.failed, SizeIs(1));
    EXPECT_EQ(bench.failed.front().code, each.code);
    EXPECT_THAT(bench.signed_in, IsEmpty());
    EXPECT_FALSE(source->granted_scopes());
  }
}

TEST_F(DeviceGrantTest, GivesUpWhenTheCodeHasExpired) {
  bench_.org.authorize.push_back(test::json(200, device_body(R"("interval":240,)")));
  const auto source = bench_.make();
  source->begin();
  ASSERT_TRUE(bench_.ended());
  ASSERT_THAT(bench_.failed, SizeIs(1));
  EXPECT_EQ(bench_.failed.front().code, "oauth.expired_token");
  EXPECT_THAT(bench_.org.polled_at, ElementsAre(240, 480));
  EXPECT_EQ(clock_.seconds(), 600);
}

TEST_F(DeviceGrantTest, ReportsASignInThatCannotStart) {
  struct Case {
    Answer answer;
    std::string code;
  };
  const Case cases[] = {
      {refusal(400, "unauthorized_client", "The client is not authorized to use the provided grant type."),
       "oauth.unauthorized_client"},
      {refusal(401, "invalid_client", "Invalid value for 'client_id' parameter."), "oauth.invalid_client"},
      {net::HttpResponse{.status = 404, .headers = {{"Content-Type", "text/html"}}, .body = "<html>"},
       "oauth.not_an_org"},
      {net::HttpResponse{.status = 500}, "oauth.http_500"},
      {network_failure("net.timeout"), "net.timeout"},
      {test::json(200, R"({"device_code":"device-s3cr3t","expires_in":600,"verification_uri":"https://a/"})"),
       "oauth.bad_answer"},
      {test::json(200, R"({"device_code":"device-s3cr3t","user_code":"A","expires_in":600})"),
       "oauth.verification_uri"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.code);
    Bench bench(clock_);
    bench.org.authorize.push_back(each.answer);
    const auto source = bench.make();
    // The call that starts it learns the reason too.
    EXPECT_EQ(value(source->token({})), "error " + each.code);
    ASSERT_TRUE(bench.ended());
    EXPECT_EQ(bench.failed.at(0).code, each.code);
    EXPECT_THAT(bench.prompts, IsEmpty());
  }
}

TEST_F(DeviceGrantTest, SignsInWithoutOfflineAccessWhereTheOrgRefusesIt) {
  struct Case {
    std::string what;
    std::deque<Answer> authorize, poll;
  };
  const auto device = [] { return Answer(test::json(200, device_body())); };
  const Case cases[] = {
      {"named at the start",
       {refusal(400, "invalid_scope",
                "The following scopes are not allowed for this request: [offline_access]."),
        device()},
       {token_answer("access-s3cr3t")}},
      {"an invalid_scope that names none",
       {refusal(400, "invalid_scope", "One or more scopes are not configured."), device()},
       {token_answer("access-s3cr3t")}},
      {"by a policy, after the person has confirmed",
       {device(), device()},
       {refusal(400, "access_denied",
                "Some of the requested scopes were denied by the policy. Denied scopes: [offline_access]."),
        token_answer("access-s3cr3t")}},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    test::LogCapture log;
    Bench bench(clock_);
    bench.org.authorize = each.authorize;
    bench.org.poll = each.poll;
    const auto source = bench.make();
    source->begin();
    ASSERT_TRUE(bench.ended());
    EXPECT_THAT(bench.failed, IsEmpty());
    EXPECT_EQ(value(source->token({})), "access-s3cr3t");
    std::vector<std::string> asked;
    for (const auto& request : bench.http.requests()) {
      if (request.url == kDeviceUrl) asked.push_back(field(request, "scope"));
    }
    EXPECT_THAT(asked, ElementsAre("okta.users.read openid profile email offline_access",
                                   "okta.users.read openid profile email"));
    EXPECT_THAT(bench.prompts.back().notices, Contains(HasSubstr("offline_access")));
    EXPECT_THAT(log.text(), HasSubstr("offline_access"));
  }
}

TEST_F(DeviceGrantTest, DoesNotBlameOfflineAccessForAnotherScope) {
  bench_.org.authorize = {refusal(
      400, "invalid_scope", "The following scopes are not allowed for this request: [okta.users.read].")};
  const auto source = bench_.make();
  source->begin();
  ASSERT_TRUE(bench_.ended());
  ASSERT_THAT(bench_.failed, SizeIs(1));
  EXPECT_THAT(bench_.failed.front().message, HasSubstr("okta.users.read"));
  EXPECT_EQ(bench_.http.count(), 1u);

  // And when it is not named, the second refusal speaks of the configured scopes only.
  bench_.org.authorize = {refusal(400, "invalid_scope", "The requested scope is invalid."),
                          refusal(400, "invalid_scope", "The requested scope is invalid.")};
  source->begin();
  ASSERT_TRUE(bench_.ended(2));
  EXPECT_THAT(bench_.failed.back().message, HasSubstr("not granted to the app: okta.users.read."));
}

TEST_F(PendingDeviceGrantTest, AnswersAtOnceWithLinkAndCode) {
  bench_.org.authorize.push_back(test::json(200, device_body()));
  const auto source = bench_.make();
  for (int i = 0; i < 3; ++i) {
    const auto token = source->token({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, "oauth.login_pending");
    EXPECT_EQ(token.error().kind, ErrorKind::unauthenticated);
    EXPECT_THAT(token.error().hint, HasSubstr(kOrg + "/activate?user_code=ABCD-EFGH"));
    EXPECT_THAT(token.error().hint, HasSubstr("code ABCD-EFGH"));
    EXPECT_THAT(token.error().hint, HasSubstr(core::to_rfc3339(clock_.now() + minutes{10})));
  }
  ASSERT_TRUE(source->pending());
  EXPECT_EQ(source->pending()->user_code, "ABCD-EFGH");
  EXPECT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  EXPECT_EQ(bench_.http.count(), 1u);
  EXPECT_THAT(bench_.prompts, SizeIs(1));
  source->begin();
  EXPECT_EQ(bench_.http.count(), 1u);
}

TEST_F(PendingDeviceGrantTest, StartsOneSignInForThirtyTwoCallers) {
  bench_.org.authorize.push_back(test::json(200, device_body()));
  const auto source = bench_.make();
  std::atomic<int> pending{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 32; ++i) {
      threads.emplace_back([&] {
        if (value(source->token({})) == "error oauth.login_pending") ++pending;
      });
    }
  }
  EXPECT_EQ(pending, 32);
  EXPECT_EQ(bench_.http.count(), 1u);
}

TEST_F(PendingDeviceGrantTest, WorksForTheNextCallOnceThePersonHasConfirmed) {
  bench_.org.authorize.push_back(test::json(200, device_body()));
  bench_.org.poll.push_back(token_answer("access-s3cr3t", "refresh-s3cr3t"));
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "error oauth.login_pending");
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  clock_.advance(seconds{5});
  ASSERT_TRUE(bench_.ended());
  EXPECT_EQ(value(source->token({})), "access-s3cr3t");
}

TEST_F(PendingDeviceGrantTest, OffersANewLinkAfterOneHasFailed) {
  bench_.org.authorize = {test::json(200, device_body()), test::json(200, device_body())};
  bench_.org.poll.push_back(refusal(403, "access_denied", "denied"));
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "error oauth.login_pending");
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  clock_.advance(seconds{5});
  ASSERT_TRUE(bench_.ended());
  EXPECT_TRUE(test::eventually([&] { return value(source->token({})) == "error oauth.login_pending"; }));
  EXPECT_TRUE(test::eventually([&] {
    std::lock_guard lock(bench_.mutex);
    return bench_.prompts.size() == 2;
  }));
}

TEST_F(PendingDeviceGrantTest, EndsAtOnceWithItsSource) {
  bench_.org.authorize.push_back(test::json(200, device_body()));
  auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "error oauth.login_pending");
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  source.reset();
  EXPECT_EQ(clock_.waiters(), 0);
  EXPECT_THAT(bench_.failed, IsEmpty());
  EXPECT_THAT(bench_.signed_in, IsEmpty());
}

TEST_F(PendingDeviceGrantTest, CancelsARequestThatIsOnItsWayWhenItEnds) {
  bench_.http.answer_with([&](const core::Context& context, const net::HttpRequest&) -> Answer {
    EXPECT_TRUE(test::eventually([&] { return context.cancelled(); }));
    return network_failure("net.cancelled");
  });
  auto source = bench_.make();
  source->begin();
  ASSERT_TRUE(test::eventually([&] { return bench_.http.count() == 1; }));
  EXPECT_EQ(value(source->token({.deadline = std::chrono::steady_clock::now()})), "error oauth.timeout");
  source.reset();
  EXPECT_THAT(bench_.failed, IsEmpty());
}

TEST_F(PendingDeviceGrantTest, TakesOverALoginThatAnotherProcessMade) {
  test::TempDir dir;
  auto ours = SealedFileStore::create({.state_dir = dir.path()});
  auto theirs = SealedFileStore::create({.state_dir = dir.path()});
  ASSERT_TRUE(ours && theirs);
  bench_.store = ours->get();
  bench_.org.authorize.push_back(test::json(200, device_body()));
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "error oauth.login_pending");
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));

  const TokenKey key{.org = kOrg, .client_id = "0oa1", .grant = "device_code", .scopes = {"okta.users.read"}};
  ASSERT_TRUE((*theirs)->save(key, {.access_token = core::Secret("theirs-s3cr3t"),
                                    .refresh_token = core::Secret("refresh-s3cr3t"),
                                    .scopes = {"okta.users.read"},
                                    .granted_scopes = {"okta.users.read"},
                                    .obtained_at = clock_.now(),
                                    .expires_at = clock_.now() + hours{1}}));
  EXPECT_EQ(value(source->token({})), "theirs-s3cr3t");
  clock_.advance(seconds{5});
  ASSERT_TRUE(bench_.ended());
  EXPECT_THAT(bench_.signed_in, ElementsAre(ElementsAre("okta.users.read")));
  EXPECT_TRUE(test::eventually([&] { return !source->pending(); }));
  EXPECT_EQ(bench_.http.count(), 1u);  // never polled
}

TEST(MakePrompt, RefusesLinksThatNobodyShouldOpen) {
  const auto prompt_of = [](std::string link, std::string org = kOrg) {
    DeviceAnswer answer;
    answer.user_code = "ABCD";
    answer.verification_uri = std::move(link);
    answer.lifetime = seconds{60};
    return make_prompt(answer, org, core::WallTime{});
  };
  for (const std::string link :
       {"http://acme.okta.test/activate", "javascript:alert(1)", "file:///etc/passwd", "", "/activate",
        "https://acme.okta.test@evil.test/activate", "https://acme.okta.test/act ivate",
        "https://acme.okta.test/\x1b[31m", "https://acme.okta.test/\"><script>",
        "http://127.0.0.1/activate"}) {
    const auto prompt = prompt_of(link);
    ASSERT_FALSE(prompt) << link;
    EXPECT_EQ(prompt.error().code, "oauth.verification_uri");
    EXPECT_FALSE(prompt.error().message.contains('\x1b'));
  }
  EXPECT_FALSE(prompt_of("https://acme.okta.test/" + std::string(3000, 'a')));
  for (const std::string link :
       {"https://acme.okta.test/activate", "https://acme-admin.okta.test/activate"}) {
    const auto prompt = prompt_of(link);
    ASSERT_TRUE(prompt) << link;
    EXPECT_THAT(prompt->notices, IsEmpty());
  }
  EXPECT_TRUE(prompt_of("http://localhost:4400/activate", "http://127.0.0.1:4400"));
  // Another org of the same provider is as foreign as anybody.
  for (const std::string link :
       {"https://evil.okta.test/activate", "https://acme.okta.test.evil.test/activate"}) {
    const auto prompt = prompt_of(link);
    ASSERT_TRUE(prompt) << link;
    EXPECT_THAT(prompt->notices, ElementsAre(HasSubstr("evil")));
  }
}

TEST(MakePrompt, KeepsTheCompleteLinkOnlyWhereItLeadsToTheSamePlace) {
  DeviceAnswer answer;
  answer.user_code = "AB\x1b[2JCD\r\n\xe2\x80\xae";
  answer.verification_uri = kOrg + "/activate";
  answer.lifetime = seconds{60};
  for (const std::string link :
       {"https://evil.test/activate?user_code=X", "http://acme.okta.test/a", "nonsense"}) {
    answer.verification_uri_complete = link;
    const auto prompt = make_prompt(answer, kOrg, core::WallTime{});
    ASSERT_TRUE(prompt);
    EXPECT_EQ(prompt->link(), kOrg + "/activate");
  }
  const auto prompt = make_prompt(answer, kOrg, core::WallTime{});
  EXPECT_EQ(prompt->user_code, "AB[2JCD");
  EXPECT_EQ(prompt->expires_at, core::WallTime{seconds{60}});
  for (const std::string code : {"", "\x01\x02", "   "}) {
    answer.user_code = code;
    EXPECT_FALSE(make_prompt(answer, kOrg, core::WallTime{}));
  }
  answer.user_code = std::string(65, 'A');
  EXPECT_FALSE(make_prompt(answer, kOrg, core::WallTime{}));
}

}  // namespace
}  // namespace oauth
