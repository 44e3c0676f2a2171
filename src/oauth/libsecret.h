// libsecret, as far as keyring.cpp needs it: loaded when first used, so that a machine without a desktop
// needs none of it. Blocks for as long as D-Bus takes; keyring.cpp bounds that.
#pragma once

#include <atomic>

#include "oauth/keyring.h"

namespace oauth {

// Lets another thread end a question that hangs. Outlives the question.
class KeyringCancel {
 public:
  KeyringCancel() = default;
  KeyringCancel(const KeyringCancel&) = delete;
  KeyringCancel& operator=(const KeyringCancel&) = delete;
  ~KeyringCancel();
  void cancel();  // thread-safe, at any time

 private:
  friend class KeyringQuestion;
  std::atomic<void*> cancellable_{nullptr};
  std::atomic<bool> cancelled_{false};
};

// Errors: those of Keyring::keys but no_bus and timeout.
core::Result<std::vector<core::Secret>> ask_libsecret(const KeyringRequest& request, KeyringCancel& cancel);

}  // namespace oauth
