// Makes one JSON value smaller without making it wrong. Used by answer.cpp only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "core/json.h"

namespace admin {

struct LeftOut {
  enum class What { all, elements, characters };
  std::string path;  // dotted; empty for the value itself
  What what = What::all;
  std::size_t kept = 0;  // elements or characters that are still there
};

// "settings.notes, users (all but the first 25), and more".
std::string to_text(const std::vector<LeftOut>& parts);

// Takes the largest parts out of `value` until its compact form is estimated at no more than `max_tokens`:
// what is larger than a common level is cut down to it (long strings are shortened, lists lose their tail)
// or, where that would leave crumbs, goes whole. Small members (ids, names, states) survive longest. Adds
// what went to `left_out`, one entry a path.
void shrink(core::json::Value& value, std::size_t max_tokens, std::vector<LeftOut>& left_out);

}  // namespace admin
