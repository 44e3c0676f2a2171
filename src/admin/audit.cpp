#include "admin/audit.h"

#include <fmt/format.h>

#include "core/file.h"
#include "core/log.h"
#include "core/seal.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::size_t kMaxAuditFile = 1u << 30;
constexpr std::size_t kMaxAuditText = 512;
constexpr std::string_view kFirstLink = "0000000000000000000000000000000000000000000000000000000000000000";

// The hash covers the line as written, without its own "hash" member, which is always the last one.
std::string link_of(const json::Object& line) {
  json::Object body = line;
  body.erase("hash");
  return core::sha256_hex(json::write(body));
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    auto newline = text.find('\n');
    lines.push_back(text.substr(0, newline));
    if (newline == std::string_view::npos) break;
    text.remove_prefix(newline + 1);
  }
  return lines;
}

void add_text(json::Object& line, std::string_view key, std::string_view value) {
  if (!value.empty()) line[key] = value;
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
  return core::DurableLines::append(path_, [&](std::string_view previous) -> core::Result<std::string> {
    std::string link(kFirstLink);
    std::int64_t number = 1;
    if (!previous.empty()) {
      auto last = json::parse(previous);
      if (!last || !last->is_object()) {
        return core::fail(core::ErrorKind::internal, "admin.audit.damaged",
                          fmt::format("The last line of {} is damaged; no change is made.", path_),
                          "Run `okta-mcp-server audit verify`, then move the file aside to start a new one.");
      }
      link = json::string_or_empty(*last, "hash");
      ASSIGN_OR_RETURN(number, json::Reader(*last).at("n").integer());
      ++number;
    }
    json::Object line;
    line["n"] = number;
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
    line["previous"] = link;
    line["hash"] = link_of(line);
    return json::write(line);
  });
}

core::Result<AuditLog::Check> AuditLog::verify() const {
  ASSIGN_OR_RETURN(auto content, core::read_file(path_, kMaxAuditFile));
  const std::string whole = content.value_or("");
  Check check;
  std::string link(kFirstLink);
  for (std::string_view text : lines_of(whole)) {
    ++check.lines;
    auto broken = [&](std::string reason) {
      check.broken_at = check.lines;
      check.reason = std::move(reason);
      return check;
    };
    auto line = json::parse(text);
    if (!line || !line->is_object()) return broken("it is not JSON");
    if (json::string_or_empty(*line, "previous") != link)
      return broken("it does not follow the line before it");
    link = link_of(line->get_object());
    if (json::string_or_empty(*line, "hash") != link) return broken("its content was altered");
    auto number = json::Reader(*line).at("n").integer();
    if (!number || *number != check.lines) return broken("its number is out of order");
  }
  return check;
}

core::Result<std::vector<json::Object>> AuditLog::tail(std::size_t count) const {
  ASSIGN_OR_RETURN(auto content, core::read_file(path_, kMaxAuditFile));
  std::vector<json::Object> out;
  std::string text = content.value_or("");
  auto lines = lines_of(text);
  for (std::size_t i = lines.size() > count ? lines.size() - count : 0; i < lines.size(); ++i) {
    ASSIGN_OR_RETURN(auto line, json::parse(lines[i]));
    if (line.is_object()) out.push_back(line.get_object());
  }
  return out;
}

}  // namespace admin
