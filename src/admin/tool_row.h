// A tool as one row of a table: listed, checked, planned, confirmed, applied, audited and documented from it.
//
// Rows stand in admin/tools/, one file per API area. Code beside a row only where Okta's API needs more than
// one call.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "admin/answer.h"
#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/tool.h"
#include "net/http.h"

namespace admin {

class Services;
class Arguments;
struct Plan;
struct ToolRow;

enum class Area { server, users, groups, applications, policies, logs, reports, agents };
std::string_view to_string(Area area);

// `destructive` takes something away from a person or the org, and is done only after a person said yes.
enum class Effect { read, write, destructive };

enum class Type {
  string,
  integer,
  boolean,
  object,
  string_list,
  time,         // ISO 8601 or a span back from now; reaches Okta as RFC 3339
  user,         // id or login
  group,        // id or exact name
  application,  // id or exact label
  policy,       // id or exact name
  policy_rule,  // id or exact name, within the row's policy
  group_list,
};

enum class Place { path, query, body, handler };

struct Param {
  std::string_view name;
  Type type = Type::string;
  Place place = Place::query;
  bool required = false;
  std::string_view about;                 // empty where name and type say it all
  std::string_view wire;                  // Okta's name for it, when it differs
  std::vector<std::string_view> choices;  // of a string
  std::int64_t minimum = 0;               // of an integer; both zero means any
  std::int64_t maximum = 0;
  std::string_view fallback;  // sent when the caller gives nothing
};

// How the body of a write is made from the parameter whose place is `body`.
enum class Body {
  none,
  profile,        // {"profile": value}
  whole,          // value
  members,        // each parameter of that place is a member
  merge_profile,  // the object as it is now, its profile merged with value (Okta's PUT replaces)
  merge_whole,    // the object as it is now, merged with value
};

struct Call {
  net::Method method = net::Method::get;
  std::string_view path;  // "/api/v1/users/{user_id}", placeholders are parameter names
};

using Handler = core::Result<mcp::Outcome> (*)(Services&, const ToolRow&, const core::Context&, Arguments&,
                                               const mcp::ToolCall&);
// Looks at a plan before anybody is asked: may add to it, or refuse.
using Adjust = core::Status (*)(Services&, const core::Context&, Arguments&, Plan&);

struct ToolRow {
  std::string_view name;
  std::string_view title;
  Area area = Area::server;
  std::string_view about;
  std::string_view scope;  // empty when no Okta scope is needed
  Effect effect = Effect::read;
  Call call;
  std::vector<Param> params;
  const ListShape* list = nullptr;  // set: answers a list, and takes the list parameters too
  Body body = Body::none;
  std::string_view subject;  // of a write: path of what is about to change, read first; empty when it is new
  std::string_view verb;     // "Deactivate", for plans and answers
  std::string_view impact;   // one sentence a person should read before saying yes
  Adjust adjust = nullptr;
  Handler handler = nullptr;  // instead of the usual read, list or write
  mcp::RunsOn runs_on = mcp::RunsOn::upstream;
  bool takes_long = false;   // worth following as a task, by clients that know them
  bool writes_file = false;  // on the machine this runs on
};

std::vector<ToolRow> server_tools();
std::vector<ToolRow> user_tools();
std::vector<ToolRow> group_tools();
std::vector<ToolRow> application_tools();
std::vector<ToolRow> policy_tools();
std::vector<ToolRow> log_tools();
std::vector<ToolRow> report_tools();
std::vector<ToolRow> agent_tools();

// Every row, in the order in which they are listed. Built once.
const std::vector<ToolRow>& all_tools();

// The parameters of a row including those that every list takes (limit, after, fetch_all, fields, format,
// count_only) and that every single read takes (fields).
std::vector<Param> all_params(const ToolRow& row);

}  // namespace admin
