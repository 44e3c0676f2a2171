// What a host sees first: handshakes, the tool list, and sense in what is missing or wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>
#include <signal.h>
#include <thread>

#include "core/scratch_directory.h"
#include "dev_org.h"
#include "mcp/stdio_client.h"
#include "process.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::HasSubstr;

constexpr std::string_view kDiscover =
    R"({"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{)"
    R"("io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}})";
constexpr std::string_view kInitialize =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},)"
    R"("clientInfo":{"name":"t","version":"1"}}})";

std::unique_ptr<mcp::StdioClient> start(Environment environment, mcp::StdioClientOptions options = {}) {
  environment.emplace("PATH", "/usr/bin:/bin");
  options.argv = {program("okta-mcp-server")};
  options.env = {environment.begin(), environment.end()};
  options.inherit_env = false;
  auto client = mcp::StdioClient::start(std::move(options));
  EXPECT_TRUE(client) << (client ? "" : client.error().message);
  return client ? *std::move(client) : nullptr;
}

std::string text_of(mcp::StdioClient& client, std::string_view tool, json::Object arguments = {}) {
  auto result = client.call_tool(tool, std::move(arguments));
  EXPECT_TRUE(result) << (result ? "" : result.error().message);
  return result ? mcp::result_text(*result) : std::string{};
}

TEST(Serve, AnswersWithoutAnySetting) {
  core::ScratchDirectory state;
  auto finished = run({program("okta-mcp-server")}, {{"OKTA_MCP_STATE_DIR", state.path()}},
                      std::string(kInitialize) + "\n");
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr(R"("protocolVersion":"2025-06-18")"));
  finished = run({program("okta-mcp-server"), "serve"}, {{"OKTA_MCP_STATE_DIR", state.path()}},
                 std::string(kDiscover) + "\n");
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr(R"("supportedVersions":["2026-07-28"])"));
}

TEST(Serve, ListsToolsAndNamesTheMissingSetting) {
  core::ScratchDirectory state;
  auto client = start({{"OKTA_MCP_STATE_DIR", state.path()}, {"OKTA_ORG_URL", "  "}});
  ASSERT_TRUE(client);
  auto tools = client->list_tools();
  ASSERT_TRUE(tools);
  EXPECT_GT(tools->size(), 40u);
  EXPECT_THAT(text_of(*client, "list_users"), HasSubstr("OKTA_ORG_URL"));
  EXPECT_THAT(text_of(*client, "get_scope_status"), HasSubstr("OKTA_ORG_URL"));
}

TEST(Serve, ToolsFollowTheConfiguredScopes) {
  core::ScratchDirectory state;
  auto client = start({{"OKTA_MCP_STATE_DIR", state.path()}, {"OKTA_SCOPES", "okta.users.read"}});
  ASSERT_TRUE(client);
  auto tools = client->list_tools();
  ASSERT_TRUE(tools);
  std::string names;
  for (const auto& tool : *tools) names += std::string(json::string_or_empty(tool, "name")) + " ";
  EXPECT_THAT(names, HasSubstr("list_users "));
  EXPECT_THAT(names, testing::Not(HasSubstr("list_groups ")));
  EXPECT_THAT(names, testing::Not(HasSubstr("create_user ")));
}

TEST(Serve, WrongSettingsExitWithOneLine) {
  struct {
    Environment environment;
    std::vector<std::string> arguments;
    std::string_view named;
  } cases[] = {
      {{{"OKTA_API_TOKEN", "x"}, {"OKTA_PRIVATE_KEY", "y"}}, {"serve"}, "OKTA_API_TOKEN"},
      {{{"OKTA_ORG_URL", "http://example.okta.com"}}, {"serve"}, "https"},
      {{{"OKTA_ORG_URL", "https://"}}, {"serve"}, "OKTA_ORG_URL"},
      {{{"OKTA_LOG_LEVEL", "loud"}}, {"serve"}, "OKTA_LOG_LEVEL"},
      {{{"OKTA_MCP_TOOLSET", "users,robots"}}, {"serve"}, "robots"},
      {{{"OKTA_MCP_READ_ONLY", "maybe"}}, {"serve"}, "OKTA_MCP_READ_ONLY"},
      {{}, {"call", "list_users"}, "OKTA_ORG_URL"},
      {{}, {"login"}, "OKTA_ORG_URL"},
      {{{"OKTA_ORG_URL", "https://example.okta.com"},
        {"OKTA_CLIENT_ID", "0oa1"},
        {"OKTA_SCOPES", "a"},
        {"OKTA_KEY_ID", "k"}},
       {"call", "list_users"},
       "OKTA_PRIVATE_KEY"},
      {{}, {"no-such-command"}, ""},
  };
  core::ScratchDirectory state;
  for (auto& c : cases) {
    std::vector<std::string> argv{program("okta-mcp-server")};
    argv.insert(argv.end(), c.arguments.begin(), c.arguments.end());
    c.environment["OKTA_MCP_STATE_DIR"] = state.path();
    auto finished = run(argv, c.environment);
    EXPECT_EQ(finished.status, 2) << c.named << finished.err;
    EXPECT_THAT(finished.err, HasSubstr(std::string(c.named)));
    EXPECT_EQ(finished.out, "");
  }
}

TEST(Serve, EndsWhenToldTo) {
  core::ScratchDirectory state;
  auto client = start({{"OKTA_MCP_STATE_DIR", state.path()}});
  ASSERT_TRUE(client);
  kill(client->pid(), SIGTERM);
  EXPECT_EQ(client->close(std::chrono::seconds(20)), 0);
  client = start({{"OKTA_MCP_STATE_DIR", state.path()}});
  ASSERT_TRUE(client);
  EXPECT_EQ(client->close(std::chrono::seconds(20)), 0);
}

TEST(Serve, SignsInWithAKeyAndNarrowsTheList) {
  DevOrg org;
  ASSERT_TRUE(org.up());
  core::ScratchDirectory state;
  for (auto revision : {mcp::Revision::v2025_11_25, mcp::Revision::v2024_11_05, mcp::Revision::v2026_07_28}) {
    auto client = start(org.key_settings(state.path()), {.client = {.revision = revision}});
    ASSERT_TRUE(client);
    EXPECT_THAT(text_of(*client, "list_users", {{"limit", 3}}), HasSubstr("login"));
    EXPECT_THAT(text_of(*client, "get_scope_status"), HasSubstr("\"granted_scopes\":[\"okta."));
  }
}

TEST(Serve, SignsInWithACodeWhileServing) {
  DevOrg org;
  ASSERT_TRUE(org.up());
  core::ScratchDirectory state;
  auto client = start(org.device_settings(state.path()));
  ASSERT_TRUE(client);
  std::string pending = text_of(*client, "list_users");
  EXPECT_THAT(pending, HasSubstr(org.url() + "/activate"));
  std::smatch code;
  ASSERT_TRUE(std::regex_search(pending, code, std::regex("\\b[A-Z]{4}-?[A-Z]{4}\\b"))) << pending;
  org.confirm(code.str());
  std::string answer;
  for (int tries = 0; tries < 120; ++tries) {
    answer = text_of(*client, "list_users", {{"limit", 2}});
    if (answer.find("activate") == std::string::npos) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(250));  // the poll interval is the org's
  }
  EXPECT_THAT(answer, HasSubstr("login"));
  client->close();
  EXPECT_THAT(client->stderr_text(), HasSubstr(code.str())) << "for whoever sees only the terminal";
  // The login outlives the process, and is not readable on disk.
  client = start(org.device_settings(state.path()));
  EXPECT_THAT(text_of(*client, "list_users", {{"limit", 2}}), HasSubstr("login"));
  auto found = run({"/bin/grep", "-rlE", "eyJ[A-Za-z0-9_-]{20}", state.path()}, {});
  EXPECT_EQ(found.out, "");
}

}  // namespace
}  // namespace e2e
