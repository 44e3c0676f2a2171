#include "core/log.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"

namespace core {
namespace {

std::atomic<LogLevel> g_level{LogLevel::info};
std::atomic<bool> g_stderr{true};
std::atomic<int> g_file{-1};

constexpr std::array<std::string_view, 8> kLevels = {"debug", "info",     "notice", "warning",
                                                     "error", "critical", "alert",  "emergency"};

constexpr std::array<std::string_view, 18> kSecretNames = {
    "password",         "passwd",      "passphrase", "secret", "private_key",
    "authorization",    "assertion",   "answer",     "token",  "api_key",
    "client_assertion", "device_code", "set_cookie", "cookie", "pass_code",
    "code_verifier",    "ssws",        "dpop"};
constexpr std::array<std::string_view, 6> kSecretEndings = {"_secret",      "_password", "_passphrase",
                                                            "_private_key", "_token",    "_api_key"};

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// "clientSecret", "client-secret", "CLIENT_SECRET" and "ClientSECRET" are the same name as "client_secret".
std::string snake(std::string_view name) {
  std::string out;
  for (std::size_t i = 0; i < name.size(); ++i) {
    char c = name[i];
    if (!is_upper(c)) {
      out += c == '-' || c == '.' || c == ' ' ? '_' : c;
      continue;
    }
    bool after_word = i > 0 && (is_lower(name[i - 1]) || is_digit(name[i - 1]));
    bool starts_word = i > 0 && is_upper(name[i - 1]) && i + 1 < name.size() && is_lower(name[i + 1]);
    if (after_word || starts_word) out += '_';
    out += static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool token_char(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) || c == '-' || c == '_' || c == '.' || c == '~' ||
         c == '+' || c == '/' || c == '=';
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

std::string_view to_string(LogLevel level) {
  return kLevels[static_cast<std::size_t>(level)];
}

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

bool log_enabled(LogLevel level) {
  return level >= g_level.load(std::memory_order_relaxed);
}

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

namespace {

bool starts_with_ignoring_case(std::string_view text, std::string_view lower_prefix) {
  if (text.size() < lower_prefix.size()) return false;
  for (std::size_t i = 0; i < lower_prefix.size(); ++i) {
    char c = is_upper(text[i]) ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
    if (c != lower_prefix[i]) return false;
  }
  return true;
}

bool name_char(char c) {
  return is_lower(c) || is_upper(c) || is_digit(c) || c == '_' || c == '-';
}

std::size_t count_while(std::string_view text, bool (*belongs)(char)) {
  return static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), belongs) - text.begin());
}

// What stands for a credential at the start of a word: how much is kept, how much goes, and what replaces it.
struct Finding {
  std::size_t kept = 0;
  std::size_t removed = 0;
  std::string_view note = "[redacted]";
};

// Behind a secret name: the value of `=value` (forms, queries) or of `":"value"` (JSON).
std::optional<Finding> value_behind_name(std::string_view after) {
  if (after.starts_with('=')) {
    std::size_t end = std::min(after.find_first_of("& \t\r\n\"',;"), after.size());
    return end > 1 ? std::optional(Finding{1, end - 1}) : std::nullopt;
  }
  std::size_t colon = after.find_first_not_of(" \t\r\n", 1);
  if (colon == std::string_view::npos || after[colon] != ':') return std::nullopt;
  std::size_t quote = after.find_first_not_of(" \t\r\n", colon + 1);
  if (quote == std::string_view::npos || after[quote] != '"') return std::nullopt;
  std::size_t end = quote + 1;
  while (end < after.size() && after[end] != '"') end += after[end] == '\\' ? 2 : 1;
  return Finding{quote + 1, std::min(end, after.size()) - quote - 1};
}

// Looks ahead a bounded number of characters, or as many as it then removes, so that redact() stays linear.
std::optional<Finding> credential_at(std::string_view rest) {
  static constexpr std::array<std::string_view, 4> kSchemes = {"ssws ", "bearer ", "dpop ", "basic "};
  // A compact JWS starts with the base64url of {" : "eyJ".
  if (rest.starts_with("eyJ")) {
    std::size_t length = count_while(rest, token_char);
    if (length > 40) return Finding{0, length, "[redacted token]"};
  }
  // An Okta API token whose scheme was cut off: 42 characters that begin with 00.
  if (rest.starts_with("00") && count_while(rest.substr(0, 43), name_char) == 42) {
    return Finding{0, 42, "[redacted token]"};
  }
  for (std::string_view scheme : kSchemes) {
    if (!starts_with_ignoring_case(rest, scheme)) continue;
    std::size_t length = count_while(rest.substr(scheme.size()), token_char);
    if (length >= 8) return Finding{scheme.size(), length};  // fewer: the word alone, as in "Bearer token"
  }
  std::size_t name = count_while(rest, name_char);
  if (name == 0 || name == rest.size() || (rest[name] != '=' && rest[name] != '"')) return std::nullopt;
  if (!is_secret_name(rest.substr(0, name))) return std::nullopt;
  auto found = value_behind_name(rest.substr(name));
  if (found) found->kept += name;
  return found;
}

}  // namespace

std::string redact(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t i = 0;
  while (i < text.size()) {
    std::string_view rest = text.substr(i);
    if (rest.starts_with("-----BEGIN ") && rest.substr(0, 60).find("PRIVATE KEY") != std::string_view::npos) {
      auto end = rest.find("-----END ");
      if (end != std::string_view::npos) end = rest.find("-----", end + 9);
      out += "[redacted private key]";
      i = end == std::string_view::npos ? text.size() : i + end + 5;
      continue;
    }
    if (i == 0 || !name_char(text[i - 1])) {
      if (auto found = credential_at(rest)) {
        out += rest.substr(0, found->kept);
        out += found->note;
        i += found->kept + found->removed;
        continue;
      }
    }
    out += text[i++];
  }
  return out;
}

bool is_secret_name(std::string_view name) {
  std::string wanted = snake(name);
  return std::ranges::find(kSecretNames, wanted) != kSecretNames.end() ||
         std::ranges::any_of(kSecretEndings,
                             [&](std::string_view ending) { return wanted.ends_with(ending); });
}

}  // namespace core
