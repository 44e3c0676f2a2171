#include "http_guard.h"

#include "admin/toolset.h"
#include "core/clock.h"
#include "core/random.h"
#include "mcp/resource_server.h"
#include "mcp/static_token_guard.h"

core::Result<std::unique_ptr<mcp::Guard>> make_guard(const HttpOptions& options, const GuardSecrets& secrets,
                                                     const std::string& resource, const std::string& org_url,
                                                     net::HttpClient& http) {
  if (options.issuers.empty()) {
    if (secrets.token.empty()) return nullptr;
    ASSIGN_OR_RETURN(auto guard, mcp::StaticTokenGuard::create(secrets.token));
    return guard;
  }
  std::vector<oauth::TrustedIssuer> issuers;
  issuers.reserve(options.issuers.size());
  for (const auto& issuer : options.issuers) {
    issuers.push_back({.issuer = issuer, .audience = options.audience});
  }
  if (!options.introspection_client.empty()) {
    issuers.front().introspection = {.client_id = options.introspection_client,
                                     .client_secret = secrets.introspection_secret.copy()};
  }
  ASSIGN_OR_RETURN(
      auto guard,
      mcp::ResourceServer::create(
          {.resource = resource,
           .issuers = std::move(issuers),
           .scopes_supported = admin::all_caller_scopes(),
           .first_scopes = {"users.read", "groups.read"},
           .title = "Okta administration",
           .scope_covers = admin::caller_scope_covers,
           .dpop = options.require_dpop ? oauth::DpopUse::required : oauth::DpopUse::offered,
           .check_issuer = [org_url](std::string_view issuer) { return check_okta_issuer(issuer, org_url); },
           .http = http,
           .clock = core::system_clock(),
           .random = core::system_random()}));
  return guard;
}
