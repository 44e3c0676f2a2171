// `doctor`.
#include <csignal>
#include <fmt/format.h>

#include "commands.h"
#include "core/json.h"
#include "core/log.h"
#include "doctor.h"

namespace {

core::json::Array as_json_array(const Findings& findings) {
  core::json::Array checks;
  for (const auto& each : findings.all()) {
    checks.push_back(core::json::Object{{"check", each.check},
                                        {"verdict", to_string(each.verdict)},
                                        {"found", each.found},
                                        {"cure", each.cure}});
  }
  return checks;
}

void print(const Findings& findings) {
  for (const auto& each : findings.all()) {
    fmt::print("{:<5} {:<16} {}\n", to_string(each.verdict), each.check, each.found);
    if (!each.cure.empty()) fmt::print("{:22} -> {}\n", "", each.cure);
  }
}

}  // namespace

int cmd_doctor(const core::Result<Configuration>& configuration, bool as_json) {
  std::signal(SIGPIPE, SIG_IGN);  // a server that hangs up is a finding
  // The findings say it; log lines between them would only be in the way.
  (void)core::configure_log({.level = core::LogLevel::critical});
  if (!configuration) {
    Findings findings;
    findings.fail("configuration", configuration.error());
    findings.skip("everything else", "Not looked at before the configuration can be read.");
    if (as_json) {
      fmt::print("{}\n",
                 core::json::write(core::json::Object{{"ok", false}, {"checks", as_json_array(findings)}}));
    } else {
      print(findings);
    }
    return 1;
  }
  bool failed = false;
  core::json::Object whole{{"ok", true}};
  core::json::Object orgs;
  for (const Settings& settings : configuration->orgs) {
    const Findings findings = examine(settings);
    failed = failed || findings.any_failed();
    if (as_json) {
      (configuration->several() ? orgs[settings.org_name] : whole["checks"]) = as_json_array(findings);
    } else {
      if (configuration->several()) fmt::print("org {}\n", settings.org_name);
      print(findings);
    }
  }
  if (as_json) {
    whole["ok"] = !failed;
    if (configuration->several()) whole["orgs"] = std::move(orgs);
    fmt::print("{}\n", core::json::write(whole));
  }
  return failed ? 1 : 0;
}
