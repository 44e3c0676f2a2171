// Work by lease, single use, and what several nodes do at once.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <mutex>
#include <set>
#include <thread>

#include "registry/test_store.h"

namespace registry {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

std::string code_of(const core::Status& status) {
  return status ? "ok" : status.error().code;
}

class WorkTest : public test::AnyStore {
 protected:
  void schedule(const std::string& id, milliseconds in = {}, core::json::Object body = {}) {
    const Work work{.id = id,
                    .kind = "validate",
                    .subject = "ems1",
                    .body = std::move(body),
                    .due = place_.clock.now() + in};
    ASSERT_EQ(code_of(store_->transaction([&](Transaction& tx) { return tx.schedule(work); })), "ok");
  }
  std::optional<Work> claim(Store& store, milliseconds lease = seconds{30}) {
    auto work = store.claim("node", lease);
    EXPECT_TRUE(work) << core::describe(work.error());
    return work ? *work : std::nullopt;
  }
  static std::string finish(Store& store, const Work& work) {
    return code_of(store.transaction([&](Transaction& tx) { return tx.finish(work); }));
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, WorkTest, test::kBackends, test::name_of);

TEST_P(WorkTest, IsClaimedWhenDueAndByOne) {
  EXPECT_FALSE(claim(*store_));
  schedule("late", seconds{10});
  schedule("now", {}, {{"reason", "manual"}});
  const auto work = claim(*store_);
  ASSERT_TRUE(work);
  EXPECT_EQ(work->id, "now");
  EXPECT_EQ(work->kind, "validate");
  EXPECT_EQ(work->subject, "ems1");
  EXPECT_EQ(work->body, (core::json::Object{{"reason", "manual"}}));
  EXPECT_EQ(work->due, place_.clock.now());
  EXPECT_EQ(work->attempts, 1);
  EXPECT_NE(work->fence, 0);
  EXPECT_FALSE(claim(*other_)) << "one is taken, the other not due";
  place_.clock.advance(seconds{9});
  EXPECT_FALSE(claim(*other_));
  place_.clock.advance(seconds{1});
  EXPECT_EQ(claim(*other_)->id, "late");
}

TEST_P(WorkTest, ComesInTheOrderThatItIsDue) {
  schedule("c", seconds{3});
  schedule("a", seconds{1});
  schedule("b", seconds{2});
  place_.clock.advance(seconds{5});
  EXPECT_EQ(claim(*store_)->id, "a");
  EXPECT_EQ(claim(*other_)->id, "b");
  EXPECT_EQ(claim(*store_)->id, "c");
}

TEST_P(WorkTest, GoesToAnotherWhenItsLeaseHasRunOut) {
  schedule("w");
  const auto first = claim(*store_, seconds{30});
  place_.clock.advance(seconds{29});
  EXPECT_FALSE(claim(*other_));
  EXPECT_TRUE(*store_->renew(*first, seconds{30}));
  place_.clock.advance(seconds{29});
  EXPECT_FALSE(claim(*other_)) << "it was renewed";
  place_.clock.advance(seconds{1});
  const auto second = claim(*other_);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->attempts, 2);
  EXPECT_NE(second->fence, first->fence);
  EXPECT_FALSE(*store_->renew(*first, seconds{30}));
  EXPECT_EQ(finish(*store_, *first), "registry.store.lease_lost");
  EXPECT_EQ(
      code_of(store_->transaction([&](Transaction& tx) { return tx.retry(*first, place_.clock.now()); })),
      "registry.store.lease_lost");
  EXPECT_EQ(finish(*other_, *second), "ok");
  EXPECT_EQ(finish(*other_, *second), "registry.store.lease_lost") << "there is nothing any more";
}

TEST_P(WorkTest, MayBeEndedAfterItsLeaseWhenNobodyElseCame) {
  schedule("w");
  const auto work = claim(*store_, seconds{1});
  place_.clock.advance(hours{1});
  EXPECT_EQ(finish(*store_, *work), "ok");
  EXPECT_FALSE(claim(*other_));
}

TEST_P(WorkTest, LosingTheLeaseLosesTheTransaction) {
  schedule("w");
  const auto first = claim(*store_, seconds{1});
  place_.clock.advance(seconds{2});
  const auto second = claim(*other_);
  ASSERT_TRUE(second);
  EXPECT_EQ(code_of(store_->transaction([&](Transaction& tx) -> core::Status {
              Row row{.kind = Kind::mcp_server, .id = "ems1"};
              RETURN_IF_ERROR(tx.insert(row));
              EXPECT_EQ(code_of(tx.finish(*first)), "registry.store.lease_lost");
              return {};  // whatever the handler makes of it
            })),
            "registry.store.lease_lost");
  EXPECT_FALSE(*store_->get(Kind::mcp_server, "ems1"));
}

TEST_P(WorkTest, SchedulingAnewTakesItFromWhoIsAtIt) {
  schedule("w", {}, {{"n", 1}});
  const auto first = claim(*store_);
  schedule("w", {}, {{"n", 2}});
  EXPECT_FALSE(*store_->renew(*first, seconds{30}));
  EXPECT_EQ(finish(*store_, *first), "registry.store.lease_lost");
  const auto second = claim(*other_);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->body.at("n").as_int64(), 2);
  EXPECT_EQ(second->attempts, 1) << "it is other work";
  // Done, scheduled and claimed again: the first fence is still an old one.
  EXPECT_EQ(finish(*other_, *second), "ok");
  schedule("w", {}, {{"n", 3}});
  const auto third = claim(*other_);
  EXPECT_EQ(finish(*store_, *first), "registry.store.lease_lost");
  EXPECT_EQ(finish(*other_, *third), "ok");
}

TEST_P(WorkTest, WhatWasNotClaimedCannotBeEnded) {
  schedule("w");
  EXPECT_EQ(finish(*store_, {.id = "w", .kind = "validate"}), "registry.store.lease_lost");
  EXPECT_FALSE(*store_->renew({.id = "w", .kind = "validate"}, seconds{1}));
  EXPECT_TRUE(claim(*store_));
}

TEST_P(WorkTest, IsTriedAgainLater) {
  schedule("w");
  const auto work = claim(*store_);
  ASSERT_EQ(code_of(store_->transaction(
                [&](Transaction& tx) { return tx.retry(*work, place_.clock.now() + seconds{8}); })),
            "ok");
  EXPECT_EQ(finish(*store_, *work), "registry.store.lease_lost") << "it is nobody's until then";
  place_.clock.advance(seconds{7});
  EXPECT_FALSE(claim(*store_));
  place_.clock.advance(seconds{1});
  const auto again = claim(*other_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attempts, 2);
  EXPECT_EQ(again->due, place_.clock.now());
}

TEST_P(WorkTest, AnIdIsUsedOnceUntilItsTimeIsOver) {
  const auto consume = [](Store& store, const std::string& id) {
    bool fresh = false;
    EXPECT_EQ(code_of(store.transaction([&](Transaction& tx) -> core::Status {
                ASSIGN_OR_RETURN(fresh, tx.consume(id, seconds{60}));
                return {};
              })),
              "ok");
    return fresh;
  };
  const std::string odd("\xFF\0 long", 8);
  EXPECT_TRUE(consume(*store_, "a"));
  EXPECT_FALSE(consume(*other_, "a"));
  EXPECT_TRUE(consume(*other_, "A"));
  EXPECT_TRUE(consume(*store_, odd));
  EXPECT_FALSE(consume(*store_, odd));
  EXPECT_TRUE(consume(*store_, std::string(100'000, 'x')));
  place_.clock.advance(seconds{59});
  EXPECT_FALSE(consume(*store_, "a"));
  place_.clock.advance(seconds{1});
  EXPECT_TRUE(consume(*store_, "a"));
  EXPECT_EQ(*store_->forget_expired(), 3u);
  EXPECT_EQ(*store_->forget_expired(), 0u);
  EXPECT_FALSE(consume(*other_, "a"));
}

// Several nodes.

constexpr int kThreads = 3;  // of each of two nodes

class Race : public WorkTest {
 protected:
  // `body` on both nodes, several threads each, all starting at once.
  void race(const std::function<void(Store& store, int thread)>& body) {
    std::barrier start(2 * kThreads);
    std::vector<std::jthread> threads;
    threads.reserve(2 * kThreads);
    for (int i = 0; i < 2 * kThreads; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        body(i % 2 == 0 ? *store_ : *other_, i);
      });
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, Race, test::kBackends, test::name_of);

TEST_P(Race, OneGetsAUniqueValue) {
  constexpr int kValues = 12;
  std::array<std::atomic<int>, kValues> winners{};
  std::atomic<int> refused = 0;
  race([&](Store& store, int thread) {
    for (int value = 0; value < kValues; ++value) {
      const auto done = store.transaction([&](Transaction& tx) {
        Row row{.kind = Kind::mcp_server,
                .id = fmt::format("ems{}-{}", thread, value),
                .unique = fmt::format("u{}", value)};
        return tx.insert(row);
      });
      if (done) ++winners[static_cast<std::size_t>(value)];
      if (code_of(done) == "registry.UNIQUE_CONSTRAINT") ++refused;
    }
  });
  for (const auto& count : winners) EXPECT_EQ(count, 1);
  EXPECT_EQ(refused, kValues * (2 * kThreads - 1));
  EXPECT_EQ(store_->list({.kind = Kind::mcp_server})->size(), static_cast<std::size_t>(kValues));
}

TEST_P(Race, NoHeldChangeIsLost) {
  ASSERT_EQ(code_of(store_->transaction([](Transaction& tx) {
              Row row{.kind = Kind::mcp_server, .id = "ems1", .body = {{"n", 0}}};
              return tx.insert(row);
            })),
            "ok");
  constexpr int kTimes = 15;
  race([&](Store& store, int) {
    for (int i = 0; i < kTimes; ++i) {
      const auto done = store.transaction([](Transaction& tx) -> core::Status {
        ASSIGN_OR_RETURN(auto row, tx.hold(Kind::mcp_server, "ems1"));
        row->body["n"] = row->body.at("n").as_int64() + 1;
        return tx.update(*row);
      });
      EXPECT_EQ(code_of(done), "ok");
    }
  });
  const auto row = *store_->get(Kind::mcp_server, "ems1");
  EXPECT_EQ(row->body.at("n").as_int64(), 2 * kThreads * kTimes);
  EXPECT_EQ(row->version, 2 * kThreads * kTimes + 1);
}

TEST_P(Race, WhatIsNotHeldIsChangedOnceForEachVersion) {
  ASSERT_EQ(code_of(store_->transaction([](Transaction& tx) {
              Row row{.kind = Kind::mcp_server, .id = "ems1"};
              return tx.insert(row);
            })),
            "ok");
  std::atomic<int> changes = 0, refusals = 0;
  race([&](Store& store, int) {
    for (int i = 0; i < 15; ++i) {
      const auto read = *store.get(Kind::mcp_server, "ems1");
      const auto done = store.transaction([&](Transaction& tx) {
        Row row = *read;
        return tx.update(row);
      });
      ++(done ? changes : refusals);
      EXPECT_TRUE(done || code_of(done) == "registry.store.changed") << code_of(done);
    }
  });
  EXPECT_EQ((*store_->get(Kind::mcp_server, "ems1"))->version, changes + 1);
  EXPECT_EQ(changes + refusals, 2 * kThreads * 15);
}

TEST_P(Race, OneUsesAnId) {
  std::atomic<int> uses = 0;
  race([&](Store& store, int) {
    for (int i = 0; i < 15; ++i) {
      bool fresh = false;
      EXPECT_EQ(code_of(store.transaction([&](Transaction& tx) -> core::Status {
                  ASSIGN_OR_RETURN(fresh, tx.consume(fmt::format("jti{}", i), hours{1}));
                  return {};
                })),
                "ok");
      uses += fresh;
    }
  });
  EXPECT_EQ(uses, 15);
}

TEST_P(Race, OneClaimsAPieceOfWork) {
  constexpr int kPieces = 40;
  ASSERT_EQ(
      code_of(store_->transaction([&](Transaction& tx) -> core::Status {
        for (int i = 0; i < kPieces; ++i) {
          RETURN_IF_ERROR(tx.schedule({.id = fmt::format("w{}", i), .kind = "k", .due = place_.clock.now()}));
        }
        return {};
      })),
      "ok");
  std::mutex mutex;
  std::multiset<std::string> claimed;
  race([&](Store& store, int thread) {
    for (auto work = store.claim(fmt::format("n{}", thread), hours{1}); work && *work;
         work = store.claim(fmt::format("n{}", thread), hours{1})) {
      {
        std::lock_guard lock(mutex);
        claimed.insert((*work)->id);
      }
      if (thread % 3 == 0) {
        EXPECT_EQ(finish(store, **work), "ok");
      }
    }
  });
  // Passing over what another has locked may end a loop early; the rest is there for the next look.
  while (auto rest = claim(*store_, hours{1})) claimed.insert(rest->id);
  EXPECT_EQ(claimed.size(), static_cast<std::size_t>(kPieces));
  EXPECT_EQ(std::set<std::string>(claimed.begin(), claimed.end()).size(), static_cast<std::size_t>(kPieces));
}

// Each holds what the other wants: PostgreSQL gives one of them up, which is tried again.
TEST_P(Race, ADeadlockIsTriedAgain) {
  if (GetParam() == test::Backend::sqlite) GTEST_SKIP() << "SQLite's transactions come one after the other";
  ASSERT_EQ(code_of(store_->transaction([](Transaction& tx) -> core::Status {
              for (const char* id : {"a", "b"}) {
                Row row{.kind = Kind::mcp_server, .id = id, .body = {{"n", 0}}};
                RETURN_IF_ERROR(tx.insert(row));
              }
              return {};
            })),
            "ok");
  std::barrier both(2);
  std::atomic<int> runs = 0;
  const auto crossed = [&](Store& store, const char* first, const char* second) {
    bool met = false;
    EXPECT_EQ(code_of(store.transaction([&](Transaction& tx) -> core::Status {
                ++runs;
                for (const char* id : {first, second}) {
                  ASSIGN_OR_RETURN(auto row, tx.hold(Kind::mcp_server, id));
                  row->body["n"] = row->body.at("n").as_int64() + 1;
                  RETURN_IF_ERROR(tx.update(*row));
                  if (!met) both.arrive_and_wait();
                  met = true;
                }
                return {};
              })),
              "ok");
  };
  {
    const std::jthread one([&] { crossed(*store_, "a", "b"); });
    const std::jthread two([&] { crossed(*other_, "b", "a"); });
  }
  EXPECT_GE(runs, 3) << "one of them was given up";
  for (const char* id : {"a", "b"}) {
    EXPECT_EQ((*store_->get(Kind::mcp_server, id))->body.at("n").as_int64(), 2);
  }
}

}  // namespace
}  // namespace registry
