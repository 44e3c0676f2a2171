// Lines of JSON of which each carries the hash of the line before it, so that a line that was altered, taken
// out or put in between shows. What it does not show: that the newest lines were cut off, or that all of it
// was written anew; a copy elsewhere shows that.
//
//   {"n":7, ..., "previous":"<hash of line 6>", "hash":"<SHA-256 of this line without its hash member>"}
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/json.h"
#include "core/result.h"

namespace core {

// The line that follows `previous_line` (empty: the first one), with `members` between its number and its
// hashes. Error core.chain.damaged when the previous line is none of a chain: nothing can follow it.
Result<std::string> next_chained_line(std::string_view previous_line, const json::Object& members);

// Checks lines in their order.
class ChainCheck {
 public:
  // Why the line does not follow those before it; nullopt when it does.
  std::optional<std::string> next(std::string_view line);
  std::int64_t lines() const { return lines_; }  // seen, the broken one included

 private:
  std::int64_t lines_ = 0;
  std::string link_;
};

}  // namespace core
