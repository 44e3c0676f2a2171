#include "authserver/authorization.h"
#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "authserver/server.h"

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
    return token_answer(call, {.client_id = call.client.id, .scopes = scopes}, scopes);
  }
};

}  // namespace

std::shared_ptr<const Grant> client_credentials_grant() {
  return std::make_shared<ClientCredentialsGrant>();
}

}  // namespace authserver
