// What a client of 2026-07-28 mirrors from a message into the headers of its POST (page Streamable HTTP,
// "Request Metadata"); reading them is mirrored_headers.h. Inside room mcp only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "mcp/client_transport.h"
#include "mcp/mirrored_headers.h"
#include "net/http.h"

namespace mcp {

// As it may stand in a header: literally when it is visible ASCII with blanks inside only and does not look
// encoded, else "=?base64?" + base64 + "?=".
std::string encode_header_value(std::string_view text);

// Mcp-Method, Mcp-Name and the mirrored arguments.
void add_standard_headers(net::Headers& headers, const Outgoing& message);

// The headers of a call with these arguments; null, absent and structured arguments have none.
std::vector<net::Headers::Field> mirror(std::span<const HeaderParameter> parameters,
                                        const core::json::Object& arguments);

}  // namespace mcp
