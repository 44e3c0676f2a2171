#include "registry/mcp_server.h"

#include <array>
#include <chrono>
#include <fmt/format.h>
#include <utility>

#include "core/json.h"
#include "registry/capabilities.h"

namespace registry {
namespace {

using core::json::Object;
using core::json::Reader;
using core::json::Value;

constexpr std::array<std::pair<Status, std::string_view>, 4> kStatuses{{
    {Status::pending, "PENDING"},
    {Status::inactive, "INACTIVE"},
    {Status::active, "ACTIVE"},
    {Status::invalid, "INVALID"},
}};

constexpr std::array<std::pair<Connectivity, std::string_view>, 4> kConnectivities{{
    {Connectivity::unverified, "UNVERIFIED"},
    {Connectivity::verifying, "VERIFYING"},
    {Connectivity::verified, "VERIFIED"},
    {Connectivity::failed, "FAILED"},
}};

core::json::Array array_of(const std::vector<std::string>& texts) {
  core::json::Array array;
  array.reserve(texts.size());
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

core::Result<std::vector<std::string>> texts_at(const Reader& body, std::string_view key) {
  const Reader at = body.at(key);
  if (!at.present()) return std::vector<std::string>{};
  return at.strings();
}

core::Result<std::string> text_at(const Reader& body, std::string_view key) {
  ASSIGN_OR_RETURN(auto text, body.at(key).optional_string());
  return std::move(text).value_or(std::string{});
}

core::Result<bool> flag_at(const Reader& body, std::string_view key) {
  ASSIGN_OR_RETURN(const auto flag, body.at(key).optional_boolean());
  return flag.value_or(false);
}

core::Result<int> count_at(const Reader& body, std::string_view key) {
  ASSIGN_OR_RETURN(const auto number, body.at(key).optional_integer());
  return static_cast<int>(number.value_or(0));
}

// Milliseconds since 1970; 0 for never.
std::int64_t stamp(core::WallTime time) {
  return time.time_since_epoch().count();
}
core::Result<core::WallTime> time_at(const Reader& body, std::string_view key) {
  ASSIGN_OR_RETURN(const auto number, body.at(key).optional_integer());
  return core::WallTime{std::chrono::milliseconds{number.value_or(0)}};
}

std::unexpected<core::Error> foreign(const Row& row, std::string_view what) {
  return core::fail(
      core::ErrorKind::unavailable, "registry.store.unavailable",
      fmt::format("the stored {} {} is not one of this program's: {}", to_string(row.kind), row.id, what),
      "Something else wrote to the database; restore it from a backup.");
}

// What every reader does around its own members.
template <class Entity, class Read>
core::Result<Entity> read_row(const Row& row, Entity entity, const Read& read) {
  const Value body(row.body);
  if (const core::Status done = read(Reader(body), entity); !done) return foreign(row, done.error().message);
  entity.created = row.created;
  entity.updated = row.updated;
  entity.version = row.version;
  return entity;
}

template <class Entity>
Row base_row(Kind kind, const Entity& entity) {
  Row row{.kind = kind, .id = entity.id};
  row.version = entity.version;
  row.created = entity.created;
  row.updated = entity.updated;
  return row;
}

core::Status read_detected(const Reader& detected, McpServer& server) {
  if (!detected.present()) return {};
  McpServer::Detected found;
  ASSIGN_OR_RETURN(found.resource_name, text_at(detected, "resourceName"));
  ASSIGN_OR_RETURN(found.scopes_supported, texts_at(detected, "scopesSupported"));
  ASSIGN_OR_RETURN(found.refreshed, time_at(detected, "refreshed"));
  server.detected = std::move(found);
  return {};
}

core::Status read_server_body(const Reader& body, McpServer& server) {
  ASSIGN_OR_RETURN(server.resource_url, body.at("resourceUrl").string());
  ASSIGN_OR_RETURN(server.manual, flag_at(body, "manual"));
  ASSIGN_OR_RETURN(server.display_name, text_at(body, "displayName"));
  ASSIGN_OR_RETURN(server.description, text_at(body, "description"));
  RETURN_IF_ERROR(read_detected(body.at("detected"), server));
  ASSIGN_OR_RETURN(server.missing, texts_at(body, "missing"));
  ASSIGN_OR_RETURN(server.invalid_reasons, texts_at(body, "invalidReasons"));
  ASSIGN_OR_RETURN(server.failures, count_at(body, "failures"));
  return {};
}

core::Status read_auth_server_body(const Reader& body, McpAuthServer& as) {
  ASSIGN_OR_RETURN(as.okta, flag_at(body, "okta"));
  ASSIGN_OR_RETURN(const bool manual, flag_at(body, "manual"));
  as.origin = manual ? McpAuthServer::Origin::manual : McpAuthServer::Origin::discovered;
  ASSIGN_OR_RETURN(as.issuer, body.at("issuer").string());
  ASSIGN_OR_RETURN(const auto connectivity, body.at("connectivity").string());
  bool known = false;
  for (const auto& [value, name] : kConnectivities) {
    if (name != connectivity) continue;
    as.connectivity = value;
    known = true;
  }
  if (!known) return core::fail(core::ErrorKind::invalid_input, "registry.row", "unknown connectivity");
  ASSIGN_OR_RETURN(as.reason, text_at(body, "reason"));
  ASSIGN_OR_RETURN(as.checked, time_at(body, "checked"));
  ASSIGN_OR_RETURN(as.failures, count_at(body, "failures"));
  ASSIGN_OR_RETURN(as.was_inactive, flag_at(body, "wasInactive"));
  ASSIGN_OR_RETURN(as.xaa_enabled, flag_at(body, "xaaEnabled"));
  ASSIGN_OR_RETURN(as.authorization_endpoint, text_at(body, "authorizationEndpoint"));
  ASSIGN_OR_RETURN(as.token_endpoint, text_at(body, "tokenEndpoint"));
  ASSIGN_OR_RETURN(as.registration_endpoint, text_at(body, "registrationEndpoint"));
  ASSIGN_OR_RETURN(as.revocation_endpoint, text_at(body, "revocationEndpoint"));
  ASSIGN_OR_RETURN(as.jwks_uri, text_at(body, "jwksUri"));
  ASSIGN_OR_RETURN(as.grant_types, texts_at(body, "grantTypes"));
  ASSIGN_OR_RETURN(as.token_endpoint_auth_methods, texts_at(body, "tokenEndpointAuthMethods"));
  ASSIGN_OR_RETURN(as.grant_profiles, texts_at(body, "grantProfiles"));
  ASSIGN_OR_RETURN(as.scopes_supported, texts_at(body, "scopesSupported"));
  ASSIGN_OR_RETURN(as.iss_in_response, flag_at(body, "issInResponse"));
  return {};
}

core::Status read_settings_body(const Reader& body, ClientAuthSettings& settings) {
  ASSIGN_OR_RETURN(settings.server, body.at("server").string());
  ASSIGN_OR_RETURN(settings.auth_server, body.at("authServer").string());
  ASSIGN_OR_RETURN(settings.issuer, body.at("issuer").string());
  ASSIGN_OR_RETURN(settings.dynamic, flag_at(body, "dynamic"));
  ASSIGN_OR_RETURN(settings.client_id, body.at("clientId").string());
  ASSIGN_OR_RETURN(settings.sealed_secret, text_at(body, "sealedSecret"));
  ASSIGN_OR_RETURN(settings.auth_method, body.at("authMethod").string());
  ASSIGN_OR_RETURN(settings.scopes, texts_at(body, "scopes"));
  ASSIGN_OR_RETURN(settings.registration_uri, text_at(body, "registrationUri"));
  ASSIGN_OR_RETURN(settings.sealed_registration_token, text_at(body, "sealedRegistrationToken"));
  if (body.at("secretExpires").present()) {
    ASSIGN_OR_RETURN(settings.secret_expires, time_at(body, "secretExpires"));
  }
  return {};
}

}  // namespace

std::string_view to_string(Status status) {
  for (const auto& [value, name] : kStatuses)
    if (value == status) return name;
  return "INVALID";
}

std::optional<Status> parse_status(std::string_view text) {
  for (const auto& [value, name] : kStatuses)
    if (name == text) return value;
  return std::nullopt;
}

std::string_view to_string(Connectivity connectivity) {
  for (const auto& [value, name] : kConnectivities)
    if (value == connectivity) return name;
  return "UNVERIFIED";
}

Row to_row(const McpServer& server) {
  Row row = base_row(Kind::mcp_server, server);
  row.unique = server.resource_url;
  row.status = to_string(server.status);
  row.name = server.display_name;
  row.body =
      Object{{"resourceUrl", server.resource_url},  {"manual", server.manual},
             {"displayName", server.display_name},  {"description", server.description},
             {"missing", array_of(server.missing)}, {"invalidReasons", array_of(server.invalid_reasons)},
             {"failures", server.failures}};
  if (server.detected) {
    row.detected_name = server.detected->resource_name;
    row.body["detected"] = Object{{"resourceName", server.detected->resource_name},
                                  {"scopesSupported", array_of(server.detected->scopes_supported)},
                                  {"refreshed", stamp(server.detected->refreshed)}};
  }
  return row;
}

Row to_row(const McpAuthServer& as) {
  Row row = base_row(Kind::mcp_auth_server, as);
  row.id = auth_server_row_id(as.server, as.id);
  row.parent = as.server;
  // An issuer stands once in the list of a server.
  row.unique = fmt::format("{} {}", as.server, as.issuer);
  row.status = to_string(as.status);
  row.name = as.issuer;
  // An `aus` is another row; an `eas` is found by its own id without that of its server.
  row.refs = {as.id};
  row.body = Object{{"okta", as.okta},
                    {"manual", as.origin == McpAuthServer::Origin::manual},
                    {"issuer", as.issuer},
                    {"connectivity", to_string(as.connectivity)},
                    {"reason", as.reason},
                    {"checked", stamp(as.checked)},
                    {"failures", as.failures},
                    {"wasInactive", as.was_inactive},
                    {"xaaEnabled", as.xaa_enabled},
                    {"authorizationEndpoint", as.authorization_endpoint},
                    {"tokenEndpoint", as.token_endpoint},
                    {"registrationEndpoint", as.registration_endpoint},
                    {"revocationEndpoint", as.revocation_endpoint},
                    {"jwksUri", as.jwks_uri},
                    {"grantTypes", array_of(as.grant_types)},
                    {"tokenEndpointAuthMethods", array_of(as.token_endpoint_auth_methods)},
                    {"grantProfiles", array_of(as.grant_profiles)},
                    {"scopesSupported", array_of(as.scopes_supported)},
                    {"issInResponse", as.iss_in_response}};
  return row;
}

Row to_row(const ClientAuthSettings& settings) {
  Row row = base_row(Kind::client_auth_settings, settings);
  row.unique = fmt::format("{} {} {}", settings.server, settings.auth_server, settings.name);
  row.status = settings.active ? "ACTIVE" : "INACTIVE";
  row.name = settings.name;
  row.refs = {settings.server, auth_server_row_id(settings.server, settings.auth_server)};
  row.body = Object{{"server", settings.server},          {"authServer", settings.auth_server},
                    {"issuer", settings.issuer},          {"dynamic", settings.dynamic},
                    {"clientId", settings.client_id},     {"sealedSecret", settings.sealed_secret},
                    {"authMethod", settings.auth_method}, {"scopes", array_of(settings.scopes)},
                    {"registrationUri", settings.registration_uri},
                    {"sealedRegistrationToken", settings.sealed_registration_token}};
  if (settings.secret_expires) row.body["secretExpires"] = stamp(*settings.secret_expires);
  return row;
}

core::Result<McpServer> read_mcp_server(const Row& row) {
  const auto status = parse_status(row.status);
  if (row.kind != Kind::mcp_server || !status) return foreign(row, "unknown status");
  return read_row(row, McpServer{.id = row.id, .resource_url = {}, .status = *status}, read_server_body);
}

core::Result<McpAuthServer> read_mcp_auth_server(const Row& row) {
  const auto status = parse_status(row.status);
  const std::size_t slash = row.id.find('/');
  if (row.kind != Kind::mcp_auth_server || !status || slash == std::string::npos)
    return foreign(row, "unknown id or status");
  McpAuthServer as{.server = row.id.substr(0, slash), .id = row.id.substr(slash + 1), .issuer = {}};
  as.status = *status;
  return read_row(row, std::move(as), read_auth_server_body);
}

core::Result<ClientAuthSettings> read_client_auth_settings(const Row& row) {
  const bool active = row.status == "ACTIVE";
  if (row.kind != Kind::client_auth_settings || (!active && row.status != "INACTIVE"))
    return foreign(row, "unknown status");
  ClientAuthSettings settings{
      .id = row.id, .name = row.name, .server = {}, .auth_server = {}, .issuer = {}, .client_id = {}};
  settings.active = active;
  return read_row(row, std::move(settings), read_settings_body);
}

}  // namespace registry
