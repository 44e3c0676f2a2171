#include "mcp/tool.h"

namespace mcp {

Content text_content(std::string text) {
  return text;
}

std::string_view text_of(const Content& content) {
  if (const auto* text = std::get_if<std::string>(&content)) return *text;
  const auto& block = std::get<core::json::Object>(content);
  if (core::json::string_or_empty(block, "type") != "text") return {};
  return core::json::string_or_empty(block, "text");
}

core::json::Object write_content(const Content& content) {
  if (const auto* block = std::get_if<core::json::Object>(&content)) return *block;
  return {{"type", "text"}, {"text", std::get<std::string>(content)}};
}

ToolResult text_result(std::string text) {
  ToolResult result;
  result.content.push_back(text_content(std::move(text)));  // an initializer list would copy it
  return result;
}

ToolResult error_result(std::string text) {
  ToolResult result = text_result(std::move(text));
  result.is_error = true;
  return result;
}

}  // namespace mcp
