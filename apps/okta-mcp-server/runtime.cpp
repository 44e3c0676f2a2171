#include "runtime.h"

#include "core/random.h"
#include "oauth/key_loading.h"
#include "oauth/private_key_jwt.h"
#include "oauth/static_token.h"
#include "oauth/store_choice.h"

namespace {

std::string principal_of(const Settings& settings) {
  if (!settings.api_token.empty()) return "api-token";
  return settings.client_id.empty() ? "nobody" : "client:" + settings.client_id;
}

}  // namespace

Runtime::Runtime(const Settings& settings, SignInListener listener)
    : settings_(settings),
      listener_(std::move(listener)),
      services_(
          {.principal = principal_of(settings),
           .state_dir = settings.state_dir,
           .configured_scopes = settings.scopes,
           .toolset = settings.toolset,
           .read_only = settings.read_only},
          [this] { return org(); }, [this] { return granted_scopes(); }, core::system_clock()) {}

Runtime::~Runtime() = default;

core::Result<okta::Org*> Runtime::org() {
  std::lock_guard lock(mutex_);
  if (!built_) {
    built_ = true;
    if (auto done = build(); !done) problem_ = std::move(done).error();
    ready_ = true;
  }
  if (problem_) return std::unexpected(*problem_);
  return org_.get();
}

core::Status Runtime::build() {
  if (auto missing = missing_setting(settings_)) return std::unexpected(*std::move(missing));
  http_ = net::make_http_client({.user_agent = "okta-mcp-server/" OKTA_MCP_VERSION});
  RETURN_IF_ERROR(build_tokens());
  okta::OrgOptions options{.url = settings_.org_url,
                           .user_agent = "okta-mcp-server/" OKTA_MCP_VERSION,
                           .read_only = settings_.read_only};
  ASSIGN_OR_RETURN(org_, okta::Org::create(options, *http_, *tokens_, core::system_clock()));
  return {};
}

core::Status Runtime::build_tokens() {
  if (!settings_.api_token.empty()) {
    ASSIGN_OR_RETURN(tokens_, oauth::StaticToken::create(settings_.api_token.copy()));
    return {};
  }
  ASSIGN_OR_RETURN(store_,
                   oauth::open_token_store({.kind = settings_.store,
                                            .state_dir = settings_.state_dir,
                                            .key_file = settings_.key_file,
                                            .credentials_directory = settings_.credentials_directory}));
  if (!settings_.private_key.empty()) {
    ASSIGN_OR_RETURN(auto key, oauth::load_private_key(settings_.private_key.reveal(), settings_.key_id));
    ASSIGN_OR_RETURN(tokens_, oauth::PrivateKeyJwt::create({.org_url = settings_.org_url,
                                                            .client_id = settings_.client_id,
                                                            .scopes = settings_.scopes,
                                                            .key = std::move(key),
                                                            .http = *http_,
                                                            .clock = core::system_clock(),
                                                            .random = core::system_random(),
                                                            .store = store_.get()}));
    return {};
  }
  ASSIGN_OR_RETURN(
      auto grant,
      oauth::DeviceGrant::create(
          {.org_url = settings_.org_url,
           .client_id = settings_.client_id,
           .scopes = settings_.scopes,
           .http = *http_,
           .clock = core::system_clock(),
           .store = store_.get(),
           .on_prompt = listener_.on_prompt,
           .on_signed_in = [this](const std::vector<std::string>&) { sign_in_ended(std::nullopt); },
           .on_failed = [this](const core::Error& error) { sign_in_ended(error); }}));
  device_grant_ = grant.get();
  tokens_ = std::move(grant);
  return {};
}

void Runtime::sign_in_ended(std::optional<core::Error> problem) {
  if (problem) {
    if (listener_.on_failed) listener_.on_failed(*problem);
  } else if (listener_.on_signed_in) {
    listener_.on_signed_in();
  }
  {
    std::lock_guard lock(mutex_);
    sign_in_over_ = true;
    sign_in_problem_ = std::move(problem);
  }
  ended_.notify_all();
}

void Runtime::begin_sign_in() {
  if (!org()) return;
  if (device_grant_) {
    device_grant_->begin();
    return;
  }
  auto token = tokens_->token({});
  sign_in_ended(token ? std::nullopt : std::optional(token.error()));
}

core::Status Runtime::sign_in_and_wait() {
  RETURN_IF_ERROR(org());
  begin_sign_in();
  std::unique_lock lock(mutex_);
  ended_.wait(lock, [this] { return sign_in_over_; });
  if (sign_in_problem_) return std::unexpected(*sign_in_problem_);
  return {};
}

core::Result<std::shared_ptr<const oauth::AccessToken>> Runtime::token() {
  RETURN_IF_ERROR(org());
  return tokens_->token({});
}

std::optional<std::vector<std::string>> Runtime::granted_scopes() {
  if (!ready_) return std::nullopt;
  std::lock_guard lock(mutex_);
  return tokens_ ? tokens_->granted_scopes() : std::nullopt;
}

oauth::TokenKey Runtime::token_key() const {
  return {.org = settings_.org_url,
          .client_id = settings_.client_id,
          .grant = settings_.private_key.empty() ? "device_code" : "client_credentials",
          .scopes = settings_.scopes};
}

std::optional<oauth::StoreReport> Runtime::store_report() {
  if (!org() || !store_) return std::nullopt;
  return store_->report(token_key());
}

core::Result<bool> Runtime::forget_login() {
  RETURN_IF_ERROR(org());
  if (!store_) return false;
  ASSIGN_OR_RETURN(auto stored, store_->load(token_key()));
  // One that cannot be opened here is one all the same.
  const bool other_key = store_->report(token_key()).trouble.has_value();
  RETURN_IF_ERROR(store_->erase_family(token_key()));
  return stored.has_value() || other_key;
}
