// The authorization code grant (RFC 6749 section 4.1) with PKCE (RFC 7636) on the server's side: a browser
// comes with a request, a person decides on a page, the browser goes back with a code, and the client redeems
// it (authorization_code_grant() in server.h).
//
// The pages are whoever's that binds this; nothing is remembered between showing the request and the
// decision: the page sends the request again, and it is checked again.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "authserver/server.h"
#include "core/clock.h"
#include "core/result.h"
#include "net/url.h"

namespace authserver {

// A request that may be shown to a person. Only read_authorization_request() makes one that is checked.
struct AuthorizationRequest {
  std::string client_id;
  std::string client_name;
  std::string redirect_uri;  // one of the client's, as registered
  std::string state;
  std::vector<std::string> scopes;
  std::string code_challenge;  // of S256; empty for a confidential client that does without PKCE
  std::string nonce;           // for the ID token
  std::string login_hint;
  std::string dpop_key;  // RFC 9449 section 10: the code is for the holder of this key; empty: anybody's
  std::optional<core::WallTime> signed_in{};  // `auth_time`: when the person signed in; none: now
};

struct AuthorizationRefusal {
  core::Error error;
  // Where the browser takes the error to (RFC 6749 section 4.1.2.1). Empty when the client or its redirect
  // URI is not known: then it is told to the person, and the browser is sent nowhere.
  std::string redirect_to;
};

// `parameters`: the query of a GET, or the form of a POST. Every client needs `state` (Okta's rule), a public
// one `code_challenge`; the only methods are response_type code, response_mode query and S256.
std::expected<AuthorizationRequest, AuthorizationRefusal> read_authorization_request(
    const Server& server, const net::Query& parameters);

// The URL with the code, state and iss (RFC 9207) for the browser to go to. Error server_error.
core::Result<std::string> approve_authorization(const Server& server, const AuthorizationRequest& request,
                                                const User& user);
// The one with error=access_denied.
std::string deny_authorization(const Server& server, const AuthorizationRequest& request);

}  // namespace authserver
