#include "core/encoding.h"

#include <array>
#include <gtest/gtest.h>

#include "core/random.h"

namespace core {
namespace {

using Optional = std::optional<std::string>;

// RFC 4648 section 10, and the characters in which the two alphabets differ.
TEST(Encoding, Base64Vectors) {
  struct Case {
    std::string_view bytes, padded, url;
  };
  for (const auto& [bytes, padded, url] : std::initializer_list<Case>{{"", "", ""},
                                                                      {"f", "Zg==", "Zg"},
                                                                      {"fo", "Zm8=", "Zm8"},
                                                                      {"foo", "Zm9v", "Zm9v"},
                                                                      {"foob", "Zm9vYg==", "Zm9vYg"},
                                                                      {"fooba", "Zm9vYmE=", "Zm9vYmE"},
                                                                      {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
                                                                      {"\xfb\xff\xfe", "+//+", "-__-"}}) {
    EXPECT_EQ(base64_encode(bytes), padded);
    EXPECT_EQ(base64url_encode(bytes), url);
    EXPECT_EQ(base64_decode(padded), Optional(bytes)) << padded;
    EXPECT_EQ(base64url_decode(url), Optional(bytes)) << url;
  }
}

TEST(Encoding, Base64urlRefusesEveryOtherSpelling) {
  for (std::string_view text : {"Zg==",         // padding
                                "Z",            // six bits are no byte
                                "Zm9vY", "Zh",  // spare bits set: "Zg" is the one spelling of "f"
                                "Zm9", "+//+", "Zm 8", "Zm8\n", "Zm8=", "Zm\x80"}) {
    EXPECT_EQ(base64url_decode(text), std::nullopt) << text;
  }
}

TEST(Encoding, Base64NeedsItsPaddingAndMayBeWrapped) {
  EXPECT_EQ(base64_decode("Zm9v\r\nYmFy\n"), Optional("foobar"));
  EXPECT_EQ(base64_decode(" Z m 8 = "), Optional("fo"));
  for (std::string_view text :
       {"Zg", "Zg=", "Zg===", "Z===", "====", "=Zg=", "Zh==", "Zm9=", "Zg==Zg==", "-__-"}) {
    EXPECT_EQ(base64_decode(text), std::nullopt) << text;
  }
}

TEST(Encoding, RoundTripsAnyBytes) {
  SeededRandom random(11);
  for (std::size_t length = 0; length < 200; ++length) {
    std::string bytes(length, '\0');
    random.fill({reinterpret_cast<unsigned char*>(bytes.data()), bytes.size()});
    EXPECT_EQ(base64_decode(base64_encode(bytes)), Optional(bytes));
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), Optional(bytes));
    EXPECT_EQ(percent_decode(percent_encode(bytes)), Optional(bytes));
    EXPECT_EQ(percent_decode(percent_encode(bytes), true), Optional(bytes));
  }
}

TEST(Encoding, Hex) {
  const std::array<unsigned char, 3> bytes = {0x00, 0x9f, 0xff};
  EXPECT_EQ(to_hex(bytes), "009fff");
  EXPECT_EQ(to_hex(std::string_view("\x00\x9f", 2)), "009f");
}

TEST(Encoding, PercentKeepsOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(percent_encode("a b+c/d?e%&="), "a%20b%2Bc%2Fd%3Fe%25%26%3D");
  EXPECT_EQ(percent_encode("\xc3\xa9"), "%C3%A9");
}

TEST(Encoding, PercentDecoding) {
  EXPECT_EQ(percent_decode("a%2fb%2Fc"), Optional("a/b/c"));
  EXPECT_EQ(percent_decode("a+b"), Optional("a+b"));
  EXPECT_EQ(percent_decode("a+b", true), Optional("a b"));
  for (std::string_view text : {"%", "%4", "a%4", "%4g", "%g4", "%%41"}) {
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
  }
}

TEST(Encoding, ConstantTimeEqualComparesWholeTexts) {
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_TRUE(constant_time_equal("abc", "abc"));
  EXPECT_FALSE(constant_time_equal("abc", "abd"));
  EXPECT_FALSE(constant_time_equal("abc", "abcd"));
  EXPECT_FALSE(constant_time_equal("abc", ""));
}

}  // namespace
}  // namespace core
