#include "admin/audit.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <sys/stat.h>
#include <thread>

#include "core/file.h"
#include "core/scratch_directory.h"

namespace admin {
namespace {

namespace json = core::json;

class AuditTest : public testing::Test {
 protected:
  std::string content() { return (*core::read_file(dir_ + "/audit.jsonl")).value_or(""); }
  void overwrite(const std::string& text) { std::ofstream(dir_ + "/audit.jsonl", std::ios::trunc) << text; }

  core::ScratchDirectory scratch_;
  const std::string dir_ = scratch_.path();
  core::FakeClock clock_;
  AuditLog audit_{dir_ + "/audit.jsonl", clock_};
};

TEST_F(AuditTest, ChainsItsLines) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(audit_.append({.principal = "p", .tool = "create_user", .request = "POST /api/v1/users"}));
  }
  auto check = audit_.verify();
  ASSERT_TRUE(check);
  EXPECT_EQ(check->lines, 3);
  EXPECT_FALSE(check->broken_at);
  struct stat info{};
  ASSERT_EQ(stat(audit_.path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(AuditTest, ShowsWhatWasDoneToIt) {
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(audit_.append({.principal = "p", .tool = "t" + std::to_string(i)}));
  const std::string whole = content();
  overwrite(std::regex_replace(whole, std::regex("\"t1\""), "\"t9\""));
  EXPECT_EQ(audit_.verify()->broken_at, 2);
  auto second = whole.find('\n') + 1;
  overwrite(whole.substr(0, second) + whole.substr(whole.find('\n', second) + 1));
  EXPECT_EQ(audit_.verify()->broken_at, 2);
  overwrite(whole.substr(0, whole.size() - 20));
  EXPECT_EQ(audit_.verify()->broken_at, 4);
  // A line that a crash cut off was never acted upon: it is taken out and the chain goes on.
  ASSERT_TRUE(audit_.append({.tool = "x"}));
  EXPECT_EQ(audit_.verify()->lines, 4);
  EXPECT_FALSE(audit_.verify()->broken_at);
  overwrite(whole + "not a line\n");
  EXPECT_FALSE(audit_.append({.tool = "x"})) << "a damaged line stops changes";
}

TEST_F(AuditTest, ManyWritersKeepOneChain) {
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([this] {
      AuditLog own(audit_.path(), clock_);
      for (int k = 0; k < 10; ++k) EXPECT_TRUE(own.append({.tool = "t"}));
    });
  }
  for (auto& writer : writers) writer.join();
  auto check = audit_.verify();
  ASSERT_TRUE(check);
  EXPECT_EQ(check->lines, 40);
  EXPECT_FALSE(check->broken_at);
}

TEST_F(AuditTest, HoldsNoSecrets) {
  auto arguments = json::parse(
      R"({"profile":{"login":"a@b.c"},"credentials":{"password":{"value":"hunter2hunter2"}},"client_secret":"s3cr3t",
          "note":"Bearer abcdefghijklmnop","long":")" +
      std::string(2000, 'x') + R"("})");
  ASSERT_TRUE(arguments);
  ASSERT_TRUE(audit_.append({.tool = "create_user", .arguments = arguments->as_object()}));
  std::string text = content();
  for (std::string_view secret : {"hunter2", "s3cr3t", "abcdefghijklmnop"}) {
    EXPECT_EQ(text.find(secret), std::string::npos) << secret;
  }
  EXPECT_NE(text.find("a@b.c"), std::string::npos);
  EXPECT_LT(text.size(), 1500u);
}

TEST_F(AuditTest, CannotBeWrittenIsAnError) {
  AuditLog nowhere(dir_ + "/missing/audit.jsonl", clock_);
  EXPECT_FALSE(nowhere.append({.tool = "t"}));
}

}  // namespace
}  // namespace admin
