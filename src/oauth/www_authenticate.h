// Reading WWW-Authenticate (RFC 9110 section 11.6.1): lists of challenges, where commas part challenges,
// parameters of one challenge, and nothing at all inside quotes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http.h"

namespace oauth {

struct ReceivedChallenge {
  std::string scheme;   // as written; compares without regard to case
  std::string token68;  // of schemes that have that instead of parameters
  std::vector<std::pair<std::string, std::string>> parameters;  // names in lower case, values unquoted

  // Empty when it is missing, or stands twice with different values.
  std::string_view get(std::string_view name) const;
};

// All challenges of all fields, in their order. A field is read up to its first mistake; what came before
// that counts. At most 16 challenges with 32 parameters each; the rest is passed over.
std::vector<ReceivedChallenge> read_challenges(const net::Headers& headers);
std::vector<ReceivedChallenge> read_challenges(std::string_view field);

}  // namespace oauth
