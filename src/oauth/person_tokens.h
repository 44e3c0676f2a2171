// Tokens of a person, however that person signed in: a login made in the browser (authorization_code.h) is
// used where the store has one, else the device grant signs in. Both logins are kept apart, in the store and
// in use.
//
// A device login that is in use stays in use until it ends or the process does. A device sign-in that waits
// for its person gives way to a browser login that another process makes meanwhile.
#pragma once

#include <atomic>
#include <memory>
#include <optional>

#include "oauth/device_grant.h"
#include "oauth/person_login.h"

namespace oauth {

class PersonTokens final : public TokenSource {
 public:
  // The options of the device grant, whose callbacks tell of both ways. `superseded` is the source's own.
  // Errors: oauth.org_url, oauth.client_id, oauth.scopes.
  static core::Result<std::unique_ptr<PersonTokens>> create(DeviceGrantOptions options);

  // Errors: those of DeviceGrant::token(), and oauth.login_ended: the org has refused the browser login's
  // refresh token for good. That login is forgotten then, and the next call starts the device grant.
  core::Result<std::shared_ptr<const AccessToken>> token(const core::Context& context) override;
  void reject(const AccessToken& token) override;
  std::optional<std::vector<std::string>> granted_scopes() const override;
  std::vector<std::string> requested_scopes() const override { return device_->requested_scopes(); }
  // "authorization code" or "device authorization grant", followed by " with DPoP" when the tokens are bound.
  std::string_view method() const override;

  // Signs in: with the browser login before it returns, which may take a request; else as DeviceGrant::begin.
  void begin(const core::Context& context);
  // The device grant's prompt that waits for the person now.
  std::optional<DevicePrompt> pending() const { return device_->pending(); }

 private:
  PersonTokens(DeviceGrantOptions options, std::unique_ptr<TokenEndpoint> endpoint);
  // nullopt when there is no browser login.
  std::optional<core::Result<std::shared_ptr<const AccessToken>>> browser_token(const core::Context& context);
  bool browser_in_use() const;

  const DeviceGrantOptions options_;
  const std::unique_ptr<TokenEndpoint> endpoint_;
  std::atomic<std::uint64_t> ended_generation_{0};  // of the browser login, when it ended
  std::atomic<bool> device_in_use_{false};
  PersonLogin browser_;
  std::unique_ptr<DeviceGrant> device_;  // last: its thread uses everything above
};

}  // namespace oauth
