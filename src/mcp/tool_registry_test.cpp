#include "mcp/tool_registry.h"

#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;
using testing::says;
using testing::simple_tool;

core::json::Object ui(std::string_view text) {
  return {{"ui", json(text)}};
}

TEST(ToolRegistry, RefusesBadToolsAtRegistration) {
  struct Row {
    std::string_view name;
    std::function<void(Tool&)> spoil;
    std::string_view code;
  };
  for (const auto& row : {
           Row{"fine", [](Tool&) {}, ""},
           Row{"longest name", [](Tool& tool) { tool.name = std::string(64, 'a'); }, ""},
           Row{"all characters", [](Tool& tool) { tool.name = "aZ09_.-"; }, ""},
           Row{"longest description", [](Tool& tool) { tool.description = std::string(2048, 'd'); }, ""},
           Row{"no name", [](Tool& tool) { tool.name = ""; }, "mcp.tool.name"},
           Row{"long name", [](Tool& tool) { tool.name = std::string(65, 'a'); }, "mcp.tool.name"},
           Row{"space in name", [](Tool& tool) { tool.name = "a b"; }, "mcp.tool.name"},
           Row{"slash in name", [](Tool& tool) { tool.name = "a/b"; }, "mcp.tool.name"},
           Row{"umlaut in name", [](Tool& tool) { tool.name = "\xC3\xA4"; }, "mcp.tool.name"},
           Row{"no description", [](Tool& tool) { tool.description = ""; }, "mcp.tool.description"},
           Row{"long description", [](Tool& tool) { tool.description = std::string(2049, 'd'); },
               "mcp.tool.description"},
           Row{"no handler", [](Tool& tool) { tool.handler = nullptr; }, "mcp.tool.handler"},
           Row{"no schema", [](Tool& tool) { tool.input_schema = {}; }, "mcp.tool.schema"},
           Row{"array schema", [](Tool& tool) { tool.input_schema = {{"type", "array"}}; },
               "mcp.tool.schema"},
           Row{"foreign reference", [](Tool& tool) { tool.input_schema["$ref"] = "https://example.com/s"; },
               "mcp.tool.schema"},
           Row{"app", [](Tool& tool) { tool.meta = ui(R"({"resourceUri":"ui://a","visibility":["app"]})"); },
               ""},
           Row{"app without page", [](Tool& tool) { tool.meta = ui(R"({"visibility":["model","app"]})"); },
               ""},
           Row{"app that is no object", [](Tool& tool) { tool.meta = ui("1"); }, "mcp.tool.ui"},
           Row{"app elsewhere", [](Tool& tool) { tool.meta = ui(R"({"resourceUri":"https://a"})"); },
               "mcp.tool.ui"},
           Row{"app for nobody", [](Tool& tool) { tool.meta = ui(R"({"visibility":[]})"); }, "mcp.tool.ui"},
           Row{"app for others", [](Tool& tool) { tool.meta = ui(R"({"visibility":["user"]})"); },
               "mcp.tool.ui"},
           Row{"icon", [](Tool& tool) { tool.icons = {{.src = "http://x"}}; }, "mcp.icon"},
           Row{"bad output schema", [](Tool& tool) { tool.output_schema = {{"type", "string"}}; },
               "mcp.tool.schema"},
       }) {
    ToolRegistry registry;
    Tool tool = simple_tool("t", says("x"));
    row.spoil(tool);
    auto status = registry.add(std::move(tool));
    EXPECT_EQ(status ? "" : status.error().code, row.code) << row.name;
  }
}

TEST(ToolRegistry, RefusesTwoToolsOfOneName) {
  ToolRegistry registry;
  ASSERT_TRUE(registry.add(simple_tool("t", says("x"))).has_value());
  auto again = registry.add(simple_tool("t", says("y")));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, "mcp.tool.duplicate");
  EXPECT_TRUE(registry.add(simple_tool("T", says("x"))).has_value()) << "names are case-sensitive";
}

TEST(ToolRegistry, ListsWhatIsVisibleInOrderOfRegistration) {
  ServerOptions options{.info = {.name = "n", .version = "1"}};
  Codec codec(Revision::v2025_06_18, options);
  ToolRegistry registry;
  for (std::string name : {"b", "a", "c"})
    ASSERT_TRUE(registry.add(simple_tool(name, says("x"))).has_value());
  auto names = [&] {
    std::string all;
    auto list = json(*registry.list(codec));
    for (const auto& tool : list.at("tools").as_array()) all += tool.at("name").as_string();
    return all;
  };
  EXPECT_EQ(names(), "bac");
  EXPECT_EQ(registry.list(codec), registry.list(codec)) << "built once";

  std::string hidden;
  registry.set_visible([&](const Tool& tool) { return tool.name != hidden; });
  registry.refresh();
  EXPECT_EQ(names(), "bac");
  hidden = "a";
  EXPECT_EQ(names(), "bac") << "asked only when told that something changed";
  EXPECT_TRUE(registry.refresh());
  EXPECT_FALSE(registry.refresh());
  EXPECT_EQ(names(), "bc");
  EXPECT_NE(registry.find("a"), nullptr) << "hidden tools can be called";
  EXPECT_EQ(registry.find("d"), nullptr);
}

}  // namespace
}  // namespace mcp
