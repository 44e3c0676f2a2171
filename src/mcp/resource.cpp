#include "mcp/resource.h"

namespace mcp {

ResourceContents text_contents(std::string text, std::string mime_type) {
  return {.uri = {}, .mime_type = std::move(mime_type), .data = std::move(text)};
}

ResourceContents binary_contents(std::string bytes, std::string mime_type) {
  return {.uri = {}, .mime_type = std::move(mime_type), .data = std::move(bytes), .binary = true};
}

}  // namespace mcp
