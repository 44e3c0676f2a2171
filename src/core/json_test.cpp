#include "core/json.h"

#include <bit>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <stdlib.h>  // mkdtemp

namespace core::json {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string code_of(std::string_view text, const ParseLimits& limits = {}) {
  auto value = parse(text, limits);
  return value ? "ok" : value.error().code;
}

std::string nested(std::size_t depth, char open = '[', char close = ']') {
  return std::string(depth, open) + std::string(depth, close);
}

// --- parse

TEST(JsonParse, KeepsMemberOrderAndNulls) {
  EXPECT_EQ(write(parse(R"( { "b" : null , "a" : [ true , false ] , "c" : { } } )").value()),
            R"({"b":null,"a":[true,false],"c":{}})");
}

TEST(JsonParse, RefusesDuplicateNames) {
  for (std::string_view text : {
           R"({"a":1,"a":1})",
           R"({"a":1,"b":2,"\u0061":3})",   // the same name, spelt otherwise
           R"({"\u00e9":1,"é":2})",         // and beyond ASCII
           R"({"\ud83d\ude00":1,"😀":2})",  // and beyond the basic plane
           R"({"\"":1,"b":2,"\u0022":3})", R"({"":1,"":2})",
           R"([{"x":{"a":1,"b":{},"a":2}}])",  // deep inside
           R"({"a":{"a":1},"b":0,"a":2})",     // on both sides of an object that uses the name too
       }) {
    EXPECT_EQ(code_of(text), "core.json.duplicate_key") << text;
    EXPECT_EQ(code_of(text, {.allow_duplicate_keys = true}), "ok") << text;
  }
  EXPECT_EQ(write(parse(R"({"a":1,"a":2})", {.allow_duplicate_keys = true}).value()), R"({"a":2})");
}

TEST(JsonParse, TheSameNameInDifferentObjectsIsFine) {
  for (std::string_view text :
       {R"({"a":{"a":{"a":1}}})", R"([{"a":1},{"a":2}])", R"({"a":1,"A":2,"a ":3})", R"({"a":"a","b":"a"})",
        R"({"x":[{"a":1},{"a":1}],"a":1})", R"({"\u0061":1,"b":1})"}) {
    EXPECT_EQ(code_of(text), "ok") << text;
  }
}

TEST(JsonParse, ManyMembersStayCheap) {
  // Compared pair by pair, 200,000 names would take minutes; the test's time limit is the assertion.
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += fmt::format("{}\"\\u006e{}\":0", i == 0 ? "" : ",", i);
  EXPECT_EQ(code_of(text + "}"), "ok");
  EXPECT_EQ(code_of(text + ",\"n77\":1}"), "core.json.duplicate_key");
}

TEST(JsonParse, HoldsItsLimits) {
  EXPECT_EQ(code_of("[1,2]", {.max_bytes = 5}), "ok");
  EXPECT_EQ(code_of("[1,2]", {.max_bytes = 4}), "core.json.too_large");
  for (auto [open, close] : {std::pair{"[", "]"}, std::pair{"{\"a\":", "}"}}) {
    for (std::size_t depth : {64u, 65u}) {
      std::string text;
      for (std::size_t i = 0; i < depth; ++i) text += open;
      text += "1";
      for (std::size_t i = 0; i < depth; ++i) text += close;
      EXPECT_EQ(code_of(text), depth <= 64 ? "ok" : "core.json.too_large") << open << depth;
    }
  }
  EXPECT_EQ(code_of(nested(100'000)), "core.json.too_large");
  EXPECT_EQ(code_of(std::string(100'000, '[')), "core.json.too_large");
  EXPECT_THAT(parse(nested(9), {.max_depth = 8}).error().message, HasSubstr("8 levels"));
}

TEST(JsonParse, RefusesBrokenText) {
  for (std::string_view text : {"",       " ",          "[",           "{",           "[1",
                                "{\"a\"", "{\"a\":",    "{\"a\":1",    "\"",          "\"a",
                                "tru",    "nul",        "-",           "1.",          "1e",
                                "+1",     "01",         ".5",          "0x1",         "1 2",
                                "[1]]",   "[1],",       "{}{}",        "[,]",         "[1,]",
                                "{,}",    "{\"a\":1,}", "{a:1}",       "{'a':1}",     "['a']",
                                "[NaN]",  "[Infinity]", "[-Infinity]", "// c\n1",     "/* c */1",

                                "\"\t\"", "\"\\x\"",    "\"\\u12\"",   "\"\\u123g\"", "\xef\xbb\xbf{}"}) {
    EXPECT_EQ(code_of(text), "core.json.syntax") << text;
  }
  EXPECT_EQ(code_of(std::string_view("[1]\0", 4)), "core.json.syntax");
  EXPECT_EQ(parse("[1,x]").error().kind, ErrorKind::invalid_input);
  EXPECT_THAT(parse("[1,x]").error().message, HasSubstr("at byte 3"));
}

TEST(JsonParse, RefusesWhatIsNotUnicode) {
  for (std::string_view text : {"\"\x80\"",              // a continuation byte alone
                                "\"\xc3\"",              // truncated
                                "\"\xc0\xaf\"",          // overlong
                                "\"\xe0\x80\xaf\"",      // overlong
                                "\"\xed\xa0\x80\"",      // a surrogate in UTF-8
                                "\"\xf4\x90\x80\x80\"",  // beyond U+10FFFF
                                "\"\xf8\x88\x80\x80\x80\"", "\"\xff\"",
                                R"("\ud800")",        // lone high
                                R"("\ude00")",        // lone low
                                R"("\ud800\u0041")",  // high, then something else
                                R"("\ud800\ud800")",  // high, high
                                R"("\ude00\ud800")",  // the wrong way round
                                R"("\ud83d")", R"({"\ud83d":1})", "{\"\xff\":1}"}) {
    EXPECT_EQ(code_of(text), "core.json.syntax") << text;
  }
  EXPECT_EQ(parse(R"("\ud83d\ude00")").value().as_string(), "😀");
  EXPECT_EQ(parse(R"("a\u0000b")").value().as_string(), std::string_view("a\0b", 3));
}

TEST(JsonNumbers, KeepTheirValue) {
  struct Case {
    std::string_view in, out;
  };
  for (const auto& [in, out] : std::initializer_list<Case>{
           {"0", "0"},
           {"-0", "0"},
           {"-0.0", "-0.0"},
           {"1", "1"},
           {"-9223372036854775808", "-9223372036854775808"},
           {"9223372036854775807", "9223372036854775807"},
           {"18446744073709551615", "18446744073709551615"},
           {"18446744073709551616", "1.8446744073709552e+19"},  // beyond 64 bits: the nearest double
           {"1.0", "1.0"},
           {"1E0", "1.0"},
           {"5e2", "500.0"},
           {"0.1", "0.1"},
           {"37.7853", "37.7853"},
           {"-122.4007", "-122.4007"},
           {"3.141592653589793", "3.141592653589793"},
           {"0.30000000000000004", "0.30000000000000004"},
           {"2.2250738585072014e-308", "2.2250738585072014e-308"},
           {"1.7976931348623157e308", "1.7976931348623157e+308"},
           {"5e-324", "5e-324"},
           {"1e-400", "0.0"},
           {"1e23", "1e+23"},
       }) {
    auto value = parse(in);
    ASSERT_TRUE(value) << in << ": " << value.error().message;
    EXPECT_EQ(write(*value), out) << in;
  }
  for (std::string_view text : {"1e309", "-1e309", "[1e400]", "123e10000"}) {
    EXPECT_EQ(code_of(text), "core.json.syntax") << text;
  }
}

// Boost.JSON's own conversion is off in the last bit for some long decimals.
TEST(JsonNumbers, AreReadAsExactlyAsStrtodReadsThem) {
  std::uint64_t state = 1;
  for (int i = 0; i < 20'000; ++i) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    double number = std::bit_cast<double>(state);
    if (!std::isfinite(number)) continue;
    const std::string text = fmt::format("{:.17g}", number);
    auto value = parse(text.find_first_of(".e") == std::string::npos ? text + ".0" : text);
    ASSERT_TRUE(value) << text;
    ASSERT_EQ(value->as_double(), std::strtod(text.c_str(), nullptr)) << text;
    ASSERT_EQ(std::strtod(write(*value).c_str(), nullptr), number) << text;
  }
}

// --- write

TEST(JsonWrite, EscapesWhatRfc8259Demands) {
  std::string all;
  for (char c = 1; c < 0x20; ++c) all += c;
  EXPECT_EQ(
      write(Value(all)),
      "\"\\u0001\\u0002\\u0003\\u0004\\u0005\\u0006\\u0007\\b\\t\\n\\u000b\\f\\r\\u000e\\u000f\\u0010\\u0011"
      "\\u0012\\u0013\\u0014\\u0015\\u0016\\u0017\\u0018\\u0019\\u001a\\u001b\\u001c\\u001d\\u001e\\u001f\"");
  EXPECT_EQ(write(Value("a\"b\\c/d\x7f é 😀")), "\"a\\\"b\\\\c/d\x7f é 😀\"");
  EXPECT_EQ(write(Value(std::string_view("\0", 1))), R"("\u0000")");
  EXPECT_EQ(write(Object{{"k\n\"", "v"}}), R"({"k\n\"":"v"})");
}

TEST(JsonWrite, EmptyThingsAndNotANumber) {
  EXPECT_EQ(write(Object{}), "{}");
  EXPECT_EQ(write(Array{}), "[]");
  EXPECT_EQ(write(Value("")), "\"\"");
  EXPECT_EQ(write(Value(std::numeric_limits<double>::quiet_NaN())), "null");
  EXPECT_EQ(write(Value(std::numeric_limits<double>::infinity())), "null");
}

// --- find and Reader

TEST(JsonFind, WalksDottedPaths) {
  const Value user = parse(R"({"profile":{"login":"a@b.c","n":5},"status":null})").value();
  EXPECT_EQ(string_or_empty(user, "profile.login"), "a@b.c");
  EXPECT_EQ(string_or_empty(user, "profile.n"), "");
  EXPECT_EQ(string_or_empty(user, "profile.login.x"), "");
  EXPECT_EQ(find(user, "profile.none"), nullptr);
  EXPECT_EQ(find(user, "none.login"), nullptr);
  ASSERT_NE(find(user, "status"), nullptr);
  EXPECT_TRUE(find(user, "status")->is_null());
  EXPECT_EQ(find(user, ""), &user);
}

class JsonReader : public testing::Test {
 protected:
  const Value document_ = parse(R"({
    "s": "text", "i": 7, "f": 7.0, "big": 1e300, "half": 1.5, "b": true, "nothing": null,
    "list": ["a", "b"], "mixed": ["a", 1], "object": {"inner": {"deep": 3}}, "u": 18446744073709551615})")
                              .value();
  const Reader in_{document_};
};

TEST_F(JsonReader, ReadsEachType) {
  EXPECT_EQ(in_.at("s").string().value(), "text");
  EXPECT_EQ(in_.at("i").integer().value(), 7);
  EXPECT_EQ(in_.at("f").integer().value(), 7);  // JSON Schema counts 7.0 among the integers
  EXPECT_EQ(in_.at("i").number().value(), 7.0);
  EXPECT_EQ(in_.at("half").number().value(), 1.5);
  EXPECT_TRUE(in_.at("b").boolean().value());
  EXPECT_EQ(in_.at("list").strings().value(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(in_.at("list").elements().value().size(), 2u);
  EXPECT_EQ(in_.at("object").at("inner").at("deep").integer_in(1, 3).value(), 3);
  EXPECT_EQ(in_.at("object").object().value()->size(), 1u);
  EXPECT_EQ(in_.at("list").array().value()->size(), 2u);
}

TEST_F(JsonReader, SaysWhereAndWhatWasFound) {
  struct Case {
    Status status;
    std::string_view message;
  };
  auto status = [](const auto& result) -> Status {
    if (result) return {};
    return std::unexpected(result.error());
  };
  const std::vector<Case> cases = {
      {status(in_.at("i").string()), "Expected a string at $.i; found a number."},
      {status(in_.at("s").integer()), "Expected an integer at $.s; found a string."},
      {status(in_.at("half").integer()), "Expected an integer at $.half; found a number."},
      {status(in_.at("big").integer()), "Expected an integer at $.big; found a number."},
      {status(in_.at("u").integer()), "Expected an integer at $.u; found a number."},
      {status(in_.at("i").integer_in(8, 9)), "Expected an integer from 8 to 9 at $.i; found a number."},
      {status(in_.at("b").number()), "Expected a number at $.b; found a boolean."},
      {status(in_.at("nothing").boolean()), "Expected a boolean at $.nothing; found null."},
      {status(in_.at("list").object()), "Expected an object at $.list; found an array."},
      {status(in_.at("object").array()), "Expected an array at $.object; found an object."},
      {status(in_.at("mixed").strings()), "Expected a string at $.mixed[1]; found a number."},
      {status(in_.at("none").string()), "Expected a string at $.none; it is missing."},
      {status(in_.at("object").at("inner").at("x").at("y").string()),
       "Expected a string at $.object.inner.x.y; it is missing."},
      {status(in_.at("s").at("x").string()), "Expected a string at $.s.x; it is missing."},
  };
  for (const auto& [result, message] : cases) {
    ASSERT_FALSE(result) << message;
    EXPECT_EQ(result.error().message, message);
    EXPECT_EQ(result.error().code, "core.json.type");
    EXPECT_EQ(result.error().kind, ErrorKind::invalid_input);
  }
}

TEST_F(JsonReader, OptionalReadersTakeNullForMissingButNoOtherType) {
  for (std::string_view name : {"none", "nothing"}) {
    EXPECT_FALSE(in_.at(name).present());
    EXPECT_EQ(in_.at(name).optional_string().value(), std::nullopt);
    EXPECT_EQ(in_.at(name).optional_integer().value(), std::nullopt);
    EXPECT_EQ(in_.at(name).optional_boolean().value(), std::nullopt);
  }
  EXPECT_EQ(in_.at("s").optional_string().value(), "text");
  EXPECT_EQ(in_.at("i").optional_integer().value(), 7);
  EXPECT_EQ(in_.at("b").optional_boolean().value(), true);
  EXPECT_FALSE(in_.at("i").optional_string());
  EXPECT_FALSE(in_.at("s").optional_integer());
  EXPECT_FALSE(in_.at("s").optional_boolean());
}

TEST_F(JsonReader, OnlyClosesAnObject) {
  const Reader inner = in_.at("object");
  EXPECT_TRUE(inner.only({"inner", "other"}));
  auto refused = inner.only({"other"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "core.json.unknown_member");
  EXPECT_EQ(refused.error().message, "Unknown member \"inner\" at $.object.");
  EXPECT_FALSE(in_.at("list").only({}));
}

// --- vectors that others wrote

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class JsonTestSuite : public testing::Test {
 protected:
  void SetUp() override {
    const fs::path archive = fs::path(SHARED_DIR) / "test-vectors/JSONTestSuite.tar.gz";
    if (!fs::exists(archive)) GTEST_SKIP() << archive << " is not here";
    std::string place = fs::temp_directory_path() / "json-suite-XXXXXX";
    ASSERT_NE(mkdtemp(place.data()), nullptr);
    place_ = place;
    ASSERT_EQ(std::system(fmt::format("tar -xzf '{}' -C '{}'", archive.string(), place).c_str()), 0);
  }
  void TearDown() override {
    if (!place_.empty()) fs::remove_all(place_);
  }
  fs::path place_;
};

TEST_F(JsonTestSuite, ParsesWhatItMustAndRefusesWhatItMust) {
  int accepted = 0, refused = 0;
  for (const auto& entry : fs::directory_iterator(place_ / "test_parsing")) {
    const std::string name = entry.path().filename();
    const std::string text = slurp(entry.path());
    if (name.starts_with("y_")) {
      // The suite allows duplicate names; we refuse them unless told otherwise.
      auto value = parse(text, {.allow_duplicate_keys = name.starts_with("y_object_duplicated_key")});
      EXPECT_TRUE(value) << name << ": " << value.error().message;
      if (!value) continue;
      auto again = parse(write(*value));
      ASSERT_TRUE(again) << name;
      EXPECT_EQ(write(*again), write(*value)) << name;
      ++accepted;
    } else if (name.starts_with("n_")) {
      EXPECT_FALSE(parse(text)) << name;
      ++refused;
    }
  }
  EXPECT_EQ(accepted, 95);
  EXPECT_EQ(refused, 188);
}

// Where RFC 8259 leaves the choice, this is ours.
TEST_F(JsonTestSuite, WhereTheChoiceIsOurs) {
  const std::vector<std::string> accepted = {
      "i_number_double_huge_neg_exp.json",  // rounds to zero
      "i_number_real_underflow.json",
      "i_number_too_big_neg_int.json",  // the nearest double
      "i_number_too_big_pos_int.json",     "i_number_very_big_negative_int.json",
  };
  int refused = 0;
  for (const auto& entry : fs::directory_iterator(place_ / "test_parsing")) {
    const std::string name = entry.path().filename();
    if (!name.starts_with("i_")) continue;
    const bool expected = std::ranges::find(accepted, name) != accepted.end();
    EXPECT_EQ(parse(slurp(entry.path())).has_value(), expected) << name;
    if (!expected) ++refused;
  }
  EXPECT_EQ(refused, 30);
}

TEST(NaughtyStrings, ComeBackAsTheyWere) {
  const fs::path list = fs::path(SHARED_DIR) / "test-vectors/blns.json";
  if (!fs::exists(list)) GTEST_SKIP() << list << " is not here";
  auto strings = parse(slurp(list));
  ASSERT_TRUE(strings) << strings.error().message;
  ASSERT_GT(strings->as_array().size(), 500u);
  for (const auto& text : strings->as_array()) {
    auto as_value = parse(write(text));
    ASSERT_TRUE(as_value) << text;
    EXPECT_EQ(*as_value, text);
    const Object as_name{{text.as_string(), 1}};
    EXPECT_EQ(parse(write(as_name)).value(), Value(as_name));
  }
}

TEST(Write, PutsAStringOnOneLine) {
  std::string out;
  append_string(out, std::string_view("a\"b\\c\n\r\t\x01\0z\u2028", 14));
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\r\\t\\u0001\\u0000z\u2028\"");
  EXPECT_EQ(parse(out)->get_string(), std::string_view("a\"b\\c\n\r\t\x01\0z\u2028", 14));
}

}  // namespace
}  // namespace core::json
