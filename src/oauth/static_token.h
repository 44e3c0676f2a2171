// Okta's own API tokens (scheme SSWS): made in the admin console, they act as the admin who made them, know
// no scopes, and end 30 days after their last use. For orgs that have no OAuth app for this server.
#pragma once

#include <atomic>
#include <memory>

#include "oauth/token_source.h"

namespace oauth {

class StaticToken final : public TokenSource {
 public:
  // Error oauth.api_token when the text cannot stand in a header: empty, white space, other bytes.
  static core::Result<std::unique_ptr<StaticToken>> create(core::Secret api_token);

  // The token as given. After reject() the error oauth.api_token_rejected, for as long as the process lives:
  // there is nobody to ask for another.
  core::Result<std::shared_ptr<const AccessToken>> token(const core::Context& context) override;
  void reject(const AccessToken& token) override;
  std::optional<std::vector<std::string>> granted_scopes() const override { return std::nullopt; }
  std::string_view method() const override { return "SSWS token"; }

 private:
  explicit StaticToken(core::Secret api_token);

  std::shared_ptr<const AccessToken> token_;
  std::atomic<bool> rejected_{false};
};

}  // namespace oauth
