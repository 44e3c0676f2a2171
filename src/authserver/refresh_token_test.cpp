#include "authserver/refresh_token.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "authserver/test_server.h"

namespace authserver {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kOffline = "openid offline_access okta.users.read okta.groups.read";
constexpr const char* kBadRefresh = "invalid_grant: The refresh token is invalid or expired.";

TEST(RefreshGrant, RotatesAndKeepsTheGrant) {
  TestServer test;
  auto first = test.signed_in(kOffline);
  test.clock.advance(seconds{3600});
  EXPECT_EQ(test.verify(first.text("access_token")), "oauth.jwt.expired");
  auto second = test.refresh(first.text("refresh_token"));
  ASSERT_EQ(second.outcome(), "ok");
  EXPECT_EQ(second.text("scope"), kOffline);
  EXPECT_NE(second.text("refresh_token"), first.text("refresh_token"));
  EXPECT_EQ(test.verify(second.text("access_token")), "ok");
  EXPECT_FALSE(second.text("id_token").empty());

  auto narrowed = test.refresh(second.text("refresh_token"), "okta.users.read");
  ASSERT_EQ(narrowed.outcome(), "ok");
  EXPECT_EQ(narrowed.text("scope"), "okta.users.read");
  EXPECT_FALSE(narrowed.body.contains("id_token"));
  EXPECT_EQ(test.refresh(narrowed.text("refresh_token")).text("scope"), kOffline)
      << "the grant itself was not narrowed";
}

TEST(RefreshGrant, ScopesNeverGrantedAreRefusedAndUseNothingUp) {
  TestServer test;
  auto first = test.signed_in(kOffline);
  EXPECT_EQ(
      test.refresh(first.text("refresh_token"), "okta.users.manage").outcome(),
      "access_denied: Some of the scopes requested for the refresh request were not granted in the original "
      "authorize request. Denied scopes: okta.users.manage.");
  EXPECT_EQ(test.refresh(first.text("refresh_token")).outcome(), "ok");
}

TEST(RefreshGrant, ReuseRevokesTheWholeFamily) {
  TestServer test;
  test.server.settings.refresh_grace = seconds{0};
  auto first = test.signed_in(kOffline);
  auto unrelated = test.signed_in(kOffline);
  auto second = test.refresh(first.text("refresh_token"));
  auto third = test.refresh(second.text("refresh_token"));
  ASSERT_EQ(third.outcome(), "ok");
  EXPECT_EQ(test.refresh(first.text("refresh_token")).outcome(), kBadRefresh);
  EXPECT_EQ(test.refresh(third.text("refresh_token")).outcome(), kBadRefresh) << "the newest dies as well";
  for (const Answer& answer : {first, second, third}) {
    EXPECT_EQ(test.verify(answer.text("access_token")), "authserver.access_token_revoked");
  }
  EXPECT_EQ(test.verify(unrelated.text("access_token")), "ok");
  EXPECT_EQ(test.refresh(unrelated.text("refresh_token")).outcome(), "ok");
}

TEST(RefreshGrant, WithoutGraceSimultaneousUseIsReuse) {
  TestServer test;
  test.server.settings.refresh_grace = seconds{0};
  auto first = test.signed_in(kOffline);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { good += test.refresh(first.text("refresh_token")).status == 200; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 1);
  EXPECT_EQ(test.verify(first.text("access_token")), "authserver.access_token_revoked");
}

TEST(RefreshGrant, EndsByItself) {
  TestServer test;
  auto first = test.signed_in(kOffline);
  test.clock.advance(std::chrono::hours{24 * 7});
  EXPECT_EQ(test.refresh(first.text("refresh_token")).outcome(), kBadRefresh) << "unused for a week";
  auto used = test.signed_in(kOffline);
  for (int day = 0; day < 90; day += 5) {
    ASSERT_EQ(used.outcome(), "ok") << day;
    test.clock.advance(std::chrono::hours{24 * 5});
    used = test.refresh(used.text("refresh_token"));
  }
  EXPECT_EQ(used.outcome(), kBadRefresh) << "90 days after the sign-in";
}

TEST(RefreshGrant, BelongsToItsClientAndToAnActivePerson) {
  TestServer test;
  auto first = test.signed_in(kOffline);
  auto other = test.token({{"grant_type", "refresh_token"},
                           {"client_id", "0oaPost"},
                           {"client_secret", "posted"},
                           {"refresh_token", first.text("refresh_token")}});
  EXPECT_EQ(other.outcome(), kBadRefresh);
  EXPECT_EQ(test.refresh("guess").outcome(), kBadRefresh);
  EXPECT_EQ(test.refresh("").outcome(),
            "invalid_request: The required parameter 'refresh_token' is missing.");
  test.alice_is_active = false;
  EXPECT_EQ(test.refresh(first.text("refresh_token")).outcome(), kBadRefresh);
  test.alice_is_active = true;
  EXPECT_EQ(test.refresh(first.text("refresh_token")).outcome(), "ok");
}

TEST(RefreshGrant, ARotatedTokenIsGoodForALittleLonger) {
  TestServer test;
  auto first = test.signed_in(kOffline);
  auto second = test.refresh(first.text("refresh_token"));
  ASSERT_EQ(second.outcome(), "ok");
  test.clock.advance(milliseconds{29'999});
  auto again = test.refresh(first.text("refresh_token"));
  ASSERT_EQ(again.outcome(), "ok") << "the answer got lost";
  EXPECT_NE(again.text("refresh_token"), second.text("refresh_token"));
  EXPECT_EQ(test.verify(second.text("access_token")), "ok");

  // The thirty seconds count from the first use, not from the last.
  test.clock.advance(milliseconds{1});
  EXPECT_EQ(test.refresh(first.text("refresh_token")).outcome(), kBadRefresh);
  for (const Answer& answer : {second, again}) {
    EXPECT_EQ(test.refresh(answer.text("refresh_token")).outcome(), kBadRefresh);
    EXPECT_EQ(test.verify(answer.text("access_token")), "authserver.access_token_revoked");
  }
}

TEST(RefreshGrant, WithinTheGraceManyMayAskAtOnce) {
  TestServer test;
  auto first = test.signed_in(kOffline);
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { good += test.refresh(first.text("refresh_token")).status == 200; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
  EXPECT_EQ(test.verify(first.text("access_token")), "ok");
}

TEST(RefreshGrant, SigningOutWithTheTokenBeforeEndsTheSignIn) {
  TestServer test;
  auto first = test.signed_in(kOffline);
  auto second = test.refresh(first.text("refresh_token"));
  test.clock.advance(seconds{60});
  EXPECT_EQ(revocation_endpoint(test.server, form_request({{"client_id", "0oaDevice"},
                                                           {"token", first.text("refresh_token")}}))
                .status,
            200);
  EXPECT_EQ(test.verify(second.text("access_token")), "authserver.access_token_revoked");
  EXPECT_EQ(test.refresh(second.text("refresh_token")).outcome(), kBadRefresh);
}

}  // namespace
}  // namespace authserver
