#include "net/event_loop.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace net {
namespace {

using namespace std::chrono_literals;

TEST(EventLoop, TasksRunInOrderAndStopWaitsForWhatTheyPost) {
  auto loop = *EventLoop::create();
  std::string order;
  loop->post([&] {
    order += "a";
    EXPECT_TRUE(loop->on_thread());
    loop->post([&] {
      order += "c";
      loop->post([&] { order += "d"; });
    });
  });
  loop->post([&] { order += "b"; });
  loop->stop();
  loop->run();
  EXPECT_EQ(order, "abcd");
  EXPECT_FALSE(loop->on_thread());
  auto owned = std::make_shared<int>(1);
  loop->post([owned] { ADD_FAILURE() << "run after the end"; });
  EXPECT_EQ(owned.use_count(), 1);  // dropped, not kept
}

TEST(EventLoop, OtherThreadsWakeIt) {
  auto loop = *EventLoop::create();
  std::thread runner([&] { loop->run(); });
  std::vector<std::jthread> posters;
  int sum = 0;  // the loop's thread alone touches it
  for (int i = 0; i < 4; ++i) {
    posters.emplace_back([&] {
      for (int n = 0; n < 10000; ++n) loop->post([&] { ++sum; });
    });
  }
  posters.clear();
  loop->stop();
  runner.join();
  EXPECT_EQ(sum, 40000);
}

TEST(EventLoop, TimersRunInTheirOrderUnlessCancelled) {
  auto loop = *EventLoop::create();
  std::string order;
  loop->after(2ms, [&] {
    order += "b";
    loop->stop();
  });
  loop->after(1ms, [&] { order += "a"; });
  loop->cancel(loop->after(0ms, [&] { order += "cancelled"; }));
  loop->run();
  EXPECT_EQ(order, "ab");
}

// One that is taken out while the same wait has an event for it in hand.
TEST(EventLoop, ARetiredWatcherOutlivesTheEventsInHand) {
  struct Pair final : EventLoop::Watcher {
    Pair(EventLoop& loop_given, int& calls_given) : loop(loop_given), calls(calls_given) {}
    void on_events(std::uint32_t) override {
      ++calls;
      if (!other) return;
      loop.remove(other_fd);
      loop.retire(std::move(other));
      loop.stop();
    }
    EventLoop& loop;
    int& calls;
    std::shared_ptr<Pair> other;
    int other_fd = -1;
  };
  auto loop = *EventLoop::create();
  int fds[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
  int calls = 0;
  auto first = std::make_shared<Pair>(*loop, calls);
  first->other = std::make_shared<Pair>(*loop, calls);
  first->other_fd = fds[1];
  ASSERT_TRUE(loop->add(fds[0], *first));
  ASSERT_TRUE(loop->add(fds[1], *first->other));
  loop->run();
  EXPECT_EQ(calls, 2);  // both were writable at once
  for (const int fd : fds) ::close(fd);
}

}  // namespace
}  // namespace net
