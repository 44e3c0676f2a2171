// The MCP hosts that `init` can set up: where each keeps its servers, in which form, and how an entry refers
// to what must not stand in the file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "settings.h"

enum class HostScope { project, user };

// How an entry of the host's file names a value that comes from elsewhere.
enum class Reference {
  input,         // "${input:X}": VS Code asks once and keeps the answer in its secret store
  env,           // "${env:X}": Cursor, Windsurf
  env_or_empty,  // "${X:-}": Claude Code, which without ":-" passes the name of an unset variable on
  shell,         // "${X}": Gemini CLI
  forward,       // env_vars = ["X"]: Codex hands the variable on when it is set
  none,          // Claude Desktop
};

struct Host {
  std::string_view id;            // "vscode", what stands on the command line
  std::string_view name;          // "VS Code"
  std::string_view project_file;  // below the project's directory; "" when it has none
  std::string_view servers;       // member (or TOML table) that holds the servers
  Reference reference = Reference::none;
  bool plain_json = false;  // comments and trailing commas make it ignore the file
  bool has_type = false;    // entries carry "type": "stdio"
  HostScope usual_scope = HostScope::user;
  std::string_view afterwards;  // what the person does next
};

std::span<const Host> hosts();
// Error app.host, which lists them all.
core::Result<const Host*> find_host(std::string_view id);

// The host's file in that scope: below `directory` for a project, else below HOME, XDG_CONFIG_HOME,
// CODEX_HOME or CLAUDE_CONFIG_DIR. Errors app.host_scope (it has no project file), app.home.
core::Result<std::string> host_file(const Host& host, HostScope scope, const std::string& directory,
                                    const Environment& environment);

// What the entry is to say.
struct HostEntry {
  std::string name = "okta-mcp-server";
  std::string command;  // absolute path of the program
  struct Variable {
    std::string name;                  // "OKTA_ORG_URL"
    std::optional<std::string> value;  // never a secret; nullopt: by reference
  };
  std::vector<Variable> variables;
};

struct HostEdit {
  std::string text;                  // the new file
  std::vector<std::string> notices;  // what the person should know, one sentence each
};

// The file with the entry in it. `text` is the present one, empty when there is none. What the entry has
// besides stays: other members, variables, and values that the person wrote where `entry` has a reference
// only. An entry that starts another program loses that program's arguments. Errors app.host_file (cannot be
// read: line and column), app.host_entry (an entry of that name is something else); the file is not to be
// touched then.
core::Result<HostEdit> edit_host_file(const Host& host, const std::string& text, const HostEntry& entry);

// Codex: config.toml (hosts_toml.cpp).
core::Result<HostEdit> edit_codex_file(const Host& host, const std::string& text, const HostEntry& entry);

// True when a server's sign-in comes from something that the five usual variables would only disturb.
bool signs_in_otherwise(std::string_view variable);
// A value that is the secret itself: neither a reference nor a path.
bool is_plain_secret(std::string_view variable, std::string_view value);
// True when `command` starts this program, wherever it lies.
bool is_our_program(std::string_view command);
