// Refusals of an HTTP request over its credentials: WWW-Authenticate challenges (RFC 9110 section 11.6.1) and
// a body that says the same.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http_server.h"

namespace mcp {

// One challenge, its parameters in order; the values are quoted, an empty one is left out.
struct Challenge {
  std::string scheme;
  std::vector<std::pair<std::string_view, std::string>> parameters;
};
std::string to_string(const Challenge& challenge);

// An OAuth error (RFC 6750 section 3.1); both empty where the request brought no credentials.
struct OauthError {
  std::string_view error{};
  std::string_view description{};  // for whoever reads it on the other side: no secret, nothing of others
};

// With one WWW-Authenticate field, the challenges in it in order: clients that know one scheme look at the
// first. Never cached.
net::ServerResponse refusal(int status, const std::vector<Challenge>& challenges, const OauthError& error);

}  // namespace mcp
