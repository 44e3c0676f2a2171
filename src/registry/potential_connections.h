// What could be connected now: everything that make_connection() would accept as a target of a type.
#pragma once

#include <string>

#include "core/json.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/workload_principal.h"

namespace registry {

struct PotentialConnections {
  core::json::Array data;
  std::string next;  // empty on the last page
};

// At most `limit`, after the cursor `after`. None for apps (they are not kept here) and virtual MCP servers
// (there are none).
core::Result<PotentialConnections> potential_connections(Reader& reader, const Service& service,
                                                         ConnectionType type, std::size_t limit,
                                                         std::string after);

}  // namespace registry
