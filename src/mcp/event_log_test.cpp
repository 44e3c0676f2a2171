#include "mcp/event_log.h"

#include <gtest/gtest.h>
#include <vector>

#include "mcp/sse.h"

namespace mcp {
namespace {

constexpr core::SteadyTime kStart{};

std::vector<std::string> replayed(const EventLog& log, EventPosition after) {
  std::vector<std::string> frames;
  log.replay(after, [&](const EventPosition&, const std::string& frame) { frames.push_back(frame); });
  return frames;
}

using Frames = std::vector<std::string>;

struct LogTest : ::testing::Test {
  std::shared_ptr<EventPool> pool = std::make_shared<EventPool>(1000);
  EventPosition keep(EventLog& log, std::uint64_t stream, std::string frame, core::SteadyTime now = kStart) {
    EventPosition position = log.next(stream);
    log.keep(position, now, std::move(frame));
    return position;
  }
};

TEST(Sse, FramesEachLineOfItsData) {
  struct Row {
    SseEvent event;
    std::string_view text;
  };
  const Row rows[] = {
      {{.event = "message", .id = {}, .retry = {}, .data = "{}"}, "event: message\ndata: {}\n\n"},
      {{.event = {}, .id = "a-1-2", .retry = std::chrono::milliseconds{500}, .data = {}},
       "id: a-1-2\nretry: 500\ndata: \n\n"},
      {{.event = {}, .id = {}, .retry = {}, .data = "a\nb\r\nc\rd"},
       "data: a\ndata: b\ndata: c\ndata: d\n\n"},
      {{.event = {}, .id = {}, .retry = {}, .data = "a\n"}, "data: a\ndata: \n\n"},
      {{.event = {}, .id = {}, .retry = {}, .data = "\n\nevent: forged"},
       "data: \ndata: \ndata: event: forged\n\n"},
  };
  for (const Row& row : rows) EXPECT_EQ(write_sse(row.event), row.text);
}

TEST_F(LogTest, ReplaysOneStreamFromWhereItBroke) {
  EventLog log({}, "log", pool);
  keep(log, 1, "a");
  EventPosition second = keep(log, 1, "b");
  keep(log, 2, "other");
  keep(log, 1, "c");
  EXPECT_EQ(replayed(log, {1, 0}), (Frames{"a", "b", "c"}));
  EXPECT_EQ(replayed(log, second), Frames{"c"});
  EXPECT_EQ(replayed(log, {2, 0}), Frames{"other"});
  EXPECT_EQ(replayed(log, {3, 0}), Frames{});
  log.drop_stream(1);
  EXPECT_FALSE(log.holds(1));
  EXPECT_TRUE(log.holds(2));
  EXPECT_EQ(pool->used, 5u);
}

TEST_F(LogTest, KnowsItsOwnIdsOnly) {
  EventLog log({}, "log", pool);
  EventPosition position = keep(log, 7, "x");
  std::string id = log.id(position);
  EXPECT_EQ(id, "log-7-1");
  auto parsed = log.parse(id);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->stream, 7u);
  EXPECT_EQ(parsed->event, 1u);
  for (const char* foreign : {"", "log", "log-7", "log-7-", "log--1", "log-7-2", "log-7-1x", "gol-7-1",
                              "log7-1", "log-7--1", "log-7-18446744073709551616", "log-7-1-1"}) {
    EXPECT_FALSE(log.parse(foreign).has_value()) << foreign;
  }
}

TEST_F(LogTest, DropsTheOldestBeyondItsLimits) {
  EventLog log({.events = 3, .bytes = 10, .age = std::chrono::seconds{60}}, "log", pool);
  for (const char* frame : {"1", "2", "3", "4"}) keep(log, 1, frame);
  EXPECT_EQ(replayed(log, {1, 0}), (Frames{"2", "3", "4"}));
  keep(log, 1, "123456789");
  EXPECT_EQ(replayed(log, {1, 0}), (Frames{"4", "123456789"}));
  keep(log, 1, "12345678901");  // larger than all it may hold
  EXPECT_EQ(log.size(), 2u);
  EXPECT_EQ(log.bytes(), 10u);
  keep(log, 1, "later", kStart + std::chrono::seconds{30});
  log.drop_old(kStart + std::chrono::seconds{60});
  EXPECT_EQ(replayed(log, {1, 0}), Frames{"later"});
  EXPECT_EQ(pool->used, 5u);
}

TEST_F(LogTest, AllLogsTogetherStayWithinThePool) {
  pool = std::make_shared<EventPool>(10);
  EventLog one({}, "one", pool);
  {
    EventLog two({}, "two", pool);
    keep(one, 1, "123456");
    keep(two, 1, "1234");
    keep(two, 1, "12");  // pays with its own
    EXPECT_EQ(replayed(two, {1, 0}), Frames{"12"});
    EXPECT_EQ(replayed(one, {1, 0}), Frames{"123456"});
    keep(two, 1, "12345");  // does not fit whatever goes
    EXPECT_EQ(two.size(), 0u);
    EXPECT_EQ(pool->used, 6u);
    keep(two, 1, "1234");
    EXPECT_EQ(pool->used, 10u);
  }
  EXPECT_EQ(pool->used, 6u);
}

}  // namespace
}  // namespace mcp
