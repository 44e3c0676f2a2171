#include "settings.h"

#include <gtest/gtest.h>

namespace {

TEST(SettingsTest, ABlankVariableCountsAsUnset) {
  const auto settings = read_settings({{"OKTA_ORG_URL", " "}, {"OKTA_CLIENT_ID", "\t"}, {"HOME", "/home/a"}});
  ASSERT_TRUE(settings.has_value());
  EXPECT_EQ(settings->org_url, "");
  EXPECT_EQ(settings->client_id, "");
  EXPECT_EQ(settings->state_dir, "/home/a/.local/state/okta-mcp-server");
}

TEST(SettingsTest, AGuardThatIsNotUnderstoodIsAnError) {
  EXPECT_TRUE(read_settings({{"OKTA_MCP_READ_ONLY", "yes"}})->read_only);
  EXPECT_FALSE(read_settings({{"OKTA_MCP_READ_ONLY", "perhaps"}}).has_value());
}

TEST(SettingsTest, TheStoreIsOneOfFour) {
  EXPECT_EQ(read_settings({})->store, oauth::StoreKind::automatic);
  EXPECT_EQ(read_settings({{"OKTA_MCP_STORE", " memory "}})->store, oauth::StoreKind::memory);
  const auto wrong = read_settings({{"OKTA_MCP_STORE", "vault"}});
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, "oauth.store.choice");
}

}  // namespace
