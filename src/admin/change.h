// A change, from a row and its arguments to what is on disk and in the org:
//   plan → approval → audit line → request → audit line → answer.
#pragma once

#include "admin/arguments.h"
#include "admin/plan.h"
#include "admin/services.h"
#include "admin/tool_row.h"
#include "core/context.h"
#include "mcp/tool.h"

namespace admin {

// Reads what is needed and says what would be sent; changes nothing. Error admin.change.may_not_read, which
// names the scope, when Okta does not let this login read what it wants to change.
core::Result<Plan> make_plan(Services& services, const ToolRow& row, const core::Context& context,
                             Arguments& arguments);

// The whole way of a write. A destructive one is done only after a person's yes: asked through the client
// where it can ask, else released in a terminal (admin/approval.h). Anything short of a clear yes changes
// nothing.
core::Result<mcp::Outcome> run_change(Services& services, const ToolRow& row, const core::Context& context,
                                      Arguments& arguments, const mcp::ToolCall& call);

}  // namespace admin
