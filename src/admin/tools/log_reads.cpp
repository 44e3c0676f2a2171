// Both log tools: the window is made absolute, so that the answer can name it and the last page is the last.
#include <fmt/format.h>

#include "admin/read.h"
#include "admin/resolve.h"
#include "admin/tools/shapes.h"

namespace admin {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

const Param& param_named(const ToolRow& row, std::string_view name) {
  return *std::find_if(row.params.begin(), row.params.end(),
                       [&](const Param& param) { return param.name == name; });
}

}  // namespace

core::Result<mcp::Outcome> get_logs(Services& services, const ToolRow& row, const core::Context& context,
                                    Arguments& arguments, const mcp::ToolCall&) {
  RETURN_IF_ERROR(resolve_identifiers(services, row, context, arguments));
  core::WallTime now = services.clock().now();
  TimeWindow window{.until = now};
  if (arguments.has("until")) {
    ASSIGN_OR_RETURN(window.until, core::parse_rfc3339(arguments.text("until")));
  }
  // A default reaches back from the end of the window, whatever that is.
  auto since = arguments.text("since");
  ASSIGN_OR_RETURN(window.since, since.empty()
                                     ? core::parse_time(param_named(row, "since").fallback, window.until)
                                     : core::parse_rfc3339(since));
  if (window.since >= window.until) {
    return core::fail(core::ErrorKind::invalid_input, "admin.logs.window",
                      fmt::format("\"since\" ({}) is not before \"until\" ({}).",
                                  core::to_rfc3339(window.since), core::to_rfc3339(window.until)));
  }
  net::Query query{{"since", core::to_rfc3339(window.since)},
                   {"until", core::to_rfc3339(window.until)},
                   {"sortOrder", "DESCENDING"}};
  std::string filter(arguments.text("filter"));
  if (row.name == "get_login_failures") {
    filter = R"((outcome.result eq "FAILURE" or outcome.result eq "DENY"))";
    if (arguments.has("user_id")) {
      std::string user = quoted(arguments.id("user_id"));
      filter += fmt::format(" and (actor.id eq {0} or target.id eq {0})", user);
    }
  }
  if (!filter.empty()) query.emplace_back("filter", filter);
  if (auto q = arguments.text("q"); !q.empty()) query.emplace_back("q", std::string(q));
  return run_list_of(services, row, context, arguments,
                     {.path = std::string(row.call.path), .query = std::move(query), .window = window});
}

}  // namespace admin
