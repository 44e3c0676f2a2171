// `init HOST`: puts this server into an MCP host's configuration file, shows what changes, asks, keeps a
// backup.
#include <array>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "core/file.h"
#include "core/text.h"
#include "hosts.h"
#include "terminal.h"
#include "text_diff.h"

namespace {

using core::ErrorKind;
using core::fail;

constexpr unsigned kPrivate = 0600;
constexpr unsigned kShared = 0644;  // a project's file is for everybody who works on it

core::Result<std::string> own_path() {
  std::error_code error;
  std::string path = std::filesystem::read_symlink("/proc/self/exe", error);
  // An update replaces the file under a running program.
  constexpr std::string_view kReplaced = " (deleted)";
  if (path.ends_with(kReplaced)) path.resize(path.size() - kReplaced.size());
  if (error || path.empty()) {
    return fail(ErrorKind::unavailable, "app.own_path", "The path of this program is not known.");
  }
  return path;
}

core::Result<std::string> absolute(const std::string& path) {
  std::error_code error;
  std::string full = std::filesystem::absolute(path, error).lexically_normal();
  if (error || !std::filesystem::exists(full, error)) {
    return fail(ErrorKind::invalid_input, "app.no_such_file", fmt::format("There is no file {}.", path),
                "Check the path.");
  }
  return full;
}

// A variable of this process, trimmed; empty when it is unset, blank, or a reference that nobody resolved.
std::string variable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  if (found == environment.end()) return {};
  const std::string& text = found->second;
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos || text.contains("${")) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

class Init {
 public:
  Init(const InitOptions& options, const Environment& environment, const Host& host)
      : options_(options), environment_(environment), host_(host) {}

  core::Status run() {
    ASSIGN_OR_RETURN(path_, file());
    ASSIGN_OR_RETURN(const auto present, core::read_file(path_));
    ASSIGN_OR_RETURN(const HostEntry wanted, entry());
    auto edited = edit_host_file(host_, present.value_or(""), wanted);
    if (!edited) {
      edited.error().message = fmt::format("{}: {}", path_, edited.error().message);
      return std::unexpected(std::move(edited).error());
    }
    const HostEdit edit = *std::move(edited);
    for (const auto& notice : edit.notices) std::fprintf(stderr, "Note: %s\n", notice.c_str());
    if (present && edit.text == *present) {
      std::printf("%s already has this server; nothing to change.\n", path_.c_str());
      return {};
    }
    std::fputs(text_diff(present.value_or(""), edit.text, path_).c_str(), stdout);
    if (options_.dry_run) {
      std::puts("\nNothing was written (--dry-run).");
      return {};
    }
    if (!options_.yes) RETURN_IF_ERROR(ask());
    return write(present, edit.text);
  }

 private:
  core::Result<std::string> file() {
    if (!options_.file.empty()) return std::filesystem::absolute(options_.file).lexically_normal().string();
    if (!options_.scope.empty() && options_.scope != "user" && options_.scope != "project") {
      return fail(ErrorKind::invalid_input, "app.host_scope",
                  fmt::format("--scope cannot be \"{}\".", options_.scope), "Use user or project.");
    }
    scope_ = options_.scope.empty()     ? host_.usual_scope
             : options_.scope == "user" ? HostScope::user
                                        : HostScope::project;
    std::error_code error;
    return host_file(host_, scope_, std::filesystem::current_path(error), environment_);
  }

  core::Result<HostEntry> entry() {
    HostEntry entry{.name = options_.name};
    ASSIGN_OR_RETURN(entry.command, own_path());
    // VS Code asks for each value; elsewhere what is set here is what the server shall get.
    const bool asks = host_.reference == Reference::input;
    std::string config = options_.config;
    if (config.empty() && !asks) config = variable(environment_, "OKTA_MCP_CONFIG");
    if (!config.empty()) {
      ASSIGN_OR_RETURN(config, absolute(config));
      entry.variables.push_back({"OKTA_MCP_CONFIG", config});
    }
    struct Setting {
      const char* name;
      const char* flag;
      const std::string& given;
    };
    for (const Setting& setting : {Setting{"OKTA_ORG_URL", "--org-url", options_.org_url},
                                   Setting{"OKTA_CLIENT_ID", "--client-id", options_.client_id},
                                   Setting{"OKTA_SCOPES", "--scopes", options_.scopes}}) {
      std::string value = setting.given;
      if (value.empty() && !config.empty()) continue;
      if (value.empty() && !asks) value = variable(environment_, setting.name);
      if (value.empty() && host_.reference == Reference::none) {
        ASSIGN_OR_RETURN(value, ask_for(setting.name, setting.flag));
      }
      RETURN_IF_ERROR(check(setting.name, value));
      entry.variables.push_back({setting.name, value.empty() ? std::nullopt : std::optional(value)});
    }
    if (config.empty() || !options_.key_file.empty()) RETURN_IF_ERROR(add_key(entry));
    return entry;
  }

  core::Status add_key(HostEntry& entry) {
    std::string key = options_.key_file;
    std::string kid = options_.key_id;
    const std::string set = variable(environment_, "OKTA_PRIVATE_KEY");
    const bool asks = host_.reference == Reference::input;
    // A path is no secret; the key itself never goes into the file.
    std::error_code error;
    const bool set_to_path = set.size() < 4096 && std::filesystem::is_regular_file(set, error);
    if (key.empty() && !asks && set_to_path) key = set;
    if (kid.empty() && !asks && !set.empty()) kid = variable(environment_, "OKTA_KEY_ID");
    if (!key.empty()) {
      if (kid.empty()) {
        return fail(ErrorKind::invalid_input, "app.setting_missing", "The private key needs its key id.",
                    "Give it with --key-id.");
      }
      ASSIGN_OR_RETURN(key, absolute(key));
      entry.variables.push_back({"OKTA_PRIVATE_KEY", key});
      entry.variables.push_back({"OKTA_KEY_ID", kid});
      return {};
    }
    if (!kid.empty() && set.empty()) {
      return fail(ErrorKind::invalid_input, "app.setting_missing", "--key-id needs --key-file.",
                  "Give both to sign in with a key, or neither to sign in with a browser.");
    }
    if (host_.reference == Reference::none && !set.empty()) {
      return fail(ErrorKind::invalid_input, "app.host_secret",
                  fmt::format("OKTA_PRIVATE_KEY holds the key itself, and {}'s file has no place for a "
                              "secret.",
                              host_.name),
                  "Put the key into a file that only you can read and give --key-file FILE --key-id KID.");
    }
    // A reference to what is not set does no harm where the host makes nothing of it.
    const bool harmless =
        asks || host_.reference == Reference::env_or_empty || host_.reference == Reference::forward;
    if (harmless || !set.empty()) {
      entry.variables.push_back({"OKTA_PRIVATE_KEY", std::nullopt});
      entry.variables.push_back({"OKTA_KEY_ID", kid.empty() ? std::nullopt : std::optional(kid)});
    }
    return {};
  }

  // What the server would refuse is refused here already.
  core::Status check(const std::string& name, const std::string& value) const {
    if (value.empty()) return {};
    RETURN_IF_ERROR(read_settings({{name, value}}));
    return {};
  }

  core::Result<std::string> ask_for(const char* name, const char* flag) const {
    auto missing = fail(ErrorKind::invalid_input, "app.setting_missing", fmt::format("{} is not set.", name),
                        fmt::format("{} can neither ask for it nor take it from the environment: give {}.",
                                    host_.name, flag));
    if (options_.yes || options_.dry_run) return missing;
    auto terminal = Terminal::open();
    if (!terminal) return missing;
    ASSIGN_OR_RETURN(std::string value, terminal->ask(fmt::format("{}: ", name)));
    if (value.find_first_not_of(" \t\r") == std::string::npos) return missing;
    return value;
  }

  core::Status ask() const {
    auto terminal = Terminal::open();
    if (!terminal) {
      return fail(ErrorKind::invalid_input, "app.no_terminal", "Nothing was written: there is nobody to ask.",
                  "Run it in a terminal, or add --yes.");
    }
    std::fflush(stdout);
    ASSIGN_OR_RETURN(const std::string answer,
                     terminal->ask(fmt::format("\nWrite this to {}? [y/N]: ", path_)));
    if (answer == "y" || answer == "Y" || answer == "yes") return {};
    return fail(ErrorKind::cancelled, "app.not_written", "Nothing was written.");
  }

  core::Status write(const std::optional<std::string>& before, const std::string& text) const {
    // Hosts write their files too; what came in between must not be lost.
    ASSIGN_OR_RETURN(const auto now, core::read_file(path_));
    if (now != before) {
      return fail(ErrorKind::conflict, "app.host_file_changed",
                  fmt::format("{} has changed meanwhile; nothing was written.", path_),
                  fmt::format("Close {} and run this again.", host_.name));
    }
    std::string backup;
    if (before) {
      ASSIGN_OR_RETURN(backup, back_up(*before));
    }
    const bool shared = options_.file.empty() && scope_ == HostScope::project;
    RETURN_IF_ERROR(core::replace_file(path_, text, shared ? kShared : kPrivate));
    std::printf("\nWrote %s%s.\n", path_.c_str(),
                backup.empty() ? "" : fmt::format(" (the file before: {})", backup).c_str());
    std::printf("%s\nokta-mcp-server doctor checks org, sign-in and scopes with the same settings.\n",
                std::string(host_.afterwards).c_str());
    return {};
  }

  // FILE.bak, or FILE.bak.1 and so on: a backup is never written over.
  core::Result<std::string> back_up(const std::string& content) const {
    struct stat info{};
    const unsigned mode = ::stat(path_.c_str(), &info) == 0 ? info.st_mode & 0777 : kPrivate;
    for (int number = 0; number < 1000; ++number) {
      std::string path = path_ + (number == 0 ? ".bak" : fmt::format(".bak.{}", number));
      auto made = core::create_file(path, content, mode);
      if (made) return path;
      if (made.error().code != "core.file.exists") return std::unexpected(std::move(made).error());
    }
    return fail(ErrorKind::conflict, "app.backups",
                fmt::format("There are a thousand backups beside {}; nothing was written.", path_),
                "Remove those that are not needed.");
  }

  const InitOptions& options_;
  const Environment& environment_;
  const Host& host_;
  HostScope scope_ = HostScope::user;
  std::string path_;
};

}  // namespace

int cmd_init(const InitOptions& options, const Environment& environment) {
  auto host = find_host(options.host);
  if (!host) return complain(host.error());
  auto done = Init(options, environment, **host).run();
  return done ? 0 : complain(done.error());
}
