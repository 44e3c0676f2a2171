// First contact: init, keygen and doctor as a newcomer runs them.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/scratch_directory.h"
#include "dev_org.h"
#include "net/http_server.h"
#include "oauth/jws.h"
#include "oauth/key_loading.h"
#include "process.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

mode_t mode(const std::string& path) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
}

class FirstContactTest : public testing::Test {
 protected:
  std::string home(const std::string& name = "") const {
    return home_.path() + (name.empty() ? "" : "/" + name);
  }
  Finished mcp(std::vector<std::string> arguments, Environment environment = {}) const {
    arguments.insert(arguments.begin(), program("okta-mcp-server"));
    environment.emplace("HOME", home());
    return run(arguments, environment);
  }
  core::ScratchDirectory home_;
};

using InitTest = FirstContactTest;

const std::vector<std::string> kCursor{"init",        "cursor",   "--org-url", "https://example.okta.com",
                                       "--client-id", "0oa1abcd", "--scopes",  "okta.users.read"};

std::vector<std::string> cursor(std::vector<std::string> more) {
  auto arguments = kCursor;
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_F(InitTest, WritesAFileOnceAndKeepsEveryBackup) {
  const std::string file = home(".cursor/mcp.json");
  const auto first = mcp(cursor({"--yes"}));
  ASSERT_EQ(first.status, 0) << first.err;
  EXPECT_THAT(first.out, AllOf(HasSubstr("+    \"okta-mcp-server\": {"), HasSubstr("Wrote " + file)));
  EXPECT_EQ(mode(file), 0600U);
  EXPECT_FALSE(std::filesystem::exists(file + ".bak"));
  const auto value = json::parse(read(file));
  ASSERT_TRUE(value);
  EXPECT_EQ(json::string_or_empty(*value, "mcpServers.okta-mcp-server.command"), program("okta-mcp-server"));
  EXPECT_EQ(json::string_or_empty(*value, "mcpServers.okta-mcp-server.env.OKTA_CLIENT_ID"), "0oa1abcd");

  const std::string written = read(file);
  const auto second = mcp(cursor({"--yes"}));
  EXPECT_EQ(second.status, 0);
  EXPECT_THAT(second.out, HasSubstr("nothing to change"));
  EXPECT_EQ(read(file), written);
  EXPECT_FALSE(std::filesystem::exists(file + ".bak"));

  ASSERT_EQ(chmod(file.c_str(), 0640), 0);
  ASSERT_EQ(mcp(cursor({"--yes", "--name", "second"})).status, 0);
  EXPECT_EQ(read(file + ".bak"), written);
  EXPECT_EQ(mode(file), 0640U);
  EXPECT_EQ(mode(file + ".bak"), 0640U);
  ASSERT_EQ(mcp(cursor({"--yes", "--name", "third"})).status, 0);
  EXPECT_EQ(read(file + ".bak"), written) << "an older backup is never written over";
  EXPECT_THAT(read(file + ".bak.1"), AllOf(HasSubstr("\"second\""), Not(HasSubstr("\"third\""))));
}

TEST_F(InitTest, AsksAtATerminalAndNowhereElse) {
  const std::string file = home(".cursor/mcp.json");
  const auto nobody = mcp(kCursor);
  EXPECT_EQ(nobody.status, 2);
  EXPECT_THAT(nobody.err, HasSubstr("--yes"));
  const auto dry = mcp(cursor({"--dry-run"}));
  EXPECT_EQ(dry.status, 0);
  EXPECT_THAT(dry.out, HasSubstr("+    \"okta-mcp-server\": {"));
  EXPECT_FALSE(std::filesystem::exists(file));

  auto arguments = kCursor;
  arguments.insert(arguments.begin(), program("okta-mcp-server"));
  for (const auto* no : {"", "n", "yeah"}) {
    EXPECT_EQ(run_on_terminal(arguments, {{"HOME", home()}}, {no}).status, 1) << no;
    EXPECT_FALSE(std::filesystem::exists(file)) << no;
  }
  EXPECT_EQ(run_on_terminal(arguments, {{"HOME", home()}}, {"y"}).status, 0);
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST_F(InitTest, ClaudeDesktopIsAskedForWhatItCannotReferTo) {
  const auto missing = mcp({"init", "claude-desktop", "--yes"});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, AllOf(HasSubstr("OKTA_ORG_URL"), HasSubstr("--org-url")));
  const auto asked =
      run_on_terminal({program("okta-mcp-server"), "init", "claude-desktop"}, {{"HOME", home()}},
                      {"https://example.okta.com", "0oa1", "okta.users.read", "y"});
  EXPECT_EQ(asked.status, 0) << asked.out;
  EXPECT_THAT(read(home(".config/Claude/claude_desktop_config.json")),
              HasSubstr("\"OKTA_ORG_URL\": \"https://example.okta.com\""));
}

TEST_F(InitTest, FollowsALinkAndLeavesItThere) {
  std::filesystem::create_directories(home("dotfiles"));
  std::filesystem::create_directories(home(".cursor"));
  put(home("dotfiles/mcp.json"), "{}\n");
  std::filesystem::create_symlink("../dotfiles/mcp.json", home(".cursor/mcp.json"));
  ASSERT_EQ(mcp(cursor({"--yes"})).status, 0);
  EXPECT_TRUE(std::filesystem::is_symlink(home(".cursor/mcp.json")));
  EXPECT_THAT(read(home("dotfiles/mcp.json")), HasSubstr("okta-mcp-server"));
}

TEST_F(InitTest, AFileItCannotReadIsLeftAlone) {
  const std::string file = home("broken.json");
  const std::string broken = "{\n  \"mcpServers\": {\n    \"a\": 1\n    \"b\": 2\n  }\n}\n";
  put(file, broken);
  const auto refused = mcp(cursor({"--yes", "--file", file}));
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("expected a comma or } at line 4, column 5"), HasSubstr(file)));
  EXPECT_EQ(read(file), broken);
  EXPECT_FALSE(std::filesystem::exists(file + ".bak"));
  EXPECT_EQ(mcp({"init", "emacs"}).status, 2);
  EXPECT_EQ(mcp(cursor({"--scope", "planet"})).status, 2);
  EXPECT_EQ(mcp({"init", "windsurf", "--scope", "project"}).status, 2);
  EXPECT_EQ(mcp({"init", "cursor", "--org-url", "http://example.com", "--yes"}).status, 2);
}

TEST_F(InitTest, NoSecretGoesIntoAFile) {
  const Environment secret{
      {"OKTA_ORG_URL", "https://example.okta.com"},
      {"OKTA_CLIENT_ID", "0oa1"},
      {"OKTA_SCOPES", "okta.users.read"},
      {"OKTA_PRIVATE_KEY", "-----BEGIN PRIVATE KEY-----\nMIIs3cr3t\n-----END PRIVATE KEY-----"},
      {"OKTA_KEY_ID", "kid-1"},
      {"OKTA_API_TOKEN", "00s3cr3tt0ken"}};
  for (const auto* host : {"vscode", "claude-code", "cursor", "windsurf", "gemini", "codex"}) {
    const std::string file = home(host);
    const auto done = mcp({"init", host, "--yes", "--file", file}, secret);
    EXPECT_EQ(done.status, 0) << done.err;
    EXPECT_THAT(read(file), AllOf(HasSubstr("OKTA_PRIVATE_KEY"), Not(HasSubstr("s3cr3t")))) << host;
    EXPECT_THAT(done.out + done.err, Not(HasSubstr("s3cr3t"))) << host;
  }
  const auto refused = mcp({"init", "claude-desktop", "--yes"}, secret);
  EXPECT_EQ(refused.status, 2);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("--key-file"), Not(HasSubstr("s3cr3t"))));
}

// The entry, run as the host would run it, reaches the org.
TEST_F(InitTest, WhatItWritesSignsIn) {
  DevOrg org;
  ASSERT_TRUE(org.up());
  const auto settings = org.key_settings(home("state"));
  put(home("key.pem"), settings.at("OKTA_PRIVATE_KEY"));
  const std::string file = home("settings.json");
  const auto done = mcp({"init", "gemini", "--yes", "--file", file, "--org-url", settings.at("OKTA_ORG_URL"),
                         "--client-id", settings.at("OKTA_CLIENT_ID"), "--scopes", settings.at("OKTA_SCOPES"),
                         "--key-file", home("key.pem"), "--key-id", settings.at("OKTA_KEY_ID")});
  ASSERT_EQ(done.status, 0) << done.err;
  const auto written = json::parse(read(file));
  ASSERT_TRUE(written);
  const auto* entry = json::find(*written, "mcpServers.okta-mcp-server");
  ASSERT_NE(entry, nullptr);
  Environment environment{{"HOME", home()}};
  for (const auto& variable : entry->at("env").as_object()) {
    environment[std::string(variable.key())] = std::string(variable.value().as_string());
  }
  const auto checked = run({std::string(entry->at("command").as_string()), "doctor"}, environment);
  EXPECT_EQ(checked.status, 0) << checked.out;
  EXPECT_THAT(checked.out, HasSubstr("ok    sign-in"));
}

TEST_F(InitTest, PointsToAConfigurationFileInstead) {
  put(home("okta.toml"), "");
  const std::string file = home("mcp.json");
  ASSERT_EQ(mcp({"init", "cursor", "--yes", "--file", file, "--config-file", home("okta.toml")}).status, 0);
  EXPECT_THAT(read(file), AllOf(HasSubstr("\"OKTA_MCP_CONFIG\": \"" + home("okta.toml") + "\""),
                                Not(HasSubstr("OKTA_ORG_URL"))));
  EXPECT_EQ(mcp({"init", "cursor", "--yes", "--config-file", home("none.toml")}).status, 2);
}

using KeygenTest = FirstContactTest;

TEST_F(KeygenTest, ThePublicHalfVerifiesWhatThePrivateHalfSigns) {
  struct Row {
    std::vector<std::string> arguments;
    oauth::Algorithm algorithm;
    std::size_t bits;
  };
  const std::vector<Row> rows{
      {{"keygen", "--json"}, oauth::Algorithm::rs256, 3072},
      {{"keygen", "--json", "--type", "ec", "--out", home("ec.pem")}, oauth::Algorithm::es256, 256},
      {{"keygen", "--json", "--bits", "2048", "--kid", "my-key", "--out", home("k.pem")},
       oauth::Algorithm::rs256,
       2048}};
  for (const auto& row : rows) {
    const auto made = mcp(row.arguments);
    ASSERT_EQ(made.status, 0) << made.err;
    const auto answer = json::parse(made.out);
    ASSERT_TRUE(answer);
    const std::string file(json::string_or_empty(*answer, "private_key_file"));
    const std::string kid(json::string_or_empty(*answer, "kid"));
    EXPECT_EQ(mode(file), 0600U);
    const auto* jwk = json::find(*answer, "jwk");
    ASSERT_TRUE(jwk && jwk->is_object());
    for (const auto* half : {"d", "p", "q", "dp", "dq", "qi"}) EXPECT_FALSE(jwk->as_object().contains(half));
    EXPECT_EQ(json::string_or_empty(*jwk, "use"), "sig");
    EXPECT_EQ(json::string_or_empty(*jwk, "kid"), kid);
    // As the server reads it, and as Okta would.
    const auto signer = oauth::load_private_key(file, kid);
    const auto verifier = oauth::Key::from_jwk(jwk->as_object());
    ASSERT_TRUE(signer && verifier);
    EXPECT_EQ(signer->bits(), row.bits);
    EXPECT_EQ(kid, row.arguments.back() == home("k.pem") ? "my-key" : signer->thumbprint());
    const auto token = oauth::sign_compact(*signer, "payload");
    ASSERT_TRUE(token);
    EXPECT_TRUE(oauth::verify_compact(*token, oauth::KeySet({*verifier}),
                                      {.algorithms = {row.algorithm}, .require_kid = true}));
  }
}

TEST_F(KeygenTest, NeverWritesOverAKey) {
  const auto first = mcp({"keygen"});
  ASSERT_EQ(first.status, 0) << first.err;
  const std::string file = home(".config/okta-mcp-server/private-key.pem");
  EXPECT_THAT(first.out, AllOf(HasSubstr("OKTA_PRIVATE_KEY=" + file), HasSubstr("OKTA_KEY_ID="),
                               HasSubstr("\"kty\": \"RSA\""), Not(HasSubstr("BEGIN"))));
  EXPECT_EQ(mode(home(".config/okta-mcp-server")), 0700U);
  const std::string key = read(file);
  const auto second = mcp({"keygen"});
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, AllOf(HasSubstr("already there"), HasSubstr("--out")));
  EXPECT_EQ(read(file), key);
  for (const auto& wrong : std::vector<std::vector<std::string>>{
           {"--type", "dsa"}, {"--bits", "1024"}, {"--bits", "99999"}, {"--kid", "a b"}}) {
    auto arguments = wrong;
    arguments.insert(arguments.begin(), {"keygen", "--out", home("other.pem")});
    EXPECT_EQ(mcp(arguments).status, 2) << wrong.back();
    EXPECT_FALSE(std::filesystem::exists(home("other.pem"))) << wrong.back();
  }
}

class DoctorTest : public FirstContactTest {
 protected:
  // verdict and text by check; nothing it prints may hold a secret of the settings.
  std::map<std::string, std::string> doctor(const Environment& settings, int status) {
    const auto done = mcp({"doctor", "--json"}, settings);
    EXPECT_EQ(done.status, status) << done.out << done.err;
    for (const auto* name : {"OKTA_API_TOKEN", "OKTA_PRIVATE_KEY"}) {
      const auto found = settings.find(name);
      if (found == settings.end()) continue;
      const std::string& text = found->second;
      EXPECT_THAT(done.out + done.err, Not(HasSubstr(text.size() > 300 ? text.substr(200, 60) : text)));
    }
    std::map<std::string, std::string> out;
    const auto value = json::parse(done.out);
    EXPECT_TRUE(value) << done.out;
    if (!value) return out;
    EXPECT_EQ(value->at("ok").as_bool(), status == 0);
    for (const auto& check : value->at("checks").as_array()) {
      out[std::string(json::string_or_empty(check, "check"))] =
          std::string(json::string_or_empty(check, "verdict")) + ": " +
          std::string(json::string_or_empty(check, "found")) + " " +
          std::string(json::string_or_empty(check, "cure"));
    }
    return out;
  }
  std::string state() const { return home("state"); }
};

TEST_F(DoctorTest, AGoodKeyHasNothingToMend) {
  DevOrg org;
  ASSERT_TRUE(org.up());
  auto found = doctor(org.key_settings(state()), 0);
  for (const auto* check :
       {"configuration", "state directory", "login store", "log file", "proxy", "dns", "connection", "tls",
        "org", "clock", "credentials", "sign-in", "dpop", "scopes", "admin rights", "rate limits"}) {
    EXPECT_THAT(found[check], HasSubstr("ok: ")) << check;
  }
  EXPECT_THAT(found["credentials"], HasSubstr("RSA private key of 2048 bits"));
  EXPECT_THAT(found["scopes"], HasSubstr("All 9"));
  EXPECT_THAT(found["admin rights"], HasSubstr("users, groups, applications, policies, logs"));
  const auto words = mcp({"doctor"}, org.key_settings(state()));
  EXPECT_EQ(words.status, 0);
  EXPECT_THAT(words.out, HasSubstr("ok    sign-in"));
}

TEST_F(DoctorTest, AnApiTokenIsCheckedByUsingIt) {
  DevOrg org;
  ASSERT_TRUE(org.up());
  auto settings = org.token_settings(state());
  EXPECT_THAT(doctor(settings, 0)["admin rights"], HasSubstr("ok: May read users"));
  settings["OKTA_API_TOKEN"] = "00wrongwrongwrongwrongwrongwrongwrongwrong";
  EXPECT_THAT(doctor(settings, 1)["admin rights"], AllOf(HasSubstr("fail: "), HasSubstr("OKTA_API_TOKEN")));
}

TEST_F(DoctorTest, ASignInIsNeverStarted) {
  DevOrg org;
  ASSERT_TRUE(org.up());
  auto found = doctor(org.device_settings(state()), 1);
  EXPECT_THAT(found["sign-in"], AllOf(HasSubstr("Nobody is signed in"), HasSubstr("okta-mcp-server login")));
  EXPECT_FALSE(found.contains("scopes"));
}

TEST_F(DoctorTest, NamesWhatIsWrongWithTheCredentials) {
  DevOrg org;
  ASSERT_TRUE(org.up());
  const auto good = org.key_settings(state());

  auto settings = good;
  ASSERT_EQ(mcp({"keygen", "--out", home("other.pem")}).status, 0);
  settings["OKTA_PRIVATE_KEY"] = home("other.pem");
  EXPECT_THAT(doctor(settings, 1)["sign-in"], AllOf(HasSubstr("fail: "), HasSubstr("OKTA_PRIVATE_KEY")));

  settings = good;
  settings["OKTA_KEY_ID"] = "no-such-key";
  EXPECT_THAT(doctor(settings, 1)["sign-in"], AllOf(HasSubstr("fail: "), HasSubstr("OKTA_KEY_ID")));

  settings = good;
  settings["OKTA_PRIVATE_KEY"] = "-----BEGIN PRIVATE KEY-----\nMIIEvgIBADANBg";
  EXPECT_THAT(doctor(settings, 1)["credentials"], HasSubstr("fail: "));

  settings = good;
  settings["OKTA_SCOPES"] = "okta.users.read okta.nonsense.read";
  EXPECT_THAT(doctor(settings, 1)["sign-in"], HasSubstr("okta.nonsense.read"));

  settings = good;
  settings.erase("OKTA_CLIENT_ID");
  auto found = doctor(settings, 1);
  EXPECT_THAT(found["configuration"], HasSubstr("OKTA_CLIENT_ID"));
  EXPECT_THAT(found["org"], HasSubstr("ok: ")) << "the network is looked at all the same";
  EXPECT_THAT(found["sign-in"], HasSubstr("skip: "));
}

TEST_F(DoctorTest, ASettingThatCannotBeReadIsTheFirstFinding) {
  EXPECT_THAT(doctor({{"OKTA_ORG_URL", "http://example.com"}}, 1)["configuration"], HasSubstr("https"));
  EXPECT_THAT(doctor({}, 1)["configuration"], HasSubstr("OKTA_ORG_URL is not set"));
}

TEST_F(DoctorTest, NamesWhatIsWrongWithTheMachine) {
  std::filesystem::create_directories(state());
  ASSERT_EQ(chmod(state().c_str(), 0777), 0);
  auto found = doctor({{"OKTA_MCP_STATE_DIR", state()},
                       {"OKTA_LOG_FILE", home("no/such/directory/log")},
                       {"OKTA_MCP_KEY_FILE", home("no-key")}},
                      1);
  EXPECT_THAT(found["state directory"], AllOf(HasSubstr("fail: "), HasSubstr("chmod 700")));
  EXPECT_THAT(found["log file"], AllOf(HasSubstr("fail: "), HasSubstr("OKTA_LOG_FILE")));
  EXPECT_THAT(found["login store"], AllOf(HasSubstr("fail: "), HasSubstr("OKTA_MCP_KEY_FILE")));
}

TEST_F(DoctorTest, NamesWhatIsWrongWithTheNetwork) {
  net::ServerResponse answer;
  auto server = net::HttpServer::start({}, [&](const net::ServerRequest&) { return answer; });
  ASSERT_TRUE(server);
  const std::string url = "http://127.0.0.1:" + std::to_string((*server)->port());
  const Environment settings{
      {"OKTA_ORG_URL", url}, {"OKTA_API_TOKEN", "00s3cr3ts3cr3ts3cr3t"}, {"OKTA_MCP_STATE_DIR", state()}};
  struct Row {
    net::ServerResponse answer;
    const char* org;
    int status = 1;
  };
  const std::vector<Row> rows{
      {{.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>Wi-Fi login</html>"},
       "fail: "},
      {{.status = 404}, "answered 404"},
      {{.status = 302, .headers = {{"Location", "https://login.example.com/x"}}},
       "https://login.example.com/x"},
      {{.status = 200, .headers = {{"Content-Type", "application/json"}}, .body = "{}"}, "no Okta org"},
      {{.fault = net::Fault::reset_without_answer}, "fail: "},
      {{.status = 200,
        .headers = {{"Content-Type", "application/json"}},
        .body = R"({"issuer":"https://other.okta.com"})"},
       "warn: ",
       0},
  };
  for (const auto& row : rows) {
    answer = row.answer;
    auto found = doctor(settings, row.status);
    EXPECT_THAT(found["org"], HasSubstr(row.org));
    EXPECT_THAT(found["connection"], HasSubstr("ok: "));
  }
  (*server)->stop();
  auto found = doctor(settings, 1);
  EXPECT_THAT(found["connection"], AllOf(HasSubstr("fail: "), HasSubstr("refused")));
  EXPECT_THAT(found["sign-in"], HasSubstr("skip: "));
}

TEST_F(DoctorTest, ScopesWithoutARoleAreNoRights) {
  auto server = net::HttpServer::start({}, [&](const net::ServerRequest& request) {
    if (request.path == "/.well-known/oauth-authorization-server") {
      return net::ServerResponse{
          .headers = {{"Content-Type", "application/json"}},
          .body = R"({"issuer":"http://)" + std::string(request.headers.get("Host")) + R"("})"};
    }
    const bool users = request.path == "/api/v1/users";
    return net::ServerResponse{
        .status = users ? 200 : 403,
        .headers = {{"Content-Type", "application/json"},
                    {"X-Rate-Limit-Limit", "100"},
                    {"X-Rate-Limit-Remaining", "4"},
                    {"X-Rate-Limit-Reset",
                     std::to_string(core::to_unix_seconds(core::system_clock().now()) + 50)}},
        .body = users
                    ? "[]"
                    : R"({"errorCode":"E0000006","errorSummary":"You do not have permission to perform the )"
                      R"(requested action","errorCauses":[]})"};
  });
  ASSERT_TRUE(server);
  auto found = doctor({{"OKTA_ORG_URL", "http://127.0.0.1:" + std::to_string((*server)->port())},
                       {"OKTA_API_TOKEN", "00s3cr3ts3cr3ts3cr3t"},
                       {"OKTA_MCP_STATE_DIR", state()}},
                      0);
  EXPECT_THAT(
      found["admin rights"],
      AllOf(HasSubstr("warn: "), HasSubstr("groups, applications, policies, logs"), HasSubstr("admin role")));
  EXPECT_THAT(found["rate limits"], HasSubstr("warn: "));
}

}  // namespace
}  // namespace e2e
