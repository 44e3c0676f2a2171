// All that this product offers to an MCP client.
#pragma once

#include "admin/completions.h"
#include "admin/entrance.h"
#include "core/result.h"
#include "mcp/server.h"

namespace admin {

// Tools, resources, prompts. entrance and completions outlive the server.
core::Status offer_all(mcp::Server& server, Entrance& entrance, Completions& completions);

// What a login may do has changed: lists what it now reaches, and tells clients. Any thread.
void offer_again(mcp::Server& server);

}  // namespace admin
