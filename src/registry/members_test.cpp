#include "registry/members.h"

#include <functional>
#include <gtest/gtest.h>

#include "core/json.h"

namespace registry {
namespace {

using core::json::Object;

Object parse(std::string_view text) {
  auto value = core::json::parse(text);
  EXPECT_TRUE(value) << text;
  return value && value->is_object() ? value->get_object() : Object{};
}

// "REASON location"; "" where nothing is refused.
template <class T>
std::string refusal(const core::Result<T>& result) {
  if (result) return {};
  EXPECT_EQ(result.error().kind, core::ErrorKind::invalid_input);
  return result.error().code.substr(std::string_view("registry.").size()) + " " + result.error().location;
}

TEST(Members, RefuseByReasonAndPath) {
  static constexpr TextRule kShort{.least = 2, .most = 4};
  const auto texts = [](const Members& in) { return refusal(in.optional_texts("a", 1, 2, kShort)); };
  const auto text = [](const Members& in) { return refusal(in.text("a", kShort)); };
  const auto optional_text = [](const Members& in) { return refusal(in.optional_text("a", kShort)); };
  const auto lines = [](const Members& in) { return refusal(in.text("a", {.lines = true})); };
  const auto flag = [](const Members& in) { return refusal(in.optional_flag("a")); };
  const auto integer = [](const Members& in) { return refusal(in.optional_integer("a", 1, 5)); };
  const auto choice = [](const Members& in) { return refusal(in.choice("a", {"x", "y"})); };
  const auto optional_choice = [](const Members& in) { return refusal(in.optional_choice("a", {"x"})); };
  const auto object = [](const Members& in) { return refusal(in.object("a")); };
  const auto optional_object = [](const Members& in) { return refusal(in.optional_object("a")); };
  const auto secret = [](const Members& in) { return refusal(in.optional_secret("a", 4)); };
  const auto only = [](const Members& in) { return refusal(in.only({"a"}, {"id"})); };
  const auto inner = [](const Members& in) { return refusal(in.object("a")->only({"b"})); };
  struct Case {
    std::string_view body;
    std::function<std::string(const Members&)> read;
    std::string_view refusal;
  };
  const Case cases[] = {
      {R"({})", text, "REQUIRED_PROPERTY a"},
      {R"({"a":null})", text, "REQUIRED_PROPERTY a"},
      {R"({"a":7})", text, "INVALID_FORMAT a"},
      {R"({"a":"1"})", text, "INVALID_FORMAT a"},
      {R"({"a":"12345"})", text, "INVALID_FORMAT a"},
      {R"({"a":"1\n2"})", text, "INVALID_FORMAT a"},
      {R"({"a":"1\u200b"})", text, "INVALID_FORMAT a"},
      {R"({"a":"1234"})", text, ""},
      {R"({"a":"1\n2\t3"})", lines, ""},
      {R"({"a":"1\u00002"})", lines, "INVALID_FORMAT a"},
      {R"({"a":null})", optional_text, ""},
      {R"({"a":"1"})", optional_text, "INVALID_FORMAT a"},
      {R"({})", flag, ""},
      {R"({"a":false})", flag, ""},
      {R"({"a":"true"})", flag, "INVALID_FORMAT a"},
      {R"({})", integer, ""},
      {R"({"a":1})", integer, ""},
      {R"({"a":5})", integer, ""},
      {R"({"a":0})", integer, "INVALID_FORMAT a"},
      {R"({"a":6})", integer, "INVALID_FORMAT a"},
      {R"({"a":1.5})", integer, "INVALID_FORMAT a"},
      {R"({"a":"1"})", integer, "INVALID_FORMAT a"},
      {R"({"a":18446744073709551615})", integer, "INVALID_FORMAT a"},
      {R"({"a":"x"})", choice, ""},
      {R"({})", choice, "REQUIRED_PROPERTY a"},
      {R"({"a":"X"})", choice, "INVALID_FORMAT a"},
      {R"({"a":["x"]})", choice, "INVALID_FORMAT a"},
      {R"({"a":null})", optional_choice, ""},
      {R"({"a":""})", optional_choice, "INVALID_FORMAT a"},
      {R"({})", object, "REQUIRED_PROPERTY a"},
      {R"({"a":[]})", object, "INVALID_FORMAT a"},
      {R"({"a":{}})", object, ""},
      {R"({"a":null})", optional_object, ""},
      {R"({"a":"{}"})", optional_object, "INVALID_FORMAT a"},
      {R"({})", texts, ""},
      {R"({"a":["12","34"]})", texts, ""},
      {R"({"a":[]})", texts, "INVALID_FORMAT a"},
      {R"({"a":["12","34","56"]})", texts, "INVALID_FORMAT a"},
      {R"({"a":["12","12"]})", texts, "INVALID_FORMAT a"},
      {R"({"a":["1"]})", texts, "INVALID_FORMAT a"},
      {R"({"a":[12]})", texts, "INVALID_FORMAT a"},
      {R"({"a":"12"})", texts, "INVALID_FORMAT a"},
      {R"({})", secret, ""},
      {R"({"a":"1234"})", secret, ""},
      {R"({"a":"12345"})", secret, "INVALID_FORMAT a"},
      {R"({"a":"1\n"})", secret, "INVALID_FORMAT a"},
      {R"({"a":1234})", secret, "INVALID_FORMAT a"},
      {R"({"a":1})", only, ""},
      {R"({"a":1,"b":null})", only, "UNKNOWN_PROPERTY b"},
      {R"({"a":1,"id":"x"})", only, "IMMUTABLE_PROPERTY id"},
      {R"({"a":{"b":1,"c":2}})", inner, "UNKNOWN_PROPERTY a.c"},
  };
  for (const Case& each : cases) {
    const Object body = parse(each.body);
    EXPECT_EQ(each.read(Members(body)), each.refusal) << each.body;
  }
}

TEST(Members, GiveWhatIsThere) {
  const Object body = parse(R"({"t":"é","n":-3,"f":true,"c":"x","l":["a","b"],"o":{"s":"secret"},"z":null})");
  const Members in(body);
  EXPECT_EQ(*in.text("t"), "é");
  EXPECT_EQ(*in.optional_integer("n", -3, 0), -3);
  EXPECT_EQ(*in.optional_flag("f"), true);
  EXPECT_EQ(*in.choice("c", {"x", "y"}), "x");
  EXPECT_EQ(*in.optional_texts("l", 0, 2), (std::vector<std::string>{"a", "b"}));
  const auto inner = in.object("o");
  ASSERT_TRUE(inner);
  EXPECT_EQ(inner->path_of("s"), "o.s");
  EXPECT_EQ(inner->optional_secret("s", 10)->reveal(), "secret");
  EXPECT_TRUE(in.has("z"));
  EXPECT_TRUE(in.is_null("z"));
  EXPECT_FALSE(in.has("y"));
  EXPECT_TRUE(in.optional_secret("z", 10)->empty());
}

TEST(Members, ALongNameIsShownInPart) {
  const Object body{{std::string(10'000, 'x'), 1}};
  const auto done = Members(body).only({"a"});
  ASSERT_FALSE(done);
  EXPECT_LT(done.error().message.size(), 300u);
  EXPECT_LT(done.error().location.size(), 110u);
}

TEST(Members, WhatCannotBeChangedMaySayWhatIsShown) {
  const Object shown = parse(R"({"id":"1","client":{"id":"2","type":"X"}})");
  constexpr std::string_view kNames[] = {"id", "client"};
  const auto said = [&](std::string_view body) {
    const Object sent = parse(body);
    return refusal(same_as_shown(Members(sent), shown, kNames));
  };
  EXPECT_EQ(said(R"({})"), "");
  EXPECT_EQ(said(R"({"id":"1","client":{"id":"2"}})"), "");
  EXPECT_EQ(said(R"({"id":"2"})"), "IMMUTABLE_PROPERTY id");
  EXPECT_EQ(said(R"({"client":{"id":"2","new":1}})"), "IMMUTABLE_PROPERTY client");
}

}  // namespace
}  // namespace registry
