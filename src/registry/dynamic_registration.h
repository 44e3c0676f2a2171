// Dynamic client registration at external authorization servers (RFC 7591), and its end (RFC 7592). Stores
// nothing: that is the caller's (client_auth_settings.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/result.h"
#include "core/secret.h"
#include "registry/mcp_server.h"
#include "registry/service.h"

namespace registry {

struct RegisteredClient {
  std::string client_id;
  core::Secret client_secret;       // empty: a public client
  std::string auth_method;          // client_secret_basic, client_secret_post, none
  std::vector<std::string> scopes;  // as registered; those asked for when the server does not say
  std::optional<core::WallTime> secret_expires;
  // RFC 7592; both empty when the server manages no registrations.
  std::string registration_uri;
  core::Secret registration_token;
};

// Registers this org with the redirect URI {issuer}/oauth2/v1/sts/callback, grants authorization_code and
// refresh_token, and the first of client_secret_basic, client_secret_post, none that the server has. Waits
// for the answer, 15 seconds at most. Errors, all with location "registrationEndpoint" but those of net.*:
//   registry.REGISTRATION_UNSUPPORTED  (invalid_input) the server has no registration endpoint, or no
//                                      authentication method of ours
//   registry.REGISTRATION_REFUSED      (invalid_input) it refused; its words are in the message
//   registry.REGISTRATION_INVALID      (invalid_input) its answer is not one of RFC 7591
core::Result<RegisteredClient> register_client(const core::Context& context, const Service& service,
                                               const McpAuthServer& server, const std::string& client_name,
                                               const std::vector<std::string>& scopes);

// RFC 7592 section 2.3. Gone already is no error.
core::Status unregister_client(const core::Context& context, const Service& service,
                               const std::string& registration_uri, const core::Secret& registration_token);

}  // namespace registry
