#include <gtest/gtest.h>

#include "oauth/device_grant.h"
#include "oauth/sealed_file_store.h"
#include "oauth/test_sign_in.h"

namespace oauth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::Bench;
using test::device_body;
using test::kMark;
using test::kOrg;
using test::network_failure;
using test::refusal;
using test::token_answer;
using test::value;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

// A login that is there from the start.
class RefreshTest : public testing::Test {
 protected:
  void SetUp() override {
    bench_.store = &store_;
    save("access-1-s3cr3t", "refresh-1-s3cr3t", hours{1});
  }
  void save(std::string access, std::string refresh, std::chrono::seconds remaining) {
    ASSERT_TRUE(store_.save(key_, {.access_token = core::Secret(std::move(access)),
                                   .refresh_token = core::Secret(std::move(refresh)),
                                   .scopes = {"okta.users.read"},
                                   .granted_scopes = {"okta.users.read", "offline_access"},
                                   .obtained_at = clock_.now() - hours{1} + remaining,
                                   .expires_at = clock_.now() + remaining}));
  }
  std::string stored_refresh() {
    const auto stored = store_.load(key_);
    return stored && *stored ? (*stored)->refresh_token.reveal() : "(none)";
  }

  const TokenKey key_{
      .org = kOrg, .client_id = "0oa1", .grant = "device_code", .scopes = {"okta.users.read"}};
  core::FakeClock clock_;
  MemoryTokenStore store_;
  Bench bench_{clock_};
};

TEST_F(RefreshTest, AsksNobodyWhileTheStoredTokenIsGood) {
  const auto source = bench_.make();
  EXPECT_THAT(source->granted_scopes().value(), ElementsAre("okta.users.read", "offline_access"));
  EXPECT_EQ(value(source->token({})), "access-1-s3cr3t");
  source->begin();
  ASSERT_TRUE(bench_.ended());
  EXPECT_THAT(bench_.signed_in, SizeIs(1));
  EXPECT_EQ(bench_.http.count(), 0u);
}

TEST_F(RefreshTest, AsksNobodyWhereNobodyMayBeAsked) {
  bench_.may_ask_a_person = false;
  EXPECT_EQ(value(bench_.make()->token({})), "access-1-s3cr3t");
  clock_.advance(hours{2});
  bench_.org.poll = {refusal(400, "invalid_grant", "The refresh token is invalid or expired."),
                     token_answer("access-2-s3cr3t", "refresh-2-s3cr3t")};
  const auto source = bench_.make();
  const auto refused = source->token({});
  EXPECT_EQ(value(refused), "error oauth.login_needed");
  EXPECT_THAT(refused.error().hint, HasSubstr("okta-mcp-server login"));
  EXPECT_EQ(stored_refresh(), "refresh-1-s3cr3t") << "whoever only looks takes nothing away";
  EXPECT_EQ(value(source->token({})), "access-2-s3cr3t");
  ASSERT_TRUE(store_.erase(key_));
  EXPECT_EQ(value(bench_.make()->token({})), "error oauth.login_needed");
  EXPECT_THAT(bench_.prompts, IsEmpty());
  EXPECT_EQ(bench_.http.count(), 2u) << "two refreshes, and no request for a code";
}

TEST_F(RefreshTest, StoresTheNewRefreshTokenBeforeTheNewAccessTokenIsUsed) {
  clock_.advance(minutes{59} + seconds{30});
  bench_.org.poll = {token_answer("access-2-s3cr3t", "refresh-2-s3cr3t")};
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "access-2-s3cr3t");
  EXPECT_EQ(stored_refresh(), "refresh-2-s3cr3t");
  EXPECT_EQ(test::form_of(bench_.http.requests().at(0)), (net::Query{{"grant_type", "refresh_token"},
                                                                     {"client_id", "0oa1"},
                                                                     {"refresh_token", "refresh-1-s3cr3t"}}));
}

TEST_F(RefreshTest, KeepsTheRefreshTokenAndScopesThatTheOrgDoesNotRepeat) {
  clock_.advance(hours{2});
  bench_.org.poll = {
      test::json(200, R"({"token_type":"Bearer","expires_in":3600,"access_token":"access-2-s3cr3t"})")};
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "access-2-s3cr3t");
  EXPECT_EQ(stored_refresh(), "refresh-1-s3cr3t");
  EXPECT_THAT(source->granted_scopes().value(), ElementsAre("okta.users.read", "offline_access"));
}

TEST_F(RefreshTest, RefreshesOnceForThirtyTwoCallers) {
  clock_.advance(hours{2});
  bench_.org.poll = {token_answer("access-2-s3cr3t", "refresh-2-s3cr3t"),
                     refusal(400, "invalid_grant", "The refresh token is invalid or expired.")};
  const auto source = bench_.make();
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 32; ++i) {
      threads.emplace_back([&] {
        if (value(source->token({})) == "access-2-s3cr3t") ++good;
      });
    }
  }
  EXPECT_EQ(good, 32);
  EXPECT_EQ(bench_.http.count(), 1u);
}

TEST_F(RefreshTest, RefreshesOnceForSeveralSourcesOnOneStore) {
  clock_.advance(hours{2});
  bench_.org.poll = {token_answer("access-2-s3cr3t", "refresh-2-s3cr3t"),
                     refusal(400, "invalid_grant", "The refresh token is invalid or expired.")};
  std::vector<std::unique_ptr<DeviceGrant>> sources;
  for (int i = 0; i < 8; ++i) sources.push_back(bench_.make());
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (auto& source : sources) {
      threads.emplace_back([&] {
        if (value(source->token({})) == "access-2-s3cr3t") ++good;
      });
    }
  }
  EXPECT_EQ(good, 8);
  EXPECT_EQ(bench_.http.count(), 1u);
}

TEST_F(RefreshTest, NeverSendsAStaleTokenWhenRefreshingFails) {
  clock_.advance(hours{2});
  const auto source = bench_.make();
  for (const std::string code : {"net.timeout", "net.connect"}) {
    bench_.org.poll = {network_failure(code), network_failure(code)};
    EXPECT_EQ(value(source->token({})), "error " + code);
    bench_.org.poll.clear();
  }
  bench_.org.poll = {refusal(503, "temporarily_unavailable")};
  EXPECT_EQ(value(source->token({})), "error oauth.temporarily_unavailable");
  // The login is still there: a passing failure does not cost it.
  EXPECT_EQ(stored_refresh(), "refresh-1-s3cr3t");
  bench_.org.poll = {token_answer("access-2-s3cr3t", "refresh-2-s3cr3t")};
  EXPECT_EQ(value(source->token({})), "access-2-s3cr3t");
  EXPECT_THAT(bench_.prompts, IsEmpty());
}

// Okta takes a rotated refresh token again for up to a minute, for exactly this.
TEST_F(RefreshTest, AsksAgainAtOnceWhenTheAnswerIsLostOnItsWay) {
  clock_.advance(hours{2});
  const auto source = bench_.make();
  for (const std::string code : {"net.reset", "net.truncated"}) {
    bench_.org.poll = {network_failure(code), token_answer("access-2-s3cr3t", "refresh-2-s3cr3t")};
    EXPECT_EQ(value(source->token({})), "access-2-s3cr3t");
    EXPECT_EQ(stored_refresh(), "refresh-2-s3cr3t");
    clock_.advance(hours{2});
  }
  bench_.org.poll = {network_failure("net.reset"), network_failure("net.reset")};
  EXPECT_EQ(value(source->token({})), "error net.reset");
  EXPECT_EQ(bench_.http.count(), 6u);
  EXPECT_EQ(stored_refresh(), "refresh-2-s3cr3t");
}

// A call that is cancelled, or a process that is told to end, while the org rotates the refresh token.
TEST_F(RefreshTest, KeepsTheAnswerToARefreshWhoseCallerHasGivenUp) {
  clock_.advance(hours{2});
  std::stop_source caller;
  bool told_to_stop = false;
  bench_.http.answer_with([&](const core::Context& context, const net::HttpRequest&) -> test::Answer {
    caller.request_stop();
    told_to_stop = context.stop.stop_requested();
    return token_answer("access-2-s3cr3t", "refresh-2-s3cr3t");
  });
  const auto source = bench_.make();
  (void)source->token(
      {.stop = caller.get_token(), .deadline = std::chrono::steady_clock::now() + seconds{60}});
  EXPECT_FALSE(told_to_stop);
  EXPECT_EQ(stored_refresh(), "refresh-2-s3cr3t");
}

// Another process has signed out, or was told that the login has ended: the refresh token that this one
// remembers must not be presented.
TEST_F(RefreshTest, DoesNotPresentALoginThatIsNoLongerStored) {
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "access-1-s3cr3t");
  ASSERT_TRUE(store_.erase(key_));
  clock_.advance(hours{2});
  bench_.org.authorize = {test::json(200, device_body())};
  EXPECT_EQ(value(source->token({})), "error oauth.login_pending");
  for (const auto& request : bench_.http.requests()) {
    EXPECT_EQ(test::field(request, "refresh_token"), "(none)");
  }
}

TEST_F(RefreshTest, SaysWhyThereIsAnotherSignIn) {
  test::TempDir dir;
  auto files = SealedFileStore::create({.state_dir = dir.path()});
  ASSERT_TRUE(files);
  bench_.store = files->get();
  ASSERT_TRUE((*files)->save(key_, *std::move(*store_.load(key_))));
  // A process that died between the org's answer and its own disk.
  ASSERT_TRUE((*(*files)->lock({}, key_))->begin_refresh());
  clock_.advance(hours{2});
  bench_.org.poll = {refusal(400, "invalid_grant", "The refresh token is invalid or expired.")};
  bench_.org.authorize = {test::json(200, device_body())};
  const auto source = bench_.make();
  const auto token = source->token({});
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, "oauth.login_pending");
  EXPECT_THAT(token.error().message, HasSubstr("The stored login has ended"));
  EXPECT_THAT(token.error().message, HasSubstr("An earlier refresh was cut off"));
  // Once, and never the old token again.
  EXPECT_THAT(source->token({}).error().message, Not(HasSubstr("has ended")));
  EXPECT_EQ(bench_.http.count(), 2u);
  EXPECT_FALSE((*(*files)->lock({}, key_))->interrupted());
}

TEST_F(RefreshTest, ForgetsALoginThatHasEndedAndStartsAnew) {
  clock_.advance(hours{2});
  bench_.org.poll = {refusal(400, "invalid_grant", "The refresh token is invalid or expired.")};
  bench_.org.authorize = {test::json(200, device_body())};
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "error oauth.login_pending");
  EXPECT_EQ(stored_refresh(), "(none)");
  EXPECT_EQ(value(source->token({})), "error oauth.login_pending");
  EXPECT_TRUE(test::eventually([&] {
    std::lock_guard lock(bench_.mutex);
    return bench_.prompts.size() == 1;
  }));
  EXPECT_EQ(bench_.http.count(), 2u);
}

TEST_F(RefreshTest, AsksThePersonEarlyWhenTheLoginEndsBeforeItsToken) {
  clock_.advance(minutes{57});
  bench_.org.poll = {refusal(400, "invalid_grant", "The refresh token is invalid or expired."),
                     token_answer("access-2-s3cr3t", "refresh-2-s3cr3t")};
  bench_.org.authorize = {test::json(200, device_body())};
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "access-1-s3cr3t");  // good for three minutes yet
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  EXPECT_TRUE(source->pending());
  EXPECT_EQ(value(source->token({})), "access-1-s3cr3t");
  clock_.advance(seconds{5});
  ASSERT_TRUE(bench_.ended());
  EXPECT_THAT(bench_.signed_in, SizeIs(1));
  EXPECT_EQ(value(source->token({})), "access-2-s3cr3t");
}

TEST_F(RefreshTest, DoesNotForgetALoginOverARateLimit) {
  clock_.advance(hours{2});
  bench_.org.poll = {refusal(429, "invalid_grant", "API call exceeded rate limit due to too many requests.")};
  const auto source = bench_.make();
  EXPECT_EQ(value(source->token({})), "error oauth.rate_limited");
  EXPECT_EQ(stored_refresh(), "refresh-1-s3cr3t");
}

TEST_F(RefreshTest, RefreshesAfterARejection) {
  bench_.org.poll = {token_answer("access-2-s3cr3t", "refresh-2-s3cr3t")};
  const auto source = bench_.make();
  const auto first = source->token({});
  ASSERT_TRUE(first);
  source->reject(**first);
  EXPECT_EQ(value(source->token({})), "access-2-s3cr3t");
  // Another process, which had the old one rejected too, takes the new one from the store.
  const auto other = bench_.make();
  other->reject(**first);
  EXPECT_EQ(value(other->token({})), "access-2-s3cr3t");
  EXPECT_EQ(bench_.http.count(), 1u);
}

TEST_F(RefreshTest, AsksForASignInWhenARejectedTokenCannotBeRefreshed) {
  save("access-1-s3cr3t", "", hours{1});
  bench_.org.authorize = {test::json(200, device_body())};
  const auto source = bench_.make();
  const auto first = source->token({});
  ASSERT_TRUE(first);
  source->reject(**first);
  EXPECT_EQ(value(source->token({})), "error oauth.login_pending");
}

TEST_F(RefreshTest, LetsNoSecretOutThroughErrorsHintsOrTheLog) {
  test::LogCapture log;
  clock_.advance(hours{2});
  std::string said;
  const auto note = [&](const core::Error& error) { said += test::everything(error) + "\n"; };
  bench_.org.poll = {refusal(400, "invalid_request", "cannot read refresh-1-s3cr3t"),
                     refusal(400, "invalid_grant", "refresh-1-s3cr3t is invalid"),
                     refusal(400, "invalid_request", "what is device-s3cr3t")};
  bench_.org.authorize = {test::json(200, device_body())};
  {
    const auto source = bench_.make();
    for (int i = 0; i < 3; ++i) {
      const auto token = source->token({});
      ASSERT_FALSE(token);
      note(token.error());
    }
    ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
    clock_.advance(seconds{5});
    ASSERT_TRUE(bench_.ended());
  }
  for (const auto& error : bench_.failed) note(error);
  EXPECT_THAT(said, HasSubstr("login_pending"));
  EXPECT_THAT(said, HasSubstr("what is [redacted]"));
  EXPECT_THAT(said, Not(HasSubstr(kMark)));
  EXPECT_THAT(log.text(), HasSubstr("stored login has ended"));
  EXPECT_THAT(log.text(), Not(HasSubstr(kMark)));
}

}  // namespace
}  // namespace oauth
