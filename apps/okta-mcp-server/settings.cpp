#include "settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include "core/log.h"
#include "net/url.h"

namespace {

using core::ErrorKind;
using core::fail;

std::string trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(kBlank) - first + 1));
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> out;
  std::string word;
  for (char c : std::string(text) + " ") {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',') {
      if (!word.empty()) out.push_back(std::exchange(word, {}));
    } else if (c != '"' && c != '\'') {
      word += c;
    }
  }
  return out;
}

// An https origin, or http towards this machine.
core::Result<std::string> org_origin(const std::string& text) {
  std::string address = text.find("://") == std::string::npos ? "https://" + text : text;
  auto url = net::parse_url(address);
  if (!url || url->has_userinfo) {
    return fail(ErrorKind::invalid_input, "app.settings", fmt::format("OKTA_ORG_URL is not a URL: {}", text),
                "Set it to your org's address, such as https://example.okta.com");
  }
  if (url->scheme != "https" && !net::is_loopback_host(url->host)) {
    return fail(ErrorKind::invalid_input, "app.settings",
                "OKTA_ORG_URL must be https (http is for this machine only).",
                "Set it to your org's address, such as https://example.okta.com");
  }
  return url->origin();
}

std::string default_state_dir(const Environment& environment) {
  auto value = [&](const char* name) {
    auto found = environment.find(name);
    return found == environment.end() ? std::string{} : trimmed(found->second);
  };
  if (auto xdg = value("XDG_STATE_HOME"); xdg.starts_with('/')) return xdg + "/okta-mcp-server";
  if (auto home = value("HOME"); !home.empty()) return home + "/.local/state/okta-mcp-server";
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
  auto get = [&](const char* name) {
    auto found = environment.find(name);
    return found == environment.end() ? std::string{} : trimmed(found->second);
  };
  Settings settings;
  if (auto url = get("OKTA_ORG_URL"); !url.empty()) {
    ASSIGN_OR_RETURN(settings.org_url, org_origin(url));
  }
  settings.client_id = get("OKTA_CLIENT_ID");
  settings.scopes = words(get("OKTA_SCOPES"));
  settings.private_key = core::Secret(get("OKTA_PRIVATE_KEY"));
  settings.key_id = get("OKTA_KEY_ID");
  settings.api_token = core::Secret(get("OKTA_API_TOKEN"));
  settings.state_dir = get("OKTA_MCP_STATE_DIR");
  if (settings.state_dir.empty()) settings.state_dir = default_state_dir(environment);
  settings.key_file = get("OKTA_MCP_KEY_FILE");
  ASSIGN_OR_RETURN(settings.store, oauth::parse_store_kind(get("OKTA_MCP_STORE")));
  settings.credentials_directory = get("CREDENTIALS_DIRECTORY");
  settings.toolset = get("OKTA_MCP_TOOLSET");
  settings.log_file = get("OKTA_LOG_FILE");
  if (auto level = get("OKTA_LOG_LEVEL"); !level.empty()) {
    auto parsed = core::parse_log_level(level);
    if (!parsed) {
      return fail(ErrorKind::invalid_input, "app.settings",
                  fmt::format("OKTA_LOG_LEVEL cannot be \"{}\".", level),
                  "Use debug, info, warning or error.");
    }
    settings.log_level = *parsed;
  }
  if (auto flag = get("OKTA_MCP_READ_ONLY"); !flag.empty()) {
    bool yes = flag == "1" || flag == "true" || flag == "yes" || flag == "on";
    bool no = flag == "0" || flag == "false" || flag == "no" || flag == "off";
    // A guard whose setting is not understood stays up.
    if (!yes && !no) {
      return fail(ErrorKind::invalid_input, "app.settings",
                  fmt::format("OKTA_MCP_READ_ONLY cannot be \"{}\".", flag), "Use true or false.");
    }
    settings.read_only = yes;
  }
  if (!settings.api_token.empty() && !settings.private_key.empty()) {
    return fail(ErrorKind::invalid_input, "app.settings", "OKTA_API_TOKEN and OKTA_PRIVATE_KEY are both set.",
                "Unset one of them: either the API token signs in, or the key does.");
  }
  return settings;
}

std::optional<core::Error> missing_setting(const Settings& settings) {
  auto missing = [](std::string_view name, std::string hint) {
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
    return missing(
        "OKTA_SCOPES",
        "Set it to what the agent may do, for example: okta.users.read okta.users.manage okta.groups.read "
        "okta.groups.manage okta.apps.read okta.apps.manage okta.policies.read okta.policies.manage "
        "okta.logs.read; then restart.");
  }
  bool jwk = settings.private_key.reveal().starts_with('{');
  if (!settings.private_key.empty() && settings.key_id.empty() && !jwk) {
    return missing("OKTA_KEY_ID",
                   "OKTA_PRIVATE_KEY is set, so its key id (kid) is needed too; or unset both to sign in "
                   "with a browser.");
  }
  if (settings.private_key.empty() && !settings.key_id.empty()) {
    return missing("OKTA_PRIVATE_KEY",
                   "OKTA_KEY_ID is set, so the key is needed too; or unset both to sign in with a "
                   "browser.");
  }
  return std::nullopt;
}
