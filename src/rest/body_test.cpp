#include "rest/body.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "rest/test_call.h"

namespace rest {
namespace {

using boost::json::parse;

TEST(BodyTest, TakesJsonObjectsOnly) {
  for (const auto* body :
       {"", "{", "[]", "\"x\"", "null", "{\"a\":1,}", "{\"a\":1}{\"b\":2}", "{\"a\":1,\"a\":2}"}) {
    TestCall test("/x", net::Method::post, body);
    const auto read = read_object(test.call);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().code, "E0000003") << body;
  }
  TestCall test("/x", net::Method::post, R"({"a":[1]})");
  test.request->headers.set("content-type", "application/json;charset=UTF-8");
  const auto read = read_object(test.call);
  ASSERT_TRUE(read);
  EXPECT_EQ(boost::json::serialize(*read), R"({"a":[1]})");
}

TEST(BodyTest, RefusesOtherMediaTypes) {
  TestCall test("/x", net::Method::post, R"({"a":1})");
  test.request->headers.set("content-type", "text/plain");
  EXPECT_EQ(read_object(test.call).error().code, "E0000021");
}

TEST(BodyTest, DeepNestingIsRefused) {
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100; ++i) deep += "[";
  for (int i = 0; i < 100; ++i) deep += "]";
  TestCall test("/x", net::Method::post, deep + "}");
  EXPECT_EQ(read_object(test.call).error().code, "E0000003");
}

TEST(BodyTest, AnOptionalBodyMayBeMissing) {
  TestCall without("/x", net::Method::put);
  EXPECT_TRUE(read_optional_object(without.call)->empty());
  TestCall broken("/x", net::Method::put, "{");
  EXPECT_FALSE(read_optional_object(broken.call));
}

// The examples of RFC 7396, appendix A.
TEST(BodyTest, MergesAsRfc7396Says) {
  const std::vector<std::array<std::string, 3>> rows{
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", R"(null)", R"(null)"},
      {R"({"a":"foo"})", R"("bar")", R"("bar")"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"([1,2])", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"}};
  for (const auto& [target, patch, expected] : rows) {
    auto value = parse(target);
    merge_patch(value, parse(patch));
    EXPECT_EQ(value, parse(expected)) << target << " + " << patch;
  }
}

TEST(BodyTest, Flags) {
  for (const auto& [text, expected] : std::vector<std::pair<std::string, int>>{
           {"true", 1}, {"TRUE", 1}, {"False", 0}, {"yes", -1}, {"", -1}, {"1", -1}}) {
    TestCall test("/x?f=" + text);
    const auto flag = read_flag(test.call, "f", true);
    EXPECT_EQ(flag ? static_cast<int>(*flag) : -1, expected) << text;
  }
  TestCall absent("/x");
  EXPECT_TRUE(*read_flag(absent.call, "f", true));
  EXPECT_FALSE(*read_flag(absent.call, "f", false));
}

TEST(BodyTest, EntityTags) {
  const std::string tag = weak_etag("representation");
  EXPECT_EQ(tag.size(), 68u);  // as recorded: W/"64 hexadecimal digits"
  EXPECT_TRUE(tag.starts_with("W/\""));
  EXPECT_EQ(tag, weak_etag("representation"));
  EXPECT_NE(tag, weak_etag("Representation"));

  const auto check = [&](std::string header) {
    TestCall test("/x", net::Method::post);
    test.request->headers.set("if-match", std::move(header));
    const auto matched = check_if_match(test.call, tag);
    return matched ? std::string("ok") : matched.error().code;
  };
  EXPECT_EQ(check(tag), "ok");
  EXPECT_EQ(check(tag.substr(2)), "ok");
  EXPECT_EQ(check("*"), "ok");
  EXPECT_EQ(check("\"other\", " + tag), "ok");
  EXPECT_EQ(check("\"other\""), "E0000231");
  EXPECT_EQ(check("nonsense"), "E0000242");
  TestCall absent("/x", net::Method::post);
  EXPECT_TRUE(check_if_match(absent.call, tag));
}

}  // namespace
}  // namespace rest
