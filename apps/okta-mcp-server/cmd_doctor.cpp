// `doctor`.
#include <csignal>
#include <cstdio>
#include <fmt/format.h>

#include "commands.h"
#include "core/json.h"
#include "core/log.h"
#include "doctor.h"

int cmd_doctor(const core::Result<Settings>& settings, bool as_json) {
  std::signal(SIGPIPE, SIG_IGN);  // a server that hangs up is a finding
  // The findings say it; log lines between them would only be in the way.
  (void)core::configure_log({.level = core::LogLevel::critical});
  const Findings findings = examine(settings);
  if (as_json) {
    core::json::Array checks;
    for (const auto& each : findings.all()) {
      checks.push_back(core::json::Object{{"check", each.check},
                                          {"verdict", to_string(each.verdict)},
                                          {"found", each.found},
                                          {"cure", each.cure}});
    }
    std::printf(
        "%s\n",
        core::json::write(core::json::Object{{"ok", !findings.any_failed()}, {"checks", checks}}).c_str());
  } else {
    for (const auto& each : findings.all()) {
      std::fputs(fmt::format("{:<5} {:<16} {}\n", to_string(each.verdict), each.check, each.found).c_str(),
                 stdout);
      if (!each.cure.empty()) std::fputs(fmt::format("{:22} -> {}\n", "", each.cure).c_str(), stdout);
    }
  }
  return findings.any_failed() ? 1 : 0;
}
