// Logins in files under the state directory, each sealed (XChaCha20-Poly1305) with a key of this machine or
// of this person (sealing_keys.h).
//
//   STATE_DIR/token.key                  a key of its own, made when there is no better one
//   STATE_DIR/tokens/NAME.token          one login: "okta-mcp-token 2 KEY" on a line, then the sealed JSON.
//   KEY
//                                        is the name of the key
//   STATE_DIR/tokens/NAME.lock           held while that login is being refreshed
//   STATE_DIR/tokens/NAME.refreshing     a refresh token is being spent, or was when the process died. Holds
//                                        nothing; its room on disk is given back when the answer needs it
//   STATE_DIR/tokens/NAME.token.*.tmp    a login on its way into its file. If its process died there, the
//                                        next lock() puts it in its place
//   STATE_DIR/tokens/NAME.unreadable     what is damaged
// Version 2 added the key's name and the DPoP key; version 1 is read as a login without them. All are 0600
// and replaced atomically. NAME says nothing about org or client (TokenKey::name). A login whose key is not
// at hand stays where it is until it is replaced: the key may come back.
#pragma once

#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "oauth/sealing_keys.h"
#include "oauth/token_store.h"

namespace oauth {

struct SealedFileStoreOptions {
  std::string state_dir;  // created with mode 0700
  // As SealingKeyOptions has them.
  std::string key_file = {};
  std::string key_file_setting = "OKTA_MCP_KEY_FILE";
  Keyring* keyring = nullptr;
  bool must_use_keyring = false;
};

class SealedFileStore final : public TokenStore {
 public:
  // Errors: those of SealingKeys::create, core.file.* for the state directory.
  static core::Result<std::unique_ptr<SealedFileStore>> create(const SealedFileStoreOptions& options);

  core::Result<std::optional<StoredToken>> load(const TokenKey& key) override;
  core::Status save(const TokenKey& key, const StoredToken& token) override;
  core::Status erase(const TokenKey& key) override;
  core::Status erase_family(const TokenKey& key) override;
  core::Result<std::unique_ptr<StoreLock>> lock(const core::Context& context, const TokenKey& key) override;
  StoreReport report(const TokenKey& key) override;
  bool is_local() const override { return true; }

 private:
  class Lock;
  struct Content;  // of a file

  SealedFileStore(std::string state_dir, SealingKeys keys)
      : state_dir_(std::move(state_dir)),
        directory_(state_dir_ + "/tokens"),
        keys_(std::make_shared<const SealingKeys>(std::move(keys))) {}
  std::string path(std::string_view name, std::string_view extension) const;
  core::Result<Content> read(const std::string& file) const;
  // The login inside; the reason in words when it does not open.
  core::Result<StoredToken> open(const Content& content, const TokenKey& key) const;
  core::Error other_key(std::string_view key_name) const;
  std::shared_ptr<const SealingKeys> keys() const;
  // False when the file names a key that is not at hand; looks for it again first.
  bool have_key(std::string_view key_name);
  void move_aside(std::string_view name, std::string_view why);
  bool report_once(std::string_view name);
  void recover(const TokenKey& key);

  const std::string state_dir_;
  const std::string directory_;
  mutable std::mutex mutex_;                     // of what follows
  std::shared_ptr<const SealingKeys> keys_;      // more may come
  std::set<std::string, std::less<>> reported_;  // names whose trouble has been logged
};

}  // namespace oauth
