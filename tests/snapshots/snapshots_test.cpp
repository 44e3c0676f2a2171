// A change of what agents see must show in review: each tool's name, description, schema and annotations is a
// file here, and docs/tools.md is made from the same rows. UPDATE_SNAPSHOTS=1 writes them anew (and wants a
// CHANGELOG line).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

#include "admin/arguments.h"
#include "admin/tool_row.h"
#include "core/json.h"

namespace {

namespace json = core::json;
const std::filesystem::path kRoot = PROJECT_SOURCE_DIR;

bool updating() {
  return std::getenv("UPDATE_SNAPSHOTS") != nullptr;
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

void expect_file(const std::filesystem::path& path, const std::string& wanted) {
  if (updating()) std::ofstream(path) << wanted;
  ASSERT_TRUE(std::filesystem::exists(path)) << path << " is missing; run with UPDATE_SNAPSHOTS=1";
  EXPECT_EQ(read(path), wanted) << path
                                << " is out of date; run with UPDATE_SNAPSHOTS=1 and add a CHANGELOG line";
}

// One member a line where it helps a reader of a diff.
std::string pretty(const json::Value& value, int indent = 0) {
  std::string pad(static_cast<std::size_t>(indent + 2), ' ');
  if (value.is_object() && !value.get_object().empty()) {
    std::string out = "{\n", separator;
    for (const auto& member : value.get_object()) {
      out += separator + pad + "\"" + std::string(member.key()) + "\": " + pretty(member.value(), indent + 2);
      separator = ",\n";
    }
    return out + "\n" + std::string(static_cast<std::size_t>(indent), ' ') + "}";
  }
  return json::write(value);
}

std::string_view effect_name(admin::Effect effect) {
  switch (effect) {
    case admin::Effect::read:
      return "read";
    case admin::Effect::write:
      return "write";
    case admin::Effect::destructive:
      return "destructive";
  }
  return "read";
}

TEST(Snapshots, EveryTool) {
  std::set<std::string> expected;
  for (const auto& row : admin::all_tools()) {
    json::Object tool{{"name", row.name},
                      {"title", row.title},
                      {"description", row.about},
                      {"scope", row.scope},
                      {"effect", effect_name(row.effect)},
                      {"inputSchema", admin::input_schema(row)}};
    std::string file = std::string(row.name) + ".json";
    expected.insert(file);
    expect_file(kRoot / "tests/snapshots" / file, pretty(tool) + "\n");
  }
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "tests/snapshots")) {
    if (entry.path().extension() != ".json") continue;
    EXPECT_TRUE(expected.contains(entry.path().filename())) << entry.path() << " belongs to no tool";
  }
}

TEST(Snapshots, ToolsPage) {
  std::string page =
      "# Tools\n\nMade from the tool tables in `src/admin/tools/`; a test keeps it true. Identifiers also "
      "take a login "
      "(user) or an exact name. *Destructive* tools are done only after a person said yes.\n";
  std::string_view area;
  for (const auto& row : admin::all_tools()) {
    if (admin::to_string(row.area) != area) {
      area = admin::to_string(row.area);
      page += "\n## " + std::string(area) +
              "\n\n| tool | what it does | effect | scope | parameters |\n|---|---|---|---|---|\n";
    }
    std::string params;
    for (const auto& param : admin::all_params(row)) {
      params += (params.empty() ? "`" : ", `") + std::string(param.name) + "`" +
                (param.required ? " (required)" : "");
    }
    page += "| `" + std::string(row.name) + "` | " + std::string(row.about) + " | " +
            std::string(effect_name(row.effect)) + " | " +
            (row.scope.empty() ? "–" : "`" + std::string(row.scope) + "`") + " | " + params + " |\n";
  }
  expect_file(kRoot / "docs/tools.md", page);
}

}  // namespace
