#include "registry/capabilities.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>
#include <utility>

#include "registry/custom_as.h"

namespace registry {
namespace {

constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kIdJagProfile = "urn:ietf:params:oauth:grant-profile:id-jag";
constexpr std::string_view kAuthorizationCode = "authorization_code";

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

// A custom authorization server is ready when it is there, ACTIVE, and a rule lets somebody redeem an ID-JAG.
core::Result<std::string> why_custom_as_is_not_ready(Reader& reader, const McpAuthServer& as) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::custom_as, as.id));
  if (!row) return fmt::format("the custom authorization server {} no longer exists", as.id);
  if (row->status != "ACTIVE")
    return fmt::format("the custom authorization server {} is {}", as.id, row->status);
  ASSIGN_OR_RETURN(const auto policies, read_policies(reader, as.id));
  if (allows_jwt_bearer(policies)) return std::string{};
  return fmt::format("the custom authorization server {} has no active rule that allows {}", as.id,
                     kJwtBearer);
}

core::Result<AuthServerCapabilities> of_custom(Reader& reader, const McpAuthServer& as) {
  AuthServerCapabilities found;
  ASSIGN_OR_RETURN(found.why_not_xaa, why_custom_as_is_not_ready(reader, as));
  found.xaa = found.why_not_xaa.empty();
  found.why_not_sts = "an Okta custom authorization server issues tokens by XAA, not by STS";
  if (!found.xaa) found.missing.push_back(found.why_not_xaa);
  return found;
}

std::string why_external_has_no_xaa(const McpAuthServer& as) {
  if (!as.xaa_enabled) return "XAA toward an external authorization server is off until xaaEnabled is set";
  if (!has(as.grant_profiles, kIdJagProfile))
    return fmt::format("its metadata does not list {} in authorization_grant_profiles_supported",
                       kIdJagProfile);
  if (!has(as.grant_types, kJwtBearer)) return fmt::format("its grant types do not include {}", kJwtBearer);
  if (as.token_endpoint.empty()) return "it has no token endpoint";
  return {};
}

core::Result<AuthServerCapabilities> of_external(Reader& reader, const Service& service,
                                                 const McpAuthServer& as) {
  AuthServerCapabilities found;
  found.why_not_xaa = why_external_has_no_xaa(as);
  found.xaa = found.why_not_xaa.empty();

  if (as.authorization_endpoint.empty()) found.missing.emplace_back("the authorization endpoint");
  if (as.token_endpoint.empty()) found.missing.emplace_back("the token endpoint");
  if (!has(as.grant_types, kAuthorizationCode))
    found.missing.push_back(fmt::format("the grant type {}", kAuthorizationCode));
  ASSIGN_OR_RETURN(const auto settings, settings_of(reader, as.server, as.id));
  const bool registered = std::any_of(settings.begin(), settings.end(), [&](const ClientAuthSettings& each) {
    return each.active && (!each.secret_expires || *each.secret_expires > service.now());
  });
  if (!registered)
    found.missing.emplace_back(settings.empty() ? "a client registration (client-auth-settings)"
                                                : "a client registration that is ACTIVE and not expired");
  found.sts = found.missing.empty();
  if (!found.sts) found.why_not_sts = fmt::format("missing: {}", fmt::join(found.missing, ", "));
  if (found.xaa) found.missing.clear();
  return found;
}

std::string reason_of(const std::vector<McpAuthServer>& servers, const ServerCapabilities& found) {
  if (found.connectable) {
    std::vector<std::string> parts;
    if (!found.xaa.empty()) parts.push_back(fmt::format("XAA by {}", fmt::join(found.xaa, ", ")));
    if (!found.sts.empty()) parts.push_back(fmt::format("STS by {}", fmt::join(found.sts, ", ")));
    return fmt::format("{}", fmt::join(parts, "; "));
  }
  if (servers.empty()) return "it has no authorization server";
  std::vector<std::string> parts;
  parts.reserve(servers.size());
  for (const McpAuthServer& as : servers) {
    const AuthServerCapabilities& its = found.by_auth_server.at(as.id);
    if (its.xaa || its.sts)
      parts.push_back(fmt::format("{} is {}, not ACTIVE", as.id, to_string(as.status)));
    else
      parts.push_back(
          fmt::format("{} supports neither XAA ({}) nor STS ({})", as.id, its.why_not_xaa, its.why_not_sts));
  }
  return fmt::format("no ACTIVE authorization server supports XAA or STS: {}", fmt::join(parts, "; "));
}

}  // namespace

std::string auth_server_row_id(std::string_view server, std::string_view auth_server) {
  return fmt::format("{}/{}", server, auth_server);
}

core::Result<std::vector<McpAuthServer>> auth_servers_of(Reader& reader, std::string_view server) {
  ASSIGN_OR_RETURN(const auto rows,
                   all_rows(reader, {.kind = Kind::mcp_auth_server, .parent = std::string(server)}));
  std::vector<McpAuthServer> servers;
  servers.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(auto as, read_mcp_auth_server(row));
    servers.push_back(std::move(as));
  }
  return servers;
}

core::Result<std::vector<ClientAuthSettings>> settings_of(Reader& reader, std::string_view server,
                                                          std::string_view auth_server) {
  ASSIGN_OR_RETURN(const auto rows, all_rows(reader, {.kind = Kind::client_auth_settings,
                                                      .refers_to = auth_server_row_id(server, auth_server)}));
  std::vector<ClientAuthSettings> settings;
  settings.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(auto each, read_client_auth_settings(row));
    settings.push_back(std::move(each));
  }
  return settings;
}

core::Result<AuthServerCapabilities> capabilities_of(Reader& reader, const Service& service,
                                                     const McpAuthServer& auth_server) {
  return auth_server.okta ? of_custom(reader, auth_server) : of_external(reader, service, auth_server);
}

core::Result<ServerCapabilities> capabilities_of(Reader& reader, const Service& service,
                                                 const McpServer& server) {
  ASSIGN_OR_RETURN(const auto servers, auth_servers_of(reader, server.id));
  ServerCapabilities found;
  bool complete = false;
  for (const McpAuthServer& as : servers) {
    ASSIGN_OR_RETURN(auto its, capabilities_of(reader, service, as));
    if (as.status == Status::active) {
      if (its.xaa) found.xaa.push_back(as.id);
      if (its.sts) found.sts.push_back(as.id);
    }
    complete = complete || its.missing.empty();
    for (const std::string& item : its.missing)
      found.missing.push_back(fmt::format("{}: {}", as.issuer, item));
    found.by_auth_server.emplace(as.id, std::move(its));
  }
  if (servers.empty()) found.missing.emplace_back("an authorization server");
  if (complete) found.missing.clear();
  found.connectable = !found.xaa.empty() || !found.sts.empty();
  found.reason = reason_of(servers, found);
  return found;
}

}  // namespace registry
