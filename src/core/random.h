// Randomness and identifiers are injected, so that tests are repeatable (docs/architecture.md, rule 11).
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

namespace core {

// Thread-safe.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<unsigned char> bytes) = 0;

  // `length` characters of [A-Za-z0-9], uniform.
  std::string alphanumeric(std::size_t length);
  // Okta-shaped id: prefix + alphanumerics, 20 characters in all ("00u" → "00u1f2...").
  std::string okta_id(std::string_view prefix);
  // RFC 9562 version 4, lower case.
  std::string uuid();
  // Base64url of `bytes` random bytes, without padding.
  std::string token(std::size_t bytes);
  std::uint64_t number();
};

// The operating system's generator.
Random& system_random();

// xoshiro256**: the same sequence for the same seed, on every machine. Never for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed);
  void fill(std::span<unsigned char> bytes) override;

 private:
  std::uint64_t next();
  std::mutex mutex_;
  std::uint64_t state_[4];
};

}  // namespace core
