#include "authserver/refresh_token.h"

#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "core/json.h"

namespace authserver {
namespace {

using boost::json::object;
using core::Result;

std::int64_t to_ms(core::WallTime time) {
  return time.time_since_epoch().count();
}

std::string write(const Authorization& who, std::int64_t used_at) {
  object value = to_json(who);
  value["used_at"] = used_at;
  return core::json::write(value);
}

class RefreshTokenGrant final : public Grant {
 public:
  std::string_view type() const override { return kRefreshToken; }

  Result<object> redeem(const GrantCall& call) const override {
    const Server& server = call.server;
    auto text = call.form.get("refresh_token");
    if (!text) return problem("missing_token_request_parameter", {"refresh_token"});
    // Twice at most: who loses the race below finds the token used, and is judged by that.
    for (int i = 0; i < 2; ++i) {
      ASSIGN_OR_RETURN(auto token, find_refresh_token(server, call.client, *text));
      if (!token) return problem("invalid_refresh_token");
      // Before reuse is looked for: without the key a stolen token cannot even end the sign-in.
      RETURN_IF_ERROR(check_binding(call, token->who));
      if (!token->is_usable(server)) return reused(server, token->who);
      // A request for scopes that were never granted does not use the token up.
      ASSIGN_OR_RETURN(auto scopes, narrowed_scopes(call, token->who));
      if (!server.find_user(token->who.login)) return problem("invalid_refresh_token");
      if (token->used_at == 0) {
        ASSIGN_OR_RETURN(bool won, server.store->compare_and_set(RecordKind::refresh_token, token->key,
                                                                 token->record.version,
                                                                 write(token->who, to_ms(server.now())),
                                                                 token->record.expires_at, server.now()));
        if (!won) continue;
      }
      return token_answer(call, std::move(token->who), scopes);
    }
    return problem("server_error");
  }

 private:
  // Somebody has used this token before, and not just now: one of the two holders stole it, so neither keeps
  // anything.
  static Result<object> reused(const Server& server, const Authorization& who) {
    RETURN_IF_ERROR(revoke_family(server, who.family));
    return problem("invalid_refresh_token");
  }

  // RFC 9449 section 5.
  static core::Status check_binding(const GrantCall& call, const Authorization& who) {
    if (who.dpop_key.empty() || who.dpop_key == call.dpop_key) return {};
    return problem(call.dpop_key.empty() ? "invalid_dpop_proof_missing_header"
                                         : "invalid_dpop_proof_invalid_public_key_binding");
  }

  // RFC 6749 section 6: no more than was granted; the refresh token itself keeps everything.
  static Result<std::vector<std::string>> narrowed_scopes(const GrantCall& call, const Authorization& who) {
    ASSIGN_OR_RETURN(auto scopes, split_scopes(call.form.get("scope").value_or("")));
    if (scopes.empty()) return who.scopes;
    for (const std::string& scope : scopes) {
      if (!who.has(scope)) return problem("refresh_scopes_denied", {scope});
    }
    return scopes;
  }
};

}  // namespace

std::shared_ptr<const Grant> refresh_token_grant() {
  return std::make_shared<RefreshTokenGrant>();
}

bool RefreshToken::is_usable(const Server& server) const {
  return used_at == 0 ||
         server.now() < core::WallTime{std::chrono::milliseconds{used_at}} + server.settings.refresh_grace;
}

Result<std::string> mint_refresh_token(const Server& server, const Authorization& who) {
  std::string token = server.random->token(32);
  core::WallTime now = server.now();
  ASSIGN_OR_RETURN(bool written, server.store->compare_and_set(
                                     RecordKind::refresh_token, hash_secret(token), 0, write(who, 0),
                                     now + server.settings.refresh_token_lifetime, now));
  if (!written) return problem("server_error");
  return token;
}

Result<std::optional<RefreshToken>> find_refresh_token(const Server& server, const Client& client,
                                                       std::string_view token) {
  std::string key = hash_secret(token);
  ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::refresh_token, key, server.now()));
  if (!record) return std::nullopt;
  auto value = core::json::parse(record->value);
  auto who = value ? authorization_from_json(*value) : std::nullopt;
  if (!who) return problem("server_error");
  auto used_at = core::json::Reader(*value).at("used_at").integer();
  if (!used_at) return problem("server_error");
  if (who->client_id != client.id) return std::nullopt;
  ASSIGN_OR_RETURN(bool alive, family_is_alive(server, who->family));
  if (!alive) return std::nullopt;
  return RefreshToken{std::move(key), *std::move(record), *std::move(who), *used_at};
}

}  // namespace authserver
