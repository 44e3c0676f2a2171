#include "okta/rate_governor.h"

#include <gmock/gmock.h>
#include <thread>

#include "okta/test_support.h"

namespace okta {
namespace {

using core::ErrorKind;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kUsers = "/api/v1/users";

struct Bench {
  explicit Bench(RateGovernor::Options options = {}) : governor(options, clock, random) {
    context.notifier = &progress;
  }

  core::Result<RateGovernor::Permit> admit(std::string_view bucket = kUsers) {
    return governor.admit(context, bucket, governor.give_up());
  }
  // An answer came back that said so; the server's clock is `ahead` of ours.
  void hear(std::int64_t limit, std::int64_t remaining, seconds reset_in, seconds ahead = seconds{0},
            std::string_view bucket = kUsers) {
    auto server_now = clock.now() + ahead;
    governor.learn(bucket, rate_headers(limit, remaining, server_now + reset_in, server_now));
  }

  LeapingClock clock;
  core::SeededRandom random{1};
  KeptProgress progress;
  core::Context context;
  RateGovernor governor;
};

TEST(RateGovernor, PacesBeforeTheWall) {
  struct Row {
    std::string_view name;
    int reserve_percent;
    std::int64_t limit, remaining;
    bool waits;
  };
  constexpr Row kRows[] = {
      {"plenty left", 10, 600, 500, false},
      {"one above the reserve", 10, 600, 61, false},
      {"at the reserve", 10, 600, 60, true},
      {"below the reserve", 10, 600, 3, true},
      {"nothing left", 10, 600, 0, true},
      {"no reserve, one left", 0, 600, 1, false},
      {"no reserve, nothing left", 0, 600, 0, true},
      {"small bucket", 10, 10, 2, false},
      {"small bucket at its reserve", 10, 10, 1, true},
      {"a bucket of one is usable", 90, 1, 1, false},
      {"big reserve", 90, 100, 90, true},
  };
  for (const auto& row : kRows) {
    Bench bench({.reserve_percent = row.reserve_percent});
    bench.hear(row.limit, row.remaining, seconds{30});
    ASSERT_TRUE(bench.admit()) << row.name;
    EXPECT_EQ(bench.clock.waited(), row.waits ? seconds{30} : seconds{0}) << row.name;
  }
}

TEST(RateGovernor, AdmitsWhatItKnowsNothingAbout) {
  Bench bench;
  EXPECT_TRUE(bench.admit());
  EXPECT_EQ(bench.clock.waited(), seconds{0});
  EXPECT_TRUE(bench.governor.state().empty());
}

TEST(RateGovernor, BucketsAreApart) {
  Bench bench;
  bench.hear(600, 0, seconds{30});
  EXPECT_TRUE(bench.admit("/api/v1/groups"));
  EXPECT_EQ(bench.clock.waited(), seconds{0});
}

TEST(RateGovernor, TheResetIsByTheServersClock) {
  for (auto ahead : {seconds{0}, seconds{3'600}, seconds{-3'600}}) {
    Bench bench;
    bench.hear(600, 0, seconds{20}, ahead);
    ASSERT_TRUE(bench.admit());
    EXPECT_EQ(bench.clock.waited(), seconds{20}) << ahead.count();
  }
}

TEST(RateGovernor, AfterItsWindowABucketIsFullAgain) {
  Bench bench;
  bench.hear(100, 0, seconds{20});
  bench.clock.advance(seconds{21});
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(bench.admit());
  EXPECT_EQ(bench.clock.waited(), seconds{0});
}

TEST(RateGovernor, RequestsInFlightCount) {
  Bench bench({.reserve_percent = 0});
  bench.hear(100, 2, seconds{40});
  auto first = bench.admit();
  auto second = bench.admit();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(bench.clock.waited(), seconds{0});
  core::Context hurried{.deadline = core::SteadyTime{}};
  EXPECT_FALSE(bench.governor.admit(hurried, kUsers, bench.governor.give_up()));
  // The third waits for news, not for the reset: one of the two comes back and says that there is more.
  std::jthread third([&] { EXPECT_TRUE(bench.admit()); });
  bench.hear(100, 80, seconds{100});
  third.join();
  EXPECT_EQ(bench.clock.waited(), seconds{0});
}

TEST(RateGovernor, AnswersOvertakeEachOther) {
  Bench bench({.reserve_percent = 0});
  bench.hear(600, 10, seconds{30});
  bench.hear(600, 25, seconds{30});  // sent earlier, came later
  EXPECT_EQ(bench.governor.state().at(kUsers).at("remaining"), 10);
  bench.hear(600, 500, seconds{1});  // of the window before
  EXPECT_EQ(bench.governor.state().at(kUsers).at("remaining"), 10);
  bench.hear(600, 599, seconds{60});  // a new window
  EXPECT_EQ(bench.governor.state().at(kUsers).at("remaining"), 599);
  bench.hear(1'000, 999, seconds{60});  // another counter
  EXPECT_EQ(bench.governor.state().at(kUsers).at("remaining"), 999);
}

TEST(RateGovernor, SenselessHeadersAreNotBelieved) {
  struct Row {
    std::string_view limit, remaining, reset;
  };
  constexpr Row kRows[] = {{"", "", ""},
                           {"600", "1", ""},
                           {"x", "1", "1800000010"},
                           {"600", "-1", "1800000010"},
                           {"600", "0", "1800000010000"},  // milliseconds
                           {"600", "0", "99999999999999999999"},
                           {"600", "0", "9223372036854775807"},
                           {"600", "0 ", "1800000010"}};
  for (const auto& row : kRows) {
    Bench bench;
    net::Headers headers{{"x-rate-limit-limit", std::string(row.limit)},
                         {"x-rate-limit-remaining", std::string(row.remaining)},
                         {"x-rate-limit-reset", std::string(row.reset)}};
    EXPECT_FALSE(bench.governor.learn(kUsers, headers))
        << row.limit << "/" << row.remaining << "/" << row.reset;
    EXPECT_TRUE(bench.admit());
    EXPECT_EQ(bench.clock.waited(), seconds{0});
  }
}

TEST(RateGovernor, TellsWhyItWaits) {
  Bench bench;
  bench.hear(600, 0, seconds{12});
  ASSERT_TRUE(bench.admit());
  EXPECT_THAT(bench.progress.kept(),
              testing::ElementsAre("waiting 12 s for Okta's rate limit on /api/v1/users",
                                   "waiting 7 s for Okta's rate limit on /api/v1/users",
                                   "waiting 2 s for Okta's rate limit on /api/v1/users"));
}

TEST(RateGovernor, RefusesWaitsThatAreTooLong) {
  Bench bench({.max_rate_wait = seconds{60}});
  bench.hear(600, 0, seconds{61});
  auto permit = bench.admit();
  ASSERT_FALSE(permit);
  EXPECT_EQ(permit.error().kind, ErrorKind::rate_limited);
  EXPECT_EQ(permit.error().code, "okta.rate_limited");
  // 1,800,000,000 + 61 seconds
  EXPECT_THAT(permit.error().message, HasSubstr("2027-01-15T08:01:01.000Z (61 s from now)"));
  EXPECT_THAT(permit.error().message, HasSubstr("/api/v1/users"));
  EXPECT_EQ(bench.clock.waited(), seconds{0});
}

TEST(RateGovernor, RefusesWaitsBeyondTheDeadline) {
  Bench bench;
  bench.hear(600, 0, seconds{30});
  bench.context.deadline = bench.clock.steady() + seconds{29};
  auto permit = bench.admit();
  ASSERT_FALSE(permit);
  EXPECT_EQ(permit.error().code, "okta.rate_limited");
  bench.context.deadline = bench.clock.steady() + seconds{31};
  EXPECT_TRUE(bench.admit());
}

TEST(RateGovernor, WaitsEndWhenTheCallIsCancelled) {
  core::FakeClock clock;
  core::SeededRandom random{1};
  RateGovernor governor({}, clock, random);
  governor.learn(kUsers, rate_headers(600, 0, clock.now() + seconds{30}, clock.now()));
  std::stop_source stop;
  core::Context context{.stop = stop.get_token()};
  std::jthread waiting([&] {
    auto permit = governor.admit(context, kUsers, governor.give_up());
    ASSERT_FALSE(permit);
    EXPECT_EQ(permit.error().kind, ErrorKind::cancelled);
    EXPECT_EQ(permit.error().code, "okta.cancelled");
  });
  while (clock.waiters() == 0) std::this_thread::yield();
  stop.request_stop();
}

TEST(RateGovernor, AFullHouseIsWaitedForAndCancelled) {
  core::FakeClock clock;
  core::SeededRandom random{1};
  RateGovernor governor({.max_concurrent = 2}, clock, random);
  std::optional<RateGovernor::Permit> first(*governor.admit({}, kUsers, governor.give_up()));
  auto second = governor.admit({}, kUsers, governor.give_up());
  ASSERT_TRUE(second);
  std::atomic<bool> admitted{false};
  std::jthread third([&] {
    EXPECT_TRUE(governor.admit({}, kUsers, governor.give_up()));
    admitted = true;
  });
  EXPECT_FALSE(admitted);
  std::stop_source stop;
  std::jthread fourth([&] {
    auto permit = governor.admit({.stop = stop.get_token()}, "/api/v1/groups", governor.give_up());
    ASSERT_FALSE(permit);
    EXPECT_EQ(permit.error().code, "okta.cancelled");
  });
  stop.request_stop();
  fourth.join();
  first.reset();
  third.join();
  EXPECT_TRUE(admitted);
}

TEST(RateGovernor, AFullHouseRespectsTheDeadline) {
  core::SeededRandom random{1};
  RateGovernor governor({.max_concurrent = 1}, core::system_clock(), random);
  auto first = governor.admit({}, kUsers, governor.give_up());
  ASSERT_TRUE(first);
  core::Context context{.deadline = core::system_clock().steady()};
  auto second = governor.admit(context, kUsers, governor.give_up());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::timeout);
  EXPECT_EQ(second.error().code, "okta.rate_limited");
}

TEST(RateGovernor, ARefusalIsWaitedOut) {
  struct Row {
    std::string_view name;
    net::Headers headers;
    int attempt;
    seconds at_least;
  };
  LeapingClock reference;
  auto now = reference.now();
  const Row kRows[] = {
      {"reset", rate_headers(10, 0, now + seconds{48}, now), 0, seconds{48}},
      {"Retry-After in seconds", {{"Retry-After", "7"}}, 0, seconds{7}},
      {"Retry-After as a date", {{"Retry-After", core::to_http_date(now + seconds{9})}}, 0, seconds{9}},
      {"nothing, first time", {}, 0, seconds{1}},
      {"nothing, third time", {}, 2, seconds{4}},
      {"a reset that has passed", rate_headers(10, 0, now - seconds{5}, now), 1, seconds{2}},
  };
  for (const auto& row : kRows) {
    Bench bench;
    bench.governor.learn(kUsers, row.headers);
    bench.governor.refused(kUsers, row.headers, row.attempt);
    ASSERT_TRUE(bench.admit()) << row.name;
    EXPECT_GE(bench.clock.waited(), row.at_least) << row.name;
    EXPECT_LT(bench.clock.waited(), row.at_least + seconds{1}) << row.name;
    EXPECT_TRUE(bench.admit("/api/v1/groups"));
  }
}

TEST(RateGovernor, JitterSpreadsTheRetries) {
  std::set<milliseconds> waits;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    LeapingClock clock;
    core::SeededRandom random{seed};
    RateGovernor governor({}, clock, random);
    governor.refused(kUsers, {}, 0);
    ASSERT_TRUE(governor.admit({}, kUsers, governor.give_up()));
    waits.insert(clock.waited());
  }
  EXPECT_GT(waits.size(), 10u);
}

TEST(RateGovernor, ConcurrencyIsHalvedAndGrowsBack) {
  Bench bench({.max_concurrent = 15});
  bench.governor.refused_concurrency();
  EXPECT_EQ(bench.governor.concurrency(), 7);
  bench.governor.refused_concurrency();  // the same burst
  EXPECT_EQ(bench.governor.concurrency(), 7);
  ASSERT_TRUE(bench.admit());
  EXPECT_GE(bench.clock.waited(), seconds{1});
  EXPECT_THAT(bench.progress.kept().at(0), HasSubstr("Okta's limit on simultaneous requests"));
  for (int i = 0; i < 4; ++i) {
    bench.clock.advance(seconds{2});
    bench.governor.refused_concurrency();
  }
  EXPECT_EQ(bench.governor.concurrency(), 1);  // never none
  for (int i = 0; i < 20 * 20; ++i) bench.hear(600, 599, seconds{60});
  EXPECT_EQ(bench.governor.concurrency(), 15);  // and never more than allowed
}

TEST(RateGovernor, AConcurrencyViolationSaysNothingAboutTheBucket) {
  Bench bench;
  bench.hear(600, 500, seconds{30});
  auto heard =
      bench.governor.learn(kUsers, rate_headers(0, 0, bench.clock.now() + seconds{30}, bench.clock.now()));
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->limit, 0);
  EXPECT_EQ(bench.governor.state().at(kUsers).at("limit"), 600);
}

TEST(RateGovernor, ShowsItsState) {
  Bench bench;
  bench.hear(600, 599, seconds{60});
  EXPECT_EQ(core::json::write(core::json::Value(bench.governor.state())),
            R"({"/api/v1/users":{"limit":600,"remaining":599,"reset":"2027-01-15T08:01:00.000Z"}})");
}

}  // namespace
}  // namespace okta
