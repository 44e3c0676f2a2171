// How each kind of Okta object is shown in a list: its columns, the important ones first.
#pragma once

#include "admin/answer.h"
#include "admin/arguments.h"
#include "admin/plan.h"
#include "admin/services.h"
#include "admin/tool_row.h"

namespace admin {

extern const ListShape kUsers;
extern const ListShape kGroupUsers;
extern const ListShape kGroups;
extern const ListShape kApplications;
extern const ListShape kPolicies;
extern const ListShape kPolicyRules;
extern const ListShape kLogEvents;
extern const ListShape kMcpServers;
extern const ListShape kAiAgents;
extern const ListShape kConnections;

// Both log tools: window, order and filter differ, the rest is a list.
core::Result<mcp::Outcome> get_logs(Services& services, const ToolRow& row, const core::Context& context,
                                    Arguments& arguments, const mcp::ToolCall& call);

}  // namespace admin
