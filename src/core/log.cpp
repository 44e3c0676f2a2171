#include "core/log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "core/clock.h"
#include "core/json.h"

namespace core {
namespace {

std::atomic<LogLevel> g_level{LogLevel::info};
std::atomic<bool> g_stderr{true};
std::atomic<int> g_file{-1};

constexpr std::array<std::string_view, 8> kLevels = {"debug", "info",     "notice", "warning",
                                                     "error", "critical", "alert",  "emergency"};

constexpr std::array<std::string_view, 17> kSecretNames = {
    "password",      "passwd",        "secret",       "client_secret", "private_key",    "access_token",
    "refresh_token", "id_token",      "device_code",  "authorization", "client_assertion", "assertion",
    "api_token",     "passphrase",    "answer",       "subject_token", "registration_access_token"};

// "clientSecret" and "client-secret" are the same name as "client_secret".
std::string snake(std::string_view name) {
  std::string out;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') {
      if (!out.empty() && out.back() != '_') out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c == '-' || c == '.' ? '_' : c;
    }
  }
  return out;
}

bool token_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~' || c == '+' || c == '/' || c == '=';
}

void write_all(int fd, std::string_view line) {
  while (!line.empty()) {
    ssize_t written = ::write(fd, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // a log that cannot be written must not stop the work
    line.remove_prefix(static_cast<std::size_t>(written));
  }
}

json::Value redact_value(const json::Value& value);

json::Object redact_object(const json::Object& object) {
  json::Object out;
  for (const auto& member : object) {
    if (is_secret_name(member.key()) && !member.value().is_null()) {
      out[member.key()] = "[redacted]";
    } else {
      out[member.key()] = redact_value(member.value());
    }
  }
  return out;
}

json::Value redact_value(const json::Value& value) {
  if (value.is_string()) return json::Value(redact(value.get_string()));
  if (value.is_object()) return redact_object(value.get_object());
  if (value.is_array()) {
    json::Array out;
    for (const auto& element : value.get_array()) out.push_back(redact_value(element));
    return out;
  }
  return value;
}

}  // namespace

std::string_view to_string(LogLevel level) { return kLevels[static_cast<std::size_t>(level)]; }

std::optional<LogLevel> parse_log_level(std::string_view text) {
  std::string lower;
  for (char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  if (lower == "warn") return LogLevel::warning;
  if (lower == "trace") return LogLevel::debug;
  for (std::size_t i = 0; i < kLevels.size(); ++i) {
    if (lower == kLevels[i]) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

Status configure_log(const LogOptions& options) {
  g_level = options.level;
  g_stderr = options.to_stderr;
  if (options.file.empty()) return {};
  int fd = ::open(options.file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return fail(ErrorKind::invalid_input, "core.log.file",
                fmt::format("The log file {} cannot be opened: {}.", options.file, std::strerror(errno)),
                "Set OKTA_LOG_FILE to a file in a directory that this user may write to.");
  }
  int old = g_file.exchange(fd);
  if (old >= 0) ::close(old);
  return {};
}

bool log_enabled(LogLevel level) { return level >= g_level.load(std::memory_order_relaxed); }

void log(LogLevel level, std::string_view component, std::string_view message,
         const boost::json::object& fields) {
  if (!log_enabled(level)) return;
  json::Object line;
  line["time"] = to_rfc3339(system_clock().now());
  line["level"] = to_string(level);
  line["component"] = component;
  line["message"] = redact(message);
  for (const auto& member : redact_object(fields)) line[member.key()] = member.value();
  std::string text = json::write(line) + "\n";
  if (g_stderr) write_all(STDERR_FILENO, text);
  if (int fd = g_file; fd >= 0) write_all(fd, text);
}

std::string redact(std::string_view text) {
  static constexpr std::array<std::string_view, 4> kSchemes = {"SSWS ", "Bearer ", "DPoP ", "Basic "};
  std::string out;
  out.reserve(text.size());
  std::size_t i = 0;
  while (i < text.size()) {
    std::string_view rest = text.substr(i);
    // A compact JWS always starts with the base64url of {" : "eyJ".
    if (rest.starts_with("eyJ")) {
      std::size_t end = 0;
      while (end < rest.size() && token_char(rest[end])) ++end;
      if (end > 40) {
        out += "[redacted token]";
        i += end;
        continue;
      }
    }
    bool matched = false;
    for (std::string_view scheme : kSchemes) {
      if (!rest.starts_with(scheme)) continue;
      std::size_t end = scheme.size();
      while (end < rest.size() && token_char(rest[end])) ++end;
      if (end - scheme.size() < 8) continue;  // the word alone, as in "Bearer token"
      out += scheme;
      out += "[redacted]";
      i += end;
      matched = true;
      break;
    }
    if (matched) continue;
    if (rest.starts_with("-----BEGIN ") && rest.substr(0, 60).find("PRIVATE KEY") != std::string_view::npos) {
      auto end = rest.find("-----END ");
      if (end != std::string_view::npos) end = rest.find("-----", end + 9);
      out += "[redacted private key]";
      i = end == std::string_view::npos ? text.size() : i + end + 5;
      continue;
    }
    out += text[i++];
  }
  return out;
}

bool is_secret_name(std::string_view name) {
  std::string wanted = snake(name);
  for (std::string_view secret : kSecretNames) {
    if (wanted == secret) return true;
  }
  return wanted.ends_with("_secret") || wanted.ends_with("_password") || wanted.ends_with("_private_key") ||
         wanted.ends_with("_passphrase");
}

}  // namespace core
