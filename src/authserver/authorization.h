// What a token stands for, and the tokens themselves, shaped as Okta's org authorization server shapes them.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/clock.h"
#include "core/result.h"
#include "oauth/jwt.h"

namespace authserver {

// Who allowed what to whom. Lives in records of codes and refresh tokens.
struct Authorization {
  std::string client_id;
  std::vector<std::string> scopes;
  // Of a person; empty where a client acts for itself.
  std::string user_id{};
  std::string login{};
  std::int64_t auth_time = 0;  // seconds since 1970
  // The tokens that follow from one sign-in die together.
  std::string family{};
  // Thumbprint of the key that a public client's refresh tokens are bound to (RFC 9449 section 5).
  std::string dpop_key{};
  // For the ID token that a code is redeemed for (OpenID Connect Core section 2); not kept after that.
  std::string nonce{};

  bool has(std::string_view scope) const;
};

boost::json::object to_json(const Authorization& authorization);
std::optional<Authorization> authorization_from_json(const boost::json::value& value);

// token_type, expires_in, access_token, scope; with a person and `openid` also id_token; with
// `offline_access` also refresh_token. `authorization.family` is started when it is empty and needed. What a
// DPoP proof came with is bound to its key: the access token always, a refresh token if the client is public.
core::Result<boost::json::object> token_answer(const GrantCall& call, Authorization authorization,
                                               const std::vector<std::string>& scopes);

// Evidence that an access token is ours, of now, and neither revoked nor taken back. Errors: those of
// oauth/jwt.h, and authserver.access_token_revoked.
core::Result<oauth::VerifiedJwt> verify_access_token(const Server& server, std::string_view token);

// From now on the token (by its jti) is refused, until it expires by itself.
core::Status revoke_access_token(const Server& server, const oauth::VerifiedJwt& token);

// A new sign-in's name, known to the store.
core::Result<std::string> start_family(const Server& server);
// All refresh tokens of a sign-in, and the access tokens that came with them, are refused from now on.
core::Status revoke_family(const Server& server, std::string_view family);
core::Result<bool> family_is_alive(const Server& server, std::string_view family);

}  // namespace authserver
