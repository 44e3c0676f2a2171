// The client of room mcp against the fixture server, in every revision.
#include <atomic>
#include <gtest/gtest.h>
#include <signal.h>
#include <thread>
#include <vector>

#include "mcp/stdio_client.h"

namespace {

using core::json::Object;
using core::json::Value;
using mcp::Answer;
using mcp::Revision;
using mcp::StdioClient;
using mcp::StdioClientOptions;

std::unique_ptr<StdioClient> start(StdioClientOptions options) {
  options.argv = {FIXTURE_SERVER, "--stdio"};
  auto client = StdioClient::start(std::move(options));
  EXPECT_TRUE(client.has_value()) << core::describe(client.error());
  return client ? *std::move(client) : nullptr;
}

class EveryRevision : public ::testing::TestWithParam<Revision> {};

TEST_P(EveryRevision, ListsAndCalls) {
  auto client = start({.client = {.revision = GetParam()}});
  ASSERT_TRUE(client);
  auto tools = client->list_tools();
  ASSERT_TRUE(tools.has_value()) << core::describe(tools.error());
  EXPECT_GE(tools->size(), 25u);
  auto result = client->call_tool("echo", {{"message", "hé\n"}});
  ASSERT_TRUE(result.has_value()) << core::describe(result.error());
  EXPECT_EQ(mcp::result_text(*result), "hé\n");
  EXPECT_EQ(result->contains("resultType"), mcp::is_modern(GetParam()));
  auto unknown = client->call_tool("nobody");
  ASSERT_FALSE(unknown.has_value());
  EXPECT_EQ(unknown.error().code, "mcp.client.rpc");
  EXPECT_EQ(client->close(), 0);
}

TEST_P(EveryRevision, AnswersQuestionsWhereTheRevisionHasThem) {
  std::atomic<int> asked = 0;
  auto client = start(
      {.client = {.revision = GetParam(), .on_elicitation = [&](const Object& params) -> mcp::InputResponse {
                    ++asked;
                    bool color = params.at("message").get_string().find("color") != std::string::npos;
                    return {Answer::accept, {{color ? "color" : "name", color ? "green" : "Ada"}}};
                  }}});
  ASSERT_TRUE(client);
  bool can = GetParam() >= Revision::v2025_06_18;
  auto result = client->call_tool("test_input_required_result_multi_round");
  ASSERT_TRUE(result.has_value()) << core::describe(result.error());
  EXPECT_EQ(mcp::result_text(*result) == "Ada likes green", can) << mcp::result_text(*result);
  EXPECT_EQ(asked, can ? 2 : 0);
}

TEST_P(EveryRevision, HearsProgress) {
  auto client = start({.client = {.revision = GetParam()}});
  ASSERT_TRUE(client);
  std::vector<double> seen;
  auto result = client->call_tool(
      "test_tool_with_progress", {},
      {.on_progress = [&](const mcp::Progress& progress) { seen.push_back(progress.done); }});
  ASSERT_TRUE(result.has_value()) << core::describe(result.error());
  EXPECT_EQ(seen, (std::vector<double>{0, 50, 100}));
}

INSTANTIATE_TEST_SUITE_P(Client, EveryRevision,
                         ::testing::Values(Revision::v2024_11_05, Revision::v2025_03_26,
                                           Revision::v2025_06_18, Revision::v2025_11_25,
                                           Revision::v2026_07_28),
                         [](const auto& row) {
                           std::string name = "v" + std::string(mcp::to_string(row.param));
                           std::ranges::replace(name, '-', '_');
                           return name;
                         });

TEST(StdioClientWithServer, ServesManyThreads) {
  auto client = start({});
  ASSERT_TRUE(client);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        std::string message = std::to_string(t) + "/" + std::to_string(i);
        auto result = client->call_tool("echo", {{"message", message}});
        right += result && mcp::result_text(*result) == message;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(right, 400);
}

TEST(StdioClientWithServer, LeavesACallThatWaits) {
  auto client = start({});
  ASSERT_TRUE(client);
  auto result = client->call_tool("wait", {}, {.timeout = std::chrono::milliseconds{1}});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, "mcp.client.timeout");
  EXPECT_TRUE(client->call_tool("echo", {{"message", "x"}}).has_value()) << "the client goes on";
  EXPECT_EQ(client->close(), 0) << "and the server ends at once, though a call waits";
}

TEST(StdioClientWithServer, SeesAServerEndOnSigterm) {
  auto client = start({});
  ASSERT_TRUE(client);
  ASSERT_TRUE(client->call_tool("echo", {{"message", "x"}}).has_value());
  ASSERT_EQ(kill(client->pid(), SIGTERM), 0);
  auto result = client->call_tool("wait");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, "mcp.client.closed");
  EXPECT_EQ(client->close(), 0) << "by itself, not by the signal";
}

TEST(FixtureServer, RefusesOtherArguments) {
  auto client = StdioClient::start({.argv = {FIXTURE_SERVER, "--what"}});
  ASSERT_FALSE(client.has_value());
  EXPECT_NE(client.error().hint.find("usage"), std::string::npos);
}

}  // namespace
