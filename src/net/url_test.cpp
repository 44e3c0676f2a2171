#include "net/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace net {
namespace {

using testing::ElementsAre;
using testing::Pair;

struct Accepted {
  const char* given;
  const char* scheme;
  const char* host;
  int port;
  const char* path;
  const char* query;
  const char* written;
};

TEST(Url, ReadsItsParts) {
  const Accepted rows[] = {
      {"https://Example.OKTA.com", "https", "example.okta.com", 443, "/", "", "https://example.okta.com/"},
      {"HTTPS://a.example:443/x?y=1#z", "https", "a.example", 443, "/x", "y=1", "https://a.example/x?y=1"},
      {"http://127.0.0.1:4400/api", "http", "127.0.0.1", 4400, "/api", "", "http://127.0.0.1:4400/api"},
      {"http://localhost:80", "http", "localhost", 80, "/", "", "http://localhost/"},
      {"https://h:/p", "https", "h", 443, "/p", "", "https://h/p"},
      {"https://h?q", "https", "h", 443, "/", "q", "https://h/?q"},
      {"http://[::1]:8080/", "http", "::1", 8080, "/", "", "http://[::1]:8080/"},
      {"http://[0:0:0:0:0:0:0:1]/", "http", "::1", 80, "/", "", "http://[::1]/"},
      {"https://h/a%2Fb%20c/../d?e=%22x%22&f", "https", "h", 443, "/a%2Fb%20c/../d", "e=%22x%22&f",
       "https://h/a%2Fb%20c/../d?e=%22x%22&f"},
      {"https://my_host.x-1.example./", "https", "my_host.x-1.example.", 443, "/", "",
       "https://my_host.x-1.example./"},
  };
  for (const auto& row : rows) {
    const auto url = parse_url(row.given);
    ASSERT_TRUE(url) << row.given;
    EXPECT_EQ(url->scheme, row.scheme) << row.given;
    EXPECT_EQ(url->host, row.host) << row.given;
    EXPECT_EQ(url->port, row.port) << row.given;
    EXPECT_EQ(url->path, row.path) << row.given;
    EXPECT_EQ(url->query, row.query) << row.given;
    EXPECT_EQ(url->str(), row.written) << row.given;
  }
}

TEST(Url, MarksUserinfoAndFragmentAndWritesNeither) {
  const auto url = parse_url("https://me:secret@h.example/p#part");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->has_userinfo);
  EXPECT_TRUE(url->has_fragment);
  EXPECT_EQ(url->str(), "https://h.example/p");
  const auto plain = parse_url("https://h.example/p");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->has_userinfo);
  EXPECT_FALSE(plain->has_fragment);
}

TEST(Url, RefusesWhatIsNotOne) {
  const std::string too_long = "https://h/" + std::string(70'000, 'a');
  const std::string long_host = "https://" + std::string(300, 'a') + "/";
  const std::string_view rows[] = {
      "",
      "example.okta.com",
      "/path",
      "ftp://h/",
      "file:///etc/passwd",
      "javascript:alert(1)",
      "https://",
      "https:///path",
      "https:h",
      "https://h:0/",
      "https://h:65536/",
      "https://h:x/",
      "https://h /",
      "https://h/a b",
      "https://h/a\nb",
      "https://h/%zz",
      "https://h%2e/",
      "https://[::1/",
      "https://[v1.a]/",
      "https://127.1/",
      "https://2130706433/",
      "https://0x7f.0.0.1/",
      "https://0x7f000001/",
      "https://1.2.3.4.5/",
      "https://127.0.0.1./",
      "https://256.1.1.1/",
      "https://a..b/",
      "https://.a/",
      "https://exam!ple/",
      "https://[::1]x/",
      "https://[::1]:x/",
      "https://a@b@h:1:2/",
      "https://::1/",
      "https://b\xc3\xbc"
      "cher.example/",
      "https://h\\@evil/",
      " https://h/",
      too_long,
      long_host,
  };
  for (const auto row : rows) {
    const auto url = parse_url(row);
    EXPECT_FALSE(url) << row << " became " << url->str();
    if (!url) {
      EXPECT_EQ(url.error().code, "net.url") << row;
    }
  }
}

TEST(Url, RefusalsDoNotQuoteTheUrl) {
  const auto url = parse_url("https://me:hunter2@h:99999/?token=hunter2");
  ASSERT_FALSE(url);
  EXPECT_EQ(core::describe(url.error()).find("hunter2"), std::string::npos);
}

// RFC 3986 section 5.4, the rows that stay on http and https.
TEST(Url, ResolvesReferences) {
  const auto base = parse_url("http://a/b/c/d;p?q");
  ASSERT_TRUE(base);
  const std::pair<const char*, const char*> rows[] = {
      {"g", "http://a/b/c/g"},
      {"./g", "http://a/b/c/g"},
      {"g/", "http://a/b/c/g/"},
      {"/g", "http://a/g"},
      {"//g", "http://g/"},
      {"?y", "http://a/b/c/d;p?y"},
      {"g?y", "http://a/b/c/g?y"},
      {"#s", "http://a/b/c/d;p?q"},
      {"g;x?y#s", "http://a/b/c/g;x?y"},
      {"", "http://a/b/c/d;p?q"},
      {".", "http://a/b/c/"},
      {"./", "http://a/b/c/"},
      {"..", "http://a/b/"},
      {"../g", "http://a/b/g"},
      {"../..", "http://a/"},
      {"../../g", "http://a/g"},
      {"../../../g", "http://a/g"},
      {"/./g", "http://a/g"},
      {"/../g", "http://a/g"},
      {"g..", "http://a/b/c/g.."},
      {"./../g", "http://a/b/g"},
      {"g;x=1/../y", "http://a/b/c/y"},
      {"g?y/../x", "http://a/b/c/g?y/../x"},
      {"https://other.example/x?after=1", "https://other.example/x?after=1"},
  };
  for (const auto& [reference, expected] : rows) {
    const auto url = resolve_url(*base, reference);
    ASSERT_TRUE(url) << reference;
    EXPECT_EQ(url->str(), expected) << reference;
  }
  for (const auto* reference : {"g:h", "mailto:a@b", "a b", "http://[::1"}) {
    EXPECT_FALSE(resolve_url(*base, reference)) << reference;
  }
}

TEST(Url, KnowsLoopback) {
  for (const auto* host : {"127.0.0.1", "127.255.3.4", "::1", "0:0:0:0:0:0:0:1", "localhost", "LOCALHOST"}) {
    EXPECT_TRUE(is_loopback_host(host)) << host;
  }
  for (const auto* host : {"", "128.0.0.1", "127.1", "127.0.0.1.example", "localhost.example", "::2",
                           "10.0.0.1", "0.0.0.0", "::"}) {
    EXPECT_FALSE(is_loopback_host(host)) << host;
  }
}

TEST(Query, WritesPercentsAndForms) {
  const Query query{
      {"search", "profile.x eq \"a+b\""}, {"limit", "2"}, {"empty", ""}, {"a", "1"}, {"a", "2"}};
  EXPECT_EQ(encode_query(query), "search=profile.x%20eq%20%22a%2Bb%22&limit=2&empty=&a=1&a=2");
  EXPECT_EQ(encode_form(query), "search=profile.x+eq+%22a%2Bb%22&limit=2&empty=&a=1&a=2");
  EXPECT_EQ(encode_form({{"n %20", "%20 +"}}), "n+%2520=%2520+%2B");
  EXPECT_EQ(encode_query({}), "");
}

TEST(Query, ReadsBackWhatItWrote) {
  const Query query{
      {"search", "a \"b\" +c&d=e%"}, {"", "nameless"}, {"u", "\xc3\xbc"}, {"a", "1"}, {"a", "2"}};
  for (const auto& text : {encode_query(query), encode_form(query)}) {
    const auto back = parse_query(text);
    ASSERT_TRUE(back) << text;
    EXPECT_EQ(*back, query) << text;
  }
}

TEST(Query, ReadsLooseForms) {
  const auto query = parse_query("a&&b=&c=x=y&a=2&");
  ASSERT_TRUE(query);
  EXPECT_THAT(*query, ElementsAre(Pair("a", ""), Pair("b", ""), Pair("c", "x=y"), Pair("a", "2")));
  EXPECT_EQ(query_value(*query, "c"), "x=y");
  EXPECT_EQ(query_value(*query, "a"), "");
  EXPECT_EQ(query_value(*query, "z"), std::nullopt);
}

TEST(Query, RefusesBrokenEscapes) {
  for (const auto* text : {"a=%", "a=%4", "a=%GG", "%=1", "ok=1&b=%zz"}) {
    const auto query = parse_query(text);
    ASSERT_FALSE(query) << text;
    EXPECT_EQ(query.error().code, "net.query");
  }
}

}  // namespace
}  // namespace net
