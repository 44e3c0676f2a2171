#include "mcp/request_state.h"

#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;
using testing::Object;

class RequestStateTest : public ::testing::Test {
 protected:
  std::string seal(const CallBinding& call, core::json::Value state = "s") {
    return states.seal(
        call,
        {.questions = {{"q", FormQuestion{"m", {{"type", "object"}}}}}, .responses = {}, .state = state},
        budget.reserve());
  }

  core::FakeClock clock;
  Budget budget{3};
  RequestStates states{clock, std::chrono::minutes{10}};
  Object arguments = json(R"({"a":1,"b":{"c":2}})").get_object();
  CallBinding binding{"tools/call", "tool", arguments, "local"};
};

TEST_F(RequestStateTest, ComesBackOnce) {
  std::string sealed = seal(binding, Object{{"step", 2}});
  EXPECT_EQ(budget.used(), 1u);
  auto opened = states.open(sealed, binding);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->round.state.at("step"), 2);
  EXPECT_EQ(std::get<FormQuestion>(opened->round.questions.at("q")).message, "m");
  EXPECT_TRUE(states.consume(opened->nonce));
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_FALSE(states.consume(opened->nonce));
  EXPECT_FALSE(states.open(sealed, binding).has_value());
}

TEST_F(RequestStateTest, KeepsAnswersOfEarlierRounds) {
  OpenRound round{.questions = {},
                  .responses = {{"a", {Answer::accept, {{"x", 1}}}}, {"d", {Answer::decline, {}}}},
                  .state = nullptr};
  auto opened = states.open(states.seal(binding, round, {}), binding);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ(opened->round.responses.at("a").action, Answer::accept);
  EXPECT_EQ(opened->round.responses.at("a").content.at("x"), 1);
  EXPECT_EQ(opened->round.responses.at("d").action, Answer::decline);
}

TEST_F(RequestStateTest, BelongsToOneCall) {
  std::string sealed = seal(binding);
  Object other = json(R"({"a":2,"b":{"c":2}})").get_object();
  Object reordered = json(R"({"b":{"c":2},"a":1})").get_object();
  EXPECT_FALSE(states.open(sealed, {"tools/call", "other", arguments, "local"}).has_value());
  EXPECT_FALSE(states.open(sealed, {"prompts/get", "tool", arguments, "local"}).has_value());
  EXPECT_FALSE(states.open(sealed, {"tools/call", "tool", other, "local"}).has_value());
  EXPECT_FALSE(states.open(sealed, {"tools/call", "tool", arguments, "someone"}).has_value());
  EXPECT_TRUE(states.open(sealed, {"tools/call", "tool", reordered, "local"}).has_value());
}

TEST_F(RequestStateTest, RefusesWhatWasAltered) {
  std::string sealed = seal(binding);
  for (std::size_t i = 0; i < sealed.size(); i += 7) {
    std::string altered = sealed;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(states.open(altered, binding).has_value()) << i;
  }
  EXPECT_FALSE(states.open("", binding).has_value());
  EXPECT_FALSE(states.open("not base64!", binding).has_value());
  EXPECT_FALSE(states.open(sealed.substr(0, 20), binding).has_value());
  RequestStates elsewhere{clock, std::chrono::minutes{10}};
  EXPECT_FALSE(elsewhere.open(sealed, binding).has_value()) << "another process has another key";
}

TEST_F(RequestStateTest, Expires) {
  std::string sealed = seal(binding);
  clock.advance(std::chrono::minutes{10} - std::chrono::milliseconds{1});
  EXPECT_TRUE(states.open(sealed, binding).has_value());
  clock.advance(std::chrono::milliseconds{1});
  EXPECT_FALSE(states.open(sealed, binding).has_value());
  EXPECT_EQ(budget.used(), 1u);
  states.drop_expired();
  EXPECT_EQ(budget.used(), 0u);
}

TEST(BudgetTest, HasALimit) {
  Budget budget(2);
  auto first = budget.reserve(), second = budget.reserve();
  EXPECT_TRUE(first && second);
  EXPECT_FALSE(budget.reserve());
  first.release();
  first.release();
  EXPECT_EQ(budget.used(), 1u);
  auto moved = std::move(second);
  EXPECT_EQ(budget.used(), 1u);
  EXPECT_TRUE(budget.reserve());
}

TEST(AlarmsTest, RingAtTheirTimeUnlessCleared) {
  core::FakeClock clock;
  std::mutex mutex;
  std::condition_variable rang;
  std::string order;
  {
    Alarms alarms(clock);
    auto ring = [&](char name) {
      return [&, name] {
        std::lock_guard lock(mutex);
        order += name;
        rang.notify_all();
      };
    };
    auto in = [&](int seconds) { return clock.steady() + std::chrono::seconds{seconds}; };
    alarms.set(in(10), ring('a'));
    auto cleared = alarms.set(in(10), ring('b'));
    alarms.set(in(20), ring('c'));
    alarms.set(in(30), ring('d'));
    alarms.clear(cleared);
    clock.advance(std::chrono::seconds{15});
    std::unique_lock lock(mutex);
    ASSERT_TRUE(rang.wait_for(lock, std::chrono::seconds{20}, [&] { return order == "a"; }));
    lock.unlock();
    clock.advance(std::chrono::seconds{5});
    lock.lock();
    ASSERT_TRUE(rang.wait_for(lock, std::chrono::seconds{20}, [&] { return order == "ac"; }));
  }
  EXPECT_EQ(order, "ac") << "alarms that are left do not ring when the owner goes";
}

}  // namespace
}  // namespace mcp
