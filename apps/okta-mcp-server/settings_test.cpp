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

TEST(SettingsTest, TheRedirectPortIsAPort) {
  EXPECT_FALSE(read_settings({})->redirect_port);
  EXPECT_FALSE(read_settings({{"OKTA_MCP_REDIRECT_PORT", " "}})->redirect_port);
  EXPECT_EQ(read_settings({{"OKTA_MCP_REDIRECT_PORT", "1024"}})->redirect_port, 1024);
  EXPECT_EQ(read_settings({{"OKTA_MCP_REDIRECT_PORT", " 65535\n"}})->redirect_port, 65535);
  for (const std::string text : {"0", "80", "1023", "65536", "99999999999", "-1", "8080x", "http", "8 080"}) {
    const auto settings = read_settings({{"OKTA_MCP_REDIRECT_PORT", text}});
    ASSERT_FALSE(settings) << text;
    EXPECT_NE(settings.error().message.find("OKTA_MCP_REDIRECT_PORT"), std::string::npos);
  }
}

}  // namespace
