#include <algorithm>

#include "authserver/authorization.h"
#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "authserver/server.h"
#include "core/json.h"

namespace authserver {
namespace {

using boost::json::object;
using core::Result;

class ClientCredentialsGrant final : public Grant {
 public:
  std::string_view type() const override { return kClientCredentials; }

  Result<object> redeem(const GrantCall& call) const override {
    if (call.server.settings.client_credentials_need_key &&
        call.client.auth_method != AuthMethod::private_key_jwt) {
      return problem("unsupported_auth_method_client_creds");
    }
    ASSIGN_OR_RETURN(auto scopes, scopes_for_client_credentials(call.server, call.client,
                                                                call.form.get("scope").value_or("")));
    return token_answer(call.server, {.client_id = call.client.id, .scopes = scopes}, scopes);
  }
};

class RefreshTokenGrant final : public Grant {
 public:
  std::string_view type() const override { return kRefreshToken; }

  Result<object> redeem(const GrantCall& call) const override {
    const Server& server = call.server;
    auto token = call.form.get("refresh_token");
    if (!token) return problem("missing_token_request_parameter", {"refresh_token"});
    std::string key = hash_secret(*token);
    core::WallTime now = server.now();
    ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::refresh_token, key, now));
    if (!record) return problem("invalid_refresh_token");
    auto value = core::json::parse(record->value);
    auto who = value ? authorization_from_json(*value) : std::nullopt;
    if (!who) return problem("server_error");
    if (who->client_id != call.client.id) return problem("invalid_refresh_token");
    ASSIGN_OR_RETURN(bool alive, family_is_alive(server, who->family));
    if (!alive) return problem("invalid_refresh_token");

    if (value->at("used").as_bool()) return reused(server, *who);
    // A request for scopes that were never granted does not use the token up.
    ASSIGN_OR_RETURN(auto scopes, narrowed_scopes(call, *who));
    if (!server.find_user(who->login)) return problem("invalid_refresh_token");
    value->as_object()["used"] = true;
    ASSIGN_OR_RETURN(bool won,
                     server.store->compare_and_set(RecordKind::refresh_token, key, record->version,
                                                   core::json::write(*value), record->expires_at, now));
    if (!won) return reused(server, *who);
    return token_answer(server, *std::move(who), scopes);
  }

 private:
  // Somebody has used this token before: one of the two holders stole it, so neither keeps anything (RFC 9700
  // section 4.14.2).
  static Result<object> reused(const Server& server, const Authorization& who) {
    RETURN_IF_ERROR(revoke_family(server, who.family));
    return problem("invalid_refresh_token");
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

std::shared_ptr<const Grant> client_credentials_grant() {
  return std::make_shared<ClientCredentialsGrant>();
}
std::shared_ptr<const Grant> refresh_token_grant() {
  return std::make_shared<RefreshTokenGrant>();
}

}  // namespace authserver
