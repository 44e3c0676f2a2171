// What 2026-07-28 mirrors from the body of a POST into its headers, so that intermediaries can route without
// reading JSON (page Streamable HTTP, "Request Metadata"): how such values are written, which tool arguments
// may ask for it (`x-mcp-header`), and whether headers and body say the same.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "net/http.h"

namespace mcp {

// A header value as sent, edge blanks off: literal text, or "=?base64?" + base64 of UTF-8 + "?=" (markers
// compare with case). nullopt: bytes outside visible ASCII, space and tab; base64 that is not strict; text
// that is not UTF-8.
std::optional<std::string> decode_header_value(std::string_view raw);

// The value of params that a method mirrors into Mcp-Name: `name`, `uri` or `taskId`. Empty for methods that
// mirror none.
std::string_view name_source(std::string_view method);

// A tool argument that its schema mirrors into a header.
struct HeaderParameter {
  std::string header;             // "Mcp-Param-Region"
  std::vector<std::string> path;  // names of properties, from the arguments down
};

// All that a tool's input schema marks with `x-mcp-header`. Error mcp.tool.header when a mark breaks the
// rules, because clients drop such a tool: a token, unique without regard to case, on a property of type
// string, integer or boolean that is reached through `properties` alone.
core::Result<std::vector<HeaderParameter>> read_header_parameters(const core::json::Object& input_schema);

// What is wrong with the headers of a call, for its -32020; nullopt when they agree with the arguments.
// Integers compare as numbers, null and absent arguments need no header, other Mcp-Param-* are not looked at.
std::optional<std::string> header_parameter_mismatch(std::span<const HeaderParameter> parameters,
                                                     const core::json::Object& arguments,
                                                     const net::Headers& headers);

}  // namespace mcp
