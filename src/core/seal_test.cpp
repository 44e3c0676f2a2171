#include "core/seal.h"

#include <gtest/gtest.h>

namespace core {
namespace {

Sealer sealer(char fill) {
  return Sealer::create(Secret(std::string(32, fill))).value();
}

TEST(Sealer, OpensWhatItSealed) {
  const Sealer one = sealer('k');
  for (const std::string& text :
       {std::string(), std::string("x"), std::string("\0\xff text", 7), std::string(100'000, 'a')}) {
    const std::string sealed = one.seal(text, "purpose");
    EXPECT_EQ(one.open(sealed, "purpose").value(), text);
    EXPECT_EQ(sealer('k').open(sealed, "purpose").value(), text) << "same key, other object";
    EXPECT_TRUE(text.size() < 5 || !sealed.contains(text.substr(0, 5)));
  }
}

TEST(Sealer, NeverSealsTheSameWayTwice) {
  const Sealer one = sealer('k');
  EXPECT_NE(one.seal("text", "purpose"), one.seal("text", "purpose"));
}

TEST(Sealer, RefusesAnyOtherKeyContextOrByte) {
  const Sealer one = sealer('k');
  const std::string sealed = one.seal("state", "purpose");
  auto expect_broken = [](const Result<std::string>& opened, const std::string& what) {
    ASSERT_FALSE(opened) << what;
    EXPECT_EQ(opened.error().code, "core.seal.broken") << what;
  };
  expect_broken(sealer('l').open(sealed, "purpose"), "key");
  expect_broken(Sealer::ephemeral().open(sealed, "purpose"), "ephemeral key");
  expect_broken(one.open(sealed, "Purpose"), "context");
  expect_broken(one.open(sealed, ""), "no context");
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string altered = sealed;
    altered[i] = static_cast<char>(altered[i] ^ 1);
    expect_broken(one.open(altered, "purpose"), "byte " + std::to_string(i));
    expect_broken(one.open(sealed.substr(0, i), "purpose"), "cut at " + std::to_string(i));
  }
  expect_broken(one.open(sealed + '\0', "purpose"), "longer");
}

TEST(Sealer, AKeyHas32Bytes) {
  for (std::size_t length : {0u, 16u, 31u, 33u, 64u}) {
    auto made = Sealer::create(Secret(std::string(length, 'k')));
    ASSERT_FALSE(made) << length;
    EXPECT_EQ(made.error().code, "core.seal.key");
  }
}

TEST(Sealer, EphemeralKeysDiffer) {
  const Sealer one = Sealer::ephemeral();
  const Sealer other = Sealer::ephemeral();
  EXPECT_FALSE(other.open(one.seal("text", ""), ""));
  EXPECT_EQ(one.open(one.seal("text", ""), "").value(), "text");
}

// FIPS 180-4, example of one block, and the empty message.
TEST(Sha256, Vectors) {
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc").size(), 32u);
}

}  // namespace
}  // namespace core
