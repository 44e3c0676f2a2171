#include "registry/token_servers.h"

#include <array>

#include "registry/clients.h"
#include "registry/mcp_server.h"
#include "registry/revocation.h"

namespace registry {
namespace {

using authserver::Server;
using core::Result;

// Whatever a token hangs on (revocation.h). The names of the last two are ours: a token tells which
// connection and which server it came through, so that both can take it back.
constexpr std::array<std::string_view, 4> kSubjects{"cid", "uid", kConnectionClaim, kServerClaim};

Result<bool> is_taken_back(const Service& service, const oauth::VerifiedJwt& token) {
  std::vector<std::string> subjects;
  subjects.reserve(kSubjects.size());
  for (const std::string_view claim : kSubjects) {
    if (auto text = token.string(claim); !text.empty()) subjects.emplace_back(text);
  }
  return is_revoked(*service.store, subjects, token.issued_at().value_or(core::WallTime{}));
}

Server basic_server(const Service& service, const TokenOptions& options, const ServerKeys& keys,
                    authserver::Store& records) {
  Server server{
      .store = &records,
      .clock = service.clock,
      .random = service.random,
      .signing_keys = keys.keys,
      .find_user = [&service, &options](std::string_view login) -> std::optional<authserver::User> {
        if (!options.user_by_login) return std::nullopt;
        auto user = options.user_by_login(*service.store, login);
        // A store that cannot be read knows nobody.
        return user ? *std::move(user) : std::nullopt;
      },
      .is_taken_back = [&service](const oauth::VerifiedJwt& token) { return is_taken_back(service, token); }};
  server.settings.dpop_nonce = options.dpop_nonce;
  return server;
}

}  // namespace

Server org_server(const Service& service, const TokenOptions& options, const ServerKeys& keys,
                  authserver::Store& records) {
  Server server = basic_server(service, options, keys, records);
  server.settings.issuer = service.settings.issuer;
  server.settings.resource_scopes = TokenService::api_scopes();
  server.settings.session_in_id_tokens = true;
  return server;
}

Server custom_server(const Service& service, const TokenOptions& options, const CustomAsView& view,
                     const ServerKeys& keys, authserver::Store& records) {
  Server server = basic_server(service, options, keys, records);
  server.settings.issuer = issuer_of(service, view.server.id);
  server.settings.path = "/v1";
  server.settings.access_token_type = authserver::kResourceTokenType;
  server.settings.tokens_for_resources = true;
  for (const AsScope& scope : view.scopes) {
    if (scope.published) server.settings.published_scopes.push_back(scope.name);
  }
  server.may_introspect = [&service](const authserver::Client& client,
                                     const oauth::VerifiedJwt& token) -> Result<bool> {
    ASSIGN_OR_RETURN(const auto principal, find_active_principal(*service.store, client.id));
    if (!principal) return false;
    ASSIGN_OR_RETURN(const std::string resource, resource_of(*service.store, *principal));
    return !resource.empty() && token.string("aud") == resource;
  };
  return server;
}

Result<std::optional<authserver::Client>> find_token_client(const Service& service,
                                                            const TokenOptions& options, TokenCache& cache,
                                                            std::string_view id) {
  ASSIGN_OR_RETURN(auto client, find_agent_client(*service.store, service, id, &cache));
  if (client || !options.find_client) return client;
  return options.find_client(*service.store, id);
}

Result<std::string> resource_of(Reader& reader, const WorkloadPrincipal& principal) {
  if (principal.type == WorkloadPrincipal::Type::ai_agent) return principal.resource_url;
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::mcp_server, principal.server));
  if (!row) return std::string();
  ASSIGN_OR_RETURN(const McpServer server, read_mcp_server(*row));
  return server.resource_url;
}

}  // namespace registry
