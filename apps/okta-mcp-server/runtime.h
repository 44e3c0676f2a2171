// The objects behind the commands: HTTP client, token store, token source, org, services. Nothing here
// touches the network or loads libcurl before the first request needs it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "admin/services.h"
#include "core/clock.h"
#include "core/state_store.h"
#include "cured_tokens.h"
#include "instances.h"
#include "net/http_client.h"
#include "oauth/authorization_code.h"
#include "oauth/person_tokens.h"
#include "oauth/sign_out.h"
#include "oauth/token_source.h"
#include "oauth/token_store.h"
#include "okta/org.h"
#include "settings.h"

// What a sign-in tells; each may be empty, and is called on any thread.
struct SignInListener {
  std::function<void(const oauth::DevicePrompt&)> on_prompt;
  std::function<void()> on_signed_in;
  std::function<void(const core::Error&)> on_failed;
  // False: a login that is there is used and refreshed, none is started (oauth.login_needed).
  bool may_ask_a_person = true;
};

struct SignedIn {
  std::string method;
  std::vector<std::string> scopes;   // granted
  std::vector<std::string> notices;  // what the person should know
};

// What several runtimes have in common, and whose login it is.
struct RuntimeParts {
  std::shared_ptr<core::StateStore> state = nullptr;  // null: the one that the settings name
  std::shared_ptr<net::HttpClient> http = nullptr;    // null: its own
  // Over HTTP, whose login this is; nullopt: the program's own.
  std::optional<oauth::LoginCaller> caller = std::nullopt;
  TokenCheck check = nullptr;  // of every token before it is used; called on any thread
};

class Runtime {
 public:
  // `settings` outlives the runtime. Never fails for want of a setting: what is missing or unusable comes out
  // of org() when somebody asks for it.
  Runtime(const Settings& settings, SignInListener listener, RuntimeParts parts = {});
  ~Runtime();

  admin::Services& services() { return services_; }
  // Builds everything at the first call: reads the key and the stored login, asks nobody.
  core::Result<okta::Org*> org();
  // Signs in: by key or API token before it returns, by device grant without waiting for the person. Does
  // nothing when a setting is missing.
  void begin_sign_in(const std::stop_token& stop = {});
  // Signs in and waits for the person where one is needed.
  core::Status sign_in_and_wait();
  // Signs in anew with a browser on this machine, and stores the login for those who come after. Error
  // app.login_unused when a key or an API token is set, and those of oauth::AuthorizationCode.
  core::Result<SignedIn> sign_in_with_browser(
      std::optional<std::uint16_t> port, const std::function<void(const oauth::BrowserPrompt&)>& on_prompt);
  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context& context = {});
  // The token is not used again, and asked for anew.
  void reject(const oauth::AccessToken& token) {
    if (tokens_) tokens_->reject(token);
  }
  // Link and code that wait for the person now.
  std::optional<oauth::DevicePrompt> pending_prompt() const {
    return ready_ && person_ ? person_->pending() : std::nullopt;
  }
  std::string_view method() const { return tokens_ ? tokens_->method() : "none"; }
  // Where logins are stored and how; nullopt where none is (an API token) or a setting is missing.
  std::optional<oauth::StoreReport> store_report();
  // Forgets the stored login; the tokens of a person's are revoked at the org.
  core::Result<oauth::SignedOut> forget_login();

 private:
  core::Status build();
  core::Status build_tokens();
  oauth::TokenKey token_key(std::string_view grant) const;
  std::optional<std::vector<std::string>> granted_scopes();
  void sign_in_ended(std::optional<core::Error> problem);

  const Settings& settings_;
  SignInListener listener_;
  const std::shared_ptr<core::StateStore> state_;
  const std::optional<oauth::LoginCaller> caller_;
  const TokenCheck check_;
  const std::unique_ptr<Instances> instances_;  // null: there is but one

  std::mutex mutex_;
  std::condition_variable ended_;
  bool built_ = false;
  // Building may wait for a keyring, and granted_scopes() is asked where nothing may wait.
  std::atomic<bool> ready_{false};
  std::optional<core::Error> problem_;  // why there is no org
  bool sign_in_over_ = false;
  std::optional<core::Error> sign_in_problem_;

  std::shared_ptr<net::HttpClient> http_;
  std::unique_ptr<oauth::TokenStore> store_;
  std::unique_ptr<oauth::TokenSource> tokens_;
  std::optional<CuredTokens> cured_tokens_;  // tokens_, as org_ sees it
  oauth::PersonTokens* person_ = nullptr;    // tokens_, when a person signs in
  std::unique_ptr<okta::Org> org_;
  admin::Services services_;
};
