// The data files of this room as they lie in the program's read-only pages: touched only when somebody asks.
#pragma once

#include <string_view>

namespace catalogue {

std::string_view operations_data();   // operations.tsv
std::string_view error_codes_data();  // error_codes.tsv

}  // namespace catalogue
