#include "mcp/request_state.h"

#include <atomic>
#include <functional>
#include <gtest/gtest.h>
#include <thread>

#include "core/scratch_directory.h"
#include "core/state_store.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;
using testing::Object;

class RequestStateTest : public ::testing::Test {
 protected:
  std::string seal(const CallBinding& call, core::json::Value state = "s") {
    return *states.seal(
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
  EXPECT_TRUE(*states.consume(*opened));
  EXPECT_EQ(budget.used(), 0u);
  EXPECT_FALSE(*states.consume(*opened));
  EXPECT_FALSE(states.open(sealed, binding).has_value());
}

TEST_F(RequestStateTest, KeepsAnswersOfEarlierRounds) {
  OpenRound round{.questions = {},
                  .responses = {{"a", {Answer::accept, {{"x", 1}}}}, {"d", {Answer::decline, {}}}},
                  .state = nullptr};
  auto opened = states.open(*states.seal(binding, round, {}), binding);
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
  EXPECT_EQ(elsewhere.open(sealed, binding).error().code, "mcp.state.foreign");
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

// Two instances of a server, behind one address.
class SharedStateTest : public ::testing::Test {
 protected:
  struct Instance {
    explicit Instance(SharedStateTest& test)
        : store(core::directory_state(test.scratch.path() + "/state", test.clock)),
          keys(*store, test.clock, {.name = "request-state"}),
          states(test.clock, std::chrono::minutes{10}, SharedStates{keys, *store}) {}
    std::unique_ptr<core::StateStore> store;
    core::KeyRing keys;
    RequestStates states;
  };
  std::string seal(Instance& at) {
    return *at.states.seal(binding, {.questions = {}, .responses = {}, .state = "s"}, budget.reserve());
  }

  core::ScratchDirectory scratch;
  core::FakeClock clock;
  Budget budget{3};
  Object arguments;
  CallBinding binding{"tools/call", "tool", arguments, "https://issuer.example#ada"};
  Instance a{*this}, b{*this};
};

TEST_F(SharedStateTest, EitherInstanceTakesItAndBothTogetherOnce) {
  for (int i = 0; i < 5; ++i) {
    const std::string sealed = seal(a);
    EXPECT_EQ(budget.used(), 0u) << "it may come back elsewhere";
    auto at_a = a.states.open(sealed, binding), at_b = b.states.open(sealed, binding);
    ASSERT_TRUE(at_a && at_b);
    EXPECT_EQ(at_b->round.state, "s");
    EXPECT_TRUE(*b.states.consume(*at_b));
    EXPECT_FALSE(*a.states.consume(*at_a));
    EXPECT_FALSE(*b.states.consume(*at_b));
  }
}

TEST_F(SharedStateTest, RacingInstancesLetOneThrough) {
  for (int i = 0; i < 20; ++i) {
    const std::string sealed = seal(a);
    std::atomic<int> through = 0;
    auto race = [&](Instance& at) {
      auto opened = at.states.open(sealed, binding);
      ASSERT_TRUE(opened);
      auto mine = at.states.consume(*opened);
      if (mine && *mine) ++through;
    };
    {
      std::jthread first(race, std::ref(a)), second(race, std::ref(b));
    }
    EXPECT_EQ(through, 1);
  }
}

TEST_F(SharedStateTest, IsBoundToTheCallerAndItsTimeEverywhere) {
  const std::string sealed = seal(a);
  EXPECT_EQ(
      b.states.open(sealed, {"tools/call", "tool", arguments, "https://issuer.example#eve"}).error().code,
      "mcp.state.refused");
  EXPECT_TRUE(b.states.open(sealed, binding));
  clock.advance(std::chrono::minutes{10});
  EXPECT_EQ(b.states.open(sealed, binding).error().code, "mcp.state.refused");
}

TEST_F(SharedStateTest, WithoutTheStoreNothingIsAccepted) {
  const std::string sealed = seal(a);
  auto opened = a.states.open(sealed, binding);
  ASSERT_TRUE(opened);
  class Broken final : public core::SingleUse {
    core::Result<bool> consume(std::string_view, std::chrono::milliseconds) override {
      return core::fail(core::ErrorKind::unavailable, "core.state.unavailable", "down");
    }
  } broken;
  RequestStates cut_off(clock, std::chrono::minutes{10}, SharedStates{a.keys, broken});
  EXPECT_EQ(cut_off.consume(*opened).error().code, "core.state.unavailable");
  core::ScratchDirectory other;
  auto store = core::directory_state(other.path() + "/state", clock);
  core::KeyRing keys(*store, clock, {.name = "request-state"});
  RequestStates elsewhere(clock, std::chrono::minutes{10}, SharedStates{keys, *store});
  const auto refused = elsewhere.open(sealed, binding);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "mcp.state.foreign");
  EXPECT_NE(refused.error().message.find("shares no state"), std::string::npos);
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
