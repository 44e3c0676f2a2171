#include "oauth/dpop_guard.h"

#include <gtest/gtest.h>

#include "oauth/test_issuer.h"

namespace oauth {
namespace {

using std::chrono::seconds;

constexpr std::string_view kToken = "a.b.c";

struct Bench {
  explicit Bench(bool nonce = false, std::size_t max_proofs = 1000)
      : guard({.demand_nonce = nonce, .max_proofs = max_proofs, .clock = clock, .random = random}) {}

  std::int64_t now() const { return core::to_unix_seconds(clock.now()); }
  std::string check(std::string_view text) {
    const auto verified = guard.check({.proofs = {text},
                                       .method = "POST",
                                       .url = test::kResource,
                                       .access_token = std::string(kToken),
                                       .bound_to = key.thumbprint()});
    return verified ? "ok" : verified.error().code;
  }
  std::string fresh(std::string_view id, const test::Changes& more = {}) {
    test::Changes changes{{"jti", id}, {"iat", now()}};
    changes.insert(changes.end(), more.begin(), more.end());
    return test::proof(key, kToken, changes);
  }

  core::FakeClock clock;
  core::SeededRandom random{7};
  Key key = *Key::generate(Algorithm::es256);
  DpopGuard guard;
};

TEST(DpopGuard, AProofIsGoodOnce) {
  Bench bench;
  const auto first = bench.fresh("1");
  EXPECT_EQ(bench.check(first), "ok");
  EXPECT_EQ(bench.check(first), "oauth.dpop.replayed");
  EXPECT_EQ(bench.check(bench.fresh("1")), "oauth.dpop.replayed");  // it is the jti that counts
  EXPECT_EQ(bench.check(bench.fresh("2")), "ok");
}

// At every moment of its life, whenever in the life of the two sets it begins.
TEST(DpopGuard, AProofIsRememberedWhileItIsGood) {
  for (int start = 0; start <= 400; start += 50) {
    Bench bench;
    EXPECT_EQ(bench.check(bench.fresh("opens the set")), "ok");
    bench.clock.advance(seconds{start});
    const auto proof = bench.fresh("proof");
    EXPECT_EQ(bench.check(proof), "ok") << start;
    for (int age = 20; age <= 300; age += 20) {
      bench.clock.advance(seconds{20});
      EXPECT_EQ(bench.check(bench.fresh("at " + std::to_string(age))), "ok") << start << " " << age;
      EXPECT_EQ(bench.check(proof), "oauth.dpop.replayed") << start << " " << age;
    }
    bench.clock.advance(seconds{1});
    EXPECT_EQ(bench.check(proof), "oauth.dpop.too_old") << start;
  }
}

TEST(DpopGuard, AProofFromAheadIsRememberedToItsEnd) {
  Bench bench;
  EXPECT_EQ(bench.check(bench.fresh("early")), "ok");  // opens the set
  const auto ahead = bench.fresh("ahead", {{"iat", bench.now() + 60}});
  EXPECT_EQ(bench.check(ahead), "ok");
  bench.clock.advance(seconds{360});
  EXPECT_EQ(bench.check(ahead), "oauth.dpop.replayed");
  bench.clock.advance(seconds{1});
  EXPECT_EQ(bench.check(ahead), "oauth.dpop.too_old");
}

TEST(DpopGuard, AJtiBelongsToItsKey) {
  Bench bench;
  EXPECT_EQ(bench.check(bench.fresh("1")), "ok");
  bench.key = *Key::generate(Algorithm::es256);
  EXPECT_EQ(bench.check(bench.fresh("1")), "ok");
}

TEST(DpopGuard, RefusesRatherThanForget) {
  Bench bench(false, 2);
  EXPECT_EQ(bench.check(bench.fresh("1")), "ok");
  EXPECT_EQ(bench.check(bench.fresh("2")), "ok");
  EXPECT_EQ(bench.check(bench.fresh("3")), "oauth.dpop.full");
  EXPECT_EQ(bench.check(bench.fresh("1")), "oauth.dpop.replayed");
  bench.clock.advance(seconds{361});
  EXPECT_EQ(bench.check(bench.fresh("3")), "ok");
}

TEST(DpopGuard, AProofThatFailsIsNotUsedUp) {
  Bench bench;
  EXPECT_EQ(bench.check(bench.fresh("1", {{"htm", "GET"}})), "oauth.dpop.htm");
  EXPECT_EQ(bench.check(bench.fresh("1")), "ok");
}

TEST(DpopGuard, NoncesTurn) {
  Bench bench(true);
  EXPECT_EQ(bench.check(bench.fresh("1")), "oauth.dpop.nonce");
  const auto first = bench.guard.nonce();
  ASSERT_EQ(first.size(), 32u);
  EXPECT_EQ(bench.check(bench.fresh("1", {{"nonce", first}})), "ok");
  EXPECT_EQ(bench.check(bench.fresh("2", {{"nonce", "another"}})), "oauth.dpop.nonce");
  bench.clock.advance(seconds{300});
  const auto second = bench.guard.nonce();
  EXPECT_NE(second, first);
  EXPECT_EQ(bench.check(bench.fresh("3", {{"nonce", first}})), "ok");  // the one before is still good
  EXPECT_EQ(bench.check(bench.fresh("4", {{"nonce", second}})), "ok");
  bench.clock.advance(seconds{300});
  EXPECT_EQ(bench.check(bench.fresh("5", {{"nonce", first}})), "oauth.dpop.nonce");
  EXPECT_EQ(bench.check(bench.fresh("6", {{"nonce", second}})), "ok");
  // After a long pause nothing old is good.
  bench.clock.advance(seconds{3600});
  EXPECT_EQ(bench.check(bench.fresh("7", {{"nonce", second}})), "oauth.dpop.nonce");
  EXPECT_EQ(Bench(false).guard.nonce(), "");
}

}  // namespace
}  // namespace oauth
