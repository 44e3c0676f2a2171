// OpenSSL, as far as JOSE needs it. only evp*.cpp include its headers; every function
// here leaves OpenSSL's per-thread error queue empty, so that nobody else reads our failures as theirs.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/secret.h"
#include "oauth/jwk.h"

using EVP_PKEY = struct evp_pkey_st;  // as in <openssl/types.h>

namespace oauth::evp {

using PKey = std::shared_ptr<EVP_PKEY>;

// Key parameters as big-endian bytes under their JWK names (RFC 7518 section 6). Private ones are empty in
// public keys.
struct Parameters {
  KeyType type = KeyType::rsa;
  std::string curve;              // crv, empty for RSA
  std::string n, e;               // RSA, without leading zeros
  std::string x, y;               // EC padded to the field's size; OKP only x
  core::Secret d;                 // RSA, EC (padded), OKP (seed)
  core::Secret p, q, dp, dq, qi;  // RSA
};

// Errors as Key's makers; a private key that cannot sign what its public half verifies is refused.
core::Result<PKey> from_parameters(const Parameters& parameters);
core::Result<PKey> from_pem(std::string_view pem, bool& is_private);
core::Result<PKey> generate(Algorithm algorithm, unsigned rsa_bits);
core::Result<Parameters> to_parameters(EVP_PKEY& key, bool with_private);
core::Result<core::Secret> to_private_pem(EVP_PKEY& key);  // PKCS#8
std::string to_public_pem(EVP_PKEY& key);
PKey without_private(EVP_PKEY& key);

core::Result<std::string> sign(EVP_PKEY& key, Algorithm algorithm, std::string_view input);
bool verify(EVP_PKEY& key, Algorithm algorithm, std::string_view input, std::string_view signature);
std::string hmac(Algorithm algorithm, std::string_view secret, std::string_view input);
std::string sha256(std::string_view input);

// Bytes of one ECDSA coordinate on the curve: 32, 48, 66; 0 for an unknown name.
std::size_t field_bytes(std::string_view curve);

}  // namespace oauth::evp
