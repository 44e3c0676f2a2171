// The server about itself.
#include "admin/services.h"
#include "admin/tool_row.h"
#include "core/json.h"

namespace admin {
namespace {

namespace json = core::json;

json::Array to_array(const std::vector<std::string>& values) {
  json::Array out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

bool contains(const std::vector<std::string>& values, std::string_view wanted) {
  return std::find(values.begin(), values.end(), wanted) != values.end();
}

// Configured, granted, and which tools that leaves out: memory only, so it also tells why a login does not
// work.
core::Result<mcp::Outcome> get_scope_status(Services& services, const ToolRow&, const core::Context&,
                                            Arguments&, const mcp::ToolCall&) {
  json::Object status;
  const auto& configured = services.options().configured_scopes;
  status["configured_scopes"] = to_array(configured);
  auto org = services.org();
  if (org) {
    status["org"] = (*org)->url();
    status["sign_in"] = (*org)->tokens().method();
    if (auto granted = (*org)->tokens().granted_scopes()) {
      status["granted_scopes"] = to_array(*granted);
      json::Array refused;
      for (const auto& scope : configured) {
        if (!contains(*granted, scope)) refused.emplace_back(scope);
      }
      if (!refused.empty()) status["configured_but_not_granted"] = std::move(refused);
    } else {
      status["granted_scopes"] = nullptr;
      status["note"] = "Not signed in yet: what is granted is known after the first sign-in.";
    }
    if (auto limits = (*org)->rate_limits(); !limits.empty()) status["rate_limits"] = std::move(limits);
  } else {
    status["problem"] = core::describe(org.error());
  }
  if (services.options().read_only) status["read_only"] = true;
  json::Object disabled;
  if (auto known = services.known_scopes()) {
    for (const ToolRow& row : all_tools()) {
      if (!row.scope.empty() && !contains(*known, row.scope)) disabled[row.name] = row.scope;
    }
  }
  if (!disabled.empty()) {
    status["instructions"] =
        "Tools below need a scope this login has not. An admin grants it in Okta (Applications > the app > "
        "Okta API "
        "Scopes), adds it to OKTA_SCOPES, and restarts the server.";
  }
  status["disabled_tools"] = std::move(disabled);
  return mcp::Complete{mcp::text_result(json::write(status))};
}

}  // namespace

std::vector<ToolRow> server_tools() {
  return {{.name = "get_scope_status",
           .title = "Get scope status",
           .area = Area::server,
           .about = "What this login may do, and why a tool is missing.",
           .handler = get_scope_status,
           .runs_on = mcp::RunsOn::reader}};
}

}  // namespace admin
