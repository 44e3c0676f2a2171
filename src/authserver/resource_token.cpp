#include "authserver/resource_token.h"

#include "authserver/scopes.h"

namespace authserver {

using boost::json::object;

std::string new_access_token_id(const Server& server) {
  return "AT." + server.random->token(32);
}

core::Result<std::string> sign_resource_token(const Server& server, const ResourceToken& token) {
  const std::int64_t issued = core::to_unix_seconds(token.issued);
  object claims{{"ver", 1},
                {"jti", token.id},
                {"iss", server.settings.issuer},
                {"aud", token.audience},
                {"iat", issued},
                {"exp", issued + token.lifetime.count()},
                {"cid", token.client_id}};
  if (!token.user_id.empty()) claims["uid"] = token.user_id;
  claims["scp"] = boost::json::array(token.scopes.begin(), token.scopes.end());
  if (token.auth_time != 0) claims["auth_time"] = token.auth_time;
  claims["sub"] = token.subject;
  if (!token.profile.empty()) claims["sub_profile"] = token.profile;
  if (!token.actor.empty()) claims["act"] = token.actor;
  if (!token.dpop_key.empty()) claims["cnf"] = object{{"jkt", token.dpop_key}};
  for (const auto& claim : token.more) claims.emplace(claim.key(), claim.value());
  return oauth::sign_jwt(server.signing_keys.front(), claims, server.settings.access_token_type);
}

object resource_token_answer(const ResourceToken& token, std::string_view text) {
  return {{"token_type", token.dpop_key.empty() ? "Bearer" : "DPoP"},
          {"expires_in", token.lifetime.count()},
          {"access_token", text},
          {"scope", join_scopes(token.scopes)}};
}

}  // namespace authserver
