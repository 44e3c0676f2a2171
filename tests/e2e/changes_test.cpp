// Writes against a real org, looked up with curl afterwards.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "core/scratch_directory.h"
#include "dev_org.h"
#include "mcp/stdio_client.h"
#include "process.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::HasSubstr;
using testing::Not;

class ChangesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(org_.up()); }

  std::unique_ptr<mcp::StdioClient> start(bool can_ask) {
    auto environment = org_.key_settings(state_.path());
    environment["PATH"] = "/usr/bin:/bin";
    mcp::StdioClientOptions options{.argv = {program("okta-mcp-server")},
                                    .env = {environment.begin(), environment.end()},
                                    .inherit_env = false};
    if (can_ask) {
      options.client.on_elicitation = [this](const json::Object& params) {
        asked_ = json::string_or_empty(params, "message");
        mcp::InputResponse response{.action = yes_ ? mcp::Answer::accept : mcp::Answer::decline};
        if (yes_) response.content["confirm"] = true;
        return response;
      };
    }
    auto client = mcp::StdioClient::start(std::move(options));
    EXPECT_TRUE(client) << (client ? "" : client.error().message);
    return client ? *std::move(client) : nullptr;
  }

  std::string call(mcp::StdioClient& client, std::string_view tool, json::Object arguments) {
    auto result = client.call_tool(tool, std::move(arguments));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? mcp::result_text(*result) : std::string{};
  }

  std::string create(mcp::StdioClient& client, const std::string& login) {
    std::string text =
        call(client, "create_user",
             {{"profile",
               json::Object{{"firstName", "Test"}, {"lastName", "User"}, {"email", login}, {"login", login}}},
              {"groups", json::Array{"Engineering"}}});
    EXPECT_THAT(text, HasSubstr(login));
    return std::string(json::string_or_empty(org_.get("/api/v1/users/" + login), "id"));
  }
  std::string status(const std::string& id) {
    return std::string(json::string_or_empty(org_.get("/api/v1/users/" + id), "status"));
  }

  DevOrg org_;
  core::ScratchDirectory state_;
  bool yes_ = false;
  std::string asked_;
};

TEST_F(ChangesTest, RefusedThenAllowed) {
  auto client = start(true);
  ASSERT_TRUE(client);
  std::string id = create(*client, "refused.then.allowed@example.com");
  ASSERT_FALSE(id.empty());
  EXPECT_THAT(json::write(org_.get("/api/v1/users/" + id + "/groups")), HasSubstr("Engineering"));
  std::string answer = call(*client, "deactivate_user", {{"user_id", id}});
  EXPECT_THAT(answer, HasSubstr("Nothing was changed"));
  EXPECT_THAT(asked_, HasSubstr("refused.then.allowed@example.com"));
  EXPECT_EQ(status(id), "PROVISIONED");
  yes_ = true;
  EXPECT_THAT(call(*client, "deactivate_user", {{"user_id", id}}), HasSubstr("Done"));
  EXPECT_EQ(status(id), "DEPROVISIONED");
  EXPECT_THAT(call(*client, "delete_deactivated_user", {{"user_id", id}}), HasSubstr("Done"));
  EXPECT_EQ(json::string_or_empty(org_.get("/api/v1/users/" + id), "errorCode"), "E0000007");
  client->close();
  auto verified =
      run({program("okta-mcp-server"), "audit", "verify"}, {{"OKTA_MCP_STATE_DIR", state_.path()}});
  EXPECT_EQ(verified.status, 0);
  EXPECT_THAT(verified.out, HasSubstr("the chain holds"));
}

TEST_F(ChangesTest, ReleasedInATerminal) {
  const Environment state{{"OKTA_MCP_STATE_DIR", state_.path()}};
  const std::string server = program("okta-mcp-server");
  auto client = start(false);
  ASSERT_TRUE(client);
  std::string id = create(*client, "released@example.com");
  std::string waiting = call(*client, "deactivate_user", {{"user_id", id}});
  std::smatch plan;
  ASSERT_TRUE(std::regex_search(waiting, plan, std::regex("pln_[0-9a-f]{20}"))) << waiting;
  EXPECT_EQ(status(id), "PROVISIONED");

  EXPECT_EQ(run({server, "approve", plan.str()}, state).status, 1) << "no terminal, no release";
  auto set =
      run_on_terminal({server, "approve", "--set-passphrase"}, state, {"correct horse", "correct horse"});
  EXPECT_EQ(set.status, 0) << set.out;
  EXPECT_THAT(set.out, Not(HasSubstr("correct horse"))) << "what is typed is not shown";
  EXPECT_NE(run_on_terminal({server, "approve", plan.str()}, state, {"wrong horse"}).status, 0);
  EXPECT_THAT(call(*client, "deactivate_user", {{"user_id", id}}), HasSubstr("Nothing was changed"));
  EXPECT_EQ(status(id), "PROVISIONED");

  auto released = run_on_terminal({server, "approve", plan.str()}, state, {"correct horse"});
  EXPECT_EQ(released.status, 0) << released.out;
  EXPECT_THAT(released.out, HasSubstr("released@example.com"));
  EXPECT_THAT(call(*client, "deactivate_user", {{"user_id", id}}), HasSubstr("Done"));
  EXPECT_EQ(status(id), "DEPROVISIONED");
}

TEST_F(ChangesTest, UpdatesKeepTheRest) {
  auto client = start(true);
  ASSERT_TRUE(client);
  call(*client, "create_group", {{"profile", json::Object{{"name", "Keepers"}, {"description", "first"}}}});
  auto found = org_.get("/api/v1/groups?q=Keepers");
  ASSERT_TRUE(found.is_array() && found.as_array().size() == 1) << json::write(found);
  std::string id(json::string_or_empty(found.at(0), "id"));
  call(*client, "update_group", {{"group_id", id}, {"profile", json::Object{{"name", "Finders"}}}});
  auto group = org_.get("/api/v1/groups/" + id);
  EXPECT_EQ(json::string_or_empty(group, "profile.name"), "Finders");
  EXPECT_EQ(json::string_or_empty(group, "profile.description"), "first");
}

TEST_F(ChangesTest, TheCommandLineTakesTheSameWay) {
  auto settings = org_.key_settings(state_.path());
  const std::string server = program("okta-mcp-server");
  auto listed = run({server, "call", "list_groups", "limit=3", "fields=id,profile.name"}, settings);
  EXPECT_EQ(listed.status, 0) << listed.err;
  auto groups = org_.get("/api/v1/groups?limit=1");
  std::string group(json::string_or_empty(groups.at(0), "id"));
  auto refused = run({server, "call", "delete_group", "group_id=" + group}, settings);
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.out, HasSubstr("pln_"));
  EXPECT_EQ(json::string_or_empty(org_.get("/api/v1/groups/" + group), "id"), group);
  EXPECT_EQ(run({server, "call", "no_such_tool"}, settings).status, 2);
  auto report = run({server, "report", "inactive_users", "--days", "90"}, settings);
  EXPECT_EQ(report.status, 0) << report.err;
  EXPECT_THAT(report.out, HasSubstr("never logged in"));
}

}  // namespace
}  // namespace e2e
