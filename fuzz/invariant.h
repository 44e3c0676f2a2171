// What a target demands of the code it drives. Unlike assert() it says what it found, and is there in every
// build.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace fuzz {

inline void demand(bool holds, const char* what, std::string_view shown = {}) {
  if (holds) return;
  std::fprintf(stderr, "INVARIANT BROKEN: %s: %.*s\n", what, static_cast<int>(shown.size()), shown.data());
  std::abort();
}

}  // namespace fuzz
