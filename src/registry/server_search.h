// The `search` of the list of MCP servers and the `filter` of the list of their authorization servers, as
// Okta documents them.
#pragma once

#include <optional>
#include <string_view>

#include "core/result.h"
#include "registry/store.h"

namespace registry {

// status eq; metadata.displayName and detectedMetadata.resourceName with sw, co, eq; joined by `and`. Texts
// are compared without case. nullopt: nothing can match. What else is said is registry.INVALID_FILTER, whose
// message names what is allowed.
core::Result<std::optional<Query>> search_servers(std::string_view search);
// status eq.
core::Result<std::optional<Query>> filter_auth_servers(std::string_view filter);

}  // namespace registry
