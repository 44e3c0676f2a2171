// Access tokens for resources, shaped as Okta's custom authorization servers shape them, with the header of
// RFC 9068.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <vector>

#include "authserver/server.h"
#include "core/clock.h"
#include "core/result.h"

namespace authserver {

struct ResourceToken {
  std::string id;        // jti: new_access_token_id()
  std::string audience;  // the resource (RFC 8707), or what the server is for
  std::string subject;   // a person's login, or the client
  std::string client_id;
  std::vector<std::string> scopes{};
  std::string user_id{};        // of a person
  std::int64_t auth_time = 0;   // of a person, seconds since 1970; 0: unknown
  boost::json::object actor{};  // `act` (RFC 8693 section 4.1); empty: none
  std::string profile{};        // `sub_profile`; empty: none
  std::string dpop_key{};       // `cnf.jkt`; empty: a bearer token
  boost::json::object more{};   // claims beside these, which it never replaces
  core::WallTime issued{};
  std::chrono::seconds lifetime{3600};
};

std::string new_access_token_id(const Server& server);  // "AT...."
core::Result<std::string> sign_resource_token(const Server& server, const ResourceToken& token);
// token_type, expires_in, access_token, scope (RFC 6749 section 5.1).
boost::json::object resource_token_answer(const ResourceToken& token, std::string_view text);

}  // namespace authserver
