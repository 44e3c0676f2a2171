#include "oauth/authorization_code.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/log.h"
#include "core/seal.h"
#include "net/url.h"
#include "oauth/person_login.h"
#include "oauth/token_cache.h"
#include "oauth/token_error.h"

namespace oauth {
namespace {

using core::ErrorKind;

// 256 bits: as verifier, the 43 characters that RFC 7636 section 4.1 recommends.
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kMaxCodeBytes = 4096;

constexpr std::array<std::string_view, 4> kSingle = {"code", "error", "error_description", "iss"};

std::unexpected<core::Error> bad_callback(std::string_view what) {
  return core::fail(ErrorKind::protocol, "oauth.bad_callback",
                    fmt::format("The org sent the browser back with an answer that {}.", what),
                    "Try again; if it stays so, check that OKTA_ORG_URL is an Okta org.");
}

core::Status save_failed(core::Error error) {
  error.message = "The sign-in worked, but the login cannot be stored: " + error.message;
  return std::unexpected(std::move(error));
}

}  // namespace

std::string pkce_challenge(std::string_view verifier) {
  return core::base64url_encode(core::sha256(verifier));
}

core::Result<std::unique_ptr<AuthorizationCode>> AuthorizationCode::create(AuthorizationCodeOptions options) {
  ASSIGN_OR_RETURN(auto endpoint, TokenEndpoint::create({.org_url = options.org_url,
                                                         .http = options.http,
                                                         .clock = options.clock,
                                                         .random = options.random}));
  RETURN_IF_ERROR(check_client(options.client_id, options.scopes));
  std::unique_ptr<AuthorizationCode> sign_in(new AuthorizationCode(std::move(options), std::move(endpoint)));
  const auto& given = sign_in->options_;
  sign_in->state_ = given.random.token(kSecretBytes);
  ASSIGN_OR_RETURN(sign_in->redirect_, LoopbackRedirect::start(given.port, sign_in->state_));
  sign_in->prompt_ = {.redirect_uri = sign_in->redirect_->uri(),
                      .expires_at = given.clock.now() + kBrowserPatience};
  sign_in->prompt_.link = sign_in->new_link();
  return sign_in;
}

AuthorizationCode::AuthorizationCode(AuthorizationCodeOptions options,
                                     std::unique_ptr<TokenEndpoint> endpoint)
    : options_(std::move(options)), endpoint_(std::move(endpoint)) {}

std::string AuthorizationCode::new_link() {
  verifier_ = core::Secret(options_.random.token(kSecretBytes));
  return endpoint_->org() + "/oauth2/v1/authorize?" +
         net::encode_query({{"client_id", options_.client_id},
                            {"response_type", "code"},
                            {"scope", join_scopes(requested_scopes(options_.scopes, lasting_))},
                            {"redirect_uri", prompt_.redirect_uri},
                            {"state", state_},
                            {"code_challenge", pkce_challenge(verifier_.reveal())},
                            {"code_challenge_method", "S256"}});
}

core::Result<std::vector<std::string>> AuthorizationCode::complete(const core::Context& context) {
  const core::SteadyTime until = options_.clock.steady() + kBrowserPatience;
  for (;;) {
    ASSIGN_OR_RETURN(auto answer, redirect_->wait(context, options_.clock, until));
    auto token = redeem(context, std::move(answer));
    if (!token && lasting_ && offline_access_refused(token.error())) {
      core::log(core::LogLevel::notice, "oauth", "the org may refuse offline_access, signing in without it");
      lasting_ = false;
      state_ = options_.random.token(kSecretBytes);
      redirect_->go_on(new_link(), state_);
      continue;
    }
    auto outcome = token ? save(context, *token) : core::Status(std::unexpected(token.error()));
    if (!outcome) {
      redirect_->answer(
          {.status = 400, .title = "You are not signed in", .text = core::describe(outcome.error())});
      return std::unexpected(std::move(outcome).error());
    }
    redirect_->answer({.title = "You are signed in", .text = "You can close this window."});
    short_lived_ = token->refresh_token.empty();
    return token->granted_scopes.empty() ? token->scopes : token->granted_scopes;
  }
}

core::Result<StoredToken> AuthorizationCode::redeem(const core::Context& context, net::Query answer) {
  // RFC 6749 section 3.1: parameters must not be included more than once.
  for (const auto name : kSingle) {
    if (std::ranges::count(answer, name, &std::pair<std::string, std::string>::first) > 1) {
      return bad_callback(fmt::format("has more than one {}", name));
    }
  }
  RETURN_IF_ERROR(check_issuer(answer));
  const auto requested = requested_scopes(options_.scopes, lasting_);
  if (const auto error = net::query_value(answer, "error")) {
    return core::fail(explain({.status = 400,
                               .error = *error,
                               .description = net::query_value(answer, "error_description").value_or(""),
                               .grant = Grant::authorization_code,
                               .org = endpoint_->org(),
                               .scopes = requested}));
  }
  core::Secret code(net::query_value(answer, "code").value_or(""));
  for (auto& [name, value] : answer) core::wipe(value);
  const std::string& text = code.reveal();
  if (text.empty()) return bad_callback("has neither a code nor an error");
  // VSCHAR of RFC 6749 appendix A.11.
  if (text.size() > kMaxCodeBytes ||
      !std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; })) {
    return bad_callback("has a code that is none");
  }
  ASSIGN_OR_RETURN(auto granted, endpoint_->request_token(context, Grant::authorization_code,
                                                          {{"grant_type", "authorization_code"},
                                                           {"client_id", options_.client_id},
                                                           {"redirect_uri", prompt_.redirect_uri},
                                                           {"code", text},
                                                           {"code_verifier", verifier_.reveal()}}));
  return to_stored(std::move(granted), options_.scopes, nullptr, options_.clock.now());
}

core::Status AuthorizationCode::check_issuer(const net::Query& answer) const {
  const auto issuer = net::query_value(answer, "iss");
  // RFC 9207 section 2.4 compares letter by letter. Okta sends none, and there is one org only to answer.
  if (!issuer || *issuer == endpoint_->org()) return {};
  return core::fail(
      ErrorKind::protocol, "oauth.issuer",
      fmt::format("The answer to the sign-in names {} as its issuer, not {}.", clean_text(*issuer, 200),
                  endpoint_->org()),
      "If both are addresses of your org, set OKTA_ORG_URL to the former; else somebody else's answer was "
      "passed to this sign-in: start again, and follow only the link shown here.");
}

core::Status AuthorizationCode::save(const core::Context& context, const StoredToken& token) {
  const TokenKey key{.org = endpoint_->org(),
                     .client_id = options_.client_id,
                     .grant = std::string(kAuthorizationCode),
                     .scopes = options_.scopes};
  // A refresh by another process must not end after this with its older login.
  auto lock = options_.store.lock(context, key);
  if (!lock) return save_failed(std::move(lock).error());
  if (auto saved = options_.store.save(key, token); !saved) return save_failed(std::move(saved).error());
  return {};
}

}  // namespace oauth
