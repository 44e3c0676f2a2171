// okta-agent-registry: the control plane for AI agents and MCP servers. Reads the command line, runs one
// command.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <sodium.h>
#include <string>

#include "build_version.h"
#include "commands.h"
#include "core/log.h"
#include "core/secret.h"

namespace {

struct LogFlags {
  std::string level = "info";
  std::string file;
};

int with_log(const LogFlags& flags, const std::function<int()>& command) {
  const auto level = core::parse_log_level(flags.level);
  if (!level)
    return complain({.kind = core::ErrorKind::invalid_input,
                     .code = "app.log_level",
                     .message = "There is no log level \"" + flags.level + "\".",
                     .hint = "Choose debug, info, notice, warning or error."});
  if (const auto configured = core::configure_log({.level = *level, .file = flags.file}); !configured)
    return complain(configured.error());
  return command();
}

}  // namespace

int main(int argc, char** argv) {
  core::forbid_core_dumps();
  if (sodium_init() < 0) {
    std::fputs("okta-agent-registry: libsodium cannot start; no randomness is available.\n", stderr);
    return 1;
  }
  CLI::App app{
      "Registers, validates and watches MCP servers, and gives AI agents tokens for them. Not affiliated "
      "with Okta, Inc."};
  app.set_version_flag("--version", std::string("okta-agent-registry ") + build_version());
  app.footer(
      "Settings come from the command line, else from the environment: OKTA_REGISTRY_STORE (also with a "
      "password in it),\n"
      "OKTA_REGISTRY_ISSUER, OKTA_REGISTRY_KEY_FILE, OKTA_REGISTRY_LISTEN, OKTA_REGISTRY_ADMIN, "
      "OKTA_LOG_LEVEL, OKTA_LOG_FILE;\n"
      "for token: OKTA_PRIVATE_KEY, OKTA_KEY_ID, OKTA_CLIENT_SECRET. docs/operations.md has the rest.");
  app.require_subcommand(1);
  app.fallthrough();
  StoreFlags store;
  LogFlags log;
  app.add_option("--store", store.store, "sqlite:PATH, or postgresql://USER@HOST/DATABASE")
      ->envname("OKTA_REGISTRY_STORE");
  app.add_option("--issuer", store.issuer,
                 "the registry's origin, as people and agents call it (default: as served last)")
      ->envname("OKTA_REGISTRY_ISSUER");
  app.add_option("--key-file", store.key_file,
                 "32 bytes, raw, hex or base64, that guard what is sealed in the store (default with SQLite: "
                 "PATH.key, made when it is missing)")
      ->envname("OKTA_REGISTRY_KEY_FILE");
  app.add_option("--log-level", log.level, "debug, info, notice, warning or error")
      ->envname("OKTA_LOG_LEVEL")
      ->capture_default_str();
  app.add_option("--log-file", log.file, "log to this file as well as to standard error")
      ->envname("OKTA_LOG_FILE");
  int status = 0;
  const auto run = [&](auto command) { return [&, command] { status = with_log(log, command); }; };

  ServeFlags flags;
  auto* serve = app.add_subcommand("serve", "serve the API, the token endpoints and the console");
  serve->add_option("--listen", flags.listen, "HOST:PORT or unix:PATH; port 0 picks a free one")
      ->envname("OKTA_REGISTRY_LISTEN")
      ->capture_default_str();
  serve->add_option("--tls-cert", flags.tls_cert, "certificate chain, PEM; SIGHUP reads it again");
  serve->add_option("--tls-key", flags.tls_key, "its private key, PEM");
  serve->add_flag("--behind-proxy", flags.behind_proxy,
                  "a proxy in front speaks TLS, and nobody else reaches this address");
  serve->add_option("--admin", flags.admin_listen, "HOST:PORT for /healthz, /readyz and /metrics")
      ->envname("OKTA_REGISTRY_ADMIN");
  serve->add_option("--allow-network", flags.allowed_networks,
                    "CIDR of an inner network where MCP servers and identity providers may be; may be "
                    "repeated (default: none, only the public Internet)");
  serve->add_flag("--allow-http-loopback", flags.allow_http_loopback,
                  "MCP servers and identity providers on this machine by plain http, for development");
  serve
      ->add_option("--check-interval", flags.check_interval_s,
                   "seconds between two checks of a server that is not PENDING")
      ->check(CLI::Range(10u, 86'400u))
      ->capture_default_str();
  serve->add_option("--first-owner", flags.first_owner,
                    "login of the person who administers the registry; counts while there is no owner");
  serve->add_option("--calls-per-minute", flags.calls_per_minute, "of the API, for one caller")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}))
      ->capture_default_str();
  serve->add_option("--worker-threads", flags.worker_threads, "checks and operations at once")
      ->check(CLI::Range(std::size_t{1}, std::size_t{64}))
      ->capture_default_str();
  serve
      ->add_option("--work-lease", flags.work_lease_s,
                   "seconds until another node takes over what a dead one had begun")
      ->check(CLI::Range(2u, 3600u))
      ->capture_default_str();
  serve->add_option("--request-threads", flags.request_threads, "requests answered at once")
      ->check(CLI::Range(std::size_t{1}, std::size_t{256}))
      ->capture_default_str();
  serve->callback(run([&] { return cmd_serve(store, flags); }));

  auto* migrate = app.add_subcommand("migrate", "bring the store's schema up to date");
  migrate->callback(run([&] { return cmd_migrate(store); }));

  std::string backup_file;
  auto* backup = app.add_subcommand("backup", "copy a SQLite store while it is used");
  backup->add_option("file", backup_file, "the copy; it must not be there yet")->required();
  backup->callback(run([&] { return cmd_backup(store, backup_file); }));

  bool as_json = false;
  std::string key_server = "org";
  auto* keys = app.add_subcommand("keys", "what the authorization servers sign with");
  keys->require_subcommand(1);
  auto* keys_list = keys->add_subcommand("list", "the keys of one authorization server");
  auto* keys_rotate = keys->add_subcommand("rotate", "sign with the next key from now on");
  for (auto* command : {keys_list, keys_rotate}) {
    command->add_option("--server", key_server, "org, or the id of a custom authorization server (aus...)")
        ->capture_default_str();
    command->add_flag("--json", as_json, "as JSON");
  }
  keys_list->callback(run([&] { return cmd_keys_list(store, key_server, as_json); }));
  keys_rotate->callback(run([&] { return cmd_keys_rotate(store, key_server, as_json); }));

  std::string scopes;
  std::string ttl = "1h";
  auto* admin_token = app.add_subcommand("admin-token", "mint an access token for the API, to stdout");
  admin_token->add_option("--scopes", scopes, "separated by spaces (default: all of them)");
  admin_token->add_option("--ttl", ttl, "how long it lives: 15m, 1h; at most 24h")->capture_default_str();
  admin_token->add_flag("--json", as_json, "with its scopes and lifetime, as JSON");
  admin_token->callback(run([&] { return cmd_admin_token(store, scopes, ttl, as_json); }));

  TokenFlags token;
  auto* get_token = app.add_subcommand("token", "get an access token for an MCP server, as an agent does");
  get_token->add_option("--agent", token.agent, "the agent's client id: wlp..., or a metadata document's URL")
      ->required();
  get_token->add_option("--server", token.server, "the MCP server's URL, as registered")->required();
  get_token->add_option("--scope", token.scope,
                        "separated by spaces; needed where the registry's own server gives the token");
  get_token->add_option("--audience", token.audience,
                        "issuer of the server's authorization server (default: as its metadata says)");
  get_token->add_option("--key", token.key_file, "file with the agent's private key, PEM or JWK");
  get_token->add_option("--key-id", token.key_id, "its key id (default: the JWK's, else the thumbprint)")
      ->envname("OKTA_KEY_ID");
  get_token->add_option("--subject-token", token.subject_token_file,
                        "file with an ID token made for this agent, - for stdin (default: sign in with a "
                        "browser)");
  get_token->add_option("--save-subject-token", token.save_subject_token,
                        "file that keeps the ID token of the sign-in for --subject-token (mode 0600)");
  get_token
      ->add_option("--port", token.port, "where the browser comes back to: http://127.0.0.1:PORT/callback")
      ->check(CLI::Range(1024, 65535))
      ->capture_default_str();
  get_token->add_flag("--explain", token.explain, "show the claims of what was issued, on stderr");
  get_token->add_flag("--json", token.as_json, "the whole answer, as JSON");
  get_token->callback(run([&] {
    token.issuer = store.issuer;
    return cmd_token(token);
  }));

  auto* doctor = app.add_subcommand("doctor", "look at store, keys, owners and identity providers");
  doctor->add_flag("--json", as_json, "as JSON");
  doctor->callback(run([&] { return cmd_doctor(store, as_json); }));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  return status;
}
