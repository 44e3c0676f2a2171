// The endpoints, each a function from request to response. The paths are whoever's that binds them.
#pragma once

#include "authserver/server.h"
#include "net/http_server.h"

namespace authserver {

net::ServerResponse token_endpoint(const Server& server, const net::ServerRequest& request);  // RFC 6749, 3.2
net::ServerResponse device_authorization_endpoint(const Server& server,
                                                  const net::ServerRequest& request);  // RFC 8628
// RFC 7662. A client learns about its own tokens only; of others' they are inactive.
net::ServerResponse introspection_endpoint(const Server& server, const net::ServerRequest& request);
net::ServerResponse revocation_endpoint(const Server& server, const net::ServerRequest& request);  // RFC 7009
net::ServerResponse keys_endpoint(const Server& server, const net::ServerRequest& request);        // RFC 7517
net::ServerResponse userinfo_endpoint(const Server& server,
                                      const net::ServerRequest& request);  // OpenID Core 5.3

// RFC 8414 (/.well-known/oauth-authorization-server) and OpenID Connect Discovery
// (/.well-known/openid-configuration).
net::ServerResponse oauth_metadata_endpoint(const Server& server, const net::ServerRequest& request);
net::ServerResponse openid_metadata_endpoint(const Server& server, const net::ServerRequest& request);

}  // namespace authserver
