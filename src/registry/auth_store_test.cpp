#include "registry/auth_store.h"

#include <atomic>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <thread>

#include "registry/test_store.h"

namespace registry {
namespace {

using authserver::RecordKind;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr RecordKind kKind = RecordKind::refresh_token;

class AuthStoreTest : public test::AnyStore {
 protected:
  void SetUp() override {
    AnyStore::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const auto find = [](std::string_view id) -> core::Result<std::optional<authserver::Client>> {
      if (id != "wlp1") return std::nullopt;
      return authserver::Client{.id = "wlp1", .name = "Agent"};
    };
    auth_ = std::make_unique<AuthStore>(store_->state(), find);
    node_ = std::make_unique<AuthStore>(other_->state(), find);
    area_ = std::make_unique<AuthStore>(store_->state(), find, "aus1");
  }
  core::WallTime now() const { return place_.clock.now(); }
  std::unique_ptr<AuthStore> auth_, node_, area_;
};
INSTANTIATE_TEST_SUITE_P(Stores, AuthStoreTest, test::kBackends, test::name_of);

TEST_P(AuthStoreTest, WritesOnlyOverTheVersionThatWasRead) {
  const auto later = now() + hours{1};
  EXPECT_TRUE(*auth_->compare_and_set(kKind, "a", 0, "1", later, now()));
  EXPECT_FALSE(*node_->compare_and_set(kKind, "a", 0, "2", later, now())) << "there is one";
  const auto first = *node_->find(kKind, "a", now());
  ASSERT_TRUE(first);
  EXPECT_EQ(first->value, "1");
  EXPECT_EQ(first->expires_at, later);
  EXPECT_FALSE(*auth_->compare_and_set(kKind, "a", first->version + 1, "2", later, now()));
  EXPECT_TRUE(*node_->compare_and_set(kKind, "a", first->version, "2", later, now()));
  EXPECT_FALSE(*auth_->compare_and_set(kKind, "a", first->version, "3", later, now()))
      << "it was read before";
  const auto second = *auth_->find(kKind, "a", now());
  EXPECT_EQ(second->value, "2");
  EXPECT_NE(second->version, first->version);
  EXPECT_NE(second->version, 0u);
  EXPECT_FALSE(*auth_->compare_and_set(kKind, "b", 1, "x", later, now())) << "there is none";
}

TEST_P(AuthStoreTest, KindsKeysAndAreasAreApart) {
  const auto later = now() + hours{1};
  const std::string hash_like = "!" + std::string(43, 'A');
  int n = 0;
  for (const std::string& key :
       {std::string("a"), std::string("A"), std::string("a/b"), std::string(), hash_like,
        std::string(300, 'k'), std::string(300, 'k') + "l", std::string("ä ö"), std::string("a\0", 2)}) {
    for (const RecordKind kind :
         {RecordKind::user_code, RecordKind::device_code, RecordKind::dpop_proof_id}) {
      for (AuthStore* store : {auth_.get(), area_.get()}) {
        EXPECT_FALSE(*store->find(kind, key, now())) << key;
        EXPECT_TRUE(*store->compare_and_set(kind, key, 0, fmt::format("{}", ++n), later, now())) << key;
        EXPECT_EQ((*store->find(kind, key, now()))->value, fmt::format("{}", n));
      }
    }
  }
}

TEST_P(AuthStoreTest, ForgetsWhatHasExpired) {
  EXPECT_TRUE(*auth_->compare_and_set(kKind, "a", 0, "1", now() + seconds{10}, now()));
  place_.clock.advance(seconds{9});
  const auto record = *auth_->find(kKind, "a", now());
  ASSERT_TRUE(record);
  place_.clock.advance(seconds{1});
  EXPECT_FALSE(*auth_->find(kKind, "a", now()));
  EXPECT_FALSE(*auth_->compare_and_set(kKind, "a", record->version, "2", now() + hours{1}, now()));
  EXPECT_TRUE(*auth_->compare_and_set(kKind, "a", 0, "3", now() + hours{1}, now()))
      << "the name is free again";
}

// The caller's time counts, whatever the state's clock says.
TEST_P(AuthStoreTest, GoesByTheCallersTime) {
  EXPECT_TRUE(*auth_->compare_and_set(kKind, "a", 0, "1", now() + seconds{10}, now()));
  const auto ahead = now() + seconds{10};
  EXPECT_FALSE(*auth_->find(kKind, "a", ahead));
  EXPECT_TRUE(*auth_->compare_and_set(kKind, "a", 0, "2", ahead + seconds{5}, ahead));
  EXPECT_FALSE(*auth_->compare_and_set(kKind, "a", 0, "3", ahead + seconds{5}, now()));
  EXPECT_TRUE(*auth_->compare_and_set(kKind, "over", 0, "1", now(), now())) << "over already";
  EXPECT_FALSE(*auth_->find(kKind, "over", now() + milliseconds{1}));
}

TEST_P(AuthStoreTest, OneOfManyWins) {
  std::atomic<int> wins = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&, i] {
        AuthStore& mine = i % 2 == 0 ? *auth_ : *node_;
        for (int n = 0; n < 12; ++n) {
          wins += *mine.compare_and_set(kKind, fmt::format("{}", n), 0, "x", now() + hours{1}, now());
        }
      });
    }
  }
  EXPECT_EQ(wins, 12);
}

TEST_P(AuthStoreTest, AsksForClients) {
  EXPECT_EQ((*auth_->find_client("wlp1"))->name, "Agent");
  EXPECT_FALSE(*auth_->find_client("wlp2"));
}

TEST_P(AuthStoreTest, IsBounded) {
  const auto done = auth_->compare_and_set(kKind, "a", 0, std::string(core::StateStore::kMaxValue + 1, 'x'),
                                           now() + hours{1}, now());
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "authserver.server_error");
}

}  // namespace
}  // namespace registry
