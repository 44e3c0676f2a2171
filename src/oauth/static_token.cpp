#include "oauth/static_token.h"

#include <algorithm>

namespace oauth {

using core::ErrorKind;

core::Result<std::unique_ptr<StaticToken>> StaticToken::create(core::Secret api_token) {
  std::string_view text = api_token.reveal();
  constexpr std::string_view kScheme = "SSWS ";
  if (text.starts_with(kScheme)) {  // copied together with the header's scheme
    return create(core::Secret(std::string(text.substr(kScheme.size()))));
  }
  if (text.empty() || text.size() > 4096 ||
      !std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; })) {
    return core::fail(
        ErrorKind::invalid_input, "oauth.api_token",
        "OKTA_API_TOKEN is empty or has characters that no API token has.",
        "Copy the token again, without spaces, quotes or line ends; a new one is made in the Okta "
        "Admin Console > Security > API > Tokens.");
  }
  return std::unique_ptr<StaticToken>(new StaticToken(std::move(api_token)));
}

StaticToken::StaticToken(core::Secret api_token) {
  auto token = std::make_shared<AccessToken>();
  token->value = std::move(api_token);
  token->scheme = "SSWS";
  token->expires_at = core::WallTime::max();
  token_ = std::move(token);
}

core::Result<std::shared_ptr<const AccessToken>> StaticToken::token(const core::Context&) {
  if (!rejected_) return token_;
  return core::fail(
      ErrorKind::unauthenticated, "oauth.api_token_rejected",
      "The org does not accept the API token: it was revoked, or has not been used for 30 days.",
      "Make a new one in the Okta Admin Console > Security > API > Tokens, set OKTA_API_TOKEN to "
      "it and start the server again. If the token is restricted to a network zone, check that "
      "too.");
}

void StaticToken::reject(const AccessToken& token) {
  if (token.value.reveal() == token_->value.reveal()) rejected_ = true;
}

}  // namespace oauth
