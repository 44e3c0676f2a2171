#include "net/server_loop.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace net {
namespace {

TEST(ServerLoop, TasksRunInOrderAndStopWaitsForWhatTheyPost) {
  auto loop = *ServerLoop::create();
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

TEST(ServerLoop, OtherThreadsWakeIt) {
  auto loop = *ServerLoop::create();
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

}  // namespace
}  // namespace net
