// Which store keeps logins (OKTA_MCP_STORE).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/state_store.h"
#include "oauth/keyring.h"
#include "oauth/token_store.h"

namespace oauth {

enum class StoreKind {
  automatic,  // the state that instances share, where there is one (state_token_store.h); else sealed files,
              // with the best key there is (sealing_keys.h)
  keyring,    // sealed files, with a key in the desktop's keyring or not at all
  file,       // sealed files; the keyring is not asked
  memory,     // nothing on disk: a login ends with the process
};

// "auto" or nothing, "keyring", "file", "memory". Error oauth.store.choice.
core::Result<StoreKind> parse_store_kind(std::string_view text);

struct StoreChoice {
  StoreKind kind = StoreKind::automatic;
  std::string state_dir;
  std::string key_file;               // OKTA_MCP_KEY_FILE
  std::string credentials_directory;  // $CREDENTIALS_DIRECTORY of systemd; used where it has okta-mcp-key
  // Shared with instances on other machines; null where there is no such thing.
  std::shared_ptr<core::StateStore> state = nullptr;
  // Used while the store is opened. Null: the session's.
  Keyring* keyring = nullptr;
};

// May take kKeyringLimit. Errors: oauth.store.choice (the keyring and a key file, or the keyring and a
// shared state, are both demanded),
// oauth.store.key_file; oauth.keyring.* where the keyring is demanded; core.file.* for the state directory.
core::Result<std::unique_ptr<TokenStore>> open_token_store(const StoreChoice& choice);

}  // namespace oauth
