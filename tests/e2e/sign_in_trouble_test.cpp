// Signing in with something wrong: what happened, the named error, and the cure, as the person at the
// terminal reads it. Nothing loops, and no secret is in any of it.
#include <atomic>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/file.h"
#include "core/scratch_directory.h"
#include "dev_org.h"
#include "known_org.h"
#include "net/test_socket.h"
#include "process.h"

extern char** environ;

namespace e2e {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string openssl(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "/usr/bin/openssl");
  return run(arguments, {}).out;
}

// What went wrong → the words for it → the words for the cure.
struct Row {
  std::string what;
  std::function<Environment()> settings;
  std::string message, cure;
};

class SignInTroubleTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/openssl", X_OK) != 0) GTEST_SKIP() << "openssl is not installed";
  }

  Finished login(Environment settings) {
    settings["OKTA_LOG_LEVEL"] = "debug";
    settings["OKTA_MCP_STORE"] = "file";
    return run({program("okta-mcp-server"), "login"}, settings);
  }

  void check(const std::vector<Row>& rows) {
    for (const auto& row : rows) {
      SCOPED_TRACE(row.what);
      const Environment settings = row.settings();
      const auto finished = login(settings);
      EXPECT_THAT(finished.status, testing::AnyOf(1, 2));
      EXPECT_THAT(finished.err, HasSubstr(row.message));
      EXPECT_THAT(finished.err, HasSubstr(row.cure));
      if (const auto key = settings.find("OKTA_PRIVATE_KEY");
          key != settings.end() && key->second.size() > 90) {
        EXPECT_THAT(finished.err + finished.out, Not(HasSubstr(key->second.substr(40, 40))));
      }
    }
  }

  core::ScratchDirectory state_;
};

TEST_F(SignInTroubleTest, KeysThatAreNotTheRightOne) {
  DevOrg org;
  ASSERT_TRUE(org.up());
  const auto with_key = [&](std::string key) {
    return [&org, this, key] {
      auto settings = org.key_settings(state_.path());
      settings["OKTA_PRIVATE_KEY"] = key;
      return settings;
    };
  };
  const std::string rsa = openssl({"genrsa", "2048"});
  check({
      {"a key that does not match", with_key(rsa), "does not match the public key",
       "OKTA_PRIVATE_KEY to the private half"},
      {"an encrypted key", with_key(openssl({"genrsa", "-aes256", "-passout", "pass:hunter2", "2048"})),
       "encrypted with a passphrase", "openssl pkey -in"},
      {"an RSA key that is too short", with_key(openssl({"genrsa", "1024"})), "1024 bits",
       "2048 bits or more"},
      {"an EC key where an RSA key is registered",
       with_key(openssl({"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"})),
       "no key with this key id", "The key given here signs ES256"},
      {"only the public half",
       with_key(
           "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"),
       "the public half only", "needs the private key"},
      {"a key cut off by a one-line prompt", with_key(rsa.substr(0, 200)), "cut off", "path of the file"},
      {"a key id that the app does not have",
       [&] {
         auto settings = org.key_settings(state_.path());
         settings["OKTA_KEY_ID"] = "another-key-id";
         return settings;
       },
       "no key with this key id", "OKTA_KEY_ID"},
      {"a client id that the org does not have",
       [&] {
         auto settings = org.key_settings(state_.path());
         settings["OKTA_CLIENT_ID"] = "0oaunknown";
         return settings;
       },
       "no active app with this client id", "Compare OKTA_CLIENT_ID"},
  });
}

TEST_F(SignInTroubleTest, AClockThatIsHoursOff) {
  // The org's clock is seven hours behind; it refuses the first assertion, and the second one too.
  std::atomic<int> asked{0};
  const std::string body =
      R"({"error":"invalid_client","error_description":"The client_assertion token is expired."})";
  net::TestListener org([&](net::TestSocket& socket, int) {
    while (!socket.read_message().empty()) {
      ++asked;
      const std::time_t then = std::time(nullptr) + 7 * 3600 + 60;
      char date[64];
      std::strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", std::gmtime(&then));
      socket.send(
          fmt::format("HTTP/1.1 401 No\r\nDate: {}\r\nContent-Type: application/json\r\n"
                      "Content-Length: {}\r\n\r\n{}",
                      date, body.size(), body));
    }
  });
  const std::string key = openssl({"genrsa", "2048"});
  check({{"a clock hours off",
          [&] {
            return Environment{{"OKTA_ORG_URL", fmt::format("http://127.0.0.1:{}", org.port())},
                               {"OKTA_CLIENT_ID", "0oa1"},
                               {"OKTA_SCOPES", "okta.users.read"},
                               {"OKTA_PRIVATE_KEY", key},
                               {"OKTA_KEY_ID", "kid-1"},
                               {"OKTA_MCP_STATE_DIR", state_.path()}};
          },
          "takes the signed assertion for expired", "This machine's clock is 7 hours behind the org's"}});
  // Once by this machine's clock, once by the org's, and for `login` that is all.
  EXPECT_LE(asked, 4);
}

TEST_F(SignInTroubleTest, AProxyThatAsksForAPassword) {
  for (const std::string credentials : {"", "user:hunter2@"}) {
    net::TestListener proxy([](net::TestSocket& socket, int) {
      socket.read_until("\r\n\r\n");
      socket.send(
          "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"x\"\r\n"
          "Content-Length: 0\r\n\r\n");
    });
    check({{"a proxy that asks for a password",
            [&] {
              return Environment{
                  {"OKTA_ORG_URL", "https://acme.okta.invalid"},
                  {"OKTA_CLIENT_ID", "0oa1"},
                  {"OKTA_SCOPES", "okta.users.read"},
                  {"https_proxy", fmt::format("http://{}127.0.0.1:{}", credentials, proxy.port())},
                  {"OKTA_MCP_STATE_DIR", state_.path()}};
            },
            "answered 407", "http://user:password@host:port"}});
    const auto finished =
        login({{"OKTA_ORG_URL", "https://acme.okta.invalid"},
               {"OKTA_CLIENT_ID", "0oa1"},
               {"OKTA_SCOPES", "okta.users.read"},
               {"https_proxy", fmt::format("http://{}127.0.0.1:{}", credentials, proxy.port())},
               {"OKTA_MCP_STATE_DIR", state_.path()}});
    EXPECT_THAT(finished.err, Not(HasSubstr("hunter2")));
  }
}

// `openssl s_server` with a certificate that nobody trusts, as an inspecting proxy has.
class Interceptor {
 public:
  explicit Interceptor(const std::string& directory) {
    const std::string key = directory + "/tls.key", certificate = directory + "/tls.crt";
    openssl({"req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=Inspecting Proxy", "-addext",
             "subjectAltName=IP:127.0.0.1", "-days", "2", "-keyout", key, "-out", certificate});
    int out[2];
    if (::pipe2(out, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::vector<std::string> argv{
        "/usr/bin/openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-key", key, "-cert", certificate};
    std::vector<char*> arguments;
    for (auto& each : argv) arguments.push_back(each.data());
    arguments.push_back(nullptr);
    if (::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(out[1]);
    // It says "ACCEPT 127.0.0.1:PORT" once it listens.
    std::string said;
    char c = 0;
    while (::read(out[0], &c, 1) == 1) {
      said += c;
      if (c == '\n' && said.contains("ACCEPT")) break;
    }
    ::close(out[0]);
    if (const auto at = said.rfind(':'); at != std::string::npos) port_ = std::atoi(said.c_str() + at + 1);
  }
  Interceptor(const Interceptor&) = delete;
  Interceptor& operator=(const Interceptor&) = delete;
  ~Interceptor() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  int port() const { return port_; }

 private:
  pid_t pid_ = -1;
  int port_ = 0;
};

TEST_F(SignInTroubleTest, TlsThatIsInspected) {
  const Interceptor interceptor(state_.path());
  ASSERT_GT(interceptor.port(), 0);
  check({{"a certificate of an unknown authority",
          [&] {
            return Environment{{"OKTA_ORG_URL", fmt::format("https://127.0.0.1:{}", interceptor.port())},
                               {"OKTA_CLIENT_ID", "0oa1"},
                               {"OKTA_SCOPES", "okta.users.read"},
                               {"OKTA_MCP_STATE_DIR", state_.path()}};
          },
          "No secure connection to https://127.0.0.1", "update-ca-certificates"}});
}

TEST_F(SignInTroubleTest, SignInsThatEndBadly) {
  const struct {
    std::string error, description, message, cure;
  } rows[] = {
      {"access_denied", "", "declined", "confirm it as an administrator"},
      {"access_denied", "User is not assigned to the client application.", "not assigned", "Assignments"},
      {"expired_token", "", "expired before anyone confirmed", "Start again"},
      {"invalid_grant", "The device code is invalid or has expired.", "no longer valid", "Sign in again"},
  };
  for (const auto& row : rows) {
    KnownOrg org;
    org.end_sign_in_with(row.error, row.description);
    check({{row.error + " " + row.description,
            [&] {
              return Environment{{"OKTA_ORG_URL", org.url()},
                                 {"OKTA_CLIENT_ID", "0oa1"},
                                 {"OKTA_SCOPES", "okta.users.read"},
                                 {"OKTA_MCP_STATE_DIR", state_.path()}};
            },
            row.message, row.cure}});
    EXPECT_EQ(org.requests("device_code"), 1) << "an ended sign-in is not polled again";
  }
}

// Rotated by somebody else, revoked by an admin, stolen and used: the org answers all three alike.
TEST_F(SignInTroubleTest, ARefreshTokenThatTheOrgNoLongerTakes) {
  KnownOrg org;
  const Environment settings{{"OKTA_ORG_URL", org.url()},        {"OKTA_CLIENT_ID", "0oa1"},
                             {"OKTA_SCOPES", "okta.users.read"}, {"OKTA_LOG_LEVEL", "debug"},
                             {"OKTA_MCP_STORE", "file"},         {"OKTA_MCP_STATE_DIR", state_.path()}};
  ASSERT_EQ(login(settings).status, 0);
  org.expire_access_tokens();
  org.refuse("invalid_grant", "The refresh token {sent} is invalid or expired.");
  org.end_sign_in_with("authorization_pending");
  const auto finished = run({program("okta-mcp-server"), "call", "list_users"}, settings);
  EXPECT_NE(finished.status, 0);
  const std::string said = finished.out + finished.err;
  EXPECT_THAT(said,
              HasSubstr("The stored login has ended: its refresh token was revoked, has expired, or was"));
  EXPECT_THAT(said, HasSubstr("WXYZ-KLMN"));
  EXPECT_EQ(org.requests("refresh_token"), 1) << "presented once";
  for (const auto& secret : org.secrets()) EXPECT_THAT(said, Not(HasSubstr(secret)));
  // And not by the next process either.
  org.end_sign_in_with("access_denied");
  const auto again = run({program("okta-mcp-server"), "call", "list_users"}, settings);
  EXPECT_THAT(again.out + again.err, HasSubstr("WXYZ-KLMN"));
  EXPECT_EQ(org.requests("refresh_token"), 1);
}

}  // namespace
}  // namespace e2e
