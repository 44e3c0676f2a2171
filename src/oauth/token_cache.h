// One login in use: the token in memory, its copy in the store, and the rule that however many calls ask, one
// request is made. What both grants share; how a token is obtained comes as a function.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/result.h"
#include "oauth/dpop.h"
#include "oauth/token_endpoint.h"
#include "oauth/token_source.h"
#include "oauth/token_store.h"

namespace oauth {

// No token with less than this ahead of it is handed out.
constexpr std::chrono::seconds kMinimumRemaining{60};
// How long before its end a token is renewed: 5 minutes, or a fifth of its lifetime if that is less.
std::chrono::milliseconds refresh_ahead(std::chrono::milliseconds lifetime);

struct TokenCacheOptions {
  TokenKey key;
  core::Clock& clock;
  DpopBinding& dpop;            // the endpoint's: takes over the key of a stored login
  TokenStore* store = nullptr;  // null keeps the login in memory only
  // Without the store's lock a rotating refresh token must not be used: two that use it end the login.
  bool must_lock = false;
};

// Thread-safe.
class TokenCache {
 public:
  explicit TokenCache(TokenCacheOptions options) : options_(std::move(options)) {}

  // Asks the server. `held` is the newest login there is, which may carry a refresh token, or null. Runs in
  // one thread of this process at a time, and under the store's lock. Where it spends a refresh token (held
  // has one, must_lock), its context stops and ends 5 s after the caller's, and it runs a second time when
  // the first answer was lost on its way (net.reset, net.truncated).
  using Obtain = std::function<core::Result<StoredToken>(const core::Context&, const StoredToken* held)>;

  // A token good for kMinimumRemaining: from memory, from the store (another process may have been faster),
  // or from `obtain`, whose result is stored before it is used. Callers wait, parked, for the one that asks.
  // When renewing ahead of time fails, the present token serves as long as it is good; after that the error
  // is returned, never a stale token. oauth.invalid_grant from `obtain` forgets the login, here and in the
  // store. A stored login that is bound to a key which is not there, or is none, counts as no login.
  core::Result<std::shared_ptr<const AccessToken>> get(const core::Context& context, const Obtain& obtain);

  // True when there is a login to use or to refresh: in memory, or in the store, from where it is taken over.
  bool present();
  // True while the token in memory can be handed out.
  bool serves() const;
  // A sign-in that went another way delivered this.
  void put(const core::Context& context, StoredToken token);
  const TokenKey& key() const { return options_.key; }
  // Grows whenever another token is taken into use.
  std::uint64_t generation() const;
  // True when a good token has come since: in memory, or in the store, from where it is taken over.
  bool changed_since(std::uint64_t generation);

  void reject(const AccessToken& token);
  // Of the newest login in memory or, when the store is local, in the store.
  std::optional<std::vector<std::string>> granted_scopes() const;
  // That login's tokens are bound to a key (DPoP).
  bool bound() const;

 private:
  struct Flight;  // one request that others wait for
  using Outcome = core::Result<std::shared_ptr<const AccessToken>>;

  Outcome fly(const core::Context& context, const Obtain& obtain);
  core::Result<StoredToken> spend(const core::Context& context, const Obtain& obtain,
                                  const StoredToken& held);
  core::Result<std::optional<StoredToken>> load();
  void peek() const;                                      // under mutex_
  core::Status take_key(const StoredToken& token) const;  // of a bound login, so that it can be used
  void save(const StoredToken& token);
  void forget();
  std::shared_ptr<const AccessToken> adopt(StoredToken token);
  bool fresh(const StoredToken& token) const;   // usable, and not yet due for renewal
  bool usable(const StoredToken& token) const;  // good for kMinimumRemaining and not rejected
  void warn_once(std::string_view what, const core::Error& error);

  const TokenCacheOptions options_;
  mutable std::mutex mutex_;  // of everything below
  std::condition_variable_any landed_;
  mutable std::optional<StoredToken> login_;  // newest known, also when its access token has expired
  std::shared_ptr<const AccessToken> current_;
  std::uint64_t generation_ = 0;
  core::WallTime renew_from_{};  // from here on current_ is renewed while it still serves
  std::shared_ptr<Flight> flight_;
  std::string rejected_;               // SHA-256 of the last rejected token
  std::set<std::string_view> warned_;  // literals
  mutable bool peeked_ = false;
  bool unsaved_ = false;  // login_ could not be stored
};

// What the server gave, as it is stored. Keeps the old refresh token where the server sent no new one (RFC
// 6749 section 6). Error oauth.token_lifetime when the token could never be used.
core::Result<StoredToken> to_stored(TokenAnswer answer, const std::vector<std::string>& requested,
                                    const StoredToken* previous, core::WallTime now);

}  // namespace oauth
