// Jobs as MCP shows them, in both forms: the extension io.modelcontextprotocol/tasks of 2026-07-28 (result
// inlined, ttlMs, pollIntervalMs, `failed` for JSON-RPC errors only) and the experimental one of 2025-11-25
// (tasks/result, ttl, pollInterval, `failed` for results with isError too). All texts are JSON.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include "core/job.h"
#include "mcp/codec.h"
#include "mcp/jsonrpc.h"
#include "mcp/tool.h"

namespace mcp {

// What the call that started the job would have answered. Of an ended job.
using TaskEnd = std::variant<ToolResult, RpcError>;
TaskEnd task_end(const core::JobSnapshot& job);

// `poll` is what clients are told to wait between looks.
std::string create_task_result(const Codec& codec, const core::JobSnapshot& job,
                               std::chrono::milliseconds poll);
// Of tasks/get, and of tasks/cancel in 2025-11-25.
std::string task_result(const Codec& codec, const core::JobSnapshot& job, std::chrono::milliseconds poll);
// Params of notifications/tasks/status (2025-11-25), or with `subscription` of notifications/tasks
// (2026-07-28).
std::string task_changed_params(const Codec& codec, const core::JobSnapshot& job,
                                std::chrono::milliseconds poll, const RequestId* subscription);
// Of tasks/list (2025-11-25).
std::string task_page_result(const Codec& codec, const core::Jobs::Page& page,
                             std::chrono::milliseconds poll);

// `object` with _meta naming the task (2025-11-25); it must not have a _meta of its own.
std::string with_related_task(std::string object, std::string_view task);

// `data` of -32021 for a client that did not declare the extension.
std::string missing_tasks_data();

}  // namespace mcp
