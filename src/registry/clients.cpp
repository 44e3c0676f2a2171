#include "registry/clients.h"

#include <algorithm>
#include <string>
#include <vector>

#include "registry/agent_view.h"
#include "registry/cimd.h"
#include "registry/token_cache.h"

namespace registry {
namespace {

authserver::AuthMethod auth_method_of(const WorkloadPrincipal& principal) {
  using authserver::AuthMethod;
  for (const AuthMethod method :
       {AuthMethod::client_secret_basic, AuthMethod::client_secret_post, AuthMethod::none}) {
    if (principal.auth_method == authserver::to_string(method)) return method;
  }
  return AuthMethod::private_key_jwt;
}

// What fetching brought is for the client's operator to mend, so the client is told; it cannot be known then.
std::unexpected<core::Error> unusable(const core::Error& error) {
  return core::fail(core::ErrorKind::unauthenticated, "authserver.invalid_client", error.message);
}

core::Result<oauth::Key> parsed(const Row& row, TokenCache* cache) {
  if (cache != nullptr) return cache->client_key(row);
  ASSIGN_OR_RETURN(const AgentKey stored, read_agent_key(row));
  return oauth::Key::from_jwk(stored.jwk);
}

core::Result<std::optional<WorkloadPrincipal>> principal_of(Reader& reader, const std::string& id,
                                                            TokenCache* cache) {
  if (cache != nullptr) {
    ASSIGN_OR_RETURN(const auto known, cache->principal(reader, id));
    return known ? std::optional(*known) : std::nullopt;
  }
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::workload_principal, id));
  if (!row) return std::nullopt;
  return read_workload_principal(*row);
}

core::Status add_stored_keys(Reader& reader, const WorkloadPrincipal& principal, TokenCache* cache,
                             std::vector<oauth::Key>& keys) {
  ASSIGN_OR_RETURN(const auto rows, reader.list({.kind = Kind::jwk, .parent = principal.id}));
  keys.reserve(rows.size());
  for (const Row& row : rows) {
    if (row.status != "ACTIVE") continue;
    ASSIGN_OR_RETURN(oauth::Key key, parsed(row, cache));
    keys.push_back(std::move(key));
  }
  return {};
}

core::Status add_fetched_keys(const Service& service, const std::string& jwks_uri,
                              std::vector<oauth::Key>& keys) {
  const auto fetched = fetch_client_keys(service, jwks_uri);
  if (!fetched) {
    // Those that are stored are good by themselves.
    if (!keys.empty()) return {};
    return unusable(fetched.error());
  }
  keys.insert(keys.end(), fetched->keys().begin(), fetched->keys().end());
  return {};
}

}  // namespace

core::Result<std::optional<WorkloadPrincipal>> find_active_principal(Reader& reader,
                                                                     std::string_view client_id,
                                                                     TokenCache* cache) {
  std::string id(client_id);
  if (client_id.find(':') != std::string_view::npos) {
    ASSIGN_OR_RETURN(const auto url, reader.find_unique(Kind::principal_url, "cimd:" + id));
    if (!url) return std::nullopt;
    id = url->parent;
  }
  ASSIGN_OR_RETURN(auto principal, principal_of(reader, id, cache));
  // An agent with a document is known by its URL only.
  if (!principal || principal->status != AgentStatus::active || principal->client_id() != client_id) {
    return std::nullopt;
  }
  return principal;
}

core::Result<std::optional<authserver::Client>> find_agent_client(Reader& reader, const Service& service,
                                                                  std::string_view client_id,
                                                                  TokenCache* cache) {
  ASSIGN_OR_RETURN(const auto principal, find_active_principal(reader, client_id, cache));
  if (!principal) return std::nullopt;
  authserver::Client client{.id = principal->client_id(), .name = principal->name};
  client.auth_method = auth_method_of(*principal);
  client.grants = grants_of(*principal);
  client.redirect_uris = principal->redirect_uris;
  client.dpop_bound_access_tokens = principal->dpop_required;
  // Of what its own sign-on gives; what it gets by exchange is up to its connections.
  client.scopes = {"openid", "profile", "email", "offline_access"};

  std::vector<oauth::Key> keys;
  if (!principal->cimd_url.empty()) {
    auto document = fetch_client_document(service, principal->cimd_url);
    if (!document) return unusable(document.error());
    keys = document->keys.keys();
    client.redirect_uris = std::move(document->redirect_uris);
    client.dpop_bound_access_tokens |= document->dpop_bound_access_tokens;
    if (!document->jwks_uri.empty()) RETURN_IF_ERROR(add_fetched_keys(service, document->jwks_uri, keys));
  } else if (client.auth_method == authserver::AuthMethod::private_key_jwt) {
    RETURN_IF_ERROR(add_stored_keys(reader, *principal, cache, keys));
    if (!principal->jwks_uri.empty()) RETURN_IF_ERROR(add_fetched_keys(service, principal->jwks_uri, keys));
  } else if (client.auth_method != authserver::AuthMethod::none) {
    ASSIGN_OR_RETURN(
        const auto rows,
        reader.list({.kind = Kind::client_secret, .parent = principal->id, .statuses = {"ACTIVE"}}));
    for (const Row& row : rows) {
      ASSIGN_OR_RETURN(AgentSecret secret, read_agent_secret(row));
      client.secret_hashes.push_back(std::move(secret.hash));
    }
  }
  client.keys = oauth::KeySet(std::move(keys));
  return client;
}

}  // namespace registry
