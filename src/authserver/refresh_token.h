// Refresh tokens: rotated with each use, and watched for being used again (RFC 9700 section 4.14.2). The
// grant itself is refresh_token_grant() in server.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "authserver/authorization.h"
#include "authserver/server.h"
#include "core/result.h"

namespace authserver {

struct RefreshToken {
  std::string key;  // of the record
  Record record;
  Authorization who;
  std::int64_t used_at = 0;  // milliseconds since 1970; 0: never

  // It gives tokens: it was never used, or that was less than Settings::refresh_grace ago.
  bool is_usable(const Server& server) const;
};

core::Result<std::string> mint_refresh_token(const Server& server, const Authorization& who);

// A token of this client whose sign-in is still good, used or not.
core::Result<std::optional<RefreshToken>> find_refresh_token(const Server& server, const Client& client,
                                                             std::string_view token);

}  // namespace authserver
