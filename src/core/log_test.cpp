#include "core/log.h"

#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <stdlib.h>  // mkdtemp
#include <sys/stat.h>
#include <thread>

#include "core/json.h"

namespace core {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

const std::string kJwt =
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJzdWIiOiIwMHUxIiwiaXNzIjoiaHR0cHM6Ly9leGFtcGxlIn0.c2lnbmF0dXJl";

TEST(Redact, TakesCredentialsOutOfFreeText) {
  struct Case {
    std::string in, out;
  };
  for (const auto& [in, out] : std::vector<Case>{
           {"token " + kJwt + " was refused", "token [redacted token] was refused"},
           {"Authorization: Bearer " + kJwt, "Authorization: Bearer [redacted]"},
           {"authorization: bearer abcdefgh", "authorization: bearer [redacted]"},
           {"SSWS 00abcDEF_-12345678", "SSWS [redacted]"},
           {"DPoP abcdefghij, then more", "DPoP [redacted], then more"},
           {"Basic dXNlcjpwYXNz==", "Basic [redacted]"},
           {"key 00" + std::string(40, 'x') + ".", "key [redacted token]."},
           {"-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----\nrest",
            "[redacted private key]\nrest"},
           {"-----BEGIN RSA PRIVATE KEY-----\nMIIEvQ (cut off)", "[redacted private key]"},
           {"grant_type=x&client_assertion=abc.def&scope=y",
            "grant_type=x&client_assertion=[redacted]&scope=y"},
           {"https://org/cb?code_verifier=v1&state=s", "https://org/cb?code_verifier=[redacted]&state=s"},
           {"OKTA_API_TOKEN=00secret next", "OKTA_API_TOKEN=[redacted] next"},
           {R"({"password" : "p\"w", "login":"a"})", R"({"password" : "[redacted]", "login":"a"})"},
           {R"({"refresh_token":"cut)", R"({"refresh_token":"[redacted])"},
       }) {
    EXPECT_EQ(redact(in), out);
  }
}

TEST(Redact, LeavesOrdinaryTextAlone) {
  for (const std::string& text :
       {std::string(""), std::string("Bearer token"), std::string("Basic auth is not used"),
        std::string("eyJhbGci"), std::string("password: Password requirements were not met"),
        std::string("user 00u118oQYT4TBTemp0g4"),
        std::string("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"),
        std::string("status=200&limit=5"), std::string(R"({"password":null,"hint":"password"})"),
        std::string("00" + std::string(41, 'x')), std::string("secret="),
        std::string("naïve 😀 \"quoted\"")}) {
    EXPECT_EQ(redact(text), text);
  }
}

TEST(Redact, StaysLinear) {
  // Each of these would take minutes if every word looked at the rest of the text.
  for (std::string_view piece : {"00.", "a.", "eyJ.", "\"password\" ", "Bearer x ", "-----BEGIN "}) {
    std::string text;
    while (text.size() < 2'000'000) text += piece;
    EXPECT_FALSE(redact(text).empty());
  }
}

TEST(SecretNames, InAnySpelling) {
  for (std::string_view name : {"password",
                                "Password",
                                "newPassword",
                                "client_secret",
                                "clientSecret",
                                "ClientSECRET",
                                "client-secret",
                                "OKTA_PRIVATE_KEY",
                                "privateKey",
                                "access_token",
                                "accessToken",
                                "OKTA_API_TOKEN",
                                "APIToken",
                                "apiKey",
                                "x-api-key",
                                "authorization",
                                "Authorization",
                                "client_assertion",
                                "passCode",
                                "cookie",
                                "Set-Cookie",
                                "token",
                                "approval_passphrase",
                                "answer",
                                "device_code",
                                "registration_access_token"}) {
    EXPECT_TRUE(is_secret_name(name)) << name;
  }
  for (std::string_view name : {"login", "status", "tokens", "token_type", "key_id", "passwordChanged",
                                "user_code", "secretary", "public_key", "", "id", "keys"}) {
    EXPECT_FALSE(is_secret_name(name)) << name;
  }
}

TEST(LogLevels, ReadInAnyCase) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::debug);
  EXPECT_EQ(parse_log_level("WARN"), LogLevel::warning);
  EXPECT_EQ(parse_log_level("Warning"), LogLevel::warning);
  EXPECT_EQ(parse_log_level("emergency"), LogLevel::emergency);
  EXPECT_EQ(parse_log_level("loud"), std::nullopt);
  EXPECT_EQ(parse_log_level(""), std::nullopt);
  for (LogLevel level : {LogLevel::debug, LogLevel::notice, LogLevel::alert}) {
    EXPECT_EQ(parse_log_level(to_string(level)), level);
  }
}

class LogTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string place = fs::temp_directory_path() / "log-test-XXXXXX";
    ASSERT_NE(mkdtemp(place.data()), nullptr);
    place_ = place;
  }
  void TearDown() override {
    EXPECT_TRUE(configure_log({}));
    fs::remove_all(place_);
  }
  std::string at(std::string_view name) const { return place_ / name; }
  static std::string slurp(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  fs::path place_;
};

TEST_F(LogTest, WritesOneJsonObjectALine) {
  ASSERT_TRUE(configure_log({.level = LogLevel::info, .to_stderr = false, .file = at("log")}));
  EXPECT_TRUE(log_enabled(LogLevel::info));
  EXPECT_FALSE(log_enabled(LogLevel::debug));
  log(LogLevel::debug, "okta", "not this");
  log(LogLevel::warning, "okta", "line one\nline two Bearer abcdefghijk",
      {{"status", 429},
       {"client_secret", "s3cr3t-1"},
       {"nested",
        {{"apiToken", "s3cr3t-2"}, {"list", {{{"password", "s3cr3t-3"}}}}, {"url", "x?token=s3cr3t-4"}}},
       {"private_key", nullptr}});
  const std::string text = slurp(at("log"));
  ASSERT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, Not(HasSubstr("s3cr3t")));
  EXPECT_THAT(text, Not(HasSubstr("abcdefghijk")));
  auto line = json::parse(text);
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(json::string_or_empty(*line, "level"), "warning");
  EXPECT_EQ(json::string_or_empty(*line, "component"), "okta");
  EXPECT_EQ(json::string_or_empty(*line, "message"), "line one\nline two Bearer [redacted]");
  EXPECT_EQ(json::find(*line, "status")->as_int64(), 429);
  EXPECT_EQ(json::string_or_empty(*line, "client_secret"), "[redacted]");
  EXPECT_EQ(json::string_or_empty(*line, "nested.url"), "x?token=[redacted]");
  EXPECT_TRUE(json::find(*line, "private_key")->is_null());
  EXPECT_THAT(std::string(json::string_or_empty(*line, "time")), testing::MatchesRegex("[0-9-]+T[0-9:.]+Z"));
}

TEST_F(LogTest, TheFileIsPrivateAndAppendedTo) {
  umask(0);
  ASSERT_TRUE(configure_log({.to_stderr = false, .file = at("log")}));
  log(LogLevel::info, "a", "one");
  ASSERT_TRUE(configure_log({.to_stderr = false, .file = at("log")}));
  log(LogLevel::info, "a", "two");
  struct stat info{};
  ASSERT_EQ(stat(at("log").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
  EXPECT_THAT(slurp(at("log")), testing::AllOf(HasSubstr("one"), HasSubstr("two")));
}

TEST_F(LogTest, AFileThatCannotBeOpenedIsNamed) {
  for (const std::string& path : {at("none/log"), place_.string()}) {
    auto status = configure_log({.to_stderr = false, .file = path});
    ASSERT_FALSE(status);
    EXPECT_THAT(status.error().message, HasSubstr(path));
    EXPECT_THAT(status.error().hint, HasSubstr("OKTA_LOG_FILE"));
  }
  fs::create_symlink(at("target"), at("link"));
  EXPECT_FALSE(configure_log({.to_stderr = false, .file = at("link")}));
  EXPECT_FALSE(fs::exists(at("target")));
}

TEST_F(LogTest, GoesToStderrAndNeverToStdout) {
  ASSERT_TRUE(configure_log({.level = LogLevel::info}));
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  log(LogLevel::error, "net", "to stderr");
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("to stderr"));
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

TEST_F(LogTest, LinesOfManyThreadsDoNotMix) {
  ASSERT_TRUE(configure_log({.to_stderr = false, .file = at("log")}));
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < 100; ++i) log(LogLevel::info, "t", std::string(2000, static_cast<char>('a' + t)));
      });
    }
  }
  std::ifstream in(at("log"));
  int lines = 0;
  for (std::string line; std::getline(in, line); ++lines) {
    auto value = json::parse(line);
    ASSERT_TRUE(value);
    const auto message = json::string_or_empty(*value, "message");
    ASSERT_EQ(message.find_first_not_of(message.front()), std::string_view::npos);
  }
  EXPECT_EQ(lines, 400);
}

}  // namespace
}  // namespace core
