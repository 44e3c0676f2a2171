#include <fmt/format.h>
#include <gmock/gmock.h>
#include <semaphore>
#include <thread>

#include "core/postgres.h"
#include "registry/test_store.h"

namespace registry {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class Events : public test::AnyStore {
 protected:
  void emit(const std::string& type, const std::string& target = "ems1") {
    const auto done = store_->transaction([&](Transaction& tx) {
      return tx.emit({.type = type,
                      .actor = {.id = "00u1", .type = "User"},
                      .targets = {{.id = target, .type = "McpServer"}}});
    });
    ASSERT_TRUE(done) << core::describe(done.error());
  }
  std::vector<std::string> types(const EventQuery& query) {
    const auto events = other_->events(query);
    if (!events) return {"error " + events.error().code};
    std::vector<std::string> found;
    found.reserve(events->size());
    for (const auto& event : *events) found.push_back(event.type);
    return found;
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, Events, test::kBackends, test::name_of);

TEST_P(Events, AreKeptWhole) {
  const Event event{
      .type = "resource_servers.mcp_server.activate",
      .actor = {.id = "00u1", .type = "User", .name = "Åsa"},
      .targets = {{.id = "ems1", .type = "McpServer", .name = "One", .detail = {{"from", "INACTIVE"}}},
                  {.id = "wlp1", .type = "WorkloadPrincipal"}},
      .success = false,
      .reason = "NOT_CONNECTABLE",
      .transaction = "tx1",
      .debug = {{"url", "https://a.example"}, {"n", 1}}};
  ASSERT_TRUE(store_->transaction([&](Transaction& tx) { return tx.emit(event); }));
  const auto events = *other_->events({});
  ASSERT_EQ(events.size(), 1u);
  const Event& found = events[0];
  EXPECT_GT(found.number, 0);
  EXPECT_EQ(found.id.size(), 36u);
  EXPECT_EQ(found.published, place_.clock.now());
  EXPECT_EQ(found.type, event.type);
  EXPECT_EQ(found.actor.id, "00u1");
  EXPECT_EQ(found.actor.type, "User");
  EXPECT_EQ(found.actor.name, "Åsa");
  ASSERT_EQ(found.targets.size(), 2u);
  EXPECT_EQ(found.targets[0].name, "One");
  EXPECT_EQ(found.targets[0].detail, event.targets[0].detail);
  EXPECT_EQ(found.targets[1].id, "wlp1");
  EXPECT_FALSE(found.success);
  EXPECT_EQ(found.reason, event.reason);
  EXPECT_EQ(found.transaction, "tx1");
  EXPECT_EQ(found.debug, event.debug);
}

TEST_P(Events, AreFoundByTypeTargetAndTime) {
  emit("app.a.b");
  emit("app.a_c");
  emit("app.b", "ems2");
  place_.clock.advance(hours{1});
  const auto later = place_.clock.now();
  emit("app.a.c", "ems2");
  emit("sys.x", "ems1");

  EXPECT_THAT(types({}), ElementsAre("app.a.b", "app.a_c", "app.b", "app.a.c", "sys.x"));
  EXPECT_THAT(types({.type_prefix = "app.a"}), ElementsAre("app.a.b", "app.a_c", "app.a.c"));
  EXPECT_THAT(types({.type_prefix = "app.a."}), ElementsAre("app.a.b", "app.a.c"));
  EXPECT_THAT(types({.type_prefix = "app.a_"}), ElementsAre("app.a_c"));
  EXPECT_THAT(types({.type_prefix = "app%"}), IsEmpty());
  EXPECT_THAT(types({.type_prefix = "APP"}), IsEmpty());
  EXPECT_THAT(types({.about = "ems2"}), ElementsAre("app.b", "app.a.c"));
  EXPECT_THAT(types({.type_prefix = "app.b", .about = "ems2"}), ElementsAre("app.b"));
  EXPECT_THAT(types({.about = "ems"}), IsEmpty());
  EXPECT_THAT(types({.since = later}), ElementsAre("app.a.c", "sys.x"));
  EXPECT_THAT(types({.type_prefix = "app.", .since = later}), ElementsAre("app.a.c"));
  EXPECT_THAT(types({.about = "ems1", .since = later}), ElementsAre("sys.x"));
  EXPECT_THAT(types({.since = later + seconds{1}}), IsEmpty());
  EXPECT_THAT(types({.since = later + hours{1}}), IsEmpty());
  EXPECT_THAT(types({.newest_first = true}), ElementsAre("sys.x", "app.a.c", "app.b", "app.a_c", "app.a.b"));
  EXPECT_THAT(types({.type_prefix = "app.", .newest_first = true, .limit = 2}),
              ElementsAre("app.a.c", "app.b"));
  EXPECT_THAT(types({.about = "ems1", .newest_first = true, .limit = 1}), ElementsAre("sys.x"));
}

TEST_P(Events, ComeByPages) {
  for (int i = 0; i < 25; ++i) emit(fmt::format("t{}.n{}", i % 3, i), i % 2 == 0 ? "even" : "odd");
  const auto all = [&](EventQuery query) {
    std::vector<std::string> found;
    query.limit = 4;
    for (int page = 0; page < 20; ++page) {
      const auto events = *store_->events(query);
      for (const auto& event : events) found.push_back(event.type);
      if (events.size() < query.limit) return found;
      query.after = events.back().number;
    }
    return std::vector<std::string>{"endless"};
  };
  auto up = all({});
  ASSERT_EQ(up.size(), 25u);
  EXPECT_EQ(up.front(), "t0.n0");
  EXPECT_EQ(up.back(), "t0.n24");
  auto down = all({.newest_first = true});
  std::ranges::reverse(down);
  EXPECT_EQ(up, down);
  EXPECT_THAT(all({.type_prefix = "t2.", .about = "odd"}),
              ElementsAre("t2.n5", "t2.n11", "t2.n17", "t2.n23"));
  EXPECT_EQ(all({.type_prefix = "t1."}).size(), 8u);
  EXPECT_EQ(all({.about = "even", .newest_first = true}).size(), 13u);
}

TEST_P(Events, OfOneTransactionKeepTheirOrder) {
  ASSERT_TRUE(store_->transaction([](Transaction& tx) -> core::Status {
    for (int i = 0; i < 300; ++i) RETURN_IF_ERROR(tx.emit({.type = fmt::format("e{:03}", i), .actor = {}}));
    return {};
  }));
  const auto found = types({.limit = 1000});
  ASSERT_EQ(found.size(), 300u);
  EXPECT_TRUE(std::ranges::is_sorted(found));
  EXPECT_EQ(store_
                ->transaction([](Transaction& tx) -> core::Status {
                  for (int i = 0; i < 5000; ++i) RETURN_IF_ERROR(tx.emit({.type = "e", .actor = {}}));
                  return {};
                })
                .error()
                .code,
            "registry.store.limit");
}

TEST_P(Events, SurviveOddTexts) {
  ASSERT_TRUE(store_->transaction([](Transaction& tx) {
    return tx.emit({.type = "a",
                    .actor = {.id = "x", .type = "User", .name = "\xC3("},
                    .targets = {{.id = std::string("t\0", 2), .type = "T"}, {.id = "ems1", .type = "T"}},
                    .debug = {{"nul", std::string("a\0b", 3)}}});
  }));
  const auto events = *store_->events({.about = "ems1"});
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].actor.name, "\uFFFD(");
  EXPECT_EQ(events[0].debug.at("nul").as_string(), std::string("a\0b", 3));
  EXPECT_THAT(types({.about = std::string("t\0", 2)}), IsEmpty());
  EXPECT_THAT(types({.type_prefix = "\xC3"}), IsEmpty());
}

// A transaction that began earlier may commit later: who follows the log must not miss its events.
TEST_P(Events, NoneComesBeforeOneThatWasSeen) {
  if (GetParam() == test::Backend::sqlite) GTEST_SKIP() << "SQLite's transactions come one after the other";
  emit("first");
  std::binary_semaphore emitted(0), may_end(0);
  std::jthread slow([&] {
    EXPECT_TRUE(store_->transaction([&](Transaction& tx) -> core::Status {
      RETURN_IF_ERROR(tx.emit({.type = "slow", .actor = {}}));
      emitted.release();
      may_end.acquire();
      return {};
    }));
  });
  emitted.acquire();
  emit("quick");
  const auto before = *other_->events({});
  ASSERT_EQ(before.size(), 1u) << "what lies behind an open transaction waits for it";
  EXPECT_THAT(types({.newest_first = true}), ElementsAre("quick", "first")) << "looking back shows all";
  may_end.release();
  slow.join();
  EXPECT_THAT(types({.after = before[0].number}), ElementsAre("slow", "quick"));
}

// pg_restore into another server, whose transactions count from the beginning.
TEST_P(Events, NumbersGoOnAfterARestore) {
  if (GetParam() == test::Backend::sqlite) GTEST_SKIP() << "SQLite counts its rows";
  emit("old");
  core::Postgres postgres({.connection = core::Secret(place_.url())});
  ASSERT_TRUE(postgres.run("UPDATE okta_agent_registry.events SET number = number + 1000000007", {}));
  auto again = place_.open();
  ASSERT_TRUE(again) << core::describe(again.error());
  emit("new");
  EXPECT_THAT(types({}), ElementsAre("old", "new"));
  again = place_.open();
  emit("newer");
  EXPECT_THAT(types({}), ElementsAre("old", "new", "newer"));
}

}  // namespace
}  // namespace registry
