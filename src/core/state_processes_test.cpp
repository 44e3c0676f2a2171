// Instances that are killed at any moment: nothing that was reported as done is lost, nothing is there twice,
// and the chain holds.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/hash_chain.h"
#include "core/test_state.h"

namespace core {
namespace {

using std::chrono::minutes;
using test::StateKind;

constexpr int kProcesses = 4;
constexpr int kIds = 400;
constexpr std::size_t kReports = 150;  // after which all are killed

struct Report {
  char what;  // 'l' a line was appended, 'u' an id was consumed
  int process;
  int number;
};

// Never returns. Reports only what the store has said is done; a report is one write, so it is whole.
[[noreturn]] void live_as_an_instance(test::StatePlace& place, int process, int to) {
  auto store = place.instance();
  for (int i = 0;; ++i) {
    const auto appended = store->append("audit", [&](std::string_view last) -> Result<std::string> {
      return next_chained_line(last, {{"process", process}, {"number", i}});
    });
    if (!appended) ::_exit(1);
    const Report line{.what = 'l', .process = process, .number = i};
    if (::write(to, &line, sizeof line) != sizeof line) ::_exit(2);
    const auto mine = store->consume(fmt::format("id-{}", i % kIds), minutes{10});
    if (!mine) ::_exit(3);
    const Report used{.what = 'u', .process = process, .number = i % kIds};
    if (*mine && ::write(to, &used, sizeof used) != sizeof used) ::_exit(4);
  }
}

using StateProcessesTest = test::AnyState;

TEST_P(StateProcessesTest, KilledAtAnyMomentLoseAndDoubleNothing) {
  // Made before, so that nobody is killed while making it: that has a test of its own.
  ASSERT_TRUE(store_->put("k", "v", minutes{1}));
  store_.reset();
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  std::vector<pid_t> processes;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(pipe_ends[0]);
      live_as_an_instance(place_, i, pipe_ends[1]);
    }
    processes.push_back(child);
  }
  ::close(pipe_ends[1]);
  std::vector<Report> reports;
  Report report{};
  while (::read(pipe_ends[0], &report, sizeof report) == sizeof report) {
    reports.push_back(report);
    if (reports.size() != kReports) continue;
    for (const pid_t process : processes) ::kill(process, SIGKILL);
  }
  ::close(pipe_ends[0]);
  for (const pid_t process : processes) {
    int status = 0;
    ::waitpid(process, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }
  ASSERT_GE(reports.size(), kReports);

  ChainCheck chain;
  std::map<std::pair<int, int>, int> lines;
  // Whoever comes next takes out what a killed writer left half done.
  ASSERT_TRUE(other_->append("audit", [](std::string_view last) {
    return next_chained_line(last, {{"process", -1}, {"number", 0}});
  }));
  ASSERT_TRUE(other_->read("audit", [&](std::string_view line) {
    EXPECT_EQ(chain.next(line), std::nullopt) << line;
    const auto value = json::parse(line);
    ++lines[{static_cast<int>(value->at("process").as_int64()),
             static_cast<int>(value->at("number").as_int64())}];
    return Status{};
  }));
  for (const auto& [which, count] : lines) EXPECT_EQ(count, 1) << which.first << " " << which.second;
  std::map<int, int> used;
  for (const auto& each : reports) {
    if (each.what == 'l') {
      EXPECT_TRUE(lines.contains({each.process, each.number})) << "a line that was reported is lost";
    } else {
      EXPECT_EQ(++used[each.number], 1) << "an id was consumed twice";
      EXPECT_FALSE(*other_->consume(fmt::format("id-{}", each.number), minutes{10}));
    }
  }
}

TEST_P(StateProcessesTest, KilledWhileMakingTheStoreLeaveOneThatCanBeMade) {
  for (int delay = 0; delay < 12; ++delay) {
    const pid_t child = ::fork();
    if (child == 0) {
      auto mine = place_.instance();
      static_cast<void>(mine->put(fmt::format("k/{}", delay), "v", minutes{1}));
      ::_exit(0);
    }
    // Each a little later than the last: before, within, and after the making.
    ::usleep(static_cast<useconds_t>(delay * 1500));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
  const auto put = store_->put("k/last", "v", minutes{1});
  EXPECT_TRUE(put) << describe(put.error());
  EXPECT_TRUE(*other_->get("k/last"));
}

INSTANTIATE_TEST_SUITE_P(On, StateProcessesTest, testing::Values(StateKind::directory, StateKind::postgres),
                         test::name_of);

}  // namespace
}  // namespace core
