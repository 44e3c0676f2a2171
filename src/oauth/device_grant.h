// Signing in as a person: the device authorization grant (RFC 8628), and its refresh token from then on.
//
// Nobody ever waits for the person. token() starts a sign-in when there is none, and answers at once with
// oauth.login_pending, whose hint carries link and code; a thread that lives as long as the sign-in asks the
// org for the outcome. Several processes may share a store: one of them refreshes, and a sign-in that another
// one has completed ends the others' too.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/random.h"
#include "oauth/person_login.h"
#include "oauth/token_endpoint.h"
#include "oauth/token_source.h"

namespace oauth {

// What the person needs. Printable ASCII throughout; the links are https, or http towards this machine when
// the org itself is there.
struct DevicePrompt {
  std::string verification_uri;
  std::string verification_uri_complete;  // carries the code; "" when the org gave none
  std::string user_code;
  core::WallTime expires_at{};
  // To be shown with the link: it leads off the org's own site, or this sign-in will not last.
  std::vector<std::string> notices;

  // The link to open: the complete one where there is one.
  const std::string& link() const {
    return verification_uri_complete.empty() ? verification_uri : verification_uri_complete;
  }
};

struct DeviceGrantOptions {
  std::string org_url;
  std::string client_id;
  std::vector<std::string> scopes;  // requested together with openid, profile, email and offline_access
  net::HttpClient& http;            // http, clock, random and store outlive the source
  core::Clock& clock;
  core::Random& random = core::system_random();
  TokenStore* store = nullptr;                       // null: the login lives in memory only
  std::optional<LoginCaller> caller = std::nullopt;  // whose login this is, where it is not the program's own
  // False: no sign-in is ever started, token() fails with oauth.login_needed instead, and a login that the
  // org does not renew stays in the store. For whoever only looks.
  bool may_ask_a_person = true;

  // Called on the sign-in's thread, one at a time, without a lock held; each may be empty. They may call any
  // member of the source but its destructor.
  std::function<void(const DevicePrompt&)> on_prompt;  // once for each link and code
  // A login is there: the person has confirmed, another process has signed in, or begin() found one.
  std::function<void(const std::vector<std::string>& scopes)> on_signed_in;
  std::function<void(const core::Error&)> on_failed;  // the sign-in has ended without one
  // Asked before each poll: true ends the sign-in as on_signed_in, for a login of another kind has come.
  std::function<bool()> superseded;
};

class DeviceGrant final : public TokenSource {
 public:
  // Errors: oauth.org_url, oauth.client_id, oauth.scopes.
  static core::Result<std::unique_ptr<DeviceGrant>> create(DeviceGrantOptions options);
  // Gives up a running sign-in: its requests are cancelled, no callback comes any more.
  ~DeviceGrant() override;

  // Errors: oauth.login_pending, or oauth.login_needed where nobody may be asked or the sign-in was
  // superseded; what kept the sign-in from starting; for a refresh those of TokenEndpoint, and
  // oauth.store.locked.
  core::Result<std::shared_ptr<const AccessToken>> token(const core::Context& context) override;
  void reject(const AccessToken& token) override { login_.cache().reject(token); }
  std::optional<std::vector<std::string>> granted_scopes() const override {
    return login_.cache().granted_scopes();
  }
  // With offline_access, which is left out when the org refuses it.
  std::vector<std::string> requested_scopes() const override;
  // Where the store keeps this login.
  const TokenKey& login() const { return login_.cache().key(); }
  std::string_view method() const override {
    return login_.cache().bound() ? "device authorization grant with DPoP" : "device authorization grant";
  }

  // Signs in without waiting: takes a stored login, refreshes it, or starts with link and code. Does nothing
  // while a sign-in runs.
  void begin();
  // The prompt that waits for the person now.
  std::optional<DevicePrompt> pending() const;

 private:
  enum class Phase { idle, starting, waiting, ending };

  DeviceGrant(DeviceGrantOptions options, std::unique_ptr<TokenEndpoint> endpoint);
  core::Result<std::shared_ptr<const AccessToken>> login_pending(const core::Context& context);
  core::Status start(bool look_first);  // no-op while one runs
  void run(const std::stop_token& stop, bool look_first, std::uint64_t generation);
  core::Status sign_in(const core::Context& context, bool lasting, std::uint64_t generation);
  core::Status poll(const core::Context& context, const DeviceAnswer& device, bool lasting,
                    std::uint64_t generation);
  void finish(const core::Context& context, const core::Status& outcome);

  const DeviceGrantOptions options_;
  const std::unique_ptr<TokenEndpoint> endpoint_;
  PersonLogin login_;

  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  Phase phase_ = Phase::idle;
  std::optional<DevicePrompt> prompt_;
  std::optional<core::Error> failure_;  // of the last sign-in
  std::jthread thread_;
};

// Turns the org's answer into what may be shown to a person. Errors oauth.bad_answer (no code, no link),
// oauth.verification_uri (the link is not one to open).
core::Result<DevicePrompt> make_prompt(const DeviceAnswer& answer, const std::string& org,
                                       core::WallTime now);

}  // namespace oauth
