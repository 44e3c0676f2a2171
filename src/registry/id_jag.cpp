#include "registry/id_jag.h"

#include <utility>

#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "oauth/jwt.h"
#include "registry/clients.h"
#include "registry/id_jag_target.h"
#include "registry/subject_token.h"

namespace registry {
namespace {

using authserver::problem;
using core::Result;
using core::json::Object;

// The agent goes in front of whoever brought the request so far. An MCP server that is a client of another
// acts in its own name.
Result<Object> next_actor(const WorkloadPrincipal& principal, const VerifiedSubject& subject) {
  if (principal.type == WorkloadPrincipal::Type::mcp_server) return Object{};
  if (subject.actors() + 1 > kMaxActors) return problem("invalid_subject_token_act_claim_depth");
  Object actor{{"sub", principal.id},
               {"sub_profile", subject.is_id_token() ? "ai_agent web_app" : "ai_agent"}};
  if (!subject.actor().empty()) actor["act"] = subject.actor();
  return actor;
}

// The one value of a parameter that may stand several times; empty when it is absent.
Result<std::string> only_one(const std::vector<std::string>& values, std::string_view error) {
  if (values.size() > 1) return problem(error, {"1"});
  return values.empty() ? std::string() : values.front();
}

std::string_view profile_of(const VerifiedSubject& subject) {
  return subject.is_user() ? "user" : "service";
}

// Everything about an ID-JAG but its signature.
struct Draft {
  std::string id;
  std::string audience;
  std::string resource{};
  std::string scope{};
  Object actor{};
  core::WallTime issued{};
};

Object claims_of(const authserver::GrantCall& call, const WorkloadPrincipal& principal,
                 const VerifiedSubject& subject, const Draft& draft) {
  const std::int64_t issued = core::to_unix_seconds(draft.issued);
  Object claims{{"jti", draft.id},
                {"iss", call.server.settings.issuer},
                {"sub", subject.id()},
                {"aud", draft.audience},
                {"client_id", principal.client_id()},
                {"iat", issued},
                {"exp", issued + kIdJagLifetime.count()},
                {"sub_profile", profile_of(subject)}};
  if (!draft.resource.empty()) claims["resource"] = draft.resource;
  if (!draft.scope.empty()) claims["scope"] = draft.scope;
  if (!draft.actor.empty()) claims["act"] = draft.actor;
  if (!subject.email().empty()) claims["email"] = subject.email();
  if (subject.auth_time() != 0) claims["auth_time"] = subject.auth_time();
  if (!call.dpop_key.empty()) claims["cnf"] = Object{{"jkt", call.dpop_key}};
  return claims;
}

EventTarget target_of(const VerifiedSubject& subject, const Draft& draft) {
  Object detail{{"subject", subject.id()},
                {"subject_profile", profile_of(subject)},
                {"audience", draft.audience},
                {"scope", draft.scope},
                {"expires", core::to_rfc3339(draft.issued + kIdJagLifetime)}};
  if (!draft.resource.empty()) detail["resource"] = draft.resource;
  if (!draft.actor.empty()) detail["actor"] = core::json::write(draft.actor);
  return {.id = draft.id, .type = "id_jag", .detail = std::move(detail)};
}

void add_target(TokenRequest& request, const IdJagTarget& target) {
  if (target.custom_as) {
    const CustomAs& server = target.custom_as->server;
    request.targets.push_back({.id = server.id, .type = "AuthorizationServer", .name = server.name});
  }
  if (!target.resource_id.empty()) {
    request.targets.push_back({.id = target.resource_id, .type = target.resource_type});
  }
  request.targets.push_back({.id = target.connection.id, .type = "ResourceConnection"});
}

// The same name to the client whether it is switched off or was never there.
Result<WorkloadPrincipal> live_principal(Reader& reader, TokenCache& cache, const std::string& client_id,
                                         std::string_view otherwise) {
  ASSIGN_OR_RETURN(auto principal, find_active_principal(reader, client_id, &cache));
  if (!principal) return problem(otherwise);
  return *std::move(principal);
}

}  // namespace

Result<boost::json::object> issue_id_jag(TokenRequest& request, const authserver::GrantCall& call,
                                         const authserver::TokenExchange& exchange) {
  const Service& service = request.service;
  request.event_type = "app.oauth2.token.grant.id_jag";
  ASSIGN_OR_RETURN(const auto principal, live_principal(*service.store, request.cache, call.client.id,
                                                        "workload_principal_not_found"));
  request.actor = principal_actor(principal);
  ASSIGN_OR_RETURN(const auto subject, verify_subject_token(request, call.server, principal, exchange));
  Draft draft{.id = "IDAAG." + service.random->token(32), .audience = {}, .issued = service.now()};
  if (exchange.audiences.size() != 1) return problem("token_exchange_invalid_audience");
  draft.audience = exchange.audiences.front();
  ASSIGN_OR_RETURN(draft.resource, only_one(exchange.resources, "too_many_resources"));
  ASSIGN_OR_RETURN(const auto requested, authserver::split_scopes(exchange.scope));
  ASSIGN_OR_RETURN(draft.actor, next_actor(principal, subject));

  const auto targets = request.targets;
  std::vector<std::string> scopes;
  auto stored = service.store->transaction([&](Transaction& tx) -> core::Status {
    request.targets = targets;
    ASSIGN_OR_RETURN(const auto live, live_principal(tx, request.cache, call.client.id, "invalid_client"));
    ASSIGN_OR_RETURN(const auto target,
                     find_id_jag_target(tx, service, request.cache, live, draft.audience, draft.resource));
    add_target(request, target);
    ASSIGN_OR_RETURN(scopes, scopes_for_target(target, requested));
    draft.scope = authserver::join_scopes(scopes);
    request.debug["grantedScopes"] = draft.scope;
    return settle(request, tx, target_of(subject, draft));
  });
  if (!stored) return std::unexpected(std::move(stored).error());
  request.settled = true;

  auto signed_text = oauth::sign_jwt(call.server.signing_keys.front(),
                                     claims_of(call, principal, subject, draft), authserver::kIdJagType);
  if (!signed_text) return problem("id_jag_not_generated");
  Object answer{{"token_type", "N_A"},
                {"expires_in", kIdJagLifetime.count()},
                {"access_token", *signed_text},
                {"issued_token_type", authserver::kIdJagTokenType}};
  // RFC 8693 section 2.2.1: told where it is not what was asked for.
  if (scopes != requested) answer["scope"] = draft.scope;
  return answer;
}

}  // namespace registry
