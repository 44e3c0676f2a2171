// The access token that a request presents (RFC 6750 section 2.1, RFC 9449 section 7.1): in the Authorization
// header field and nowhere else.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http.h"

namespace oauth {

enum class TokenScheme { bearer, dpop };

// Views into the request's headers, which outlive it.
struct PresentedToken {
  TokenScheme scheme = TokenScheme::bearer;
  std::string_view token;
  std::vector<std::string_view> proofs;  // the values of the DPoP header fields
};

// nullopt: no Authorization header, or another scheme ("Basic"), which counts as no credentials here (RFC
// 6750 section 3.1). Errors, ErrorKind::invalid_input:
//   oauth.credentials.multiple   more than one Authorization header
//   oauth.credentials.malformed  no scheme, no token after it, or one that is no b64token
core::Result<std::optional<PresentedToken>> presented_token(const net::Headers& headers);

}  // namespace oauth
