// The audit log: one line on disk before a write leaves, one after it came back (rule 3: no line, no change).
//
// The log "audit" of the state that the instances share: the file STATE_DIR/audit.jsonl, mode 0600, or a
// table in PostgreSQL (core/state_store.h says why the one is a file). Each line is JSON and carries the hash
// of the line before it (core/hash_chain.h), so that a line taken out or altered shows. All instances append
// to one chain.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"
#include "core/state_store.h"

namespace admin {

struct AuditEntry {
  enum class Phase {
    intent,    // about to be sent
    outcome,   // came back; `result` says how
    refused,   // a person said no, or could not be asked
    released,  // a person released a plan in a terminal
  };
  Phase phase = Phase::intent;
  std::string principal;  // whose Okta login acts
  std::string caller;     // who asked for it, when that is someone else
  std::string org;        // its URL; a name may come to mean another org
  std::string tool;
  std::string plan;
  std::string trace_id;
  core::json::Object arguments;  // redacted here, the caller passes them as they are
  std::string request;           // "POST /api/v1/users/00u1/lifecycle/deactivate"
  std::string result;            // "ok", "failed", "unknown", "declined", ...
  int status = 0;                // HTTP status, 0 when there was none
  std::string request_id;        // Okta's
  std::string detail;            // the error's message
};

std::string_view to_string(AuditEntry::Phase phase);

// Thread-safe.
class AuditLog {
 public:
  // `state` and `clock` outlive the log.
  AuditLog(core::StateStore& state, core::Clock& clock) : state_(&state), clock_(&clock) {}

  // On disk, or committed, when it returns. Errors: admin.audit.damaged, and those of the store: the change
  // must then not be made.
  core::Status append(const AuditEntry& entry);

  struct Check {
    std::int64_t lines = 0;
    std::optional<std::int64_t> broken_at;  // 1-based line whose chain does not hold
    std::string reason;
  };
  core::Result<Check> verify() const;
  // The newest `count` lines (at most core::StateStore::kMaxList), oldest first.
  core::Result<std::vector<core::json::Object>> tail(std::size_t count) const;
  std::string where() const;

 private:
  core::StateStore* state_;
  core::Clock* clock_;
};

// Arguments as they may be written down: secrets replaced, long texts cut.
core::json::Value redact_arguments(const core::json::Value& arguments);

}  // namespace admin
