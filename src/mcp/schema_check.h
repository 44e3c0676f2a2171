// Whether a JSON Schema is one this server may offer: checked once, when a tool is added (MCP page "Base
// protocol", "JSON Schema usage").
#pragma once

#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace mcp {

// Dialect 2020-12, the protocol's default, and no other; references only within the document and only to what
// is there ("#", "#/json/pointer", "#anchor"), so that no reader ever fetches one; no `$id` below the root,
// which would change what a reference means; at most 32 levels and 2000 schemas, 256 KiB as text, so that
// checking against it stays cheap. Root type "object". Error mcp.tool.schema; `what` names the schema in it.
core::Status check_schema(const core::json::Object& schema, std::string_view what);

}  // namespace mcp
