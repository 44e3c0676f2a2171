// What an authorization server remembers, kept in the registry's database: every node sees the same codes,
// tokens and nonces, and what is used once is used once in all of them.
#pragma once

#include <functional>
#include <optional>
#include <string_view>

#include "authserver/store.h"
#include "core/state_store.h"

namespace registry {

// Thread-safe. Versions are numbers that differ after each change; they do not grow by one. Errors: those of
// core::StateStore; authserver.server_error for a value of more than core::StateStore::kMaxValue.
class AuthStore final : public authserver::Store {
 public:
  using FindClient = std::function<core::Result<std::optional<authserver::Client>>(std::string_view id)>;

  // `state` outlives it. `area` keeps authorization servers apart that share a database: "org", "aus...".
  AuthStore(core::StateStore& state, FindClient find_client, std::string_view area = "org");

  core::Result<std::optional<authserver::Client>> find_client(std::string_view id) override;
  core::Result<std::optional<authserver::Record>> find(authserver::RecordKind kind, std::string_view key,
                                                       core::WallTime now) override;
  core::Result<bool> compare_and_set(authserver::RecordKind kind, std::string_view key,
                                     std::uint64_t expected, std::string value, core::WallTime expires_at,
                                     core::WallTime now) override;

 private:
  std::string name_of(authserver::RecordKind kind, std::string_view key) const;

  core::StateStore& state_;
  const FindClient find_client_;
  const std::string prefix_;
};

}  // namespace registry
