#include "mcp/tool_registry.h"

#include <algorithm>
#include <fmt/format.h>

#include "mcp/icon.h"
#include "mcp/schema_check.h"

namespace mcp {
namespace {

constexpr std::size_t kMaxName = 64;  // hosts prefix it (mcp__server__tool) and drop what is over 128
constexpr std::size_t kMaxDescription = 2048;  // where hosts cut it

bool name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-';
}

// MCP Apps: what a tool's `_meta.ui` may say.
core::Status check_ui(const Tool& tool) {
  const auto* given = tool.meta.if_contains("ui");
  if (!given) return {};
  auto bad = [&](std::string_view why) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.tool.ui",
                      fmt::format("The _meta.ui of tool {} {}.", tool.name, why));
  };
  const auto* ui = given->if_object();
  if (!ui) return bad("is no object");
  if (const auto* uri = ui->if_contains("resourceUri");
      uri && (!uri->is_string() || !std::string_view(uri->get_string()).starts_with("ui://"))) {
    return bad("has a resourceUri that is no ui:// resource");
  }
  if (const auto* visibility = ui->if_contains("visibility")) {
    const auto* list = visibility->if_array();
    auto known = [](const core::json::Value& who) { return who == "model" || who == "app"; };
    if (!list || list->empty() || !std::ranges::all_of(*list, known)) {
      return bad("has a visibility that is no list of \"model\", \"app\"");
    }
  }
  return {};
}

core::Status check(const Tool& tool) {
  auto bad = [&](std::string_view reason, std::string message) {
    return core::fail(core::ErrorKind::invalid_input, fmt::format("mcp.tool.{}", reason), std::move(message));
  };
  if (tool.name.empty() || tool.name.size() > kMaxName || !std::ranges::all_of(tool.name, name_character)) {
    return bad("name",
               fmt::format("The tool name \"{}\" is not 1 to {} of [A-Za-z0-9_.-].", tool.name, kMaxName));
  }
  if (tool.description.empty() || tool.description.size() > kMaxDescription) {
    return bad("description", fmt::format("The description of tool {} has {} bytes; it must have 1 to {}.",
                                          tool.name, tool.description.size(), kMaxDescription));
  }
  if (!tool.handler) return bad("handler", fmt::format("Tool {} has no handler.", tool.name));
  RETURN_IF_ERROR(check_schema(tool.input_schema, fmt::format("input schema of tool {}", tool.name)));
  if (tool.output_schema) {
    RETURN_IF_ERROR(check_schema(*tool.output_schema, fmt::format("output schema of tool {}", tool.name)));
  }
  RETURN_IF_ERROR(check_icons(tool.icons, fmt::format("tool {}", tool.name)));
  return check_ui(tool);
}

}  // namespace

core::Status ToolRegistry::add(Tool tool) {
  RETURN_IF_ERROR(check(tool));
  if (by_name_.contains(tool.name)) {
    return core::fail(core::ErrorKind::conflict, "mcp.tool.duplicate",
                      fmt::format("There are two tools named {}.", tool.name));
  }
  ASSIGN_OR_RETURN(auto mirrored, read_header_parameters(tool.input_schema));
  std::string name = tool.name;
  const Tool& kept = tools_.add(std::move(tool), name);
  by_name_.emplace(kept.name, &kept);
  if (!mirrored.empty()) mirrored_.emplace(&kept, std::move(mirrored));
  return {};
}

const Tool* ToolRegistry::find(std::string_view name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

std::span<const HeaderParameter> ToolRegistry::header_parameters(const Tool& tool) const {
  auto found = mirrored_.find(&tool);
  if (found == mirrored_.end()) return {};
  return found->second;
}

}  // namespace mcp
