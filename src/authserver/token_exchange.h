// Token exchange (RFC 8693) as a frame: the request is read and its form checked here, what is given for what
// is decided by the rule of the requested token type.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/result.h"

namespace authserver {

inline constexpr std::string_view kTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
inline constexpr std::string_view kIdTokenType = "urn:ietf:params:oauth:token-type:id_token";
inline constexpr std::string_view kAccessTokenTokenType = "urn:ietf:params:oauth:token-type:access_token";
inline constexpr std::string_view kIdJagTokenType = "urn:ietf:params:oauth:token-type:id-jag";

// RFC 8693 section 2.1.
struct TokenExchange {
  std::string requested_token_type;
  std::string subject_token;
  std::string subject_token_type;
  std::vector<std::string> audiences{};
  std::vector<std::string> resources{};
  std::string scope{};
};

using ExchangeRule =
    std::function<core::Result<boost::json::object>(const GrantCall& call, const TokenExchange& exchange)>;
using ExchangeRules = std::map<std::string, ExchangeRule, std::less<>>;  // by requested_token_type

// Errors before a rule is asked: missing_token_request_parameter, invalid_actor_token (delegation is told by
// the subject token's `act` here, never by a second token), invalid_requested_token_type. Its metadata names
// the requested types (draft-ietf-oauth-identity-chaining).
std::shared_ptr<const Grant> token_exchange_grant(ExchangeRules rules);

}  // namespace authserver
