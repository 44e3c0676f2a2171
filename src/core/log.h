// Structured log lines (JSON, one a line) to stderr and to OKTA_LOG_FILE. Never to stdout: that is the
// protocol.
//
//   core::log(LogLevel::info, "okta", "request", {{"status", 200}, {"path", path}});
// Values whose key sounds like a secret are replaced; core::Secret cannot be passed at all.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/context.h"
#include "core/result.h"

namespace core {

std::string_view to_string(LogLevel level);
// "debug", "info", "notice", "warning"/"warn", "error", "critical", ... in any case.
std::optional<LogLevel> parse_log_level(std::string_view text);

struct LogOptions {
  LogLevel level = LogLevel::info;
  bool to_stderr = true;
  std::string file;  // appended to, created with mode 0600; empty for none
};

// Call once at start, before threads. The error names the file that cannot be opened.
Status configure_log(const LogOptions& options);
bool log_enabled(LogLevel level);

// Thread-safe; a line is written with one write(2), so that processes sharing the file do not mix lines.
void log(LogLevel level, std::string_view component, std::string_view message,
         const boost::json::object& fields = {});

// Replaces what looks like a credential in free text: JWTs, Okta API tokens, values of Authorization schemes,
// PEM private keys, and the values of secret names in forms (name=value) and JSON ("name":"value").
std::string redact(std::string_view text);
// True for member names whose value is never shown: "client_secret", "private_key", "password", ...
bool is_secret_name(std::string_view name);

}  // namespace core
