#include "mcp/client_discovery.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>

#include "core/json.h"
#include "mcp/client_answer.h"
#include "net/url.h"
#include "oauth/issuer_metadata.h"
#include "oauth/resource_uri.h"

namespace mcp {
namespace {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

constexpr std::chrono::milliseconds kTimeout{5'000};
constexpr std::size_t kMaxBytes = 256u << 10;
constexpr std::size_t kMaxListed = 64;
constexpr std::size_t kMaxText = 2048;
constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";

std::unexpected<core::Error> fail(std::string code, std::string message, std::string hint = {}) {
  return core::fail(ErrorKind::protocol, std::move(code), std::move(message), std::move(hint));
}

// Strings of a list, as far as they are short; other entries are passed over.
std::vector<std::string> strings(const Object& document, std::string_view member) {
  std::vector<std::string> found;
  const Value* list = document.if_contains(member);
  if (!list || !list->is_array()) return found;
  for (const Value& entry : list->get_array()) {
    if (found.size() == kMaxListed) break;
    if (entry.is_string() && entry.get_string().size() <= kMaxText) found.emplace_back(entry.get_string());
  }
  return found;
}

bool is_true(const Object& document, std::string_view member) {
  const Value* value = document.if_contains(member);
  return value && value->is_bool() && value->get_bool();
}

bool has(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// RFC 9728 section 3.3 asks for the resource itself; a server that protects all below one address may name
// that one (MCP, "Canonical Server URI").
bool covers(std::string_view resource, std::string_view server_url) {
  if (oauth::same_resource(resource, server_url)) return true;
  const auto wide = oauth::canonical_resource(resource);
  const auto narrow = oauth::canonical_resource(server_url);
  return wide && narrow && wide->find('?') == std::string::npos && narrow->starts_with(*wide + "/");
}

core::Result<ProtectedResource> read_resource_document(std::string_view body, std::string_view server_url,
                                                       std::string_view from) {
  auto value = core::json::parse(body, {.max_bytes = kMaxBytes, .max_depth = 16});
  if (!value || !value->is_object()) {
    return fail("mcp.auth.metadata", fmt::format("{} is not one JSON object.", from));
  }
  const Object& document = value->get_object();
  ProtectedResource found{.resource = std::string(core::json::string_or_empty(document, "resource")),
                          .authorization_servers = strings(document, "authorization_servers"),
                          .scopes = strings(document, "scopes_supported"),
                          .dpop_required = is_true(document, "dpop_bound_access_tokens_required")};
  if (!covers(found.resource, server_url)) {
    return fail("mcp.auth.resource",
                fmt::format("{} describes another resource, {}.", from, outside_text(found.resource, 200)),
                "Use the server's URL as it is spelt there; a token for another resource must not be sent to "
                "this one.");
  }
  if (found.authorization_servers.empty()) {
    return fail("mcp.auth.metadata", fmt::format("{} names no authorization server.", from));
  }
  return found;
}

}  // namespace

core::Result<std::optional<ProtectedResource>> fetch_protected_resource(const core::Context& context,
                                                                        net::HttpClient& http,
                                                                        std::string_view server_url,
                                                                        std::string_view metadata_url) {
  ASSIGN_OR_RETURN(const net::Url server, net::parse_url(server_url));
  std::vector<std::string> places;
  if (!metadata_url.empty()) {
    const auto named = net::parse_url(metadata_url);
    if (!named || named->has_userinfo || named->has_fragment || named->origin() != server.origin()) {
      return fail("mcp.auth.metadata_origin",
                  fmt::format("{} names metadata that is not its own: {}.", server.origin(),
                              outside_text(metadata_url, 200)),
                  "A server may only send its clients to its own metadata.");
    }
    places.push_back(named->str());
  } else {
    if (server.path != "/") {
      places.push_back(server.origin() + std::string(kWellKnown) + server.path +
                       (server.query.empty() ? "" : "?" + server.query));
    }
    places.push_back(server.origin() + std::string(kWellKnown));
  }
  for (const std::string& place : places) {
    ASSIGN_OR_RETURN(const auto response, http.send(context, {.url = place,
                                                              .headers = {{"Accept", "application/json"}},
                                                              .connect_timeout = kTimeout,
                                                              .idle_timeout = kTimeout,
                                                              .total_timeout = kTimeout,
                                                              .max_response_bytes = kMaxBytes}));
    if (response.status == 200) {
      ASSIGN_OR_RETURN(auto found, read_resource_document(response.body, server_url, place));
      return found;
    }
    if (response.status >= 500 || !metadata_url.empty()) {
      return core::fail(ErrorKind::unavailable, "mcp.auth.metadata",
                        fmt::format("{} answered {}.", place, response.status));
    }
  }
  return std::nullopt;
}

core::Result<AuthorizationServer> fetch_authorization_server(const core::Context& context,
                                                             net::HttpClient& http, std::string_view issuer) {
  ASSIGN_OR_RETURN(const auto metadata, oauth::fetch_issuer_metadata(context, http, issuer));
  const Object& document = metadata.document;
  AuthorizationServer server{
      .issuer = metadata.issuer,
      .scopes = strings(document, "scopes_supported"),
      .token_authentication = strings(document, "token_endpoint_auth_methods_supported"),
      .pkce_s256 = has(strings(document, "code_challenge_methods_supported"), "S256"),
      .client_id_documents = is_true(document, "client_id_metadata_document_supported"),
      .names_itself = is_true(document, "authorization_response_iss_parameter_supported"),
      .dpop_es256 = has(strings(document, "dpop_signing_alg_values_supported"), "ES256")};
  if (server.token_authentication.empty()) server.token_authentication = {"client_secret_basic"};
  const std::array<std::pair<std::string_view, std::string*>, 3> endpoints{{
      {"authorization_endpoint", &server.authorization_endpoint},
      {"token_endpoint", &server.token_endpoint},
      {"registration_endpoint", &server.registration_endpoint},
  }};
  for (const auto& [name, place] : endpoints) {
    const auto text = core::json::string_or_empty(document, name);
    if (!text.empty() && !oauth::may_lead_to(metadata.issuer, text)) {
      return fail("mcp.auth.server", fmt::format("The {} of {} is not an https URL.", name, metadata.issuer));
    }
    *place = text;
  }
  if (server.token_endpoint.empty()) {
    return fail("mcp.auth.server", fmt::format("{} publishes no token_endpoint.", metadata.issuer));
  }
  return server;
}

AuthorizationServer assumed_authorization_server(std::string_view origin) {
  return {.issuer = std::string(origin),
          .authorization_endpoint = fmt::format("{}/authorize", origin),
          .token_endpoint = fmt::format("{}/token", origin),
          .registration_endpoint = fmt::format("{}/register", origin),
          .token_authentication = {"client_secret_basic", "client_secret_post", "none"},
          .pkce_s256 = true};
}

}  // namespace mcp
