// What the fixtures are made of.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "core/json.h"
#include "core/result.h"
#include "mcp/question.h"
#include "mcp/tool.h"

namespace fixture {

using Result = core::Result<mcp::Outcome>;

// A 1×1 PNG, in base64.
inline constexpr std::string_view kPng =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

inline mcp::Outcome text(std::string message) {
  return mcp::Complete{mcp::text_result(std::move(message))};
}

inline core::json::Object no_arguments() {
  return {{"type", "object"}, {"additionalProperties", false}};
}

inline core::json::Object string_argument(std::string_view name) {
  return {{"type", "object"},
          {"properties", {{name, {{"type", "string"}}}}},
          {"required", {name}},
          {"additionalProperties", false}};
}

inline std::string argument(const mcp::ToolCall& call, std::string_view name) {
  const core::json::Value* found = call.arguments.if_contains(name);
  return found && found->is_string() ? std::string(found->get_string()) : std::string{};
}

inline core::json::Value string_schema() {
  return core::json::Object{{"type", "string"}};
}

inline mcp::FormQuestion form(std::string message, core::json::Object properties,
                              core::json::Array required) {
  return {std::move(message),
          {{"type", "object"}, {"properties", std::move(properties)}, {"required", std::move(required)}}};
}

inline mcp::Tool tool(std::string name, std::string description, mcp::ToolHandler handler,
                      mcp::RunsOn runs_on = mcp::RunsOn::local, core::json::Object schema = no_arguments()) {
  return {.name = std::move(name),
          .description = std::move(description),
          .input_schema = std::move(schema),
          .annotations = {.read_only = true, .destructive = false, .idempotent = true, .open_world = false},
          .runs_on = runs_on,
          .handler = std::move(handler)};
}

}  // namespace fixture
