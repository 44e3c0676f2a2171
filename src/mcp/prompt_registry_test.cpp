#include "mcp/prompt_registry.h"

#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;
using testing::simple_prompt;

TEST(PromptRegistry, RefusesBadPromptsAtRegistration) {
  struct Row {
    std::string_view name;
    std::function<void(Prompt&)> spoil;
    std::string_view code;
  };
  for (const auto& row : {
           Row{"fine", [](Prompt&) {}, ""},
           Row{"arguments", [](Prompt& p) { p.arguments = {{.name = "a"}, {.name = "b"}}; }, ""},
           Row{"no name", [](Prompt& p) { p.name = ""; }, "mcp.prompt.name"},
           Row{"space in name", [](Prompt& p) { p.name = "a b"; }, "mcp.prompt.name"},
           Row{"long name", [](Prompt& p) { p.name = std::string(129, 'n'); }, "mcp.prompt.name"},
           Row{"long description", [](Prompt& p) { p.description = std::string(2049, 'd'); },
               "mcp.prompt.description"},
           Row{"long description of an argument",
               [](Prompt& p) { p.arguments = {{.name = "a", .description = std::string(2049, 'd')}}; },
               "mcp.prompt.description"},
           Row{"argument twice", [](Prompt& p) { p.arguments = {{.name = "a"}, {.name = "a"}}; },
               "mcp.prompt.arguments"},
           Row{"argument without name", [](Prompt& p) { p.arguments = {{.name = ""}}; },
               "mcp.prompt.arguments"},
           Row{"too many arguments", [](Prompt& p) { p.arguments.resize(65); }, "mcp.prompt.arguments"},
           Row{"no writer", [](Prompt& p) { p.get = nullptr; }, "mcp.prompt.writer"},
           Row{"icon", [](Prompt& p) { p.icons = {{.src = "x"}}; }, "mcp.icon"},
       }) {
    PromptRegistry registry;
    Prompt prompt = simple_prompt("p");
    row.spoil(prompt);
    auto status = registry.add(std::move(prompt));
    EXPECT_EQ(status ? "" : status.error().code, row.code) << row.name;
  }
  PromptRegistry registry;
  ASSERT_TRUE(registry.add(simple_prompt("p")).has_value());
  auto again = registry.add(simple_prompt("p"));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, "mcp.prompt.duplicate");
}

TEST(PromptArguments, AreChecked) {
  Prompt prompt = simple_prompt("p");
  prompt.arguments = {{.name = "need", .required = true}, {.name = "may"}};
  struct Row {
    std::string_view given;
    std::string_view says;  // empty: accepted
    PromptArguments read = {};
  };
  for (const auto& [given, says, read] : {
           Row{R"({"need":"x"})", "", {{"need", "x"}}},
           Row{R"({"need":"x","may":"y"})", "", {{"need", "x"}, {"may", "y"}}},
           Row{R"({"need":"x","may":""})", "", {{"need", "x"}}},
           Row{R"({})", "needs the argument"},
           Row{R"({"may":"y"})", "needs the argument"},
           Row{R"({"need":""})", "needs the argument"},
           Row{R"({"need":"x","other":"y"})", "no argument \"other\""},
           Row{R"({"need":1})", "must be a string"},
           Row{R"({"need":null})", "must be a string"},
       }) {
    auto result = read_prompt_arguments(prompt, json(given).get_object());
    EXPECT_EQ(result.has_value(), says.empty()) << given;
    if (result) {
      EXPECT_EQ(*result, read) << given;
    } else {
      EXPECT_NE(result.error().message.find(says), std::string::npos) << result.error().message;
    }
  }
}

}  // namespace
}  // namespace mcp
