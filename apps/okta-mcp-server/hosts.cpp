#include "hosts.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/jsonc_edit.h"
#include "core/log.h"

namespace {

using core::ErrorKind;
using core::fail;
namespace json = core::json;
namespace jsonc = core::jsonc;

// Files and forms: code.visualstudio.com/docs/copilot/reference/mcp-configuration,
// code.claude.com/docs/en/mcp, modelcontextprotocol.io/quickstart/user, cursor.com/docs/mcp,
// docs.windsurf.com/windsurf/cascade/mcp, geminicli.com/docs/tools/mcp-server,
// developers.openai.com/codex/mcp.
constexpr std::array kHosts{
    Host{.id = "vscode",
         .name = "VS Code",
         .project_file = ".vscode/mcp.json",
         .servers = "servers",
         .reference = Reference::input,
         .has_type = true,
         .usual_scope = HostScope::project,
         .afterwards = "Open the file in VS Code and click Start above the entry; VS Code then asks for the "
                       "values once. Leave key and key id empty to sign in with a browser."},
    Host{.id = "claude-desktop",
         .name = "Claude Desktop",
         .servers = "mcpServers",
         .plain_json = true,
         .afterwards = "Quit Claude Desktop (closing its window is not enough) and start it again."},
    Host{.id = "claude-code",
         .name = "Claude Code",
         .project_file = ".mcp.json",
         .servers = "mcpServers",
         .reference = Reference::env_or_empty,
         .plain_json = true,
         .has_type = true,
         .afterwards = "Start Claude Code anew; /mcp shows the server."},
    Host{.id = "cursor",
         .name = "Cursor",
         .project_file = ".cursor/mcp.json",
         .servers = "mcpServers",
         .reference = Reference::env,
         .afterwards = "Turn the server on in Cursor's settings, under MCP."},
    Host{.id = "windsurf",
         .name = "Windsurf",
         .servers = "mcpServers",
         .reference = Reference::env,
         .afterwards = "Press refresh in Windsurf's MCP panel."},
    Host{.id = "gemini",
         .name = "Gemini CLI",
         .project_file = ".gemini/settings.json",
         .servers = "mcpServers",
         .reference = Reference::shell,
         .afterwards = "Start Gemini CLI anew; /mcp shows the server."},
    Host{.id = "codex",
         .name = "Codex",
         .project_file = ".codex/config.toml",
         .servers = "mcp_servers",
         .reference = Reference::forward,
         .afterwards = "Start Codex anew; /mcp shows the server."},
};

std::string variable_of(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string{} : found->second;
}

std::string refer(Reference reference, std::string_view variable) {
  switch (reference) {
    case Reference::input:
      return fmt::format("${{input:{}}}", variable);
    case Reference::env:
      return fmt::format("${{env:{}}}", variable);
    case Reference::env_or_empty:
      return fmt::format("${{{}:-}}", variable);
    case Reference::shell:
      return fmt::format("${{{}}}", variable);
    case Reference::forward:
    case Reference::none:
      return {};
  }
  return {};
}

// The inputs of VS Code, with the ids that guides for Okta's own server use: answers given for one serve the
// other.
json::Object input(std::string_view id) {
  struct Text {
    std::string_view id, description;
    bool password;
  };
  constexpr std::array kInputs{
      Text{"OKTA_ORG_URL", "Okta org URL, such as https://example.okta.com", false},
      Text{"OKTA_CLIENT_ID", "Client id of the app integration", false},
      Text{"OKTA_SCOPES", "Scopes, such as okta.users.read okta.groups.read okta.logs.read", false},
      Text{"OKTA_PRIVATE_KEY", "Private key, or the path of its file (empty: sign in with a browser)", true},
      Text{"OKTA_KEY_ID", "Key id of the private key (empty: sign in with a browser)", false},
  };
  const auto* known = std::ranges::find(kInputs, id, &Text::id);
  const bool password = known == kInputs.end() || known->password;
  json::Object out{{"type", "promptString"},
                   {"id", id},
                   {"description", known == kInputs.end() ? id : known->description}};
  if (password) out["password"] = true;
  return out;
}

std::unexpected<core::Error> unreadable(const Host& host, const core::Error& why) {
  return fail(ErrorKind::invalid_input, "app.host_file",
              fmt::format("{}'s file cannot be read: {}.", host.name, why.message),
              "Nothing was changed. Mend the file there, or choose another with --file.");
}

// A JSON file that is being edited, and what there is to say about it.
class JsonEdit {
 public:
  JsonEdit(const Host& host, const HostEntry& entry, jsonc::Document document)
      : host_(host), entry_(entry), document_(std::move(document)) {}

  core::Result<HostEdit> run() {
    if (const auto where = document_.first_extension(); where && host_.plain_json) {
      notices_.push_back(fmt::format(
          "{} reads plain JSON only and ignores a file with comments or trailing commas: there is one at {}.",
          host_.name, document_.place(*where)));
    }
    ASSIGN_OR_RETURN(const auto present, document_.get(at()));
    if (present) {
      RETURN_IF_ERROR(mend(*present));
      ASSIGN_OR_RETURN(const auto env, document_.get(at("env")));
      if (env && env->is_object()) RETURN_IF_ERROR(declare_inputs(env->get_object()));
    } else {
      const json::Object entry = fresh();
      RETURN_IF_ERROR(declare_inputs(entry.at("env").get_object()));
      RETURN_IF_ERROR(document_.set(at(), entry));
    }
    return HostEdit{.text = document_.text(), .notices = std::move(notices_)};
  }

 private:
  jsonc::Path at() const { return {std::string(host_.servers), entry_.name}; }
  jsonc::Path at(std::string member) const {
    auto path = at();
    path.push_back(std::move(member));
    return path;
  }

  json::Object fresh() const {
    json::Object object;
    if (host_.has_type) object["type"] = "stdio";
    object["command"] = entry_.command;
    json::Object env;
    for (const auto& variable : entry_.variables) {
      env[variable.name] = variable.value ? *variable.value : refer(host_.reference, variable.name);
    }
    object["env"] = std::move(env);
    return object;
  }

  std::unexpected<core::Error> something_else(std::string_view what) const {
    return fail(ErrorKind::conflict, "app.host_entry",
                fmt::format("\"{}\" in {}'s file {}.", entry_.name, host_.name, what),
                "Nothing was changed. Take it out, or give the new entry another name with --name.");
  }

  core::Status mend(const json::Value& present) {
    const auto* entry = present.if_object();
    if (!entry) return something_else("is no object");
    if (entry->contains("url") || entry->contains("serverUrl") || entry->contains("httpUrl")) {
      return something_else("is a server on the network");
    }
    if (entry->contains("type")) RETURN_IF_ERROR(document_.set(at("type"), "stdio"));
    const auto command = json::string_or_empty(*entry, "command");
    if (!is_our_program(command) && entry->contains("args")) {
      RETURN_IF_ERROR(document_.set(at("args"), json::Array{}));
      notices_.push_back(fmt::format("The entry started another program ({}); its arguments are taken out.",
                                     core::redact(command)));
    }
    RETURN_IF_ERROR(document_.set(at("command"), json::Value(entry_.command)));
    const auto* env = json::find(*entry, "env");
    const json::Object none;
    const json::Object& variables = env && env->is_object() ? env->get_object() : none;
    bool otherwise = false;
    for (const auto& member : variables) {
      otherwise = otherwise || signs_in_otherwise(member.key());
      if (member.value().is_string() && is_plain_secret(member.key(), member.value().get_string())) {
        notices_.push_back(
            fmt::format("{} holds the secret itself: better the path of a file that only you can read.",
                        std::string_view(member.key())));
      }
    }
    for (const auto& variable : entry_.variables) {
      if (!variable.value && (variables.contains(variable.name) || otherwise)) continue;
      auto path = at("env");
      path.push_back(variable.name);
      RETURN_IF_ERROR(document_.set(
          path, json::Value(variable.value ? *variable.value : refer(host_.reference, variable.name))));
    }
    return {};
  }

  // Every input that the entry refers to is declared; those that are there stay as they are.
  core::Status declare_inputs(const json::Object& env) {
    if (host_.reference != Reference::input) return {};
    for (const auto& variable : entry_.variables) {
      if (json::string_or_empty(env, variable.name) != refer(Reference::input, variable.name)) continue;
      ASSIGN_OR_RETURN(const auto inputs, document_.get({"inputs"}));
      const bool declared =
          inputs && inputs->is_array() &&
          std::ranges::any_of(inputs->get_array(), [&](const json::Value& each) {
            return each.is_object() && json::string_or_empty(each.get_object(), "id") == variable.name;
          });
      if (!declared) RETURN_IF_ERROR(document_.append({"inputs"}, input(variable.name)));
    }
    return {};
  }

  const Host& host_;
  const HostEntry& entry_;
  jsonc::Document document_;
  std::vector<std::string> notices_;
};

}  // namespace

std::span<const Host> hosts() {
  return kHosts;
}

core::Result<const Host*> find_host(std::string_view id) {
  const auto* found = std::ranges::find(kHosts, id, &Host::id);
  if (found != kHosts.end()) return found;
  std::vector<std::string_view> ids;
  ids.reserve(kHosts.size());
  for (const auto& host : kHosts) ids.push_back(host.id);
  return fail(ErrorKind::invalid_input, "app.host", fmt::format("\"{}\" is no host that init knows.", id),
              fmt::format("Use one of: {}.", fmt::join(ids, ", ")));
}

core::Result<std::string> host_file(const Host& host, HostScope scope, const std::string& directory,
                                    const Environment& environment) {
  if (scope == HostScope::project) {
    if (host.project_file.empty()) {
      return fail(ErrorKind::invalid_input, "app.host_scope",
                  fmt::format("{} has no file of its own per project.", host.name), "Use --scope user.");
    }
    return directory + "/" + std::string(host.project_file);
  }
  const std::string home = variable_of(environment, "HOME");
  if (!home.starts_with('/')) {
    return fail(ErrorKind::invalid_input, "app.home", "HOME is not set.", "Name the file with --file.");
  }
  auto directory_of = [&](const char* variable, std::string otherwise) {
    auto set = variable_of(environment, variable);
    return set.starts_with('/') ? set : std::move(otherwise);
  };
  if (host.id == "vscode") return directory_of("XDG_CONFIG_HOME", home + "/.config") + "/Code/User/mcp.json";
  if (host.id == "claude-desktop") {
    return directory_of("XDG_CONFIG_HOME", home + "/.config") + "/Claude/claude_desktop_config.json";
  }
  if (host.id == "claude-code") return directory_of("CLAUDE_CONFIG_DIR", home) + "/.claude.json";
  if (host.id == "windsurf") return home + "/.codeium/windsurf/mcp_config.json";
  if (host.id == "codex") return directory_of("CODEX_HOME", home + "/.codex") + "/config.toml";
  return home + "/" + std::string(host.project_file);
}

core::Result<HostEdit> edit_host_file(const Host& host, const std::string& text, const HostEntry& entry) {
  if (host.reference == Reference::forward) return edit_codex_file(host, text, entry);
  auto document = jsonc::Document::parse(text);
  if (!document) return unreadable(host, document.error());
  auto edited = JsonEdit(host, entry, *std::move(document)).run();
  if (!edited && edited.error().code.starts_with("core.jsonc.")) return unreadable(host, edited.error());
  return edited;
}

bool signs_in_otherwise(std::string_view variable) {
  return variable == "OKTA_MCP_CONFIG" || variable == "OKTA_API_TOKEN";
}

bool is_plain_secret(std::string_view variable, std::string_view value) {
  if (value.empty() || value.contains("${")) return false;
  if (variable == "OKTA_API_TOKEN") return true;
  return variable == "OKTA_PRIVATE_KEY" && !value.starts_with('/') && !value.starts_with('~') &&
         !value.starts_with("file:");
}

bool is_our_program(std::string_view command) {
  const auto slash = command.find_last_of('/');
  return (slash == std::string_view::npos ? command : command.substr(slash + 1)) == "okta-mcp-server";
}
