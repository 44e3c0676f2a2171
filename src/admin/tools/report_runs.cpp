#include "admin/tools/report_runs.h"

#include <fmt/format.h>

#include "admin/read.h"
#include "admin/tools/shapes.h"
#include "insight/inactive_users.h"
#include "insight/membership_report.h"

namespace admin {
namespace {

constexpr Column kInactiveColumns[] = {
    {"id", "id", 0},
    {"login", "profile.login", 0},
    {"firstName", "profile.firstName", 2},
    {"lastName", "profile.lastName", 2},
    {"lastLogin", "lastLogin", 0},
    {"created", "created", 1},
    {"department", "profile.department", 2},
    {"manager", "profile.manager", 3},
};
const ListShape kInactiveUsers{"inactive user", "inactive users", kInactiveColumns};

core::Result<mcp::Outcome> inactive_users(Services& services, const core::Context& context,
                                          const Arguments& arguments) {
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  core::WallTime now = services.clock().now();
  int days = static_cast<int>(arguments.integer("days", 90));
  ASSIGN_OR_RETURN(auto report, insight::find_inactive_users(context, *org, now, {.days = days}));
  const bool complete = report.complete();
  std::string headline = fmt::format(
      "{} inactive users: ACTIVE, created before {}, no login since then; {} of them never logged in, {} did "
      "before. "
      "{} users were read{}.",
      report.total(), core::to_rfc3339(report.cut_off), report.never_logged_in, report.logged_in_before,
      report.read,
      report.unreadable > 0 ? fmt::format("; {} could not be judged", report.unreadable) : std::string{});
  // The report is made anew for each call; the cursor says how many of its rows have been shown.
  Cursor start;
  if (arguments.has("after")) {
    ASSIGN_OR_RETURN(start, decode_cursor(arguments.text("after")));
  }
  auto shown = static_cast<std::ptrdiff_t>(std::min(start.skip, report.rows.size()));
  report.rows.erase(report.rows.begin(), report.rows.begin() + shown);
  ListInfo info{.pages = {{.first = 0, .start = start}}};
  if (!complete) info.notes.push_back(fmt::format("Only the first {} are kept here.", report.rows.size()));
  return mcp::Complete{mcp::text_result(
      headline + "\n" + list_answer(kInactiveUsers, report.rows, answer_options(services, arguments), info))};
}

core::Result<mcp::Outcome> membership_changes(Services& services, const core::Context& context,
                                              const Arguments& arguments) {
  ASSIGN_OR_RETURN(okta::Org * org, services.org());
  core::WallTime now = services.clock().now();
  auto days = std::chrono::days{arguments.integer("days", 30)};
  ASSIGN_OR_RETURN(auto report,
                   insight::read_membership_report(context, *org, {.since = now - days, .until = now}));
  auto given = arguments.text("template");
  ASSIGN_OR_RETURN(std::string text,
                   insight::render_membership_report(
                       report, given.empty() ? insight::default_membership_template() : given));
  std::string headline =
      fmt::format("{} changes from {} to {}: {} of group memberships, {} of users, {} others.", report.total,
                  core::to_rfc3339(report.since), core::to_rfc3339(report.until), report.membership_total,
                  report.user_total, report.other_total);
  return mcp::Complete{mcp::text_result(text_answer(headline, text, answer_options(services, arguments)))};
}

}  // namespace

core::Result<mcp::Outcome> run_report(Services& services, const ToolRow&, const core::Context& context,
                                      Arguments& arguments, const mcp::ToolCall&) {
  if (arguments.text("name") == "inactive_users") return inactive_users(services, context, arguments);
  return membership_changes(services, context, arguments);
}

}  // namespace admin
