#include "oauth/keyring.h"

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <thread>

#include "oauth/libsecret.h"

namespace oauth {
namespace {

using Outcome = core::Result<std::vector<core::Secret>>;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : value;
}

// Only a socket that is there: other kinds of address ("autolaunch:", "unixexec:") would start programs.
bool session_bus_is_there() {
  const std::string address = variable("DBUS_SESSION_BUS_ADDRESS");
  if (!address.empty()) return address.starts_with("unix:");
  const std::string runtime_dir = variable("XDG_RUNTIME_DIR");
  struct stat info{};
  return !runtime_dir.empty() && ::stat((runtime_dir + "/bus").c_str(), &info) == 0 && S_ISSOCK(info.st_mode);
}

// Shared by whoever asks and the thread that does it, so that either may be gone first.
struct Asked {
  KeyringRequest request;
  KeyringCancel cancel;
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Outcome> outcome;
};

class SessionKeyring final : public Keyring {
 public:
  Outcome keys(KeyringRequest request) override {
    if (!session_bus_is_there()) {
      return core::fail(core::ErrorKind::unavailable, "oauth.keyring.no_bus", "There is no session bus.",
                        "A keyring needs a desktop session; elsewhere a key file does.");
    }
    auto asked = std::make_shared<Asked>();
    asked->request = std::move(request);
    try {
      std::thread([asked] {
        auto outcome = ask_libsecret(asked->request, asked->cancel);
        const std::lock_guard guard(asked->mutex);
        asked->outcome = std::move(outcome);
        asked->answered.notify_all();
      }).detach();
    } catch (const std::system_error&) {
      return core::fail(core::ErrorKind::unavailable, "oauth.keyring.failed",
                        "The system has no thread left for the keyring.", "Try again.");
    }
    std::unique_lock lock(asked->mutex);
    if (!asked->answered.wait_for(lock, kKeyringLimit, [&] { return asked->outcome.has_value(); })) {
      lock.unlock();
      asked->cancel.cancel();
      return core::fail(
          core::ErrorKind::unavailable, "oauth.keyring.timeout",
          "The keyring did not answer within a second.",
          "Check that the desktop's keyring works, or choose another store with OKTA_MCP_STORE.");
    }
    return std::move(*asked->outcome);
  }
};

}  // namespace

std::unique_ptr<Keyring> session_keyring() {
  return std::make_unique<SessionKeyring>();
}

}  // namespace oauth
