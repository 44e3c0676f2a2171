#include "core/grace_stop.h"

#include <gtest/gtest.h>

namespace core {
namespace {

TEST(GraceStop, FollowsTheOriginal) {
  std::stop_source original;
  GraceStop grace(original.get_token(), std::chrono::milliseconds(1));
  EXPECT_FALSE(grace.token().stop_requested());
  original.request_stop();
  while (!grace.token().stop_requested()) std::this_thread::yield();
}

TEST(GraceStop, IsNotHurried) {
  std::stop_source original;
  original.request_stop();
  GraceStop grace(original.get_token(), std::chrono::hours(1));
  EXPECT_FALSE(grace.token().stop_requested());
}  // and ends without waiting for the hour

}  // namespace
}  // namespace core
