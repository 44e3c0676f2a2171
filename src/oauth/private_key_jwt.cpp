#include "oauth/private_key_jwt.h"

#include <fmt/format.h>

#include "core/log.h"
#include "oauth/jwt.h"

namespace oauth {
namespace {

using core::ErrorKind;

constexpr std::chrono::minutes kAssertionLifetime{5};
// What is worth a second attempt when the clocks disagree: less than this lies within the Date header's
// precision.
constexpr std::chrono::seconds kClockNoise{2};

}  // namespace

core::Result<std::unique_ptr<PrivateKeyJwt>> PrivateKeyJwt::create(PrivateKeyJwtOptions options) {
  ASSIGN_OR_RETURN(auto endpoint, TokenEndpoint::create({.org_url = options.org_url,
                                                         .http = options.http,
                                                         .clock = options.clock,
                                                         .random = options.random}));
  RETURN_IF_ERROR(check_client(options.client_id, options.scopes));
  if (!options.key.may_sign() || options.key.type() == KeyType::oct) {
    return core::fail(ErrorKind::invalid_input, "oauth.key.use", "The key cannot sign.",
                      "Signing in takes a private key: RSA or EC.");
  }
  if (options.key.kid().empty()) {
    return core::fail(
        ErrorKind::invalid_input, "oauth.key_id", "OKTA_KEY_ID is not set.",
        "Set it to the key id (KID) shown beside the key in the Okta Admin Console > Applications > "
        "the app > General > Client Credentials.");
  }
  return std::unique_ptr<PrivateKeyJwt>(new PrivateKeyJwt(std::move(options), std::move(endpoint)));
}

PrivateKeyJwt::PrivateKeyJwt(PrivateKeyJwtOptions options, std::unique_ptr<TokenEndpoint> endpoint)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      cache_({.key = {.org = endpoint_->org(),
                      .client_id = options_.client_id,
                      .grant = "client_credentials",
                      .scopes = options_.scopes},
              .clock = options_.clock,
              .dpop = endpoint_->dpop(),
              .store = options_.store}) {}

core::Result<std::shared_ptr<const AccessToken>> PrivateKeyJwt::token(const core::Context& context) {
  return cache_.get(context,
                    [this](const core::Context& caller, const StoredToken*) { return obtain(caller); });
}

core::Result<StoredToken> PrivateKeyJwt::obtain(const core::Context& context) {
  const auto assumed = endpoint_->skew();
  auto answer = request(context);
  // The refusal's Date header has just shown how far this machine's clock is off. With that, the same
  // assertion may be a good one.
  if (!answer && answer.error().code == "oauth.invalid_client" &&
      std::chrono::abs(endpoint_->skew() - assumed) >= kClockNoise) {
    core::log(core::LogLevel::notice, "oauth", "the clocks differ, signing in again by the org's",
              {{"skew_ms", endpoint_->skew().count()}});
    answer = request(context);
  }
  if (!answer) {
    auto error = std::move(answer).error();
    // Orgs look a key up by its id and its kind together, and name only one of the two when there is none.
    if (error.code == "oauth.invalid_client") {
      error.hint += fmt::format(" The key given here signs {}, under the key id \"{}\".",
                                to_string(options_.key.algorithm()), quoted(options_.key.kid()));
    }
    return std::unexpected(std::move(error));
  }
  return to_stored(std::move(*answer), options_.scopes, nullptr, options_.clock.now());
}

core::Result<TokenAnswer> PrivateKeyJwt::request(const core::Context& context) {
  return endpoint_->request_token(context, Grant::client_credentials, [this]() -> core::Result<net::Query> {
    ASSIGN_OR_RETURN(const auto signed_assertion, assertion());
    return net::Query{{"grant_type", "client_credentials"},
                      {"scope", join_scopes(options_.scopes)},
                      {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                      {"client_assertion", signed_assertion.reveal()}};
  });
}

core::Result<core::Secret> PrivateKeyJwt::assertion() {
  const core::WallTime now = options_.clock.now() + endpoint_->skew();
  ASSIGN_OR_RETURN(auto text,
                   sign_jwt(options_.key, {{"iss", options_.client_id},
                                           {"sub", options_.client_id},
                                           {"aud", endpoint_->url()},
                                           {"jti", options_.random.uuid()},
                                           {"iat", core::to_unix_seconds(now)},
                                           {"exp", core::to_unix_seconds(now + kAssertionLifetime)}}));
  return core::Secret(std::move(text));
}

}  // namespace oauth
