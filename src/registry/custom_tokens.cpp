#include "registry/custom_tokens.h"

#include <algorithm>
#include <utility>

#include "authserver/jwt_bearer.h"
#include "authserver/problem.h"
#include "authserver/resource_token.h"
#include "authserver/scopes.h"
#include "registry/id_jag.h"
#include "registry/token_servers.h"

namespace registry {
namespace {

using authserver::problem;
using boost::json::object;
using core::Result;

// RFC 8707: the resource is the URL of an agent, or of an MCP server that is a client, which a delegation
// link lets this client hand its tokens to. Without one, the server's own audience.
Result<std::string> audience_of(TokenRequest& request, const CustomAsView& server,
                                const authserver::GrantCall& call) {
  const auto asked = call.form.all("resource");
  if (asked.size() > 1) return problem("too_many_resources", {"1"});
  if (asked.empty()) {
    return server.server.audiences.empty() ? call.server.settings.issuer : server.server.audiences.front();
  }
  Store& store = *request.service.store;
  ASSIGN_OR_RETURN(const auto rows,
                   all_rows(store, {.kind = Kind::delegation_link, .refers_to = call.client.id}));
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(const DelegationLink link, read_delegation_link(row));
    if (link.id_token || link.client != call.client.id) continue;
    if (!link.custom_as.empty() && link.custom_as != server.server.id) continue;
    ASSIGN_OR_RETURN(const auto principal_row, store.get(Kind::workload_principal, link.principal));
    if (!principal_row) continue;
    ASSIGN_OR_RETURN(const auto principal, read_workload_principal(*principal_row));
    if (principal.status != AgentStatus::active) continue;
    ASSIGN_OR_RETURN(std::string resource, resource_of(store, principal));
    if (resource == asked.front()) return resource;
  }
  return problem("unsupported_resource", {asked.front()});
}

Result<std::vector<std::string>> scopes_of(const CustomAsView& server, const authserver::GrantCall& call) {
  ASSIGN_OR_RETURN(auto scopes, authserver::split_scopes(call.form.get("scope").value_or("")));
  for (const std::string& scope : scopes) {
    if (authserver::is_openid_scope(scope)) return problem("openid_not_allowed_client_creds");
    if (server.find_scope(scope) == nullptr) return problem("no_matching_scope");
  }
  if (!scopes.empty()) return scopes;
  for (const AsScope& scope : server.scopes) {
    if (scope.is_default) scopes.push_back(scope.name);
  }
  if (scopes.empty()) return problem("no_default_scopes");
  return scopes;
}

Result<object> client_credentials(TokenRequest& request, const CustomAsView& server,
                                  const authserver::GrantCall& call) {
  authserver::ResourceToken token{.id = authserver::new_access_token_id(call.server),
                                  .audience = {},
                                  .subject = call.client.id,
                                  .client_id = call.client.id,
                                  .profile = "service",
                                  .dpop_key = call.dpop_key,
                                  .issued = request.service.now()};
  ASSIGN_OR_RETURN(token.scopes, scopes_of(server, call));
  ASSIGN_OR_RETURN(token.audience, audience_of(request, server, call));
  const AsRule* rule = evaluate(
      server,
      {.client_ids = {call.client.id}, .grant_type = authserver::kClientCredentials, .scopes = token.scopes});
  if (rule == nullptr) return problem("no_matching_policy");
  token.lifetime = rule->access_token_lifetime;
  for (const AsClaim& claim : server.claims) {
    if (!claim.scopes.empty()) continue;
    if (auto value = evaluate(claim, nullptr, token.client_id)) token.more[claim.name] = *value;
  }
  request.targets.push_back(
      {.id = server.server.id, .type = "AuthorizationServer", .name = server.server.name});
  ASSIGN_OR_RETURN(const std::string text, authserver::sign_resource_token(call.server, token));
  return authserver::resource_token_answer(token, text);
}

}  // namespace

std::vector<std::shared_ptr<const authserver::Grant>> custom_grants(TokenRequest& request,
                                                                    const CustomAsView& server) {
  authserver::IdentityAssertionRules rules{
      .keys_of = [&request](std::string_view issuer) -> Result<std::optional<oauth::KeySet>> {
        if (issuer != request.service.settings.issuer) return std::nullopt;
        ASSIGN_OR_RETURN(const auto keys, request.cache.org_keys());
        return keys->set;
      },
      .redeem =
          [&request, &server](const authserver::GrantCall& call,
                              const authserver::IdentityAssertion& assertion) {
            return redeem_id_jag(request, server, call, assertion);
          },
      .max_lifetime = kIdJagLifetime};
  return {watched(authserver::jwt_bearer_grant(std::move(rules)), request),
          watched(authserver::rule_grant(std::string(authserver::kClientCredentials),
                                         [&request, &server](const authserver::GrantCall& call) {
                                           return client_credentials(request, server, call);
                                         }),
                  request)};
}

}  // namespace registry
