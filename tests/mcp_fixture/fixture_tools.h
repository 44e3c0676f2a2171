// The tools that the official conformance suite and the transcripts expect of a server.
#pragma once

#include "core/job.h"
#include "core/result.h"
#include "mcp/server.h"

namespace fixture {

core::Status add_tools(mcp::Server& server);
// Those that run as tasks (fixture_tasks.cpp). `jobs` is the server's.
core::Status add_task_tools(mcp::Server& server, core::Jobs& jobs);

}  // namespace fixture
