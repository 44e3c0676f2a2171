#include "configuration.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <iterator>
#include <map>
#include <tuple>

#include "config_file.h"
#include "setting_text.h"

namespace {

using core::ErrorKind;
using core::fail;

// Which org, and who one is there: what the environment may say of the default org only.
constexpr std::string_view kOrgVariables[] = {"OKTA_ORG_URL",     "OKTA_CLIENT_ID", "OKTA_SCOPES",
                                              "OKTA_PRIVATE_KEY", "OKTA_KEY_ID",    "OKTA_API_TOKEN"};
const std::string kReadOnly = "OKTA_MCP_READ_ONLY";

bool is_org_variable(std::string_view name) {
  return std::ranges::find(kOrgVariables, name) != std::end(kOrgVariables);
}

std::string text_in(const Environment& environment, const std::string& name) {
  auto found = environment.find(name);
  return found == environment.end() ? std::string{} : read_given(name, found->second).value;
}

core::Result<std::optional<ConfigFile>> find_file(const Environment& environment, std::string path) {
  const std::string home = text_in(environment, "HOME");
  if (path.empty()) path = text_in(environment, "OKTA_MCP_CONFIG");
  if (!path.empty()) {
    path = expand_home(std::move(path), home);
    ASSIGN_OR_RETURN(auto file, read_config_file(path));
    if (file) return file;
    return fail(ErrorKind::invalid_input, "app.config.unreadable",
                fmt::format("There is no configuration file {}.", path),
                "Correct OKTA_MCP_CONFIG or --config, or create the file.");
  }
  std::string base = text_in(environment, "XDG_CONFIG_HOME");
  if (!base.starts_with('/')) base = home.empty() ? "" : home + "/.config";
  if (base.empty()) return std::nullopt;
  return read_config_file(base + "/okta-mcp-server/config.toml");
}

core::Result<Settings> read_org(const Environment& environment, const ConfigFile& file,
                                const ConfigFile::Org& org, bool is_default, bool for_a_host) {
  Environment values;
  std::map<std::string, std::string> origins;
  for (const auto* section : {&file.program, &org.values}) {
    for (const auto& [name, value] : *section) {
      values[name] = value.text;
      origins[name] = value.where;
    }
  }
  // Read-only mode of the org itself, which nothing outside lifts.
  auto own = org.values.find(kReadOnly);
  const bool org_read_only = own != org.values.end() && own->second.text == "true";
  if (own != org.values.end()) {
    auto program = file.program.find(kReadOnly);
    values.erase(kReadOnly);
    if (program != file.program.end()) values[kReadOnly] = program->second.text;
  }
  std::vector<Notice> ignored;
  for (const auto& [name, text] : environment) {
    if (!is_default && is_org_variable(name)) continue;
    if (values.contains(name)) {
      Given given = read_given(name, text);
      if (given.value.empty()) {
        if (!given.odd.empty()) ignored.push_back({name, std::move(given.odd)});
        continue;
      }
    }
    values[name] = text;
    origins.erase(name);
  }
  Settings context;
  context.origins = origins;
  context.host_prompts = for_a_host;
  auto settings = read_settings(values);
  if (!settings) return std::unexpected(with_cure(std::move(settings).error(), context));
  settings->read_only = settings->read_only || org_read_only;
  settings->org_name = org.name;
  settings->origins = std::move(origins);
  settings->host_prompts = for_a_host;
  std::ranges::move(ignored, std::back_inserter(settings->notices));
  return settings;
}

std::string_view grant_of(const Settings& settings) {
  if (!settings.api_token.empty()) return "an API token";
  return settings.private_key.empty() ? "the device grant" : "a private key";
}

// Stored logins are kept by org, client and grant: two orgs must not share one.
core::Status check_distinct(const Configuration& configuration) {
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, std::string_view> seen;
  for (const auto& org : configuration.orgs) {
    if (org.org_url.empty()) continue;
    std::string_view who = org.api_token.empty() ? org.client_id : org.api_token.reveal();
    auto [entry, fresh] = seen.try_emplace({org.org_url, who, grant_of(org)}, org.org_name);
    if (fresh) continue;
    return fail(ErrorKind::invalid_input, "app.config.value",
                fmt::format("The orgs \"{}\" and \"{}\" of {} are the same: {} with the same client and {}.",
                            entry->second, org.org_name, configuration.file, org.org_url, grant_of(org)),
                "Remove one, or give it a client of its own.");
  }
  return {};
}

core::Status keep_only(Configuration& configuration, const std::string& name) {
  auto wanted = std::ranges::find(configuration.orgs, name, &Settings::org_name);
  if (wanted == configuration.orgs.end()) {
    std::vector<std::string_view> names;
    for (const auto& org : configuration.orgs) {
      if (!org.org_name.empty()) names.push_back(org.org_name);
    }
    return fail(ErrorKind::invalid_input, "app.org", fmt::format("There is no org \"{}\".", name),
                names.empty() ? std::string("Orgs have names in a configuration file only (OKTA_MCP_CONFIG).")
                              : fmt::format("The orgs are: {}.", fmt::join(names, ", ")));
  }
  Settings only = std::move(*wanted);
  configuration.orgs.clear();
  configuration.orgs.push_back(std::move(only));
  configuration.default_org = 0;
  return {};
}

}  // namespace

const Settings* Configuration::find(std::string_view name) const {
  auto found = std::ranges::find(orgs, name, &Settings::org_name);
  return found == orgs.end() ? nullptr : &*found;
}

std::vector<Notice> Configuration::notices() const {
  std::vector<Notice> all;
  for (const auto& org : orgs) {
    for (const auto& notice : org.notices) {
      if (std::ranges::find(all, notice.text, &Notice::text) == all.end()) all.push_back(notice);
    }
  }
  return all;
}

core::Result<Configuration> read_configuration(const Environment& environment,
                                               const ConfigurationRequest& request) {
  ASSIGN_OR_RETURN(auto read, find_file(environment, request.file));
  Configuration configuration;
  if (read) configuration.file = read->path;
  ConfigFile file = read ? *std::move(read) : ConfigFile{};
  if (file.orgs.empty()) file.orgs.emplace_back();  // from the environment alone
  for (const auto& org : file.orgs) {
    bool is_default = org.name == file.default_org;
    if (is_default) configuration.default_org = configuration.orgs.size();
    ASSIGN_OR_RETURN(auto settings, read_org(environment, file, org, is_default, request.for_a_host));
    configuration.orgs.push_back(std::move(settings));
  }
  RETURN_IF_ERROR(check_distinct(configuration));
  if (!request.org.empty()) RETURN_IF_ERROR(keep_only(configuration, request.org));
  return configuration;
}
