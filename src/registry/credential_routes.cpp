// What workload principals authenticate with: public keys and secrets, of AI agents and of MCP servers that
// are clients.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "authserver/store.h"
#include "core/secret.h"
#include "oauth/jwk.h"
#include "registry/members.h"
#include "registry/workload_api.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;
using Takes = ApiRoute::Takes;

constexpr std::size_t kMaxKeys = 50;
// One in use, and one to change over to.
constexpr std::size_t kMaxSecrets = 2;
constexpr std::size_t kSecretLength = 64;

// RFC 7518 sections 6.2.2, 6.3.2, 6.4.1.
constexpr std::array<std::string_view, 8> kPrivateMembers{"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

// The differences between keys and secrets.
struct CredentialKind {
  Kind kind;
  std::string_view collection;  // of the path
  std::string_view name;        // in a 404
  std::string_view title;       // for people
  std::size_t most;
};
constexpr CredentialKind kKeys{Kind::jwk, "credentials/jwks", "JsonWebKey", "The key", kMaxKeys};
constexpr CredentialKind kSecrets{Kind::client_secret, "credentials/secrets", "ClientSecret", "The secret",
                                  kMaxSecrets};

// Both kinds of rows have their state in Row::status; the body stays as it is.
bool is_active(const Row& row) {
  return row.status == "ACTIVE";
}

core::Result<Object> show_credential(const ApiRequest& request, const CredentialKind& kind, const Row& row) {
  Object out;
  out["id"] = row.id;
  out["status"] = row.status;
  out["created"] = core::to_rfc3339(row.created);
  out["lastUpdated"] = core::to_rfc3339(row.updated);
  if (kind.kind == Kind::jwk) {
    ASSIGN_OR_RETURN(const AgentKey key, read_agent_key(row));
    for (const auto& member : key.jwk) out[member.key()] = member.value();
  }
  out["_links"] =
      links_of(request.service, fmt::format("{}/{}", collection_path(request, kind.collection), row.id),
               is_active(row));
  return out;
}

core::Status emit_credential_event(Transaction& tx, const ApiRequest& request, const CredentialKind& kind,
                                   const WorkloadPrincipal& owner, const std::string& id,
                                   std::string_view status, std::string_view verb) {
  Object detail;
  detail["credential_type"] = kind.kind == Kind::jwk ? "JWK" : "CLIENT_SECRET";
  detail["credential_status"] = status;
  std::vector<EventTarget> targets;
  targets.push_back(target_of(owner));
  targets.push_back({.id = id, .type = "Credential", .detail = std::move(detail)});
  return tx.emit({.type = fmt::format("workload_principal.ai_agent.credential.{}", verb),
                  .actor = request.actor,
                  .targets = std::move(targets),
                  .transaction = request.transaction});
}

core::Result<rest::Reply> list_credentials(const ApiRequest& request, const CredentialKind& kind) {
  Store& store = *request.service.store;
  ASSIGN_OR_RETURN(const auto owner, principal_of_path(store, request));
  ASSIGN_OR_RETURN(auto rows, rows_of_page(store, request.page, {.kind = kind.kind, .parent = owner.id}));
  return show_page(request, std::move(rows),
                   [&](const Row& row) { return show_credential(request, kind, row); });
}

core::Result<rest::Reply> get_credential(const ApiRequest& request, const CredentialKind& kind) {
  Store& store = *request.service.store;
  ASSIGN_OR_RETURN(const auto owner, principal_of_path(store, request));
  ASSIGN_OR_RETURN(const Row row, row_of_path(store, kind.kind, request.param(1), owner, kind.name));
  ASSIGN_OR_RETURN(const Object shown, show_credential(request, kind, row));
  return entity_reply(shown, row.version);
}

core::Result<rest::Reply> add_credential(const ApiRequest& request, const CredentialKind& kind, Row row,
                                         const std::string& secret) {
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    ASSIGN_OR_RETURN(const WorkloadPrincipal owner, hold_principal_of_path(tx, request));
    if (!owner.cimd_url.empty()) {
      return refuse(ErrorKind::conflict, "MANAGED_BY_CLIENT",
                    "The keys of this agent are those of its client ID metadata document.",
                    "oauthClient.type");
    }
    ASSIGN_OR_RETURN(const auto there, tx.list({.kind = kind.kind, .parent = owner.id, .limit = kind.most}));
    if (there.size() >= kind.most) {
      return refuse(ErrorKind::conflict, "LIMIT_REACHED",
                    fmt::format("There are {} already, which is the most; delete one before.", kind.most));
    }
    Row made = row;
    made.parent = owner.id;
    if (kind.kind == Kind::jwk) made.unique = owner.id + made.unique;
    auto inserted = tx.insert(made);
    if (!inserted && inserted.error().code == "registry.UNIQUE_CONSTRAINT")
      return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT", "kid: another key has this name.", "kid");
    RETURN_IF_ERROR(inserted);
    RETURN_IF_ERROR(emit_credential_event(tx, request, kind, owner, made.id, made.status, "create"));
    ASSIGN_OR_RETURN(Object shown, show_credential(request, kind, made));
    if (secret.empty()) return entity_reply(shown, made.version, 201);
    shown["client_secret"] = secret;
    rest::Reply reply = entity_reply(shown, made.version, 201);
    reply.headers.add("Cache-Control", "no-store");
    return reply;
  });
}

// Okta refuses to deactivate the last active one, and to take an OAuth client from an MCP server that has
// keys: together the client could never go. So the last key of one that is connected to nothing may be
// deactivated.
core::Status check_not_last(Transaction& tx, const CredentialKind& kind, const WorkloadPrincipal& owner) {
  ASSIGN_OR_RETURN(const auto active,
                   tx.list({.kind = kind.kind, .parent = owner.id, .statuses = {"ACTIVE"}, .limit = 2}));
  if (active.size() > 1) return {};
  if (owner.type == WorkloadPrincipal::Type::mcp_server) {
    ASSIGN_OR_RETURN(const auto connections,
                     tx.list({.kind = Kind::connection, .parent = owner.id, .limit = 1}));
    if (connections.empty()) return {};
  }
  return refuse(ErrorKind::conflict, "DEACTIVATE_NOT_ALLOWED",
                fmt::format("{} is the last active one. Add and activate another one before.", kind.title),
                "status");
}

core::Result<rest::Reply> change_credential(const ApiRequest& request, const CredentialKind& kind,
                                            AgentEvent event) {
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    // Held, so that of two keys only one can be deactivated at a time.
    ASSIGN_OR_RETURN(const WorkloadPrincipal owner, hold_principal_of_path(tx, request));
    ASSIGN_OR_RETURN(Row row, hold_row_of_path(tx, kind.kind, request.param(1), owner, kind.name));
    RETURN_IF_ERROR(check_version(request.call, row.version));
    ASSIGN_OR_RETURN(const auto to, switched(is_active(row), event, kind.title));
    if (event == AgentEvent::deactivate) RETURN_IF_ERROR(check_not_last(tx, kind, owner));
    if (!to) {
      RETURN_IF_ERROR(tx.remove(kind.kind, row.id));
      RETURN_IF_ERROR(emit_credential_event(tx, request, kind, owner, row.id, "DELETED", "delete"));
      return rest::no_content();
    }
    row.status = *to ? "ACTIVE" : "INACTIVE";
    RETURN_IF_ERROR(tx.update(row));
    RETURN_IF_ERROR(emit_credential_event(tx, request, kind, owner, row.id, row.status, to_string(event)));
    ASSIGN_OR_RETURN(const Object shown, show_credential(request, kind, row));
    return entity_reply(shown, row.version);
  });
}

core::Result<bool> read_status(const Members& in) {
  ASSIGN_OR_RETURN(const auto status, in.optional_choice("status", {"ACTIVE", "INACTIVE"}));
  return !status || *status == "ACTIVE";
}

core::Result<rest::Reply> add_key(const ApiRequest& request) {
  const Members in(request.body);
  for (const std::string_view name : kPrivateMembers) {
    if (in.has(name)) {
      return bad(std::string(name),
                 "is a part of a private key, which is compromised now. Make a new pair and send its public "
                 "half only.");
    }
  }
  RETURN_IF_ERROR(in.only({"kty", "use", "alg", "kid", "status", "n", "e", "crv", "x", "y"}));
  ASSIGN_OR_RETURN(const std::string type, in.choice("kty", {"RSA", "EC"}));
  RETURN_IF_ERROR(in.optional_choice("use", {"sig"}));
  ASSIGN_OR_RETURN(const auto kid, in.optional_text("kid"));
  ASSIGN_OR_RETURN(const bool active, read_status(in));
  Object jwk = request.body;
  jwk.erase("status");
  for (const std::string_view name : {"use", "alg", "kid"}) {
    if (in.is_null(name)) jwk.erase(name);
  }
  auto key = oauth::Key::from_jwk(jwk);
  if (!key) {
    const bool algorithm = key.error().code == "oauth.jwk.algorithm";
    return bad(algorithm ? "alg" : type == "RSA" ? "n" : "crv", key.error().message);
  }
  if (!kid) key = key->with_kid(key->thumbprint());

  AgentKey made{.id = request.service.new_id("pks"), .active = active, .jwk = key->public_jwk()};
  return add_credential(request, kKeys, to_row(made), {});
}

core::Result<rest::Reply> add_secret(const ApiRequest& request) {
  const Members in(request.body);
  RETURN_IF_ERROR(in.only({"status"}));
  ASSIGN_OR_RETURN(const bool active, read_status(in));
  std::string secret = request.service.random->alphanumeric(kSecretLength);
  AgentSecret made{
      .id = request.service.new_id("ocs"), .active = active, .hash = authserver::hash_secret(secret)};
  auto reply = add_credential(request, kSecrets, to_row(made), secret);
  core::wipe(secret);
  return reply;
}

template <const CredentialKind& kind>
core::Result<rest::Reply> list(const ApiRequest& request) {
  return list_credentials(request, kind);
}
template <const CredentialKind& kind>
core::Result<rest::Reply> get(const ApiRequest& request) {
  return get_credential(request, kind);
}
template <const CredentialKind& kind, AgentEvent event>
core::Result<rest::Reply> change(const ApiRequest& request) {
  return change_credential(request, kind, event);
}

constexpr ApiArea kArea{
    .base = kWorkloadApi, .tag = "Credentials", .read = kReadAgents, .manage = kManageAgents};

using net::Method;
using enum AgentEvent;
constexpr std::array<ApiRoute, 18> kRoutes{{
    {Method::get, "/ai-agents/{agentId}/credentials/jwks", "listAIAgentJwks",
     "List the public keys of an AI agent", list<kKeys>, Takes::page},
    {Method::post, "/ai-agents/{agentId}/credentials/jwks", "addAIAgentJwk",
     "Add a public key to an AI agent", add_key, Takes::object},
    {Method::get, "/ai-agents/{agentId}/credentials/jwks/{keyId}", "getAIAgentJwk",
     "Retrieve a public key of an AI agent", get<kKeys>},
    {Method::delete_, "/ai-agents/{agentId}/credentials/jwks/{keyId}", "deleteAIAgentJwk",
     "Delete an inactive public key of an AI agent", change<kKeys, remove>},
    {Method::post, "/ai-agents/{agentId}/credentials/jwks/{keyId}/lifecycle/activate", "activateAIAgentJwk",
     "Activate a public key of an AI agent", change<kKeys, activate>},
    {Method::post, "/ai-agents/{agentId}/credentials/jwks/{keyId}/lifecycle/deactivate",
     "deactivateAIAgentJwk", "Deactivate a public key of an AI agent, unless it is the last active one",
     change<kKeys, deactivate>},

    {Method::get, "/ai-agents/{agentId}/credentials/secrets", "listAIAgentSecrets",
     "List the client secrets of an AI agent, without their values", list<kSecrets>, Takes::page},
    {Method::post, "/ai-agents/{agentId}/credentials/secrets", "addAIAgentSecret",
     "Make a client secret for an AI agent; its value is in this answer only", add_secret,
     Takes::optional_object},
    {Method::get, "/ai-agents/{agentId}/credentials/secrets/{secretId}", "getAIAgentSecret",
     "Retrieve a client secret of an AI agent, without its value", get<kSecrets>},
    {Method::delete_, "/ai-agents/{agentId}/credentials/secrets/{secretId}", "deleteAIAgentSecret",
     "Delete an inactive client secret of an AI agent", change<kSecrets, remove>},
    {Method::post, "/ai-agents/{agentId}/credentials/secrets/{secretId}/lifecycle/activate",
     "activateAIAgentSecret", "Activate a client secret of an AI agent", change<kSecrets, activate>},
    {Method::post, "/ai-agents/{agentId}/credentials/secrets/{secretId}/lifecycle/deactivate",
     "deactivateAIAgentSecret", "Deactivate a client secret of an AI agent, unless it is the last active one",
     change<kSecrets, deactivate>},

    {Method::get, "/mcp-servers/{mcpServerId}/credentials/jwks", "listMcpServerJwks",
     "List the public keys of an MCP server as a client", list<kKeys>, Takes::page},
    {Method::post, "/mcp-servers/{mcpServerId}/credentials/jwks", "addMcpServerJwk",
     "Add a public key to an MCP server as a client", add_key, Takes::object},
    {Method::get, "/mcp-servers/{mcpServerId}/credentials/jwks/{keyId}", "getMcpServerJwk",
     "Retrieve a public key of an MCP server as a client", get<kKeys>},
    {Method::delete_, "/mcp-servers/{mcpServerId}/credentials/jwks/{keyId}", "deleteMcpServerJwk",
     "Delete an inactive public key of an MCP server as a client", change<kKeys, remove>},
    {Method::post, "/mcp-servers/{mcpServerId}/credentials/jwks/{keyId}/lifecycle/activate",
     "activateMcpServerJwk", "Activate a public key of an MCP server as a client", change<kKeys, activate>},
    {Method::post, "/mcp-servers/{mcpServerId}/credentials/jwks/{keyId}/lifecycle/deactivate",
     "deactivateMcpServerJwk",
     "Deactivate a public key of an MCP server as a client, unless it is the last active one",
     change<kKeys, deactivate>},
}};

}  // namespace

void add_credential_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
}

}  // namespace registry
