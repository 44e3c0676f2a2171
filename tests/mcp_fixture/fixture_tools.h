// What the official conformance suite and the transcripts expect of a server.
#pragma once

#include "core/job.h"
#include "core/result.h"
#include "mcp/server.h"

namespace fixture {

core::Status add_tools(mcp::Server& server);
// Those that ask the client for more than a form: samples, roots, several things at once.
core::Status add_asking_tools(mcp::Server& server);
// Resources, templates, and the tools that change them.
core::Status add_resources(mcp::Server& server);
// Prompts, and the tool that changes them.
core::Status add_prompts(mcp::Server& server);

// Those that run as tasks; `jobs` is the server's.
core::Status add_task_tools(mcp::Server& server, core::Jobs& jobs);

// All of the above.
core::Status add_everything(mcp::Server& server, core::Jobs& jobs);

}  // namespace fixture
