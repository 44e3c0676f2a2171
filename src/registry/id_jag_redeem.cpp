#include <algorithm>
#include <utility>

#include "authserver/problem.h"
#include "authserver/resource_token.h"
#include "authserver/scopes.h"
#include "registry/clients.h"
#include "registry/id_jag.h"
#include "registry/id_jag_target.h"
#include "registry/revocation.h"
#include "registry/token_servers.h"

namespace registry {
namespace {

using authserver::problem;
using core::Result;

// Longer than an ID-JAG lives, so that no clock that goes a little wrong gets one in twice.
constexpr std::chrono::minutes kRememberLonger{1};

// What refuses an exchange ends a grant that was given before (RFC 6749 section 5.2: "revoked").
std::unexpected<core::Error> ended(core::Error error, const std::string& resource) {
  const authserver::ProblemRow* row = authserver::problem_of(error);
  if (row == nullptr || row->status >= 500) return std::unexpected(std::move(error));
  return problem(resource.empty() ? "invalid_grant" : "id_jag_resource_not_allowed_for_as");
}

Result<authserver::User> user_of_subject(TokenRequest& request, Reader& reader,
                                         const authserver::IdentityAssertion& assertion) {
  const oauth::VerifiedJwt& jwt = assertion.jwt();
  if (jwt.string("sub_profile") == "service" || !request.options.user_by_id) {
    return problem("id_jag_invalid_subject");
  }
  ASSIGN_OR_RETURN(auto user, request.options.user_by_id(reader, jwt.subject()));
  if (!user) return problem("id_jag_invalid_subject");
  return *std::move(user);
}

Result<const AsRule*> allowing_rule(TokenRequest& request, Reader& reader, const CustomAsView& server,
                                    const WorkloadPrincipal& principal, const authserver::User& user,
                                    const std::vector<std::string>& scopes) {
  std::vector<std::string> groups;
  if (request.options.groups_of) {
    ASSIGN_OR_RETURN(groups, request.options.groups_of(reader, user.id));
  }
  const AsRule* rule = evaluate(server, {.client_ids = {principal.id, principal.client_id()},
                                         .grant_type = authserver::kJwtBearer,
                                         .scopes = scopes,
                                         .user_id = user.id,
                                         .groups = std::move(groups)});
  if (rule == nullptr) return problem("no_matching_policy");
  return rule;
}

core::Status check_not_taken_back(Reader& reader, const authserver::IdentityAssertion& assertion,
                                  const IdJagTarget& target) {
  const oauth::VerifiedJwt& jwt = assertion.jwt();
  const std::vector<std::string> subjects{std::string(jwt.string("client_id")), std::string(jwt.subject()),
                                          target.connection.id, target.resource_id};
  ASSIGN_OR_RETURN(const bool revoked, is_revoked(reader, subjects, *jwt.issued_at()));
  if (revoked) return problem("invalid_grant");
  return {};
}

void add_claims(authserver::ResourceToken& token, const CustomAsView& server, const authserver::User& user) {
  for (const AsClaim& claim : server.claims) {
    const bool fits =
        claim.scopes.empty() || std::ranges::any_of(claim.scopes, [&](const std::string& scope) {
          return std::ranges::find(token.scopes, scope) != token.scopes.end();
        });
    if (!fits) continue;
    if (auto value = evaluate(claim, &user, token.client_id)) token.more[claim.name] = *value;
  }
}

EventTarget target_of(const authserver::ResourceToken& token) {
  return {.id = token.id,
          .type = "access_token",
          .detail = {{"subject", token.user_id},
                     {"subject_profile", "user"},
                     {"audience", token.audience},
                     {"scope", authserver::join_scopes(token.scopes)},
                     {"expires", core::to_rfc3339(token.issued + token.lifetime)}}};
}

}  // namespace

Result<boost::json::object> redeem_id_jag(TokenRequest& request, const CustomAsView& server,
                                          const authserver::GrantCall& call,
                                          const authserver::IdentityAssertion& assertion) {
  const Service& service = request.service;
  const oauth::VerifiedJwt& jwt = assertion.jwt();
  const std::string& resource = assertion.resource();
  request.debug["subjectTokenId"] = jwt.id();

  authserver::ResourceToken token{.id = authserver::new_access_token_id(call.server),
                                  .audience = resource,
                                  .client_id = call.client.id,
                                  .scopes = assertion.scopes(),
                                  .dpop_key = call.dpop_key,
                                  .issued = service.now()};
  if (resource.empty()) {
    token.audience =
        server.server.audiences.empty() ? call.server.settings.issuer : server.server.audiences.front();
  }
  if (const auto* time = jwt.claims().if_contains("auth_time"); time != nullptr && time->is_int64()) {
    token.auth_time = time->get_int64();
  }
  if (const auto* actor = jwt.claims().if_contains("act"); actor != nullptr && actor->is_object()) {
    token.actor = actor->get_object();
  }
  const auto keep = std::chrono::milliseconds(jwt.expires_at() - token.issued) + kRememberLonger;
  const std::string use =
      "id-jag/" + authserver::hash_secret(std::string(jwt.issuer()) + "\n" + std::string(jwt.id()));
  const auto targets = request.targets;

  auto stored = service.store->transaction([&](Transaction& tx) -> core::Status {
    request.targets = targets;
    token.more.clear();
    ASSIGN_OR_RETURN(const auto principal, find_active_principal(tx, call.client.id, &request.cache));
    if (!principal) return problem("invalid_client");
    request.actor = principal_actor(*principal);
    ASSIGN_OR_RETURN(const auto user, user_of_subject(request, tx, assertion));
    token.subject = user.login;
    token.user_id = user.id;
    request.targets.push_back({.id = user.id, .type = "User", .name = user.login});
    request.targets.push_back(
        {.id = server.server.id, .type = "AuthorizationServer", .name = server.server.name});
    auto target =
        find_id_jag_target(tx, service, request.cache, *principal, call.server.settings.issuer, resource);
    if (!target) return ended(std::move(target).error(), resource);
    if (!target->resource_id.empty()) {
      request.targets.push_back({.id = target->resource_id, .type = target->resource_type});
    }
    if (auto scopes = scopes_for_target(*target, token.scopes); !scopes) return problem("invalid_grant");
    RETURN_IF_ERROR(check_not_taken_back(tx, assertion, *target));
    ASSIGN_OR_RETURN(const AsRule* rule,
                     allowing_rule(request, tx, *target->custom_as, *principal, user, token.scopes));
    token.lifetime = rule->access_token_lifetime;
    token.more[kConnectionClaim] = target->connection.id;
    if (target->resource_type == "McpServer") token.more[kServerClaim] = target->resource_id;
    add_claims(token, *target->custom_as, user);
    // Last, so that who made a mistake may mend it.
    ASSIGN_OR_RETURN(const bool first, tx.consume(use, keep));
    if (!first) return problem("id_jag_replayed");
    request.debug["grantedScopes"] = authserver::join_scopes(token.scopes);
    return settle(request, tx, target_of(token));
  });
  if (!stored) return std::unexpected(std::move(stored).error());
  request.settled = true;

  ASSIGN_OR_RETURN(const std::string text, authserver::sign_resource_token(call.server, token));
  return authserver::resource_token_answer(token, text);
}

}  // namespace registry
