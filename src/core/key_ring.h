// Keys that several instances seal and open with: made once, kept in the state store, replaced in time. The
// newest seals; an older one opens until what it sealed has had its time.
//
// In the store a key is sealed with the guard, a key from outside the store (a key file that every instance
// is given). Without a guard it lies there in the clear, and whoever can read the store can open what was
// sealed.
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "core/seal.h"
#include "core/state_store.h"

namespace core {

struct KeyRingOptions {
  std::string name;                                                   // of [a-z0-9-]: what is sealed
  std::chrono::milliseconds seals_for = std::chrono::hours{24 * 30};  // then another key is made
  // At least as long as what is sealed is of use.
  std::chrono::milliseconds opens_for = StateStore::kForever;
  std::shared_ptr<const Sealer> guard = nullptr;
};

// Thread-safe. Reads the store at its first use, when a key's time is over, and when it meets a key that it
// does not know.
class KeyRing {
 public:
  // `store` and `clock` outlive the ring.
  KeyRing(StateStore& store, Clock& clock, KeyRingOptions options, Random& random = system_random());
  // One key, which nobody else has and which goes with the object.
  static std::unique_ptr<KeyRing> ephemeral();

  // Plain ASCII: the key's name, a dot, base64url. `context` as Sealer has it. Where the next key cannot be
  // made the one before goes on sealing. Errors: those of the store;
  // core.keys.guard: the keys in the store are sealed with another guard.
  Result<std::string> seal(std::string_view plaintext, std::string_view context);
  // Errors: core.keys.foreign: sealed with a key that the store does not hold (any more); core.seal.broken;
  // and those of seal().
  Result<std::string> open(std::string_view sealed, std::string_view context);
  // True when the keys are sealed with a guard.
  bool guarded() const { return options_.guard != nullptr; }

 private:
  struct Key {
    std::string name;
    Sealer sealer;
    std::int64_t number = 0;
    WallTime created{};
    bool guarded = false;
  };
  using Keys = std::vector<std::shared_ptr<const Key>>;  // oldest first

  KeyRing();
  Keys known() const;
  Result<Keys> load();
  Result<std::shared_ptr<const Key>> read(const StateRecord& record) const;
  Result<std::shared_ptr<const Key>> sealing_key();
  Status make(std::int64_t number);
  bool may_seal(const Key& key) const;

  StateStore* const store_;
  Clock* const clock_;
  const KeyRingOptions options_;
  Random& random_;
  mutable std::mutex mutex_;
  Keys keys_;
};

}  // namespace core
