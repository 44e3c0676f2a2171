// `status`.
#include <cstdio>
#include <utility>

#include "admin/toolset.h"
#include "commands.h"
#include "core/text.h"
#include "runtime.h"

int cmd_status(const Settings& settings, bool as_json) {
  namespace json = core::json;
  Runtime runtime(settings, {});
  json::Object none;
  mcp::ToolCall call{.arguments = none};
  auto outcome = admin::call_tool(runtime.services(), "get_scope_status", core::Context{}, call);
  if (!outcome) return complain(outcome.error());
  auto status = json::parse(mcp::text_of(std::get<mcp::Complete>(*outcome).result.content.at(0)));
  if (!status) return complain(status.error());
  status->as_object()["shared_state"] = runtime.services().state().where();
  if (const auto store = runtime.store_report()) {
    auto& object = status->as_object();
    object["login_store"] = store->where;
    object["login_protection"] = store->protection;
    if (store->keyring) object["keyring"] = "not used: " + store->keyring->message;
    if (store->trouble) object["login_problem"] = core::describe(*store->trouble);
  }
  if (as_json) {
    std::printf("%s\n", json::write(*status).c_str());
  } else {
    for (const auto& member : status->as_object()) {
      if (member.key() == "disabled_tools") continue;
      // One line for each of several values.
      std::string name(member.key());
      const json::Array* list = member.value().if_array();
      for (const json::Value& value : list && !list->empty() ? *list : json::Array{member.value()}) {
        std::printf("%-28s %s\n", std::exchange(name, {}).c_str(),
                    value.is_string() ? value.get_string().c_str() : json::write(value).c_str());
      }
    }
  }
  return status->as_object().contains("problem") ? 1 : 0;
}
