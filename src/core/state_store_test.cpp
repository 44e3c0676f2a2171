#include "core/state_store.h"

#include <array>
#include <atomic>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <set>
#include <sys/stat.h>
#include <thread>

#include "core/hash_chain.h"
#include "core/sqlite.h"
#include "core/test_state.h"

namespace core {
namespace {

using std::chrono::minutes;
using test::StateKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using StateStoreTest = test::AnyState;

std::vector<std::string> lines_of(StateStore& store, std::string_view log) {
  std::vector<std::string> lines;
  EXPECT_TRUE(store.read(log, [&](std::string_view line) {
    lines.emplace_back(line);
    return Status{};
  }));
  return lines;
}

StateStore::NextLine numbered(std::string_view text) {
  return [text](std::string_view last) -> Result<std::string> {
    return next_chained_line(last, {{"text", text}});
  };
}

testing::AssertionResult succeeded(const Status& status) {
  return status ? testing::AssertionSuccess() : testing::AssertionFailure() << describe(status.error());
}

TEST_P(StateStoreTest, ALogFollowsItsLastLineWhoeverWroteIt) {
  EXPECT_THAT(lines_of(*store_, "audit"), IsEmpty());
  std::vector<std::string> seen;
  const auto say = [&seen](std::string line) -> StateStore::NextLine {
    return [&seen, line](std::string_view last) -> Result<std::string> {
      seen.emplace_back(last);
      return line;
    };
  };
  ASSERT_TRUE(succeeded(store_->append("audit", say("one"))));
  ASSERT_TRUE(succeeded(other_->append("audit", say("zw\u00f6lf"))));
  ASSERT_TRUE(succeeded(store_->append("other", say("elsewhere"))));
  ASSERT_TRUE(succeeded(store_->append("audit", say("three"))));
  EXPECT_THAT(seen, ElementsAre("", "one", "", "zw\u00f6lf"));
  EXPECT_THAT(lines_of(*other_, "audit"), ElementsAre("one", "zw\u00f6lf", "three"));
  EXPECT_THAT(*store_->tail("audit", 2), ElementsAre("zw\u00f6lf", "three"));
  EXPECT_THAT(*store_->tail("audit", 9), ElementsAre("one", "zw\u00f6lf", "three"));
  EXPECT_THAT(*store_->tail("none", 9), IsEmpty());
}

TEST_P(StateStoreTest, ALineThatIsNoneLeavesNothing) {
  ASSERT_TRUE(store_->append("audit", numbered("1")));
  const auto given_up = store_->append("audit", [](std::string_view) -> Result<std::string> {
    return fail(ErrorKind::conflict, "test.stop", "stopped");
  });
  EXPECT_EQ(given_up.error().code, "test.stop");
  for (std::string line :
       {std::string("a\nb"), std::string("a\0b", 3), std::string(StateStore::kMaxLine + 1, 'x')}) {
    EXPECT_FALSE(store_->append("audit", [&](std::string_view) -> Result<std::string> { return line; }));
  }
  for (std::string_view log : {"", "../audit", "Audit", "a/b"}) {
    EXPECT_EQ(store_->append(log, numbered("1")).error().code, "core.state.name") << log;
    EXPECT_FALSE(store_->tail(log, 1)) << log;
  }
  EXPECT_EQ(lines_of(*store_, "audit").size(), 1u);
  ASSERT_TRUE(store_->append("audit", numbered("2"))) << "the log goes on";
}

TEST_P(StateStoreTest, ManyWritersKeepOneChain) {
  std::vector<std::thread> writers;
  for (auto* store : {store_.get(), other_.get()}) {
    for (int i = 0; i < 3; ++i) {
      writers.emplace_back([store] {
        for (int k = 0; k < 20; ++k) EXPECT_TRUE(succeeded(store->append("audit", numbered("x"))));
      });
    }
  }
  for (auto& writer : writers) writer.join();
  ChainCheck check;
  for (const auto& line : lines_of(*store_, "audit")) ASSERT_EQ(check.next(line), std::nullopt);
  EXPECT_EQ(check.lines(), 120);
}

TEST_P(StateStoreTest, RecordsChangeByCompareAndSet) {
  EXPECT_FALSE(*store_->get("a/1"));
  const auto first = store_->put_if_absent("a/1", "one \"'\n\u00fc", minutes{5});
  ASSERT_TRUE(first) << describe(first.error());
  ASSERT_TRUE(*first);
  EXPECT_FALSE(*other_->put_if_absent("a/1", "two", minutes{5})) << "it is there";
  auto record = other_->get("a/1");
  ASSERT_TRUE(record && *record);
  EXPECT_EQ((*record)->key, "a/1");
  EXPECT_EQ((*record)->value, "one \"'\n\u00fc");
  EXPECT_EQ((*record)->version, **first);
  EXPECT_EQ((*record)->expires, place_.clock.now() + minutes{5});

  const auto second = other_->replace_if_version("a/1", **first, "two", minutes{5});
  ASSERT_TRUE(second && *second);
  EXPECT_NE(**second, **first);
  EXPECT_FALSE(*store_->replace_if_version("a/1", **first, "three", minutes{5}));
  EXPECT_FALSE(*store_->remove_if_version("a/1", **first));
  EXPECT_EQ((*store_->get("a/1"))->value, "two");
  EXPECT_TRUE(*store_->remove_if_version("a/1", **second));
  EXPECT_FALSE(*store_->remove_if_version("a/1", **second));

  // A version is never given twice, so that whoever holds an old one notices.
  const auto again = store_->put_if_absent("a/1", "four", minutes{5});
  ASSERT_TRUE(again && *again);
  EXPECT_NE(**again, **first);
  EXPECT_FALSE(*other_->replace_if_version("a/1", **first, "x", minutes{5}));
  ASSERT_TRUE(store_->put("a/1", "five", minutes{5}));
  EXPECT_FALSE(*other_->replace_if_version("a/1", **again, "x", minutes{5}));
  ASSERT_TRUE(store_->remove("a/1"));
  ASSERT_TRUE(store_->remove("a/1"));
  EXPECT_FALSE(*other_->get("a/1"));
}

TEST_P(StateStoreTest, RecordsExpire) {
  const auto version = store_->put_if_absent("lease", "mine", minutes{5});
  ASSERT_TRUE(store_->put("for-ever", "x", StateStore::kForever));
  place_.clock.advance(minutes{5} - std::chrono::milliseconds{1});
  EXPECT_TRUE(*store_->get("lease"));
  EXPECT_FALSE(*other_->put_if_absent("lease", "theirs", minutes{5}));
  place_.clock.advance(std::chrono::milliseconds{1});
  EXPECT_FALSE(*store_->get("lease"));
  EXPECT_THAT(*store_->list("lease"), IsEmpty());
  EXPECT_FALSE(*store_->replace_if_version("lease", **version, "mine", minutes{5}));
  EXPECT_FALSE(*store_->remove_if_version("lease", **version));
  EXPECT_TRUE(*other_->put_if_absent("lease", "theirs", minutes{5}));
  EXPECT_EQ((*store_->get("lease"))->value, "theirs");
  place_.clock.advance(std::chrono::hours{24 * 3650});
  EXPECT_TRUE(*store_->get("for-ever"));
}

TEST_P(StateStoreTest, ListsWhatBeginsWithAPrefix) {
  for (std::string_view key : {"b/2", "a/2", "a/10", "a/1", "a0", "a", "A/1"}) {
    ASSERT_TRUE(store_->put(key, key, minutes{1}));
  }
  std::vector<std::string> keys;
  const auto listed = other_->list("a/");
  for (const auto& record : *listed) keys.push_back(record.key);
  EXPECT_THAT(keys, ElementsAre("a/1", "a/10", "a/2"));
  EXPECT_EQ(other_->list("a/", "a/1")->size(), 2u);
  EXPECT_EQ(other_->list("a/", "a/1")->front().value, "a/10");
  EXPECT_THAT(*other_->list("c/"), IsEmpty());
}

TEST_P(StateStoreTest, HasLimits) {
  const std::string long_key(StateStore::kMaxKey + 1, 'k');
  for (std::string_view key : {std::string_view(""), std::string_view("a b"), std::string_view("\u00fc"),
                               std::string_view("a\nb"), std::string_view(long_key)}) {
    EXPECT_EQ(store_->get(key).error().code, "core.state.name") << key;
    EXPECT_EQ(store_->put(key, "", minutes{1}).error().code, "core.state.name") << key;
    EXPECT_EQ(store_->list(key).error().code, "core.state.name") << key;
    EXPECT_FALSE(store_->remove(key)) << key;
  }
  EXPECT_TRUE(store_->put("k", std::string(StateStore::kMaxValue, 'v'), minutes{1}));
  EXPECT_EQ((*store_->get("k"))->value.size(), StateStore::kMaxValue);
  EXPECT_EQ(store_->put("k", std::string(StateStore::kMaxValue + 1, 'v'), minutes{1}).error().code,
            "core.state.limit");
  EXPECT_FALSE(store_->put("k", std::string_view("a\0b", 3), minutes{1}));
}

TEST_P(StateStoreTest, ConsumesOnce) {
  EXPECT_TRUE(*store_->consume("n1", minutes{10}));
  EXPECT_FALSE(*store_->consume("n1", minutes{10}));
  EXPECT_FALSE(*other_->consume("n1", minutes{10}));
  EXPECT_TRUE(*other_->consume("n2", minutes{10}));

  std::atomic<int> winners = 0;
  std::vector<std::thread> all;
  for (int i = 0; i < 8; ++i) {
    all.emplace_back([&, i] {
      for (int k = 0; k < 20; ++k) {
        auto mine = (i % 2 == 0 ? store_ : other_)->consume(fmt::format("race-{}", k), minutes{10});
        ASSERT_TRUE(mine) << describe(mine.error());
        if (*mine) ++winners;
      }
    });
  }
  for (auto& each : all) each.join();
  EXPECT_EQ(winners, 20);
}

TEST_P(StateStoreTest, WhatHasExpiredIsRemovedInPassing) {
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(*store_->consume(fmt::format("old-{}", i), minutes{1}));
  place_.clock.advance(minutes{1});
  for (int i = 0; i < 32; ++i) ASSERT_TRUE(*store_->consume(fmt::format("new-{}", i), minutes{1}));
  // With the clock back, only what is still there shows.
  place_.clock.advance(-minutes{1});
  EXPECT_THAT(*store_->list("used/old-"), IsEmpty());
  EXPECT_EQ(store_->list("used/new-")->size(), 32u);
}

TEST_P(StateStoreTest, StaysWhenItsInstancesGo) {
  ASSERT_TRUE(store_->append("audit", numbered("1")));
  ASSERT_TRUE(store_->put("k", "v", minutes{1}));
  store_.reset();
  other_.reset();
  auto later = place_.instance();
  EXPECT_EQ((*later->get("k"))->value, "v");
  EXPECT_EQ(lines_of(*later, "audit").size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(On, StateStoreTest, testing::Values(StateKind::directory, StateKind::postgres),
                         test::name_of);

class DirectoryStateTest : public testing::Test {
 protected:
  std::string file(std::string_view name) const { return fmt::format("{}/{}", place_.directory(), name); }
  static mode_t mode_of(const std::string& path) {
    struct stat info{};
    return ::stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  test::StatePlace place_{StateKind::directory};
  std::unique_ptr<StateStore> store_ = place_.instance();
};

TEST_F(DirectoryStateTest, TouchesNothingBeforeItIsUsed) {
  EXPECT_FALSE(std::filesystem::exists(place_.directory()));
  EXPECT_THAT(lines_of(*store_, "audit"), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(place_.directory()));
  ASSERT_TRUE(store_->append("audit", numbered("1")));
  EXPECT_FALSE(std::filesystem::exists(file("state.db"))) << "a log needs no database";
}

TEST_F(DirectoryStateTest, IsPrivate) {
  ASSERT_TRUE(store_->append("audit", numbered("1")));
  ASSERT_TRUE(store_->put("k", "v", minutes{1}));
  EXPECT_EQ(mode_of(place_.directory()), 0700u);
  for (std::string_view name : {"audit.jsonl", "state.db", "state.db-wal"})
    EXPECT_EQ(mode_of(file(name)), 0600u) << name;
}

TEST_F(DirectoryStateTest, LongLinesAndTornOnesAreRead) {
  const std::string wide(200'000, 'w');
  ASSERT_TRUE(store_->append("audit", [&](std::string_view) -> Result<std::string> { return wide; }));
  EXPECT_EQ(store_->append("audit", numbered("x")).error().code, "core.chain.damaged");
  ASSERT_TRUE(store_->append("audit", [&](std::string_view last) -> Result<std::string> {
    return fmt::format("{} before", last.size());
  }));
  std::ofstream(file("audit.jsonl"), std::ios::app) << "torn";
  EXPECT_THAT(lines_of(*store_, "audit"), ElementsAre(wide, "200000 before", "torn"));
}

TEST_F(DirectoryStateTest, RefusesWhatANewerVersionWrote) {
  ASSERT_TRUE(store_->put("k", "v", minutes{1}));
  ASSERT_TRUE((*Database::open(file("state.db")))->execute("PRAGMA user_version=99"));
  auto later = place_.instance();
  EXPECT_EQ(later->get("k").error().code, "core.state.newer");
  EXPECT_EQ(later->put("k", "v", minutes{1}).error().code, "core.state.newer");
}

TEST_F(DirectoryStateTest, SaysWhatIsWrong) {
  std::filesystem::create_directories(file("state.db"));
  std::filesystem::permissions(place_.directory(), std::filesystem::perms::owner_all);
  const auto broken = store_->get("k");
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, "core.state.unavailable");
  EXPECT_THAT(broken.error().hint, HasSubstr("OKTA_MCP_STATE_DIR"));
}

class PostgresStateTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!place_.available()) GTEST_SKIP() << test::PostgresServer::kAbsent;
    store_ = place_.instance();
  }
  test::StatePlace place_{StateKind::postgres};
  std::unique_ptr<StateStore> store_;
};

TEST_F(PostgresStateTest, ComesBackWithItsServer) {
  ASSERT_TRUE(store_->append("audit", numbered("1")));
  ASSERT_TRUE(*store_->consume("once", minutes{5}));
  place_.server().crash();
  const auto down = store_->append("audit", numbered("2"));
  ASSERT_FALSE(down) << "no line, no change";
  EXPECT_EQ(down.error().code, "core.state.unavailable");
  EXPECT_THAT(down.error().hint, HasSubstr("OKTA_MCP_STATE_STORE"));
  ASSERT_TRUE(place_.server().run());
  EXPECT_FALSE(*store_->consume("once", minutes{5}));
  ASSERT_TRUE(store_->append("audit", numbered("3")));
  EXPECT_EQ(lines_of(*store_, "audit").size(), 2u);
}

TEST_F(PostgresStateTest, AConnectionThatBrokeWhileIdleIsReplaced) {
  ASSERT_TRUE(store_->put("k", "v", minutes{5}));
  ASSERT_TRUE(
      place_.server().sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE "
                          "application_name = 'okta-mcp-server'"));
  EXPECT_TRUE(succeeded(store_->put("k", "w", minutes{5})));
}

TEST_F(PostgresStateTest, UsesNoMoreConnectionsThanAllowed) {
  std::vector<std::thread> all;
  for (int i = 0; i < 12; ++i) {
    all.emplace_back(
        [&, i] { EXPECT_TRUE(succeeded(store_->put(fmt::format("k/{}", i), "v", minutes{1}))); });
  }
  for (auto& each : all) each.join();
  EXPECT_TRUE(place_.server().sql(
      "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'okta-mcp-server') "
      "BETWEEN 1 AND 4; END $$"));
}

TEST_F(PostgresStateTest, GivesUpOnAServerThatHangs) {
  ASSERT_TRUE(store_->put("k", "v", minutes{5}));
  auto hasty = postgres_state({.connection = Secret(place_.server().uri()),
                               .statement_timeout = std::chrono::milliseconds{200},
                               .clock = &place_.clock});
  ASSERT_TRUE(hasty->get("k"));
  const auto stuck = hasty->append("audit", [&](std::string_view) -> Result<std::string> {
    // The head is locked while this runs, so a second appender waits in vain.
    const auto second = postgres_state({.connection = Secret(place_.server().uri()),
                                        .statement_timeout = std::chrono::milliseconds{200}})
                            ->append("audit", numbered("2"));
    EXPECT_EQ(second.error().code, "core.state.unavailable");
    return "{}";
  });
  EXPECT_TRUE(stuck);
}

TEST_F(PostgresStateTest, TakesTheServersClockUnlessToldOtherwise) {
  auto plain = postgres_state({.connection = Secret(place_.server().uri())});
  ASSERT_TRUE(plain->put("k", "v", minutes{5}));
  const auto left = (*plain->get("k"))->expires - system_clock().now();
  EXPECT_GT(left, minutes{4});
  EXPECT_LE(left, minutes{5} + std::chrono::seconds{1});  // its clock is rounded
}

TEST_F(PostgresStateTest, RefusesWhatANewerVersionWrote) {
  ASSERT_TRUE(store_->put("k", "v", minutes{1}));
  ASSERT_TRUE(place_.server().sql("UPDATE okta_mcp.schema_version SET version = 99"));
  auto later = place_.instance();
  EXPECT_EQ(later->get("k").error().code, "core.state.newer");
}

TEST_F(PostgresStateTest, NeedsNoMoreThanItsOwnSchema) {
  ASSERT_TRUE(
      place_.server().sql("CREATE ROLE lesser LOGIN; REVOKE CREATE ON DATABASE postgres FROM PUBLIC"));
  auto lesser = postgres_state({.connection = Secret(place_.server().uri("lesser"))});
  const auto refused = lesser->put("k", "v", minutes{1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "core.state.rights") << describe(refused.error());
  EXPECT_THAT(refused.error().hint, HasSubstr("CREATE SCHEMA okta_mcp"));
  ASSERT_TRUE(place_.server().sql("CREATE SCHEMA okta_mcp AUTHORIZATION lesser"));
  EXPECT_TRUE(succeeded(lesser->put("k", "v", minutes{1})));
}

TEST_F(PostgresStateTest, ManyInstancesMayMeetAnEmptyDatabase) {
  std::vector<std::thread> all;
  for (int i = 0; i < 6; ++i) {
    all.emplace_back([&, i] {
      auto mine = place_.instance();
      EXPECT_TRUE(succeeded(mine->put(fmt::format("k/{}", i), "v", minutes{1})));
    });
  }
  for (auto& each : all) each.join();
  EXPECT_EQ(store_->list("k/")->size(), 6u);
}

TEST_F(PostgresStateTest, NeverShowsThePassword) {
  const std::string good = place_.server().uri();
  const std::string bad[] = {
      good + "?no_such_option=1",                        // malformed
      place_.server().uri("nobody-of-that-name"),        // refused by the server
      "postgresql://u:s3cr3t-word@127.0.0.1:1/none",     // nobody there
      "postgresql://u:s3cr3t-word@[::1/none",            // malformed
      "postgresql://u:s3cr3t-w@rd%zz@localhost/s3cr3t",  // malformed
  };
  for (const auto& uri : bad) {
    auto store = postgres_state({.connection = Secret(uri)});
    const auto failed = store->get("k");
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code, "core.state.unavailable");
    EXPECT_THAT(describe(failed.error()), Not(HasSubstr("s3cr3t-w")));
    EXPECT_THAT(store->where(), Not(HasSubstr("s3cr3t-w")));
  }
}

TEST(StateSetting, IsADirectoryOrPostgresql) {
  EXPECT_FALSE((*make_state_store({}, "/nowhere"))->remote());
  EXPECT_EQ((*make_state_store(Secret("directory"), "/nowhere"))->where(), "/nowhere");
  const auto remote =
      make_state_store(Secret("postgresql://ada:s3cr3t@db.example.com:5433/okta?sslmode=require"), "");
  ASSERT_TRUE(remote);
  EXPECT_TRUE((*remote)->remote());
  EXPECT_EQ((*remote)->where(), "PostgreSQL at db.example.com:5433/okta");
  EXPECT_EQ((*remote)->where("audit"), "PostgreSQL at db.example.com:5433/okta, log audit");
  const auto wrong = make_state_store(Secret("mysql://ada:s3cr3t@h"), "");
  ASSERT_FALSE(wrong);
  EXPECT_THAT(describe(wrong.error()), Not(HasSubstr("s3cr3t")));
}

}  // namespace
}  // namespace core
