// From a refused request to the endpoints of the authorization server behind it (page Authorization, "Roles"
// and "Authorization Server Discovery"). Inside room mcp only.
//
// Everything read here comes from outside. The documents name further addresses; which of them may be asked
// is decided here as far as it can be told from the text (https, same origin), and by the injected
// net::HttpClient for the rest.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/result.h"
#include "net/http_client.h"

namespace mcp {

// RFC 9728.
struct ProtectedResource {
  std::string resource;                            // for the `resource` parameter (RFC 8707)
  std::vector<std::string> authorization_servers;  // issuers
  std::vector<std::string> scopes;                 // scopes_supported; empty when it does not say
  bool dpop_required = false;                      // dpop_bound_access_tokens_required
};

// `metadata_url` is that of the challenge, empty without one: then the well-known places are asked, first
// that of the path, then that of the origin. nullopt when neither has a document (a server of 2025-03-26).
// Errors: mcp.auth.metadata_origin (the challenge names another origin than the server's),
// mcp.auth.metadata, mcp.auth.resource (the document is about another resource), net.*.
core::Result<std::optional<ProtectedResource>> fetch_protected_resource(const core::Context& context,
                                                                        net::HttpClient& http,
                                                                        std::string_view server_url,
                                                                        std::string_view metadata_url);

// What a client needs of RFC 8414.
struct AuthorizationServer {
  std::string issuer;
  std::string authorization_endpoint;  // this and registration_endpoint may be empty
  std::string token_endpoint;
  std::string registration_endpoint;
  std::vector<std::string> scopes;                // scopes_supported
  std::vector<std::string> token_authentication;  // token_endpoint_auth_methods_supported; RFC 8414's default
  bool pkce_s256 = false;
  bool client_id_documents = false;  // client_id_metadata_document_supported
  bool names_itself = false;         // authorization_response_iss_parameter_supported (RFC 9207)
  bool dpop_es256 = false;           // of dpop_signing_alg_values_supported (RFC 9449 section 5.1)
};

// Errors: those of oauth::fetch_issuer_metadata, mcp.auth.server when an endpoint is missing or unusable.
core::Result<AuthorizationServer> fetch_authorization_server(const core::Context& context,
                                                             net::HttpClient& http, std::string_view issuer);

// 2025-03-26: a server that publishes nothing is its own authorization server at fixed paths.
AuthorizationServer assumed_authorization_server(std::string_view origin);

}  // namespace mcp
