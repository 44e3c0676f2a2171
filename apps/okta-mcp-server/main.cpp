// okta-mcp-server: an MCP server for an Okta org. Builds the settings, runs one command.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <sodium.h>

#include "commands.h"
#include "core/log.h"
#include "core/secret.h"
#include "environment_secrets.h"

int main(int argc, char** argv) {
  core::forbid_core_dumps();
  if (sodium_init() < 0) {
    std::fputs("okta-mcp-server: libsodium cannot start; no randomness is available.\n", stderr);
    return 1;
  }
  auto environment = process_environment();
  auto settings = read_settings(environment);
  hide_secrets(environment);
  CLI::App app{"Okta administration for AI agents, over MCP. Not affiliated with Okta, Inc."};
  app.set_version_flag("--version", "okta-mcp-server " OKTA_MCP_VERSION);
  app.footer(
      "Settings come from the environment: OKTA_ORG_URL, OKTA_CLIENT_ID, OKTA_SCOPES, and OKTA_PRIVATE_KEY "
      "with\n"
      "OKTA_KEY_ID (or neither, to sign in with a browser), or OKTA_API_TOKEN. Also OKTA_LOG_LEVEL, "
      "OKTA_LOG_FILE,\n"
      "OKTA_MCP_STATE_DIR, OKTA_MCP_TOOLSET, OKTA_MCP_READ_ONLY, OKTA_MCP_KEY_FILE, OKTA_MCP_STORE. See "
      "README.md.");
  app.require_subcommand(0, 1);
  int status = 0;
  bool as_json = false;
  // Wrong settings stop a command, but not --help.
  auto run = [&](auto command) { status = settings ? command(*settings) : complain(settings.error()); };

  auto* serve = app.add_subcommand("serve", "serve MCP over stdin and stdout (the default)");
  serve->callback([&] { run([&](const Settings& with) { return cmd_serve(with); }); });

  std::string toolset;
  bool granted = false;
  auto* tools = app.add_subcommand("tools", "list the tools");
  tools->add_option("--toolset", toolset,
                    "only one area: users, groups, applications, policies, logs, reports");
  tools->add_flag("--granted", granted, "only what the present login may use");
  tools->add_flag("--json", as_json, "as JSON, with schemas");
  tools->callback(
      [&] { run([&](const Settings& with) { return cmd_tools(with, toolset, granted, as_json); }); });

  std::string tool, args_json;
  std::vector<std::string> assignments;
  auto* call = app.add_subcommand("call", "call one tool");
  call->add_option("tool", tool, "its name")->required();
  call->add_option("arguments", assignments, "key=value ...");
  call->add_option("--args", args_json, "all arguments as one JSON object");
  call->add_flag("--json", as_json, "answer as JSON");
  call->callback([&] {
    run([&](const Settings& with) { return cmd_call(with, tool, args_json, assignments, as_json); });
  });

  std::string report_name, template_file;
  std::optional<int> days;
  auto* report = app.add_subcommand("report", "run a report");
  report->add_option("name", report_name, "inactive_users or membership_changes")->required();
  report->add_option("--days", days, "how far back");
  report->add_option("--template", template_file, "Markdown file with {{placeholders}}");
  report->callback(
      [&] { run([&](const Settings& with) { return cmd_report(with, report_name, days, template_file); }); });

  std::string plan;
  bool set_passphrase = false;
  auto* approve =
      app.add_subcommand("approve", "release a change that waits for a person; without PLAN, list them");
  approve->add_option("plan", plan, "plan id");
  approve->add_flag("--set-passphrase", set_passphrase, "set the passphrase that releases changes");
  approve->callback(
      [&] { run([&](const Settings& with) { return cmd_approve(with, plan, set_passphrase); }); });

  auto* login = app.add_subcommand("login", "sign in now");
  login->callback([&] { run([&](const Settings& with) { return cmd_login(with); }); });
  auto* logout = app.add_subcommand("logout", "forget the stored login");
  logout->callback([&] { run([&](const Settings& with) { return cmd_logout(with); }); });
  auto* show_status = app.add_subcommand("status", "what is configured and granted");
  show_status->add_flag("--json", as_json, "as JSON");
  show_status->callback([&] { run([&](const Settings& with) { return cmd_status(with, as_json); }); });

  std::size_t count = 50;
  auto* audit = app.add_subcommand("audit", "the audit log of changes");
  audit->require_subcommand(1);
  auto* show = audit->add_subcommand("show", "the newest lines");
  show->add_option("--count", count, "how many")->capture_default_str();
  show->callback([&] { run([&](const Settings& with) { return cmd_audit_show(with, count); }); });
  audit->add_subcommand("verify", "check that no line was altered or taken out")->callback([&] {
    run([](const Settings& with) { return cmd_audit_verify(with); });
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (app.get_subcommands().empty()) run(cmd_serve);
  return status;
}
