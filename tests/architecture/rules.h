// The house rules as functions over source text, apart from the file system so that each rule can be shown to
// bite.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace architecture {

inline constexpr std::size_t kMaxLines = 600;

struct Source {
  std::string path;  // relative to the project, with forward slashes: "src/net/url.h"
  std::string text;
};

// Each function returns one line per violation: "path:line: what is wrong".
using Violations = std::vector<std::string>;

// A room includes itself and the rooms below it; apps include rooms and their own folder.
Violations check_arrows(const Source& source);
// Libraries that cost seconds per file stay out of headers, but for a header that only .cpp files of its own
// room include. Looks at all sources at once.
Violations check_heavy_headers(const std::vector<Source>& sources);
Violations check_length(const Source& source);
// What has external linkage is defined in one file of a room only, tests and their kits too: two types,
// inline functions or inline constants of one name are taken for one by the linker, which keeps either and
// says nothing. Functions are of one name when their parameters are spelt alike. Looks at all sources at
// once; read from the text, so what a macro writes is not seen, but for GoogleTest's own tests.
Violations check_one_definition(const std::vector<Source>& sources);
// g++ 12 miscompiles common co_await patterns (docs/architecture.md, rule 7).
Violations check_no_coroutines(const Source& source);
// Unfinished work is not committed.
Violations check_no_markers(const Source& source);
// Nothing refers to the machine it was written on.
Violations check_no_machine_paths(const Source& source);

}  // namespace architecture
