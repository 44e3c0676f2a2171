// Signing in as the app itself: client credentials (RFC 6749 section 4.4) with a signed assertion (RFC 7523
// section 2.2, "private_key_jwt"). For servers, CI and whoever has no person at hand.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "oauth/jwk.h"
#include "oauth/token_cache.h"
#include "oauth/token_endpoint.h"
#include "oauth/token_source.h"

namespace oauth {

struct PrivateKeyJwtOptions {
  std::string org_url;
  std::string client_id;
  std::vector<std::string> scopes;  // exactly these are requested
  Key key;                          // private, with a kid (load_private_key)
  net::HttpClient& http;            // http, clock, random and store outlive the source
  core::Clock& clock;
  core::Random& random;
  TokenStore* store = nullptr;  // null: tokens live in memory only
};

// There is no refresh token: an ended token is replaced by another request. When that fails, it fails; no
// other way to sign in is tried.
class PrivateKeyJwt final : public TokenSource {
 public:
  // Errors: oauth.org_url, oauth.client_id, oauth.scopes, oauth.key_id, oauth.key.use.
  static core::Result<std::unique_ptr<PrivateKeyJwt>> create(PrivateKeyJwtOptions options);

  // Errors: those of TokenEndpoint, oauth.token_lifetime, oauth.cancelled, oauth.timeout.
  core::Result<std::shared_ptr<const AccessToken>> token(const core::Context& context) override;
  void reject(const AccessToken& token) override { cache_.reject(token); }
  std::optional<std::vector<std::string>> granted_scopes() const override { return cache_.granted_scopes(); }
  std::vector<std::string> requested_scopes() const override { return options_.scopes; }
  // Where the store keeps this login.
  const TokenKey& login() const { return cache_.key(); }
  std::string_view method() const override {
    return cache_.bound() ? "private key JWT with DPoP" : "private key JWT";
  }

 private:
  PrivateKeyJwt(PrivateKeyJwtOptions options, std::unique_ptr<TokenEndpoint> endpoint);
  core::Result<StoredToken> obtain(const core::Context& context);
  core::Result<TokenAnswer> request(const core::Context& context);
  core::Result<core::Secret> assertion();

  const PrivateKeyJwtOptions options_;
  const std::unique_ptr<TokenEndpoint> endpoint_;
  TokenCache cache_;
};

}  // namespace oauth
