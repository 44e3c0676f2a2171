#include "oauth/person_tokens.h"

namespace oauth {
namespace {

core::Error login_ended(core::Error error) {
  error.code = "oauth.login_ended";
  error.hint =
      "Make the call again to sign in with link and code, or run `okta-mcp-server login --browser` to sign "
      "in "
      "with a browser once more.";
  return error;
}

}  // namespace

core::Result<std::unique_ptr<PersonTokens>> PersonTokens::create(DeviceGrantOptions options) {
  ASSIGN_OR_RETURN(auto endpoint, TokenEndpoint::create({.org_url = options.org_url,
                                                         .http = options.http,
                                                         .clock = options.clock,
                                                         .random = options.random}));
  std::unique_ptr<PersonTokens> tokens(new PersonTokens(options, std::move(endpoint)));
  options.on_signed_in = [raw = tokens.get()](const std::vector<std::string>& scopes) {
    if (raw->options_.on_signed_in) raw->options_.on_signed_in(raw->granted_scopes().value_or(scopes));
  };
  options.superseded = [raw = tokens.get()] {
    return raw->browser_.cache().changed_since(raw->ended_generation_);
  };
  ASSIGN_OR_RETURN(tokens->device_, DeviceGrant::create(std::move(options)));
  return tokens;
}

PersonTokens::PersonTokens(DeviceGrantOptions options, std::unique_ptr<TokenEndpoint> endpoint)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      browser_({.endpoint = *endpoint_,
                .client_id = options_.client_id,
                .scopes = options_.scopes,
                .grant = kAuthorizationCode,
                .clock = options_.clock,
                .dpop = endpoint_->dpop(),
                .store = options_.store,
                .caller = options_.caller,
                .on_ended = [this]() -> core::Status {
                  if (!options_.may_ask_a_person) return login_needed(endpoint_->org());
                  ended_generation_ = browser_.cache().generation();
                  // Whoever asks meanwhile is served, and the person gets that much longer.
                  if (browser_.cache().serves()) device_->begin();
                  return {};
                }}) {}

core::Result<std::shared_ptr<const AccessToken>> PersonTokens::token(const core::Context& context) {
  if (!device_in_use_) {
    if (auto outcome = browser_token(context)) return *std::move(outcome);
  }
  auto outcome = device_->token(context);
  device_in_use_ = outcome.has_value();
  if (!outcome && outcome.error().code == kLoginNeeded) {  // gave way to a browser login
    if (auto browser = browser_token(context)) return *std::move(browser);
  }
  return outcome;
}

std::optional<core::Result<std::shared_ptr<const AccessToken>>> PersonTokens::browser_token(
    const core::Context& context) {
  if (!browser_.cache().present()) return std::nullopt;
  auto outcome = browser_.token(context);
  if (!outcome && outcome.error().code == kLoginNeeded) return std::nullopt;
  if (!outcome && outcome.error().code == "oauth.invalid_grant") {
    return core::fail(login_ended(std::move(outcome).error()));
  }
  return outcome;
}

void PersonTokens::reject(const AccessToken& token) {
  browser_.cache().reject(token);
  device_->reject(token);
}

std::optional<std::vector<std::string>> PersonTokens::granted_scopes() const {
  return browser_in_use() ? browser_.cache().granted_scopes() : device_->granted_scopes();
}

std::string_view PersonTokens::method() const {
  if (!browser_in_use()) return device_->method();
  return browser_.cache().bound() ? "authorization code with DPoP" : "authorization code";
}

bool PersonTokens::browser_in_use() const {
  return !device_in_use_ && browser_.cache().granted_scopes().has_value();
}

void PersonTokens::begin(const core::Context& context) {
  auto outcome = browser_token(context);
  if (!outcome || (!*outcome && outcome->error().code == "oauth.login_ended")) {
    device_->begin();
  } else if (!*outcome) {
    if (options_.on_failed) options_.on_failed(outcome->error());
  } else if (options_.on_signed_in) {
    options_.on_signed_in(granted_scopes().value_or(options_.scopes));
  }
}

}  // namespace oauth
