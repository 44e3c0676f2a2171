#include "admin/audit.h"

#include <fmt/format.h>

#include "core/hash_chain.h"
#include "core/log.h"
#include "core/text.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::string_view kLog = "audit";
constexpr std::size_t kMaxAuditText = 512;

void add_text(json::Object& line, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  std::string text(value);
  core::make_valid_utf8(text);  // or the line could not be read back
  line[key] = text;
}

}  // namespace

std::string_view to_string(AuditEntry::Phase phase) {
  switch (phase) {
    case AuditEntry::Phase::intent:
      return "intent";
    case AuditEntry::Phase::outcome:
      return "outcome";
    case AuditEntry::Phase::refused:
      return "refused";
    case AuditEntry::Phase::released:
      return "released";
  }
  return "intent";
}

json::Value redact_arguments(const json::Value& arguments) {
  if (arguments.is_string()) {
    std::string text = core::redact(arguments.get_string());
    if (text.size() > kMaxAuditText) {
      // Cut between characters, not inside one.
      std::size_t end = kMaxAuditText;
      while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
      text.resize(end);
      text += "...";
    }
    return json::Value(text);
  }
  if (arguments.is_array()) {
    json::Array out;
    for (const auto& element : arguments.get_array()) out.push_back(redact_arguments(element));
    return out;
  }
  if (!arguments.is_object()) return arguments;
  json::Object out;
  for (const auto& member : arguments.get_object()) {
    bool secret =
        core::is_secret_name(member.key()) && !member.value().is_null() && !member.value().is_bool();
    out[member.key()] = secret ? json::Value("[redacted]") : redact_arguments(member.value());
  }
  return out;
}

core::Status AuditLog::append(const AuditEntry& entry) {
  return state_->append(kLog, [&](std::string_view last) -> core::Result<std::string> {
    json::Object line;
    line["time"] = core::to_rfc3339(clock_->now());
    line["phase"] = to_string(entry.phase);
    add_text(line, "principal", entry.principal);
    add_text(line, "caller", entry.caller);
    add_text(line, "org", entry.org);
    add_text(line, "tool", entry.tool);
    add_text(line, "plan", entry.plan);
    add_text(line, "trace", entry.trace_id);
    if (!entry.arguments.empty()) line["arguments"] = redact_arguments(entry.arguments);
    add_text(line, "request", entry.request);
    add_text(line, "result", entry.result);
    if (entry.status != 0) line["status"] = entry.status;
    add_text(line, "request_id", entry.request_id);
    add_text(line, "detail", core::redact(entry.detail));
    auto chained = core::next_chained_line(last, line);
    if (chained) return chained;
    return core::fail(core::ErrorKind::internal, "admin.audit.damaged",
                      fmt::format("The last line of {} is damaged; no change is made.", where()),
                      "Run `okta-mcp-server audit verify`, then move the log aside to start a new one.");
  });
}

core::Result<AuditLog::Check> AuditLog::verify() const {
  Check check;
  core::ChainCheck chain;
  const auto read = state_->read(kLog, [&](std::string_view line) -> core::Status {
    const auto reason = chain.next(line);
    if (!reason) return {};
    check.broken_at = chain.lines();
    check.reason = *reason;
    return core::fail(core::ErrorKind::conflict, "admin.audit.broken", *reason);
  });
  if (!read && !check.broken_at) return std::unexpected(read.error());
  check.lines = chain.lines();
  return check;
}

core::Result<std::vector<json::Object>> AuditLog::tail(std::size_t count) const {
  ASSIGN_OR_RETURN(const auto lines, state_->tail(kLog, count));
  std::vector<json::Object> out;
  out.reserve(lines.size());
  for (const auto& text : lines) {
    ASSIGN_OR_RETURN(auto line, json::parse(text));
    if (line.is_object()) out.push_back(std::move(line.as_object()));
  }
  return out;
}

std::string AuditLog::where() const {
  return state_->where(kLog);
}

}  // namespace admin
