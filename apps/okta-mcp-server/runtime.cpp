#include "runtime.h"

#include <fmt/format.h>

#include "core/random.h"
#include "oauth/key_loading.h"
#include "oauth/private_key_jwt.h"
#include "oauth/static_token.h"
#include "oauth/store_choice.h"
#include "state.h"

namespace {

std::string principal_of(const Settings& settings) {
  if (!settings.api_token.empty()) return "api-token";
  return settings.client_id.empty() ? "nobody" : "client:" + settings.client_id;
}

std::vector<std::string> texts_of(const std::vector<Notice>& notices) {
  std::vector<std::string> texts;
  texts.reserve(notices.size());
  for (const auto& notice : notices) texts.push_back(notice.text);
  return texts;
}

}  // namespace

Runtime::Runtime(const Settings& settings, SignInListener listener, RuntimeParts parts)
    : settings_(settings),
      listener_(std::move(listener)),
      state_(parts.state ? std::move(parts.state) : open_state(settings)),
      caller_(std::move(parts.caller)),
      check_(std::move(parts.check)),
      instances_(settings.one_of_several
                     ? std::make_unique<Instances>(state_, settings.one_of_several->address,
                                                   settings.one_of_several->own)
                     : nullptr),
      http_(std::move(parts.http)),
      services_(
          {.principal = principal_of(settings),
           .state_dir = settings.state_dir,
           .state = state_,
           .configured_scopes = settings.scopes,
           .toolset = settings.toolset,
           .read_only = settings.read_only,
           .may_change =
               instances_ ? [this] { return instances_->may_change(); } : std::function<core::Status()>{},
           .remote_callers = settings.remote_callers,
           .org_name = settings.org_name,
           .notices = texts_of(settings.notices)},
          [this] { return org(); }, [this] { return granted_scopes(); }, core::system_clock()) {}

Runtime::~Runtime() = default;

core::Result<okta::Org*> Runtime::org() {
  std::lock_guard lock(mutex_);
  if (!built_) {
    built_ = true;
    if (auto done = build(); !done) problem_ = with_cure(std::move(done).error(), settings_);
    ready_ = true;
  }
  if (problem_) return std::unexpected(*problem_);
  return org_.get();
}

core::Status Runtime::build() {
  if (auto missing = missing_setting(settings_)) return std::unexpected(*std::move(missing));
  if (!http_) http_ = net::make_http_client({.user_agent = "okta-mcp-server/" OKTA_MCP_VERSION});
  RETURN_IF_ERROR(build_tokens());
  cured_tokens_.emplace(*tokens_, settings_, check_);
  okta::OrgOptions options{.url = settings_.org_url,
                           .user_agent = "okta-mcp-server/" OKTA_MCP_VERSION,
                           .read_only = settings_.read_only};
  ASSIGN_OR_RETURN(org_, okta::Org::create(options, *http_, *cured_tokens_, core::system_clock()));
  return {};
}

core::Status Runtime::build_tokens() {
  if (!settings_.api_token.empty()) {
    ASSIGN_OR_RETURN(tokens_, oauth::StaticToken::create(settings_.api_token.copy()));
    return {};
  }
  ASSIGN_OR_RETURN(store_, oauth::open_token_store({.kind = settings_.store,
                                                    .state_dir = settings_.state_dir,
                                                    .key_file = settings_.key_file,
                                                    .credentials_directory = settings_.credentials_directory,
                                                    .state = state_->remote() ? state_ : nullptr}));
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
      auto person,
      oauth::PersonTokens::create(
          {.org_url = settings_.org_url,
           .client_id = settings_.client_id,
           .scopes = settings_.scopes,
           .http = *http_,
           .clock = core::system_clock(),
           .store = store_.get(),
           .caller = caller_,
           .may_ask_a_person = listener_.may_ask_a_person,
           .on_prompt = listener_.on_prompt,
           .on_signed_in = [this](const std::vector<std::string>&) { sign_in_ended(std::nullopt); },
           .on_failed = [this](const core::Error& error) { sign_in_ended(error); }}));
  person_ = person.get();
  tokens_ = std::move(person);
  return {};
}

void Runtime::sign_in_ended(std::optional<core::Error> problem) {
  if (problem) problem = with_cure(*std::move(problem), settings_);
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

void Runtime::begin_sign_in(const std::stop_token& stop) {
  if (!org()) return;
  const core::Context context{.stop = stop, .principal = "sign-in"};
  if (person_) {
    person_->begin(context);
    return;
  }
  auto token = tokens_->token(context);
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

core::Result<SignedIn> Runtime::sign_in_with_browser(
    std::optional<std::uint16_t> port, const std::function<void(const oauth::BrowserPrompt&)>& on_prompt) {
  RETURN_IF_ERROR(org());
  if (!person_) {
    const std::string_view used = settings_.api_token.empty() ? "OKTA_PRIVATE_KEY" : "OKTA_API_TOKEN";
    return core::fail(core::ErrorKind::invalid_input, "app.login_unused",
                      fmt::format("{} is set, so a login made with a browser would not be used.", used),
                      fmt::format("Unset {} to sign in as a person.", used));
  }
  ASSIGN_OR_RETURN(
      const auto sign_in,
      oauth::AuthorizationCode::create(
          {.org_url = settings_.org_url,
           .client_id = settings_.client_id,
           .scopes = settings_.scopes,
           .http = *http_,
           .clock = core::system_clock(),
           .random = core::system_random(),
           .store = *store_,
           .port = port.value_or(settings_.redirect_port.value_or(oauth::kDefaultRedirectPort))}));
  on_prompt(sign_in->prompt());
  ASSIGN_OR_RETURN(auto scopes, sign_in->complete({.principal = "sign-in"}));
  SignedIn signed_in{.method = "authorization code", .scopes = std::move(scopes)};
  if (sign_in->short_lived()) signed_in.notices.emplace_back(oauth::kShortLoginNotice);
  return signed_in;
}

core::Result<std::shared_ptr<const oauth::AccessToken>> Runtime::token(const core::Context& context) {
  RETURN_IF_ERROR(org());
  return checked(check_, tokens_->token(context));
}

std::optional<std::vector<std::string>> Runtime::granted_scopes() {
  if (!ready_) return std::nullopt;
  std::lock_guard lock(mutex_);
  return tokens_ ? tokens_->granted_scopes() : std::nullopt;
}

oauth::TokenKey Runtime::token_key(std::string_view grant) const {
  return {.org = settings_.org_url,
          .client_id = settings_.client_id,
          .grant = std::string(grant),
          .scopes = settings_.scopes,
          .caller = caller_};
}

std::optional<oauth::StoreReport> Runtime::store_report() {
  if (!org() || !store_) return std::nullopt;
  if (!person_) return store_->report(token_key("client_credentials"));
  // The login that is used, else the one that would be made.
  const auto browser = token_key(oauth::kAuthorizationCode);
  const auto stored = store_->load(browser);
  return store_->report(stored && *stored ? browser : token_key(oauth::kDeviceCode));
}

core::Result<oauth::SignedOut> Runtime::forget_login() {
  RETURN_IF_ERROR(org());
  oauth::SignedOut all;
  if (!store_) return all;
  // A login that cannot be opened here is one all the same.
  const auto sealed_with_another_key = [this](const oauth::TokenKey& key) {
    return store_->report(key).trouble.has_value();
  };
  if (!person_) {
    // Revoking would take an assertion, and another token is a request away for whoever has the key.
    const auto key = token_key("client_credentials");
    ASSIGN_OR_RETURN(const auto stored, store_->load(key));
    all.found = stored.has_value() || sealed_with_another_key(key);
    RETURN_IF_ERROR(store_->erase_family(key));
    return all;
  }
  for (const auto grant : {oauth::kAuthorizationCode, oauth::kDeviceCode}) {
    const auto key = token_key(grant);
    const bool unreadable = sealed_with_another_key(key);
    ASSIGN_OR_RETURN(auto one, oauth::sign_out({}, *http_, *store_, key));
    if (!one.found && !unreadable) continue;
    all.revoked = one.revoked && (all.revoked || !all.found);
    all.found = true;
    if (one.problem) all.problem = std::move(one.problem);
  }
  return all;
}
