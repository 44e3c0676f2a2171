#include "instances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/clock.h"
#include "core/scratch_directory.h"

namespace {

TEST(Instances, ChangeNothingUntilTheyHaveMet) {
  core::ScratchDirectory common, other;
  core::FakeClock clock;
  const std::string address = "https://mcp.example.com/mcp";
  const auto store = [&](const core::ScratchDirectory& directory) {
    return std::shared_ptr<core::StateStore>(core::directory_state(directory.path(), clock));
  };
  Instances first(store(common), address, "a 127.0.0.1:1");
  Instances apart(store(other), address, "b 127.0.0.1:2");
  Instances elsewhere(store(common), "https://other.example.com/mcp", "c 127.0.0.1:3");
  ASSERT_TRUE(apart.announce().has_value());
  ASSERT_TRUE(elsewhere.announce().has_value());

  auto refused = first.may_change();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "app.instances.apart");
  EXPECT_THAT(refused.error().message, testing::HasSubstr(address));
  Instances restarted(store(common), address, "a 127.0.0.1:1");
  EXPECT_FALSE(restarted.may_change().has_value()) << "the same one again is no other";

  Instances second(store(common), address, "b 127.0.0.1:2");
  EXPECT_TRUE(second.may_change().has_value());
  EXPECT_TRUE(first.may_change().has_value());
  clock.advance(std::chrono::hours{25});
  EXPECT_TRUE(first.may_change().has_value()) << "met is met";
  Instances late(store(common), address, "d 127.0.0.1:4");
  EXPECT_FALSE(late.may_change().has_value()) << "the others were not heard of for a day";
}

}  // namespace
