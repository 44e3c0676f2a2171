// Everything the program was told: flags, then environment, then configuration file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "settings.h"

struct ConfigurationRequest {
  std::string file;         // --config
  std::string org;          // --org: only this org
  bool for_a_host = false;  // an MCP host started the program and set its environment
};

// One org or several. The environment's OKTA_ORG_URL, OKTA_CLIENT_ID, OKTA_SCOPES, OKTA_PRIVATE_KEY,
// OKTA_KEY_ID and OKTA_API_TOKEN override the default org's keys only; all other variables hold for every
// org. Read-only mode adds up: what the program or the org says, and neither lifts the other's.
struct Configuration {
  std::vector<Settings> orgs;  // at least one
  std::size_t default_org = 0;
  std::string file;  // that was read; empty for none

  bool several() const { return orgs.size() > 1; }
  const Settings& standard() const { return orgs[default_org]; }
  const Settings* find(std::string_view name) const;
  // Of all orgs, each once.
  std::vector<Notice> notices() const;
};

// The file is --config, else OKTA_MCP_CONFIG, else $XDG_CONFIG_HOME/okta-mcp-server/config.toml (default
// ~/.config) where that exists. Errors: those of read_config_file() and read_settings(); app.org when --org
// names none; app.config.value when two orgs would share one stored login.
core::Result<Configuration> read_configuration(const Environment& environment,
                                               const ConfigurationRequest& request);
