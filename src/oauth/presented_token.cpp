#include "oauth/presented_token.h"

#include <algorithm>

#include "oauth/token_source.h"

namespace oauth {
namespace {

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// RFC 6750 section 2.1: 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
bool is_b64token(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_letter_or_digit(c) || std::string_view("-._~+/").find(c) != std::string_view::npos;
  });
}

std::unexpected<core::Error> malformed() {
  return core::fail(core::ErrorKind::invalid_input, "oauth.credentials.malformed",
                    "The Authorization header is not a scheme and a token.");
}

}  // namespace

core::Result<std::optional<PresentedToken>> presented_token(const net::Headers& headers) {
  const auto fields = headers.all("Authorization");
  if (fields.empty()) return std::nullopt;
  if (fields.size() > 1) {
    return core::fail(core::ErrorKind::invalid_input, "oauth.credentials.multiple",
                      "The request has more than one Authorization header.");
  }
  const std::string_view value = fields.front();
  const auto space = value.find(' ');
  const std::string_view scheme = value.substr(0, space);
  const bool bearer = net::equals_ignoring_case(scheme, "Bearer");
  if (scheme.empty()) return malformed();
  if (!bearer && !net::equals_ignoring_case(scheme, kDpopScheme)) return std::nullopt;
  std::string_view token = space == std::string_view::npos ? std::string_view() : value.substr(space);
  while (token.starts_with(' ')) token.remove_prefix(1);  // RFC 9110 section 11.4: 1*SP
  if (!is_b64token(token)) return malformed();
  return PresentedToken{.scheme = bearer ? TokenScheme::bearer : TokenScheme::dpop,
                        .token = token,
                        .proofs = headers.all("DPoP")};
}

}  // namespace oauth
