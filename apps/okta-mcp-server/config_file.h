// The configuration file: TOML, one org or several.
//
//   default_org = "prod"                    # needed when there are several
//   toolset = ["users", "groups"]
//
//   [orgs.prod]
//   org_url = "https://example.okta.com"
//   client_id = "0oa..."
//   scopes = ["okta.users.read", "okta.groups.read"]
//   private_key_file = "prod.pem"           # relative to this file
//   key_id = "..."
//
// A file with one org may keep the org's keys at its top instead. Every key stands for an environment
// variable (docs/configuration.md); the schema is closed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

struct ConfigFile {
  struct Value {
    std::string text;   // as the variable would hold it: lists separated by spaces, "true", "false"
    std::string where;  // "key_id in [orgs.prod] of /etc/okta.toml (line 7)"
  };
  using Values = std::map<std::string, Value>;  // by the variable's name: "OKTA_KEY_ID"
  struct Org {
    std::string name;  // empty: the keys stood at the top of the file
    Values values;
  };

  std::string path;
  Values program;         // settings of the whole program
  std::vector<Org> orgs;  // in the file's order; none when only the program is configured
  std::string default_org;
};

// Reads the file; nullopt when there is none. At most 1 MiB.
// Errors, which name file and line, never a value:
//   app.config.syntax, app.config.key (unknown, or at the wrong place; the hint names the nearest),
//   app.config.type, app.config.value (two keys exclude each other, a name that is none, no such
//   default_org), app.config.permissions: others may write it, or may read it and it holds a secret,
//   app.config.unreadable
core::Result<std::optional<ConfigFile>> read_config_file(const std::string& path);

// The same from its text. `directory`: of the file, for relative paths; `exposed`: other users may read it.
core::Result<ConfigFile> parse_config(std::string_view text, const std::string& path,
                                      const std::string& directory, bool exposed);
