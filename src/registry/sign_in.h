// The pages of signing in and out, and the org's authorization endpoint, which honours the session.
//
//   GET  /login                    to the identity provider, or a choice of them; `return`: where to go then
//   GET  /login/callback           where the provider sends the browser back to
//   GET  /logout, POST /logout     asks; ends the session
//   GET  /oauth2/v1/logout         OpenID Connect RP-Initiated Logout 1.0
#pragma once

#include <optional>
#include <string_view>

#include "authserver/server.h"
#include "core/result.h"
#include "net/http_server.h"
#include "registry/person.h"
#include "registry/relying_party.h"
#include "registry/service.h"

namespace registry {

// nullopt for a path that is none of these. Thread-safe; asks identity providers, so it may take as long as
// they do, at most half a minute.
std::optional<net::ServerResponse> handle_sign_in(const Service& service, const net::ServerRequest& request);

// GET, POST /oauth2/v1/authorize: a client's request for a code. Whoever is signed in goes back with one at
// once, others sign in first; prompt=none answers login_required, prompt=login and max_age have people sign
// in again. okta.* scopes are granted to owners only.
net::ServerResponse authorize(const Service& service, const authserver::Server& org,
                              const net::ServerRequest& request);

// Who that is here: by link; else by login or e-mail as the provider's settings say, and linked; else made.
// The person's row, the link and the events are written. Errors ErrorKind::unauthenticated:
// registry.SIGN_IN_REFUSED, with the reason for the person.
core::Result<Person> admit_identity(const Service& service, const ProvenIdentity& identity);

}  // namespace registry
