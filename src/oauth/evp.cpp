#include "oauth/evp.h"

#include <array>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "oauth/openssl.h"

namespace oauth::evp {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;

std::unexpected<core::Error> not_a_key(std::string message, std::string hint = {}) {
  return fail(ErrorKind::invalid_input, "oauth.jwk.not_a_key", std::move(message), std::move(hint));
}

// Moduli made by the broken generator of CVE-2017-15361 (ROCA) are powers of 65537 modulo every small prime;
// a random one passes all of these tests with a probability of about 2^-27.
bool has_roca_fingerprint(const BIGNUM& modulus) {
  constexpr std::array<unsigned, 38> kPrimes{3,   5,   7,   11,  13,  17,  19,  23,  29,  31,  37,  41,  43,
                                             47,  53,  59,  61,  67,  71,  73,  79,  83,  89,  97,  101, 103,
                                             107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};
  for (unsigned prime : kPrimes) {
    auto residue = static_cast<unsigned>(BN_mod_word(&modulus, prime));
    unsigned power = 1;
    bool found = false;
    for (unsigned i = 0; i < prime && !found; ++i) {
      found = power == residue;
      power = power * (65537 % prime) % prime;
    }
    if (!found) return false;
  }
  return true;
}

Result<void> check_rsa(EVP_PKEY& key) {
  int bits = EVP_PKEY_get_bits(&key);
  if (bits < 2048) {
    return fail(
        ErrorKind::invalid_input, "oauth.jwk.too_short",
        "The RSA key has " + std::to_string(bits) + " bits; 2048 are the least (RFC 7518 section 3.3).",
        "Make a new key of 2048 bits or more.");
  }
  if (bits > 16384) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.too_long",
                "The RSA key has " + std::to_string(bits) + " bits; 16384 are the most.");
  }
  BIGNUM* raw_modulus = nullptr;
  BIGNUM* raw_exponent = nullptr;
  EVP_PKEY_get_bn_param(&key, OSSL_PKEY_PARAM_RSA_N, &raw_modulus);
  EVP_PKEY_get_bn_param(&key, OSSL_PKEY_PARAM_RSA_E, &raw_exponent);
  BigNum modulus(raw_modulus), exponent(raw_exponent);
  if (!modulus || !exponent) return not_a_key("The RSA key has no modulus or no exponent.");
  // An exponent of 1 makes every signature its own message; long ones make verifying slow on purpose.
  if (!BN_is_odd(exponent.get()) || BN_is_one(exponent.get()) || BN_num_bits(exponent.get()) > 64 ||
      !BN_is_odd(modulus.get())) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.weak",
                "The RSA key's exponent or modulus is not sound.");
  }
  if (has_roca_fingerprint(*modulus)) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.weak",
                "The RSA key comes from a generator whose keys can be factored (ROCA, CVE-2017-15361).",
                "Make a new key with another program.");
  }
  return {};
}

// What every key must be, wherever it came from.
Result<PKey> accept(PKey key, bool is_private) {
  switch (EVP_PKEY_get_base_id(key.get())) {
    case EVP_PKEY_RSA:
      RETURN_IF_ERROR(check_rsa(*key));
      break;
    case EVP_PKEY_EC: {
      if (!curve_of(*key)) {
        return fail(ErrorKind::invalid_input, "oauth.jwk.curve",
                    "The EC key is on a curve that JOSE does not know; P-256, P-384 and P-521 are.");
      }
      Context context(EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr));
      if (!context || EVP_PKEY_public_check(context.get()) != 1) {
        return not_a_key("The EC key's public point does not lie on its curve.");
      }
      break;
    }
    case EVP_PKEY_ED25519:
      break;
    case EVP_PKEY_RSA_PSS:
      return fail(ErrorKind::invalid_input, "oauth.jwk.unsupported",
                  "An RSA key restricted to PSS (id-RSASSA-PSS) is not supported.",
                  "Use a plain RSA key (rsaEncryption); it can sign PS256 too.");
    default:
      return fail(ErrorKind::invalid_input, "oauth.jwk.unsupported", "This kind of key does not sign tokens.",
                  "Use an RSA, EC (P-256, P-384, P-521) or Ed25519 key.");
  }
  if (is_private) {
    // Parameters may contradict each other without OpenSSL noticing at load; a signature of the private half
    // that the public half refuses shows it, at the cost of one signature.
    Algorithm algorithm = any_algorithm(*key);
    auto signature = sign(*key, algorithm, "self-test");
    if (!signature || !verify(*key, algorithm, "self-test", *signature)) {
      return not_a_key("The private key does not belong to its public half.");
    }
  }
  return key;
}

Result<PKey> rsa_from(const Parameters& in) {
  bool is_private = !in.d.empty();
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  // BIGNUMs stay alive until the parameters are built: the builder keeps only pointers.
  std::vector<BigNum> numbers;
  auto push = [&](const char* name, std::string_view number) {
    numbers.push_back(to_bignum(number));
    return numbers.back() && OSSL_PARAM_BLD_push_BN(builder.get(), name, numbers.back().get()) == 1;
  };
  bool good = builder && push(OSSL_PKEY_PARAM_RSA_N, in.n) && push(OSSL_PKEY_PARAM_RSA_E, in.e);
  if (good && is_private) {
    good = push(OSSL_PKEY_PARAM_RSA_D, in.d.reveal()) && push(OSSL_PKEY_PARAM_RSA_FACTOR1, in.p.reveal()) &&
           push(OSSL_PKEY_PARAM_RSA_FACTOR2, in.q.reveal()) &&
           push(OSSL_PKEY_PARAM_RSA_EXPONENT1, in.dp.reveal()) &&
           push(OSSL_PKEY_PARAM_RSA_EXPONENT2, in.dq.reveal()) &&
           push(OSSL_PKEY_PARAM_RSA_COEFFICIENT1, in.qi.reveal());
  }
  if (!good) return not_a_key("The RSA parameters are not numbers.");
  Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  Context context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                        params.get()) != 1) {
    return not_a_key("The RSA parameters do not make a key.");
  }
  return accept(own(key), is_private);
}

Result<PKey> ec_from(const Parameters& in) {
  const Curve* curve = curve_by_jwk_name(in.curve);
  if (!curve) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.curve",
                "The EC key is on a curve other than P-256, P-384 and P-521.");
  }
  bool is_private = !in.d.empty();
  // RFC 7518 sections 6.2.1.2 and 6.2.2.1: full length, leading zeros included.
  if (in.x.size() != curve->field_bytes || in.y.size() != curve->field_bytes ||
      (is_private && in.d.reveal().size() != curve->field_bytes)) {
    return not_a_key("An EC coordinate is not as long as the curve wants it.");
  }
  std::string point = "\x04" + in.x + in.y;  // uncompressed, SEC 1 section 2.3.3
  ParamBuilder builder(OSSL_PARAM_BLD_new());
  BigNum scalar = is_private ? to_bignum(in.d.reveal()) : BigNum();
  bool good =
      builder &&
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->openssl.data(),
                                      curve->openssl.size()) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) ==
          1 &&
      (!is_private ||
       (scalar && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, scalar.get()) == 1));
  Params params(good ? OSSL_PARAM_BLD_to_param(builder.get()) : nullptr);
  Context context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                        params.get()) != 1) {
    return not_a_key("The EC parameters do not make a key; is the point on the curve?");
  }
  return accept(own(key), is_private);
}

Result<PKey> okp_from(const Parameters& in) {
  if (in.curve != "Ed25519") {
    return fail(ErrorKind::invalid_input, in.curve == "X25519" ? "oauth.jwk.unsupported" : "oauth.jwk.curve",
                "An OKP key must be Ed25519 to sign.");
  }
  if (in.x.size() != 32 || (!in.d.empty() && in.d.reveal().size() != 32)) {
    return not_a_key("An Ed25519 key has 32 bytes.");
  }
  if (in.d.empty()) {
    PKey key = own(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes(in.x), in.x.size()));
    if (!key) return not_a_key("The Ed25519 key is not a point.");
    return accept(std::move(key), false);
  }
  PKey key = own(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, bytes(in.d.reveal()), 32));
  if (!key) return not_a_key("The Ed25519 seed does not make a key.");
  std::string derived(32, '\0');
  std::size_t length = derived.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), bytes(derived), &length) != 1 || derived != in.x) {
    return not_a_key("The private key does not belong to its public half.");
  }
  return accept(std::move(key), true);
}

struct PemBlock {
  std::string name;
  std::string headers;
  core::Secret der;
};

std::optional<PemBlock> next_block(BIO& in) {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long length = 0;
  if (PEM_read_bio(&in, &name, &header, &data, &length) != 1) return std::nullopt;
  PemBlock block{name, header,
                 core::Secret(std::string(reinterpret_cast<char*>(data), static_cast<std::size_t>(length)))};
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_clear_free(data, length);
  return block;
}

// nullptr when the name is not one of a key.
PKey decode_block(const PemBlock& block, bool& is_private) {
  const std::string& der = block.der.reveal();
  const unsigned char* cursor = bytes(der);
  const unsigned char* end = cursor + der.size();
  auto length = static_cast<long>(der.size());
  PKey key;
  is_private = true;
  if (block.name == "PRIVATE KEY") {
    std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>> info(
        d2i_PKCS8_PRIV_KEY_INFO(nullptr, &cursor, length));
    if (info) key = own(EVP_PKCS82PKEY(info.get()));
  } else if (block.name == "RSA PRIVATE KEY") {
    key = own(d2i_PrivateKey(EVP_PKEY_RSA, nullptr, &cursor, length));
  } else if (block.name == "EC PRIVATE KEY") {
    key = own(d2i_PrivateKey(EVP_PKEY_EC, nullptr, &cursor, length));
  } else {
    is_private = false;
    if (block.name == "PUBLIC KEY") key = own(d2i_PUBKEY(nullptr, &cursor, length));
    if (block.name == "RSA PUBLIC KEY") key = own(d2i_PublicKey(EVP_PKEY_RSA, nullptr, &cursor, length));
  }
  return key && cursor == end ? key : PKey();
}

struct KnownBlock {
  std::string_view name;
  std::string_view code;
  std::string_view message;
  std::string_view hint;
};
// PEM blocks people hand in that are no key for us, and what to tell them.
constexpr std::array<KnownBlock, 5> kRefusedBlocks{{
    {"ENCRYPTED PRIVATE KEY", "oauth.jwk.encrypted", "The private key is encrypted with a passphrase.",
     "Decrypt it into a file only you can read: openssl pkey -in KEY.pem -out PLAIN.pem"},
    {"CERTIFICATE", "oauth.jwk.not_a_key", "The PEM text is a certificate, not a key.",
     "Give the private key that belongs to it."},
    {"OPENSSH PRIVATE KEY", "oauth.jwk.unsupported", "The key is in OpenSSH's own format.",
     "Convert it: ssh-keygen -p -m PKCS8 -f KEY"},
    {"DSA PRIVATE KEY", "oauth.jwk.unsupported", "DSA keys do not sign tokens.",
     "Use an RSA, EC (P-256, P-384, P-521) or Ed25519 key."},
    {"CERTIFICATE REQUEST", "oauth.jwk.not_a_key", "The PEM text is a certificate request, not a key.",
     "Give the private key that belongs to it."},
}};

std::string pad_left(std::string number, std::size_t size) {
  if (number.size() < size) number.insert(0, size - number.size(), '\0');
  return number;
}

std::optional<std::string> number_parameter(EVP_PKEY& key, const char* name, std::size_t pad_to = 0) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(&key, name, &raw) != 1) return std::nullopt;
  BigNum number(raw);
  std::string text(static_cast<std::size_t>(BN_num_bytes(number.get())), '\0');
  BN_bn2bin(number.get(), bytes(text));
  return pad_left(std::move(text), pad_to);
}

std::string drain(BIO& out) {
  char* data = nullptr;
  long length = BIO_get_mem_data(&out, &data);
  return length > 0 ? std::string(data, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace

std::size_t field_bytes(std::string_view curve) {
  const Curve* known = curve_by_jwk_name(curve);
  return known ? known->field_bytes : 0;
}

Result<PKey> from_parameters(const Parameters& parameters) {
  CleanErrorQueue guard;
  switch (parameters.type) {
    case KeyType::rsa:
      return rsa_from(parameters);
    case KeyType::ec:
      return ec_from(parameters);
    case KeyType::okp:
      return okp_from(parameters);
    case KeyType::oct:
      break;
  }
  return fail(ErrorKind::internal, "oauth.jwk.unsupported", "A secret is not an OpenSSL key.");
}

Result<PKey> from_pem(std::string_view pem, bool& is_private) {
  CleanErrorQueue guard;
  Bio in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!in) return fail(ErrorKind::internal, "oauth.jwk.not_a_key", "There was no memory to read the key.");
  while (auto block = next_block(*in)) {
    // `openssl ecparam -genkey` writes the curve's name before the key.
    if (block->name == "EC PARAMETERS") continue;
    if (block->headers.find("ENCRYPTED") != std::string::npos) block->name = "ENCRYPTED PRIVATE KEY";
    for (const KnownBlock& known : kRefusedBlocks) {
      if (known.name == block->name) {
        return fail(ErrorKind::invalid_input, std::string(known.code), std::string(known.message),
                    std::string(known.hint));
      }
    }
    PKey key = decode_block(*block, is_private);
    if (!key)
      return not_a_key("The PEM block \"" + block->name.substr(0, 40) + "\" holds no key that can be read.");
    return accept(std::move(key), is_private);
  }
  return not_a_key(
      "The text has no complete PEM block.",
      "A key starts with a line \"-----BEGIN PRIVATE KEY-----\" and ends with \"-----END PRIVATE "
      "KEY-----\"; line ends may be written as \\n.");
}

Result<PKey> generate(Algorithm algorithm, unsigned rsa_bits) {
  CleanErrorQueue guard;
  EVP_PKEY* key = nullptr;
  switch (algorithm) {
    case Algorithm::es256:
      key = EVP_EC_gen("P-256");
      break;
    case Algorithm::es384:
      key = EVP_EC_gen("P-384");
      break;
    case Algorithm::es512:
      key = EVP_EC_gen("P-521");
      break;
    case Algorithm::eddsa:
      key = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
      break;
    case Algorithm::hs256:
    case Algorithm::hs384:
    case Algorithm::hs512:
      return fail(ErrorKind::invalid_input, "oauth.jwk.algorithm", "HMAC has no key pair to generate.");
    default:
      key = EVP_RSA_gen(rsa_bits);
      break;
  }
  if (!key) return fail(ErrorKind::internal, "oauth.jwk.not_a_key", "OpenSSL could not generate a key.");
  return own(key);
}

Result<Parameters> to_parameters(EVP_PKEY& key, bool with_private) {
  CleanErrorQueue guard;
  Parameters out;
  bool complete = true;
  auto number = [&](const char* name, std::size_t pad_to = 0) {
    auto value = number_parameter(key, name, pad_to);
    complete = complete && value;
    return value ? std::move(*value) : std::string();
  };
  switch (EVP_PKEY_get_base_id(&key)) {
    case EVP_PKEY_RSA:
      out.type = KeyType::rsa;
      out.n = number(OSSL_PKEY_PARAM_RSA_N);
      out.e = number(OSSL_PKEY_PARAM_RSA_E);
      if (with_private) {
        out.d = core::Secret(number(OSSL_PKEY_PARAM_RSA_D));
        out.p = core::Secret(number(OSSL_PKEY_PARAM_RSA_FACTOR1));
        out.q = core::Secret(number(OSSL_PKEY_PARAM_RSA_FACTOR2));
        out.dp = core::Secret(number(OSSL_PKEY_PARAM_RSA_EXPONENT1));
        out.dq = core::Secret(number(OSSL_PKEY_PARAM_RSA_EXPONENT2));
        out.qi = core::Secret(number(OSSL_PKEY_PARAM_RSA_COEFFICIENT1));
      }
      break;
    case EVP_PKEY_EC: {
      const Curve* curve = curve_of(key);
      if (!curve) return not_a_key("The EC key has no named curve.");
      out.type = KeyType::ec;
      out.curve = curve->jwk;
      out.x = number(OSSL_PKEY_PARAM_EC_PUB_X, curve->field_bytes);
      out.y = number(OSSL_PKEY_PARAM_EC_PUB_Y, curve->field_bytes);
      if (with_private) out.d = core::Secret(number(OSSL_PKEY_PARAM_PRIV_KEY, curve->field_bytes));
      break;
    }
    default: {
      out.type = KeyType::okp;
      out.curve = "Ed25519";
      std::size_t length = 32;
      out.x.assign(length, '\0');
      complete = EVP_PKEY_get_raw_public_key(&key, bytes(out.x), &length) == 1;
      if (with_private) {
        std::string seed(32, '\0');
        complete = complete && EVP_PKEY_get_raw_private_key(&key, bytes(seed), &length) == 1;
        out.d = core::Secret(std::move(seed));
      }
    }
  }
  if (!complete) return not_a_key("A parameter of the key is missing.");
  return out;
}

Result<core::Secret> to_private_pem(EVP_PKEY& key) {
  CleanErrorQueue guard;
  Bio out(BIO_new(BIO_s_secmem()));
  if (!out || PEM_write_bio_PKCS8PrivateKey(out.get(), &key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return fail(ErrorKind::internal, "oauth.jwk.not_private", "The key could not be written as PKCS#8.");
  }
  return core::Secret(drain(*out));
}

std::string to_public_pem(EVP_PKEY& key) {
  CleanErrorQueue guard;
  Bio out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_PUBKEY(out.get(), &key) != 1) return {};
  return drain(*out);
}

PKey without_private(EVP_PKEY& key) {
  CleanErrorQueue guard;
  unsigned char* der = nullptr;
  int length = i2d_PUBKEY(&key, &der);
  if (length <= 0) return {};
  const unsigned char* cursor = der;
  PKey half = own(d2i_PUBKEY(nullptr, &cursor, length));
  OPENSSL_free(der);
  return half;
}

}  // namespace oauth::evp
