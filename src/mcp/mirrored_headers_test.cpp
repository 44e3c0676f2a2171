#include "mcp/mirrored_headers.h"

#include <gtest/gtest.h>
#include <limits>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;

TEST(HeaderValue, IsDecodedStrictly) {
  struct Row {
    std::string_view raw;
    std::optional<std::string> value;
  };
  // The examples of the specification's "Value Encoding" come first.
  const Row rows[] = {
      {"us-west1", "us-west1"},
      {"=?base64?SGVsbG8sIOS4lueVjA==?=", "Hello, 世界"},
      {"=?base64?IHBhZGRlZCA=?=", " padded "},
      {"=?base64?bGluZTEKbGluZTI=?=", "line1\nline2"},
      {"=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?=", "=?base64?literal?="},
      {"  \tus-west1 \t", "us-west1"},
      {"", ""},
      {"=?base64?"
       "?=",
       ""},
      {"=?BASE64?SGVsbG8=?=", "=?BASE64?SGVsbG8=?="},  // the markers compare with case
      {"=?base64?SGVsbG8=", "=?base64?SGVsbG8="},      // no suffix: literal text
      {"=?base64?=", "=?base64?="},                    // prefix and suffix may not share a character
      {"=?base64?SGVsbG8?=", std::nullopt},            // padding is missing
      {"=?base64?SGVs bG8=?=", std::nullopt},          // blanks are no part of it
      {"=?base64?SGVsbG9=?=", std::nullopt},           // spare bits are set
      {"=?base64?SGVsbG8-?=", std::nullopt},           // the URL alphabet
      {"=?base64?/w==?=", std::nullopt},               // not UTF-8
      {"gr\xc3\xbc\xc3\x9f", std::nullopt},
      {"a\x7f", std::nullopt},
      {"a\x01z", std::nullopt},
  };
  for (const Row& row : rows) EXPECT_EQ(decode_header_value(row.raw), row.value) << row.raw;
}

TEST(HeaderParameters, AreFoundAlongPropertiesAlone) {
  auto found = read_header_parameters(json(R"({"type":"object","properties":{
      "region":{"type":"string","x-mcp-header":"Region"},
      "options":{"type":"object","properties":{"limit":{"type":"integer","x-mcp-header":"Limit"}}},
      "x-mcp-header":{"type":"object","default":{"x-mcp-header":"data"}}}})")
                                          .get_object());
  ASSERT_TRUE(found.has_value()) << found.error().message;
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].header, "Mcp-Param-Region");
  EXPECT_EQ((*found)[0].path, std::vector<std::string>{"region"});
  EXPECT_EQ((*found)[1].header, "Mcp-Param-Limit");
  EXPECT_EQ((*found)[1].path, (std::vector<std::string>{"options", "limit"}));
}

TEST(HeaderParameters, ThatClientsWouldRefuseAreRefused) {
  const std::string_view rows[] = {
      R"({"properties":{"a":{"type":"string","x-mcp-header":""}}})",
      R"({"properties":{"a":{"type":"string","x-mcp-header":7}}})",
      R"({"properties":{"a":{"type":"string","x-mcp-header":"two words"}}})",
      R"({"properties":{"a":{"type":"string","x-mcp-header":"line\r\nbreak"}}})",
      R"({"properties":{"a":{"type":"string","x-mcp-header":"gr\u00fc\u00df"}}})",
      R"({"properties":{"a":{"type":"number","x-mcp-header":"A"}}})",
      R"({"properties":{"a":{"type":"object","x-mcp-header":"A"}}})",
      R"({"properties":{"a":{"type":["string","null"],"x-mcp-header":"A"}}})",
      R"({"properties":{"a":{"x-mcp-header":"A"}}})",
      R"({"properties":{"a":{"type":"string","x-mcp-header":"A"},"b":{"type":"string","x-mcp-header":"a"}}})",
      R"({"type":"string","x-mcp-header":"Root"})",
      R"({"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}})",
      R"({"properties":{"a":{"type":"array","items":{"properties":{"b":{"type":"string","x-mcp-header":"A"}}}}}})",
      R"({"anyOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]})",
      R"({"if":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}})",
      R"({"not":{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}})",
      R"({"$defs":{"d":{"type":"string","x-mcp-header":"A"}},"properties":{"a":{"$ref":"#/$defs/d"}}})",
      R"({"patternProperties":{"^a":{"type":"string","x-mcp-header":"A"}}})",
      R"({"additionalProperties":{"type":"string","x-mcp-header":"A"}})",
  };
  for (std::string_view row : rows) {
    auto found = read_header_parameters(json(row).get_object());
    ASSERT_FALSE(found.has_value()) << row;
    EXPECT_EQ(found.error().code, "mcp.tool.header") << row;
  }
}

TEST(HeaderParameters, AreCheckedWhenAToolIsAdded) {
  testing::Peer peer;
  Tool tool = testing::simple_tool("marked", testing::says("ok"));
  tool.input_schema =
      json(R"({"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}})").get_object();
  auto status = peer.server->add_tool(std::move(tool));
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, "mcp.tool.header");
}

TEST(HeaderParameters, MustAgreeWithTheArguments) {
  auto schema = json(R"({"properties":{"s":{"type":"string","x-mcp-header":"S"},
      "i":{"type":"integer","x-mcp-header":"I"},"b":{"type":"boolean","x-mcp-header":"B"},
      "o":{"type":"object","properties":{"in":{"type":"string","x-mcp-header":"In"}}}}})");
  auto parameters = *read_header_parameters(schema.get_object());
  struct Row {
    std::string_view arguments;
    net::Headers headers;
    std::string_view wrong;  // part of what is said; empty: nothing is wrong
  };
  const Row rows[] = {
      {"{}", {}, ""},
      {R"({"s":null})", {}, ""},
      {R"({"other":1})", {{"Mcp-Param-Other", "2"}}, ""},
      {R"({"s":"x"})", {{"mcp-param-s", " x "}}, ""},
      {R"({"s":""})", {{"Mcp-Param-S", ""}}, ""},
      {R"({"s":"ü"})", {{"Mcp-Param-S", "=?base64?w7w=?="}}, ""},
      {R"({"i":42})", {{"Mcp-Param-I", "42.0"}}, ""},
      {R"({"i":42.0})", {{"Mcp-Param-I", "42"}}, ""},
      {R"({"i":-7})", {{"Mcp-Param-I", "-7"}}, ""},
      {R"({"i":9007199254740991})", {{"Mcp-Param-I", "9007199254740991"}}, ""},
      {R"({"b":true})", {{"Mcp-Param-B", "true"}}, ""},
      {R"({"o":{"in":"x"}})", {{"Mcp-Param-In", "x"}}, ""},
      {R"({"o":"no object"})", {}, ""},
      {R"({"s":["no","text"]})", {}, ""},  // the tool's schema says more about this one

      {R"({"s":"x"})", {}, "missing"},
      {R"({"s":""})", {}, "missing"},
      {R"({"o":{"in":"x"}})", {}, "missing"},
      {R"({"s":"x"})", {{"Mcp-Param-S", "X"}}, "differs"},
      {R"({"s":"x"})", {{"Mcp-Param-S", "x"}, {"Mcp-Param-S", "x"}}, "more than once"},
      {R"({"s":"x"})", {{"Mcp-Param-S", "=?base64?eA?="}}, "broken base64"},
      {R"({"s":"ü"})", {{"Mcp-Param-S", "ü"}}, "invalid characters"},
      {R"({"s":["x"]})", {{"Mcp-Param-S", "x"}}, "differs"},
      {"{}", {{"Mcp-Param-S", "x"}}, "was not"},
      {R"({"s":null})", {{"Mcp-Param-S", "null"}}, "was not"},
      {R"({"i":42})", {{"Mcp-Param-I", "43"}}, "differs"},
      {R"({"i":42})", {{"Mcp-Param-I", "0x2a"}}, "differs"},
      {R"({"i":42})", {{"Mcp-Param-I", "42 "}, {"mcp-param-i", "42"}}, "more than once"},
      {R"({"i":42})", {{"Mcp-Param-I", "inf"}}, "differs"},
      {R"({"i":42})", {{"Mcp-Param-I", ""}}, "differs"},
      // Both round to 2^53, which is why nothing beyond 2^53 − 1 counts as equal.
      {R"({"i":9007199254740993})", {{"Mcp-Param-I", "9007199254740992"}}, "differs"},
      {R"({"b":true})", {{"Mcp-Param-B", "True"}}, "differs"},
      {R"({"b":true})", {{"Mcp-Param-B", "1"}}, "differs"},
  };
  for (const Row& row : rows) {
    auto wrong = header_parameter_mismatch(parameters, json(row.arguments).get_object(), row.headers);
    EXPECT_EQ(wrong.has_value(), !row.wrong.empty()) << row.arguments << " " << wrong.value_or("");
    EXPECT_NE(wrong.value_or("").find(row.wrong), std::string::npos)
        << row.arguments << " " << wrong.value_or("");
  }
}

}  // namespace
}  // namespace mcp
