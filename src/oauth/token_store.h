// Where logins outlive the process. A login belongs to one org, one client, one grant and one set of
// requested scopes: what was issued for one is never handed to another, and two servers that ask for
// different scopes do not push each other out.
//
// Stores are thread-safe. load() and save() are short; a store that may have to ask somebody (a keyring) says
// so with is_local(). Refreshing goes: lock(), load() again, refresh only if the entry is still stale,
// save().
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/result.h"
#include "core/secret.h"

namespace oauth {

struct TokenKey {
  std::string org;                  // origin of the org: "https://example.okta.com"
  std::string client_id;            // "" where there is none
  std::string grant;                // "client_credentials", "device_code", "authorization_code"
  std::vector<std::string> scopes;  // as requested, in any order

  // Two names made of letters, digits and '-', without any of the above in readable form. Names of one login
  // in different scopes share their family.
  std::string name() const;
  std::string family() const;
};

struct StoredToken {
  core::Secret access_token;
  core::Secret refresh_token;     // empty when the server gave none
  std::string scheme = "Bearer";  // of the Authorization header
  // Private JWK that proved possession when this login was made (dpop.h); a login with the scheme DPoP is
  // worth nothing without it. Empty where the org never asked.
  core::Secret dpop_key;
  std::vector<std::string> scopes;          // requested
  std::vector<std::string> granted_scopes;  // as the server said; empty when it did not say
  core::WallTime obtained_at{};             // by this machine's clock
  core::WallTime expires_at{};              // of the access token, by this machine's clock

  StoredToken copy() const;
};

// Held by one user of an entry at a time, let go when destroyed.
class StoreLock {
 public:
  virtual ~StoreLock() = default;
};

class TokenStore {
 public:
  virtual ~TokenStore() = default;

  // nullopt when there is none, or none that can be read any more (that is logged once).
  // Errors: oauth.store.newer (written by a newer version of this program), core.file.*.
  virtual core::Result<std::optional<StoredToken>> load(const TokenKey& key) = 0;
  // On disk (or wherever) before it returns. Never replaces what a newer version wrote: oauth.store.newer.
  virtual core::Status save(const TokenKey& key, const StoredToken& token) = 0;
  virtual core::Status erase(const TokenKey& key) = 0;
  // Every login of this org, client and grant, whatever its scopes.
  virtual core::Status erase_family(const TokenKey& key) = 0;

  // Waits, parked, until nobody else holds this entry: no other thread, no other process that shares the
  // store. Gives up with oauth.store.locked after kLockWait or at the context's deadline, with
  // oauth.cancelled on its stop.
  virtual core::Result<std::unique_ptr<StoreLock>> lock(const core::Context& context,
                                                        const TokenKey& key) = 0;
  // Longer than a token request may take (kTokenRequestTimeout), so that a slow holder is outlived.
  static constexpr std::chrono::seconds kLockWait{60};

  // load() touches nothing but local disk or memory, so it may run where nothing may wait.
  virtual bool is_local() const = 0;
};

// Forgets everything with the process. For tests, and where no state directory can be used.
class MemoryTokenStore final : public TokenStore {
 public:
  core::Result<std::optional<StoredToken>> load(const TokenKey& key) override;
  core::Status save(const TokenKey& key, const StoredToken& token) override;
  core::Status erase(const TokenKey& key) override;
  core::Status erase_family(const TokenKey& key) override;
  core::Result<std::unique_ptr<StoreLock>> lock(const core::Context& context, const TokenKey& key) override;
  bool is_local() const override { return true; }

 private:
  class Lock;
  std::mutex mutex_;
  std::condition_variable_any released_;
  std::map<std::string, StoredToken> entries_;
  std::map<std::string, bool> locked_;
};

}  // namespace oauth
