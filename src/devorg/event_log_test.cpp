#include "devorg/event_log.h"

#include <gtest/gtest.h>

#include "devorg/org.h"

namespace devorg {
namespace {

boost::json::object event(int number) {
  return {{"eventType", "test"}, {"number", number}};
}

TEST(EventLogTest, KeepsTheLatestAndItsPositions) {
  const Org org;
  EventLog log;
  constexpr int kAll = static_cast<int>(EventLog::kLiveEvents) + 10;
  for (int i = 0; i < kAll; ++i) log.append(i * 1000, event(i));
  EXPECT_EQ(log.size(), static_cast<std::size_t>(kAll));
  EXPECT_FALSE(log.has(9));
  EXPECT_TRUE(log.has(10));
  EXPECT_FALSE(log.has(kAll));
  // A position means the same event for as long as it is kept.
  EXPECT_EQ(log.read(org, 10).at("number").as_int64(), 10);
  EXPECT_EQ(log.read(org, kAll - 1).at("number").as_int64(), kAll - 1);
  EXPECT_EQ(log.published(4711), 4'711'000);
  EXPECT_EQ(log.type(4711), "test");
  EXPECT_EQ(log.first_at(0), 10u);
  EXPECT_EQ(log.first_at(11'500), 12u);
  EXPECT_EQ(log.first_at(INT64_MAX), log.size());
}

TEST(EventLogTest, AnEmptyLogHasNothing) {
  const EventLog log;
  EXPECT_EQ(log.size(), 0u);
  EXPECT_EQ(log.first_at(0), 0u);
  EXPECT_FALSE(log.has(0));
}

}  // namespace
}  // namespace devorg
