#include "core/key_ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "core/encoding.h"
#include "core/test_state.h"

namespace core {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using testing::HasSubstr;

std::shared_ptr<const Sealer> guard_of(char c) {
  return std::make_shared<const Sealer>(*Sealer::create(Secret(std::string(32, c))));
}

class KeyRingTest : public testing::Test {
 protected:
  std::unique_ptr<KeyRing> ring(StateStore& store, std::shared_ptr<const Sealer> guard = nullptr,
                                std::string name = "state") {
    return std::make_unique<KeyRing>(store, place_.clock,
                                     KeyRingOptions{.name = std::move(name),
                                                    .seals_for = hours{24},
                                                    .opens_for = hours{2},
                                                    .guard = std::move(guard)});
  }
  std::size_t keys() { return store_->list("keys/")->size(); }

  test::StatePlace place_{test::StateKind::directory};
  std::unique_ptr<StateStore> store_ = place_.instance(), other_ = place_.instance();
};

TEST_F(KeyRingTest, InstancesOpenWhatTheOthersSealed) {
  auto a = ring(*store_), b = ring(*other_);
  const auto sealed = a->seal("text", "purpose");
  ASSERT_TRUE(sealed) << describe(sealed.error());
  EXPECT_EQ(*b->open(*sealed, "purpose"), "text");
  EXPECT_EQ(*a->open(*b->seal("back", "purpose"), "purpose"), "back");
  EXPECT_EQ(keys(), 1u);
  EXPECT_EQ(b->open(*sealed, "other").error().code, "core.seal.broken");
  auto elsewhere = ring(*other_, nullptr, "another");
  EXPECT_EQ(elsewhere->open(*sealed, "purpose").error().code, "core.keys.foreign");
  for (std::string_view damaged : {"", ".", "abc", "abc.!", "0123456789abcdef.AAAA"}) {
    EXPECT_FALSE(b->open(damaged, "purpose")) << damaged;
  }
}

TEST_F(KeyRingTest, ANewKeyTakesOverAndTheOldOneOpensUntilItsTime) {
  auto a = ring(*store_), b = ring(*other_);
  const std::string old = *a->seal("old", "p");
  ASSERT_TRUE(b->open(old, "p"));
  place_.clock.advance(hours{24} - milliseconds{1});
  ASSERT_EQ(b->seal("x", "p")->substr(0, 16), old.substr(0, 16));
  place_.clock.advance(milliseconds{1});
  const std::string fresh = *b->seal("new", "p");
  EXPECT_NE(fresh.substr(0, 16), old.substr(0, 16));
  EXPECT_EQ(*a->open(fresh, "p"), "new") << "an instance that has not seen the new key looks for it";
  EXPECT_EQ(a->seal("x", "p")->substr(0, 16), fresh.substr(0, 16));
  EXPECT_EQ(*a->open(old, "p"), "old");
  EXPECT_EQ(keys(), 2u);
  place_.clock.advance(hours{3});
  auto later = ring(*store_);
  EXPECT_EQ(later->open(old, "p").error().code, "core.keys.foreign");
  EXPECT_EQ(*later->open(fresh, "p"), "new");
}

TEST_F(KeyRingTest, InstancesThatStartAtOnceMakeOneKey) {
  std::vector<std::thread> all;
  for (int i = 0; i < 6; ++i) {
    all.emplace_back([&] {
      auto store = place_.instance();
      EXPECT_TRUE(ring(*store)->seal("x", "p"));
    });
  }
  for (auto& each : all) each.join();
  EXPECT_EQ(keys(), 1u);
}

TEST_F(KeyRingTest, AGuardKeepsTheKeysFromWhoeverReadsTheStore) {
  auto a = ring(*store_, guard_of('g'));
  const std::string sealed = *a->seal("text", "p");
  EXPECT_EQ(*ring(*other_, guard_of('g'))->open(sealed, "p"), "text");
  for (const auto& without : {guard_of('h'), std::shared_ptr<const Sealer>()}) {
    auto b = ring(*other_, without);
    EXPECT_EQ(b->open(sealed, "p").error().code, "core.keys.guard");
    EXPECT_EQ(b->seal("x", "p").error().code, "core.keys.guard");
  }
  EXPECT_THAT(ring(*other_)->open(sealed, "p").error().hint, HasSubstr("OKTA_MCP_KEY_FILE"));
}

TEST_F(KeyRingTest, AGuardThatComesLaterGetsAKeyOfItsOwn) {
  const std::string before = *ring(*store_)->seal("text", "p");
  auto guarded = ring(*other_, guard_of('g'));
  EXPECT_EQ(*guarded->open(before, "p"), "text");
  EXPECT_NE(guarded->seal("x", "p")->substr(0, 16), before.substr(0, 16));
  EXPECT_THAT(store_->list("keys/state/")->back().value, HasSubstr("\"guarded\":true"));
}

TEST_F(KeyRingTest, AnEphemeralKeyIsNobodyElses) {
  auto a = KeyRing::ephemeral(), b = KeyRing::ephemeral();
  const std::string sealed = *a->seal("text", "p");
  EXPECT_EQ(*a->open(sealed, "p"), "text");
  EXPECT_EQ(b->open(sealed, "p").error().code, "core.keys.foreign");
}

}  // namespace
}  // namespace core
