#include "admin/audit.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <sys/stat.h>
#include <thread>

#include "core/file.h"
#include "core/scratch_directory.h"
#include "core/seal.h"
#include "core/test_state.h"

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
  std::unique_ptr<core::StateStore> state_ = core::directory_state(dir_, clock_);
  AuditLog audit_{*state_, clock_};
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
  ASSERT_EQ(stat(audit_.where().c_str(), &info), 0);
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
      auto state = core::directory_state(dir_, clock_);
      AuditLog own(*state, clock_);
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

TEST_F(AuditTest, TakesWhatIsNoText) {
  ASSERT_TRUE(audit_.append({.tool = "t", .detail = std::string("\xff\xfe\0x", 4)}));
  ASSERT_TRUE(audit_.append({.tool = "t"}));
  EXPECT_FALSE(audit_.verify()->broken_at);
  EXPECT_EQ(audit_.tail(2)->size(), 2u);
}

// Written by version 0.1: the chain goes on, and is verified from its start.
TEST_F(AuditTest, GoesOnWithAnOlderLog) {
  overwrite(
      R"({"n":1,"time":"2026-11-21T23:01:00.000Z","phase":"intent","principal":"p","tool":"t","previous":"0000000000000000000000000000000000000000000000000000000000000000","hash":"HASH1"}
)");
  // The hash as 0.1 made it: SHA-256 of the line without its last member.
  std::string line = content();
  const std::string body = line.substr(0, line.find(",\"hash\"")) + "}";
  overwrite(std::regex_replace(line, std::regex("HASH1"), core::sha256_hex(body)));
  ASSERT_TRUE(audit_.append({.tool = "t2"}));
  EXPECT_EQ(audit_.verify()->lines, 2);
  EXPECT_FALSE(audit_.verify()->broken_at);
}

TEST_F(AuditTest, CannotBeWrittenIsAnError) {
  std::ofstream(dir_ + "/file") << "no directory";
  auto state = core::directory_state(dir_ + "/file", clock_);
  AuditLog nowhere(*state, clock_);
  EXPECT_FALSE(nowhere.append({.tool = "t"}));
}

// Two instances of the server, on either kind of shared state.
class SharedAuditTest : public core::test::AnyState {};

TEST_P(SharedAuditTest, InstancesKeepOneChain) {
  std::vector<std::thread> instances;
  for (auto* state : {store_.get(), other_.get()}) {
    instances.emplace_back([this, state] {
      AuditLog own(*state, place_.clock);
      for (int i = 0; i < 15; ++i) EXPECT_TRUE(own.append({.tool = "t", .detail = "d\u00fc"}));
    });
  }
  for (auto& each : instances) each.join();
  AuditLog audit(*store_, place_.clock);
  const auto check = audit.verify();
  ASSERT_TRUE(check);
  EXPECT_EQ(check->lines, 30);
  EXPECT_FALSE(check->broken_at);
  EXPECT_EQ(audit.tail(1)->front().at("n"), 30);
}

TEST(AuditDatabase, ShowsWhatWasDoneToIt) {
  core::test::StatePlace place(core::test::StateKind::postgres);
  if (!place.available()) GTEST_SKIP() << core::test::PostgresServer::kAbsent;
  const auto store = place.instance();
  AuditLog audit(*store, place.clock);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(audit.append({.tool = "t" + std::to_string(i)}));
  ASSERT_TRUE(
      place.server().sql("UPDATE okta_mcp.lines SET line = replace(line, 't1', 't9') WHERE number = 2"));
  EXPECT_EQ(audit.verify()->broken_at, 2);
  ASSERT_TRUE(place.server().sql("DELETE FROM okta_mcp.lines WHERE number = 1"));
  EXPECT_EQ(audit.verify()->broken_at, 1);
}

INSTANTIATE_TEST_SUITE_P(On, SharedAuditTest,
                         testing::Values(core::test::StateKind::directory, core::test::StateKind::postgres),
                         core::test::name_of);

}  // namespace
}  // namespace admin
