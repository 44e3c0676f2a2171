// Where logins outlive the process. A login belongs to one org, one client, one grant, one caller and one set
// of requested scopes: what was issued for one is never handed to another, and two servers that ask for
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

// Who asked for a login over HTTP, as an access token of theirs said after it was verified: the pair is what
// is unique (OpenID Connect Core 1.0 section 5.7).
struct LoginCaller {
  std::string issuer;
  std::string subject;
  bool operator==(const LoginCaller&) const = default;
};

struct TokenKey {
  std::string org;                  // origin of the org: "https://example.okta.com"
  std::string client_id;            // "" where there is none
  std::string grant;                // "client_credentials", "device_code", "authorization_code"
  std::vector<std::string> scopes;  // as requested, in any order
  std::optional<LoginCaller> caller = std::nullopt;  // nullopt: the program's own login

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
//
// It also keeps the books on refresh tokens that are good for one use. A process may die between the org's
// answer and the end of save(): what it had already written is taken up by the next lock(); what it had not
// is known to the org alone, and the old refresh token is tried once more, which works within the org's grace
// period (Okta: 0 to 60 s, set per app) and else ends the login.
class StoreLock {
 public:
  virtual ~StoreLock() = default;
  // Before a refresh token is spent: notes it, and sees to it that the answer can be stored. Errors
  // core.file.*: nothing must be spent.
  virtual core::Status begin_refresh() { return {}; }
  // The outcome is known and, if there is a new token, stored. Without it the note stays.
  virtual void refresh_settled() {}
  // The one before noted a refresh and never learned its outcome, or died before it could store it.
  virtual bool interrupted() const { return false; }
};

// For people: what is stored where, and how it is protected.
struct StoreReport {
  std::string where;                   // "files in /home/a/.local/state/okta-mcp-server/tokens", "memory"
  std::string protection;              // of the login that is there, else of the one that would be
  std::optional<core::Error> keyring;  // why the desktop's keyring is not used, where it was asked
  // oauth.store.other_key: a login is there, sealed with a key that is not at hand.
  std::optional<core::Error> trouble;
};

class TokenStore {
 public:
  virtual ~TokenStore() = default;

  // nullopt when there is none, or none that can be read (that is logged once; report() says why).
  // Errors: oauth.store.newer (written by a newer version of this program), core.file.*.
  virtual core::Result<std::optional<StoredToken>> load(const TokenKey& key) = 0;
  // On disk (or wherever) before it returns. Never replaces what a newer version wrote: oauth.store.newer.
  virtual core::Status save(const TokenKey& key, const StoredToken& token) = 0;
  virtual core::Status erase(const TokenKey& key) = 0;
  // Every login of this org, client, grant and caller, whatever its scopes.
  virtual core::Status erase_family(const TokenKey& key) = 0;

  // Waits, parked, until nobody else holds this entry: no other thread, no other process that shares the
  // store. Gives up with oauth.store.locked after kLockWait or at the context's deadline, with
  // oauth.cancelled on its stop.
  virtual core::Result<std::unique_ptr<StoreLock>> lock(const core::Context& context,
                                                        const TokenKey& key) = 0;
  // Longer than a token request may take (kTokenRequestTimeout), so that a slow holder is outlived.
  static constexpr std::chrono::seconds kLockWait{60};

  virtual StoreReport report(const TokenKey& key) = 0;

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
  StoreReport report(const TokenKey& key) override;
  bool is_local() const override { return true; }

 private:
  class Lock;
  std::mutex mutex_;
  std::condition_variable_any released_;
  std::map<std::string, StoredToken> entries_;
  std::map<std::string, bool> locked_;
};

}  // namespace oauth
