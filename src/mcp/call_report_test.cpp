// What is told about calls that have ended, for metrics.
#include <gtest/gtest.h>
#include <mutex>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::Object;
using testing::Peer;

TEST(CallReports, TellHowEachCallEnded) {
  std::mutex mutex;
  std::vector<std::string> seen;
  ServerOptions options;
  options.on_call = [&](const CallReport& report) {
    std::lock_guard lock(mutex);
    seen.push_back(std::string(report.method) + " " + std::string(report.name) + " " +
                   std::string(to_string(report.outcome)));
  };
  Peer peer(std::move(options));
  peer.add(testing::simple_tool("good", testing::says("x")));
  peer.add(testing::simple_tool("bad", [](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    return Complete{error_result("no")};
  }));
  peer.add(testing::simple_tool("error", [](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    return core::fail(core::ErrorKind::unavailable, "t.down", "Down.");
  }));
  peer.add(testing::simple_tool("throws", [](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    throw std::runtime_error("x");
  }));
  peer.add(testing::simple_tool("asks", testing::ask_name));
  peer.add(testing::simple_tool(
      "waits",
      [](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
        core::system_clock().wait_until(core::system_clock().steady() + std::chrono::minutes{1},
                                        context.stop);
        return Complete{text_result("late")};
      },
      RunsOn::upstream));
  peer.connect();
  for (std::string_view name : {"good", "bad", "error", "throws"}) {
    peer.ask(1, "tools/call", Peer::modern(Peer::call(name)));
  }
  peer.ask(2, "tools/call", Peer::modern_form(Peer::call("asks")));
  peer.request(3, "tools/call", Peer::modern(Peer::call("waits")));
  peer.notify("notifications/cancelled", {{"requestId", 3}});
  peer.ask(4, "tools/call", Peer::modern(Peer::call("unknown")));
  peer.ask(5, "tools/list", Peer::modern());

  std::lock_guard lock(mutex);
  EXPECT_EQ(seen, (std::vector<std::string>{"tools/call good answered", "tools/call bad failed",
                                            "tools/call error failed", "tools/call throws failed",
                                            "tools/call asks asked", "tools/call waits cancelled"}));
}

}  // namespace
}  // namespace mcp
