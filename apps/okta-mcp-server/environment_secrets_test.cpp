#include "environment_secrets.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <unistd.h>

namespace {

TEST(EnvironmentSecretsTest, OverwritesTheSecretsInPlaceAndTakesThemOut) {
  char token[] = "OKTA_API_TOKEN=00s3cr3t";
  char again[] = "OKTA_API_TOKEN=00s3cr3t-too";
  char key[] = "OKTA_PRIVATE_KEY=-----BEGIN s3cr3t";
  char state[] = "OKTA_MCP_STATE_STORE=postgresql://ada:s3cr3t@db/okta";
  char other[] = "OKTA_API_TOKEN_HINT=kept";
  char url[] = "OKTA_ORG_URL=https://example.okta.com";
  char* block[] = {token, other, key, again, url, state, nullptr};
  char** const before = environ;
  environ = block;
  auto copy = process_environment();
  hide_secrets(copy);
  EXPECT_EQ(std::getenv("OKTA_API_TOKEN"), nullptr);
  EXPECT_EQ(std::getenv("OKTA_PRIVATE_KEY"), nullptr);
  EXPECT_STREQ(std::getenv("OKTA_ORG_URL"), "https://example.okta.com");
  EXPECT_STREQ(std::getenv("OKTA_API_TOKEN_HINT"), "kept");
  environ = before;
  for (std::string_view each : {std::string_view(token, sizeof token), std::string_view(again, sizeof again),
                                std::string_view(key, sizeof key), std::string_view(state, sizeof state)}) {
    EXPECT_FALSE(each.contains("s3cr3t"));
  }
  EXPECT_EQ(copy.at("OKTA_API_TOKEN"), "");
  EXPECT_EQ(copy.at("OKTA_PRIVATE_KEY"), "");
  EXPECT_EQ(copy.at("OKTA_ORG_URL"), "https://example.okta.com");
}

}  // namespace
