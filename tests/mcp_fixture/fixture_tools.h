// The tools that the official conformance suite and the transcripts expect of a server.
#pragma once

#include "core/result.h"
#include "mcp/server.h"

namespace fixture {

core::Status add_tools(mcp::Server& server);

}  // namespace fixture
