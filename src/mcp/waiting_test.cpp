// Nobody's wait blocks anybody: a hundred unanswered confirmations and fifty throttled calls, and meanwhile
// everything else answers.
#include <atomic>
#include <gtest/gtest.h>

#include "core/lane.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using core::json::find;
using testing::Object;
using testing::Peer;
using testing::says;
using testing::simple_tool;
using testing::text_of;
using testing::Value;

constexpr int kQuestions = 100, kThrottled = 50;
constexpr int kAsk = 1000, kSlow = 2000;  // first request ids

class Waiting : public ::testing::Test {
 protected:
  void SetUp() override {
    peer.add(simple_tool("on_reader", says("reader")));
    peer.add(simple_tool("on_local", says("local"), RunsOn::local));
    peer.add(simple_tool("on_upstream", says("upstream"), RunsOn::upstream));
    // Confirms on the lane that the throttled calls fill.
    peer.add(simple_tool(
        "confirms",
        [this](const core::Context& context, const ToolCall& call) {
          if (!call.round.responses.empty()) ++confirmed;
          return testing::ask_name(context, call);
        },
        RunsOn::upstream));
    // As a rate-limited call waits: parked until the window opens.
    peer.add(simple_tool(
        "throttled",
        [this](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
          core::Parked parked;
          bool opened = peer.clock.wait_until(window, context.stop);
          return Complete{text_result(opened ? "passed" : "stopped")};
        },
        RunsOn::upstream));
  }

  Peer peer{{.local = {.name = "local", .workers = 2}, .upstream = {.name = "upstream", .workers = 4}}};
  core::SteadyTime window = peer.clock.steady() + std::chrono::seconds{60};
  std::atomic<int> confirmed = 0;

  // Until all of them wait for their window. Legacy questions have an alarm, which waits on the same clock.
  void wait_for_throttled(int alarms) {
    while (peer.clock.waiters() < kThrottled + alarms) std::this_thread::yield();
  }
};

TEST_F(Waiting, BlocksNobodyElse) {
  peer.initialize("2025-11-25", {{"elicitation", Object{}}});
  std::vector<Value> questions;
  for (int i = 0; i < kQuestions; ++i) peer.request(kAsk + i, "tools/call", Peer::call("confirms"));
  for (int i = 0; i < kQuestions; ++i) questions.push_back(peer.outlet->take_method("elicitation/create"));
  for (int i = 0; i < kThrottled; ++i) peer.request(kSlow + i, "tools/call", Peer::call("throttled"));
  wait_for_throttled(1);

  EXPECT_NE(find(peer.ask(1, "ping"), "result"), nullptr);
  EXPECT_EQ(find(peer.ask(2, "tools/list"), "result.tools")->get_array().size(), 5u);
  EXPECT_EQ(text_of(peer.ask(3, "tools/call", Peer::call("on_reader"))), "reader");
  EXPECT_EQ(text_of(peer.ask(4, "tools/call", Peer::call("on_local"))), "local");
  EXPECT_EQ(text_of(peer.ask(5, "tools/call", Peer::call("on_upstream"))), "upstream")
      << "parked calls hold no worker";
  EXPECT_NE(find(peer.ask(6, "server/discover", Peer::modern()), "result"), nullptr);
  EXPECT_EQ(text_of(peer.ask(7, "tools/call", Peer::modern(Peer::call("on_local")))), "local");

  peer.notify("notifications/cancelled", {{"requestId", kAsk}});
  Value withdrawn = *find(peer.outlet->take_method("notifications/cancelled"), "params.requestId");
  EXPECT_EQ(std::erase_if(questions, [&](const Value& question) { return question.at("id") == withdrawn; }),
            1u);
  peer.notify("notifications/cancelled", {{"requestId", kSlow}});
  EXPECT_NE(find(peer.ask(8, "ping"), "result"), nullptr);

  for (const Value& question : questions) {
    peer.send(Object{{"jsonrpc", "2.0"},
                     {"id", question.at("id")},
                     {"result", {{"action", "accept"}, {"content", {{"name", "Ada"}}}}}});
  }
  for (int i = 1; i < kQuestions; ++i) {
    EXPECT_EQ(text_of(peer.outlet->take_answer(kAsk + i)), R"(accept {"name":"Ada"} "kept")");
  }
  EXPECT_EQ(confirmed, kQuestions - 1) << "each once, the cancelled one never";
  peer.clock.advance(std::chrono::seconds{61});
  for (int i = 1; i < kThrottled; ++i) {
    EXPECT_EQ(text_of(peer.outlet->take_answer(kSlow + i)), "passed");
  }
  ASSERT_TRUE(peer.server->settle(std::chrono::seconds{20}));
  EXPECT_TRUE(peer.outlet->take_all().empty());
}

TEST_F(Waiting, HoldsForModernRounds) {
  peer.connect();
  std::vector<std::string> states;
  for (int i = 0; i < kQuestions; ++i) {
    Value asked = peer.ask(kAsk + i, "tools/call", Peer::modern_form(Peer::call("confirms")));
    states.emplace_back(core::json::string_or_empty(asked, "result.requestState"));
  }
  for (int i = 0; i < kThrottled; ++i) {
    peer.request(kSlow + i, "tools/call", Peer::modern(Peer::call("throttled")));
  }
  wait_for_throttled(0);
  EXPECT_EQ(text_of(peer.ask(1, "tools/call", Peer::modern(Peer::call("on_upstream")))), "upstream");
  for (int i = 0; i < kQuestions; ++i) {
    Object params = Peer::call("confirms");
    params["requestState"] = states[static_cast<std::size_t>(i)];
    params["inputResponses"] = Object{{"name", {{"action", "accept"}, {"content", {{"name", "Ada"}}}}}};
    EXPECT_EQ(text_of(peer.ask(i + 10, "tools/call", Peer::modern_form(params))),
              R"(accept {"name":"Ada"} "kept")");
  }
  peer.clock.advance(std::chrono::seconds{61});
  for (int i = 0; i < kThrottled; ++i) {
    EXPECT_EQ(text_of(peer.outlet->take_answer(kSlow + i)), "passed");
  }
}

TEST_F(Waiting, EndsAtOnceWithTheSession) {
  peer.initialize("2025-11-25", {{"elicitation", Object{}}});
  for (int i = 0; i < kQuestions; ++i) peer.request(kAsk + i, "tools/call", Peer::call("confirms"));
  for (int i = 0; i < kQuestions; ++i) peer.outlet->take_method("elicitation/create");
  for (int i = 0; i < kThrottled; ++i) peer.request(kSlow + i, "tools/call", Peer::call("throttled"));
  wait_for_throttled(1);
  peer.session->close();
  EXPECT_TRUE(peer.server->settle(std::chrono::seconds{20}));
  for (int i = 0; i < kThrottled; ++i) {
    EXPECT_EQ(text_of(peer.outlet->take_answer(kSlow + i)), "stopped");
  }
  EXPECT_EQ(confirmed, 0);
}

}  // namespace
}  // namespace mcp
