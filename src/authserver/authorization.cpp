#include "authserver/authorization.h"

#include <algorithm>

#include "authserver/problem.h"
#include "authserver/refresh_token.h"
#include "authserver/scopes.h"
#include "core/encoding.h"
#include "core/json.h"
#include "core/seal.h"

namespace authserver {
namespace {

using boost::json::object;
using core::Result;
using core::Status;
using Scopes = std::vector<std::string>;

boost::json::array to_array(const Scopes& scopes) {
  return boost::json::array(scopes.begin(), scopes.end());
}

std::int64_t seconds_after(core::WallTime now, std::chrono::seconds lifetime) {
  return core::to_unix_seconds(now + lifetime);
}

Result<std::string> mint_access_token(const Server& server, const Authorization& who, const Scopes& scopes,
                                      const std::string& dpop_key) {
  const Settings& settings = server.settings;
  core::WallTime now = server.now();
  std::string id = "AT." + server.random->token(32);
  object claims{{"ver", 1},
                {"jti", id},
                {"iss", settings.issuer},
                {"aud", settings.issuer},
                {"sub", who.login.empty() ? who.client_id : who.login},
                {"iat", core::to_unix_seconds(now)},
                {"exp", seconds_after(now, settings.access_token_lifetime)},
                {"cid", who.client_id}};
  if (!who.user_id.empty()) {
    claims["uid"] = who.user_id;
    claims["auth_time"] = who.auth_time;
  }
  claims["scp"] = to_array(scopes);
  if (!dpop_key.empty()) claims["cnf"] = object{{"jkt", dpop_key}};  // RFC 9449 section 6.1
  if (!who.family.empty()) {
    std::string value = core::json::write(object{{"family", who.family}});
    ASSIGN_OR_RETURN(bool written,
                     server.store->compare_and_set(RecordKind::access_token, id, 0, std::move(value),
                                                   now + settings.access_token_lifetime, now));
    if (!written) return problem("server_error");
  }
  return oauth::sign_jwt(server.signing_keys.front(), claims, settings.access_token_type);
}

// OpenID Connect Core section 2; at_hash as in section 3.1.3.6.
Result<std::string> mint_id_token(const Server& server, const Authorization& who, const User& user,
                                  std::string_view access_token) {
  core::WallTime now = server.now();
  object claims{{"sub", who.user_id},
                {"ver", 1},
                {"iss", server.settings.issuer},
                {"aud", who.client_id},
                {"iat", core::to_unix_seconds(now)},
                {"exp", seconds_after(now, server.settings.access_token_lifetime)},
                {"jti", "ID." + server.random->token(32)},
                {"amr", boost::json::array{"pwd"}},
                {"auth_time", who.auth_time},
                {"at_hash", core::base64url_encode(core::sha256(access_token).substr(0, 16))}};
  if (who.has("profile")) {
    claims["name"] = user.first_name + " " + user.last_name;
    claims["preferred_username"] = user.login;
  }
  if (who.has("email")) claims["email"] = user.email;
  if (!who.nonce.empty()) claims["nonce"] = who.nonce;
  // As in OpenID Connect Front-Channel Logout section 3.
  if (server.settings.session_in_id_tokens && !who.family.empty()) claims["sid"] = who.family;
  return oauth::sign_jwt(server.signing_keys.front(), claims, "");
}

}  // namespace

bool Authorization::has(std::string_view scope) const {
  return std::ranges::find(scopes, scope) != scopes.end();
}

object to_json(const Authorization& who) {
  return {{"client_id", who.client_id}, {"scopes", to_array(who.scopes)}, {"user_id", who.user_id},
          {"login", who.login},         {"auth_time", who.auth_time},     {"family", who.family},
          {"dpop_key", who.dpop_key}};
}

std::optional<Authorization> authorization_from_json(const boost::json::value& value) {
  core::json::Reader in(value);
  auto client_id = in.at("client_id").string();
  auto scopes = in.at("scopes").strings();
  auto user_id = in.at("user_id").string();
  auto login = in.at("login").string();
  auto auth_time = in.at("auth_time").integer();
  auto family = in.at("family").string();
  auto dpop_key = in.at("dpop_key").string();
  if (!client_id || !scopes || !user_id || !login || !auth_time || !family || !dpop_key) return std::nullopt;
  return Authorization{.client_id = *std::move(client_id),
                       .scopes = *std::move(scopes),
                       .user_id = *std::move(user_id),
                       .login = *std::move(login),
                       .auth_time = *auth_time,
                       .family = *std::move(family),
                       .dpop_key = *std::move(dpop_key)};
}

Result<object> token_answer(const GrantCall& call, Authorization who, const Scopes& scopes) {
  const Server& server = call.server;
  bool refreshes = !who.login.empty() && who.has("offline_access");
  if (refreshes && who.family.empty()) {
    ASSIGN_OR_RETURN(who.family, start_family(server));
  }
  ASSIGN_OR_RETURN(std::string access_token, mint_access_token(server, who, scopes, call.dpop_key));
  object answer{{"token_type", call.dpop_key.empty() ? "Bearer" : "DPoP"},
                {"expires_in", server.settings.access_token_lifetime.count()},
                {"access_token", access_token},
                {"scope", join_scopes(scopes)}};
  if (refreshes) {
    // A confidential client's refresh token is bound to the client already.
    if (call.client.auth_method == AuthMethod::none) who.dpop_key = call.dpop_key;
    ASSIGN_OR_RETURN(std::string refresh_token, mint_refresh_token(server, who));
    answer["refresh_token"] = refresh_token;
  }
  if (!who.login.empty() && std::ranges::find(scopes, "openid") != scopes.end()) {
    auto user = server.find_user(who.login);
    if (!user) return problem("access_denied");
    ASSIGN_OR_RETURN(std::string id_token, mint_id_token(server, who, *user, access_token));
    answer["id_token"] = id_token;
  }
  return answer;
}

static std::vector<oauth::Algorithm> algorithms_of(const std::vector<oauth::Key>& keys) {
  std::vector<oauth::Algorithm> algorithms;
  algorithms.reserve(keys.size());
  for (const oauth::Key& key : keys) algorithms.push_back(key.algorithm());
  return algorithms;
}

Result<oauth::VerifiedJwt> verify_access_token(const Server& server, std::string_view token) {
  std::vector<std::string> audiences{server.settings.issuer};
  if (server.settings.tokens_for_resources) {
    // Whatever it says; that it says it is checked with the signature.
    ASSIGN_OR_RETURN(auto unverified, oauth::peek(token));
    audiences = {std::string(core::json::string_or_empty(unverified.claims, "aud"))};
  }
  ASSIGN_OR_RETURN(auto verifier,
                   oauth::JwtVerifier::create({.jws = {.algorithms = algorithms_of(server.signing_keys),
                                                       .types = {server.settings.access_token_type},
                                                       .require_kid = true},
                                               .issuer = server.settings.issuer,
                                               .audiences = std::move(audiences),
                                               .leeway = std::chrono::seconds{0},
                                               .required_claims = {"jti", "cid", "scp", "sub"}},
                                              *server.clock));
  ASSIGN_OR_RETURN(auto jwt, verifier.verify(token, oauth::KeySet(server.signing_keys)));
  ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::access_token, jwt.id(), server.now()));
  if (record) {
    auto value = core::json::parse(record->value);
    if (!value) return problem("server_error");
    std::string_view family = core::json::string_or_empty(*value, "family");
    bool alive = false;
    if (!family.empty()) {
      ASSIGN_OR_RETURN(alive, family_is_alive(server, family));
    }
    if (!alive) return problem("access_token_revoked");
  }
  if (server.is_taken_back) {
    ASSIGN_OR_RETURN(bool taken_back, server.is_taken_back(jwt));
    if (taken_back) return problem("access_token_revoked");
  }
  return jwt;
}

Status revoke_access_token(const Server& server, const oauth::VerifiedJwt& token) {
  // Whoever else writes this record at the same time revokes as well, so a lost race needs no second try: a
  // record without a family is a revoked one.
  core::WallTime now = server.now();
  ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::access_token, token.id(), now));
  RETURN_IF_ERROR(server.store->compare_and_set(RecordKind::access_token, token.id(),
                                                record ? record->version : 0, "{}", token.expires_at(), now));
  return {};
}

Result<std::string> start_family(const Server& server) {
  std::string family = server.random->token(16);
  core::WallTime now = server.now();
  ASSIGN_OR_RETURN(bool written,
                   server.store->compare_and_set(RecordKind::token_family, family, 0, R"({"revoked":false})",
                                                 now + server.settings.refresh_family_lifetime, now));
  if (!written) return problem("server_error");
  return family;
}

Status revoke_family(const Server& server, std::string_view family) {
  core::WallTime now = server.now();
  ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::token_family, family, now));
  if (!record) return {};
  // As above: the only write that ever follows the first one is this one.
  RETURN_IF_ERROR(server.store->compare_and_set(RecordKind::token_family, family, record->version,
                                                R"({"revoked":true})", record->expires_at, now));
  return {};
}

Result<bool> family_is_alive(const Server& server, std::string_view family) {
  ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::token_family, family, server.now()));
  return record && record->value == R"({"revoked":false})";
}

}  // namespace authserver
