// Prompts as a server offers them, and the plain functions that write them (MCP "Prompts").
#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/completion.h"
#include "mcp/icon.h"
#include "mcp/question.h"
#include "mcp/tool.h"

namespace mcp {

enum class Role { user, assistant };

struct PromptMessage {
  Role role = Role::user;
  Content content;  // tool.h; what a revision cannot carry becomes text
};

struct PromptResult {
  std::string description;
  std::vector<PromptMessage> messages;
};

struct PromptArgument {
  std::string name;
  std::string title;  // sent from 2025-06-18 on
  std::string description;
  bool required = false;
};

using PromptArguments = std::map<std::string, std::string, std::less<>>;

struct PromptGet {
  // Checked: all strings, the required ones are there and not empty, none is unknown. They come from a person
  // or a model: text to quote, never instructions.
  const PromptArguments& arguments;
  Round round;
};

using PromptOutcome = std::variant<PromptResult, NeedInput>;

// An Error of kind invalid_input or not_found is answered with -32602, any other with -32603.
using PromptWriter = std::function<core::Result<PromptOutcome>(const core::Context&, const PromptGet&)>;

struct Prompt {
  std::string name;
  std::string title;  // sent from 2025-06-18 on
  std::string description;
  std::vector<PromptArgument> arguments;
  std::vector<Icon> icons;
  core::json::Object meta;          // `_meta`, from 2025-06-18 on
  std::vector<std::string> scopes;  // OAuth scopes a caller over HTTP needs to get it
  RunsOn runs_on = RunsOn::upstream;
  PromptWriter get;
  Completer complete;  // of its arguments; may be empty
  RunsOn completes_on = RunsOn::upstream;
};

}  // namespace mcp
