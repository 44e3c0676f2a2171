#include "core/tokens.h"

#include <gtest/gtest.h>
#include <string>

namespace core {
namespace {

// True counts by gpt-tokenizer 4.0.0, o200k_base. The whole judgement on recorded answers is
// tests/judges/tokens.
struct Counted {
  std::string_view text;
  std::size_t tokens;
};

constexpr Counted kCounted[] = {
    {"login,status,firstName,lastName,department,lastLogin\n"
     "anna.kowalska@example.com,ACTIVE,Anna,Kowalska,Engineering,2026-11-20T08:15:30.000Z\n"
     "j.alvarez@example.com,SUSPENDED,José,Álvarez,Sales,\n",
     63},
    {R"({"id":"00ub64qznp4UiBiVs0h7","status":"ACTIVE","created":"2017-07-13T22:08:25.000Z","profile":{)"
     R"("firstName":"Isaac","lastName":"Brock","email":"isaac.brock@example.com","login":"isaac.brock@example.com"}})",
     71},
    {"00ub64qznp4UiBiVs0h7\n00g1emaKYZTWRYYRRTSK\n0oa4kd7wLQvTqH9ZB5d7\nrul8x2pQ7Yz0LmNc3Kd1\n", 63},
    {"2026-11-21T23:01:00.000Z,2026-10-22T07:45:12.345Z,2025-01-01T00:00:00.000Z", 47},
    {"3f2b9c1e-7d4a-4e8b-9a6f-0c5d1e2f3a4b,9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d", 66},
    {"MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnr"
     "q0/IzW7yW"
     "R7QkrmBL7jTKEn5u",
     84},
    {"田中 花子,Инженер,محمد الأحمد,Σοφία Παπαδοπούλου,김민준,สมชาย ใจดี", 32},
    {"The server pages until the end and says how many users were read; nothing was left out.", 19},
};

// Texts as short as these may miss the band of 15 %; answers do not (tests/judges/tokens).
TEST(Tokens, EstimatesAreCloseAndNotBelow) {
  for (const auto& [text, tokens] : kCounted) {
    EXPECT_GE(estimate_tokens(text), tokens) << text;
    EXPECT_LE(estimate_tokens(text), tokens + tokens * 3 / 10) << text;
  }
}

TEST(Tokens, DigitsCountInGroupsOfThree) {
  // One token each group; the raise of the mean makes up the rest.
  EXPECT_EQ(estimate_tokens("7"), estimate_tokens("777"));
  EXPECT_GT(estimate_tokens("7777"), estimate_tokens("777"));
  EXPECT_EQ(estimate_tokens("123456789"), estimate_tokens("1234567"));
}

TEST(Tokens, EmptyTextCostsNothing) {
  EXPECT_EQ(estimate_tokens(""), 0u);
}

TEST(Tokens, LinesAddUp) {
  std::string text;
  TokenEstimate sum;
  for (int i = 0; i < 500; ++i) {
    for (const auto& sample : kCounted) {
      std::string line(sample.text.substr(0, sample.text.find('\n')));
      line += '\n';
      text += line;
      sum.add(line);
    }
  }
  const double whole = static_cast<double>(estimate_tokens(text));
  EXPECT_NEAR(static_cast<double>(sum.tokens()) / whole, 1.0, 0.01);
}

// Never asserts, never reads outside: every byte, alone, doubled, at the end of a text and cut in the middle.
TEST(Tokens, AnyBytesHaveACost) {
  std::string all;
  for (int first = 0; first < 256; ++first) {
    std::string text(1, static_cast<char>(first));
    EXPECT_GE(estimate_tokens(text), 1u);
    text += static_cast<char>(255 - first);
    EXPECT_GE(estimate_tokens(text), 1u);
    all += "word " + text;
  }
  EXPECT_GT(estimate_tokens(all), 256u);
  for (std::size_t length = 0; length < 8; ++length) {
    EXPECT_GE(estimate_tokens(std::string_view("\xf0\x9f\x9a\x80\xf0\x9f\x9a\x80").substr(0, length)),
              length > 0 ? 1u : 0u);
  }
}

TEST(Tokens, LongRunsAreLinear) {
  const std::size_t once = estimate_tokens(std::string(100'000, 'x'));
  const std::size_t twice = estimate_tokens(std::string(200'000, 'x'));
  EXPECT_NEAR(static_cast<double>(twice), 2.0 * static_cast<double>(once), static_cast<double>(once) * 0.01);
}

}  // namespace
}  // namespace core
