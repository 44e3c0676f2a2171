// Settings of okta-mcp-server, from flags and environment. An empty or blank variable counts as unset.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/context.h"
#include "core/result.h"
#include "core/secret.h"
#include "oauth/store_choice.h"

struct Settings {
  std::string org_url;              // OKTA_ORG_URL: "https://example.okta.com"
  std::string client_id;            // OKTA_CLIENT_ID
  std::vector<std::string> scopes;  // OKTA_SCOPES: separated by white space or commas
  core::Secret private_key;         // OKTA_PRIVATE_KEY: PEM, JWK, or the path of a file with one
  std::string key_id;               // OKTA_KEY_ID
  core::Secret api_token;           // OKTA_API_TOKEN: an SSWS token instead of OAuth
  std::string state_dir;            // OKTA_MCP_STATE_DIR: default $XDG_STATE_HOME/okta-mcp-server
  std::string key_file;             // OKTA_MCP_KEY_FILE: seals the stored tokens
  oauth::StoreKind store = oauth::StoreKind::automatic;  // OKTA_MCP_STORE: auto, keyring, file, memory
  std::string credentials_directory;  // CREDENTIALS_DIRECTORY, as systemd sets it: may hold okta-mcp-key
  std::string toolset;                // OKTA_MCP_TOOLSET: areas to offer, separated by commas; empty for all
  bool read_only = false;             // OKTA_MCP_READ_ONLY: 1, true, yes, on
  core::LogLevel log_level = core::LogLevel::info;  // OKTA_LOG_LEVEL
  std::string log_file;                             // OKTA_LOG_FILE
};

using Environment = std::map<std::string, std::string>;
Environment process_environment();

// Errors say which variable is wrong or contradicts which. What is merely missing is no error here: the
// server lists its tools without it, and missing_setting() names it when a call needs it.
core::Result<Settings> read_settings(const Environment& environment);

// The first setting without which nobody can sign in, in words for whoever sets it; nullopt when all are
// there.
std::optional<core::Error> missing_setting(const Settings& settings);
