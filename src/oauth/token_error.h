// What an authorization server's refusal means, in plain words: one table from OAuth error and Okta's wording
// to what happened, the likely cause and the next step.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace oauth {

enum class Grant {
  client_credentials,
  device_authorization,
  device_code,
  authorization_code,
  refresh_token,
};

// As Okta's admin console and documentation call it: "Client Credentials", "Device Authorization", ...
std::string_view display_name(Grant grant);

// A refusal as it came over the wire. Everything in it may be hostile text.
struct Refusal {
  int status = 0;           // HTTP
  std::string error;        // RFC 6749 section 5.2 `error`
  std::string description;  // `error_description`
  std::string request_id;   // X-Okta-Request-Id

  Grant grant = Grant::client_credentials;
  std::string org;                    // origin
  std::vector<std::string> scopes;    // that were requested; empty for polls and refreshes
  std::chrono::milliseconds skew{0};  // server's clock minus this machine's
};

// code: "oauth." + error; "oauth.rate_limited" for any 429 (Okta also writes those as invalid_grant, which
// would mean something else); "oauth.refused" when the error is not a plain name.
core::Error explain(const Refusal& refusal);

// The server granted a token that only a DPoP proof could use (RFC 9449): oauth.dpop_demanded.
core::Error dpop_demanded();

// Scope names in square brackets, as Okta lists them in descriptions: "... this request: [okta.users.manage,
// okta.logs.read]." Empty when there are none.
std::vector<std::string> named_scopes(std::string_view description);

// "This machine's clock is 7 minutes ahead of the org's ..." when it is off by a minute or more, else empty.
std::string clock_advice(std::chrono::milliseconds skew);

// One line of printable ASCII, at most `max` characters: what outsiders write into messages of ours.
std::string clean_text(std::string_view text, std::size_t max = 300);

// Outside words as they may stand inside a sentence: cleaned, without credentials, no full stop at the end.
std::string quoted(std::string_view text);

}  // namespace oauth
