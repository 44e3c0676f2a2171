#include "core/seal.h"

#include <sodium.h>

#include "core/encoding.h"
#include "core/random.h"

namespace core {
namespace {

constexpr std::size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr char kVersion = 1;

const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

Result<Sealer> Sealer::create(Secret key) {
  if (key.reveal().size() != crypto_aead_xchacha20poly1305_ietf_KEYBYTES) {
    return fail(ErrorKind::invalid_input, "core.seal.key", "A sealing key has 32 bytes.");
  }
  return Sealer(std::move(key));
}

Sealer Sealer::ephemeral() {
  std::string key(crypto_aead_xchacha20poly1305_ietf_KEYBYTES, '\0');
  system_random().fill({bytes(key), key.size()});
  return Sealer(Secret(std::move(key)));
}

std::string Sealer::seal(std::string_view plaintext, std::string_view context) const {
  std::string out(1 + kNonce + plaintext.size() + kTag, '\0');
  out[0] = kVersion;
  unsigned char* nonce = bytes(out) + 1;
  system_random().fill({nonce, kNonce});
  crypto_aead_xchacha20poly1305_ietf_encrypt(nonce + kNonce, nullptr, bytes(plaintext), plaintext.size(),
                                             bytes(context), context.size(), nullptr, nonce,
                                             bytes(std::string_view(key_.reveal())));
  return out;
}

Result<std::string> Sealer::open(std::string_view sealed, std::string_view context) const {
  auto broken = [] {
    return fail(ErrorKind::invalid_input, "core.seal.broken",
                "The sealed data was altered, or was sealed with another key.");
  };
  if (sealed.size() < 1 + kNonce + kTag || sealed[0] != kVersion) return broken();
  std::string plaintext(sealed.size() - 1 - kNonce - kTag, '\0');
  const unsigned char* nonce = bytes(sealed) + 1;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(bytes(plaintext), nullptr, nullptr, nonce + kNonce,
                                                 sealed.size() - 1 - kNonce, bytes(context), context.size(),
                                                 nonce, bytes(std::string_view(key_.reveal()))) != 0) {
    return broken();
  }
  return plaintext;
}

std::string sha256(std::string_view data) {
  std::string digest(crypto_hash_sha256_BYTES, '\0');
  crypto_hash_sha256(bytes(digest), bytes(data), data.size());
  return digest;
}

std::string sha256_hex(std::string_view data) {
  return to_hex(sha256(data));
}

}  // namespace core
