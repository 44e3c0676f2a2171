// The `run_report` tool: room insight asked, its findings written down.
#pragma once

#include "admin/arguments.h"
#include "admin/services.h"
#include "admin/tool_row.h"

namespace admin {

core::Result<mcp::Outcome> run_report(Services& services, const ToolRow& row, const core::Context& context,
                                      Arguments& arguments, const mcp::ToolCall& call);

}  // namespace admin
