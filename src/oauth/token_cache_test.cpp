#include "oauth/token_cache.h"

#include <functional>
#include <gtest/gtest.h>

namespace oauth {
namespace {

using std::chrono::hours;

// Somebody else looks at the moment a login has been written.
class WatchedStore final : public TokenStore {
 public:
  core::Result<std::optional<StoredToken>> load(const TokenKey& key) override { return inner_.load(key); }
  core::Status save(const TokenKey& key, const StoredToken& token) override {
    auto saved = inner_.save(key, token);
    if (const auto look = std::exchange(on_saved, nullptr)) look();
    return saved;
  }
  core::Status erase(const TokenKey& key) override { return inner_.erase(key); }
  core::Status erase_family(const TokenKey& key) override { return inner_.erase_family(key); }
  core::Result<std::unique_ptr<StoreLock>> lock(const core::Context& context, const TokenKey& key) override {
    return inner_.lock(context, key);
  }
  StoreReport report(const TokenKey& key) override { return inner_.report(key); }
  bool is_local() const override { return true; }

  std::function<void()> on_saved;

 private:
  MemoryTokenStore inner_;
};

TEST(TokenCacheTest, ALoginGivenUpWhileItArrivesDoesNotComeBack) {
  core::FakeClock clock;
  DpopBinding dpop(clock, core::system_random());
  WatchedStore store;
  const TokenKey key{.org = "https://acme.okta.com", .client_id = "0oa1", .grant = "device_code"};
  TokenCache cache({.key = key, .clock = clock, .dpop = dpop, .store = &store});
  int asked = 0;
  const TokenCache::Obtain nobody = [&](const core::Context&, const StoredToken*) {
    ++asked;
    return core::fail(core::ErrorKind::unauthenticated, "oauth.login_needed", "Nobody is signed in.");
  };
  store.on_saved = [&] {
    const auto found = cache.get({}, nobody);
    ASSERT_TRUE(found);
    cache.reject(**found);
    ASSERT_TRUE(store.erase_family(key));
  };

  cache.put({}, {.access_token = core::Secret(std::string("of somebody else")),
                 .obtained_at = clock.now(),
                 .expires_at = clock.now() + hours{1}});
  EXPECT_FALSE(store.on_saved);
  EXPECT_FALSE(cache.serves());
  const auto later = cache.get({}, nobody);
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code, "oauth.login_needed");
  EXPECT_EQ(asked, 1);
}

}  // namespace
}  // namespace oauth
