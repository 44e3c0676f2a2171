#include "admin/toolset.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "admin/change.h"
#include "admin/read.h"
#include "catalogue/operations.h"
#include "core/log.h"
#include "core/text.h"
#include "mcp/task.h"

namespace admin {
namespace {

namespace json = core::json;

const Param kSingleReadParams[] = {
    {.name = "fields", .type = Type::string_list, .place = Place::handler, .about = "paths"},
};

constexpr std::int64_t kPageMaximum = 200;      // users, groups, apps, policies
constexpr std::int64_t kLogPageMaximum = 1000;  // listLogEvents

core::Result<mcp::Outcome> run_row(Services& services, const ToolRow& row, const core::Context& context,
                                   const mcp::ToolCall& call) {
  if (row.writes_file && services.options().remote_callers) {
    return core::fail(
        core::ErrorKind::unsupported, "admin.tool.local_file",
        fmt::format("{} writes a file on the machine this server runs on, which its callers over "
                    "HTTP cannot reach.",
                    row.name),
        "Use list_users with fetch_all=true and format=csv instead.");
  }
  ASSIGN_OR_RETURN(Arguments arguments, Arguments::check(row, call.arguments, services.clock().now()));
  if (row.handler) return row.handler(services, row, context, arguments, call);
  if (row.effect != Effect::read) return run_change(services, row, context, arguments, call);
  if (row.list) return run_list(services, row, context, arguments);
  return run_item(services, row, context, arguments);
}

// The one place where an Error of ours becomes what a model reads.
core::Result<mcp::Outcome> translated(const ToolRow& row, core::Result<mcp::Outcome> outcome) {
  if (outcome) return outcome;
  if (core::log_enabled(core::LogLevel::debug)) {
    core::log(core::LogLevel::debug, "admin", "tool failed",
              {{"tool", row.name}, {"code", outcome.error().code}, {"reason", outcome.error().message}});
  }
  return mcp::Complete{mcp::error_result(error_text(outcome.error()))};
}

// As a job, so that it goes on without a worker of the calls and can be followed and cancelled. What a client
// without tasks gets is the answer, as ever.
core::Result<mcp::Outcome> run_as_task(core::Jobs& jobs, Entrance& entrance, const ToolRow& row,
                                       const core::Context& context, const mcp::ToolCall& call) {
  auto work = [&entrance, &row, arguments = call.arguments](const core::Context& of_job, core::JobContext&,
                                                            mcp::Round round) -> core::Result<mcp::TaskStep> {
    ASSIGN_OR_RETURN(auto outcome,
                     translated(row, run_entered(entrance, row, of_job, {arguments, std::move(round)})));
    if (auto* complete = std::get_if<mcp::Complete>(&outcome)) return std::move(*complete);
    return std::get<mcp::NeedInput>(std::move(outcome));
  };
  return mcp::start_task(jobs, context, call.round,
                         {.kind = std::string(row.name), .title = std::string(row.title)}, std::move(work));
}

mcp::Tool to_tool(Entrance& entrance, core::Jobs* jobs, const ToolRow& row) {
  mcp::Tool tool;
  tool.name = row.name;
  tool.title = row.title;
  tool.description = row.about;
  tool.input_schema = input_schema(row);
  entrance.described().describe(row, tool.input_schema);
  tool.annotations = {.read_only = row.effect == Effect::read,
                      .destructive = row.effect == Effect::destructive,
                      .idempotent = row.call.method == net::Method::put ||
                                    row.call.method == net::Method::delete_ || row.effect == Effect::read,
                      .open_world = row.area != Area::server};
  tool.runs_on = row.runs_on;
  tool.scopes = caller_scopes(row);
  if (row.takes_long && jobs) {
    tool.tasks = mcp::TaskSupport::optional;
    tool.handler = [&entrance, &row, jobs](const core::Context& context,
                                           const mcp::ToolCall& call) -> core::Result<mcp::Outcome> {
      return run_as_task(*jobs, entrance, row, context, call);
    };
    return tool;
  }
  tool.handler = [&entrance, &row](const core::Context& context,
                                   const mcp::ToolCall& call) -> core::Result<mcp::Outcome> {
    return translated(row, run_entered(entrance, row, context, call));
  };
  return tool;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    auto word = text.substr(0, text.find_first_of(" ,"));
    if (!word.empty()) words.push_back(word);
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return words;
}

constexpr Area kAreas[] = {Area::server,   Area::users, Area::groups,  Area::applications,
                           Area::policies, Area::logs,  Area::reports, Area::agents};

// The server's own tools are always there.
bool in_toolset(std::string_view toolset, Area area) {
  auto words = words_of(toolset);
  return words.empty() || area == Area::server ||
         std::find(words.begin(), words.end(), to_string(area)) != words.end();
}

}  // namespace

std::string_view to_string(Area area) {
  switch (area) {
    case Area::server:
      return "server";
    case Area::users:
      return "users";
    case Area::groups:
      return "groups";
    case Area::applications:
      return "applications";
    case Area::policies:
      return "policies";
    case Area::logs:
      return "logs";
    case Area::reports:
      return "reports";
    case Area::agents:
      return "agents";
  }
  return "server";
}

const std::vector<ToolRow>& all_tools() {
  static const std::vector<ToolRow> rows = [] {
    std::vector<ToolRow> all;
    for (auto make : {server_tools, user_tools, group_tools, application_tools, policy_tools, log_tools,
                      report_tools, agent_tools}) {
      auto part = make();
      std::move(part.begin(), part.end(), std::back_inserter(all));
    }
    return all;
  }();
  return rows;
}

std::vector<Param> all_params(const ToolRow& row) {
  std::vector<Param> params = row.params;
  if (row.list) {
    params.push_back({.name = "limit",
                      .type = Type::integer,
                      .place = Place::handler,
                      .about = "rows, default 100",
                      .minimum = 1,
                      .maximum = row.area == Area::logs ? kLogPageMaximum : kPageMaximum});
    params.push_back({.name = "after", .place = Place::handler, .about = "cursor of the last answer"});
    params.push_back(
        {.name = "fetch_all", .type = Type::boolean, .place = Place::handler, .about = "every page"});
    params.push_back(
        {.name = "fields", .type = Type::string_list, .place = Place::handler, .about = "columns or paths"});
    params.push_back({.name = "format", .place = Place::handler, .choices = {"csv", "json"}});
    params.push_back({.name = "count_only", .type = Type::boolean, .place = Place::handler});
  } else if (row.effect == Effect::read && row.handler == nullptr) {
    params.insert(params.end(), std::begin(kSingleReadParams), std::end(kSingleReadParams));
  }
  return params;
}

core::Status check_toolset(std::string_view toolset) {
  for (auto word : words_of(toolset)) {
    bool known =
        std::any_of(std::begin(kAreas), std::end(kAreas), [&](Area area) { return to_string(area) == word; });
    if (known) continue;
    std::vector<std::string_view> names;
    for (Area area : kAreas) names.push_back(to_string(area));
    return core::fail(core::ErrorKind::invalid_input, "admin.toolset",
                      fmt::format("There is no toolset \"{}\".", word),
                      fmt::format("Choose among: {}.", fmt::join(names, ", ")));
  }
  return {};
}

bool is_available(const Services& services, const ToolRow& row) {
  if (services.options().read_only && row.effect != Effect::read) return false;
  if (!in_toolset(services.options().toolset, row.area)) return false;
  if (services.options().remote_callers && row.writes_file) return false;
  if (row.scope.empty()) return true;
  auto scopes = services.known_scopes();
  // Few orgs have them, and every tool costs each conversation its tokens: who has not asked for them is
  // offered them only with a login that is known to be for them.
  if (row.area == Area::agents && services.options().toolset.empty() && !scopes) return false;
  return !scopes || catalogue::may_suffice(*scopes, row.scope);
}

std::vector<std::string> caller_scopes(const ToolRow& row) {
  constexpr std::string_view kOkta = "okta.";
  std::vector<std::string> scopes;
  if (row.area == Area::reports) {
    scopes.emplace_back("logs.read");
    scopes.emplace_back("users.read");
  } else if (row.scope.starts_with(kOkta)) {
    scopes.emplace_back(row.scope.substr(kOkta.size()));
  }
  return scopes;
}

std::vector<std::string> all_caller_scopes() {
  std::set<std::string> scopes;
  for (const ToolRow& row : all_tools()) {
    for (auto& scope : caller_scopes(row)) scopes.insert(std::move(scope));
  }
  return {scopes.begin(), scopes.end()};
}

bool caller_scope_covers(std::string_view granted, std::string_view needed) {
  constexpr std::string_view kRead = ".read", kManage = ".manage";
  if (granted == needed) return true;
  return needed.ends_with(kRead) && granted.ends_with(kManage) &&
         granted.substr(0, granted.size() - kManage.size()) == needed.substr(0, needed.size() - kRead.size());
}

core::Status add_tools(mcp::Server& server, Entrance& entrance) {
  core::Jobs* jobs = server.options().jobs;
  for (const ToolRow& row : all_tools()) RETURN_IF_ERROR(server.add_tool(to_tool(entrance, jobs, row)));
  server.set_visible([&entrance](const mcp::Tool& tool) {
    const ToolRow* row = find_tool(tool.name);
    return row != nullptr && std::ranges::any_of(entrance.described().all(), [&](const Orgs::Named& org) {
             return is_available(*org.services, *row);
           });
  });
  return {};
}

core::Result<mcp::Outcome> run_entered(Entrance& entrance, const ToolRow& row, const core::Context& context,
                                       const mcp::ToolCall& call) {
  std::shared_ptr<const Orgs> orgs;
  if (row.area == Area::server) {
    orgs = entrance.visit(context);
  } else {
    ASSIGN_OR_RETURN(auto entered, entrance.enter(context, call.round));
    if (auto* sign_in = std::get_if<mcp::NeedInput>(&entered)) return std::move(*sign_in);
    orgs = std::get<std::shared_ptr<const Orgs>>(std::move(entered));
  }
  if (!orgs->several()) return run_row(orgs->standard(), row, context, call);
  json::Object arguments = call.arguments;
  ASSIGN_OR_RETURN(Services * services, orgs->take(row, arguments));
  return run_row(*services, row, context, {arguments, call.round});
}

const ToolRow* find_tool(std::string_view name) {
  const auto& rows = all_tools();
  auto row = std::ranges::find(rows, name, &ToolRow::name);
  return row == rows.end() ? nullptr : &*row;
}

core::Result<mcp::Outcome> call_tool(Services& services, std::string_view name, const core::Context& context,
                                     const mcp::ToolCall& call) {
  std::vector<std::string_view> near;
  for (const ToolRow& row : all_tools()) {
    if (row.name == name) return translated(row, run_row(services, row, context, call));
    if (row.name.find(name) != std::string_view::npos || name.find(row.name) != std::string_view::npos) {
      near.push_back(row.name);
    }
  }
  return core::fail(core::ErrorKind::invalid_input, "admin.tool.unknown",
                    fmt::format("There is no tool \"{}\".", name),
                    near.empty() ? std::string("`okta-mcp-server tools` lists them.")
                                 : fmt::format("Did you mean: {}?", fmt::join(near, ", ")));
}

std::string error_text(const core::Error& error) {
  std::string text = "Failed: " + core::clean(error.message);
  if (!error.hint.empty()) text += "\nNext: " + core::clean(error.hint);
  if (error.upstream) {
    const auto& problem = *error.upstream;
    std::string detail;
    auto add = [&](std::string_view label, std::string_view value) {
      if (!value.empty())
        detail += fmt::format("{}{} {}", detail.empty() ? "" : ", ", label, core::clean(value));
    };
    add("HTTP", problem.status == 0 ? std::string{} : std::to_string(problem.status));
    add("code", problem.code);
    add("request", problem.request_id);
    if (!detail.empty()) text += "\nOkta: " + detail;
  }
  return text;
}

}  // namespace admin
