// Patterns and variables of transcripts; README.md beside this file has the rules.
#pragma once

#include <map>
#include <string>

#include "core/json.h"

namespace transcripts {

using Variables = std::map<std::string, core::json::Value, std::less<>>;

// Empty when `got` matches; otherwise where and why not. Binds variables only when all of it matches.
std::string mismatch(const core::json::Value& pattern, const core::json::Value& got, Variables& variables);

// `value` with its variables replaced.
core::json::Value filled(const core::json::Value& value, const Variables& variables);

}  // namespace transcripts
