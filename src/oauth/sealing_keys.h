// The keys that seal stored logins: where they come from, and which one a login is sealed with.
//
// Logins stay in files whatever keeps the key, for four reasons: a file has a lock between processes and is
// replaced atomically, an item in a keyring has neither; a refresh then never waits for D-Bus; one small item
// is read once per process instead of one per login; and a keyring that goes away in mid-session costs
// nothing.
//
// Three sources, in the order of preference:
//   named    OKTA_MCP_KEY_FILE, or $CREDENTIALS_DIRECTORY/okta-mcp-key (systemd LoadCredential=). Named by a
//            person, so it goes before what is only found.
//   keyring  the desktop's keyring, where it is there and open (keyring.h)
//   beside   STATE_DIR/token.key, mode 0600, made when it is needed: protected by file permissions only
//
// Keyrings come and go between runs (a desktop session, then the same user over ssh). So each file names the
// key it is sealed with, all keys at hand are used to open, and a login stays with its key for as long as
// that is at hand, so that two processes of which one sees the keyring do not take turns at locking each
// other out. A key that a person chose (named, or OKTA_MCP_STORE=keyring) takes over with the next refresh.
// `logout` and `login` move a login to the best key there is.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/seal.h"
#include "oauth/keyring.h"

namespace oauth {

enum class KeySource { named, keyring, beside };

struct SealingKey {
  KeySource source = KeySource::beside;
  // What files call it: "keyring-", "named-" or "beside-" and 16 hex digits of a digest of it.
  std::string name;
  core::Sealer sealer;
};

struct SealingKeyOptions {
  std::string state_dir;  // there already
  // A file with 32 raw bytes, or 32 bytes as hex or base64 with or without a line end; empty for none.
  std::string key_file;
  std::string key_file_setting = "OKTA_MCP_KEY_FILE";  // who named it, for messages
  Keyring* keyring = nullptr;                          // null: not to be asked; needed by create() only
  bool must_use_keyring = false;                       // else it may be away
  std::vector<std::string> in_use;                     // names of keys that logins are sealed with
};

// Not changed once made, so free to use from any thread.
class SealingKeys {
 public:
  // Reads them, and makes one where there is none. May take kKeyringLimit.
  // Errors: oauth.store.key_file (missing, unreadable or not a key); core.file.* for the state directory;
  // oauth.keyring.* where the keyring must be used.
  static core::Result<SealingKeys> create(const SealingKeyOptions& options);

  // For a login that is new, or, with the name of the key that it is sealed with, for one that is there.
  const SealingKey& for_saving(std::string_view present = {}) const;
  const SealingKey* find(std::string_view name) const;  // null when it is not at hand
  const std::vector<std::shared_ptr<const SealingKey>>& all() const { return keys_; }
  // These, and a key in STATE_DIR/token.key that another process has made since.
  SealingKeys with_key_beside(const std::string& state_dir) const;
  // Why the keyring is not used, where it was asked: "There is no session bus."
  const std::optional<core::Error>& keyring_problem() const { return keyring_problem_; }

  // "key in the desktop's keyring", "protected by file permissions only", ...
  std::string protection(const SealingKey& key) const;

 private:
  std::vector<std::shared_ptr<const SealingKey>> keys_;  // best first, never empty
  bool chosen_ = false;                                  // by a person, so that it takes over
  std::string key_file_setting_;
  std::optional<core::Error> keyring_problem_;
};

// The key in a file that a person named; SealingKeyOptions has its forms. Error oauth.store.key_file.
core::Result<core::Secret> read_key_file(const std::string& path, std::string_view setting);

// Which source a name speaks of; nullopt when it is no name of a key.
std::optional<KeySource> source_of(std::string_view key_name);

}  // namespace oauth
