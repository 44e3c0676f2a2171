#include "core/jsonc_edit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace core::jsonc {
namespace {

using testing::HasSubstr;

json::Value value(std::string_view text) {
  auto parsed = json::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : json::Value{};
}

struct Edit {
  const char* name;
  const char* before;
  Path path;
  const char* value;
  const char* after;
};

class JsoncSet : public testing::TestWithParam<Edit> {};

TEST_P(JsoncSet, ChangesNothingElse) {
  const Edit& edit = GetParam();
  auto document = Document::parse(edit.before);
  ASSERT_TRUE(document) << document.error().message;
  const auto done = document->set(edit.path, value(edit.value));
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(document->text(), edit.after);
  // What is there now is what was asked for, and asking again changes nothing.
  auto again = Document::parse(document->text());
  ASSERT_TRUE(again);
  EXPECT_EQ(again->get(edit.path)->value(), value(edit.value));
  ASSERT_TRUE(again->set(edit.path, value(edit.value)));
  EXPECT_EQ(again->text(), edit.after);
}

INSTANTIATE_TEST_SUITE_P(
    Edits, JsoncSet,
    testing::Values(
        Edit{"nothing at all", "", {"a"}, "1", "{\n  \"a\": 1\n}\n"},
        Edit{"only blanks", " \n", {"a"}, "1", " \n{\n  \"a\": 1\n}\n"},
        Edit{"only a mark", "\xEF\xBB\xBF", {"a"}, "1", "\xEF\xBB\xBF{\n  \"a\": 1\n}\n"},
        Edit{"only a comment without an end of line", "// x", {"a"}, "1", "// x\n{\n  \"a\": 1\n}\n"},
        Edit{"empty object", "{}", {"a"}, "1", "{\n  \"a\": 1\n}"},
        Edit{"empty object with a blank", "{ }\n", {"a"}, "1", "{\n  \"a\": 1\n}\n"},
        Edit{"empty object over lines", "{\n\n}\n", {"a"}, "1", "{\n  \"a\": 1\n\n}\n"},
        Edit{"comment in an empty object", "{ /* c */ }", {"a"}, "1", "{ /* c */\n  \"a\": 1\n}"},
        Edit{"line comment in an empty object", "{ // c\n}", {"a"}, "1", "{ // c\n  \"a\": 1\n}"},
        Edit{"after the last", "{\n  \"a\": 1\n}", {"b"}, "2", "{\n  \"a\": 1,\n  \"b\": 2\n}"},
        Edit{"after a trailing comma", "{\n  \"a\": 1,\n}", {"b"}, "2", "{\n  \"a\": 1,\n  \"b\": 2,\n}"},
        Edit{"before the comment's line ends",
             "{\n  \"a\": 1 // one\n}",
             {"b"},
             "2",
             "{\n  \"a\": 1, // one\n  \"b\": 2\n}"},
        Edit{"trailing comma, comment",
             "{\n  \"a\": 1, // one\n}",
             {"b"},
             "2",
             "{\n  \"a\": 1, // one\n  \"b\": 2,\n}"},
        Edit{"comma on a line of its own",
             "{\n  \"a\": 1 /* x */\n  ,\n}",
             {"b"},
             "2",
             "{\n  \"a\": 1 /* x */\n  ,\n  \"b\": 2,\n}"},
        Edit{"comment of several lines behind the last",
             "{\n  \"a\": 1 /* x\n y */\n}",
             {"b"},
             "2",
             "{\n  \"a\": 1,\n  \"b\": 2 /* x\n y */\n}"},
        Edit{"comment below the last stays at the end",
             "{\n  \"a\": 1\n  // more\n}",
             {"b"},
             "2",
             "{\n  \"a\": 1,\n  \"b\": 2\n  // more\n}"},
        Edit{"one line", "{\"a\":1}", {"b"}, "2", "{\"a\":1,\n  \"b\": 2\n}"},
        Edit{"bracket on the last line", "{\n\t\"a\": 1 }", {"b"}, "2", "{\n\t\"a\": 1,\n\t\"b\": 2\n}"},
        Edit{"line ends of Windows",
             "{\r\n    \"a\": 1 // x\r\n}\r\n",
             {"b", "c"},
             "[1, 2]",
             "{\r\n    \"a\": 1, // x\r\n    \"b\": {\r\n        \"c\": [1, 2]\r\n    }\r\n}\r\n"},
        Edit{"tabs are learnt below",
             "{ \"a\": {\n\t\"x\": 1\n} }",
             {"a", "y"},
             "{\"z\":{}}",
             "{ \"a\": {\n\t\"x\": 1,\n\t\"y\": {\n\t\t\"z\": {}\n\t}\n} }"},
        Edit{"replaces a value only",
             "{ \"a\" : 1.50 , /* k */ \"b\":\t[ 1,\n2 ] }",
             {"a"},
             "\"x\"",
             "{ \"a\" : \"x\" , /* k */ \"b\":\t[ 1,\n2 ] }"},
        Edit{"replaces a nested value with its indentation",
             "{\n    \"a\": {\n        \"b\": 1\n    }\n}",
             {"a", "b"},
             "[{\"c\":1}]",
             "{\n    \"a\": {\n        \"b\": [\n            {\n                \"c\": 1\n            }\n    "
             "    "
             "]\n    }\n}"},
        Edit{"equal in another spelling", "{\"a\": \"\\u0062\", }", {"a"}, "\"b\"", "{\"a\": \"\\u0062\", }"},
        Edit{"escaped name", "{\"\\u0061\": 1}", {"a"}, "2", "{\"\\u0061\": 2}"},
        Edit{"slashes inside a text are no comment",
             "{\n  \"a\": \"// x /* y\"\n}",
             {"b"},
             "true",
             "{\n  \"a\": \"// x /* y\",\n  \"b\": true\n}"},
        Edit{"names that need quotes",
             "{}",
             {"a\"b\n", "ü"},
             "null",
             "{\n  \"a\\\"b\\n\": {\n    \"ü\": null\n  }\n}"}),
    [](const auto& param) {
      std::string name(param.param.name);
      for (char& c : name) {
        if (c == ' ' || c == ',' || c == '\'') c = '_';
      }
      return name;
    });

TEST(Jsonc, AppendsToArrays) {
  struct Row {
    const char* before;
    const char* after;
  };
  const std::vector<Row> rows{
      {"{}", "{\n  \"l\": [\n    {\n      \"x\": 1\n    }\n  ]\n}"},
      {"{\n  \"l\": []\n}", "{\n  \"l\": [\n    {\n      \"x\": 1\n    }\n  ]\n}"},
      {"{\n  \"l\": [\n    1, // one\n    2, // two\n  ]\n}",
       "{\n  \"l\": [\n    1, // one\n    2, // two\n    {\n      \"x\": 1\n    },\n  ]\n}"},
      {"{ \"l\": [1] }", "{ \"l\": [1,\n  {\n    \"x\": 1\n  }\n] }"},
  };
  for (const auto& row : rows) {
    auto document = Document::parse(row.before);
    ASSERT_TRUE(document) << row.before;
    ASSERT_TRUE(document->append({"l"}, value(R"({"x":1})"))) << row.before;
    EXPECT_EQ(document->text(), row.after);
  }
}

TEST(Jsonc, WhatCannotBeReadIsNamedWithItsPlace) {
  struct Row {
    std::string text;
    const char* message;
  };
  const std::vector<Row> rows{
      {"{\n  \"a\": 1\n  \"b\": 2\n}", "expected a comma or } at line 3, column 3"},
      {"{\"ü\": tru}", "expected a value at line 1, column 7"},
      {"\xEF\xBB\xBF{,}", "expected a name in double quotes, or } at line 1, column 2"},
      {"{'a': 1}", "expected a name in double quotes, or } at line 1, column 2"},
      {"{\"a\" 1}", "expected a colon at line 1, column 6"},
      {"{\"a\": 1} x", "expected the end of the file at line 1, column 10"},
      {"{\"a\": \"x\n\"}", "expected the closing quote of the text that begins at line 1, column 7"},
      {"{\"a\": \"\\x\"}", "expected a text with valid escapes at line 1, column 7"},
      {"{\"a\": \"x", "expected the closing quote of the text that begins at line 1, column 7"},
      {"{\"a\": \"x\\", "expected the closing quote of the text that begins at line 1, column 7"},
      {"{ /* x", "expected the end of the comment that begins at line 1, column 3"},
      {"{\"a\": 01}", "expected a value at line 1, column 7"},
      {"{\"a\": [1,,2]}", "expected a value at line 1, column 10"},
      {"{\"a\": 1", "expected a comma or } at line 1, column 8"},
      {"<html>", "expected a value at line 1, column 1"},
      {"{\"a\": \"\xff\"}", "the text is not UTF-8"},
      {std::string(500, '['), "more than 200 levels at line 1, column 202"},
  };
  for (const auto& row : rows) {
    auto document = Document::parse(row.text);
    ASSERT_FALSE(document) << row.text;
    EXPECT_EQ(document.error().message, row.message) << row.text;
  }
}

TEST(Jsonc, WhatHasAnotherShapeIsLeftAlone) {
  struct Row {
    const char* text;
    Path path;
    const char* message;
  };
  const std::vector<Row> rows{
      {"{\n \"a\": []\n}", {"a", "b"}, "expected an object (a) at line 2, column 7"},
      {"[]", {"a"}, "expected an object (the top) at line 1, column 1"},
      {"{\"a\": {\"b\": 1}}", {"a", "b", "c"}, "expected an object (a.b) at line 1, column 13"},
      {"{\"a\": 1,\n\"a\": 2}", {"a"}, "a stands a second time at line 2, column 1"},
      {"{\"a\": {}, \"a\": {}}", {"a", "b"}, "a stands a second time at line 1, column 11"},
  };
  for (const auto& row : rows) {
    auto document = Document::parse(row.text);
    ASSERT_TRUE(document);
    const auto done = document->set(row.path, 1);
    ASSERT_FALSE(done) << row.text;
    EXPECT_EQ(done.error().message, row.message);
    EXPECT_EQ(document->text(), row.text);
  }
  auto document = Document::parse("{\"a\": {}}");
  EXPECT_THAT(document->append({"a"}, 1).error().message, HasSubstr("expected an array (a)"));
}

TEST(Jsonc, KnowsWherePlainReadersStop) {
  EXPECT_FALSE(Document::parse("{\"a\": [1, 2], \"b\": \"//\"}")->first_extension());
  EXPECT_EQ(Document::parse("{\"a\": [1, 2,]}")->first_extension(), 11U);
  EXPECT_EQ(Document::parse("{\"a\": 1,\n// x\n}")->first_extension(), 8U - 1U);
  EXPECT_EQ(Document::parse("{} /* x */")->first_extension(), 3U);
}

// Whatever a crash or an editor leaves behind is read whole or refused, and an edit of it can be read again.
TEST(Jsonc, EveryPrefixIsReadOrRefused) {
  const std::string text =
      "\xEF\xBB\xBF// c\r\n{ /* x */\r\n\t\"a\\u00e9\\\"\": [1, -2.5e3, true, {\"b\": null,},], // d\r\n"
      "\t\"c\": {\"d\": \"\xC3\xBC // \", \"e\": [[], {}]} /* y */,\r\n}\r\n// end";
  std::size_t read = 0;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    auto document = Document::parse(text.substr(0, size));
    if (!document) continue;
    ++read;
    for (const auto& path : {Path{"new", "x"}, Path{"c", "d"}, Path{"c", "f"}}) {
      ASSERT_TRUE(document->set(path, value(R"({"k":[1,{"l":2}]})"))) << size;
      auto again = Document::parse(document->text());
      ASSERT_TRUE(again) << document->text();
      EXPECT_EQ(again->text(), document->text());
      EXPECT_EQ(again->get(path)->value(), value(R"({"k":[1,{"l":2}]})"));
    }
  }
  EXPECT_GT(read, 10U) << "empty, blank and commented beginnings, and the ends";
}

TEST(Jsonc, DuplicatesElsewhereAreNobodysBusiness) {
  auto document = Document::parse("{\"x\": 1, \"x\": 2}");
  ASSERT_TRUE(document);
  ASSERT_TRUE(document->set({"y"}, 3));
  EXPECT_EQ(document->text(), "{\"x\": 1, \"x\": 2,\n  \"y\": 3\n}");
}

}  // namespace
}  // namespace core::jsonc
