// JSON Web Keys (RFC 7517, 7518, 8037) on OpenSSL 3: what signs and verifies tokens.
//
// A Key is bound to exactly one algorithm, so that whoever writes a token's header never chooses how it is
// checked (RFC 8725 section 3.1). OpenSSL stays inside the .cpp files and its error queue is empty after
// every call.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/secret.h"

namespace oauth {

// JWA names (RFC 7518 section 3.1, RFC 8037). "none" does not exist here. HMAC verifies and signs, but no
// allow-list holds it unless its writer puts it there.
enum class Algorithm {
  rs256,
  rs384,
  rs512,  // RSASSA-PKCS1-v1_5
  ps256,
  ps384,
  ps512,  // RSASSA-PSS, salt as long as the hash
  es256,
  es384,
  es512,  // ECDSA on P-256, P-384, P-521
  eddsa,  // Ed25519
  hs256,
  hs384,
  hs512,  // HMAC
};

std::string_view to_string(Algorithm algorithm);                  // "RS256"
std::optional<Algorithm> parse_algorithm(std::string_view name);  // as spelt in RFC 7518, case matters
std::span<const Algorithm> asymmetric_algorithms();               // all but HMAC, for allow-lists

enum class KeyType { rsa, ec, okp, oct };

// Immutable, cheap to copy (copies share the key), safe to use from several threads.
//
// Errors of the makers:
//   oauth.jwk.not_a_key    neither PEM nor JWK, or broken inside; parameters that contradict each other
//   oauth.jwk.encrypted    a PEM under a passphrase
//   oauth.jwk.too_short    RSA under 2048 bits; an HMAC secret shorter than its hash
//   oauth.jwk.too_long     RSA over 16384 bits: verifying would cost seconds
//   oauth.jwk.weak         RSA with exponent 1 or an even one, or made by a generator that ROCA broke
//   oauth.jwk.curve        a curve other than P-256, P-384, P-521, Ed25519
//   oauth.jwk.unsupported  another kind of key (DSA, X25519, RSA restricted to PSS, ...)
//   oauth.jwk.algorithm    `alg` is unknown, or does not fit the key
//   oauth.jwk.member       a JWK member of the wrong type, base64url that is not strict, or a duplicate
//   member
class Key {
 public:
  // PKCS#8, PKCS#1 or SEC1 private keys, SubjectPublicKeyInfo public keys. Literal "\n" sequences, as they
  // end up in environment variables and JSON files, are read as line ends. The key is bound to its type's
  // default algorithm: RSA → RS256, P-256 → ES256, P-384 → ES384, P-521 → ES512, Ed25519 → EdDSA. At most 64
  // KiB.
  static core::Result<Key> from_pem(std::string_view pem);

  // A public or private JWK of type RSA, EC, OKP (Ed25519) or oct. Bound to `alg` if it is there, else as
  // above (oct → the HMAC its length allows). Private RSA keys need all of p, q, dp, dq, qi, as RFC 7518 says
  // they should.
  static core::Result<Key> from_jwk(const boost::json::object& jwk);
  static core::Result<Key> from_jwk(std::string_view text);

  // PEM or JWK, whichever the text is: what a person puts into a file or OKTA_PRIVATE_KEY.
  static core::Result<Key> parse(std::string_view text);

  // A new private key from the operating system's randomness; `rsa_bits` counts for RSA only. Errors
  // oauth.jwk.algorithm for HMAC, oauth.jwk.too_short, oauth.jwk.too_long.
  static core::Result<Key> generate(Algorithm algorithm, unsigned rsa_bits = 2048);

  // The same key under another name or another algorithm of its type (oauth.jwk.algorithm when it does not
  // fit).
  Key with_kid(std::string kid) const;
  core::Result<Key> with_algorithm(Algorithm algorithm) const;
  Key public_key() const;  // without the private half; an oct key has no public half and stays as it is

  KeyType type() const;
  Algorithm algorithm() const;
  const std::string& kid() const;  // empty when nobody named it
  std::size_t bits() const;        // RSA modulus, curve size, or secret length
  bool is_private() const;         // can sign
  // `use` and `key_ops` (RFC 7517 sections 4.2, 4.3) allow it; true when the key says nothing.
  bool may_verify() const;
  bool may_sign() const;

  // RFC 7638 with SHA-256, base64url: the same for a key and its public half.
  std::string thumbprint() const;
  // With kty, parameters, alg, use: "sig", and kid if there is one. Never a private member; of an oct key
  // only kty.
  boost::json::object public_jwk() const;
  // Errors oauth.jwk.not_private.
  core::Result<core::Secret> private_jwk() const;
  core::Result<core::Secret> private_pem() const;  // PKCS#8, unencrypted
  std::string public_pem() const;                  // SubjectPublicKeyInfo; empty for oct

  struct Impl;  // key_impl.h
  const Impl& impl() const { return *impl_; }

 private:
  explicit Key(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
  std::shared_ptr<const Impl> impl_;
};

// A JWK Set (RFC 7517 section 5) of public keys.
class KeySet {
 public:
  KeySet() = default;
  explicit KeySet(std::vector<Key> keys) : keys_(std::move(keys)) {}

  enum class Secrets { skip, accept };

  // Entries of unknown kty, alg or curve, and ones that are too short, are skipped (RFC 7517 section 5 asks
  // for it). Secrets (oct) are skipped as well: a document fetched from outside must not bring any. `accept`
  // is for sets configured by whoever runs the program. At most 1 MiB and 256 entries. Errors:
  // oauth.jwks.not_a_set, oauth.jwks.too_large, oauth.jwks.duplicate_kid (same kid, type and use),
  // oauth.jwks.mixed (secrets beside public keys).
  static core::Result<KeySet> parse(std::string_view json, Secrets secrets = Secrets::skip);

  const std::vector<Key>& keys() const { return keys_; }
  std::size_t skipped() const { return skipped_; }
  // The keys that may verify `algorithm`, narrowed to `kid` when one is given; a key without a name fits any
  // kid.
  std::vector<Key> candidates(Algorithm algorithm, const std::optional<std::string>& kid) const;
  // {"keys":[...]} of the public halves; oct keys are left out.
  boost::json::object public_jwks() const;

 private:
  std::vector<Key> keys_;
  std::size_t skipped_ = 0;
};

}  // namespace oauth
