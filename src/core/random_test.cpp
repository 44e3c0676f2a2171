#include "core/random.h"

#include <array>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

namespace core {
namespace {

using testing::MatchesRegex;

TEST(Random, TheSameSeedGivesTheSameSequence) {
  SeededRandom a(42), b(42), c(43);
  EXPECT_EQ(a.uuid(), b.uuid());
  EXPECT_EQ(a.number(), b.number());
  EXPECT_NE(a.uuid(), c.uuid());
}

// The reference sequence of xoshiro256** for the state that splitmix64 makes of seed 0.
TEST(Random, SeededIsXoshiro256StarStar) {
  SeededRandom random(0);
  EXPECT_EQ(random.number(), 0x99ec5f36cb75f2b4ULL);
  EXPECT_EQ(random.number(), 0xbf6e1f784956452aULL);
  EXPECT_EQ(random.number(), 0x1a5f849d4933e6e0ULL);
}

TEST(Random, FillsEveryLengthAndNothingBeyond) {
  for (std::size_t length = 0; length <= 20; ++length) {
    std::array<unsigned char, 24> bytes;
    bytes.fill(0xee);
    SeededRandom(7).fill({bytes.data(), length});
    for (std::size_t i = length; i < bytes.size(); ++i) EXPECT_EQ(bytes[i], 0xee) << length;
  }
}

TEST(Random, AlphanumericIsUniform) {
  SeededRandom random(1);
  const std::string text = random.alphanumeric(62'000);
  ASSERT_EQ(text.size(), 62'000u);
  std::map<char, int> count;
  for (char c : text) ++count[c];
  EXPECT_EQ(count.size(), 62u);
  // 1000 of each are expected; with this seed all lie within five standard deviations.
  for (auto [c, times] : count) {
    EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)));
    EXPECT_NEAR(times, 1000, 5 * 32) << c;
  }
}

TEST(Random, ShapesOfIdentifiers) {
  SeededRandom seeded(3);
  for (Random* random : std::initializer_list<Random*>{&system_random(), &seeded}) {
    EXPECT_THAT(random->okta_id("00u"), MatchesRegex("00u[A-Za-z0-9]{17}"));
    EXPECT_THAT(random->uuid(),
                MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
    EXPECT_THAT(random->token(32), MatchesRegex("[A-Za-z0-9_-]{43}"));
    EXPECT_EQ(random->token(0), "");
    EXPECT_EQ(random->alphanumeric(0), "");
  }
}

TEST(Random, TheSystemDoesNotRepeatItself) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(system_random().token(16));
  EXPECT_EQ(seen.size(), 1000u);
}

}  // namespace
}  // namespace core
