// Who asks: private_key_jwt (RFC 7523), client_secret_basic and client_secret_post (RFC 6749 section 2.3.1),
// or none for public clients.
#pragma once

#include <string_view>

#include "authserver/form.h"
#include "authserver/server.h"
#include "net/http_server.h"

namespace authserver {

// `endpoint` is the name of the one that was asked ("token"): an assertion's audience must be its URL.
// A client assertion is used up by this call: the same jti is refused from then on, until it has expired.
core::Result<Client> authenticate_client(const Server& server, const net::ServerRequest& request,
                                         const Form& form, std::string_view endpoint);

}  // namespace authserver
