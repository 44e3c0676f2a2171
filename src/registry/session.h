// Sessions of people in browsers: begun by a sign-in (sign_in.h), honoured by pages and by the authorization
// endpoint. The API takes access tokens only.
//
// A session is a record in the store's state, named by the hash of the cookie's random value, so that any
// node knows it. It lasts eight hours, and is over at once when the person is deactivated or their sessions
// are revoked. Each sign-in gets a new value and ends the session before it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_server.h"
#include "registry/person.h"
#include "registry/service.h"

namespace registry {

inline constexpr std::chrono::hours kSessionLifetime{8};

struct Session {
  Person person;           // as of now, active
  core::WallTime at{};     // when they signed in
  std::string provider;    // 0oa...
  std::string id;          // its name in events ("trs..."); not what the cookie holds
  std::string csrf_token;  // what forms of pages send back: belongs to this session
};

// Of the person whose session the request's cookie names; nullopt when nobody is signed in.
core::Result<std::optional<Session>> session_of(const Service& service, const net::ServerRequest& request);

// A new one, within the transaction of the sign-in; the cookie is set in `headers`. What `request` brought
// ends.
core::Result<Session> begin_session(const Service& service, const net::ServerRequest& request,
                                    const Person& person, std::string_view provider, net::Headers& headers);
core::Status end_session(const Service& service, const net::ServerRequest& request, net::Headers& headers);

// Sends the browser to /login, and back to `target` (path and query on this origin) after it. `again`: also
// who is signed in already signs in anew.
net::ServerResponse ask_to_sign_in(std::string_view target, bool again = false);

// True unless the browser says that another site made it send this request (Origin, Sec-Fetch-Site).
bool is_same_origin(const Service& service, const net::ServerRequest& request);
// A form that a page of ours has shown in this session: what every POST behind a session asks first.
bool is_own_form(const Service& service, const net::ServerRequest& request, const Session& session,
                 std::string_view csrf_token);

// A path, with query, on this origin: nothing that a browser could take for another one.
bool is_local_target(std::string_view target);

// Cookies of this service: HttpOnly, SameSite=Lax, of the whole host; with https named __Host-... and Secure.
std::string cookie_of(const Service& service, const net::ServerRequest& request, std::string_view name);
std::string set_cookie(const Service& service, std::string_view name, std::string_view value,
                       std::chrono::seconds lifetime);

// The fields of a form up to 32 KiB; nullopt when the body is none.
std::optional<net::Query> read_form(const net::ServerRequest& request);

}  // namespace registry
