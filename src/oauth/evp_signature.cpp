#include <openssl/hmac.h>

#include "oauth/evp.h"
#include "oauth/openssl.h"

namespace oauth::evp {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;

bool is_pss(Algorithm algorithm) {
  return algorithm == Algorithm::ps256 || algorithm == Algorithm::ps384 || algorithm == Algorithm::ps512;
}

// R || S of fixed length (RFC 7518 section 3.4) to and from the DER form that OpenSSL speaks.
std::optional<std::string> raw_from_der(std::string_view der, std::size_t field) {
  const unsigned char* cursor = bytes(der);
  EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &cursor, static_cast<long>(der.size())));
  if (!signature) return std::nullopt;
  std::string raw(2 * field, '\0');
  auto size = static_cast<int>(field);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes(raw), size) != size ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes(raw) + field, size) != size) {
    return std::nullopt;
  }
  return raw;
}

std::optional<std::string> der_from_raw(std::string_view raw, std::size_t field) {
  if (raw.size() != 2 * field) return std::nullopt;
  EcdsaSignature signature(ECDSA_SIG_new());
  BigNum r = to_bignum(raw.substr(0, field));
  BigNum s = to_bignum(raw.substr(field));
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return std::nullopt;
  static_cast<void>(r.release());
  static_cast<void>(s.release());  // both belong to the signature now
  int length = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (length <= 0) return std::nullopt;
  std::string der(static_cast<std::size_t>(length), '\0');
  unsigned char* cursor = bytes(der);
  i2d_ECDSA_SIG(signature.get(), &cursor);
  return der;
}

// True when the algorithm's family is this key's; whoever calls has bound the key, this is the second lock.
bool fits(EVP_PKEY& key, Algorithm algorithm) {
  switch (EVP_PKEY_get_base_id(&key)) {
    case EVP_PKEY_RSA:
      return !is_ecdsa(algorithm) && digest_of(algorithm) && algorithm < Algorithm::hs256;
    case EVP_PKEY_EC:
      return algorithm == any_algorithm(key);
    case EVP_PKEY_ED25519:
      return algorithm == Algorithm::eddsa;
    default:
      return false;
  }
}

bool use_pss(EVP_PKEY_CTX* context, const EVP_MD* digest) {
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1;
}

}  // namespace

Result<std::string> sign(EVP_PKEY& key, Algorithm algorithm, std::string_view input) {
  CleanErrorQueue guard;
  auto failed = [] { return fail(ErrorKind::internal, "oauth.jws.sign", "OpenSSL refused to sign."); };
  if (!fits(key, algorithm)) return failed();
  const EVP_MD* digest = digest_of(algorithm);
  DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  if (!context || EVP_DigestSignInit(context.get(), &key_context, digest, nullptr, &key) != 1)
    return failed();
  if (is_pss(algorithm) && !use_pss(key_context, digest)) return failed();
  std::size_t length = 0;
  if (EVP_DigestSign(context.get(), nullptr, &length, bytes(input), input.size()) != 1) return failed();
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), bytes(signature), &length, bytes(input), input.size()) != 1)
    return failed();
  signature.resize(length);
  if (!is_ecdsa(algorithm)) return signature;
  auto raw = raw_from_der(signature, curve_of(key)->field_bytes);
  if (!raw) return failed();
  return *std::move(raw);
}

bool verify(EVP_PKEY& key, Algorithm algorithm, std::string_view input, std::string_view signature) {
  CleanErrorQueue guard;
  if (!fits(key, algorithm)) return false;
  std::string der;
  if (is_ecdsa(algorithm)) {
    auto converted = der_from_raw(signature, curve_of(key)->field_bytes);
    if (!converted) return false;
    der = *std::move(converted);
    signature = der;
  }
  const EVP_MD* digest = digest_of(algorithm);
  DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  if (!context || EVP_DigestVerifyInit(context.get(), &key_context, digest, nullptr, &key) != 1) return false;
  if (is_pss(algorithm) && !use_pss(key_context, digest)) return false;
  return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(input), input.size()) == 1;
}

std::string hmac(Algorithm algorithm, std::string_view secret, std::string_view input) {
  CleanErrorQueue guard;
  std::string tag(EVP_MAX_MD_SIZE, '\0');
  unsigned length = 0;
  if (!HMAC(digest_of(algorithm), secret.data(), static_cast<int>(secret.size()), bytes(input), input.size(),
            bytes(tag), &length)) {
    return {};
  }
  tag.resize(length);
  return tag;
}

std::string sha256(std::string_view input) {
  CleanErrorQueue guard;
  std::string hash(32, '\0');
  unsigned length = 0;
  if (EVP_Digest(input.data(), input.size(), bytes(hash), &length, EVP_sha256(), nullptr) != 1) return {};
  return hash;
}

}  // namespace oauth::evp
