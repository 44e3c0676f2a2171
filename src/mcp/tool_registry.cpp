#include "mcp/tool_registry.h"

#include <algorithm>
#include <fmt/format.h>

namespace mcp {
namespace {

constexpr std::size_t kMaxName = 64;  // hosts prefix it (mcp__server__tool) and drop what is over 128
constexpr std::size_t kMaxDescription = 2048;  // where hosts cut it

bool name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-';
}

core::Status check_schema(const Tool& tool, const core::json::Object& schema, std::string_view which) {
  const auto* type = schema.if_contains("type");
  if (!type || !type->is_string() || type->get_string() != "object") {
    return core::fail(core::ErrorKind::invalid_input, "mcp.tool.schema",
                      fmt::format("The {} schema of tool {} has no root type \"object\".", which, tool.name));
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
  RETURN_IF_ERROR(check_schema(tool, tool.input_schema, "input"));
  if (tool.output_schema) RETURN_IF_ERROR(check_schema(tool, *tool.output_schema, "output"));
  return {};
}

}  // namespace

core::Status ToolRegistry::add(Tool tool) {
  RETURN_IF_ERROR(check(tool));
  if (by_name_.contains(tool.name)) {
    return core::fail(core::ErrorKind::conflict, "mcp.tool.duplicate",
                      fmt::format("There are two tools named {}.", tool.name));
  }
  ASSIGN_OR_RETURN(auto mirrored, read_header_parameters(tool.input_schema));
  tools_.push_back(std::make_unique<Tool>(std::move(tool)));
  if (!mirrored.empty()) mirrored_.emplace(tools_.back().get(), std::move(mirrored));
  by_name_.emplace(tools_.back()->name, tools_.back().get());
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

std::vector<const Tool*> ToolRegistry::ask_visible() const {
  std::vector<const Tool*> shown;
  shown.reserve(tools_.size());
  for (const auto& tool : tools_) {
    if (!visible_ || visible_(*tool)) shown.push_back(tool.get());
  }
  return shown;
}

void ToolRegistry::set_visible(std::function<bool(const Tool&)> visible) {
  std::lock_guard lock(mutex_);
  visible_ = std::move(visible);
  asked_ = false;
  lists_ = {};
}

bool ToolRegistry::refresh() {
  std::lock_guard lock(mutex_);
  auto shown = ask_visible();
  if (asked_ && shown == shown_) return false;
  asked_ = true;
  shown_ = std::move(shown);
  lists_ = {};
  return true;
}

std::shared_ptr<const std::string> ToolRegistry::list(const Codec& codec) {
  std::lock_guard lock(mutex_);
  if (!asked_) {
    shown_ = ask_visible();
    asked_ = true;
  }
  auto& cached = lists_[static_cast<std::size_t>(codec.rules().revision)];
  if (!cached) cached = std::make_shared<const std::string>(codec.tools_list_result(shown_));
  return cached;
}

}  // namespace mcp
