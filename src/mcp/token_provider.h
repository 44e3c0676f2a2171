// Where an MCP client over HTTP gets its access tokens. client_authorization.h obtains them by the protocol's
// own rules; whoever has them already (a registry, an ID-JAG exchange, a test) supplies them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/context.h"
#include "core/result.h"
#include "net/http.h"
#include "oauth/token_source.h"

namespace mcp {

// A refusal for want of a (better) token: 401, or 403 with insufficient_scope.
struct AuthorizationChallenge {
  int status = 401;
  std::string_view url;                            // of the request that was refused
  const net::Headers& headers;                     // of the refusal
  std::shared_ptr<const oauth::AccessToken> used;  // null when it went without
};

// Thread-safe.
class TokenProvider {
 public:
  virtual ~TokenProvider() = default;

  // For the next request to `url`; null to go without. It is asked for each request, so it must be quick
  // while a token is at hand.
  virtual core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context& context,
                                                                        std::string_view url) = 0;
  // True: token() has another one now, send the request again. False: there is none; the caller is told what
  // the server said. An error takes its place.
  virtual core::Result<bool> challenged(const core::Context& context,
                                        const AuthorizationChallenge& challenge) = 0;
};

// Tokens of an oauth::TokenSource: one that is refused is renewed once per request. The source outlives it.
std::unique_ptr<TokenProvider> make_token_provider(oauth::TokenSource& source);

}  // namespace mcp
