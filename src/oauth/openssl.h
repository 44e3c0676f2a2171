// Owning pointers and small conversions over OpenSSL's C interface. Included by evp*.cpp and nobody else.
#pragma once

#include <array>
#include <memory>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string>
#include <string_view>

#include "oauth/evp.h"

namespace oauth::evp {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Bio = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using BigNum = std::unique_ptr<BIGNUM, Deleter<BN_clear_free>>;
using Context = std::unique_ptr<EVP_PKEY_CTX, Deleter<EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Deleter<ECDSA_SIG_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Deleter<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Deleter<OSSL_PARAM_free>>;

// Stands at the top of every entry point.
struct CleanErrorQueue {
  CleanErrorQueue() = default;
  CleanErrorQueue(const CleanErrorQueue&) = delete;
  CleanErrorQueue& operator=(const CleanErrorQueue&) = delete;
  ~CleanErrorQueue() { ERR_clear_error(); }
};

inline PKey own(EVP_PKEY* key) {
  return key ? PKey(key, EVP_PKEY_free) : PKey();
}

inline const unsigned char* bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

inline BigNum to_bignum(std::string_view number) {
  return BigNum(BN_bin2bn(bytes(number), static_cast<int>(number.size()), nullptr));
}

struct Curve {
  std::string_view jwk;      // RFC 7518 section 6.2.1.1
  std::string_view openssl;  // group name
  std::size_t field_bytes;
};
inline constexpr std::array<Curve, 3> kCurves{{
    {"P-256", "prime256v1", 32},
    {"P-384", "secp384r1", 48},
    {"P-521", "secp521r1", 66},
}};

inline const Curve* curve_by_jwk_name(std::string_view name) {
  for (const Curve& curve : kCurves) {
    if (curve.jwk == name) return &curve;
  }
  return nullptr;
}

inline const Curve* curve_of(const EVP_PKEY& key) {
  std::array<char, 64> name{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(&key, name.data(), name.size(), &length) != 1) return nullptr;
  for (const Curve& curve : kCurves) {
    if (curve.openssl == std::string_view(name.data(), length)) return &curve;
  }
  return nullptr;
}

inline const EVP_MD* digest_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::rs256:
    case Algorithm::ps256:
    case Algorithm::es256:
    case Algorithm::hs256:
      return EVP_sha256();
    case Algorithm::rs384:
    case Algorithm::ps384:
    case Algorithm::es384:
    case Algorithm::hs384:
      return EVP_sha384();
    case Algorithm::rs512:
    case Algorithm::ps512:
    case Algorithm::es512:
    case Algorithm::hs512:
      return EVP_sha512();
    case Algorithm::eddsa:
      return nullptr;  // Ed25519 hashes by itself
  }
  return nullptr;
}

inline bool is_ecdsa(Algorithm algorithm) {
  return algorithm == Algorithm::es256 || algorithm == Algorithm::es384 || algorithm == Algorithm::es512;
}

inline Algorithm any_algorithm(EVP_PKEY& key) {
  switch (EVP_PKEY_get_base_id(&key)) {
    case EVP_PKEY_EC: {
      const Curve* curve = curve_of(key);
      if (curve && curve->field_bytes == 48) return Algorithm::es384;
      if (curve && curve->field_bytes == 66) return Algorithm::es512;
      return Algorithm::es256;
    }
    case EVP_PKEY_ED25519:
      return Algorithm::eddsa;
    default:
      return Algorithm::rs256;
  }
}

}  // namespace oauth::evp
