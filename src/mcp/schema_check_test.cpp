#include "mcp/schema_check.h"

#include <gtest/gtest.h>

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

core::Status check(std::string_view text) {
  auto value = core::json::parse(text, {.max_depth = 400});
  EXPECT_TRUE(value.has_value()) << text;
  return check_schema(value->get_object(), "input schema of t");
}

std::string nested(std::size_t levels) {
  std::string inner = R"({"type":"object"})";
  for (std::size_t i = 1; i < levels; ++i) inner = R"({"type":"object","properties":{"p":)" + inner + "}}";
  return inner;
}

TEST(SchemaCheck, AcceptsWhatAReaderCanUse) {
  for (
      std::string_view good : {
          R"({"type":"object"})",
          R"({"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object"})",
          R"({"$schema":"https://json-schema.org/draft/2020-12/schema#","type":"object"})",
          R"({"$id":"https://example.com/s","type":"object"})",
          R"({"type":"object","additionalProperties":false,"properties":{"a":true}})",
          R"({"type":"object","$defs":{"a":{"$anchor":"x"}},"properties":{"p":{"$ref":"#/$defs/a"},"q":{"$ref":"#x"}}})",
          R"({"type":"object","properties":{"self":{"$ref":"#"}}})",
          R"({"type":"object","$defs":{"a/b~c":{}},"properties":{"p":{"$ref":"#/$defs/a~1b~0c"}}})",
          R"({"type":"object","$defs":{"a b":{}},"properties":{"p":{"$ref":"#/$defs/a%20b"}}})",
          R"({"type":"object","allOf":[{"type":"object"}],"properties":{"p":{"$ref":"#/allOf/0"}}})",
          R"({"type":"object","$defs":{"l":{"$dynamicAnchor":"n","items":{"$dynamicRef":"#n"}}}})",
          // Data, not schemas:
          R"({"type":"object","properties":{"p":{"const":{"$ref":"http://x"},"default":{"$id":"x"},"enum":[{"$ref":"y"}]}}})",
          R"({"type":"object","properties":{"$ref":{"type":"string"},"$id":{"type":"string"}}})",
      }) {
    auto status = check(good);
    EXPECT_TRUE(status.has_value()) << good << "\n" << (status ? "" : status.error().message);
  }
  EXPECT_TRUE(check(nested(32)).has_value());
}

TEST(SchemaCheck, RefusesTheRest) {
  struct Row {
    std::string text;
    std::string_view says;
  };
  std::string wide = R"({"type":"object","properties":{)";
  for (int i = 0; i < 2000; ++i) wide += (i ? ",\"p" : "\"p") + std::to_string(i) + "\":{}";
  wide += "}}";
  for (const auto& [text, says] : {
           Row{"{}", "root type"},
           Row{R"({"type":"array"})", "root type"},
           Row{R"({"type":["object"]})", "root type"},
           Row{R"({"$schema":"http://json-schema.org/draft-07/schema#","type":"object"})", "draft-07"},
           Row{R"({"$schema":1,"type":"object"})", "no string"},
           Row{R"({"type":"object","properties":{"p":{"$schema":"http://json-schema.org/draft-04/schema"}}})",
               "2020-12"},
           Row{R"({"type":"object","properties":{"p":{"$ref":"https://example.com/s"}}})", "outside"},
           Row{R"({"type":"object","properties":{"p":{"$ref":"other.json"}}})", "outside"},
           Row{R"({"type":"object","$dynamicRef":"https://example.com/s#x"})", "outside"},
           Row{R"({"type":"object","properties":{"p":{"$ref":"#/$defs/a"}}})", "not in it"},
           Row{R"({"type":"object","properties":{"p":{"$ref":"#a"}}})", "not in it"},
           Row{R"({"type":"object","allOf":[{}],"properties":{"p":{"$ref":"#/allOf/1"}}})", "not in it"},
           Row{R"({"type":"object","title":"x","properties":{"p":{"$ref":"#/title"}}})", "not in it"},
           Row{R"({"type":"object","$defs":{"a":{}},"properties":{"p":{"$ref":"#/$defs/a~2"}}})",
               "not in it"},
           Row{R"({"type":"object","$defs":{"a":{"$id":"https://example.com/a"}}})", "$id"},
           Row{R"({"type":"object","anyOf":{}})", "no array"},
           Row{R"({"type":"object","properties":[]})", "no object"},
           Row{R"({"type":"object","properties":{"p":"string"}})", "no schema"},
           Row{R"({"type":"object","not":{"items":{"if":{"$ref":"http://x"}}}})", "outside"},
           Row{nested(33), "deeper"},
           Row{wide, "more than"},
           Row{R"({"type":"object","description":")" + std::string(300'000, 'd') + "\"}", "bytes"},
       }) {
    auto status = check(text);
    ASSERT_FALSE(status.has_value()) << text.substr(0, 200);
    EXPECT_EQ(status.error().code, "mcp.tool.schema");
    EXPECT_NE(status.error().message.find(says), std::string::npos) << status.error().message;
    EXPECT_NE(status.error().message.find("input schema of t"), std::string::npos);
  }
}

}  // namespace
}  // namespace mcp
