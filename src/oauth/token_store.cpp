#include "oauth/token_store.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/lane.h"
#include "core/seal.h"

namespace oauth {
namespace {

// Length-prefixed, so that no two different lists of parts have the same text.
std::string digest(const std::vector<std::string>& parts, std::size_t hex_digits) {
  std::string text;
  for (const auto& part : parts) text += fmt::format("{}:{}", part.size(), part);
  return core::sha256_hex(text).substr(0, hex_digits);
}

}  // namespace

std::string TokenKey::family() const {
  std::vector<std::string> parts{org, client_id, grant};
  if (caller) {
    parts.emplace_back(caller->issuer);
    parts.emplace_back(caller->subject);
  }
  return digest(parts, 40);
}

std::string TokenKey::name() const {
  auto sorted = scopes;
  std::ranges::sort(sorted);
  const auto repeated = std::ranges::unique(sorted);
  sorted.erase(repeated.begin(), repeated.end());
  return family() + "-" + digest(sorted, 16);
}

StoredToken StoredToken::copy() const {
  return {.access_token = access_token.copy(),
          .refresh_token = refresh_token.copy(),
          .scheme = scheme,
          .dpop_key = dpop_key.copy(),
          .scopes = scopes,
          .granted_scopes = granted_scopes,
          .obtained_at = obtained_at,
          .expires_at = expires_at};
}

class MemoryTokenStore::Lock final : public StoreLock {
 public:
  Lock(MemoryTokenStore& store, std::string name) : store_(store), name_(std::move(name)) {}
  ~Lock() override {
    {
      std::lock_guard guard(store_.mutex_);
      store_.locked_.erase(name_);
    }
    store_.released_.notify_all();
  }

 private:
  MemoryTokenStore& store_;
  std::string name_;
};

core::Result<std::optional<StoredToken>> MemoryTokenStore::load(const TokenKey& key) {
  std::lock_guard guard(mutex_);
  const auto found = entries_.find(key.name());
  if (found == entries_.end()) return std::optional<StoredToken>{};
  return std::optional<StoredToken>(found->second.copy());
}

core::Status MemoryTokenStore::save(const TokenKey& key, const StoredToken& token) {
  std::lock_guard guard(mutex_);
  entries_.insert_or_assign(key.name(), token.copy());
  return {};
}

core::Status MemoryTokenStore::erase(const TokenKey& key) {
  std::lock_guard guard(mutex_);
  entries_.erase(key.name());
  return {};
}

core::Status MemoryTokenStore::erase_family(const TokenKey& key) {
  std::lock_guard guard(mutex_);
  const std::string family = key.family() + "-";
  std::erase_if(entries_, [&](const auto& entry) { return entry.first.starts_with(family); });
  return {};
}

StoreReport MemoryTokenStore::report(const TokenKey&) {
  return {.where = "memory", .protection = "memory only: a login ends with the process"};
}

core::Result<std::unique_ptr<StoreLock>> MemoryTokenStore::lock(const core::Context& context,
                                                                const TokenKey& key) {
  const std::string name = key.name();
  const auto give_up = std::min(context.deadline, std::chrono::steady_clock::now() + kLockWait);
  std::unique_lock guard(mutex_);
  if (locked_.contains(name)) {
    core::Parked parked;
    if (!released_.wait_until(guard, context.stop, give_up, [&] { return !locked_.contains(name); })) {
      if (context.cancelled()) {
        return core::fail(core::ErrorKind::cancelled, "oauth.cancelled", "The call was cancelled.");
      }
      return core::fail(core::ErrorKind::timeout, "oauth.store.locked",
                        "Another call has been refreshing this login for too long.", "Try again.");
    }
  }
  locked_[name] = true;
  return std::make_unique<Lock>(*this, name);
}

}  // namespace oauth
