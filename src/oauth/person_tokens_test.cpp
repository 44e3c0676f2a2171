#include "oauth/person_tokens.h"

#include <gtest/gtest.h>

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

class PersonTokensTest : public testing::Test {
 protected:
  void SetUp() override { bench_.store = &store_; }

  std::unique_ptr<PersonTokens> make() {
    auto tokens = PersonTokens::create(bench_.options());
    EXPECT_TRUE(tokens);
    return std::move(*tokens);
  }
  static TokenKey key(std::string_view grant) {
    return {.org = kOrg, .client_id = "0oa1", .grant = std::string(grant), .scopes = {"okta.users.read"}};
  }
  void save(std::string_view grant, std::string_view name, seconds remaining = hours{1}) {
    ASSERT_TRUE(
        store_.save(key(grant), {.access_token = core::Secret(fmt::format("{}-access-s3cr3t", name)),
                                 .refresh_token = core::Secret(fmt::format("{}-refresh-s3cr3t", name)),
                                 .scopes = {"okta.users.read"},
                                 .granted_scopes = {fmt::format("{}.scope", name)},
                                 .obtained_at = clock_.now() - hours{1} + remaining,
                                 .expires_at = clock_.now() + remaining}));
  }
  std::string stored_refresh(std::string_view grant) {
    const auto stored = store_.load(key(grant));
    return stored && *stored ? (*stored)->refresh_token.reveal() : "(none)";
  }

  core::FakeClock clock_;
  MemoryTokenStore store_;
  Bench bench_{clock_};
};

TEST_F(PersonTokensTest, PrefersTheLoginMadeInTheBrowser) {
  save(kDeviceCode, "device");
  save(kAuthorizationCode, "browser");
  const auto tokens = make();
  EXPECT_EQ(tokens->method(), "authorization code");
  EXPECT_THAT(tokens->granted_scopes().value(), ElementsAre("browser.scope"));
  EXPECT_EQ(value(tokens->token({})), "browser-access-s3cr3t");
  tokens->begin({});
  ASSERT_TRUE(bench_.ended());
  EXPECT_THAT(bench_.signed_in, ElementsAre(ElementsAre("browser.scope")));
  EXPECT_EQ(bench_.http.count(), 0u);
}

TEST_F(PersonTokensTest, UsesTheDeviceLoginWhereThereIsNoOther) {
  save(kDeviceCode, "device");
  const auto tokens = make();
  EXPECT_EQ(value(tokens->token({})), "device-access-s3cr3t");
  EXPECT_EQ(tokens->method(), "device authorization grant");
  EXPECT_THAT(tokens->granted_scopes().value(), ElementsAre("device.scope"));
  // A login in use stays in use: who acts does not change between two calls.
  save(kAuthorizationCode, "browser");
  EXPECT_EQ(value(tokens->token({})), "device-access-s3cr3t");
  EXPECT_EQ(tokens->method(), "device authorization grant");
  EXPECT_EQ(value(make()->token({})), "browser-access-s3cr3t");
}

TEST_F(PersonTokensTest, RefreshesTheBrowserLoginWithRotation) {
  save(kAuthorizationCode, "browser", seconds{-1});
  bench_.org.poll = {token_answer("access-2-s3cr3t", "refresh-2-s3cr3t"),
                     token_answer("access-3-s3cr3t", "refresh-3-s3cr3t")};
  const auto tokens = make();
  const auto other = make();
  EXPECT_EQ(value(tokens->token({})), "access-2-s3cr3t");
  EXPECT_EQ(stored_refresh(kAuthorizationCode), "refresh-2-s3cr3t");
  EXPECT_EQ(value(other->token({})), "access-2-s3cr3t") << "taken from the store, not refreshed again";
  EXPECT_EQ(bench_.http.count(), 1u);
  clock_.advance(hours{2});
  EXPECT_EQ(value(other->token({})), "access-3-s3cr3t");
  EXPECT_EQ(test::field(bench_.http.requests().at(1), "refresh_token"), "refresh-2-s3cr3t");
}

TEST_F(PersonTokensTest, RefreshesAfterARejection) {
  save(kAuthorizationCode, "browser");
  bench_.org.poll = {token_answer("access-2-s3cr3t", "refresh-2-s3cr3t")};
  const auto tokens = make();
  const auto first = tokens->token({});
  ASSERT_TRUE(first);
  tokens->reject(**first);
  EXPECT_EQ(value(tokens->token({})), "access-2-s3cr3t");
}

TEST_F(PersonTokensTest, DropsALoginThatHasEndedAndHandsOverToTheDeviceGrant) {
  test::LogCapture log;
  save(kAuthorizationCode, "browser", seconds{-1});
  bench_.org.poll = {refusal(400, "invalid_grant", "The refresh token browser-refresh-s3cr3t is expired.")};
  bench_.org.authorize = {test::json(200, device_body())};
  const auto tokens = make();
  const auto ended = tokens->token({});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, "oauth.login_ended");
  EXPECT_EQ(ended.error().kind, core::ErrorKind::unauthenticated);
  EXPECT_THAT(ended.error().message, HasSubstr("stored login has ended"));
  EXPECT_THAT(ended.error().hint, HasSubstr("login --browser"));
  EXPECT_EQ(stored_refresh(kAuthorizationCode), "(none)");
  const auto next = tokens->token({});
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code, "oauth.login_pending");
  EXPECT_EQ(tokens->method(), "device authorization grant");
  EXPECT_EQ(bench_.http.count(), 2u) << "one refresh, one device authorization";
  EXPECT_THAT(test::everything(ended.error()) + log.text(), Not(HasSubstr(kMark)));
}

TEST_F(PersonTokensTest, AsksThePersonEarlyWhenTheLoginEndsBeforeItsToken) {
  save(kAuthorizationCode, "browser", minutes{3});
  bench_.org.poll = {refusal(400, "invalid_grant", "The refresh token is invalid or expired."),
                     token_answer("device-1-s3cr3t", "device-2-s3cr3t")};
  bench_.org.authorize = {test::json(200, device_body())};
  const auto tokens = make();
  EXPECT_EQ(value(tokens->token({})), "browser-access-s3cr3t");  // good for three minutes yet
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  EXPECT_EQ(value(tokens->token({})), "browser-access-s3cr3t");
  // The old login does not end the new sign-in.
  clock_.advance(seconds{5});
  ASSERT_TRUE(bench_.ended());
  EXPECT_THAT(bench_.signed_in, SizeIs(1));
  clock_.advance(minutes{3});
  EXPECT_EQ(value(tokens->token({})), "device-1-s3cr3t");
}

TEST_F(PersonTokensTest, KeepsTheLoginThroughPassingTrouble) {
  save(kAuthorizationCode, "browser", seconds{-1});
  const auto tokens = make();
  bench_.org.poll = {network_failure("net.timeout"), refusal(503, "temporarily_unavailable"),
                     refusal(429, "invalid_grant", "API call exceeded rate limit due to too many requests."),
                     token_answer("access-2-s3cr3t", "refresh-2-s3cr3t")};
  EXPECT_EQ(value(tokens->token({})), "error net.timeout");
  EXPECT_EQ(value(tokens->token({})), "error oauth.temporarily_unavailable");
  EXPECT_EQ(value(tokens->token({})), "error oauth.rate_limited");
  EXPECT_EQ(value(tokens->token({})), "access-2-s3cr3t");
  EXPECT_THAT(bench_.prompts, IsEmpty());
}

TEST_F(PersonTokensTest, ADeviceSignInGivesWayToABrowserLoginMadeElsewhere) {
  bench_.org.authorize = {test::json(200, device_body())};
  const auto tokens = make();
  EXPECT_EQ(value(tokens->token({})), "error oauth.login_pending");
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  save(kAuthorizationCode, "browser");
  EXPECT_EQ(value(tokens->token({})), "browser-access-s3cr3t") << "at once, for who asks";
  clock_.advance(seconds{5});
  ASSERT_TRUE(bench_.ended());
  EXPECT_THAT(bench_.signed_in, ElementsAre(ElementsAre("browser.scope")));
  EXPECT_THAT(bench_.failed, IsEmpty());
  EXPECT_EQ(bench_.http.count(), 1u) << "the org was not polled any more";
}

TEST_F(PersonTokensTest, BeginsWithLinkAndCodeWhereThereIsNoLogin) {
  bench_.org.authorize = {test::json(200, device_body())};
  const auto tokens = make();
  tokens->begin({});
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  EXPECT_THAT(bench_.prompts, SizeIs(1));
}

TEST_F(PersonTokensTest, BeginsWithLinkAndCodeAfterALoginThatHasEnded) {
  save(kAuthorizationCode, "browser", seconds{-1});
  bench_.org.poll = {refusal(400, "invalid_grant", "The refresh token is invalid or expired.")};
  bench_.org.authorize = {test::json(200, device_body())};
  const auto tokens = make();
  tokens->begin({});
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  EXPECT_THAT(bench_.prompts, SizeIs(1));
  EXPECT_THAT(bench_.failed, IsEmpty());
}

TEST_F(PersonTokensTest, ReportsWhatKeepsItFromBeginning) {
  save(kAuthorizationCode, "browser", seconds{-1});
  bench_.org.poll = {network_failure("net.timeout")};
  const auto tokens = make();
  tokens->begin({});
  ASSERT_THAT(bench_.failed, SizeIs(1));
  EXPECT_EQ(bench_.failed.front().code, "net.timeout");
}

TEST_F(PersonTokensTest, ALoginWithoutRefreshTokenEndsWithItsAccessToken) {
  save(kAuthorizationCode, "browser");
  ASSERT_TRUE(store_.save(key(kAuthorizationCode), {.access_token = core::Secret("short-s3cr3t"),
                                                    .scopes = {"okta.users.read"},
                                                    .obtained_at = clock_.now(),
                                                    .expires_at = clock_.now() + minutes{10}}));
  bench_.org.authorize = {test::json(200, device_body())};
  const auto tokens = make();
  EXPECT_EQ(value(tokens->token({})), "short-s3cr3t");
  clock_.advance(minutes{9} + seconds{30});
  EXPECT_EQ(value(tokens->token({})), "error oauth.login_pending");
}

}  // namespace
}  // namespace oauth
