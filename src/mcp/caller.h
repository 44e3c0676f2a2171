// Who is behind a request.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace mcp {

// Over stdio the person whose process it is; over HTTP what the access token proves.
struct Caller {
  std::string principal = "local";                 // "<issuer>#<subject>" with OAuth; audit lines name it
  std::optional<std::vector<std::string>> scopes;  // nullopt: not limited by scopes
};

}  // namespace mcp
