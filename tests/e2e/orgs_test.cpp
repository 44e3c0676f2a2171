// Two orgs behind one server: each call reaches the org it names, with that org's own login.
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>
#include <sys/stat.h>

#include "core/scratch_directory.h"
#include "dev_org.h"
#include "mcp/stdio_client.h"
#include "process.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::HasSubstr;
using testing::Not;

class TwoOrgs : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(prod_.up());
    ASSERT_TRUE(dev_.up());
    std::ofstream file(config());
    file << "default_org = \"prod\"\nlog_level = \"warning\"\nstate_dir = \"state\"\n";
    for (const auto& [name, org] : {std::pair<std::string, DevOrg*>{"prod", &prod_}, {"dev", &dev_}}) {
      const Environment settings = org->key_settings("");
      const std::string key = name + ".pem";
      std::ofstream(home_.path() + "/" + key) << settings.at("OKTA_PRIVATE_KEY");
      file << "\n[orgs." << name << "]\norg_url = \"" << settings.at("OKTA_ORG_URL") << "/\"\nclient_id = \""
           << settings.at("OKTA_CLIENT_ID") << "\"\nscopes = \"" << settings.at("OKTA_SCOPES")
           << "\"\nprivate_key_file = \"" << key << "\"\nkey_id = \"" << settings.at("OKTA_KEY_ID") << "\"\n";
    }
    file.close();
    chmod(config().c_str(), 0600);
  }

  std::string config() const { return home_.path() + "/config.toml"; }
  Finished command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {program("okta-mcp-server"), "--config", config()});
    return run(arguments, {});
  }
  std::unique_ptr<mcp::StdioClient> start() const {
    auto client = mcp::StdioClient::start(
        {.argv = {program("okta-mcp-server")},
         .env = {{"OKTA_MCP_CONFIG", config()}, {"HOME", home_.path()}, {"PATH", "/usr/bin:/bin"}},
         .inherit_env = false});
    EXPECT_TRUE(client) << (client ? "" : client.error().message);
    return client ? *std::move(client) : nullptr;
  }
  static std::string call(mcp::StdioClient& client, std::string_view tool, json::Object arguments) {
    auto result = client.call_tool(tool, std::move(arguments));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? mcp::result_text(*result) : std::string{};
  }
  static std::string groups(const DevOrg& org, const std::string& name) {
    return json::write(org.get("/api/v1/groups?q=" + name));
  }

  DevOrg prod_, dev_;
  core::ScratchDirectory home_;
};

TEST_F(TwoOrgs, EachCallReachesTheOrgItNames) {
  auto client = start();
  ASSERT_TRUE(client);
  auto tools = client->list_tools();
  ASSERT_TRUE(tools);
  for (const auto& tool : *tools) {
    const json::Value* choices = json::find(tool, "inputSchema.properties.org.enum");
    ASSERT_TRUE(choices) << json::write(tool);
    EXPECT_EQ(json::write(*choices), R"(["prod","dev"])");
  }
  EXPECT_THAT(call(*client, "get_scope_status", {}), HasSubstr(prod_.url()));
  EXPECT_THAT(call(*client, "get_scope_status", {{"org", "dev"}}), HasSubstr(dev_.url()));

  const json::Object profile{{"name", "OnlyOnDev"}};
  EXPECT_THAT(call(*client, "create_group", {{"profile", profile}}), HasSubstr("needs \"org\""));
  EXPECT_THAT(call(*client, "create_group", {{"profile", profile}, {"org", "test"}}), HasSubstr("prod, dev"));
  EXPECT_THAT(call(*client, "create_group", {{"profile", profile}, {"org", "dev"}}), HasSubstr("Done"));
  EXPECT_THAT(groups(dev_, "OnlyOnDev"), HasSubstr("OnlyOnDev"));
  EXPECT_THAT(groups(prod_, "OnlyOnDev"), Not(HasSubstr("OnlyOnDev")));
  const json::Object find{{"q", "OnlyOnDev"}};  // `search` would lag behind the write
  EXPECT_THAT(call(*client, "list_groups", find), HasSubstr("0 groups"));
  json::Object on_dev = find;
  on_dev["org"] = "dev";
  EXPECT_THAT(call(*client, "list_groups", on_dev), HasSubstr("OnlyOnDev"));

  // A plan is bound to its org: the same words for the other org are another plan.
  EXPECT_THAT(call(*client, "create_group", {{"profile", profile}, {"org", "prod"}}), HasSubstr("Done"));
  const std::string for_prod = call(*client, "delete_group", {{"group_id", "OnlyOnDev"}, {"org", "prod"}});
  const std::string for_dev = call(*client, "delete_group", {{"group_id", "OnlyOnDev"}, {"org", "dev"}});
  EXPECT_THAT(for_prod, HasSubstr("at " + prod_.url()));
  EXPECT_THAT(for_dev, HasSubstr("at " + dev_.url()));
  std::smatch plan;
  ASSERT_TRUE(std::regex_search(for_prod, plan, std::regex("pln_[0-9a-f]{20}")));
  EXPECT_THAT(for_dev, Not(HasSubstr(plan.str())));
  client->close();

  const auto audit = command({"audit", "show"});
  EXPECT_THAT(audit.out, HasSubstr("\"org\":\"" + dev_.url() + "\""));
  EXPECT_THAT(audit.out, HasSubstr("\"org\":\"" + prod_.url() + "\""));
  EXPECT_EQ(command({"audit", "verify"}).status, 0);
}

TEST_F(TwoOrgs, LoginsAreKeptApart) {
  EXPECT_THAT(command({"login"}).out, HasSubstr(prod_.url()));
  EXPECT_THAT(command({"login", "--org", "dev"}).out, HasSubstr(dev_.url()));
  const auto first = command({"logout", "--org", "dev"});
  const auto again = command({"logout", "--org", "dev"});
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_NE(first.out, again.out) << "nothing is left of that login";
  EXPECT_EQ(command({"logout"}).out, first.out) << "the other one was still there";

  const auto listed = command({"call", "--org", "dev", "list_users", "limit=1"});
  EXPECT_EQ(listed.status, 0) << listed.err;
  EXPECT_EQ(command({"call", "list_users", "limit=1", "org=dev"}).out, listed.out);
  const auto unnamed = command({"call", "create_group", R"(profile={"name":"x"})"});
  EXPECT_EQ(unnamed.status, 2);
  EXPECT_THAT(unnamed.err, HasSubstr("prod, dev"));
  const auto status = command({"status"});
  EXPECT_THAT(status.out, HasSubstr(prod_.url()));
  EXPECT_THAT(status.out, HasSubstr(dev_.url()));
  EXPECT_THAT(command({"status", "--org", "dev"}).out, Not(HasSubstr(prod_.url())));
  EXPECT_EQ(command({"status", "--org", "test"}).status, 2);
}

}  // namespace
}  // namespace e2e
