// People sign in: this org as a relying party of identity providers (OpenID Connect Core 1.0, authorization
// code with PKCE, state and nonce), the session that follows, and the org's authorization endpoint, which
// honours it.
//
//   GET  /login                    to the identity provider, or a choice; `next`: where to go afterwards
//   GET  /login/callback           where it sends the browser back to
//   GET  /logout, POST /logout     asks; ends the session
//   GET  /oauth2/v1/logout         OpenID Connect RP-Initiated Logout 1.0
//   GET, POST /oauth2/v1/authorize the authorization endpoint of clients' sign-on apps
//
// A session is a record in the store's state, named by the hash of a random cookie value; it lasts eight
// hours and is over at once when the person is deactivated or their sessions are revoked. A new sign-in
// replaces the cookie's value and ends the session before it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "authserver/server.h"
#include "core/result.h"
#include "net/http_server.h"
#include "registry/person.h"
#include "registry/service.h"

namespace registry {

inline constexpr std::chrono::hours kSessionLifetime{8};
inline constexpr std::chrono::minutes kSignInPatience{10};

struct SignedIn {
  Person person;
  core::WallTime at{};   // when they signed in
  std::string provider;  // 0oa...
  std::string session;   // its name in events ("trs..."); not what the cookie holds
  // What forms of pages must send back as `csrf_token`: belongs to this session.
  std::string csrf_token;
};

// The person whose session the request's cookie names; nullopt when nobody is signed in.
core::Result<std::optional<SignedIn>> signed_in(const Service& service, const net::ServerRequest& request);

// Sends the browser to /login, and back to `next` (a path with query on this origin) after it.
net::ServerResponse ask_to_sign_in(const Service& service, std::string_view next);

// Whether a form was sent by a page of ours: browsers say so in Origin or Sec-Fetch-Site, and the token is
// the session's. Every POST of a page that a session stands behind asks this first.
bool is_own_form(const Service& service, const net::ServerRequest& request, const SignedIn& who,
                 std::string_view csrf_token);

// nullopt for a path that is none of these. `org` answers /oauth2/v1/authorize; null: that path is not ours.
std::optional<net::ServerResponse> handle_sign_in(const Service& service, const authserver::Server* org,
                                                  const net::ServerRequest& request);

}  // namespace registry
