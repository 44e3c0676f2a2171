#include "net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace net {
namespace {

using namespace std::string_view_literals;
using testing::ElementsAre;

TEST(Method, EveryNameReadsBack) {
  for (const auto method : {Method::get, Method::head, Method::post, Method::put, Method::patch,
                            Method::delete_, Method::options}) {
    EXPECT_EQ(parse_method(to_string(method)), method) << to_string(method);
  }
  for (const auto* text : {"", "get", "TRACE", "CONNECT", "GET "})
    EXPECT_EQ(parse_method(text), std::nullopt) << text;
}

TEST(Headers, NamesCompareWithoutCaseAndKeepTheirOrder) {
  Headers headers{{"Link", "<a>; rel=\"self\""}, {"Content-Type", "text/plain"}};
  headers.add("link", "<b>; rel=\"next\"");
  EXPECT_EQ(headers.get("LINK"), "<a>; rel=\"self\"");
  EXPECT_THAT(headers.all("Link"), ElementsAre("<a>; rel=\"self\"", "<b>; rel=\"next\""));
  EXPECT_TRUE(headers.has("content-type"));
  EXPECT_FALSE(headers.has("Content-Typ"));
  EXPECT_EQ(headers.get("Missing"), "");
}

TEST(Headers, SetReplacesEveryFieldOfThatNameInPlace) {
  Headers headers{{"A", "1"}, {"B", "2"}, {"a", "3"}, {"C", "4"}};
  headers.set("A", "5");
  headers.set("D", "6");
  headers.remove("b");
  EXPECT_THAT(std::vector<Headers::Field>(headers.begin(), headers.end()),
              ElementsAre(Headers::Field{"A", "5"}, Headers::Field{"C", "4"}, Headers::Field{"D", "6"}));
}

TEST(Headers, FieldsThatWouldBreakOutOfTheirLineAreInvalid) {
  for (const auto* name : {"X-A", "a", "x_y", "If-Match", "!#$%&'*+-.^_`|~09"}) {
    EXPECT_TRUE(is_valid_field(name, "any \"text\"\t;")) << name;
  }
  for (const auto* name : {"", "a b", "a:", "a\n", "a\r", "\xc3\xbc", "a(b)"}) {
    EXPECT_FALSE(is_valid_field(name, "v")) << name;
  }
  for (const auto value : {"a\r\nB: c"sv, "a\n"sv, "\r"sv, "a\0b"sv}) {
    EXPECT_FALSE(is_valid_field("A", value));
  }
}

TEST(MediaType, DropsParametersAndCase) {
  const std::pair<const char*, const char*> rows[] = {
      {"application/json; charset=utf-8", "application/json"},
      {" Application/JSON\t;x", "application/json"},
      {"text/html", "text/html"},
      {"", ""},
      {" ;a", ""},
  };
  for (const auto& [given, expected] : rows) EXPECT_EQ(media_type(given), expected) << given;
}

}  // namespace
}  // namespace net
