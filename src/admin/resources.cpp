#include "admin/resources.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "admin/toolset.h"
#include "net/http.h"

namespace admin {
namespace {

namespace json = core::json;

struct Row {
  std::string_view uri;  // its variables are the tool's parameters
  std::string_view tool;
  std::string_view name;
  std::string_view title;
  std::string_view description;
};

constexpr std::array<Row, 11> kRows = {{
    {"okta://users/{user_id}", "get_user", "user", "User", "One person, by login or id."},
    {"okta://users/{user_id}/groups", "list_user_groups", "user-groups", "Groups of a user",
     "The groups one person is in."},
    {"okta://groups/{group_id}", "get_group", "group", "Group", "One group, by exact name or id."},
    {"okta://groups/{group_id}/users", "list_group_users", "group-users", "Members of a group",
     "The people in one group."},
    {"okta://groups/{group_id}/apps", "list_group_apps", "group-apps", "Applications of a group",
     "The applications assigned to one group."},
    {"okta://applications/{app_id}", "get_application", "application", "Application",
     "One application, by exact label or id."},
    {"okta://policies/{policy_id}", "get_policy", "policy", "Policy", "One policy, by exact name or id."},
    {"okta://policies/{policy_id}/rules", "list_policy_rules", "policy-rules", "Rules of a policy",
     "The rules of one policy, in order."},
    {"okta://status", "get_scope_status", "status", "Status of this server",
     "The org, the sign-in, and what its scopes allow."},
    {"okta://schemas/user", "get_user_profile_attributes", "user-schema", "User profile attributes",
     "The attributes a user profile can have."},
    {"okta://logs/failures", "get_login_failures", "login-failures", "Failed sign-ins",
     "Events of the last 24 hours that failed or were denied."},
}};

// A row as it is read by URI: its answer is the text that the tool gives.
mcp::ResourceReader reader_of(Entrance& entrance, const ToolRow& row) {
  return [&entrance, &row](const core::Context& context,
                           const mcp::ResourceRead& read) -> core::Result<mcp::ReadOutcome> {
    json::Object arguments;
    for (const auto& [name, value] : read.variables) arguments[name] = value;
    ASSIGN_OR_RETURN(auto outcome, run_entered(entrance, row, context, {arguments, read.round}));
    if (auto* need = std::get_if<mcp::NeedInput>(&outcome)) return std::move(*need);
    const auto& result = std::get<mcp::Complete>(outcome).result;
    std::string text;
    for (const mcp::Content& block : result.content) text += mcp::text_of(block);
    if (result.is_error) return core::fail(core::ErrorKind::unavailable, "admin.resource", std::move(text));
    std::vector<mcp::ResourceContents> contents;
    contents.push_back(mcp::text_contents(std::move(text)));
    return contents;
  };
}

Type type_of(const ToolRow& row, std::string_view parameter) {
  for (const Param& param : row.params) {
    if (param.name == parameter) return param.type;
  }
  return Type::string;
}

mcp::Completer completer_of(Entrance& entrance, Completions& completions, const ToolRow& row) {
  return [&entrance, &completions, &row](
             const core::Context& context,
             const mcp::CompletionRequest& request) -> core::Result<mcp::CompletionResult> {
    if (request.argument == kOrgParam) {
      mcp::CompletionResult names;
      for (const auto& org : entrance.described().all()) names.values.push_back(org.name);
      names.values = ranked(names.values, request.value);
      return names;
    }
    const auto org = request.arguments.find(kOrgParam);
    return completions.suggest(context, type_of(row, request.argument), request.value,
                               org == request.arguments.end() ? std::string_view{} : org->second);
  };
}

// Whether what is read there may be another thing now. An object's lists are taken to change with it, and
// case is passed over, as logins have none: a notice too many costs a read.
bool is_about(const Touched& touched, std::string_view org, const ToolRow& row,
              const mcp::UriVariables& variables) {
  if (touched.org_name != org) return false;
  return std::ranges::any_of(variables, [&](const auto& variable) {
    const auto& [name, value] = variable;
    return name != kOrgParam && std::ranges::any_of(touched.objects, [&](const Touched::Object& object) {
             return object.type == type_of(row, name) &&
                    std::ranges::any_of(object.names, [&](const std::string& known) {
                      return net::equals_ignoring_case(known, value);
                    });
           });
  });
}

bool is_offered(Entrance& entrance, const ToolRow& row) {
  return std::ranges::any_of(entrance.described().all(),
                             [&](const Orgs::Named& org) { return is_available(*org.services, row); });
}

const Row& row_of(std::string_view name) {
  return *std::ranges::find(kRows, name, &Row::name);
}

// What a resource and a template have in common.
template <class Kind>
void describe(Kind& offered, Entrance& entrance, const Row& row) {
  const ToolRow& tool = *find_tool(row.tool);
  offered.name = row.name;
  offered.title = row.title;
  offered.description = row.description;
  offered.mime_type = "text/plain";
  offered.scopes = caller_scopes(tool);
  offered.runs_on = tool.runs_on;
  offered.read = reader_of(entrance, tool);
}

}  // namespace

core::Status add_resources(mcp::Server& server, Entrance& entrance, Completions& completions) {
  const std::string_view org = entrance.described().several() ? "{?org}" : "";
  for (const Row& row : kRows) {
    if (row.uri.contains('{')) {
      mcp::ResourceTemplate offered;
      describe(offered, entrance, row);
      offered.uri_template = fmt::format("{}{}", row.uri, org);
      offered.complete = completer_of(entrance, completions, *find_tool(row.tool));
      RETURN_IF_ERROR(server.add_resource_template(std::move(offered)));
    } else {
      mcp::Resource offered;
      describe(offered, entrance, row);
      offered.uri = row.uri;
      RETURN_IF_ERROR(server.add_resource(std::move(offered)));
    }
  }
  entrance.on_change([&server, &entrance](const Touched& touched) {
    server.resources_updated([&](std::string_view name, const mcp::UriVariables& variables) {
      const auto named = variables.find(kOrgParam);
      const std::string_view of_org = named != variables.end()
                                          ? std::string_view(named->second)
                                          : entrance.described().standard().options().org_name;
      return is_about(touched, of_org, *find_tool(row_of(name).tool), variables);
    });
  });
  const auto offered = [&entrance](const auto& resource) {
    return is_offered(entrance, *find_tool(row_of(resource.name).tool));
  };
  server.set_resources_visible(
      [offered](const mcp::Resource& resource) { return offered(resource); },
      [offered](const mcp::ResourceTemplate& resource) { return offered(resource); });
  return {};
}

}  // namespace admin
