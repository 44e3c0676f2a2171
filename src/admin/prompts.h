// Prompts for what people ask most, so that a host can offer them by name.
#pragma once

#include "admin/completions.h"
#include "admin/entrance.h"
#include "core/result.h"
#include "mcp/server.h"

namespace admin {

// entrance and completions outlive the server.
core::Status add_prompts(mcp::Server& server, Entrance& entrance, Completions& completions);

}  // namespace admin
