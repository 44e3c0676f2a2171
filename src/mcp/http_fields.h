// Header fields that may stand once: reading them without copying, and noticing when they come twice.
#pragma once

#include <cstddef>
#include <string_view>

#include "net/http.h"

namespace mcp {

struct HeaderField {
  std::size_t count = 0;   // how often it was sent
  std::string_view value;  // the first one
};

inline HeaderField find_field(const net::Headers& headers, std::string_view name) {
  HeaderField found;
  for (const auto& [key, value] : headers) {
    if (!net::equals_ignoring_case(key, name)) continue;
    if (found.count++ == 0) found.value = value;
  }
  return found;
}

// Without the blanks at its edges (RFC 9110 section 5.5).
inline std::string_view trimmed(std::string_view value) {
  auto first = value.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return value.substr(first, value.find_last_not_of(" \t") + 1 - first);
}

}  // namespace mcp
