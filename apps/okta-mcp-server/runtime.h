// The objects behind the commands: HTTP client, token store, token source, org, services. Nothing here touches the
// network or loads libcurl before the first request needs it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "admin/services.h"
#include "core/clock.h"
#include "core/random.h"
#include "net/http_client.h"
#include "oauth/device_grant.h"
#include "oauth/token_source.h"
#include "oauth/token_store.h"
#include "okta/org.h"
#include "settings.h"

// What a running sign-in tells the person; both may be called on any thread.
struct SignInListener {
  std::function<void(const oauth::DevicePrompt&)> on_prompt;
  std::function<void()> on_signed_in;
  std::function<void(const core::Error&)> on_failed;
};

class Runtime {
 public:
  // Never fails for want of a setting: what is missing or unusable comes out of org() when somebody asks for it.
  static std::unique_ptr<Runtime> create(const Settings& settings, SignInListener listener);

  admin::Services& services() { return *services_; }
  core::Result<okta::Org*> org();
  // Fetches a token (key) or begins the device grant; does not wait for a person. No-op when a setting is missing.
  void begin_sign_in();
  // Forgets the stored login. True when there was one.
  core::Result<bool> forget_login();
  oauth::TokenSource* tokens() { return tokens_.get(); }
  oauth::DeviceGrant* device_grant() { return device_grant_; }

  ~Runtime();

 private:
  explicit Runtime(const Settings& settings) : settings_(settings) {}
  core::Status build_tokens(SignInListener listener);
  core::Status build_org();

  const Settings& settings_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<oauth::TokenStore> store_;
  std::unique_ptr<oauth::TokenSource> tokens_;
  oauth::DeviceGrant* device_grant_ = nullptr;  // tokens_, when that is how one signs in
  std::unique_ptr<okta::Org> org_;
  std::optional<core::Error> problem_;  // why there is no org
  std::unique_ptr<admin::Services> services_;
};
