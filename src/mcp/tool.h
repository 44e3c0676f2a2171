// A tool as a server offers it, and the plain function behind it (MCP "Tools").
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/icon.h"
#include "mcp/question.h"

namespace mcp {

// A text, or a block of any kind as the JSON that goes on the wire: image, audio, resource_link, resource.
// Texts may be long and are most of what is said; they are never copied into JSON.
using Content = std::variant<std::string, core::json::Object>;
Content text_content(std::string text);
// What a text block says; empty for other kinds.
std::string_view text_of(const Content& content);
core::json::Object write_content(const Content& content);

struct ToolResult {
  std::vector<Content> content;
  std::optional<core::json::Value> structured;
  bool is_error = false;  // the tool ran and failed; the model should read it and may try something else
};

ToolResult text_result(std::string text);
ToolResult error_result(std::string text);

struct Complete {
  ToolResult result;
};

// The work goes on as a job (core/job.h) whose result is a ToolResult; start_task() in task.h makes one. A
// client that knows tasks gets a handle to poll, any other waits for the result.
struct Started {
  std::string job;  // id, of the caller's principal
};

using Outcome = std::variant<Complete, NeedInput, Started>;

struct ToolCall {
  const core::json::Object& arguments;
  Round round;
};

// An Error becomes a tool result with isError; a JSON-RPC error is only for calls that are not calls at all.
using ToolHandler = std::function<core::Result<Outcome>(const core::Context&, const ToolCall&)>;

enum class RunsOn {
  reader,    // memory only, microseconds: answered on the reading thread
  local,     // disk or computation
  upstream,  // waits for other services
};

// Whether the handler may return Started (the spec's execution.taskSupport).
enum class TaskSupport {
  never,
  optional,  // clients without tasks wait for the result
  required,  // clients without tasks are refused
};

struct Annotations {
  bool read_only = false;
  bool destructive = true;
  bool idempotent = false;
  bool open_world = true;
};

struct Tool {
  std::string name;
  std::string title;
  std::string description;
  core::json::Object input_schema;  // JSON Schema 2020-12, root type "object"
  std::optional<core::json::Object> output_schema;
  Annotations annotations;
  std::vector<Icon> icons;
  core::json::Object meta;  // `_meta`, from 2025-06-18 on: {"ui": {"resourceUri": ..., "visibility": [...]}}
  RunsOn runs_on = RunsOn::upstream;
  TaskSupport tasks = TaskSupport::never;  // others need ServerOptions::jobs
  std::vector<std::string> scopes = {};    // what a caller over HTTP needs (OAuth)
  ToolHandler handler;
};

}  // namespace mcp
