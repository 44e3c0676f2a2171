// No secret anywhere: a run whose every secret is known, and a search for all of them in everything that
// comes out of it: stdout, stderr, log files at every level, the state directory, the environment of this
// process and of its children, and what a crash leaves behind.
#include <algorithm>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/encoding.h"
#include "core/random.h"
#include "core/scratch_directory.h"
#include "known_org.h"
#include "mcp/stdio_client.h"
#include "process.h"

namespace e2e {
namespace {

namespace fs = std::filesystem;
namespace json = core::json;
using testing::HasSubstr;

constexpr std::string_view kInitialize =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},)"
    R"("clientInfo":{"name":"t","version":"1"}}})";

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

class SecretsTest : public testing::Test {
 protected:
  // Under this name from now on. Also what is left of it in another form.
  void know(const std::string& name, const std::string& secret) {
    ASSERT_GE(secret.size(), 8u) << name;
    secrets_.emplace_back(name, secret);
  }
  void know_key_bytes(const std::string& bytes) {
    know("key file", bytes);
    know("key file as base64", core::base64_encode(bytes));
    know("key file as base64url", core::base64url_encode(bytes));
    know("key file as hex", core::to_hex(bytes));
  }
  void know_pem(const std::string& pem) {
    std::istringstream lines(pem);
    for (std::string line; std::getline(lines, line);) {
      // Half a line is enough to find it, whatever joined or split the lines.
      if (!line.starts_with("-----") && line.size() >= 40) know("private key", line.substr(4, 32));
    }
  }

  void expect_clean(const std::string& where, const std::string& text) {
    auto all = secrets_;
    for (const auto& secret : org_.secrets()) all.emplace_back("token", secret);
    for (const auto& [name, secret] : all) {
      if (text.contains(secret)) ADD_FAILURE() << "a secret (" << name << ") in " << where;
    }
    ++searched_;
  }
  void expect_clean_files(const fs::path& directory) {
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      if (entry.is_regular_file()) expect_clean(entry.path(), slurp(entry.path()));
    }
  }
  Finished run_clean(std::vector<std::string> arguments, const Environment& settings,
                     const std::string& input = {}) {
    std::string line = fmt::format("{}", fmt::join(arguments, " "));
    arguments.insert(arguments.begin(), program("okta-mcp-server"));
    auto finished = run(arguments, settings, input);
    expect_clean("stdout of " + line, finished.out);
    expect_clean("stderr of " + line, finished.err);
    return finished;
  }

  Environment settings(Environment more = {}) {
    Environment all{
        {"OKTA_ORG_URL", org_.url()},          {"OKTA_SCOPES", "okta.users.read okta.groups.read"},
        {"OKTA_MCP_STATE_DIR", state_.path()}, {"OKTA_MCP_KEY_FILE", key_file()},
        {"OKTA_LOG_LEVEL", "debug"},           {"OKTA_LOG_FILE", scratch_.path() + "/log"}};
    more.insert(all.begin(), all.end());
    return more;
  }
  std::string key_file() {
    const std::string path = scratch_.path() + "/sealing.key";
    if (!fs::exists(path)) {
      std::string bytes(32, '\0');
      core::system_random().fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
      std::ofstream(path) << core::base64_encode(bytes) << "\n";
      know_key_bytes(bytes);
    }
    return path;
  }
  Environment with_private_key() {
    const std::string pem = run({"/usr/bin/openssl", "genrsa", "2048"}, {}).out;
    know_pem(pem);
    return settings({{"OKTA_CLIENT_ID", "0oa1"}, {"OKTA_PRIVATE_KEY", pem}, {"OKTA_KEY_ID", "kid-1"}});
  }
  Environment with_api_token() {
    const std::string token = "00" + core::system_random().alphanumeric(40);
    know("API token", token);
    return settings({{"OKTA_API_TOKEN", token}});
  }
  Environment with_person() { return settings({{"OKTA_CLIENT_ID", "0oa1"}}); }

  // Every command that signs in or shows something, and a session over MCP.
  void use_everything(const Environment& settings) {
    run_clean({"login"}, settings);
    run_clean({"status"}, settings);
    run_clean({"status", "--json"}, settings);
    run_clean({"tools", "--granted"}, settings);
    EXPECT_EQ(run_clean({"call", "list_users"}, settings).status, 0);
    org_.expire_access_tokens();
    run_clean({"call", "list_users", "--json"}, settings);
    talk(settings);
    run_clean({"audit", "show"}, settings);
    expect_clean_files(state_.path());
    expect_clean("the log file", slurp(scratch_.path() + "/log"));
  }

  void talk(const Environment& settings) {
    auto environment = settings;
    environment.emplace("PATH", "/usr/bin:/bin");
    auto client = mcp::StdioClient::start(
        {.argv = {program("okta-mcp-server")},
         .env = {environment.begin(), environment.end()},
         .inherit_env = false,
         .client = {.on_notification = [&](std::string_view method, const json::Object& params) {
           expect_clean("a notification " + std::string(method), json::write(params));
         }}});
    ASSERT_TRUE(client) << client.error().message;
    for (const auto* tool : {"get_scope_status", "list_users", "list_groups", "get_scope_status"}) {
      const auto result = (*client)->call_tool(tool);
      ASSERT_TRUE(result);
      expect_clean(std::string("the answer of ") + tool, json::write(*result));
    }
    const std::string self = fmt::format("/proc/{}/", (*client)->pid());
    expect_clean("its own /proc/PID/environ", slurp(self + "environ"));
    expect_clean("its own /proc/PID/cmdline", slurp(self + "cmdline"));
    expect_clean("stderr of serve", (*client)->stderr_text());
    (*client)->close();
    expect_clean("stderr of serve at the end", (*client)->stderr_text());
  }

  KnownOrg org_;
  core::ScratchDirectory state_, scratch_;
  std::vector<std::pair<std::string, std::string>> secrets_;
  std::atomic<int> searched_{0};
};

TEST_F(SecretsTest, AreInNothingThatASignInWithAKeyShowsOrLeaves) {
  if (::access("/usr/bin/openssl", X_OK) != 0) GTEST_SKIP() << "openssl is not installed";
  const auto with_key = with_private_key();
  ASSERT_GT(secrets_.size(), 20u);
  use_everything(with_key);
  EXPECT_GT(org_.requests("client_credentials"), 0);
  org_.refuse("invalid_client", "cannot accept {sent}");
  org_.expire_access_tokens();
  run_clean({"call", "list_users"}, with_key);
  // The same, mangled: what cannot be read is not repeated either.
  auto mangled = with_key;
  mangled["OKTA_PRIVATE_KEY"].erase(0, 20);
  run_clean({"login"}, mangled);
  EXPECT_GT(searched_, 20);
}

TEST_F(SecretsTest, AreInNothingThatAnApiTokenShowsOrLeaves) {
  use_everything(with_api_token());
  // One that the org refuses, and repeats.
  auto refused = settings({{"OKTA_API_TOKEN", "11wrongwrongwrongwrongwrongwrongwrongwrong"}});
  know("API token", "11wrongwrongwrongwrongwrongwrongwrongwrong");
  run_clean({"call", "list_users"}, refused);
}

TEST_F(SecretsTest, AreInNothingThatAPersonsSignInShowsOrLeaves) {
  const auto person = with_person();
  use_everything(person);
  EXPECT_GT(org_.requests("refresh_token"), 0);
  EXPECT_THAT(run_clean({"status"}, person).out,
              HasSubstr("sealed with a key of your own (OKTA_MCP_KEY_FILE)"));
  auto elsewhere = person;
  elsewhere["OKTA_MCP_KEY_FILE"] = "";
  elsewhere["OKTA_MCP_STORE"] = "file";
  EXPECT_THAT(run_clean({"status"}, elsewhere).out,
              testing::AllOf(HasSubstr("protected by file permissions only"), HasSubstr("login_problem")));
  org_.refuse("invalid_grant", "no longer: {sent}");
  org_.end_sign_in_with("access_denied", "nobody confirmed");
  org_.expire_access_tokens();
  run_clean({"call", "list_users"}, person);
  expect_clean_files(state_.path());
  expect_clean("the log file", slurp(scratch_.path() + "/log"));
  run_clean({"logout"}, person);
}

TEST_F(SecretsTest, AreInNoLogAtAnyLevel) {
  auto person = with_person();
  for (const auto* level : {"error", "warning", "notice", "info", "debug"}) {
    person["OKTA_LOG_LEVEL"] = level;
    run_clean({"login"}, person);
    org_.expire_access_tokens();
    talk(person);
    org_.expire_access_tokens();
  }
  EXPECT_GT(org_.requests("refresh_token"), 0);
  EXPECT_THAT(slurp(scratch_.path() + "/log"), HasSubstr("\"debug\""));
  expect_clean("the log file", slurp(scratch_.path() + "/log"));
}

// The opener of the sign-in page gets the environment of a child of ours.
TEST_F(SecretsTest, AreNotInheritedByTheBrowser) {
  auto person = with_person();
  const std::string opener = scratch_.path() + "/xdg-open", seen = scratch_.path() + "/seen";
  std::ofstream(opener) << "#!/bin/sh\ncat /proc/self/environ >" << seen << ".part\nmv " << seen << ".part "
                        << seen << "\n";
  fs::permissions(opener, fs::perms::owner_all);
  person["PATH"] = scratch_.path() + ":/usr/bin:/bin";
  person["DISPLAY"] = ":99";
  // Left blank in a form, as hosts pass it on.
  person["OKTA_PRIVATE_KEY"] = " ";
  person["OKTA_API_TOKEN"] = " ";
  org_.end_sign_in_with("authorization_pending");
  auto client = mcp::StdioClient::start(
      {.argv = {program("okta-mcp-server")}, .env = {person.begin(), person.end()}, .inherit_env = false});
  ASSERT_TRUE(client);
  (void)(*client)->call_tool("list_users");
  for (int tries = 0; tries < 1000 && !fs::exists(seen); ++tries)
    ::usleep(10'000);  // another process's doing
  const std::string environment = slurp(seen);
  EXPECT_THAT(environment, HasSubstr("DISPLAY=:99"));
  EXPECT_THAT(environment, testing::Not(HasSubstr("OKTA_PRIVATE_KEY")));
  EXPECT_THAT(environment, testing::Not(HasSubstr("OKTA_API_TOKEN")));
  expect_clean("the browser's environment", environment);
}

TEST_F(SecretsTest, APassphraseIsNeitherShownNorKept) {
  const std::string passphrase = "correct-horse-" + core::system_random().alphanumeric(12);
  know("passphrase", passphrase);
  const auto finished = run_on_terminal({program("okta-mcp-server"), "approve", "--set-passphrase"},
                                        with_person(), {passphrase, passphrase});
  EXPECT_EQ(finished.status, 0) << finished.out;
  expect_clean("the terminal", finished.out);
  expect_clean_files(state_.path());
}

// A crash with everything in memory, where the shell allows core files of any size.
TEST_F(SecretsTest, ACrashLeavesNoCoreFile) {
  auto environment = with_api_token();
  run_clean({"status"}, environment);
  for (const int signal : {SIGSEGV, SIGABRT, SIGQUIT}) {
    const core::ScratchDirectory here;
    int in[2], out[2];
    ASSERT_EQ(::pipe2(in, O_CLOEXEC) | ::pipe2(out, O_CLOEXEC), 0);
    std::vector<std::string> variables;
    for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
    std::vector<char*> block;
    for (auto& each : variables) block.push_back(each.data());
    block.push_back(nullptr);
    const std::string path = program("okta-mcp-server"), errors = here.path() + "/stderr";
    const pid_t child = ::fork();
    if (child == 0) {
      const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
      ::setrlimit(RLIMIT_CORE, &unlimited);
      const int err = ::open(errors.c_str(), O_WRONLY | O_CREAT, 0600);
      if (::chdir(here.path().c_str()) != 0) ::_exit(126);
      ::dup2(in[0], 0);
      ::dup2(out[1], 1);
      ::dup2(err, 2);
      ::execle(path.c_str(), path.c_str(), nullptr, block.data());
      ::_exit(127);
    }
    ::close(in[0]);
    ::close(out[1]);
    const std::string hello = std::string(kInitialize) + "\n";
    ASSERT_EQ(::write(in[1], hello.data(), hello.size()), static_cast<ssize_t>(hello.size()));
    char c = 0;
    while (::read(out[0], &c, 1) == 1 && c != '\n') {
    }
    EXPECT_THAT(slurp(fmt::format("/proc/{}/limits", child)),
                testing::ContainsRegex("Max core file size +0 +0 "));
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
    ::close(in[1]);
    ::close(out[0]);
    EXPECT_TRUE(WIFSIGNALED(status)) << status;
    EXPECT_FALSE(WCOREDUMP(status));
    for (const auto& entry : fs::directory_iterator(here.path()))
      EXPECT_EQ(entry.path().filename(), "stderr");
    expect_clean_files(here.path());
  }
}

}  // namespace
}  // namespace e2e
