// Tools whose work outlives the call: how a handler starts it, and how such work speaks to the client.
//
//   [&](const core::Context& context, const ToolCall& call) -> core::Result<Outcome> {
//     return start_task(jobs, context, call.round, {.kind = "export", .title = "Export of users"}, work);
//   }
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <variant>

#include "core/context.h"
#include "core/job.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/question.h"
#include "mcp/tool.h"

namespace mcp {

struct TaskOptions {
  std::string kind;  // as JobOptions
  std::string title;
  std::chrono::milliseconds keep = std::chrono::hours{1};           // unless the client wishes otherwise
  std::chrono::milliseconds answer_within = std::chrono::hours{1};  // then a question counts as cancelled
  core::json::Value checkpoint;
};

using TaskStep = std::variant<Complete, NeedInput>;
// Like a tool's handler, on a worker of the jobs: `context` has the job's stop token and sends progress to
// it. When it returns NeedInput it is called again with the answers; what the client cannot be asked counts
// as cancelled. An Error becomes a result with isError, an exception a JSON-RPC error.
using TaskWork =
    std::function<core::Result<TaskStep>(const core::Context& context, core::JobContext& job, Round round)>;

// Starts the work for the caller of `context`. Errors: those of core::Jobs::start().
core::Result<Outcome> start_task(core::Jobs& jobs, const core::Context& context, const Round& round,
                                 TaskOptions options, TaskWork work);

// ---- What a job's record holds of these things. A job that start_task() did not make shows its result as
// text.
core::json::Value write_tool_result(const ToolResult& result);
ToolResult read_tool_result(const core::json::Value& written);
core::json::Value write_response(const InputResponse& response);
InputResponse read_response(const core::json::Value& written);

}  // namespace mcp
