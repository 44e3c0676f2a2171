// The server about itself.
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>

#include "admin/services.h"
#include "admin/tool_row.h"
#include "catalogue/operations.h"
#include "core/json.h"
#include "oauth/token_source.h"

namespace admin {
namespace {

namespace json = core::json;

json::Array to_array(const std::vector<std::string>& values) {
  json::Array out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

bool contains(const std::vector<std::string>& values, std::string_view wanted) {
  return std::ranges::find(values, wanted) != values.end();
}

// Those of `values` that are not among `others`.
std::vector<std::string> without(const std::vector<std::string>& values,
                                 const std::vector<std::string>& others) {
  std::vector<std::string> out;
  std::ranges::copy_if(values, std::back_inserter(out),
                       [&](const std::string& value) { return !contains(others, value); });
  return out;
}

void add_list(json::Object& status, std::string_view name, const std::vector<std::string>& values) {
  if (!values.empty()) status[name] = to_array(values);
}

// What is configured, what a sign-in asks for, what was granted, and where they differ.
void compare_scopes(const std::vector<std::string>& configured, const oauth::TokenSource& tokens,
                    json::Object& status) {
  json::Array words;
  const auto requested = tokens.requested_scopes();
  add_list(status, "requested_scopes", requested);
  auto granted = tokens.granted_scopes();
  if (!granted) {
    status["granted_scopes"] = nullptr;
    status["note"] = requested.empty()
                         ? "An API token has no scopes: it may do what its maker's admin roles allow."
                         : "Not signed in yet: what is granted is known after the first sign-in.";
    return;
  }
  status["granted_scopes"] = to_array(*granted);
  if (auto refused = without(configured, *granted); !refused.empty()) {
    status["configured_but_not_granted"] = to_array(refused);
    words.emplace_back(
        fmt::format("Asked for, but not granted: {}. An admin grants scopes in Okta: Applications, the app, "
                    "Okta API Scopes.",
                    fmt::join(refused, ", ")));
  }
  if (auto extra = without(without(*granted, configured), requested); !extra.empty()) {
    status["granted_but_not_configured"] = to_array(extra);
    words.emplace_back(fmt::format("Granted, but not asked for: {}.", fmt::join(extra, ", ")));
  }
  std::vector<std::string> alone;  // manage scopes without the read scope beside them
  for (std::string_view scope : *granted) {
    constexpr std::string_view kManage = ".manage";
    if (!scope.ends_with(kManage)) continue;
    auto read = std::string(scope.substr(0, scope.size() - kManage.size())) + ".read";
    if (!contains(*granted, read)) alone.push_back(std::move(read));
  }
  if (!alone.empty()) {
    words.emplace_back(
        fmt::format("Manage was granted without {}: reads are tried and Okta decides; an update that may not "
                    "read first is refused.",
                    fmt::join(alone, ", ")));
  }
  if (words.empty()) words.emplace_back("All configured scopes were granted.");
  status["scopes_in_words"] = std::move(words);
}

// Configured, requested, granted, and which tools that leaves out: memory only, so it also tells why a login
// does not work.
core::Result<mcp::Outcome> get_scope_status(Services& services, const ToolRow&, const core::Context&,
                                            Arguments&, const mcp::ToolCall&) {
  json::Object status;
  const auto& options = services.options();
  if (!options.org_name.empty()) status["org_name"] = options.org_name;
  status["configured_scopes"] = to_array(options.configured_scopes);
  auto org = services.org();
  if (org) {
    status["org"] = (*org)->url();
    status["sign_in"] = (*org)->tokens().method();
    compare_scopes(options.configured_scopes, (*org)->tokens(), status);
    if (auto limits = (*org)->rate_limits(); !limits.empty()) status["rate_limits"] = std::move(limits);
  } else {
    status["problem"] = core::describe(org.error());
  }
  if (options.read_only) status["read_only"] = true;
  add_list(status, "notices", options.notices);
  json::Object disabled;
  if (auto known = services.known_scopes()) {
    for (const ToolRow& row : all_tools()) {
      if (!row.scope.empty() && !catalogue::may_suffice(*known, row.scope)) disabled[row.name] = row.scope;
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
