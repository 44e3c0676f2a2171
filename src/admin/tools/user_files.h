// User tools that need more than one call of Okta's API.
#pragma once

#include "admin/arguments.h"
#include "admin/services.h"
#include "admin/tool_row.h"

namespace admin {

// The schema (okta.schemas.read); without that scope, the attribute names seen on one page of users, no
// values.
core::Result<mcp::Outcome> get_user_profile_attributes(Services& services, const ToolRow& row,
                                                       const core::Context& context, Arguments& arguments,
                                                       const mcp::ToolCall& call);

// STATE_DIR/exports/NAME.csv, mode 0600, page by page; memory stays flat.
core::Result<mcp::Outcome> export_users_csv(Services& services, const ToolRow& row,
                                            const core::Context& context, Arguments& arguments,
                                            const mcp::ToolCall& call);

}  // namespace admin
