// `tools`: what the server offers, without a login.
#include <algorithm>
#include <cstdio>

#include "admin/arguments.h"
#include "admin/toolset.h"
#include "commands.h"
#include "core/tokens.h"
#include "runtimes.h"

int cmd_tools(const Configuration& configuration, const std::string& toolset, bool granted, bool as_json) {
  namespace json = core::json;
  if (auto known = admin::check_toolset(toolset); !known) return complain(known.error());
  Runtimes runtimes(configuration, [](const Settings&) { return SignInListener{}; });
  auto available = [&](const admin::ToolRow& row) {
    return std::ranges::any_of(runtimes.orgs().all(), [&](const admin::Orgs::Named& org) {
      return admin::is_available(*org.services, row);
    });
  };
  json::Array list;
  std::size_t tokens = 0;
  for (const auto& row : admin::all_tools()) {
    if (!toolset.empty() && admin::to_string(row.area) != toolset) continue;
    if (granted && !available(row)) continue;
    auto schema = admin::input_schema(row);
    runtimes.orgs().describe(row, schema);
    tokens += core::estimate_tokens(std::string(row.name) + std::string(row.about) + json::write(schema));
    if (as_json) {
      list.push_back(json::Object{{"name", row.name},
                                  {"title", row.title},
                                  {"area", admin::to_string(row.area)},
                                  {"description", row.about},
                                  {"scope", row.scope},
                                  {"destructive", row.effect == admin::Effect::destructive},
                                  {"readOnly", row.effect == admin::Effect::read},
                                  {"inputSchema", std::move(schema)}});
    } else {
      std::printf("%-28.*s %-22.*s %.*s\n", static_cast<int>(row.name.size()), row.name.data(),
                  static_cast<int>(row.scope.size()), row.scope.data(), static_cast<int>(row.about.size()),
                  row.about.data());
    }
  }
  if (as_json) {
    std::printf("%s\n", json::write(list).c_str());
  } else {
    std::fprintf(stderr, "about %zu tokens in a model's context\n", tokens);
  }
  return 0;
}
