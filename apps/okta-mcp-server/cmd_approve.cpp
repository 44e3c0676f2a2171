// `approve`: a person releases a change that waits for them (admin/approval.h).
#include <cstdio>
#include <fmt/format.h>

#include "admin/approval.h"
#include "admin/audit.h"
#include "commands.h"
#include "core/text.h"
#include "state.h"
#include "terminal.h"

namespace {

using core::ErrorKind;
using core::fail;

core::Status set_passphrase(admin::Approvals& approvals, Terminal& terminal) {
  ASSIGN_OR_RETURN(const bool present, approvals.passphrase_set());
  if (present) {
    // Whoever may replace the passphrase may approve anything: the old one is asked for first.
    ASSIGN_OR_RETURN(core::Secret old, terminal.ask_secret("Present approval passphrase: "));
    RETURN_IF_ERROR(approvals.check_passphrase(old));
  }
  ASSIGN_OR_RETURN(core::Secret first,
                   terminal.ask_secret("New approval passphrase (8 characters or more): "));
  ASSIGN_OR_RETURN(core::Secret second, terminal.ask_secret("Once more: "));
  if (first.reveal() != second.reveal()) {
    return fail(ErrorKind::invalid_input, "app.passphrase", "The two are not the same; nothing was set.");
  }
  RETURN_IF_ERROR(approvals.set_passphrase(first));
  terminal.say("The approval passphrase is set. Keep it from agents: do not type it into a chat.\n");
  return {};
}

core::Status release(admin::Approvals& approvals, admin::AuditLog& audit, Terminal& terminal,
                     const std::string& id) {
  ASSIGN_OR_RETURN(admin::PendingPlan plan, approvals.load(id));
  terminal.say(
      fmt::format("\n{}\n\n  plan {}, expires {}\n\n", plan.text, plan.id, core::to_rfc3339(plan.expires)));
  ASSIGN_OR_RETURN(core::Secret passphrase,
                   terminal.ask_secret("Approval passphrase to release it, or Enter to leave it: "));
  if (passphrase.empty())
    return fail(ErrorKind::cancelled, "app.not_released", "Not released; nothing was changed.");
  RETURN_IF_ERROR(approvals.release(id, passphrase));
  RETURN_IF_ERROR(audit.append(
      {.phase = admin::AuditEntry::Phase::released, .principal = "terminal", .org = plan.org, .plan = id}));
  terminal.say("Released for 15 minutes. The agent may now call the tool again with the same arguments.\n");
  return {};
}

}  // namespace

int cmd_approve(const Settings& settings, const std::string& plan, bool set) {
  core::Clock& clock = core::system_clock();
  const auto state = open_state(settings);
  admin::Approvals approvals(*state, clock, admin::earlier_passphrase_file(*state, settings.state_dir));
  admin::AuditLog audit(*state, clock);
  if (!set && plan.empty()) {
    const auto waiting = approvals.pending();
    if (!waiting) return complain(waiting.error());
    for (const auto& entry : *waiting) std::printf("%s\n%s\n\n", entry.id.c_str(), entry.text.c_str());
    if (waiting->empty()) std::puts("No plan waits for approval.");
    return 0;
  }
  auto terminal = Terminal::open();
  if (!terminal) return complain(terminal.error());
  auto done = set ? set_passphrase(approvals, *terminal) : release(approvals, audit, *terminal, plan);
  return done ? 0 : complain(done.error());
}
