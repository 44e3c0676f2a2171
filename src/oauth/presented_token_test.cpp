#include "oauth/presented_token.h"

#include <gtest/gtest.h>
#include <string>

namespace oauth {
namespace {

TEST(PresentedToken, TheAuthorizationHeaderAsItIsRead) {
  struct Row {
    const char* header;
    const char* outcome;  // a token, "none" or an error
  };
  const Row rows[] = {
      {"Bearer abc", "abc"},
      {"bearer abc", "abc"},
      {"BEARER abc", "abc"},
      {"DPoP abc", "abc"},
      {"dpop abc", "abc"},
      {"Bearer    abc", "abc"},
      {"Bearer a-._~+/9==", "a-._~+/9=="},
      {"Basic YTpi", "none"},
      {"Bearerabc", "none"},
      {"Digest username=\"x\"", "none"},
      {"", "oauth.credentials.malformed"},
      {" abc", "oauth.credentials.malformed"},
      {"Bearer", "oauth.credentials.malformed"},
      {"Bearer ", "oauth.credentials.malformed"},
      {"Bearer a b", "oauth.credentials.malformed"},
      {"Bearer a,b", "oauth.credentials.malformed"},
      {"Bearer \"a\"", "oauth.credentials.malformed"},
      {"Bearer a=b", "oauth.credentials.malformed"},
      {"Bearer ==", "oauth.credentials.malformed"},
      {"Bearer a\tb", "oauth.credentials.malformed"},
      {"Bearer \xc3\xa4", "oauth.credentials.malformed"},
      {"DPoP a, Bearer b", "oauth.credentials.malformed"},
  };
  for (const Row& row : rows) {
    const net::Headers headers{{"authorization", row.header}, {"dpop", "p1"}, {"DPoP", "p2"}};
    const auto token = presented_token(headers);
    if (!token) {
      EXPECT_EQ(token.error().code, row.outcome) << row.header;
      EXPECT_EQ(token.error().kind, core::ErrorKind::invalid_input);
      continue;
    }
    EXPECT_EQ(*token ? std::string((*token)->token) : "none", row.outcome) << row.header;
    if (!*token) continue;
    const bool dpop = net::equals_ignoring_case(std::string_view(row.header).substr(0, 4), "dpop");
    EXPECT_EQ((*token)->scheme, dpop ? TokenScheme::dpop : TokenScheme::bearer);
    EXPECT_EQ((*token)->proofs.size(), 2u);
  }
}

TEST(PresentedToken, OneHeaderAtMost) {
  const auto none = presented_token({});
  ASSERT_TRUE(none);
  EXPECT_FALSE(*none);
  const net::Headers two{{"Authorization", "Bearer a"}, {"authorization", "Bearer a"}};
  const auto token = presented_token(two);
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, "oauth.credentials.multiple");
}

}  // namespace
}  // namespace oauth
