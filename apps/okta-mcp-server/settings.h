// Settings of okta-mcp-server for one org, made from variables: those of the environment, and the keys of a
// configuration file under the variables' names (configuration.h puts both together). An empty or blank
// variable counts as unset; how bent values are read: setting_text.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/result.h"
#include "core/secret.h"
#include "oauth/store_choice.h"

// What was put right or ignored while reading; never holds a secret.
struct Notice {
  std::string setting;  // "OKTA_SCOPES"
  std::string text;
  core::LogLevel level = core::LogLevel::warning;
};

struct Settings {
  std::string org_url;              // OKTA_ORG_URL: "https://example.okta.com"
  std::string client_id;            // OKTA_CLIENT_ID
  std::vector<std::string> scopes;  // OKTA_SCOPES: separated by white space or commas
  core::Secret private_key;         // OKTA_PRIVATE_KEY: PEM, JWK, or the path of a file with one
  std::string key_id;               // OKTA_KEY_ID
  core::Secret api_token;           // OKTA_API_TOKEN: an SSWS token instead of OAuth
  std::string state_dir;            // OKTA_MCP_STATE_DIR: default $XDG_STATE_HOME/okta-mcp-server
  core::Secret
      state_store;       // OKTA_MCP_STATE_STORE: directory, or postgresql://..., which may hold a password
  std::string key_file;  // OKTA_MCP_KEY_FILE: seals the stored tokens
  oauth::StoreKind store = oauth::StoreKind::automatic;  // OKTA_MCP_STORE: auto, keyring, file, memory
  std::string credentials_directory;  // CREDENTIALS_DIRECTORY, as systemd sets it: may hold okta-mcp-key
  std::string toolset;                // OKTA_MCP_TOOLSET: areas to offer, separated by commas; empty for all
  std::optional<std::uint16_t> redirect_port;  // OKTA_MCP_REDIRECT_PORT: for `login --browser`, 1024 to 65535
  bool read_only = false;                      // OKTA_MCP_READ_ONLY: 1, true, yes, on
  core::LogLevel log_level = core::LogLevel::info;  // OKTA_LOG_LEVEL
  std::string log_file;                             // OKTA_LOG_FILE

  std::string org_name;  // in the configuration file; empty for an org that needs no name
  std::vector<Notice> notices;
  // Where a setting that did not come from the environment stands:
  // "OKTA_KEY_ID" → "key_id in [orgs.prod] of /home/ada/.config/okta-mcp-server/config.toml".
  std::map<std::string, std::string> origins;
  // Errors tell how to correct an answer that the MCP host remembers.
  bool host_prompts = false;
  // Callers are on other machines (serve --http).
  bool remote_callers = false;
  // One of several instances behind one address (serve --http --instances).
  struct OneOfSeveral {
    std::string address;  // what clients call
    std::string own;      // what only this instance has
  };
  std::optional<OneOfSeveral> one_of_several;
};

using Environment = std::map<std::string, std::string>;
Environment process_environment();

// Errors say which variable is wrong or contradicts which. What is merely missing is no error here: the
// server lists its tools without it, and missing_setting() names it when a call needs it.
core::Result<Settings> read_settings(const Environment& environment);

// The first setting without which nobody can sign in, in words for whoever sets it; nullopt when all are
// there. Reads the private key's file when only that can tell whether a key id is needed.
std::optional<core::Error> missing_setting(const Settings& settings);

// The error, its hint completed with where the settings stand that it names: in the configuration file, or
// in the answers that VS Code remembers (when settings.host_prompts). Does nothing a second time.
core::Error with_cure(core::Error error, const Settings& settings);

// The nine scopes that the tools use, separated by spaces.
std::string_view usual_scopes();
