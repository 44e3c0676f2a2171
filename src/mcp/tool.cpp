#include "mcp/tool.h"

namespace mcp {

Content text_content(std::string text) {
  return {{"type", "text"}, {"text", std::move(text)}};
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
