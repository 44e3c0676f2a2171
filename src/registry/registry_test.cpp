#include "registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "registry/test_store.h"

namespace registry {
namespace {

using std::chrono::hours;
using testing::IsSupersetOf;

class RegistryTest : public test::ServiceFixture {};

// Whatever of it was done when the node stopped, it is due again in time.
TEST_F(RegistryTest, ItsStartSchedulesWhatRecurs) {
  auto registry = Registry::create(service_);
  ASSERT_TRUE(registry) << core::describe(registry.error());
  ASSERT_TRUE((*registry)->start());
  (*registry)->stop();
  clock().advance(hours{24});
  std::set<std::string> due;
  for (;;) {
    const auto work = store().claim("node-2", hours{1});
    ASSERT_TRUE(work) << core::describe(work.error());
    if (!*work) break;
    due.insert((*work)->id);
  }
  EXPECT_THAT(due, IsSupersetOf({"schedule/all", "reseal/all", "sts-sweep/all"}));
}

TEST_F(RegistryTest, RefusesALeaseThatIsTooShort) {
  const auto registry = Registry::create(service_, {.work_lease = std::chrono::milliseconds{999}});
  ASSERT_FALSE(registry);
  EXPECT_EQ(registry.error().code, "registry.worker.setting");
}

}  // namespace
}  // namespace registry
