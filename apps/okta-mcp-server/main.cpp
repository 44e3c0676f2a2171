// okta-mcp-server: an MCP server for an Okta org. Builds the settings, runs one command.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <sodium.h>
#include <string>

#include "build_version.h"
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
  Environment environment = process_environment();
  CLI::App app{"Okta administration for AI agents, over MCP. Not affiliated with Okta, Inc."};
  app.set_version_flag("--version", std::string("okta-mcp-server ") + build_version());
  app.footer(
      "Settings come from the environment: OKTA_ORG_URL, OKTA_CLIENT_ID, OKTA_SCOPES, and OKTA_PRIVATE_KEY "
      "with\n"
      "OKTA_KEY_ID (or neither, to sign in with a browser), or OKTA_API_TOKEN. Also OKTA_LOG_LEVEL, "
      "OKTA_LOG_FILE,\n"
      "OKTA_MCP_STATE_DIR, OKTA_MCP_TOOLSET, OKTA_MCP_READ_ONLY, OKTA_MCP_KEY_FILE, OKTA_MCP_STORE,\n"
      "OKTA_MCP_STATE_STORE, OKTA_MCP_REDIRECT_PORT, and for serve --http OKTA_MCP_HTTP_TOKEN and\n"
      "OKTA_MCP_INTROSPECTION_SECRET. Or from a configuration file (OKTA_MCP_CONFIG), which may hold "
      "several\n"
      "orgs: docs/configuration.md.");
  app.require_subcommand(0, 1);
  app.fallthrough();  // --config and --org stand before or after the command
  ConfigurationRequest request;
  app.add_option("--config", request.file, "configuration file, instead of OKTA_MCP_CONFIG");
  std::string state_store;
  app.add_option(
      "--state-store", state_store,
      "directory, or postgresql://...: what instances share, instead of OKTA_MCP_STATE_STORE (which other "
      "users of the machine do not see)");
  app.add_option("--org", request.org, "only this org of the configuration file");
  int status = 0;
  bool as_json = false;
  auto configure = [&] {
    if (!state_store.empty()) environment["OKTA_MCP_STATE_STORE"] = state_store;
    auto configuration = read_configuration(environment, request);
    hide_secrets(environment);
    return configuration;
  };
  // Wrong settings stop a command, but not --help.
  auto run_on_all = [&](auto command) {
    auto configuration = configure();
    status = configuration ? command(*configuration) : complain(configuration.error());
  };
  auto run = [&](auto command) {
    run_on_all([&](const Configuration& with) { return command(with.standard()); });
  };
  HttpFlags http;
  CLI::Option* over_http = nullptr;
  auto run_serve = [&] {
    const bool remote = over_http->count() > 0;
    request.for_a_host = !remote;
    GuardSecrets guard{.token = take_secret(environment, "OKTA_MCP_HTTP_TOKEN"),
                       .introspection_secret = take_secret(environment, "OKTA_MCP_INTROSPECTION_SECRET")};
    run_on_all(
        [&](Configuration& with) { return remote ? cmd_serve_http(with, http, guard) : cmd_serve(with); });
  };

  auto* serve = app.add_subcommand("serve", "serve MCP over stdin and stdout (the default), or over HTTP");
  over_http = serve->add_option("--http", http.listen, "HOST:PORT or unix:PATH; the endpoint is /mcp");
  serve->add_option("--tls-cert", http.tls_cert, "certificate chain, PEM; SIGHUP reads it again")
      ->needs(over_http);
  serve->add_option("--tls-key", http.tls_key, "its private key, PEM")->needs(over_http);
  serve
      ->add_option("--issuer", http.issuers,
                   "an authorization server whose access tokens count; more than one may be given")
      ->needs(over_http);
  serve->add_option("--audience", http.audience, "`aud` of its tokens (default: the public URL)")
      ->needs(over_http);
  serve->add_option("--public-url", http.public_url, "what clients call: https://mcp.example.com/mcp")
      ->needs(over_http);
  serve
      ->add_option("--identity", http.identity,
                   "server: everybody works with this server's Okta login; caller: each with their own")
      ->needs(over_http)
      ->capture_default_str();
  serve->add_option("--allow-origin", http.allowed_origins, "a web page's origin that may call")
      ->needs(over_http);
  serve->add_option("--allow-host", http.allowed_hosts, "a Host that is answered")->needs(over_http);
  serve->add_option("--calls-per-minute", http.calls_per_minute, "of one caller; 0: no limit")
      ->needs(over_http)
      ->capture_default_str();
  serve
      ->add_option("--introspection-client", http.introspection_client,
                   "client id for opaque tokens; its secret is OKTA_MCP_INTROSPECTION_SECRET")
      ->needs(over_http);
  serve->add_flag("--require-dpop", http.require_dpop, "only tokens that are bound to a key")
      ->needs(over_http);
  serve->add_option("--instances", http.instances, "how many instances answer at the public URL")
      ->needs(over_http)
      ->capture_default_str();
  serve->add_option("--admin", http.admin_listen, "HOST:PORT for /healthz, /readyz and /metrics")
      ->needs(over_http);
  serve->callback(run_serve);

  std::string toolset;
  bool granted = false;
  auto* tools = app.add_subcommand("tools", "list the tools");
  tools->add_option("--toolset", toolset,
                    "only one area: users, groups, applications, policies, logs, reports, agents");
  tools->add_flag("--granted", granted, "only what the present login may use");
  tools->add_flag("--json", as_json, "as JSON, with schemas");
  tools->callback([&] {
    run_on_all([&](const Configuration& with) { return cmd_tools(with, toolset, granted, as_json); });
  });

  std::string tool, args_json;
  std::vector<std::string> assignments;
  auto* call = app.add_subcommand("call", "call one tool");
  call->add_option("tool", tool, "its name")->required();
  call->add_option("arguments", assignments, "key=value ...");
  call->add_option("--args", args_json, "all arguments as one JSON object");
  call->add_flag("--json", as_json, "answer as JSON");
  call->callback([&] {
    run_on_all(
        [&](const Configuration& with) { return cmd_call(with, tool, args_json, assignments, as_json); });
  });

  std::string report_name, template_file;
  std::optional<int> days;
  auto* report = app.add_subcommand("report", "run a report");
  report->add_option("name", report_name, "inactive_users or membership_changes")->required();
  report->add_option("--days", days, "how far back");
  report->add_option("--template", template_file, "Markdown file with {{placeholders}}");
  report->callback([&] {
    run_on_all([&](const Configuration& with) { return cmd_report(with, report_name, days, template_file); });
  });

  std::string plan;
  bool set_passphrase = false;
  auto* approve =
      app.add_subcommand("approve", "release a change that waits for a person; without PLAN, list them");
  approve->add_option("plan", plan, "plan id");
  approve->add_flag("--set-passphrase", set_passphrase, "set the passphrase that releases changes");
  approve->callback(
      [&] { run([&](const Settings& with) { return cmd_approve(with, plan, set_passphrase); }); });

  LoginChoices login_choices;
  auto* login = app.add_subcommand("login", "sign in now");
  auto* with_browser = login->add_flag(
      "--browser", login_choices.browser,
      "with a browser on this machine (authorization code and PKCE) instead of link and code");
  login->add_option("--port", login_choices.port, "where the browser comes back to; 16582 when not given")
      ->needs(with_browser)
      ->check(CLI::Range(1024, 65535));
  login->add_flag("--no-qr", login_choices.no_qr, "no QR code of the link");
  login->add_flag("--json", login_choices.as_json, "prompt and outcome as JSON, one object to a line");
  login->callback([&] { run([&](const Settings& with) { return cmd_login(with, login_choices); }); });
  auto* logout = app.add_subcommand("logout", "forget the stored login and have its tokens revoked");
  logout->callback([&] { run([&](const Settings& with) { return cmd_logout(with); }); });
  auto* show_status = app.add_subcommand("status", "what is configured and granted");
  show_status->add_flag("--json", as_json, "as JSON");
  show_status->callback([&] {
    run_on_all([&](const Configuration& with) {
      int worst = 0;
      for (const auto& org : with.orgs) worst = std::max(worst, cmd_status(org, as_json));
      return worst;
    });
  });

  std::size_t count = 50;
  auto* audit = app.add_subcommand("audit", "the audit log of changes");
  audit->require_subcommand(1);
  auto* show = audit->add_subcommand("show", "the newest lines");
  show->add_option("--count", count, "how many")->capture_default_str();
  show->callback([&] { run([&](const Settings& with) { return cmd_audit_show(with, count); }); });
  audit->add_subcommand("verify", "check that no line was altered or taken out")->callback([&] {
    run([](const Settings& with) { return cmd_audit_verify(with); });
  });

  InitOptions init_options;
  auto* init = app.add_subcommand("init", "put this server into an MCP host's configuration");
  init->add_option("host", init_options.host,
                   "vscode, claude-desktop, claude-code, cursor, windsurf, gemini or codex")
      ->required();
  init->add_option("--scope", init_options.scope, "user or project: which of the host's files");
  init->add_option("--file", init_options.file, "this file instead");
  init->add_option("--name", init_options.name, "the entry's name")->capture_default_str();
  init->add_option("--org-url", init_options.org_url, "OKTA_ORG_URL of the entry");
  init->add_option("--client-id", init_options.client_id, "OKTA_CLIENT_ID of the entry");
  init->add_option("--scopes", init_options.scopes, "OKTA_SCOPES of the entry");
  init->add_option("--key-file", init_options.key_file, "the private key's file (see keygen)");
  init->add_option("--key-id", init_options.key_id, "its key id");
  init->add_option("--config-file", init_options.config, "a configuration file instead of all these");
  init->add_flag("--yes", init_options.yes, "write without asking");
  init->add_flag("--dry-run", init_options.dry_run, "show what would change, write nothing");
  init->callback([&] { status = cmd_init(init_options, environment); });

  KeygenOptions keygen_options;
  auto* keygen = app.add_subcommand("keygen", "make a private key for an API Services app");
  keygen->add_option("--type", keygen_options.type, "rsa or ec (P-256)")->capture_default_str();
  keygen->add_option("--bits", keygen_options.bits, "of an RSA key")->capture_default_str();
  keygen->add_option("--out", keygen_options.out,
                     "file for the private key (default: ~/.config/okta-mcp-server/private-key.pem)");
  keygen->add_option("--kid", keygen_options.kid, "key id (default: the key's thumbprint)");
  keygen->add_flag("--json", keygen_options.as_json, "as JSON");
  keygen->callback([&] { status = cmd_keygen(keygen_options, environment); });

  auto* doctor = app.add_subcommand("doctor", "check settings, network, sign-in and scopes");
  doctor->add_flag("--json", as_json, "as JSON");
  doctor->callback([&] { status = cmd_doctor(configure(), as_json); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (app.get_subcommands().empty()) run_serve();
  return status;
}
