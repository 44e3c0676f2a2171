#include "oauth/store_choice.h"

#include <filesystem>
#include <fmt/format.h>

#include "oauth/sealed_file_store.h"
#include "oauth/sealing_keys.h"
#include "oauth/state_token_store.h"

namespace oauth {

core::Result<StoreKind> parse_store_kind(std::string_view text) {
  if (text.empty() || text == "auto") return StoreKind::automatic;
  if (text == "keyring") return StoreKind::keyring;
  if (text == "file") return StoreKind::file;
  if (text == "memory") return StoreKind::memory;
  return core::fail(core::ErrorKind::invalid_input, "oauth.store.choice",
                    fmt::format("OKTA_MCP_STORE cannot be \"{}\".", text),
                    "Use auto, keyring, file or memory.");
}

core::Result<std::unique_ptr<TokenStore>> open_token_store(const StoreChoice& choice) {
  if (choice.kind == StoreKind::memory) return std::make_unique<MemoryTokenStore>();
  SealedFileStoreOptions options{.state_dir = choice.state_dir};
  if (choice.kind == StoreKind::keyring && !choice.key_file.empty()) {
    return core::fail(core::ErrorKind::invalid_input, "oauth.store.choice",
                      "OKTA_MCP_STORE asks for the keyring, and OKTA_MCP_KEY_FILE names a key file.",
                      "Unset one of them.");
  }
  if (choice.kind != StoreKind::keyring) {
    const std::string credential = choice.credentials_directory + "/okta-mcp-key";
    std::error_code ignored;
    if (!choice.key_file.empty()) {
      options.key_file = choice.key_file;
    } else if (!choice.credentials_directory.empty() && std::filesystem::exists(credential, ignored)) {
      options.key_file = credential;
      options.key_file_setting = "the systemd credential okta-mcp-key";
    }
  }
  if (choice.state && choice.kind == StoreKind::keyring) {
    return core::fail(
        core::ErrorKind::invalid_input, "oauth.store.choice",
        "OKTA_MCP_STORE asks for this machine's keyring, and OKTA_MCP_STATE_STORE for a state that "
        "machines share.",
        "Unset OKTA_MCP_STORE, and give all instances one OKTA_MCP_KEY_FILE.");
  }
  if (choice.state && choice.kind == StoreKind::automatic) {
    StateTokenStoreOptions shared{.state = choice.state};
    if (!options.key_file.empty()) {
      ASSIGN_OR_RETURN(shared.guard, read_key_file(options.key_file, options.key_file_setting));
      shared.guard_setting = options.key_file_setting;
    }
    ASSIGN_OR_RETURN(auto store, StateTokenStore::create(std::move(shared)));
    return store;
  }
  const auto session = session_keyring();
  if (choice.kind != StoreKind::file) {
    options.keyring = choice.keyring != nullptr ? choice.keyring : session.get();
    options.must_use_keyring = choice.kind == StoreKind::keyring;
  }
  ASSIGN_OR_RETURN(auto store, SealedFileStore::create(options));
  return store;
}

}  // namespace oauth
