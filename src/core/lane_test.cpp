#include "core/lane.h"

#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <semaphore>

#include "core/clock.h"

namespace core {
namespace {

using Semaphore = std::counting_semaphore<>;

// Waits for what other threads are about to do; ends by the test's time limit if they never do it.
template <class Condition>
void await(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

TEST(Lane, RunsWhatIsSubmitted) {
  std::atomic<int> sum = 0;
  {
    Lane lane({.workers = 3});
    for (int i = 1; i <= 100; ++i) ASSERT_TRUE(lane.submit([&sum, i] { sum += i; }));
  }
  EXPECT_EQ(sum, 5050);  // the destructor runs what is queued
}

TEST(Lane, RunsAtMostItsWorkersAtOnce) {
  std::atomic<int> now = 0, most = 0;
  {
    Lane lane({.workers = 3});
    for (int i = 0; i < 200; ++i) {
      ASSERT_TRUE(lane.submit([&] {
        int here = ++now;
        int seen = most;
        while (here > seen && !most.compare_exchange_weak(seen, here)) {
        }
        std::this_thread::yield();
        --now;
      }));
    }
  }
  EXPECT_GE(most, 1);
  EXPECT_LE(most, 3);
}

TEST(Lane, UsesEveryWorkerForABurst) {
  std::latch together(
      4);  // passes only when four tasks run at once; outlives the lane, whose tasks use it last
  Lane lane({.workers = 4});
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(lane.submit([&] { together.arrive_and_wait(); }));
  together.wait();
}

TEST(Lane, RefusesWhatItsQueueCannotHold) {
  Semaphore go(0);
  Lane lane({.name = "upstream", .workers = 1, .queue = 2});
  ASSERT_TRUE(lane.submit([&] { go.acquire(); }));
  await([&] { return lane.running() == 1; });
  ASSERT_TRUE(lane.submit([] {}));
  ASSERT_TRUE(lane.submit([] {}));
  EXPECT_EQ(lane.queued(), 2u);
  auto refused = lane.submit([] { ADD_FAILURE() << "was refused"; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "core.lane.full");
  EXPECT_EQ(refused.error().kind, ErrorKind::rate_limited);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("upstream"));
  go.release();
  await([&] { return lane.queued() == 0; });
  EXPECT_TRUE(lane.submit([] {}));
}

TEST(Lane, ParkedTasksMakeRoomForOthers) {
  FakeClock clock;
  const SteadyTime later = clock.steady() + std::chrono::hours{1};
  std::atomic<int> woken = 0;
  Lane lane({.workers = 1});
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(lane.submit([&] {
      Parked parked;
      clock.wait_until(later, {});
      ++woken;
    }));
  }
  await([&] { return lane.parked() == 50; });
  EXPECT_EQ(lane.running(), 0u);

  Semaphore done(0);  // one worker, fifty waiting: other work still gets through
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(lane.submit([&] { done.release(); }));
  for (int i = 0; i < 10; ++i) done.acquire();
  EXPECT_EQ(woken, 0);

  clock.advance(std::chrono::hours{1});
  await([&] { return woken == 50; });
  await([&] { return lane.running() == 0; });
  EXPECT_EQ(lane.parked(), 0u);
}

TEST(Lane, ParkingIsBoundedAndThenHoldsTheWorker) {
  FakeClock clock;
  const SteadyTime later = clock.steady() + std::chrono::hours{1};
  std::atomic<int> started = 0;
  Lane lane({.workers = 1, .parked = 2});
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(lane.submit([&] {
      ++started;
      Parked parked;
      clock.wait_until(later, {});
    }));
  }
  await([&] { return clock.waiters() == 3; });
  EXPECT_EQ(lane.parked(), 2u);
  EXPECT_EQ(lane.running(), 1u);
  EXPECT_EQ(lane.queued(), 1u);
  EXPECT_EQ(started, 3);
  clock.advance(std::chrono::hours{1});
  await([&] { return started == 4; });
}

TEST(Lane, ComingBackFromParkingStartsNothingNewUntilThereIsRoom) {
  FakeClock clock;
  const SteadyTime later = clock.steady() + std::chrono::hours{1};
  Semaphore first_go(0), second_go(0);
  std::atomic<bool> back = false, third = false;
  Lane lane({.workers = 1});
  ASSERT_TRUE(lane.submit([&] {
    {
      Parked parked;
      clock.wait_until(later, {});
    }
    back = true;
    first_go.acquire();
  }));
  await([&] { return clock.waiters() == 1; });
  ASSERT_TRUE(lane.submit([&] { second_go.acquire(); }));
  await([&] { return lane.running() == 1; });
  clock.advance(std::chrono::hours{1});
  await([&] { return back.load(); });
  EXPECT_EQ(lane.running(), 2u);  // one over, for a moment
  ASSERT_TRUE(lane.submit([&] { third = true; }));
  second_go.release();
  await([&] { return lane.running() == 1; });
  EXPECT_FALSE(third);  // the one that came back still holds the only place
  EXPECT_EQ(lane.queued(), 1u);
  first_go.release();
  await([&] { return third.load(); });
}

TEST(Lane, ParkingTwiceCountsOnce) {
  Semaphore go(0), inner_done(0);
  Lane lane({.workers = 1});
  ASSERT_TRUE(lane.submit([&] {
    Parked outer;
    {
      Parked inner;
    }
    inner_done.release();
    go.acquire();
  }));
  inner_done.acquire();
  EXPECT_EQ(lane.parked(), 1u);
  EXPECT_EQ(lane.running(), 0u);
  go.release();
  await([&] { return lane.parked() == 0; });
}

TEST(Lane, ParkingOutsideALaneDoesNothing) {
  Parked parked;
}

// Threads that slept for want of room must leave too, whoever runs the last task.
TEST(Lane, ShutsDownWithMoreThreadsThanWorkers) {
  for (int round = 0; round < 50; ++round) {
    FakeClock clock;
    const SteadyTime later = clock.steady() + std::chrono::hours{1};
    std::atomic<int> ran = 0;
    {
      Lane lane({.workers = 1});
      for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(lane.submit([&] {
          {
            Parked parked;
            clock.wait_until(later, {});
          }
          std::this_thread::yield();
          ++ran;
        }));
      }
      await([&] { return clock.waiters() == 4; });
      for (int i = 0; i < 8; ++i) ASSERT_TRUE(lane.submit([&] { ++ran; }));
      clock.advance(std::chrono::hours{1});
    }
    EXPECT_EQ(ran, 12);
  }
}

TEST(Lane, ATaskCannotSubmitToALaneThatCloses) {
  Semaphore started(0), go(0);
  std::string code;
  {
    auto lane = std::make_unique<Lane>(LaneOptions{.workers = 1});
    Lane* raw = lane.get();
    ASSERT_TRUE(raw->submit([&, raw] {
      started.release();
      go.acquire();
      // The destructor has begun once a submit is refused.
      for (;;) {
        auto status = raw->submit([] {});
        if (!status) {
          code = status.error().code;
          return;
        }
        std::this_thread::yield();
      }
    }));
    started.acquire();
    std::jthread releaser([&] { go.release(); });
    lane.reset();
  }
  EXPECT_TRUE(code == "core.lane.closing" || code == "core.lane.full") << code;
}

}  // namespace
}  // namespace core
