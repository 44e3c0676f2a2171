#include "doctor.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/file.h"
#include "core/log.h"
#include "core/text.h"
#include "runtime.h"

namespace {

constexpr std::uintmax_t kLittleSpace = 16u << 20;

// The deepest directory on the way to `path` that is there.
std::string existing_parent(std::filesystem::path path) {
  std::error_code error;
  while (!path.empty() && path != path.parent_path() && !std::filesystem::exists(path, error)) {
    path = path.parent_path();
  }
  return path.empty() ? "." : path.string();
}

// Without it no change is made, and reads go on.
void examine_shared_state(core::StateStore& state, Findings& findings) {
  constexpr auto kCheck = "shared state";
  if (!state.remote()) return;
  // A question that takes the whole way: library, network, password, schema.
  if (const auto asked = state.get("approval/passphrase"); !asked) {
    return findings.fail(kCheck, asked.error().message, asked.error().hint);
  }
  findings.ok(kCheck, fmt::format("{} answers.", state.where()));
}

void examine_state_directory(const Settings& settings, Findings& findings) {
  constexpr auto kCheck = "state directory";
  const std::string& path = settings.state_dir;
  if (path.empty()) {
    return findings.fail(kCheck, "Neither HOME nor OKTA_MCP_STATE_DIR is set.",
                         "Set OKTA_MCP_STATE_DIR to a directory for logins, plans and the audit log.");
  }
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    const std::string parent = existing_parent(path);
    if (::access(parent.c_str(), W_OK) != 0) {
      return findings.fail(kCheck, fmt::format("{} is not there and {} cannot be written to.", path, parent),
                           "Make it with mode 700, or set OKTA_MCP_STATE_DIR to a directory of yours.");
    }
    return findings.ok(kCheck, fmt::format("{} will be made at first use.", path));
  }
  if (!S_ISDIR(info.st_mode)) {
    return findings.fail(kCheck, fmt::format("{} is not a directory.", path),
                         "Move it away, or set OKTA_MCP_STATE_DIR to another place.");
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return findings.fail(kCheck, fmt::format("Other users may write to {}.", path),
                         fmt::format("Run chmod 700 {}", path));
  }
  if (::access(path.c_str(), W_OK | X_OK) != 0) {
    return findings.fail(kCheck, fmt::format("{} cannot be written to.", path),
                         "Give it to the user this runs as, or set OKTA_MCP_STATE_DIR to another place.");
  }
  struct statvfs space{};
  if (::statvfs(path.c_str(), &space) == 0 && space.f_bavail * space.f_frsize < kLittleSpace) {
    return findings.fail(kCheck, fmt::format("The disk of {} is full.", path),
                         "Make room: without an audit line on disk no change is made.");
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return findings.warn(kCheck, fmt::format("Other users may look into {}.", path),
                         fmt::format("Run chmod 700 {}", path));
  }
  findings.ok(kCheck, fmt::format("{} is private and can be written to.", path));
}

void examine_log_file(const Settings& settings, Findings& findings) {
  constexpr auto kCheck = "log file";
  if (settings.log_file.empty()) return findings.ok(kCheck, "None is set; messages go to stderr.");
  std::error_code error;
  const std::filesystem::path path(settings.log_file);
  const bool present = std::filesystem::exists(path, error);
  const std::string target = present ? path.string() : existing_parent(path);
  const bool good = present ? std::filesystem::is_regular_file(path, error)
                            : std::filesystem::absolute(path, error).parent_path() ==
                                  std::filesystem::absolute(target, error);
  if (!good || ::access(target.c_str(), W_OK) != 0) {
    return findings.fail(kCheck, fmt::format("OKTA_LOG_FILE, {}, cannot be written to.", settings.log_file),
                         "Choose a file in a directory that is there and that you may write to.");
  }
  findings.ok(kCheck, fmt::format("{} can be written to.", settings.log_file));
}

// A file that opens the stored logins, and that others can read too.
bool readable_by_others(const std::string& file) {
  struct stat info{};
  return ::stat(file.c_str(), &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

void examine_store(const Settings& settings, Runtime& runtime, Findings& findings) {
  constexpr auto kCheck = "login store";
  if (!settings.api_token.empty()) return findings.ok(kCheck, "Not used: an API token signs in.");
  if (!settings.key_file.empty() && ::access(settings.key_file.c_str(), R_OK) != 0) {
    return findings.fail(kCheck, fmt::format("OKTA_MCP_KEY_FILE, {}, cannot be read.", settings.key_file),
                         "Check the path, and that it belongs to the user this runs as.");
  }
  if (readable_by_others(settings.key_file)) {
    return findings.warn(kCheck, fmt::format("Other users may read {}.", settings.key_file),
                         fmt::format("Run chmod 600 {}", settings.key_file));
  }
  if (const auto key = settings.state_dir + "/token.key"; readable_by_others(key)) {
    return findings.fail(kCheck, fmt::format("Other users may read {}, which opens the stored logins.", key),
                         fmt::format("Run chmod 600 {}, then okta-mcp-server logout and login.", key));
  }
  const auto store = runtime.store_report();
  if (!store) {
    const auto why = runtime.org();
    const bool its_own = !why && (why.error().code.starts_with("oauth.store.") ||
                                  why.error().code.starts_with("oauth.keyring."));
    return its_own ? findings.fail(kCheck, why.error())
                   : findings.skip(kCheck, "Not looked at: a setting is missing or unusable.");
  }
  if (store->trouble) return findings.warn(kCheck, store->trouble->message, store->trouble->hint);
  findings.ok(kCheck, fmt::format("Logins: {}, {}.", store->where, store->protection));
  if (store->keyring) {
    findings.ok("keyring", fmt::format("Not used: {} A login works without it.", store->keyring->message));
  }
}

void examine_configuration(const Settings& settings, Findings& findings) {
  constexpr auto kCheck = "configuration";
  if (const auto missing = missing_setting(settings)) return findings.fail(kCheck, *missing);
  std::string found = fmt::format("org {}", settings.org_url);
  if (!settings.api_token.empty()) {
    found += ", signing in with an API token";
  } else {
    found += fmt::format(", client {}, signing in {}, {} scopes", settings.client_id,
                         settings.private_key.empty() ? "as a person" : "with a private key",
                         settings.scopes.size());
  }
  if (settings.read_only) found += ", read-only";
  findings.ok(kCheck, found + ".");
  for (const auto& notice : settings.notices) findings.warn(kCheck, notice.text, "");
}

}  // namespace

std::string_view to_string(Finding::Verdict verdict) {
  switch (verdict) {
    case Finding::Verdict::ok:
      return "ok";
    case Finding::Verdict::warn:
      return "warn";
    case Finding::Verdict::fail:
      return "fail";
    case Finding::Verdict::skip:
      return "skip";
  }
  return "";
}

bool Findings::any_failed() const {
  return std::ranges::any_of(all_,
                             [](const Finding& each) { return each.verdict == Finding::Verdict::fail; });
}

void Findings::add(std::string_view check, Finding::Verdict verdict, std::string_view found,
                   std::string_view cure) {
  all_.push_back({.check = std::string(check),
                  .verdict = verdict,
                  .found = core::redact(core::clean(found)),
                  .cure = core::redact(core::clean(cure))});
}

void examine_machine(const Settings& settings, Runtime& runtime, Findings& findings) {
  examine_configuration(settings, findings);
  examine_state_directory(settings, findings);
  examine_shared_state(runtime.services().state(), findings);
  examine_store(settings, runtime, findings);
  examine_log_file(settings, findings);
}

Findings examine(const Settings& settings) {
  Findings findings;
  Runtime runtime(settings, {.may_ask_a_person = false});
  examine_machine(settings, runtime, findings);
  if (settings.org_url.empty()) {
    findings.skip("network and sign-in", "Not looked at: there is no org to look for.");
    return findings;
  }
  const auto http = net::make_http_client({.user_agent = "okta-mcp-server/" OKTA_MCP_VERSION});
  if (!examine_network(settings, *http, {}, findings)) {
    findings.skip("sign-in", "Not tried: the org is out of reach.");
    return findings;
  }
  if (missing_setting(settings)) {
    findings.skip("sign-in", "Not tried: a setting is missing.");
    return findings;
  }
  examine_login(settings, runtime, findings);
  return findings;
}
