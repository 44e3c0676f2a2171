#include "core/random.h"

#include <array>
#include <bit>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <sodium.h>

#include "core/encoding.h"

namespace core {
namespace {

class SystemRandom final : public Random {
 public:
  SystemRandom() {
    // Also chooses the fastest ciphers for this processor. Without randomness nothing of ours is safe to run.
    if (sodium_init() < 0) std::abort();
  }
  void fill(std::span<unsigned char> bytes) override { randombytes_buf(bytes.data(), bytes.size()); }
};

constexpr std::string_view kAlphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

}  // namespace

Random& system_random() {
  static SystemRandom random;
  return random;
}

std::string Random::alphanumeric(std::size_t length) {
  std::string text;
  text.reserve(length);
  std::array<unsigned char, 64> pool;
  while (text.size() < length) {
    fill(pool);
    for (unsigned char byte : pool) {
      // 248 = 4 * 62: what lies above would favour the first letters.
      if (byte < 248 && text.size() < length) text += kAlphanumeric[byte % 62];
    }
  }
  return text;
}

std::string Random::okta_id(std::string_view prefix) {
  assert(prefix.size() < 20);
  return std::string(prefix) + alphanumeric(20 - prefix.size());
}

std::string Random::uuid() {
  std::array<unsigned char, 16> bytes;
  fill(bytes);
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
  std::string hex = to_hex(bytes);
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
         hex.substr(20);
}

std::string Random::token(std::size_t bytes) {
  std::string raw(bytes, '\0');
  fill({reinterpret_cast<unsigned char*>(raw.data()), raw.size()});
  return base64url_encode(raw);
}

std::uint64_t Random::number() {
  std::array<unsigned char, 8> bytes;
  fill(bytes);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), bytes.size());
  return value;
}

SeededRandom::SeededRandom(std::uint64_t seed) {
  // splitmix64 spreads a small seed over the whole state.
  for (auto& word : state_) {
    seed += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    word = z ^ (z >> 31);
  }
}

std::uint64_t SeededRandom::next() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

void SeededRandom::fill(std::span<unsigned char> bytes) {
  std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < bytes.size(); i += 8) {
    std::uint64_t word = next();
    for (std::size_t k = i; k < std::min(i + 8, bytes.size()); ++k) {
      bytes[k] = static_cast<unsigned char>(word);
      word >>= 8;
    }
  }
}

}  // namespace core
