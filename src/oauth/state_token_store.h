// Logins in the state that instances of the server share (core/state_store.h), for instances on several
// machines.
//
//   login/NAME       "1 " and the login, sealed with a key of the shared ring "logins" (core/key_ring.h) and
//                    bound to NAME, which says whose it is (TokenKey::name). Kept for kLoginKept after it was
//                    last stored
//   lease/NAME       held by the instance that refreshes this login; over by itself after kLease
//   refreshing/NAME  a refresh token is being spent, or was when its instance died
//
// The keys are sealed with a key file that all instances are given, or else lie in the same database: then
// whoever may read that may use the logins.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "core/key_ring.h"
#include "core/state_store.h"
#include "oauth/token_store.h"

namespace oauth {

constexpr std::chrono::hours kLoginKept{24 * 400};
// More than two token requests in a row may take with what they wait at the end (TokenCache), less than
// kLockWait, so that whoever waits for an instance that died outwaits it.
constexpr std::chrono::seconds kLease{57};

struct StateTokenStoreOptions {
  std::shared_ptr<core::StateStore> state;
  core::Clock* clock = &core::system_clock();
  // 32 bytes, the same for all instances; empty for none.
  core::Secret guard = {};
  std::string guard_setting = "OKTA_MCP_KEY_FILE";  // who named it, for messages
};

class StateTokenStore final : public TokenStore {
 public:
  // Touches nothing yet. Error core.seal.key for a guard of another length.
  static core::Result<std::unique_ptr<StateTokenStore>> create(StateTokenStoreOptions options);

  // Errors of all: those of core::StateStore.
  core::Result<std::optional<StoredToken>> load(const TokenKey& key) override;
  core::Status save(const TokenKey& key, const StoredToken& token) override;
  core::Status erase(const TokenKey& key) override;
  core::Status erase_family(const TokenKey& key) override;
  // begin_refresh() fails with oauth.store.locked when the lease was over before it: another instance may be
  // refreshing.
  core::Result<std::unique_ptr<StoreLock>> lock(const core::Context& context, const TokenKey& key) override;
  StoreReport report(const TokenKey& key) override;
  bool is_local() const override { return !state_->remote(); }

 private:
  class Lease;

  StateTokenStore(StateTokenStoreOptions options, std::shared_ptr<const core::Sealer> guard);
  core::Result<std::optional<StoredToken>> open(const TokenKey& key);
  bool report_once(const std::string& name);

  const std::shared_ptr<core::StateStore> state_;
  const std::string guard_setting_;
  core::KeyRing keys_;
  std::mutex mutex_;
  std::set<std::string> reported_;  // names whose trouble has been logged
};

}  // namespace oauth
