// `audit show` and `audit verify`: the audit log, read.
#include <cstdio>

#include "admin/audit.h"
#include "commands.h"
#include "core/json.h"
#include "state.h"

int cmd_audit_show(const Settings& settings, std::size_t count) {
  const auto state = open_state(settings);
  const admin::AuditLog audit(*state, core::system_clock());
  auto lines = audit.tail(count);
  if (!lines) return complain(lines.error());
  for (const auto& line : *lines) std::printf("%s\n", core::json::write(line).c_str());
  return 0;
}

int cmd_audit_verify(const Settings& settings) {
  const auto state = open_state(settings);
  const admin::AuditLog audit(*state, core::system_clock());
  auto check = audit.verify();
  if (!check) return complain(check.error());
  if (const auto line = check->broken_at; line.has_value()) {
    std::printf("broken at line %lld: %s\n", static_cast<long long>(*line), check->reason.c_str());
    return 1;
  }
  std::printf("%lld lines, the chain holds\n", static_cast<long long>(check->lines));
  return 0;
}
