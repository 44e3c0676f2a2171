#include "mcp/origin_rules.h"

#include <gtest/gtest.h>

namespace mcp {
namespace {

using enum OriginVerdict;

struct Row {
  net::Headers headers;
  OriginVerdict verdict;
};

void expect_all(const OriginOptions& options, std::initializer_list<Row> rows) {
  auto rules = OriginRules::create(options);
  ASSERT_TRUE(rules.has_value()) << rules.error().message;
  for (const Row& row : rows) {
    EXPECT_EQ(rules->check(row.headers), row.verdict)
        << "Host " << row.headers.get("Host") << ", Origin " << row.headers.get("Origin");
  }
}

TEST(OriginRules, OnLoopbackOnlyLocalPagesAndNamesPass) {
  expect_all({.loopback = true},
             {{{{"Host", "localhost"}}, fine},
              {{{"Host", "LOCALHOST:8080"}}, fine},
              {{{"Host", "127.0.0.1:1"}}, fine},
              {{{"Host", "[::1]"}}, fine},
              {{{"Host", "[::1]:8080"}}, fine},
              {{{"Host", "localhost:8080"}, {"Origin", "http://localhost:5173"}}, fine},
              {{{"Host", "localhost"}, {"Origin", "https://127.0.0.1"}}, fine},
              {{{"Host", "localhost"}, {"Origin", "http://[::1]:9"}}, fine},
              {{{"Host", "localhost"}, {"Origin", "http://evil.example"}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", "http://localhost.evil.example"}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", "http://localhost@evil.example"}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", "http://evil.example/localhost"}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", "http://localhost/"}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", "null"}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", ""}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", "file://"}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", "http://localhost"}, {"Origin", "http://localhost"}},
               foreign_origin},
              {{{"Host", "evil.example"}}, foreign_host},
              {{{"Host", "localhost.evil.example"}}, foreign_host},
              {{{"Host", "localhost:80:90"}}, foreign_host},
              {{{"Host", "localhost:x"}}, foreign_host},
              {{{"Host", "[::1"}}, foreign_host},
              {{{"Host", "[::1]x"}}, foreign_host},
              {{{"Host", "127.0.0.2"}}, foreign_host},
              {{{"Host", ""}}, foreign_host},
              {{}, foreign_host},
              {{{"Host", "localhost"}, {"Host", "localhost"}}, foreign_host}});
}

TEST(OriginRules, APublicNameComesWithItsOrigin) {
  expect_all({.public_url = "https://mcp.example.com/mcp", .loopback = true},
             {{{{"Host", "mcp.example.com"}, {"Origin", "https://mcp.example.com"}}, fine},
              {{{"Host", "mcp.example.com:443"}, {"Origin", "https://mcp.example.com:443"}}, fine},
              {{{"Host", "localhost"}, {"Origin", "http://localhost"}}, fine},
              {{{"Host", "mcp.example.com"}, {"Origin", "http://mcp.example.com"}}, foreign_origin},
              {{{"Host", "mcp.example.com"}, {"Origin", "https://mcp.example.com:444"}}, foreign_origin},
              {{{"Host", "www.example.com"}}, foreign_host}});
  expect_all({.public_url = "https://mcp.example.com/mcp", .loopback = false},
             {{{{"Host", "mcp.example.com"}, {"Origin", "https://mcp.example.com"}}, fine},
              {{{"Host", "10.0.0.7:8080"}}, fine},  // no list: behind a proxy any name may arrive
              {{{"Host", "mcp.example.com"}, {"Origin", "http://localhost"}}, foreign_origin}});
}

TEST(OriginRules, ListsReplaceTheDefaults) {
  expect_all({.allowed_origins = {"https://app.example.com", "HTTP://Other.example:8080"},
              .allowed_hosts = {"mcp.example.com", "[2001:db8::1]"},
              .loopback = false},
             {{{{"Host", "MCP.example.com:8443"}, {"Origin", "https://APP.example.com:443"}}, fine},
              {{{"Host", "[2001:db8::1]:80"}, {"Origin", "http://other.example:8080"}}, fine},
              {{{"Host", "mcp.example.com"}, {"Origin", "https://other.example:8080"}}, foreign_origin},
              {{{"Host", "localhost"}}, foreign_host}});
  expect_all({.allowed_origins = {"https://app.example.com"}, .loopback = true},
             {{{{"Host", "localhost"}, {"Origin", "http://localhost"}}, foreign_origin},
              {{{"Host", "localhost"}, {"Origin", "https://app.example.com"}}, fine}});
}

TEST(OriginRules, RefuseWhatIsNoOriginAndNoHost) {
  for (const char* origin :
       {"app.example.com", "https://app.example.com/path", "https://app.example.com/", "*", ""}) {
    auto rules = OriginRules::create({.allowed_origins = {origin}});
    ASSERT_FALSE(rules.has_value()) << origin;
    EXPECT_EQ(rules.error().code, "mcp.http.origin");
  }
  for (const char* host : {"https://x.example", "x.example/path", "a b", ""}) {
    auto rules = OriginRules::create({.allowed_hosts = {host}});
    ASSERT_FALSE(rules.has_value()) << host;
    EXPECT_EQ(rules.error().code, "mcp.http.host");
  }
  auto rules = OriginRules::create({.public_url = "mcp.example.com"});
  ASSERT_FALSE(rules.has_value());
  EXPECT_EQ(rules.error().code, "mcp.http.public_url");
}

}  // namespace
}  // namespace mcp
