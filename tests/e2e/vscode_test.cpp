// First contact from VS Code: its mcp.json as people paste it, five prompts, a login, and the four things
// that people try first.
#include <atomic>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <regex>
#include <sstream>
#include <thread>

#include "core/scratch_directory.h"
#include "dev_org.h"
#include "mcp/stdio_client.h"
#include "process.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::HasSubstr;
using testing::Not;

// What the person types at each prompt, by input id.
using Answers = std::map<std::string, std::string>;

struct Spawn {
  std::string command;
  Environment environment;
};

// As VS Code does: comments and trailing commas allowed, every declared input asked for once, each
// "${input:ID}" replaced by the answer, also by an empty one.
Spawn resolve(const Answers& answers) {
  std::ifstream in(E2E_DATA_DIR "/vscode-mcp.json");
  std::stringstream text;
  text << in.rdbuf();
  boost::json::parse_options options;
  options.allow_comments = true;
  options.allow_trailing_commas = true;
  const json::Value document = boost::json::parse(text.str(), {}, options);
  for (const auto& input : document.at("inputs").as_array()) {
    EXPECT_EQ(input.at("type").as_string(), "promptString");
    EXPECT_TRUE(answers.contains(std::string(input.at("id").as_string()))) << "nobody answers " << input;
  }
  const json::Value& server = document.at("servers").at("okta-mcp-server");
  Spawn spawn{.command = std::string(server.at("command").as_string())};
  for (const auto& member : server.at("env").as_object()) {
    std::string value(member.value().as_string());
    for (const auto& [id, answer] : answers) {
      const std::string placeholder = "${input:" + id + "}";
      if (auto at = value.find(placeholder); at != std::string::npos) {
        value.replace(at, placeholder.size(), answer);
      }
    }
    spawn.environment[std::string(member.key())] = value;
  }
  return spawn;
}

struct Way {
  std::string name;
  bool with_key = false;
  std::string line_end;  // what the prompt makes of the key's line ends
  bool elicitation = false;
  mcp::Revision revision = mcp::Revision::v2025_11_25;

  // The server can put the link before the person itself: it has a session to ask in.
  bool link_is_shown() const { return elicitation && !with_key && revision != mcp::Revision::v2026_07_28; }
};
std::ostream& operator<<(std::ostream& out, const Way& way) {
  return out << way.name;
}

class VsCode : public testing::TestWithParam<Way> {
 protected:
  void SetUp() override { ASSERT_TRUE(org_.up()); }

  Answers answers() const {
    const Environment key = org_.key_settings("");
    if (!GetParam().with_key) {
      return {{"OKTA_ORG_URL", org_.url()},
              {"OKTA_CLIENT_ID", org_.device_settings("").at("OKTA_CLIENT_ID")},
              {"OKTA_SCOPES", key.at("OKTA_SCOPES")},
              {"OKTA_PRIVATE_KEY", ""},
              {"OKTA_KEY_ID", ""}};
    }
    // The org hands the key out with its line ends as "\n"; on disk, and so on the clipboard, they are real.
    const std::string pem =
        std::regex_replace(key.at("OKTA_PRIVATE_KEY"), std::regex(R"(\\n|\n)"), GetParam().line_end);
    EXPECT_THAT(pem, Not(HasSubstr("\n"))) << "a prompt has one line";
    return {{"OKTA_ORG_URL", org_.url()},
            {"OKTA_CLIENT_ID", key.at("OKTA_CLIENT_ID")},
            {"OKTA_SCOPES", key.at("OKTA_SCOPES")},
            {"OKTA_PRIVATE_KEY", pem},
            {"OKTA_KEY_ID", key.at("OKTA_KEY_ID")}};
  }

  void start() {
    Spawn spawn = resolve(answers());
    EXPECT_EQ(spawn.command, "/path/to/okta-mcp-server") << "the one thing the person replaces";
    // What VS Code itself was started with; the server keeps its state below HOME.
    spawn.environment["HOME"] = home_.path();
    spawn.environment["PATH"] = "/usr/bin:/bin";
    mcp::StdioClientOptions options{
        .argv = {program("okta-mcp-server")},
        .env = {spawn.environment.begin(), spawn.environment.end()},
        .inherit_env = false,
        .client = {.revision = GetParam().revision, .name = "Visual Studio Code", .version = "1.120.0"}};
    if (GetParam().elicitation) {
      options.client.url_elicitation = true;
      options.client.on_elicitation = [this](const json::Object& params) { return answer(params); };
    }
    auto client = mcp::StdioClient::start(std::move(options));
    ASSERT_TRUE(client) << client.error().message;
    client_ = *std::move(client);
  }

  // The person: follows the link of a sign-in, says yes to what is asked.
  mcp::InputResponse answer(const json::Object& params) {
    mcp::InputResponse response{.action = mcp::Answer::accept};
    if (json::string_or_empty(params, "mode") == "url") {
      links_.fetch_add(1);
      confirm(std::string(json::string_or_empty(params, "message")));
    } else {
      response.content["confirm"] = true;
    }
    return response;
  }
  void confirm(const std::string& text) {
    std::smatch code;
    ASSERT_TRUE(std::regex_search(text, code, std::regex("\\b[A-Z]{4}-?[A-Z]{4}\\b"))) << text;
    std::call_once(confirmed_, [&] { org_.confirm(code.str()); });
  }

  std::string call(std::string_view tool, json::Object arguments) {
    auto result = client_->call_tool(tool, std::move(arguments));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    return result ? mcp::result_text(*result) : std::string{};
  }

  // The first call says what to do; a client that was not asked passes that on to the person.
  void sign_in() {
    std::string text;
    for (int tries = 0; tries < 160; ++tries) {
      text = call("list_users", {{"limit", 1}});
      if (!text.contains("/activate")) break;
      EXPECT_FALSE(GetParam().with_key) << text;
      if (!GetParam().link_is_shown()) confirm(text);
      std::this_thread::sleep_for(std::chrono::milliseconds(250));  // the poll interval is the org's
    }
    ASSERT_THAT(text, HasSubstr("login"));
  }

  DevOrg org_;
  core::ScratchDirectory home_;
  std::atomic<int> links_{0};
  std::once_flag confirmed_;
  std::unique_ptr<mcp::StdioClient> client_;  // last: its thread uses the others
};

TEST_P(VsCode, FromMcpJsonToTheFourExamples) {
  start();
  ASSERT_TRUE(client_);
  auto tools = client_->list_tools();
  ASSERT_TRUE(tools) << tools.error().message;
  EXPECT_GT(tools->size(), 40u);
  for (const auto& tool : *tools) {
    EXPECT_FALSE(json::find(tool, "inputSchema.properties.org")) << "one org: nobody is asked which";
  }
  sign_in();
  EXPECT_EQ(links_ > 0, GetParam().link_is_shown());

  // Listing Users
  const auto first = org_.get("/api/v1/users?limit=1");
  const std::string login(json::string_or_empty(first.at(0), "profile.login"));
  EXPECT_THAT(call("list_users", {{"search", "profile.login eq \"" + login + "\""}}), HasSubstr(login));

  // Creating Users
  const std::string ada = "ada.lovelace@example.com";
  EXPECT_THAT(
      call("create_user",
           {{"profile",
             json::Object{{"firstName", "Ada"}, {"lastName", "Lovelace"}, {"email", ada}, {"login", ada}}}}),
      HasSubstr("Done"));
  const auto created = org_.get("/api/v1/users/" + ada);
  const std::string id(json::string_or_empty(created, "id"));
  EXPECT_EQ(json::string_or_empty(created, "profile.lastName"), "Lovelace");

  // Group Assignment
  EXPECT_THAT(call("add_user_to_group", {{"group_id", "Engineering"}, {"user_id", ada}}), HasSubstr("Done"));
  EXPECT_THAT(json::write(org_.get("/api/v1/users/" + id + "/groups")), HasSubstr("\"Engineering\""));

  // Creating an Audit Report
  const std::string report = call("run_report", {{"name", "membership_changes"}, {"days", 30}});
  EXPECT_TRUE(report.contains("| group.user_membership.add | " + ada + " | Engineering |"))
      << report.substr(0, 400);

  // Nothing but the protocol on stdout, nothing secret on stderr, and what was done is on record.
  client_->close();
  const std::string key = answers().at("OKTA_PRIVATE_KEY");
  const std::string inside = key.empty() ? "no key was given" : key.substr(40, 40);
  EXPECT_THAT(client_->stderr_text(), Not(HasSubstr(inside)));
  const auto audit = run({program("okta-mcp-server"), "audit", "show"}, {{"HOME", home_.path()}});
  EXPECT_THAT(audit.out, HasSubstr("\"org\":\"" + org_.url() + "\""));
  EXPECT_THAT(audit.out, HasSubstr("add_user_to_group"));
}

INSTANTIATE_TEST_SUITE_P(
    Ways, VsCode,
    testing::Values(Way{.name = "DeviceAsked", .elicitation = true}, Way{.name = "DeviceNotAsked"},
                    Way{.name = "DeviceModern", .elicitation = true, .revision = mcp::Revision::v2026_07_28},
                    Way{.name = "DeviceModernNotAsked", .revision = mcp::Revision::v2026_07_28},
                    Way{.name = "KeyAsked", .with_key = true, .line_end = "", .elicitation = true},
                    Way{.name = "KeyNotAsked", .with_key = true, .line_end = " "},
                    Way{.name = "KeyModern",
                        .with_key = true,
                        .line_end = "\\n",
                        .elicitation = true,
                        .revision = mcp::Revision::v2026_07_28}),
    [](const auto& way) { return way.param.name; });

// One of the two alone is no way to sign in, and never turns into the other one.
TEST(VsCodeMistakes, AKeyWithoutItsIdNamesTheInputAndHowToAnswerAgain) {
  core::ScratchDirectory home;
  Answers answers{{"OKTA_ORG_URL", "https://example.okta.com"},
                  {"OKTA_CLIENT_ID", "0oa1"},
                  {"OKTA_SCOPES", "okta.users.read"},
                  {"OKTA_PRIVATE_KEY", ""},
                  {"OKTA_KEY_ID", "kid-1"}};
  Spawn spawn = resolve(answers);
  spawn.environment["HOME"] = home.path();
  auto client = mcp::StdioClient::start({.argv = {program("okta-mcp-server")},
                                         .env = {spawn.environment.begin(), spawn.environment.end()},
                                         .inherit_env = false});
  ASSERT_TRUE(client) << client.error().message;
  auto result = (*client)->call_tool("list_users");
  ASSERT_TRUE(result);
  const std::string text = mcp::result_text(*result);
  for (const std::string part :
       {"OKTA_PRIVATE_KEY is not set", "${input:OKTA_PRIVATE_KEY}", "mcp.json", "Edit"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(text, Not(HasSubstr("activate")));
}

}  // namespace
}  // namespace e2e
