// What the claims of an access token say about its holder. One place for JWTs and introspection answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace oauth {

struct AccessTokenClaims {
  std::string subject;
  std::string client_id;
  std::vector<std::string> scopes;  // of Okta's `scp`, else of `scope` (RFC 9068 section 2.2.3)
  std::string bound_to;             // `cnf.jkt`
};

// Errors oauth.access_token.subject, .confirmation.
core::Result<AccessTokenClaims> read_access_token_claims(const core::json::Object& claims);

// Error oauth.access_token.id_token: claims that only a token for a client has. For tokens whose `typ` does
// not settle what they are.
core::Status refuse_client_tokens(const core::json::Object& claims);

}  // namespace oauth
