#include "core/clock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

namespace core {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

WallTime at(std::int64_t ms) {
  return WallTime{milliseconds{ms}};
}

TEST(Clock, PrintsTimesAsOktaDoes) {
  EXPECT_EQ(to_rfc3339(at(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(at(1'795'302'060'007)), "2026-11-21T23:01:00.007Z");
  EXPECT_EQ(to_rfc3339(at(-1)), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(at(951'782'400'000)), "2000-02-29T00:00:00.000Z");
}

TEST(Clock, ReadsRfc3339) {
  struct Case {
    std::string_view text;
    std::string_view same_as;
  };
  for (const auto& [text, same_as] : std::initializer_list<Case>{
           {"2026-11-21T23:01:00.000Z", "2026-11-21T23:01:00.000Z"},
           {"2026-11-21T23:01:00Z", "2026-11-21T23:01:00.000Z"},
           {"2026-11-21t23:01:00z", "2026-11-21T23:01:00.000Z"},
           {"2026-11-21 23:01:00Z", "2026-11-21T23:01:00.000Z"},
           {"2026-11-21T23:01Z", "2026-11-21T23:01:00.000Z"},
           {"2026-11-21", "2026-11-21T00:00:00.000Z"},
           {"2026-11-21T23:01:00.5Z", "2026-11-21T23:01:00.500Z"},
           {"2026-11-21T23:01:00,25Z", "2026-11-21T23:01:00.250Z"},
           {"2026-11-21T23:01:00.123456789Z", "2026-11-21T23:01:00.123Z"},
           {"2026-11-22T00:31:00+01:30", "2026-11-21T23:01:00.000Z"},
           {"2026-11-21T18:01:00-0500", "2026-11-21T23:01:00.000Z"},
           {"2026-11-22T01:01:00+02", "2026-11-21T23:01:00.000Z"},
           {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"},
           {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"},  // a leap second becomes the next one
       }) {
    auto time = parse_rfc3339(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_rfc3339(*time), same_as) << text;
  }
}

TEST(Clock, RefusesWhatIsNoTime) {
  for (std::string_view text : {"",
                                "now-ish",
                                "2026",
                                "2026-11",
                                "2026-13-01",
                                "2026-00-10",
                                "2026-02-29",
                                "2026-11-31",
                                "26-11-21",
                                "+026-11-21",
                                "-026-11-21",
                                "2026-11-21T",
                                "2026-11-21T23",
                                "2026-11-21T24:00:00Z",
                                "2026-11-21T23:60:00Z",
                                "2026-11-21T23:01:61Z",
                                "2026-11-21T23:01:00",  // whose clock? A zone is required
                                "2026-11-21T23:01:00.Z",
                                "2026-11-21T23:01:00Zz",
                                "2026-11-21T23:01:00+24:00",
                                "2026-11-21T23:01:00+01:60",
                                "2026-11-21T23:01:00+1",
                                "2026-11-21T-1:01:00Z",
                                " 2026-11-21"}) {
    auto time = parse_rfc3339(text);
    ASSERT_FALSE(time) << text;
    EXPECT_EQ(time.error().kind, ErrorKind::invalid_input);
    EXPECT_EQ(time.error().code, "core.time");
    EXPECT_THAT(time.error().hint, testing::HasSubstr("90d"));
  }
}

TEST(Clock, ReadsSpansBackFromNow) {
  const WallTime now = parse_rfc3339("2026-11-21T12:00:00Z").value();
  struct Case {
    std::string_view text;
    std::string_view same_as;
  };
  for (const auto& [text, same_as] :
       std::initializer_list<Case>{{"now", "2026-11-21T12:00:00.000Z"},
                                   {"45s", "2026-11-21T11:59:15.000Z"},
                                   {"30m", "2026-11-21T11:30:00.000Z"},
                                   {"12h", "2026-11-21T00:00:00.000Z"},
                                   {"90d", "2026-08-23T12:00:00.000Z"},
                                   {"4w", "2026-10-24T12:00:00.000Z"},
                                   {"0d", "2026-11-21T12:00:00.000Z"},
                                   {"2026-11-20", "2026-11-20T00:00:00.000Z"}}) {
    auto time = parse_time(text, now);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(to_rfc3339(*time), same_as) << text;
  }
  for (std::string_view text :
       {"", "d", "-5m", "5", "5 m", "5M", "5y", "1.5h", "99999999999999999999d", "5mm"}) {
    EXPECT_FALSE(parse_time(text, now)) << text;
  }
}

TEST(Clock, ReadsAndPrintsHttpDates) {
  auto time = parse_http_date("Sat, 21 Nov 2026 23:01:00 GMT");
  ASSERT_TRUE(time);
  EXPECT_EQ(to_rfc3339(*time), "2026-11-21T23:01:00.000Z");
  EXPECT_EQ(to_http_date(*time), "Sat, 21 Nov 2026 23:01:00 GMT");
  EXPECT_EQ(to_http_date(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
  for (std::string_view text :
       {"", "Sat", "Sat, 21 Nov 2026 23:01:00", "Sat, 21 Nov 2026 23:01:00 CET",
        "Sat, 21 Nox 2026 23:01:00 GMT", "Sat, 31 Feb 2026 23:01:00 GMT", "Sat, 21 Nov 2026 99:01:00 GMT",
        "Sat, 21 Nov 2026 23:61:00 GMT", "Saturday, 21-Nov-26 23:01:00 GMT", "Sat, 21 N",
        "Sat, 21 Nov 2026 23:01:00 GMT "}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

TEST(Clock, CountsUnixSecondsDownwards) {
  EXPECT_EQ(to_unix_seconds(at(1999)), 1);
  EXPECT_EQ(to_unix_seconds(at(-1)), -1);
}

TEST(FakeClock, MovesBothTimesOnlyWhenTold) {
  FakeClock clock(at(5000));
  const auto steady = clock.steady();
  EXPECT_EQ(clock.now(), at(5000));
  clock.advance(milliseconds{1500});
  EXPECT_EQ(clock.now(), at(6500));
  EXPECT_EQ(clock.steady() - steady, milliseconds{1500});
}

TEST(FakeClock, ReleasesAWaiterAtItsTimeAndNotBefore) {
  FakeClock clock;
  const auto when = clock.steady() + seconds{10};
  bool result = false;
  {
    std::jthread waiter([&] { result = clock.wait_until(when, {}); });
    while (clock.waiters() == 0) std::this_thread::yield();
    clock.advance(seconds{9});
    EXPECT_EQ(clock.waiters(), 1);
    clock.advance(seconds{1});
  }
  EXPECT_TRUE(result);
  EXPECT_EQ(clock.waiters(), 0);
}

TEST(FakeClock, AStopRequestEndsTheWait) {
  FakeClock clock;
  bool result = true;
  {
    std::jthread waiter(
        [&](std::stop_token stop) { result = clock.wait_until(SteadyTime::max(), std::move(stop)); });
    while (clock.waiters() == 0) std::this_thread::yield();
  }
  EXPECT_FALSE(result);
}

TEST(SystemClock, WaitsUntilItsTimeOrAStop) {
  Clock& clock = system_clock();
  EXPECT_TRUE(clock.wait_until(clock.steady() - seconds{1}, {}));
  const auto soon = clock.steady() + milliseconds{2};
  EXPECT_TRUE(clock.wait_until(soon, {}));
  EXPECT_GE(clock.steady(), soon);

  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(clock.wait_until(SteadyTime::max(), stop.get_token()));
}

}  // namespace
}  // namespace core
