#include "hosts.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "core/jsonc_edit.h"
#include "text_diff.h"

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr auto kProgram = "/opt/okta/bin/okta-mcp-server";

std::optional<std::string> sample(const std::string& name) {
  std::ifstream file(std::string(PROJECT_SOURCE_DIR) + "/tests/hosts/" + name, std::ios::binary);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The five usual variables: by reference, or with values and a key's file.
HostEntry by_reference() {
  return {.command = kProgram,
          .variables = {{"OKTA_ORG_URL", std::nullopt},
                        {"OKTA_CLIENT_ID", std::nullopt},
                        {"OKTA_SCOPES", std::nullopt},
                        {"OKTA_PRIVATE_KEY", std::nullopt},
                        {"OKTA_KEY_ID", std::nullopt}}};
}
HostEntry with_values() {
  return {.command = kProgram,
          .variables = {{"OKTA_ORG_URL", "https://example.okta.com"},
                        {"OKTA_CLIENT_ID", "0oa1abcd"},
                        {"OKTA_SCOPES", "okta.users.read okta.groups.read"},
                        {"OKTA_PRIVATE_KEY", "/home/u/.config/okta-mcp-server/private-key.pem"},
                        {"OKTA_KEY_ID", "kid-1"}}};
}
HostEntry person() {
  return {
      .command = kProgram,
      .variables = {
          {"OKTA_ORG_URL", std::nullopt}, {"OKTA_CLIENT_ID", std::nullopt}, {"OKTA_SCOPES", std::nullopt}}};
}

struct Sample {
  const char* name;  // tests/hosts/NAME.before (missing: the host has no file yet) and NAME.after
  const char* host;
  HostEntry entry;
  bool only_adds;  // every byte of the file before is in the file after, in order
};

void PrintTo(const Sample& each, std::ostream* out) {
  *out << each.name;
}

class HostSample : public testing::TestWithParam<Sample> {};

bool is_subsequence(const std::string& small, const std::string& large) {
  std::size_t at = 0;
  for (char c : large) {
    if (at < small.size() && small[at] == c) ++at;
  }
  return at == small.size();
}

TEST_P(HostSample, BecomesWhatIsCommitted) {
  const Sample& each = GetParam();
  const auto before = sample(std::string(each.name) + ".before");
  const auto after = sample(std::string(each.name) + ".after");
  const auto host = find_host(each.host);
  ASSERT_TRUE(host);
  const auto edit = edit_host_file(**host, before.value_or(""), each.entry);
  ASSERT_TRUE(edit) << core::describe(edit.error());
  ASSERT_TRUE(after) << edit->text;
  EXPECT_EQ(edit->text, *after);
  if (each.only_adds) {
    EXPECT_TRUE(is_subsequence(before.value_or(""), edit->text));
  }
  // A second run changes nothing, byte for byte.
  const auto again = edit_host_file(**host, edit->text, each.entry);
  ASSERT_TRUE(again) << core::describe(again.error());
  EXPECT_EQ(again->text, edit->text);
}

INSTANTIATE_TEST_SUITE_P(
    Samples, HostSample,
    testing::Values(Sample{"vscode-missing", "vscode", by_reference(), true},
                    Sample{"vscode-only-comments", "vscode", by_reference(), true},
                    Sample{"vscode-guide", "vscode", by_reference(), false},
                    Sample{"vscode-tabs-comments", "vscode", by_reference(), true},
                    Sample{"vscode-crlf-bom", "vscode", with_values(), true},
                    Sample{"claude-desktop-missing", "claude-desktop", with_values(), true},
                    Sample{"claude-desktop-others", "claude-desktop", with_values(), true},
                    Sample{"claude-desktop-one-line", "claude-desktop", with_values(), true},
                    Sample{"claude-code-state", "claude-code", by_reference(), true},
                    Sample{"cursor-own-arguments", "cursor", person(), false},
                    Sample{"windsurf-empty-object", "windsurf", person(), false},
                    Sample{"gemini-settings", "gemini", person(), true},
                    Sample{"gemini-key-in-file", "gemini", person(), false},
                    Sample{"codex-missing", "codex", by_reference(), true},
                    Sample{"codex-others", "codex", with_values(), true},
                    Sample{"codex-crlf", "codex", with_values(), false},
                    Sample{"codex-inline", "codex", by_reference(), false}),
    [](const auto& param) {
      std::string name(param.param.name);
      std::ranges::replace(name, '-', '_');
      return name;
    });

TEST(Hosts, EveryHostHasASample) {
  std::set<std::string> seen;
  for (const auto& file :
       std::filesystem::directory_iterator(std::string(PROJECT_SOURCE_DIR) + "/tests/hosts")) {
    for (const auto& host : hosts()) {
      if (file.path().filename().string().starts_with(host.id)) seen.insert(std::string(host.id));
    }
  }
  EXPECT_EQ(seen.size(), hosts().size());
}

// Besides the entry and the declared inputs, the file says what it said before.
TEST(Hosts, NothingElseChangesItsMeaning) {
  struct Row {
    const char* name;
    const char* host;
  };
  for (const auto& [name, id] : {Row{"vscode-tabs-comments", "vscode"}, Row{"vscode-guide", "vscode"},
                                 Row{"claude-code-state", "claude-code"}, Row{"gemini-settings", "gemini"}}) {
    const auto host = *find_host(id);
    const auto before = core::jsonc::Document::parse(*sample(std::string(name) + ".before"));
    const auto after = core::jsonc::Document::parse(*sample(std::string(name) + ".after"));
    ASSERT_TRUE(before && after) << name;
    auto was = (*before->get({}))->as_object();
    auto is = (*after->get({}))->as_object();
    for (auto* object : {&was, &is}) {
      object->erase("inputs");
      if (auto* servers = object->if_contains(host->servers)) servers->as_object().erase("okta-mcp-server");
    }
    if (!was.contains(host->servers)) is.erase(host->servers);
    EXPECT_EQ(core::json::Value(was), core::json::Value(is)) << name;
  }
}

TEST(Hosts, RefusesWhatItCannotReadOrMustNotReplace) {
  struct Row {
    const char* host;
    const char* text;
    const char* code;
    const char* message;
  };
  const std::vector<Row> rows{
      {"vscode", "{ \"servers\": { \"a\" } }", "app.host_file", "expected a colon at line 1, column 20"},
      {"vscode", "{ \"servers\": [] }", "app.host_file", "expected an object (servers) at line 1, column 14"},
      {"vscode", "{ \"inputs\": {} }", "app.host_file", "expected an array (inputs) at line 1, column 13"},
      {"cursor", "{ \"mcpServers\": {}, \"mcpServers\": {} }", "app.host_file",
       "a second time at line 1, column 21"},
      {"cursor", "{ \"mcpServers\": { \"okta-mcp-server\": true } }", "app.host_entry", "is no object"},
      {"gemini", "{ \"mcpServers\": { \"okta-mcp-server\": { \"httpUrl\": \"https://x\" } } }",
       "app.host_entry", "is a server on the network"},
      {"windsurf", "{ \"mcpServers\": { \"okta-mcp-server\": { \"env\": [] } } }", "app.host_file",
       "expected an object (mcpServers.okta-mcp-server.env)"},
      {"codex", "a = 1\nb = = 2\n", "app.host_file", "at line 2, column 5"},
      {"codex", "mcp_servers = 3\n", "app.host_entry", "(line 1)"},
      {"codex", "[mcp_servers]\nokta-mcp-server = 3\n", "app.host_entry", "(line 2)"},
      {"codex", "mcp_servers = { a = { command = \"x\" } }\n", "app.host_entry", "does not change"},
      {"codex", "[mcp_servers.okta-mcp-server]\nurl = \"https://x\"\n", "app.host_entry", "on the network"},
      {"codex", "[mcp_servers]\nokta-mcp-server.command = \"okta-mcp-server\"\n", "app.host_entry",
       "does not change"},
      {"codex", "x = \"\xff\"\n", "app.host_file", "UTF-8"},
  };
  for (const auto& row : rows) {
    const auto edit = edit_host_file(**find_host(row.host), row.text, by_reference());
    ASSERT_FALSE(edit) << row.text << "\n" << edit->text;
    EXPECT_EQ(edit.error().code, row.code) << row.text;
    EXPECT_THAT(edit.error().message, HasSubstr(row.message)) << row.text;
    EXPECT_THAT(edit.error().hint, HasSubstr("Nothing was changed")) << row.text;
  }
}

TEST(Hosts, SaysWhatAPersonShouldKnow) {
  const auto notices = [](const char* host, const std::string& text) {
    const auto edit = edit_host_file(**find_host(host), text, person());
    EXPECT_TRUE(edit) << text;
    return edit ? edit->notices : std::vector<std::string>{};
  };
  EXPECT_THAT(notices("claude-desktop", "{\n  // mine\n}"),
              testing::ElementsAre(HasSubstr("ignores a file with comments or trailing commas: there is one "
                                             "at line 2, column 3")));
  EXPECT_TRUE(notices("vscode", "{\n  // mine\n}").empty());
  EXPECT_THAT(notices("gemini", *sample("gemini-key-in-file.before")),
              testing::ElementsAre(HasSubstr("OKTA_PRIVATE_KEY holds the secret itself")));
  EXPECT_THAT(notices("codex", *sample("codex-crlf.before")),
              testing::ElementsAre(HasSubstr("another program (uv)")));
}

TEST(Hosts, AnEntryThatSignsInOtherwiseIsNotGivenFiveVariables) {
  const std::string text =
      R"({"mcpServers": {"okta-mcp-server": {"command": "okta-mcp-server", "env": {"OKTA_API_TOKEN": "${env:T}"}}}})";
  const auto edit = edit_host_file(**find_host("cursor"), text, person());
  ASSERT_TRUE(edit);
  EXPECT_THAT(edit->text, AllOf(HasSubstr(kProgram), Not(HasSubstr("OKTA_ORG_URL"))));
  const auto codex = edit_host_file(**find_host("codex"),
                                    "[mcp_servers.okta-mcp-server]\ncommand = \"okta-mcp-server\"\n"
                                    "env = { OKTA_MCP_CONFIG = \"/etc/okta.toml\" }\n",
                                    by_reference());
  ASSERT_TRUE(codex);
  EXPECT_THAT(codex->text, AllOf(HasSubstr(kProgram), Not(HasSubstr("env_vars"))));
}

TEST(Hosts, FilesOfEachHost) {
  const Environment plain{{"HOME", "/home/u"}};
  const Environment moved{
      {"HOME", "/home/u"}, {"XDG_CONFIG_HOME", "/x"}, {"CODEX_HOME", "/c"}, {"CLAUDE_CONFIG_DIR", "/k"}};
  struct Row {
    const char* host;
    const char* project;  // "" when it has none
    const char* user;
    const char* user_moved;
  };
  const std::vector<Row> rows{
      {"vscode", "/w/.vscode/mcp.json", "/home/u/.config/Code/User/mcp.json", "/x/Code/User/mcp.json"},
      {"claude-desktop", "", "/home/u/.config/Claude/claude_desktop_config.json",
       "/x/Claude/claude_desktop_config.json"},
      {"claude-code", "/w/.mcp.json", "/home/u/.claude.json", "/k/.claude.json"},
      {"cursor", "/w/.cursor/mcp.json", "/home/u/.cursor/mcp.json", "/home/u/.cursor/mcp.json"},
      {"windsurf", "", "/home/u/.codeium/windsurf/mcp_config.json",
       "/home/u/.codeium/windsurf/mcp_config.json"},
      {"gemini", "/w/.gemini/settings.json", "/home/u/.gemini/settings.json",
       "/home/u/.gemini/settings.json"},
      {"codex", "/w/.codex/config.toml", "/home/u/.codex/config.toml", "/c/config.toml"},
  };
  ASSERT_EQ(rows.size(), hosts().size());
  for (const auto& row : rows) {
    const Host& host = **find_host(row.host);
    const auto project = host_file(host, HostScope::project, "/w", plain);
    if (std::string_view(row.project).empty()) {
      EXPECT_EQ(project.error().code, "app.host_scope") << row.host;
    } else {
      EXPECT_EQ(project.value_or("-"), row.project);
    }
    EXPECT_EQ(host_file(host, HostScope::user, "/w", plain).value_or("-"), row.user);
    EXPECT_EQ(host_file(host, HostScope::user, "/w", moved).value_or("-"), row.user_moved);
    EXPECT_EQ(host_file(host, HostScope::user, "/w", {}).error().code, "app.home");
  }
  EXPECT_THAT(find_host("emacs").error().hint, HasSubstr("claude-desktop"));
}

TEST(TextDiff, ShowsChangesWithContext) {
  EXPECT_EQ(text_diff("a\nb\n", "a\nb\n", "f"), "");
  EXPECT_EQ(text_diff("", "a\nb\n", "f"), "--- f\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
  EXPECT_EQ(text_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n", "f"),
            "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  EXPECT_EQ(text_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n0\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", "f"),
            "--- f\n+++ f\n@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -7,4 +8,3 @@\n 7\n 8\n 9\n-0\n");
}

TEST(TextDiff, ShowsNoSecretsAndNoControlCharacters) {
  struct Row {
    const char* line;
    const char* shown;
  };
  for (const auto& [line, shown] : {
           Row{R"(  "GITHUB_TOKEN": "abc\"def",)", R"(  "GITHUB_TOKEN": "***",)"},
           Row{R"("a": "b", "apiKey":"zzzz", "c": "d")", R"("a": "b", "apiKey":"***", "c": "d")"},
           Row{R"(MY_SECRET = "zzzz" # x)", R"(MY_SECRET = "***" # x)"},
           Row{R"("OKTA_PRIVATE_KEY": "${input:OKTA_PRIVATE_KEY}")",
               R"("OKTA_PRIVATE_KEY": "${input:OKTA_PRIVATE_KEY}")"},
           Row{R"("OKTA_PRIVATE_KEY": "/home/u/key.pem")", R"("OKTA_PRIVATE_KEY": "/home/u/key.pem")"},
           Row{R"("OKTA_KEY_ID": "kid-1")", R"("OKTA_KEY_ID": "kid-1")"},
           Row{"TOKEN = 'zzzz' # don't", "TOKEN = '***' # don't"},
           Row{R"("args": ["Bearer abcdefghijklmnop"])", R"("args": ["Bearer [redacted]"])"},
           Row{"\t\"x\x1b[31m\": 1\r", "    \"x[31m\": 1"},
           Row{R"("open: "TOKEN)", R"("open: "TOKEN)"},
       }) {
    EXPECT_EQ(text_diff("", line, "f"), std::string("--- f\n+++ f\n@@ -0,0 +1,1 @@\n+") + shown + "\n");
  }
}

}  // namespace
