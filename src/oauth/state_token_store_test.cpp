#include "oauth/state_token_store.h"

#include <atomic>
#include <filesystem>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <iterator>
#include <set>
#include <thread>

#include "core/random.h"
#include "core/test_state.h"
#include "oauth/sealed_file_store.h"
#include "oauth/store_choice.h"
#include "oauth/test_tokens.h"
#include "oauth/token_cache.h"

namespace oauth {
namespace {

using core::test::StateKind;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

const LoginCaller kAda{.issuer = "https://issuer.example", .subject = "ada"};
const LoginCaller kEve{.issuer = "https://issuer.example", .subject = "eve"};

TokenKey key_of(std::optional<LoginCaller> caller = std::nullopt, std::vector<std::string> scopes = {"a"}) {
  return {.org = "https://acme.okta.test",
          .client_id = "0oa1",
          .grant = "device_code",
          .scopes = std::move(scopes),
          .caller = std::move(caller)};
}

StoredToken token_of(std::string_view name) {
  return {.access_token = core::Secret(fmt::format("access-s3cr3t-{}", name)),
          .refresh_token = core::Secret(fmt::format("refresh-s3cr3t-{}", name)),
          .scopes = {"a"},
          .obtained_at = core::WallTime{milliseconds{1'800'000'000'000}},
          .expires_at = core::WallTime{milliseconds{1'800'003'600'000}}};
}

class StateTokenStoreTest : public core::test::AnyState {
 protected:
  std::unique_ptr<StateTokenStore> instance(std::string guard = {}) {
    auto store = StateTokenStore::create(
        {.state = place_.instance(), .clock = &place_.clock, .guard = core::Secret(std::move(guard))});
    EXPECT_TRUE(store);
    return std::move(*store);
  }
  static std::string access(TokenStore& store, const TokenKey& key) {
    auto loaded = store.load(key);
    EXPECT_TRUE(loaded) << (loaded ? "" : core::describe(loaded.error()));
    return loaded && *loaded ? (*loaded)->access_token.reveal() : "none";
  }
};

TEST_P(StateTokenStoreTest, InstancesShareALogin) {
  auto a = instance(), b = instance();
  EXPECT_EQ(access(*b, key_of()), "none");
  ASSERT_TRUE(a->save(key_of(), token_of("1")));
  EXPECT_EQ(access(*b, key_of()), "access-s3cr3t-1");
  ASSERT_TRUE(b->save(key_of(), token_of("2")));
  EXPECT_EQ(access(*a, key_of()), "access-s3cr3t-2");
  EXPECT_EQ((*a->load(key_of()))->refresh_token.reveal(), "refresh-s3cr3t-2");
  ASSERT_TRUE(a->erase(key_of()));
  EXPECT_EQ(access(*b, key_of()), "none");
  EXPECT_EQ(a->is_local(), GetParam() == StateKind::directory);
}

TEST_P(StateTokenStoreTest, OneCallersLoginIsNoOthers) {
  auto store = instance();
  ASSERT_TRUE(store->save(key_of(), token_of("own")));
  ASSERT_TRUE(store->save(key_of(kAda), token_of("ada")));
  EXPECT_EQ(access(*store, key_of(kEve)), "none");
  ASSERT_TRUE(store->save(key_of(kEve), token_of("eve")));
  EXPECT_EQ(access(*store, key_of()), "access-s3cr3t-own");
  EXPECT_EQ(access(*store, key_of(kAda)), "access-s3cr3t-ada");
  EXPECT_EQ(access(*store, key_of(kEve)), "access-s3cr3t-eve");

  // Put under another's name by whoever may write to the database, it does not open.
  const auto adas = store_->get("login/" + key_of(kAda).name());
  ASSERT_TRUE(adas && *adas);
  ASSERT_TRUE(store_->put("login/" + key_of(kEve).name(), (*adas)->value, std::chrono::hours{1}));
  EXPECT_EQ(access(*store, key_of(kEve)), "none");

  ASSERT_TRUE(store->erase_family(key_of(kAda, {"other scopes"})));
  EXPECT_EQ(access(*store, key_of(kAda)), "none");
  EXPECT_EQ(access(*store, key_of()), "access-s3cr3t-own");

  // Neither one's lock keeps another waiting.
  auto own = store->lock({}, key_of()), eves = store->lock({}, key_of(kEve));
  EXPECT_TRUE(own && eves);
}

TEST_P(StateTokenStoreTest, NothingOfItIsReadable) {
  auto store = instance(std::string(32, 'g'));
  ASSERT_TRUE(store->save(key_of(kAda), token_of("1")));
  for (std::string_view prefix : {"login/", "keys/", "lease/"}) {
    const auto records = store_->list(prefix);
    ASSERT_TRUE(records);
    for (const auto& record : *records) {
      for (std::string_view text : {"s3cr3t", "acme", "ada", "0oa1"}) {
        EXPECT_THAT(record.key + record.value, Not(HasSubstr(text)));
      }
    }
  }
  EXPECT_THAT(store->report(key_of(kAda)).protection, HasSubstr("OKTA_MCP_KEY_FILE"));
  auto other = instance(std::string(32, 'h'));
  EXPECT_EQ(access(*other, key_of(kAda)), "none");
  const auto report = other->report(key_of(kAda));
  ASSERT_TRUE(report.trouble);
  EXPECT_EQ(report.trouble->code, "oauth.store.other_key");
  EXPECT_THAT(instance()->report(key_of()).protection, HasSubstr("permissions of the database only"));
}

TEST_P(StateTokenStoreTest, ALeaseIsHeldByOneInstanceAndEndsByItself) {
  auto a = instance(), b = instance();
  auto held = a->lock({}, key_of());
  ASSERT_TRUE(held);
  std::stop_source stopped;
  stopped.request_stop();
  EXPECT_EQ(b->lock({.stop = stopped.get_token()}, key_of()).error().code, "oauth.cancelled");
  EXPECT_EQ(b->lock({.deadline = std::chrono::steady_clock::now()}, key_of()).error().code,
            "oauth.store.locked");
  ASSERT_TRUE((*held)->begin_refresh());
  (*held)->refresh_settled();
  held->reset();
  auto again = b->lock({}, key_of());
  ASSERT_TRUE(again);
  EXPECT_FALSE((*again)->interrupted());

  // b hangs for longer than its lease: a takes over, and b must not spend the refresh token any more.
  place_.clock.advance(kLease);
  auto taken = a->lock({}, key_of());
  ASSERT_TRUE(taken);
  EXPECT_EQ((*again)->begin_refresh().error().code, "oauth.store.locked");
  again->reset();
  EXPECT_FALSE(b->lock({.deadline = std::chrono::steady_clock::now()}, key_of())) << "a's lease is still a's";
}

TEST_P(StateTokenStoreTest, WhoFollowsAnInstanceThatDiedLearnsOfIt) {
  auto a = instance(), b = instance();
  auto held = a->lock({}, key_of());
  ASSERT_TRUE(held && (*held)->begin_refresh());
  // Killed: the lease ends by its time, and the note stays.
  place_.clock.advance(kLease);
  auto next = b->lock({}, key_of());
  ASSERT_TRUE(next);
  EXPECT_TRUE((*next)->interrupted());
  (*next)->refresh_settled();
  next->reset();
  auto later = b->lock({}, key_of());
  ASSERT_TRUE(later);
  EXPECT_FALSE((*later)->interrupted());
}

// Two instances, many calls, and a login that is due: one request is made.
TEST_P(StateTokenStoreTest, ARefreshIsMadeOnceForAllInstances) {
  auto a = instance(), b = instance();
  auto stored = token_of("old");
  stored.obtained_at = place_.clock.now() - std::chrono::hours{2};
  stored.expires_at = place_.clock.now() - std::chrono::hours{1};
  ASSERT_TRUE(a->save(key_of(kAda), stored));
  std::atomic<int> refreshes = 0;
  DpopBinding no_proofs_a(place_.clock, core::system_random()),
      no_proofs_b(place_.clock, core::system_random());
  TokenCache at_a(
      {.key = key_of(kAda), .clock = place_.clock, .dpop = no_proofs_a, .store = a.get(), .must_lock = true});
  TokenCache at_b(
      {.key = key_of(kAda), .clock = place_.clock, .dpop = no_proofs_b, .store = b.get(), .must_lock = true});
  const auto refresh = [&](const core::Context&, const StoredToken* held) -> core::Result<StoredToken> {
    EXPECT_NE(held, nullptr);
    EXPECT_EQ(held->refresh_token.reveal(), "refresh-s3cr3t-old");
    ++refreshes;
    auto fresh = token_of("new");
    fresh.obtained_at = place_.clock.now();
    fresh.expires_at = place_.clock.now() + std::chrono::hours{1};
    return fresh;
  };
  {
    std::vector<std::jthread> calls;
    for (int i = 0; i < 6; ++i) {
      calls.emplace_back([&, i] {
        auto token = (i % 2 == 0 ? at_a : at_b).get({}, refresh);
        ASSERT_TRUE(token) << core::describe(token.error());
        EXPECT_EQ((*token)->value.reveal(), "access-s3cr3t-new");
      });
    }
  }
  EXPECT_EQ(refreshes, 1);
}

TEST_P(StateTokenStoreTest, RefusesWhatANewerVersionWrote) {
  ASSERT_TRUE(store_->put("login/" + key_of().name(), "2 whatever", std::chrono::hours{1}));
  auto store = instance();
  EXPECT_EQ(store->load(key_of()).error().code, "oauth.store.newer");
  EXPECT_EQ(store->save(key_of(), token_of("1")).error().code, "oauth.store.newer");
  ASSERT_TRUE(store_->put("login/" + key_of().name(), "damaged", std::chrono::hours{1}));
  EXPECT_EQ(access(*store, key_of()), "none");
  ASSERT_TRUE(store->save(key_of(), token_of("1")));
  EXPECT_EQ(access(*store, key_of()), "access-s3cr3t-1");
}

INSTANTIATE_TEST_SUITE_P(On, StateTokenStoreTest, testing::Values(StateKind::directory, StateKind::postgres),
                         core::test::name_of);

TEST(TokenKeyCaller, IsPartOfTheName) {
  const std::optional<LoginCaller> callers[] = {
      std::nullopt, kAda, kEve, LoginCaller{.issuer = "https://other.example", .subject = "ada"},
      // The same text, cut elsewhere.
      LoginCaller{.issuer = "https://issuer.examplea", .subject = "da"}, LoginCaller{}};
  std::set<std::string> families, names;
  for (const auto& caller : callers) {
    families.insert(key_of(caller).family());
    names.insert(key_of(caller).name());
  }
  EXPECT_EQ(families.size(), std::size(callers));
  EXPECT_EQ(names.size(), std::size(callers));
}

TEST(SealedFileCallers, OneCallersLoginIsNoOthers) {
  test::TempDir dir;
  auto store = SealedFileStore::create({.state_dir = dir.path() + "/state"});
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->save(key_of(kAda), token_of("ada")));
  ASSERT_TRUE((*store)->save(key_of(), token_of("own")));
  EXPECT_FALSE(*(*store)->load(key_of(kEve)));
  const std::string tokens = dir.path() + "/state/tokens/";
  std::filesystem::copy_file(tokens + key_of(kAda).name() + ".token",
                             tokens + key_of(kEve).name() + ".token");
  EXPECT_FALSE(*(*store)->load(key_of(kEve))) << "a copy under another's name does not open";
  ASSERT_TRUE((*store)->erase_family(key_of()));
  EXPECT_EQ((*(*store)->load(key_of(kAda)))->access_token.reveal(), "access-s3cr3t-ada");
}

TEST(SharedLogins, NeedNoKeyringOfOneMachine) {
  core::ScratchDirectory scratch;
  const std::shared_ptr<core::StateStore> state = core::directory_state(scratch.path() + "/state");
  const auto refused =
      open_token_store({.kind = StoreKind::keyring, .state_dir = scratch.path(), .state = state});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "oauth.store.choice");
  const auto missing =
      open_token_store({.state_dir = scratch.path(), .key_file = scratch.path() + "/none", .state = state});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "oauth.store.key_file");
  const auto shared = open_token_store({.state_dir = scratch.path(), .state = state});
  ASSERT_TRUE(shared);
  EXPECT_EQ((*shared)->report(key_of()).where, state->where());
}

}  // namespace
}  // namespace oauth
