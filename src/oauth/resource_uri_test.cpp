#include "oauth/resource_uri.h"

#include <gtest/gtest.h>

namespace oauth {
namespace {

TEST(ResourceUri, HasOneCanonicalForm) {
  struct Row {
    const char* uri;
    const char* canonical;  // "" for refused
  };
  const Row rows[] = {
      {"https://mcp.example.com/mcp", "https://mcp.example.com/mcp"},
      {"HTTPS://MCP.Example.COM/mcp", "https://mcp.example.com/mcp"},
      {"https://mcp.example.com:443/mcp", "https://mcp.example.com/mcp"},
      {"https://mcp.example.com:8443/mcp", "https://mcp.example.com:8443/mcp"},
      {"https://mcp.example.com/mcp/", "https://mcp.example.com/mcp"},
      {"https://mcp.example.com/", "https://mcp.example.com"},
      {"https://mcp.example.com", "https://mcp.example.com"},
      {"https://mcp.example.com/MCP", "https://mcp.example.com/MCP"},
      {"https://mcp.example.com/mcp?tenant=1", "https://mcp.example.com/mcp?tenant=1"},
      {"http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp"},
      {"http://[::1]:8080/mcp", "http://[::1]:8080/mcp"},
      {"http://mcp.example.com/mcp", ""},
      {"https://mcp.example.com/mcp#part", ""},
      {"https://user@mcp.example.com/mcp", ""},
      {"urn:example:mcp", ""},
      {"mcp.example.com", ""},
      {"", ""},
  };
  for (const Row& row : rows) {
    const auto canonical = canonical_resource(row.uri);
    EXPECT_EQ(canonical ? *canonical : "", row.canonical) << row.uri;
    if (!canonical) {
      EXPECT_EQ(canonical.error().code, "oauth.resource_uri");
      EXPECT_FALSE(same_resource(row.uri, row.uri)) << row.uri;
    }
  }
  EXPECT_TRUE(same_resource("https://A.example/mcp/", "https://a.example:443/mcp"));
  EXPECT_FALSE(same_resource("https://a.example/mcp", "https://a.example/mcp2"));
}

}  // namespace
}  // namespace oauth
