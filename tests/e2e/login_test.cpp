// `login --browser` as a person does it: the program starts the browser, which is a script here, the org is
// an authorization server of this test, and other commands use the login afterwards.
#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <sstream>
#include <thread>

#include "core/encoding.h"
#include "core/json.h"
#include "core/scratch_directory.h"
#include "core/seal.h"
#include "net/http_server.h"
#include "net/url.h"
#include "process.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::HasSubstr;
using testing::Not;

// Grants a code for every authorization request, without asking anybody, and checks RFC 7636 at the token
// endpoint. Refresh tokens rotate.
class TinyOrg {
 public:
  TinyOrg() {
    auto server = net::HttpServer::start({}, [this](const net::ServerRequest& request) {
      std::lock_guard lock(mutex_);
      return answer(request);
    });
    if (server) server_ = *std::move(server);
  }
  std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }
  std::vector<std::string> seen() {
    std::lock_guard lock(mutex_);
    return seen_;
  }
  void deny() {
    std::lock_guard lock(mutex_);
    denies_ = true;
  }

 private:
  static net::ServerResponse reply(int status, const json::Object& body) {
    return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = json::write(body)};
  }

  net::ServerResponse answer(const net::ServerRequest& request) {
    if (request.path == "/oauth2/v1/authorize") return authorize(request.query);
    if (request.path == "/oauth2/v1/token") return token(*net::parse_query(request.body));
    if (request.path == "/oauth2/v1/revoke") {
      seen_.push_back("revoke " + *net::query_value(*net::parse_query(request.body), "token"));
      return {.status = 200};
    }
    if (request.path == "/oauth2/v1/device/authorize") {
      seen_.emplace_back("device");
      return reply(400, {{"error", "unauthorized_client"}});
    }
    if (request.path == "/api/v1/users" && request.headers.get("Authorization") == "Bearer " + access_) {
      return {.headers = {{"Content-Type", "application/json"}}, .body = "[]"};
    }
    return reply(401, {{"errorCode", "E0000011"}, {"errorSummary", "Invalid token provided"}});
  }
  net::ServerResponse authorize(const std::string& query) {
    const auto asked = *net::parse_query(query);
    const auto value = [&](std::string_view name) { return net::query_value(asked, name).value_or(""); };
    seen_.push_back("authorize " + value("code_challenge_method") + " " + value("scope"));
    challenge_ = value("code_challenge");
    redirect_uri_ = value("redirect_uri");
    const std::string outcome = denies_ ? "error=access_denied" : "code=code-s3cr3t";
    return {.status = 302,
            .headers = {{"Location", fmt::format("{}?{}&state={}&iss={}", redirect_uri_, outcome,
                                                 value("state"), core::percent_encode(url()))}}};
  }
  net::ServerResponse token(const net::Query& form) {
    const auto value = [&](std::string_view name) { return net::query_value(form, name).value_or(""); };
    seen_.push_back("token " + value("grant_type"));
    const bool code = value("grant_type") == "authorization_code" && value("code") == "code-s3cr3t" &&
                      value("redirect_uri") == redirect_uri_ &&
                      core::base64url_encode(core::sha256(value("code_verifier"))) == challenge_;
    const bool refresh = value("grant_type") == "refresh_token" && value("refresh_token") == refresh_;
    if (!code && !refresh) return reply(400, {{"error", "invalid_grant"}});
    ++generation_;
    access_ = fmt::format("access-{}-s3cr3t", generation_);
    refresh_ = fmt::format("refresh-{}-s3cr3t", generation_);
    return reply(200, {{"token_type", "Bearer"},
                       {"expires_in", 3600},
                       {"access_token", access_},
                       {"refresh_token", refresh_},
                       {"scope", "okta.users.read offline_access"}});
  }

  std::mutex mutex_;
  std::vector<std::string> seen_;
  std::string challenge_, redirect_uri_, access_, refresh_;
  int generation_ = 0;
  bool denies_ = false;
  std::unique_ptr<net::HttpServer> server_;
};

class LoginTest : public testing::Test {
 protected:
  void SetUp() override {
    // The desktop's opener: it notes what it was given, follows it, and keeps the last page.
    const std::string opener = scratch_.path() + "/xdg-open";
    std::ofstream(opener) << "#!/bin/sh\necho \"$1\" >" << scratch_.path() << "/link\n"
                          << "exec curl -s -L --max-time 20 -o " << scratch_.path() << "/page \"$1\"\n";
    std::filesystem::permissions(opener, std::filesystem::perms::owner_all);
  }
  Environment settings() const {
    return {{"OKTA_ORG_URL", org_.url()},       {"OKTA_CLIENT_ID", "0oaNative"},
            {"OKTA_SCOPES", "okta.users.read"}, {"OKTA_MCP_STATE_DIR", scratch_.path() + "/state"},
            {"OKTA_LOG_LEVEL", "debug"},        {"OKTA_LOG_FILE", scratch_.path() + "/log"}};
  }
  // On a desktop.
  Finished login(std::vector<std::string> more = {}, Environment extra = {}) {
    auto environment = settings();
    environment["PATH"] = scratch_.path() + ":/usr/bin:/bin";
    environment["DISPLAY"] = ":99";
    for (auto& [name, value] : extra) environment[name] = std::move(value);
    std::vector<std::string> argv = {program("okta-mcp-server"), "login", "--browser"};
    argv.insert(argv.end(), more.begin(), more.end());
    return run(argv, environment);
  }
  Finished command(std::vector<std::string> words) const {
    words.insert(words.begin(), program("okta-mcp-server"));
    return run(words, settings());
  }
  std::string file(const std::string& name) const {
    std::ifstream in(scratch_.path() + "/" + name);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
  }
  // One that was free a moment ago.
  static std::string free_port() {
    auto server = net::HttpServer::start({}, [](const net::ServerRequest&) { return net::ServerResponse{}; });
    return std::to_string((*server)->port());
  }

  TinyOrg org_;
  core::ScratchDirectory scratch_;
};

TEST_F(LoginTest, TheBrowserSignsInForEveryCommandAfter) {
  const std::string port = free_port();
  const auto finished = login({"--port", port});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("Signed in to " + org_.url() + " by authorization code.\n"));
  EXPECT_THAT(finished.out, HasSubstr("  okta.users.read\n"));
  EXPECT_THAT(finished.err, HasSubstr("http://127.0.0.1:" + port + "/callback\n"));
  EXPECT_THAT(finished.err, HasSubstr(org_.url() + "/oauth2/v1/authorize?"));
  // The browser may still be writing the page.
  for (const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{30};
       !file("page").contains("</html>") && std::chrono::steady_clock::now() < end;) {
    std::this_thread::yield();
  }
  EXPECT_THAT(file("page"), HasSubstr("You can close this window."));
  EXPECT_THAT(org_.seen(),
              testing::ElementsAre("authorize S256 okta.users.read openid profile email offline_access",
                                   "token authorization_code"));

  const auto status = command({"status", "--json"});
  EXPECT_THAT(status.out, HasSubstr(R"("sign_in":"authorization code")"));
  EXPECT_THAT(status.out, HasSubstr(R"("granted_scopes":["okta.users.read","offline_access"])"));
  EXPECT_EQ(command({"call", "list_users"}).status, 0);
  EXPECT_EQ(command({"login"}).out.substr(0, 9), "Signed in") << "the stored login is used, nobody is asked";
  EXPECT_EQ(org_.seen().size(), 2u);

  for (const auto& said : {finished.out, finished.err, file("page"), file("link"), file("log"), status.out}) {
    EXPECT_THAT(said, Not(HasSubstr("s3cr3t")));
  }

  const auto logout = command({"logout"});
  EXPECT_EQ(logout.status, 0);
  EXPECT_THAT(logout.out, HasSubstr("was removed"));
  EXPECT_THAT(logout.out, HasSubstr("has revoked its tokens"));
  const auto seen = org_.seen();
  EXPECT_THAT(std::vector(seen.begin() + 2, seen.end()),
              testing::ElementsAre("revoke refresh-1-s3cr3t", "revoke access-1-s3cr3t"));
  EXPECT_THAT(command({"status", "--json"}).out, HasSubstr("device authorization grant"));
  EXPECT_THAT(command({"logout"}).out, HasSubstr("no stored login"));
}

TEST_F(LoginTest, SpeaksJsonToMachines) {
  const std::string port = free_port();
  const auto finished = login({"--json"}, {{"OKTA_MCP_REDIRECT_PORT", port}});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(finished.err, "");
  std::istringstream lines(finished.out);
  std::string first, second, third;
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_FALSE(std::getline(lines, third));
  const auto prompt = json::parse(first), outcome = json::parse(second);
  ASSERT_TRUE(prompt && outcome) << finished.out;
  EXPECT_EQ(prompt->at("event").as_string(), "prompt");
  EXPECT_EQ(prompt->at("grant").as_string(), "authorization_code");
  EXPECT_EQ(prompt->at("redirect_uri").as_string(), "http://127.0.0.1:" + port + "/callback");
  EXPECT_EQ(std::string(prompt->at("link").as_string()) + "\n", file("link"));
  EXPECT_TRUE(prompt->at("browser_opened").as_bool());
  EXPECT_EQ(outcome->at("event").as_string(), "signed_in");
  EXPECT_EQ(outcome->at("org").as_string(), org_.url());
  EXPECT_EQ(outcome->at("method").as_string(), "authorization code");
}

TEST_F(LoginTest, SaysWhatWentWrong) {
  org_.deny();
  const auto finished = login({"--json", "--port", free_port()});
  EXPECT_EQ(finished.status, 1);
  EXPECT_THAT(finished.out, HasSubstr(R"({"event":"failed","code":"oauth.access_denied",)"));
  EXPECT_THAT(finished.err, HasSubstr("declined"));
}

TEST_F(LoginTest, NamesAPortThatIsTaken) {
  const auto taken =
      net::HttpServer::start({}, [](const net::ServerRequest&) { return net::ServerResponse{}; });
  ASSERT_TRUE(taken);
  const std::string port = std::to_string((*taken)->port());
  const auto finished = login({"--port", port});
  EXPECT_EQ(finished.status, 1);
  EXPECT_THAT(finished.err, HasSubstr("Port " + port));
  EXPECT_THAT(finished.err, HasSubstr("--port"));
}

TEST_F(LoginTest, RefusesWhatCannotBe) {
  EXPECT_EQ(login({"--port", "80"}).status, 2);
  EXPECT_EQ(login({"--port", "70000"}).status, 2);
  EXPECT_EQ(command({"login", "--port", "16582"}).status, 2) << "a port is for the browser only";
  EXPECT_EQ(login({}, {{"OKTA_MCP_REDIRECT_PORT", "http"}}).status, 2);
  const auto unused = login({}, {{"OKTA_API_TOKEN", "00abcdefghijklmnopqrstuvwxyz"}});
  EXPECT_EQ(unused.status, 2);
  EXPECT_THAT(unused.err, HasSubstr("OKTA_API_TOKEN"));
}

// The refresh token has been used by somebody else, say: the org refuses it for good.
TEST_F(LoginTest, ALoginThatHasEndedIsNamedAndDropped) {
  ASSERT_EQ(login({"--port", free_port()}).status, 0);
  // Another sign-in replaces the tokens that the org knows, so that the stored ones are refused.
  ASSERT_EQ(login({"--port", free_port()}, {{"OKTA_MCP_STATE_DIR", scratch_.path() + "/other"}}).status, 0);
  const auto call = command({"call", "list_users"});
  EXPECT_EQ(call.status, 1);
  EXPECT_THAT(call.out + call.err, HasSubstr("login has ended"));
  EXPECT_THAT(command({"status", "--json"}).out, HasSubstr("device authorization grant"));
  const auto next = command({"call", "list_users"});
  EXPECT_EQ(next.status, 1);
  EXPECT_THAT(next.err, HasSubstr("Device Authorization is not enabled"));
  EXPECT_THAT(next.err, HasSubstr("login --browser"));
  EXPECT_EQ(org_.seen().back(), "device");
}

}  // namespace
}  // namespace e2e
