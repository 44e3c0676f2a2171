#include "authserver/store.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

namespace authserver {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr core::WallTime kNow{seconds{1000}};
constexpr core::WallTime kLater{seconds{2000}};
constexpr RecordKind kKind = RecordKind::refresh_token;

TEST(MemoryStore, WritesOnlyOverTheVersionThatWasRead) {
  MemoryStore store({});
  EXPECT_TRUE(*store.compare_and_set(kKind, "a", 0, "1", kLater, kNow));
  EXPECT_FALSE(*store.compare_and_set(kKind, "a", 0, "2", kLater, kNow));
  EXPECT_FALSE(*store.compare_and_set(kKind, "a", 2, "2", kLater, kNow));
  EXPECT_TRUE(*store.compare_and_set(kKind, "a", 1, "2", kLater, kNow));
  auto record = *store.find(kKind, "a", kNow);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->version, 2u);
  EXPECT_EQ(record->value, "2");
  EXPECT_FALSE(*store.compare_and_set(kKind, "b", 1, "x", kLater, kNow)) << "what is not there has version 0";
}

TEST(MemoryStore, KindsAreApart) {
  MemoryStore store({});
  EXPECT_TRUE(*store.compare_and_set(RecordKind::user_code, "a", 0, "1", kLater, kNow));
  EXPECT_FALSE(store.find(RecordKind::device_code, "a", kNow)->has_value());
}

TEST(MemoryStore, ForgetsWhatHasExpired) {
  MemoryStore store({});
  EXPECT_TRUE(*store.compare_and_set(kKind, "a", 0, "1", kLater, kNow));
  EXPECT_TRUE(store.find(kKind, "a", kLater - seconds{1})->has_value());
  EXPECT_FALSE(store.find(kKind, "a", kLater)->has_value());
  EXPECT_TRUE(*store.compare_and_set(kKind, "a", 0, "2", kLater + seconds{9}, kLater))
      << "the name is free again";
}

TEST(MemoryStore, IsBounded) {
  MemoryStore store({}, 2);
  EXPECT_TRUE(*store.compare_and_set(kKind, "a", 0, "1", kNow + seconds{1}, kNow));
  EXPECT_TRUE(*store.compare_and_set(kKind, "b", 0, "1", kLater, kNow));
  auto full = store.compare_and_set(kKind, "c", 0, "1", kLater, kNow);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, "authserver.server_error");
  EXPECT_TRUE(*store.compare_and_set(kKind, "c", 0, "1", kLater, kNow + seconds{1}))
      << "an expired record makes room";
  EXPECT_EQ(store.size(), 2u);
}

TEST(MemoryStore, ForgetsWhatHasExpiredLongBeforeItIsFull) {
  MemoryStore store({});
  for (int n = 0; n < 100'000; ++n) {
    ASSERT_TRUE(*store.compare_and_set(kKind, std::to_string(n), 0, "x", kNow + milliseconds{n + 100},
                                       kNow + milliseconds{n}));
  }
  EXPECT_LE(store.size(), 1024u) << "a hundred of them are good at any time";
}

TEST(MemoryStore, OneOfManyWins) {
  MemoryStore store({});
  std::atomic<int> wins = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 200; ++n) {
        wins += *store.compare_and_set(kKind, std::to_string(n), 0, "x", kLater, kNow);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wins, 200);
}

TEST(MemoryStore, KnowsItsClients) {
  MemoryStore store(std::vector<Client>{{.id = "a", .name = "A"}});
  EXPECT_EQ((*store.find_client("a"))->name, "A");
  EXPECT_FALSE(store.find_client("b")->has_value());
}

TEST(HashSecret, IsSha256) {
  // FIPS 180-2 appendix B.1, "abc".
  EXPECT_EQ(hash_secret("abc"), "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0");
}

}  // namespace
}  // namespace authserver
