#include "mcp/client_headers.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "core/encoding.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

const Value* value_at(const Object& arguments, std::span<const std::string> path) {
  const Object* object = &arguments;
  const Value* found = nullptr;
  for (const std::string& name : path) {
    found = object ? object->if_contains(name) : nullptr;
    if (!found) return nullptr;
    object = found->if_object();
  }
  return found;
}

std::string text_of(const Value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  // 42.0 is an integer to JSON Schema.
  if (value.is_double() && std::trunc(value.get_double()) == value.get_double()) {
    return fmt::format("{:.0f}", value.get_double());
  }
  return core::json::write(value);
}

}  // namespace

std::string encode_header_value(std::string_view text) {
  const bool visible = std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
  const bool edges = text.starts_with(' ') || text.ends_with(' ');
  const bool looks_encoded = text.starts_with("=?base64?") && text.ends_with("?=");
  if (visible && !edges && !looks_encoded) return std::string(text);
  return fmt::format("=?base64?{}?=", core::base64_encode(text));
}

void add_standard_headers(net::Headers& headers, const Outgoing& message) {
  headers.set("Mcp-Method", encode_header_value(message.method));
  if (const auto source = name_source(message.method); !source.empty()) {
    if (const Value* name = message.params.if_contains(source); name && name->is_string()) {
      headers.set("Mcp-Name", encode_header_value(name->get_string()));
    }
  }
  for (const auto& [name, value] : message.mirrored) headers.set(name, value);
}

std::vector<net::Headers::Field> mirror(std::span<const HeaderParameter> parameters,
                                        const Object& arguments) {
  std::vector<net::Headers::Field> fields;
  for (const HeaderParameter& parameter : parameters) {
    const Value* value = value_at(arguments, parameter.path);
    if (!value || value->is_null() || value->is_structured()) continue;
    fields.emplace_back(parameter.header, encode_header_value(text_of(*value)));
  }
  return fields;
}

}  // namespace mcp
