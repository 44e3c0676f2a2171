// Ending a stored login: it is forgotten here, and the org is asked to revoke its tokens (RFC 7009).
#pragma once

#include <optional>

#include "core/context.h"
#include "core/result.h"
#include "net/http_client.h"
#include "oauth/token_store.h"

namespace oauth {

struct SignedOut {
  bool found = false;                  // there was a login in these scopes
  bool revoked = false;                // the org has said so of every token there was
  std::optional<core::Error> problem;  // why not
};

// Of a login without client authentication, as a person's is. Forgets all of this org, client and grant,
// whatever the scopes, and asks the org about the one in the key's scopes; whether the org answers does not
// matter for the forgetting. Takes up to 20 seconds where the org does not answer. Errors: those of
// TokenStore.
core::Result<SignedOut> sign_out(const core::Context& context, net::HttpClient& http, TokenStore& store,
                                 const TokenKey& key);

}  // namespace oauth
