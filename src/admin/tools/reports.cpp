// Reports: questions that take many requests, answered by room insight.
#include "admin/tool_row.h"
#include "admin/tools/report_runs.h"

namespace admin {

std::vector<ToolRow> report_tools() {
  using enum Type;
  return {
      {.name = "run_report",
       .title = "Run a report",
       .area = Area::reports,
       .about =
           "inactive_users: active people without a login for `days`. membership_changes: audit of user and "
           "group changes in the System Log, as Markdown.",
       .params = {{.name = "name",
                   .place = Place::handler,
                   .required = true,
                   .choices = {"inactive_users", "membership_changes"}},
                  {.name = "days",
                   .type = integer,
                   .place = Place::handler,
                   .about = "default 90; 30 for changes",
                   .minimum = 1,
                   .maximum = 3650},
                  {.name = "template",
                   .place = Place::handler,
                   .about = "Markdown with {{since}} {{until}} {{total}} {{by_type}} {{by_actor}} "
                            "{{membership_changes}} {{user_changes}}"},
                  {.name = "after", .place = Place::handler, .about = "cursor of the last answer"},
                  {.name = "fields", .type = string_list, .place = Place::handler}},
       .handler = run_report,
       .takes_long = true}};
}

}  // namespace admin
