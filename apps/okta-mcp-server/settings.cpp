#include "settings.h"

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "core/log.h"
#include "core/state_store.h"
#include "oauth/key_loading.h"
#include "setting_text.h"

namespace {

using core::ErrorKind;
using core::fail;

// What a person is asked for, and so can get wrong.
constexpr std::array<std::string_view, 6> kPrompted = {
    "OKTA_ORG_URL", "OKTA_CLIENT_ID", "OKTA_SCOPES", "OKTA_PRIVATE_KEY", "OKTA_KEY_ID", "OKTA_API_TOKEN"};

std::string value_in(const Environment& environment, const char* name) {
  auto found = environment.find(name);
  return found == environment.end() ? std::string{} : tidied(found->second);
}

std::string default_state_dir(const Environment& environment) {
  if (auto xdg = value_in(environment, "XDG_STATE_HOME"); xdg.starts_with('/'))
    return xdg + "/okta-mcp-server";
  if (auto home = value_in(environment, "HOME"); !home.empty()) {
    return home + "/.local/state/okta-mcp-server";
  }
  return {};
}

// An answer that went into another prompt. The key itself must not reach a message, a log or Okta.
core::Status refuse_stray_key(std::string_view name, std::string_view value) {
  if (name == "OKTA_PRIVATE_KEY" || !value.contains("-----BEGIN")) return {};
  return fail(ErrorKind::invalid_input, "app.settings",
              fmt::format("{} holds a private key: two answers changed places.", name),
              fmt::format("Give the key as OKTA_PRIVATE_KEY, and {} what belongs there.", name));
}

// Header and JSON stay what they are, whatever was typed.
bool is_plain_word(std::string_view text) {
  for (char c : text) {
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\') return false;
  }
  return true;
}

// For a message: short, on one line, and nothing that looks like a credential.
std::string shown(std::string_view value) {
  if (value.size() > 40 || !is_plain_word(value) || core::redact(value) != value) return "that";
  return fmt::format("\"{}\"", value);
}

// Reads one variable after the other and keeps what has to be said about them.
class Variables {
 public:
  Variables(const Environment& environment, Settings& settings)
      : environment_(environment), settings_(settings) {}

  core::Result<std::string> get(const char* name) {
    auto found = environment_.find(name);
    if (found == environment_.end()) return std::string{};
    Given given = read_given(name, found->second);
    if (!given.odd.empty()) say(name, std::move(given.odd));
    RETURN_IF_ERROR(refuse_stray_key(name, given.value));
    return std::move(given.value);
  }
  core::Result<std::string> get_path(const char* name) {
    ASSIGN_OR_RETURN(auto path, get(name));
    return expand_home(std::move(path), value_in(environment_, "HOME"));
  }
  void say(std::string_view name, std::string text, core::LogLevel level = core::LogLevel::warning) {
    settings_.notices.push_back({std::string(name), std::move(text), level});
  }

 private:
  const Environment& environment_;
  Settings& settings_;
};

core::Status read_org(Variables& variables, Settings& settings) {
  ASSIGN_OR_RETURN(auto url, variables.get("OKTA_ORG_URL"));
  if (!url.empty()) {
    ASSIGN_OR_RETURN(OrgUrl org, mend_org_url(url));
    settings.org_url = std::move(org.origin);
    if (!org.mended.empty()) {
      variables.say(
          "OKTA_ORG_URL",
          fmt::format("OKTA_ORG_URL is read as {}: {}.", settings.org_url, fmt::join(org.mended, "; ")),
          core::LogLevel::notice);
    }
  }
  ASSIGN_OR_RETURN(settings.client_id, variables.get("OKTA_CLIENT_ID"));
  ASSIGN_OR_RETURN(auto scopes, variables.get("OKTA_SCOPES"));
  settings.scopes = split_words(scopes);
  for (const auto& scope : settings.scopes) {
    if (!scope.contains("${")) continue;
    return fail(ErrorKind::invalid_input, "app.settings",
                "OKTA_SCOPES holds a placeholder that the host did not resolve.",
                "Write the scopes themselves, separated by spaces.");
  }
  return {};
}

core::Status read_credentials(Variables& variables, Settings& settings) {
  ASSIGN_OR_RETURN(auto key, variables.get_path("OKTA_PRIVATE_KEY"));
  settings.private_key = core::Secret(std::move(key));
  ASSIGN_OR_RETURN(settings.key_id, variables.get("OKTA_KEY_ID"));
  if (!is_plain_word(settings.key_id)) {
    return fail(ErrorKind::invalid_input, "app.settings", "OKTA_KEY_ID has characters that no key id has.",
                "Copy the key id (KID) from the app's General tab, Client Credentials.");
  }
  ASSIGN_OR_RETURN(auto token, variables.get("OKTA_API_TOKEN"));
  if (token.starts_with("SSWS ")) {
    token = tidied(token.substr(5));
    variables.say("OKTA_API_TOKEN", "OKTA_API_TOKEN is read without the word SSWS in front of it.",
                  core::LogLevel::notice);
  }
  settings.api_token = core::Secret(std::move(token));
  if (settings.api_token.empty()) return {};
  if (!settings.private_key.empty()) {
    return fail(ErrorKind::invalid_input, "app.settings", "OKTA_API_TOKEN and OKTA_PRIVATE_KEY are both set.",
                "Unset one of them: either the API token signs in, or the key does.");
  }
  if (!settings.client_id.empty()) {
    variables.say(
        "OKTA_API_TOKEN",
        "OKTA_API_TOKEN signs in, so OKTA_CLIENT_ID is not used. Unset the token to sign in by OAuth.",
        core::LogLevel::notice);
  }
  return {};
}

core::Status read_program(Variables& variables, const Environment& environment, Settings& settings) {
  ASSIGN_OR_RETURN(settings.state_dir, variables.get_path("OKTA_MCP_STATE_DIR"));
  if (settings.state_dir.empty()) settings.state_dir = default_state_dir(environment);
  ASSIGN_OR_RETURN(auto state_store, variables.get("OKTA_MCP_STATE_STORE"));
  settings.state_store = core::Secret(std::move(state_store));
  if (auto made = core::make_state_store(settings.state_store, settings.state_dir); !made) {
    return fail(ErrorKind::invalid_input, "app.settings",
                "OKTA_MCP_STATE_STORE is neither a directory nor PostgreSQL.", made.error().hint);
  }
  ASSIGN_OR_RETURN(settings.key_file, variables.get_path("OKTA_MCP_KEY_FILE"));
  ASSIGN_OR_RETURN(auto store, variables.get("OKTA_MCP_STORE"));
  ASSIGN_OR_RETURN(settings.store, oauth::parse_store_kind(store));
  ASSIGN_OR_RETURN(settings.credentials_directory, variables.get_path("CREDENTIALS_DIRECTORY"));
  ASSIGN_OR_RETURN(auto toolset, variables.get("OKTA_MCP_TOOLSET"));
  settings.toolset = fmt::format("{}", fmt::join(split_words(toolset), ","));
  ASSIGN_OR_RETURN(settings.log_file, variables.get_path("OKTA_LOG_FILE"));
  ASSIGN_OR_RETURN(auto level, variables.get("OKTA_LOG_LEVEL"));
  if (!level.empty()) {
    auto parsed = core::parse_log_level(level);
    if (!parsed) {
      return fail(ErrorKind::invalid_input, "app.settings",
                  fmt::format("OKTA_LOG_LEVEL cannot be {}.", shown(level)),
                  "Use debug, info, warning or error.");
    }
    settings.log_level = *parsed;
  }
  ASSIGN_OR_RETURN(auto port, variables.get("OKTA_MCP_REDIRECT_PORT"));
  if (!port.empty()) {
    std::uint16_t number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number < 1024) {
      return fail(ErrorKind::invalid_input, "app.settings",
                  fmt::format("OKTA_MCP_REDIRECT_PORT cannot be {}.", shown(port)),
                  "Set it to a port from 1024 to 65535, or leave it unset for 16582.");
    }
    settings.redirect_port = number;
  }
  ASSIGN_OR_RETURN(auto flag, variables.get("OKTA_MCP_READ_ONLY"));
  if (flag.empty()) return {};
  auto read_only = parse_flag(flag);
  // A guard whose setting is not understood stays up.
  if (!read_only) {
    return fail(ErrorKind::invalid_input, "app.settings",
                fmt::format("OKTA_MCP_READ_ONLY cannot be {}.", shown(flag)), "Use true or false.");
  }
  settings.read_only = *read_only;
  return {};
}

}  // namespace

Environment process_environment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text(*entry);
    auto equals = text.find('=');
    if (equals != std::string_view::npos) {
      environment.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return environment;
}

core::Result<Settings> read_settings(const Environment& environment) {
  Settings settings;
  Variables variables(environment, settings);
  RETURN_IF_ERROR(read_org(variables, settings));
  RETURN_IF_ERROR(read_credentials(variables, settings));
  RETURN_IF_ERROR(read_program(variables, environment, settings));
  return settings;
}

std::string_view usual_scopes() {
  return "okta.users.read okta.users.manage okta.groups.read okta.groups.manage okta.apps.read "
         "okta.apps.manage okta.policies.read okta.policies.manage okta.logs.read";
}

std::optional<core::Error> missing_setting(const Settings& settings) {
  auto missing = [&](std::string_view name, std::string hint) {
    // Why it is missing, where something was there that does not count.
    for (const auto& notice : settings.notices) {
      if (notice.setting == name) hint += " " + notice.text;
    }
    return core::Error{ErrorKind::unauthenticated, "app.setting_missing", fmt::format("{} is not set.", name),
                       std::move(hint), std::nullopt};
  };
  if (settings.org_url.empty()) {
    return missing("OKTA_ORG_URL",
                   "Set it to your org's address, such as https://example.okta.com, and restart.");
  }
  if (!settings.api_token.empty()) return std::nullopt;
  if (settings.client_id.empty()) {
    return missing("OKTA_CLIENT_ID",
                   "Set it to the client id of the app integration made for this server, and restart.");
  }
  if (settings.scopes.empty()) {
    return missing("OKTA_SCOPES",
                   fmt::format("Set it to what the agent may do, and restart. All that the tools use: {}.",
                               usual_scopes()));
  }
  if (!settings.private_key.empty() && settings.key_id.empty()) {
    // A JWK brings its own name; a key that cannot be read is reported when it is used.
    auto key = oauth::load_private_key(settings.private_key.reveal());
    if (key && key->kid().empty()) {
      return missing("OKTA_KEY_ID",
                     "OKTA_PRIVATE_KEY is set, so its key id (kid) is needed too; or unset both to sign in "
                     "with a browser.");
    }
  }
  if (settings.private_key.empty() && !settings.key_id.empty()) {
    return missing("OKTA_PRIVATE_KEY",
                   "OKTA_KEY_ID is set, so the key is needed too; or unset both to sign in with a browser.");
  }
  return std::nullopt;
}

core::Error with_cure(core::Error error, const Settings& settings) {
  std::vector<std::string_view> prompted;
  for (std::string_view name : kPrompted) {
    if (!error.message.contains(name) && !error.hint.contains(name)) continue;
    if (auto origin = settings.origins.find(std::string(name)); origin != settings.origins.end()) {
      std::string where = fmt::format("{} is {}.", name, origin->second);
      if (!error.hint.contains(where)) error.hint += (error.hint.empty() ? "" : " ") + where;
    } else if (settings.host_prompts) {
      prompted.push_back(name);
    }
  }
  // VS Code keeps what was typed at a prompt and does not ask again; the way to change it is behind the value
  // that its editor shows in mcp.json (microsoft/vscode, mcpLanguageFeatures.ts; there is no palette
  // command).
  constexpr std::string_view kRemembered = "If VS Code asked for it, it remembers the answer:";
  if (prompted.empty() || error.hint.contains(kRemembered)) return error;
  error.hint += fmt::format(
      "{}{} in mcp.json, point at the value shown behind ${{input:{}}}, choose Edit (or Clear, to be asked "
      "again), and restart the server.",
      error.hint.empty() ? "" : " ", kRemembered, fmt::join(prompted, "}, ${input:"));
  return error;
}
