// Whether a tools/call becomes a task: what the tool can, what the client said, what the revision has.
#pragma once

#include <chrono>
#include <expected>
#include <optional>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/call.h"
#include "mcp/era.h"
#include "mcp/tool.h"

namespace mcp {

struct TaskUse {
  bool handle = false;  // what the tool starts is answered with its handle
  bool always = false;  // 2025-11-25, params.task: a handle even when the tool is done at once
  std::optional<std::chrono::milliseconds> keep;
};

std::expected<TaskUse, Refusal> task_use(const Tool& tool, const Envelope& envelope,
                                         const core::json::Object& params);

// The tool's outcome, a finished one (or a failure) as a job that has ended.
core::Result<CallOutcome> call_as_task(core::Jobs& jobs, const Tool& tool, const core::Context& context,
                                       const core::json::Object& arguments, Round round);

}  // namespace mcp
