#include "mcp/caller_limits.h"

#include <gtest/gtest.h>

#include "mcp/test_resource_server.h"

namespace mcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(CallerLimits, ABurstAndThenOneAtATime) {
  core::FakeClock clock;
  CallerLimits limits({.requests_per_minute = 60, .burst = 3}, clock);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limits.refuse("a")) << i;
  const auto refused = limits.refuse("a");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->headers.get("Retry-After"), "1");
  EXPECT_EQ(test::error_of(*refused), "rate_limited");
  EXPECT_EQ(test::all_of(*refused).find("WWW-Authenticate"), std::string::npos);
  // Nobody else pays for it.
  EXPECT_FALSE(limits.refuse("b"));
  // Asking while there is nothing left costs nothing.
  clock.advance(milliseconds{900});
  EXPECT_TRUE(limits.refuse("a"));
  clock.advance(milliseconds{100});
  EXPECT_FALSE(limits.refuse("a"));
  EXPECT_TRUE(limits.refuse("a"));
  // A pause fills the bucket, and no more than that.
  clock.advance(seconds{3600});
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limits.refuse("a")) << i;
  EXPECT_TRUE(limits.refuse("a"));
}

TEST(CallerLimits, RetryAfterIsWhenTheNextOnePasses) {
  core::FakeClock clock;
  CallerLimits limits({.requests_per_minute = 4, .burst = 1}, clock);
  EXPECT_FALSE(limits.refuse("a"));
  EXPECT_EQ(limits.refuse("a")->headers.get("Retry-After"), "15");
  clock.advance(milliseconds{5'500});
  EXPECT_EQ(limits.refuse("a")->headers.get("Retry-After"), "10");
  clock.advance(seconds{10});
  EXPECT_FALSE(limits.refuse("a"));
}

TEST(CallerLimits, KnowsSoManyCallers) {
  core::FakeClock clock;
  CallerLimits limits({.requests_per_minute = 60, .burst = 1, .callers = 2}, clock);
  EXPECT_FALSE(limits.refuse("a"));
  EXPECT_FALSE(limits.refuse("b"));
  EXPECT_TRUE(limits.refuse("a"));
  EXPECT_FALSE(limits.refuse("c"));  // b was quiet longest
  EXPECT_EQ(limits.callers(), 2u);
  EXPECT_TRUE(limits.refuse("a"));
  EXPECT_FALSE(limits.refuse("b"));
}

TEST(CallerLimits, ZeroIsNoLimit) {
  core::FakeClock clock;
  CallerLimits limits({.requests_per_minute = 0, .burst = 1}, clock);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limits.refuse("a"));
  EXPECT_EQ(limits.callers(), 0u);
  CallerLimits tiny({.requests_per_minute = 60, .burst = 0, .callers = 0}, clock);
  EXPECT_FALSE(tiny.refuse("a"));
  EXPECT_TRUE(tiny.refuse("a"));
}

}  // namespace
}  // namespace mcp
