// One function per command of okta-mcp-server; each returns the exit status.
// 0 done · 1 it failed · 2 the command or a setting is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "configuration.h"
#include "http_guard.h"
#include "http_options.h"
#include "oauth/device_grant.h"
#include "settings.h"

// Those that take the whole configuration serve every org of it; the others work on one.
int cmd_serve(const Configuration& configuration);
// Notes in the configuration that callers are elsewhere.
int cmd_serve_http(Configuration& configuration, const HttpFlags& flags, const GuardSecrets& secrets);
int cmd_tools(const Configuration& configuration, const std::string& toolset, bool granted, bool as_json);
int cmd_call(const Configuration& configuration, const std::string& tool, const std::string& args_json,
             const std::vector<std::string>& assignments, bool as_json);
int cmd_report(const Configuration& configuration, const std::string& name, std::optional<int> days,
               const std::string& template_file);
int cmd_approve(const Settings& settings, const std::string& plan, bool set_passphrase);
// `port` replaces OKTA_MCP_REDIRECT_PORT and is for `browser` only.
struct LoginChoices {
  bool browser = false;
  std::optional<std::uint16_t> port;
  bool no_qr = false;
  bool as_json = false;
};
int cmd_login(const Settings& settings, const LoginChoices& choices);
int cmd_logout(const Settings& settings);
int cmd_status(const Settings& settings, bool as_json);
int cmd_audit_show(const Settings& settings, std::size_t count);
int cmd_audit_verify(const Settings& settings);

// What may stand behind `init`; empty means not given.
struct InitOptions {
  std::string host;   // "vscode", see hosts.h
  std::string scope;  // "user" or "project"
  std::string file;   // instead of the host's own
  std::string name = "okta-mcp-server";
  std::string org_url;
  std::string client_id;
  std::string scopes;
  std::string key_file;  // path of the private key
  std::string key_id;
  std::string config;  // OKTA_MCP_CONFIG instead of all these
  bool yes = false;
  bool dry_run = false;
};
int cmd_init(const InitOptions& options, const Environment& environment);

struct KeygenOptions {
  std::string type = "rsa";  // or "ec"
  unsigned bits = 3072;      // RSA only
  std::string out;           // default: private-key.pem in the user's configuration directory
  std::string kid;           // default: the key's thumbprint (RFC 7638)
  bool as_json = false;
};
int cmd_keygen(const KeygenOptions& options, const Environment& environment);

// `configuration` may be an error: that is the first finding.
int cmd_doctor(const core::Result<Configuration>& configuration, bool as_json);

// Link and code of a device sign-in, on stderr.
void print_prompt(const oauth::DevicePrompt& prompt);

// "okta-mcp-server: MESSAGE HINT" on stderr, one line; returns 2 for wrong input and missing settings,
// else 1.
int complain(const core::Error& error);
