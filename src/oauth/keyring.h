// The desktop's keyring (Secret Service: GNOME Keyring, KWallet, KeePassXC), as far as this program needs it:
// it keeps 32-byte sealing keys. Logins themselves stay in files (sealing_keys.h says why).
//
// It never prompts: a locked keyring, or one that does not exist yet, counts as not there. It is not asked at
// all where there is no session bus, and no bus is started for it. What it does not answer within
// kKeyringLimit is given up; a call that hangs runs on in a thread that does not keep the process from
// ending.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "core/result.h"
#include "core/secret.h"

namespace oauth {

constexpr std::chrono::milliseconds kKeyringLimit{1000};

struct KeyringRequest {
  // Kept when the keyring holds no key of ours yet; empty to look only.
  core::Secret add_if_none;
  // Let the session bus start the service when it does not run. False where nothing of ours can be in it.
  bool may_start = false;
};

class Keyring {
 public:
  virtual ~Keyring() = default;
  // The keys of ours in the keyring, at most 16, in no order; two processes that start at once may both have
  // added one. Errors, all ErrorKind::unavailable:
  //   oauth.keyring.no_bus      no session bus
  //   oauth.keyring.no_library  libsecret is not installed
  //   oauth.keyring.no_service  nobody offers a keyring on the bus
  //   oauth.keyring.locked      it is locked, or there is no default keyring
  //   oauth.keyring.timeout     no answer within kKeyringLimit
  //   oauth.keyring.failed      anything else
  virtual core::Result<std::vector<core::Secret>> keys(KeyringRequest request) = 0;
};

// The one of this session: DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR/bus, as they are when it is asked.
// libsecret is loaded on the first question that finds a bus.
std::unique_ptr<Keyring> session_keyring();

}  // namespace oauth
