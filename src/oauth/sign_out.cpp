#include "oauth/sign_out.h"

#include <chrono>
#include <fmt/format.h>
#include <string_view>

#include "core/encoding.h"

namespace oauth {
namespace {

constexpr std::chrono::seconds kTimeout{10};

// RFC 7009 section 2.1; answered with 200 also for a token that the server does not know (section 2.2).
core::Status revoke(const core::Context& context, net::HttpClient& http, const TokenKey& key,
                    const core::Secret& token, std::string_view hint) {
  net::HttpRequest request{
      .method = net::Method::post,
      .url = key.org + "/oauth2/v1/revoke",
      .headers = {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}},
      .body = fmt::format("client_id={}&token_type_hint={}&token={}", core::percent_encode(key.client_id),
                          hint, core::percent_encode(token.reveal())),
      .connect_timeout = kTimeout,
      .total_timeout = kTimeout,
      .max_response_bytes = 64u << 10};
  auto response = http.send(context, request);
  core::wipe(request.body);
  if (!response) return std::unexpected(std::move(response).error());
  if (response->status / 100 == 2) return {};
  return core::fail(
      core::ErrorKind::unavailable, fmt::format("oauth.http_{}", response->status),
      fmt::format("{} answered {} to the request to revoke the login.", key.org, response->status));
}

}  // namespace

core::Result<SignedOut> sign_out(const core::Context& context, net::HttpClient& http, TokenStore& store,
                                 const TokenKey& key) {
  SignedOut outcome;
  std::optional<StoredToken> login;
  {
    // So that a refresh under way elsewhere does not bring the login back. A holder that hangs is no reason
    // to keep it.
    const auto lock = store.lock(context, key);
    ASSIGN_OR_RETURN(login, store.load(key));
    RETURN_IF_ERROR(store.erase_family(key));
  }
  if (!login) return outcome;
  outcome.found = true;
  // The refresh token first: with it Okta ends what was issued from it.
  if (!login->refresh_token.empty()) {
    if (auto done = revoke(context, http, key, login->refresh_token, "refresh_token"); !done) {
      outcome.problem = std::move(done).error();
      return outcome;  // the org does not answer, or does not want to
    }
  }
  if (auto done = revoke(context, http, key, login->access_token, "access_token"); !done) {
    outcome.problem = std::move(done).error();
  }
  outcome.revoked = !outcome.problem;
  return outcome;
}

}  // namespace oauth
