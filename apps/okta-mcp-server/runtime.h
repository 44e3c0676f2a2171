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
#include "net/http_client.h"
#include "oauth/device_grant.h"
#include "oauth/token_source.h"
#include "oauth/token_store.h"
#include "okta/org.h"
#include "settings.h"

// What a sign-in tells; each may be empty, and is called on any thread.
struct SignInListener {
  std::function<void(const oauth::DevicePrompt&)> on_prompt;
  std::function<void()> on_signed_in;
  std::function<void(const core::Error&)> on_failed;
};

class Runtime {
 public:
  // `settings` outlives the runtime. Never fails for want of a setting: what is missing or unusable comes out
  // of org() when somebody asks for it.
  Runtime(const Settings& settings, SignInListener listener);
  ~Runtime();

  admin::Services& services() { return services_; }
  // Builds everything at the first call: reads the key and the stored login, asks nobody.
  core::Result<okta::Org*> org();
  // Signs in: by key or API token before it returns, by device grant without waiting for the person. Does
  // nothing when a setting is missing.
  void begin_sign_in();
  // Signs in and waits for the person where one is needed.
  core::Status sign_in_and_wait();
  core::Result<std::shared_ptr<const oauth::AccessToken>> token();
  std::string_view method() const { return tokens_ ? tokens_->method() : "none"; }
  // Where logins are stored and how; nullopt where none is (an API token) or a setting is missing.
  std::optional<oauth::StoreReport> store_report();
  // Forgets the stored login. True when there was one.
  core::Result<bool> forget_login();

 private:
  core::Status build();
  core::Status build_tokens();
  oauth::TokenKey token_key() const;
  std::optional<std::vector<std::string>> granted_scopes();
  void sign_in_ended(std::optional<core::Error> problem);

  const Settings& settings_;
  SignInListener listener_;

  std::mutex mutex_;
  std::condition_variable ended_;
  bool built_ = false;
  // Building may wait for a keyring, and granted_scopes() is asked where nothing may wait.
  std::atomic<bool> ready_{false};
  std::optional<core::Error> problem_;  // why there is no org
  bool sign_in_over_ = false;
  std::optional<core::Error> sign_in_problem_;

  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<oauth::TokenStore> store_;
  std::unique_ptr<oauth::TokenSource> tokens_;
  oauth::DeviceGrant* device_grant_ = nullptr;  // tokens_, when that is how one signs in
  std::unique_ptr<okta::Org> org_;
  admin::Services services_;
};
