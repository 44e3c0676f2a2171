// `login`, `logout` and `status`.
#include <cstdio>

#include "admin/toolset.h"
#include "commands.h"
#include "core/text.h"
#include "runtime.h"

int cmd_login(const Settings& settings) {
  auto runtime = Runtime::create(settings, {.on_prompt = [](const oauth::DevicePrompt& prompt) {
    const std::string& link =
        prompt.verification_uri_complete.empty() ? prompt.verification_uri : prompt.verification_uri_complete;
    std::printf("Open this link and confirm the code %s:\n  %s\n", prompt.user_code.c_str(), link.c_str());
    std::fflush(stdout);
  }});
  if (auto org = runtime->org(); !org) return complain(org.error());
  core::Context context;
  auto token = runtime->tokens()->token(context);
  if (!token && token.error().code == "oauth.login_pending" && runtime->device_grant()) {
    if (auto done = runtime->device_grant()->wait(context); !done) return complain(done.error());
    token = runtime->tokens()->token(context);
  }
  if (!token) return complain(token.error());
  std::printf("Signed in to %s with the %s.\n", settings.org_url.c_str(),
              std::string(runtime->tokens()->method()).c_str());
  for (const auto& scope : (*token)->scopes) std::printf("  %s\n", scope.c_str());
  return 0;
}

int cmd_logout(const Settings& settings) {
  auto runtime = Runtime::create(settings, {});
  auto forgotten = runtime->forget_login();
  if (!forgotten) return complain(forgotten.error());
  std::puts(*forgotten ? "The stored login was removed." : "There was no stored login.");
  return 0;
}

int cmd_status(const Settings& settings, bool as_json) {
  namespace json = core::json;
  auto runtime = Runtime::create(settings, {});
  json::Object none;
  mcp::ToolCall call{.arguments = none};
  auto outcome = admin::call_tool(runtime->services(), "get_scope_status", core::Context{}, call);
  if (!outcome) return complain(outcome.error());
  const auto& text = std::get<mcp::Complete>(*outcome).result.content.at(0).at("text").as_string();
  auto status = json::parse({text.data(), text.size()});
  if (!status) return complain(status.error());
  if (as_json) {
    std::printf("%s\n", json::write(*status).c_str());
  } else {
    for (const auto& member : status->as_object()) {
      if (member.key() == "disabled_tools") continue;
      std::string value = member.value().is_string() ? std::string(member.value().as_string()) : json::write(member.value());
      std::printf("%-28s %s\n", std::string(member.key()).c_str(), value.c_str());
    }
  }
  return status->as_object().contains("problem") ? 1 : 0;
}
