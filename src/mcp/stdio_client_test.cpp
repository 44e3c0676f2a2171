// The client against programs that are no servers; against a real one it is tested with the transcripts.
#include "mcp/stdio_client.h"

#include <gtest/gtest.h>

#include "mcp/child_process.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using std::chrono::milliseconds;

StdioClientOptions shell(std::string script) {
  return {.argv = {"/bin/sh", "-c", std::move(script)},
          .client = {.era = ClientEra::legacy, .timeout = std::chrono::seconds{20}}};
}

constexpr std::string_view kInitialized =
    R"(read l; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}'; read l; )";

TEST(StdioClient, NamesTheProgramThatCannotBeStarted) {
  auto client = StdioClient::start({.argv = {"/no/such/program"}});
  ASSERT_FALSE(client.has_value());
  EXPECT_EQ(client.error().code, "mcp.client.start");
  EXPECT_NE(client.error().message.find("/no/such/program"), std::string::npos);
  EXPECT_EQ(StdioClient::start({}).error().code, "mcp.client.start");
}

TEST(StdioClient, ShowsTheLastWordsOfAProgramThatEnds) {
  auto client = StdioClient::start(shell("echo 'no such setting' >&2; exit 2"));
  ASSERT_FALSE(client.has_value());
  EXPECT_EQ(client.error().code, "mcp.client.closed");
  EXPECT_NE(client.error().hint.find("no such setting"), std::string::npos) << core::describe(client.error());
}

TEST(StdioClient, RefusesWhatIsNoMessage) {
  auto client = StdioClient::start(shell("read l; echo hello; cat >/dev/null"));
  ASSERT_FALSE(client.has_value());
  EXPECT_EQ(client.error().code, "mcp.client.closed");
  EXPECT_NE(client.error().message.find("no message"), std::string::npos) << core::describe(client.error());
}

TEST(StdioClient, RefusesAnotherProtocolVersion) {
  auto client = StdioClient::start(shell(
      R"(read l; echo '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2099-01-01"}}'; cat >/dev/null)"));
  ASSERT_FALSE(client.has_value());
  EXPECT_EQ(client.error().code, "mcp.client.version");
}

TEST(StdioClient, TimesOutAndCancels) {
  auto client = StdioClient::start(
      shell(std::string(kInitialized) + "read l; read l; echo \"$l\" >&2; cat >/dev/null"));
  ASSERT_TRUE(client.has_value()) << core::describe(client.error());
  auto result = (*client)->call_tool("t", {}, {.timeout = milliseconds{1}});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, "mcp.client.timeout");
  EXPECT_EQ((*client)->close(), 0);
  EXPECT_NE((*client)->stderr_text().find("notifications/cancelled"), std::string::npos)
      << (*client)->stderr_text();
}

TEST(StdioClient, TurnsRpcErrorsIntoErrors) {
  auto client = StdioClient::start(shell(
      std::string(kInitialized) +
      R"(read l; echo '{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"Unknown tool: t"}}'; cat >/dev/null)"));
  ASSERT_TRUE(client.has_value()) << core::describe(client.error());
  auto result = (*client)->call_tool("t");
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, "mcp.client.rpc");
  EXPECT_EQ(result.error().message, "-32602: Unknown tool: t");
}

TEST(StdioClient, PassesItsEnvironment) {
  StdioClientOptions options = shell(std::string(kInitialized) + "echo \"$FIRST/$HOME\" >&2; exit 7");
  options.env = {{"FIRST", "one"}, {"HOME", "/nowhere"}};
  auto client = StdioClient::start(options);
  ASSERT_TRUE(client.has_value()) << core::describe(client.error());
  EXPECT_EQ((*client)->close(), 7);
  EXPECT_EQ((*client)->stderr_text(), "one//nowhere\n");
}

TEST(Child, IsKilledWhenItDoesNotListen) {
  auto child = Child::start({.argv = {"/bin/sh", "-c", "trap '' TERM; echo up; while :; do read l; done"}});
  ASSERT_TRUE(child.has_value());
  char text[3];
  EXPECT_EQ(read(child->out(), text, 3), 3);
  child->signal(SIGTERM);
  EXPECT_EQ(child->wait(milliseconds{1}), std::nullopt);
  child->signal(SIGKILL);
  EXPECT_EQ(child->wait(std::chrono::seconds{20}), 128 + SIGKILL);
}

TEST(ResultText, JoinsTextBlocks) {
  auto result = testing::json(
      R"({"content":[{"type":"text","text":"a"},{"type":"image","data":""},{"type":"text","text":"b"}]})");
  EXPECT_EQ(result_text(result.get_object()), "a\nb");
  EXPECT_EQ(result_text({}), "");
}

}  // namespace
}  // namespace mcp
