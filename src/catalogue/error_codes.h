// Okta's error codes: the HTTP status each comes with, and for the frequent ones a likely cause and a next
// step in our words. Statuses are read on first use from data embedded in the program
// (tools/catalogue/generate.py).
#pragma once

#include <span>
#include <string_view>

#include "core/result.h"

namespace catalogue {

struct ErrorCode {
  std::string_view code;       // "E0000001"
  int status = 0;              // as Okta publishes it; an answer may carry another one
  core::ErrorKind kind{};      // what it means for the caller; from the status unless the code says more
  std::string_view cause;      // likely cause, one sentence; empty for the rare codes
  std::string_view next_step;  // what to do now, one sentence; empty with `cause`
};

// nullptr for a code that Okta does not publish. Thread-safe.
const ErrorCode* find_error_code(std::string_view code);

// All of them, ordered by code.
std::span<const ErrorCode> error_codes();

// What an HTTP status means for the caller when no code says more. Any status from 300 up.
core::ErrorKind kind_of_status(int status);

}  // namespace catalogue
