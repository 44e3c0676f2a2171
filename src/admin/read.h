// Reads: one object, or a list page by page until the caller has what it asked for.
#pragma once

#include <optional>

#include "admin/arguments.h"
#include "admin/services.h"
#include "admin/tool_row.h"
#include "core/context.h"
#include "mcp/tool.h"

namespace admin {

core::Result<mcp::Outcome> run_item(Services& services, const ToolRow& row, const core::Context& context,
                                    Arguments& arguments);
core::Result<mcp::Outcome> run_list(Services& services, const ToolRow& row, const core::Context& context,
                                    Arguments& arguments);

// A list whose path and query the caller has put together itself.
struct ListRequest {
  std::string path;
  net::Query query;
  std::optional<TimeWindow> window;
};
core::Result<mcp::Outcome> run_list_of(Services& services, const ToolRow& row, const core::Context& context,
                                       const Arguments& arguments, ListRequest request);

// The row's query parameters as given, with Okta's names for them.
net::Query query_of(const ToolRow& row, const Arguments& arguments);

// `fields`, `format`, `count_only` and the budget.
AnswerOptions answer_options(const Services& services, const Arguments& arguments);

}  // namespace admin
