// The rows, made into MCP tools.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/entrance.h"
#include "admin/orgs.h"
#include "admin/services.h"
#include "admin/tool_row.h"
#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/server.h"

namespace admin {

// Adds every row to the server and lets it list those that the known scopes and read-only mode of at least
// one org allow. `entrance` outlives the server. With ServerOptions::jobs, what takes long runs as a job.
core::Status add_tools(mcp::Server& server, Entrance& entrance);

// What a caller over HTTP needs to use the row, as the authorization server of this server names it: Okta's
// scope without its prefix ("users.read"; names that begin with "okta." are reserved there). Empty for rows
// that touch no org.
std::vector<std::string> caller_scopes(const ToolRow& row);
// Every such scope, sorted.
std::vector<std::string> all_caller_scopes();
// Managing includes reading.
bool caller_scope_covers(std::string_view granted, std::string_view needed);

// One call, as `okta-mcp-server call` makes it: the same checks and the same way as through MCP.
// Error admin.tool.unknown lists names that are near.
core::Result<mcp::Outcome> call_tool(Services& services, std::string_view name, const core::Context& context,
                                     const mcp::ToolCall& call);

// The same for whoever the context names: enters, then chooses the org that the arguments name. Errors stay
// values: those of the entrance, of Orgs::take(), of the arguments and of the org.
core::Result<mcp::Outcome> run_entered(Entrance& entrance, const ToolRow& row, const core::Context& context,
                                       const mcp::ToolCall& call);

// nullptr when there is no tool of that name.
const ToolRow* find_tool(std::string_view name);

// Error admin.toolset when `toolset` ("users, groups") names an area that does not exist.
core::Status check_toolset(std::string_view toolset);

// True when the toolset, the known scopes and read-only mode leave the tool something to do. With a manage
// scope alone the reads of its area are tried: Okta decides (catalogue::may_suffice).
bool is_available(const Services& services, const ToolRow& row);

// An Error in the words a model reads: what happened, Okta's code and request id, cause, next step.
std::string error_text(const core::Error& error);

}  // namespace admin
