// Who is behind a request.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace mcp {

// Over stdio: the default. Over HTTP what a Guard (guard.h) made of the request's credentials; with OAuth the
// principal is "<issuer>#<sub>".
struct Caller {
  std::string principal = "local";
  std::optional<std::vector<std::string>> scopes;  // granted; nullopt: not limited by scopes
};

}  // namespace mcp
