// One request to a token endpoint, with the client's proof of itself (RFC 6749 sections 2.3, 3.2 and 5).
// Inside room mcp only.
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "mcp/client_authorization.h"
#include "net/http_client.h"
#include "net/url.h"
#include "oauth/dpop.h"

namespace mcp {

struct TokenRequest {
  net::HttpClient& http;
  core::Clock& clock;
  core::Random& random;
  const AuthorizationServer& server;
  const ClientRegistration& client;
  oauth::DpopBinding& dpop;
  bool prove = false;  // go with a proof of possession from the start (RFC 9449 section 5)
};

struct TokenGranted {
  std::shared_ptr<const oauth::AccessToken> token;
  core::Secret refresh_token;  // empty when there is none
};

// With a proof where `prove` says so or the endpoint demands one; nonces are taken up. The token is bound to
// the key where the answer's token_type is DPoP. The form's values are wiped. Errors mcp.auth.answer,
// mcp.auth.refused, mcp.auth.registration (no way to authenticate that both know), net.*. Nothing that was
// sent stands in any of them.
core::Result<TokenGranted> request_token(const core::Context& context, const TokenRequest& request,
                                         net::Query form);

// The OAuth error of a refusal (RFC 6749 section 5.2), of a token or registration endpoint or in a redirect.
core::Error oauth_refusal(std::string_view whom, int status, std::string_view error,
                          std::string_view description);

}  // namespace mcp
