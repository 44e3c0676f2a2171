#include "rest/rate_limiter.h"

#include <gtest/gtest.h>

namespace rest {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RateLimiterTest, CountsDownAndRefusesUntilTheWindowEnds) {
  core::FakeClock clock;
  RateLimiter limiter({.otherwise = 100, .named = {{"/api/v1/users", 2}}}, clock);
  const auto reset = core::to_unix_seconds(clock.now()) + 60;

  auto first = limiter.take("/api/v1/users");
  EXPECT_TRUE(first.allowed);
  EXPECT_EQ(first.limit, 2u);
  EXPECT_EQ(first.remaining, 1u);
  EXPECT_EQ(first.reset, reset);
  clock.advance(seconds(30));
  EXPECT_EQ(limiter.take("/api/v1/users").remaining, 0u);
  const auto refused = limiter.take("/api/v1/users");
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 0u);
  EXPECT_EQ(refused.reset, reset);

  clock.advance(seconds(30) - milliseconds(1));
  EXPECT_FALSE(limiter.take("/api/v1/users").allowed);
  clock.advance(milliseconds(1));
  const auto next = limiter.take("/api/v1/users");
  EXPECT_TRUE(next.allowed);
  EXPECT_EQ(next.remaining, 1u);
  EXPECT_EQ(next.reset, reset + 60);
}

TEST(RateLimiterTest, BucketsAreCountedApart) {
  core::FakeClock clock;
  RateLimiter limiter({.otherwise = 1}, clock);
  EXPECT_TRUE(limiter.take("/api/v1/users").allowed);
  EXPECT_TRUE(limiter.take("/api/v1/groups").allowed);
  EXPECT_FALSE(limiter.take("/api/v1/users").allowed);
}

TEST(RateLimiterTest, ASmallerLimitHoldsAtOnce) {
  core::FakeClock clock;
  RateLimiter limiter({.otherwise = 10}, clock);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(limiter.take("b").allowed);
  limiter.set("b", 3);
  const auto verdict = limiter.take("b");
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.remaining, 0u);
}

TEST(RateLimiterTest, WritesOktasHeaders) {
  net::Headers headers;
  RateLimiter::Verdict{.allowed = true, .limit = 600, .remaining = 599, .reset = 1598552103}.write(headers);
  EXPECT_EQ(headers.get("X-Rate-Limit-Limit"), "600");
  EXPECT_EQ(headers.get("X-Rate-Limit-Remaining"), "599");
  EXPECT_EQ(headers.get("X-Rate-Limit-Reset"), "1598552103");
}

}  // namespace
}  // namespace rest
