// `login`, `logout` and `status`.
#include <cstdio>

#include "admin/toolset.h"
#include "commands.h"
#include "core/text.h"
#include "runtime.h"

void print_prompt(const oauth::DevicePrompt& prompt) {
  std::fprintf(stderr, "Open this link and confirm the code %s:\n  %s\n", prompt.user_code.c_str(),
               prompt.link().c_str());
  for (const auto& notice : prompt.notices) std::fprintf(stderr, "%s\n", notice.c_str());
}

int cmd_login(const Settings& settings) {
  Runtime runtime(settings, {.on_prompt = print_prompt});
  if (auto done = runtime.sign_in_and_wait(); !done) return complain(done.error());
  auto token = runtime.token();
  if (!token) return complain(token.error());
  std::printf("Signed in to %s by %s.\n", settings.org_url.c_str(), std::string(runtime.method()).c_str());
  for (const auto& scope : (*token)->scopes) std::printf("  %s\n", scope.c_str());
  return 0;
}

int cmd_logout(const Settings& settings) {
  Runtime runtime(settings, {});
  auto forgotten = runtime.forget_login();
  if (!forgotten) return complain(forgotten.error());
  std::puts(*forgotten ? "The stored login was removed." : "There was no stored login.");
  return 0;
}

int cmd_status(const Settings& settings, bool as_json) {
  namespace json = core::json;
  Runtime runtime(settings, {});
  json::Object none;
  mcp::ToolCall call{.arguments = none};
  auto outcome = admin::call_tool(runtime.services(), "get_scope_status", core::Context{}, call);
  if (!outcome) return complain(outcome.error());
  const auto& text = std::get<mcp::Complete>(*outcome).result.content.at(0).at("text").as_string();
  auto status = json::parse({text.data(), text.size()});
  if (!status) return complain(status.error());
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
      std::string value =
          member.value().is_string() ? std::string(member.value().as_string()) : json::write(member.value());
      std::printf("%-28s %s\n", std::string(member.key()).c_str(), value.c_str());
    }
  }
  return status->as_object().contains("problem") ? 1 : 0;
}
