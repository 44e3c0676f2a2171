// What a handler may ask in the middle of its work, and how the answers come back.
#pragma once

#include <map>
#include <string>

#include "core/json.h"
#include "mcp/tool.h"

namespace mcp {

// What the client of this request can do, as it declared.
struct ClientAbilities {
  bool form = false;
  bool url = false;
  bool sampling = false;
  bool sampling_tools = false;
  bool roots = false;
  bool tasks = false;
};

// One turn of a handler: empty the first time, then what its last NeedInput brought.
struct Round {
  ClientAbilities can;
  std::map<std::string, InputResponse> responses;
  core::json::Value state;
};

}  // namespace mcp
