#include "core/secret.h"

#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace core {

// A short string is copied even when it is moved, so the one that was given is wiped too.
Secret::Secret(std::string value) : value_(std::move(value)) {
  core::wipe(value);
}

Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) {
  other.wipe();
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    value_ = std::move(other.value_);
    other.wipe();
  }
  return *this;
}

Secret::~Secret() {
  wipe();
}

void Secret::wipe() {
  core::wipe(value_);
}

void wipe(std::string& text) {
  // capacity(), not size(): a moved-from short string still holds its bytes.
  text.resize(text.capacity());  // NOLINT(clang-analyzer-cplusplus.Move): for those it is called
  sodium_memzero(text.data(), text.size());
  text.clear();
}

void forbid_core_dumps() {
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace core
