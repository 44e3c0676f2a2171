// The System Log (Okta Management API, listLogEvents). Both ends of the window are always sent: without
// `until` Okta's next links never end.
#include "admin/tools/shapes.h"
#include "core/clock.h"

namespace admin {

std::vector<ToolRow> log_tools() {
  using enum Type;
  using net::Method;
  const Param until{.name = "until", .type = time, .about = "default now"};
  return {
      {.name = "get_logs",
       .title = "Read the System Log",
       .area = Area::logs,
       .about = "System Log events, newest first.",
       .scope = "okta.logs.read",
       .call = {Method::get, "/api/v1/logs"},
       .params = {{.name = "since",
                   .type = time,
                   .about = "ISO 8601, or 30m, 12h, 90d ago; default 7d",
                   .fallback = "7d"},
                  until,
                  {.name = "filter",
                   .about =
                       "SCIM, e.g. eventType eq \"user.session.start\" and outcome.result eq \"FAILURE\""},
                  {.name = "q", .about = "words in the event"}},
       .list = &kLogEvents,
       .handler = get_logs},
      {.name = "get_login_failures",
       .title = "Read login failures",
       .area = Area::logs,
       .about = "Events that failed or were denied.",
       .scope = "okta.logs.read",
       .call = {Method::get, "/api/v1/logs"},
       .params = {{.name = "since", .type = time, .about = "default 24h", .fallback = "24h"},
                  until,
                  {.name = "user_id", .type = user, .place = Place::handler, .about = "id or login"},
                  {.name = "q"}},
       .list = &kLogEvents,
       .handler = get_logs},
  };
}

}  // namespace admin
