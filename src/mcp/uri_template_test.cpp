#include "mcp/uri_template.h"

#include <gtest/gtest.h>

namespace mcp {
namespace {

TEST(UriTemplate, ParsesWhatItCanTakeApartAgain) {
  struct Row {
    std::string text;
    bool good;
  };
  std::string many = "a:";
  for (int i = 0; i < 17; ++i) many += "/{v" + std::to_string(i) + "}";
  for (const auto& [text, good] : {
           Row{"test://template/{id}/data", true},
           Row{"okta://users/{id}", true},
           Row{"okta://logs{?since,until}", true},
           Row{"okta://users/{id}/log{?since}", true},
           Row{"file:///{+path}", true},
           Row{"x:{a}-{b}.{c}", true},
           Row{"x:{a_1.b}", true},
           Row{"x:%C3%A4/{a}", true},
           Row{"", false},
           Row{"{scheme}://x", false},
           Row{"users/{id}", false},
           Row{"x:plain", false},
           Row{"x:{}", false},
           Row{"x:{+}", false},
           Row{"x:{a", false},
           Row{"x:a}{b}", false},
           Row{"x:{a}{b}", false},
           Row{"x:{a}/{a}", false},
           Row{"x:{a}{?a}", false},
           Row{"x:{a,b}", false},
           Row{"x:{a*}", false},
           Row{"x:{a:3}", false},
           Row{"x:{#a}", false},
           Row{"x:{&a}", false},
           Row{"x:{?}", false},
           Row{"x:{?a,}", false},
           Row{"x:{?,a}", false},
           Row{"x:{?a}/y", false},
           Row{"x:y?b=1{?a}", false},
           Row{"x:{a b}", false},
           Row{"x:a b/{c}", false},
           Row{"x:%zz/{c}", false},
           Row{"x:\xC3\xA4/{c}", false},
           Row{many, false},
           Row{"x:" + std::string(kMaxUriBytes, 'a') + "{b}", false},
       }) {
    auto parsed = UriTemplate::parse(text);
    EXPECT_EQ(parsed.has_value(), good) << text;
    EXPECT_EQ(parsed ? "" : parsed.error().code, good ? "" : "mcp.uri_template") << text;
  }
}

TEST(UriTemplate, MatchesAndDecodes) {
  struct Row {
    std::string_view text;
    std::string_view uri;
    std::optional<UriVariables> expected;
  };
  const std::optional<UriVariables> none;
  for (const auto& [text, uri, expected] : {
           Row{"t://x/{id}/data", "t://x/123/data", {{{"id", "123"}}}},
           Row{"t://x/{id}/data", "t://x/a%2Fb%20c/data", {{{"id", "a/b c"}}}},
           Row{"t://x/{id}/data", "t://x//data", none},
           Row{"t://x/{id}/data", "t://x/1/2/data", none},
           Row{"t://x/{id}/data", "t://x/1/data/", none},
           Row{"t://x/{id}/data", "T://x/1/data", none},
           Row{"t://x/{id}/data", "t://x/1", none},
           Row{"t://x/{id}/data", "", none},
           Row{"t://x/{id}", "t://x/1?q=2", none},
           Row{"t://x/{id}", "t://x/1#f", none},
           Row{"t://x/{id}", "t://x/%00", none},
           Row{"t://x/{id}", "t://x/%0A", none},
           Row{"t://x/{id}", "t://x/%FF", none},
           Row{"t://x/{id}", "t://x/%C3%A4", {{{"id", "\xC3\xA4"}}}},
           Row{"t://x/{id}", "t://x/%2e%2e", {{{"id", ".."}}}},
           Row{"t:{+path}/end", "t:a/b/end/c/end", {{{"path", "a/b/end/c"}}}},
           Row{"t:{+path}/end", "t:/end", none},
           Row{"t:{+path}", "t:a?b", none},
           Row{"t:{a}-{b}", "t:1-2-3", {{{"a", "1"}, {"b", "2-3"}}}},
           Row{"t:{+a}-{b}", "t:p-q/r-s", {{{"a", "p-q/r"}, {"b", "s"}}}},  // the shortest a would not do
           Row{"t:{a}.{b}.json", "t:x.y.z.json", {{{"a", "x"}, {"b", "y.z"}}}},
           Row{"t://l{?a,b}", "t://l", {UriVariables{}}},
           Row{"t://l{?a,b}", "t://l?a=1", {{{"a", "1"}}}},
           Row{"t://l{?a,b}", "t://l?b=2&a=1%26", {{{"a", "1&"}, {"b", "2"}}}},
           Row{"t://l{?a,b}", "t://l?a=", {{{"a", ""}}}},
           Row{"t://l{?a,b}", "t://l?a=+", {{{"a", "+"}}}},
           Row{"t://l{?a,b}", "t://l?", none},
           Row{"t://l{?a,b}", "t://l?a", none},
           Row{"t://l{?a,b}", "t://l?c=1", none},
           Row{"t://l{?a,b}", "t://l?a=1&a=2", none},
           Row{"t://l{?a,b}", "t://l?a=1&", none},
           Row{"t://l{?a,b}", "t://l?a=1#x", none},
           Row{"t://l{?a,b}", "t://m?a=1", none},
           Row{"t://u/{id}/l{?a}", "t://u/7/l?a=x", {{{"id", "7"}, {"a", "x"}}}},
       }) {
    auto parsed = UriTemplate::parse(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    EXPECT_EQ(parsed->match(uri), expected) << text << " with " << uri;
  }
}

TEST(UriTemplate, TakesLinearTimeForHostileUris) {
  auto parsed = UriTemplate::parse("t:{a}-{b}-{c}-{d}-{e}-{f}-{g}!");
  ASSERT_TRUE(parsed.has_value());
  std::string dashes = "t:" + std::string(kMaxUriBytes - 2, '-');
  EXPECT_FALSE(parsed->match(dashes).has_value()) << "and before this test's time limit";
  EXPECT_FALSE(parsed->match(dashes + "-!").has_value()) << "one byte too long";
}

TEST(UriTemplate, ExpandsToWhatItMatches) {
  const UriVariables values = {{"id", "a/b \xC3\xA4"}, {"p", "x/y z"}, {"q", "1&2"}};
  for (std::string_view text : {"t://x/{id}", "t://x/{id}/{+p}/e", "t://x/{id}{?q,none}"}) {
    auto parsed = UriTemplate::parse(text);
    ASSERT_TRUE(parsed.has_value()) << text;
    std::string uri = parsed->expand(values);
    EXPECT_TRUE(is_uri(uri)) << uri;
    auto back = parsed->match(uri);
    ASSERT_TRUE(back.has_value()) << uri;
    for (const auto& [name, value] : *back) EXPECT_EQ(value, values.at(name)) << uri;
  }
  EXPECT_EQ(UriTemplate::parse("t://x/{id}/{+p}{?q,none}")->expand(values),
            "t://x/a%2Fb%20%C3%A4/x/y%20z?q=1%262");
  EXPECT_EQ(UriTemplate::parse("t://x/{id}/y{?q}")->expand({}), "t://x//y");
}

TEST(UriTemplate, KnowsAUri) {
  for (std::string_view good :
       {"a:b", "okta://users/00u1", "https://example.com/a?b=c#d", "urn:isbn:0", "x:[::1]", "x+y-1.z:%41"}) {
    EXPECT_TRUE(is_uri(good)) << good;
  }
  for (std::string_view bad : {"", "a", "a:", ":b", "1a:b", "a b:c", "a:b c", "a:%4", "a:%4g", "a:\n", "a:\"",
                               "a:{b}", "a:\xC3\xA4"}) {
    EXPECT_FALSE(is_uri(bad)) << bad;
  }
  EXPECT_FALSE(is_uri("a:" + std::string(kMaxUriBytes, 'b')));
}

}  // namespace
}  // namespace mcp
