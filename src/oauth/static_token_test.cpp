#include "oauth/static_token.h"

#include <gtest/gtest.h>

#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(StaticToken, HandsOutTheTokenWithItsScheme) {
  for (const std::string text : {"00s3cr3tToken", "SSWS 00s3cr3tToken"}) {
    const auto source = StaticToken::create(core::Secret(text));
    ASSERT_TRUE(source);
    const auto token = (*source)->token({});
    ASSERT_TRUE(token);
    EXPECT_EQ((*token)->value.reveal(), "00s3cr3tToken");
    EXPECT_EQ((*token)->scheme, "SSWS");
    EXPECT_TRUE((*token)->scopes.empty());
    EXPECT_FALSE((*source)->granted_scopes());
    EXPECT_EQ((*source)->method(), "SSWS token");
  }
}

TEST(StaticToken, RefusesWhatCannotStandInAHeader) {
  for (const std::string text : {"", "SSWS ", "00s3cr3t token", "00s3cr3t\r\nX: y", "00s3cr3t\xc3\xa9"}) {
    const auto source = StaticToken::create(core::Secret(text));
    ASSERT_FALSE(source) << text;
    EXPECT_EQ(source.error().code, "oauth.api_token");
    EXPECT_THAT(source.error().message, HasSubstr("OKTA_API_TOKEN"));
    EXPECT_THAT(test::everything(source.error()), Not(HasSubstr("s3cr3t")));
  }
}

TEST(StaticToken, IsNotSentAgainOnceTheOrgRejectedIt) {
  const auto source = StaticToken::create(core::Secret("00s3cr3tToken"));
  ASSERT_TRUE(source);
  AccessToken other;
  other.value = core::Secret("00other");
  (*source)->reject(other);
  const auto token = (*source)->token({});
  ASSERT_TRUE(token);
  (*source)->reject(**token);
  const auto again = (*source)->token({});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, "oauth.api_token_rejected");
  EXPECT_THAT(again.error().hint, HasSubstr("OKTA_API_TOKEN"));
  EXPECT_THAT(test::everything(again.error()), Not(HasSubstr("s3cr3t")));
}

}  // namespace
}  // namespace oauth
