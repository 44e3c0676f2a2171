#include "dev_org.h"

#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <regex>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

extern char** environ;

namespace e2e {
namespace {

// KEY='value' lines with '\'' for a quote, as a shell reads them.
Environment parse_assignments(std::istream& in) {
  Environment out;
  std::string line;
  while (std::getline(in, line)) {
    if (line.starts_with("export ")) line.erase(0, 7);
    auto equals = line.find('=');
    if (line.starts_with('#') || equals == std::string::npos) continue;
    std::string value = line.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'')
      value = value.substr(1, value.size() - 2);
    for (auto at = value.find("'\\''"); at != std::string::npos; at = value.find("'\\''", at + 1))
      value.replace(at, 4, "'");
    out[line.substr(0, equals)] = value;
  }
  return out;
}

}  // namespace

DevOrg::DevOrg(std::vector<std::string> extra_arguments) {
  std::string env_file = scratch_.path() + "/env";
  std::vector<std::string> argv{
      program("okta-dev-org"), "--listen", "127.0.0.1:0", "--seed", "11", "--env-file", env_file};
  if (extra_arguments.empty()) extra_arguments = {"--users", "60"};
  argv.insert(argv.end(), extra_arguments.begin(), extra_arguments.end());
  std::vector<char*> arguments;
  for (auto& argument : argv) arguments.push_back(argument.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  std::string log = scratch_.path() + "/log";
  posix_spawn_file_actions_addopen(&quiet, 2, log.c_str(), O_WRONLY | O_CREAT, 0600);
  if (posix_spawn(&pid_, arguments[0], &quiet, nullptr, arguments.data(), environ) != 0) pid_ = -1;
  posix_spawn_file_actions_destroy(&quiet);
  for (int tries = 0; tries < 400 && pid_ > 0; ++tries) {
    std::ifstream file(env_file);
    auto read = parse_assignments(file);
    if (read.contains("OKTA_DEV_API_TOKEN") && read.contains("OKTA_ORG_URL")) {
      environment_ = std::move(read);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(25));  // waiting for another process, not for time
  }
}

DevOrg::~DevOrg() {
  if (pid_ <= 0) return;
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
}

Environment DevOrg::key_settings(const std::string& state_dir) const {
  Environment settings = environment_;
  settings.erase("OKTA_DEV_API_TOKEN");
  settings.erase("OKTA_DEV_DEVICE_CLIENT_ID");
  settings["OKTA_MCP_STATE_DIR"] = state_dir;
  settings["OKTA_LOG_LEVEL"] = "warning";
  return settings;
}

Environment DevOrg::token_settings(const std::string& state_dir) const {
  return {{"OKTA_ORG_URL", url()},
          {"OKTA_API_TOKEN", environment_.at("OKTA_DEV_API_TOKEN")},
          {"OKTA_MCP_STATE_DIR", state_dir},
          {"OKTA_LOG_LEVEL", "warning"}};
}

Environment DevOrg::device_settings(const std::string& state_dir) const {
  return {{"OKTA_ORG_URL", url()},
          {"OKTA_CLIENT_ID", environment_.at("OKTA_DEV_DEVICE_CLIENT_ID")},
          {"OKTA_SCOPES", environment_.at("OKTA_SCOPES")},
          {"OKTA_MCP_STATE_DIR", state_dir},
          {"OKTA_LOG_LEVEL", "warning"}};
}

core::json::Value DevOrg::get(const std::string& path) const {
  auto finished = run({"/usr/bin/curl", "-sS", "-g", "-H",
                       "Authorization: SSWS " + environment_.at("OKTA_DEV_API_TOKEN"), url() + path},
                      {});
  auto value = core::json::parse(finished.out);
  return value ? *value : core::json::Value(finished.out + finished.err);
}

void DevOrg::confirm(const std::string& user_code, const std::string& login) const {
  std::string jar = scratch_.path() + "/jar";
  auto page = run({"/usr/bin/curl", "-sS", "-c", jar, url() + "/activate?user_code=" + user_code}, {}).out;
  std::smatch token;
  std::regex_search(page, token, std::regex("name=\"csrf_token\" value=\"([^\"]*)\""));
  run({"/usr/bin/curl", "-sS", "-b", jar, "--data-urlencode", "csrf_token=" + token.str(1),
       "--data-urlencode", "user_code=" + user_code, "--data-urlencode", "login=" + login, "--data-urlencode",
       "decision=approve", url() + "/activate"},
      {});
}

std::vector<std::string> DevOrg::administrators() const {
  std::vector<std::string> logins;
  const auto group = get("/api/v1/groups?q=Okta%20Administrators");
  if (!group.is_array() || group.get_array().empty()) return logins;
  const auto members =
      get("/api/v1/groups/" + std::string(core::json::string_or_empty(group.at(0), "id")) + "/users");
  if (!members.is_array()) return logins;
  for (const auto& member : members.get_array()) {
    logins.emplace_back(core::json::string_or_empty(member, "profile.login"));
  }
  return logins;
}

std::string DevOrg::log() const {
  std::ifstream in(scratch_.path() + "/log");
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace e2e
