// Sealing: authenticated encryption of our own data at rest and of state that passes through others' hands.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "core/secret.h"

namespace core {

// XChaCha20-Poly1305 under one 32-byte key. Thread-safe.
class Sealer {
 public:
  // Error core.seal.key when the key has not 32 bytes.
  static Result<Sealer> create(Secret key);
  // A key that lives as long as the process.
  static Sealer ephemeral();

  // `context` is bound but not contained: what was sealed for one purpose does not open for another.
  std::string seal(std::string_view plaintext, std::string_view context) const;
  // Error core.seal.broken when the text was altered, belongs to another key, or to another context.
  Result<std::string> open(std::string_view sealed, std::string_view context) const;

 private:
  explicit Sealer(Secret key) : key_(std::move(key)) {}
  Secret key_;
};

std::string sha256(std::string_view data);      // 32 raw bytes
std::string sha256_hex(std::string_view data);  // 64 hex digits

}  // namespace core
