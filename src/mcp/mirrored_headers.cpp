#include "mcp/mirrored_headers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/text.h"
#include "mcp/http_fields.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

constexpr std::string_view kMark = "x-mcp-header";
constexpr std::string_view kHeaderPrefix = "Mcp-Param-";
constexpr std::string_view kEncodedPrefix = "=?base64?";
constexpr std::string_view kEncodedSuffix = "?=";
constexpr double kSafeInteger = 9007199254740991.0;  // 2^53 − 1

template <std::size_t N>
bool one_of(std::string_view key, const std::array<std::string_view, N>& keys) {
  return std::ranges::find(keys, key) != keys.end();
}

// Finds every mark of a schema, and where it stands. Schemas are the application's own: their depth is not
// an attacker's to choose.
class MarkReader {
 public:
  core::Status read(const Object& schema, bool reachable) {
    // Keywords whose members are names with a schema each, and keywords whose values are data.
    static constexpr std::array<std::string_view, 4> kNamed = {"patternProperties", "$defs", "definitions",
                                                               "dependentSchemas"};
    static constexpr std::array<std::string_view, 4> kData = {"const", "enum", "default", "examples"};
    for (const auto& member : schema) {
      std::string_view key = member.key();
      if (key == kMark) {
        RETURN_IF_ERROR(add(schema, member.value(), reachable));
      } else if (key == "properties") {
        RETURN_IF_ERROR(read_named(member.value(), reachable, true));
      } else if (one_of(key, kNamed)) {
        RETURN_IF_ERROR(read_named(member.value(), false, false));
      } else if (!one_of(key, kData)) {
        RETURN_IF_ERROR(read_elsewhere(member.value()));
      }
    }
    return {};
  }

  std::vector<HeaderParameter> take() { return std::move(found_); }

 private:
  static core::Status bad(std::string message) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.tool.header", std::move(message));
  }

  core::Status read_named(const Value& schemas, bool reachable, bool steps) {
    const Object* named = schemas.if_object();
    if (!named) return {};
    for (const auto& member : *named) {
      const Object* schema = member.value().if_object();
      if (!schema) continue;
      if (steps) path_.emplace_back(member.key());
      auto status = read(*schema, reachable);
      if (steps) path_.pop_back();
      RETURN_IF_ERROR(status);
    }
    return {};
  }

  core::Status read_elsewhere(const Value& value) {
    if (const Object* schema = value.if_object()) return read(*schema, false);
    if (const auto* list = value.if_array()) {
      for (const Value& element : *list) RETURN_IF_ERROR(read_elsewhere(element));
    }
    return {};
  }

  core::Status add(const Object& schema, const Value& mark, bool reachable) {
    static constexpr std::array<std::string_view, 3> kTypes = {"string", "integer", "boolean"};
    const auto* name = mark.if_string();
    std::string header{kHeaderPrefix};
    if (name) header.append(name->data(), name->size());
    if (!name || name->empty() || !net::is_valid_field(header, "")) {
      return bad(fmt::format("{} must be a header token (RFC 9110 section 5.1).", kMark));
    }
    if (!reachable || path_.empty()) {
      return bad(fmt::format("{} \"{}\" must stand on a property that is reached through `properties` alone.",
                             kMark, std::string_view(*name)));
    }
    if (!one_of(core::json::string_or_empty(schema, "type"), kTypes)) {
      return bad(fmt::format("{} \"{}\" needs a property of type string, integer or boolean.", kMark,
                             std::string_view(*name)));
    }
    auto same = [&](const HeaderParameter& other) { return net::equals_ignoring_case(other.header, header); };
    if (std::ranges::any_of(found_, same)) {
      return bad(fmt::format("{} \"{}\" occurs twice.", kMark, std::string_view(*name)));
    }
    found_.push_back({std::move(header), path_});
    return {};
  }

  std::vector<std::string> path_;
  std::vector<HeaderParameter> found_;
};

const Value* value_at(const Object& arguments, std::span<const std::string> path) {
  const Object* object = &arguments;
  const Value* found = nullptr;
  for (const std::string& name : path) {
    if (!object) return nullptr;
    found = object->if_contains(name);
    if (!found) return nullptr;
    object = found->if_object();
  }
  return found;
}

std::optional<double> number_of(const Value& value) {
  if (value.is_int64()) return static_cast<double>(value.get_int64());
  if (value.is_uint64()) return static_cast<double>(value.get_uint64());
  if (value.is_double()) return value.get_double();
  return std::nullopt;
}

// Decimal, as clients print integers ("42"; "42.0" is tolerated by the specification).
std::optional<double> number_of(std::string_view text) {
  double number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(number)) return std::nullopt;
  return number;
}

bool agrees(const Value& argument, std::string_view header) {
  if (const auto* text = argument.if_string()) return header == std::string_view(*text);
  if (const bool* truth = argument.if_bool()) return header == (*truth ? "true" : "false");
  auto wanted = number_of(argument);
  auto given = number_of(header);
  // Beyond 2^53 − 1 different integers share one double, so equality would prove nothing.
  return wanted && given && std::abs(*wanted) <= kSafeInteger && *wanted == *given;
}

}  // namespace

std::optional<std::string> decode_header_value(std::string_view raw) {
  std::string_view text = trimmed(raw);
  auto allowed = [](char c) { return (c >= 0x20 && c <= 0x7e) || c == '\t'; };
  if (!std::ranges::all_of(text, allowed)) return std::nullopt;

  bool encoded = text.size() >= kEncodedPrefix.size() + kEncodedSuffix.size() &&
                 text.starts_with(kEncodedPrefix) && text.ends_with(kEncodedSuffix);
  if (!encoded) return std::string(text);
  text.remove_prefix(kEncodedPrefix.size());
  text.remove_suffix(kEncodedSuffix.size());
  // core::base64_decode passes over blanks, which PEM needs and a header does not.
  if (text.find_first_of(" \t") != std::string_view::npos) return std::nullopt;
  auto decoded = core::base64_decode(text);
  if (!decoded || !core::valid_utf8(*decoded)) return std::nullopt;
  return decoded;
}

std::string_view name_source(std::string_view method) {
  static constexpr std::array<std::array<std::string_view, 2>, 6> kSources = {{
      {"tools/call", "name"},
      {"prompts/get", "name"},
      {"resources/read", "uri"},
      // Extension io.modelcontextprotocol/tasks.
      {"tasks/get", "taskId"},
      {"tasks/update", "taskId"},
      {"tasks/cancel", "taskId"},
  }};
  for (const auto& [name, source] : kSources) {
    if (name == method) return source;
  }
  return {};
}

core::Result<std::vector<HeaderParameter>> read_header_parameters(const Object& input_schema) {
  MarkReader reader;
  RETURN_IF_ERROR(reader.read(input_schema, true));
  return reader.take();
}

std::optional<std::string> header_parameter_mismatch(std::span<const HeaderParameter> parameters,
                                                     const Object& arguments, const net::Headers& headers) {
  for (const HeaderParameter& parameter : parameters) {
    const Value* argument = value_at(arguments, parameter.path);
    // An object or array fails the tool's own schema, with a better explanation.
    bool mirrored = argument && !argument->is_null() && !argument->is_structured();
    HeaderField field = find_field(headers, parameter.header);
    if (field.count > 1) return fmt::format("{} occurs more than once.", parameter.header);
    if (field.count == 0) {
      if (mirrored) return fmt::format("{} is missing.", parameter.header);
      continue;
    }
    auto value = decode_header_value(field.value);
    if (!value) {
      return fmt::format("{} has invalid characters or broken base64.", parameter.header);
    }
    if (!argument || argument->is_null()) {
      return fmt::format("{} was sent, but the argument it mirrors was not.", parameter.header);
    }
    if (!mirrored || !agrees(*argument, *value)) {
      return fmt::format("{} differs from the argument it mirrors.", parameter.header);
    }
  }
  return std::nullopt;
}

}  // namespace mcp
