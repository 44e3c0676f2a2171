// Logins in files under the state directory, each sealed (XChaCha20-Poly1305) with one key of this machine.
//
//   STATE_DIR/token.key                  the key, made at first use, unless a key file is given
//   STATE_DIR/tokens/NAME.token          one login: "okta-mcp-token 2\n" and the sealed JSON
//   STATE_DIR/tokens/NAME.lock           held while that login is being refreshed
//   STATE_DIR/tokens/NAME.unreadable     what did not open any more: another key, or damaged
// Version 2 added the DPoP key; version 1 is read as a login without one. All are 0600 and replaced
// atomically. NAME says nothing about org or client (TokenKey::name).
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "core/seal.h"
#include "oauth/token_store.h"

namespace oauth {

struct SealedFileStoreOptions {
  std::string state_dir;  // created with mode 0700
  // OKTA_MCP_KEY_FILE: 32 raw bytes, or 32 bytes as hex or base64 with or without a line end. Empty: the key
  // in the state directory.
  std::string key_file;
};

class SealedFileStore final : public TokenStore {
 public:
  // Errors: oauth.store.key_file (missing, unreadable or not a key), core.file.* for the state directory.
  static core::Result<std::unique_ptr<SealedFileStore>> create(const SealedFileStoreOptions& options);

  core::Result<std::optional<StoredToken>> load(const TokenKey& key) override;
  core::Status save(const TokenKey& key, const StoredToken& token) override;
  core::Status erase(const TokenKey& key) override;
  core::Status erase_family(const TokenKey& key) override;
  core::Result<std::unique_ptr<StoreLock>> lock(const core::Context& context, const TokenKey& key) override;
  bool is_local() const override { return true; }

 private:
  SealedFileStore(std::string directory, core::Sealer sealer)
      : directory_(std::move(directory)), sealer_(std::move(sealer)) {}
  std::string path(std::string_view name, std::string_view extension) const;
  void move_aside(std::string_view name, std::string_view why);

  const std::string directory_;
  const core::Sealer sealer_;
  std::mutex mutex_;
  std::set<std::string, std::less<>> reported_;  // names whose trouble has been logged
};

}  // namespace oauth
