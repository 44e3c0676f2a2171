#include "mcp/tool.h"

namespace mcp {

Content text_content(std::string text) {
  return {{"type", "text"}, {"text", std::move(text)}};
}

ToolResult text_result(std::string text) {
  return {.content = {text_content(std::move(text))}};
}

ToolResult error_result(std::string text) {
  return {.content = {text_content(std::move(text))}, .structured = std::nullopt, .is_error = true};
}

}  // namespace mcp
