// The pages where a person confirms a sign-in: /activate for a device, /oauth2/v1/authorize for a browser.
// They ask for no password (oauth_routes.h says why), and are careful otherwise: no scripts, no frames,
// everything escaped, and a decision only by a form that this process has shown.
#pragma once

#include <vector>

#include "authserver/server.h"
#include "core/seal.h"
#include "net/http_server.h"

namespace devorg {

struct SignInPages {
  const authserver::Server& server;
  const core::Sealer& sealer;                      // of the tokens in the forms
  std::vector<authserver::User> administrators{};  // whom the pages offer, at most 50 are shown

  // GET, HEAD: the form for a user code, or with ?user_code= the question. POST: the code, or the decision.
  net::ServerResponse activate(const net::ServerRequest& request) const;

  // GET, HEAD, POST: an authorization request (RFC 6749 section 4.1.1) becomes the question, or goes back to
  // the client with an error, or is refused on a page.
  net::ServerResponse authorize(const net::ServerRequest& request) const;
  // POST: the answer to that question. The browser goes to the client's redirect URI.
  net::ServerResponse confirm(const net::ServerRequest& request) const;
};

}  // namespace devorg
