// Suggestions for an argument while a person types it (MCP "Completion"). The protocol completes arguments of
// prompts and variables of resource templates, nothing else.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/result.h"

namespace mcp {

inline constexpr std::size_t kMaxCompletions = 100;       // schema: CompleteResult
inline constexpr std::size_t kMaxCompletionInput = 1024;  // bytes typed; more is refused with -32602

struct CompletionRequest {
  std::string_view ref;       // the prompt's name, or the template's URI template
  std::string_view argument;  // one of its arguments or variables, checked
  std::string_view value;     // typed so far, may be empty
  // What the client has filled in already (2025-06-18 and later), whether we know the name or not.
  const std::map<std::string, std::string, std::less<>>& arguments;
};

struct CompletionResult {
  std::vector<std::string> values;     // best first; those beyond 100 are cut off and `has_more` is set
  std::optional<std::uint64_t> total;  // when known
  bool has_more = false;
};

// Called for each keystroke: answer from memory or a cache, and only what the caller may see. An Error of
// kind invalid_input is answered with -32602, any other with -32603.
using Completer =
    std::function<core::Result<CompletionResult>(const core::Context&, const CompletionRequest&)>;

}  // namespace mcp
