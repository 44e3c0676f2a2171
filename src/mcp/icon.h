// Icons of a server, its tools, resources, templates and prompts (schema: Icon; 2025-11-25 and later).
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace mcp {

struct Icon {
  enum class Theme { any, light, dark };

  std::string src;                 // https: URL, or data: URI with base64
  std::string mime_type;           // image/png and image/jpeg are shown by every client; svg, webp by most
  std::vector<std::string> sizes;  // "48x48", or "any" for scalable ones
  Theme theme = Theme::any;        // the background it was drawn for
};

// Error mcp.icon: more than 8 of them, a src of another scheme or over 64 KiB (every list carries it), a
// mime_type that is no image's, a malformed size. `owner` is named in the message.
core::Status check_icons(std::span<const Icon> icons, std::string_view owner);

}  // namespace mcp
