#include "oauth/jwk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "core/json.h"
#include "oauth/jws.h"

namespace oauth {
namespace {

template <class T>
std::string code(const core::Result<T>& result) {
  return result ? "ok" : result.error().code;
}

enum class PemForm { pkcs8, traditional, encrypted_pkcs8, encrypted_traditional, spki };

std::string pem_of(EVP_PKEY* owned, PemForm form) {
  BIO* out = BIO_new(BIO_s_mem());
  unsigned char passphrase[] = "secret";
  switch (form) {
    case PemForm::pkcs8:
      PEM_write_bio_PKCS8PrivateKey(out, owned, nullptr, nullptr, 0, nullptr, nullptr);
      break;
    case PemForm::traditional:
      PEM_write_bio_PrivateKey_traditional(out, owned, nullptr, nullptr, 0, nullptr, nullptr);
      break;
    case PemForm::encrypted_pkcs8:
      PEM_write_bio_PKCS8PrivateKey(out, owned, EVP_aes_128_cbc(), reinterpret_cast<char*>(passphrase), 6,
                                    nullptr, nullptr);
      break;
    case PemForm::encrypted_traditional:
      PEM_write_bio_PrivateKey_traditional(out, owned, EVP_aes_128_cbc(), passphrase, 6, nullptr, nullptr);
      break;
    case PemForm::spki:
      PEM_write_bio_PUBKEY(out, owned);
      break;
  }
  char* data = nullptr;
  long length = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(length));
  BIO_free(out);
  EVP_PKEY_free(owned);
  return text;
}

EVP_PKEY* make_pss_key() {
  EVP_PKEY* key = nullptr;
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA-PSS", nullptr);
  EVP_PKEY_keygen_init(context);
  EVP_PKEY_generate(context, &key);
  EVP_PKEY_CTX_free(context);
  return key;
}

const Key& rsa_key() {
  static const Key key = *Key::generate(Algorithm::rs256);
  return key;
}

boost::json::object parse_object(std::string_view text) {
  return core::json::parse(text)->get_object();
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

TEST(Algorithm, NamesAreThoseOfRfc7518AndNothingElse) {
  for (Algorithm algorithm : asymmetric_algorithms()) {
    EXPECT_EQ(parse_algorithm(to_string(algorithm)), algorithm);
  }
  EXPECT_EQ(asymmetric_algorithms().size(), 10u);
  for (const char* name : {"none", "None", "rs256", "ES256K", "HS1", "RSA-OAEP", ""}) {
    EXPECT_EQ(parse_algorithm(name), std::nullopt) << name;
  }
}

TEST(KeyFromPem, ReadsEveryFormAndBindsTheDefaultAlgorithm) {
  struct Row {
    const char* what;
    EVP_PKEY* key;
    PemForm form;
    Algorithm algorithm;
    bool is_private;
    std::size_t bits;
  };
  const Row rows[] = {
      {"RSA PKCS#8", EVP_RSA_gen(2048), PemForm::pkcs8, Algorithm::rs256, true, 2048},
      {"RSA PKCS#1", EVP_RSA_gen(2048), PemForm::traditional, Algorithm::rs256, true, 2048},
      {"RSA SPKI", EVP_RSA_gen(2048), PemForm::spki, Algorithm::rs256, false, 2048},
      {"P-256 PKCS#8", EVP_EC_gen("P-256"), PemForm::pkcs8, Algorithm::es256, true, 256},
      {"P-256 SEC1", EVP_EC_gen("P-256"), PemForm::traditional, Algorithm::es256, true, 256},
      {"P-384 SEC1", EVP_EC_gen("P-384"), PemForm::traditional, Algorithm::es384, true, 384},
      {"P-521 PKCS#8", EVP_EC_gen("P-521"), PemForm::pkcs8, Algorithm::es512, true, 521},
      {"P-521 SPKI", EVP_EC_gen("P-521"), PemForm::spki, Algorithm::es512, false, 521},
      {"Ed25519 PKCS#8", EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), PemForm::pkcs8, Algorithm::eddsa,
       true, 256},
      {"Ed25519 SPKI", EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), PemForm::spki, Algorithm::eddsa, false,
       256},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    std::string pem = pem_of(row.key, row.form);
    for (const std::string& text :
         {pem, replaced(pem, "\n", "\\n"), replaced(pem, "\n", "\r\n"), "\n\n" + pem}) {
      auto key = Key::parse(text);
      ASSERT_EQ(code(key), "ok") << key.error().message;
      EXPECT_EQ(key->algorithm(), row.algorithm);
      EXPECT_EQ(key->is_private(), row.is_private);
      EXPECT_EQ(key->bits(), row.bits);
      EXPECT_EQ(key->kid(), "");
    }
  }
}

TEST(KeyFromPem, ReadsAKeyThatStandsBehindItsCurveParameters) {
  std::string pem = pem_of(EVP_EC_gen("P-256"), PemForm::traditional);
  // What `openssl ecparam -name prime256v1 -genkey` puts first: the curve's OID.
  EXPECT_EQ(code(Key::from_pem(
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + pem)),
            "ok");
}

TEST(KeyFromPem, SaysWhatIsWrong) {
  std::string good = pem_of(EVP_EC_gen("P-256"), PemForm::pkcs8);
  struct Row {
    const char* what;
    std::string pem;
    const char* code;
  };
  const Row rows[] = {
      {"empty", "", "oauth.jwk.not_a_key"},
      {"prose", "my key", "oauth.jwk.not_a_key"},
      {"cut off", good.substr(0, good.size() / 2), "oauth.jwk.not_a_key"},
      {"broken inside", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
       "oauth.jwk.not_a_key"},
      {"wrong label", replaced(good, "PRIVATE KEY", "PUBLIC KEY"), "oauth.jwk.not_a_key"},
      {"unknown label", replaced(good, "PRIVATE KEY", "WHATEVER"), "oauth.jwk.not_a_key"},
      {"certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
       "oauth.jwk.not_a_key"},
      {"too long", std::string((64u << 10) + 1, 'x'), "oauth.jwk.not_a_key"},
      {"OpenSSH", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
       "oauth.jwk.unsupported"},
      {"encrypted PKCS#8", pem_of(EVP_EC_gen("P-256"), PemForm::encrypted_pkcs8), "oauth.jwk.encrypted"},
      {"encrypted SEC1", pem_of(EVP_EC_gen("P-256"), PemForm::encrypted_traditional), "oauth.jwk.encrypted"},
      {"RSA 1024", pem_of(EVP_RSA_gen(1024), PemForm::pkcs8), "oauth.jwk.too_short"},
      {"secp256k1", pem_of(EVP_EC_gen("secp256k1"), PemForm::pkcs8), "oauth.jwk.curve"},
      {"X25519", pem_of(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"), PemForm::pkcs8),
       "oauth.jwk.unsupported"},
      {"Ed448", pem_of(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448"), PemForm::pkcs8),
       "oauth.jwk.unsupported"},
      {"RSA-PSS", pem_of(make_pss_key(), PemForm::pkcs8), "oauth.jwk.unsupported"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(code(Key::parse(row.pem)), row.code) << row.what;
    EXPECT_EQ(ERR_peek_error(), 0u) << row.what << " left an error in OpenSSL's queue";
  }
}

TEST(KeyGenerate, EveryAlgorithmSignsAndSurvivesPemAndJwk) {
  for (Algorithm algorithm : asymmetric_algorithms()) {
    SCOPED_TRACE(to_string(algorithm));
    auto key = Key::generate(algorithm);
    ASSERT_EQ(code(key), "ok");
    EXPECT_EQ(key->algorithm(), algorithm);
    std::string signature = *sign_raw(*key, "message");

    auto from_pem = Key::from_pem(key->private_pem()->reveal());
    ASSERT_EQ(code(from_pem), "ok");
    auto from_jwk = Key::from_jwk(key->with_kid("k1").private_jwk()->reveal());
    ASSERT_EQ(code(from_jwk), "ok");
    EXPECT_EQ(from_jwk->kid(), "k1");
    EXPECT_EQ(from_jwk->algorithm(), algorithm) << "a JWK keeps its algorithm";
    for (const Key& copy : {*from_pem->with_algorithm(algorithm), *from_jwk}) {
      EXPECT_TRUE(copy.is_private());
      EXPECT_EQ(copy.thumbprint(), key->thumbprint());
      EXPECT_TRUE(verify_raw(*key, "message", *sign_raw(copy, "message")));
    }

    auto public_jwk = Key::from_jwk(key->public_jwk());
    ASSERT_EQ(code(public_jwk), "ok");
    auto public_pem = Key::from_pem(key->public_pem());
    ASSERT_EQ(code(public_pem), "ok");
    for (const Key& half : {key->public_key(), *public_jwk, *public_pem->with_algorithm(algorithm)}) {
      EXPECT_FALSE(half.is_private());
      EXPECT_EQ(half.thumbprint(), key->thumbprint());
      EXPECT_TRUE(verify_raw(half, "message", signature));
      EXPECT_FALSE(verify_raw(half, "massage", signature));
      EXPECT_EQ(code(half.private_jwk()), "oauth.jwk.not_private");
      EXPECT_EQ(code(half.private_pem()), "oauth.jwk.not_private");
      EXPECT_EQ(code(sign_raw(half, "message")), "oauth.jwk.not_private");
    }
  }
  EXPECT_EQ(code(Key::generate(Algorithm::hs256)), "oauth.jwk.algorithm");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

TEST(KeyPublicJwk, HoldsNoPrivateMember) {
  for (Algorithm algorithm : {Algorithm::rs256, Algorithm::es256, Algorithm::eddsa}) {
    auto jwk = Key::generate(algorithm)->with_kid("k").public_jwk();
    for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "k"}) EXPECT_FALSE(jwk.contains(name)) << name;
    EXPECT_EQ(jwk.at("use"), "sig");
    EXPECT_EQ(jwk.at("kid"), "k");
    EXPECT_EQ(jwk.at("alg").as_string(), to_string(algorithm));
  }
  auto secret = Key::from_jwk(R"({"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"})");
  ASSERT_EQ(code(secret), "ok");
  EXPECT_EQ(secret->public_jwk(), parse_object(R"({"kty":"oct"})"));
}

TEST(KeyThumbprint, IsThatOfTheRfcs) {
  // RFC 7638 section 3.1.
  auto rsa = Key::from_jwk(
      R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})");
  ASSERT_EQ(code(rsa), "ok");
  EXPECT_EQ(rsa->thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  EXPECT_EQ(rsa->kid(), "2011-04-29");
  // RFC 8037 appendix A.3.
  auto okp =
      Key::from_jwk(R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})");
  ASSERT_EQ(code(okp), "ok");
  EXPECT_EQ(okp->thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

TEST(KeyFromJwk, SaysWhatIsWrong) {
  auto ec = Key::generate(Algorithm::es256)->public_jwk();
  auto ec_private = parse_object(Key::generate(Algorithm::es256)->private_jwk()->reveal());
  auto rsa_private = parse_object(rsa_key().private_jwk()->reveal());
  auto other_rsa = parse_object(Key::generate(Algorithm::rs256)->private_jwk()->reveal());
  auto okp_private = parse_object(Key::generate(Algorithm::eddsa)->private_jwk()->reveal());
  auto with = [](boost::json::object jwk, const char* name, const auto& value) {
    jwk[name] = boost::json::value_from(value);
    return jwk;
  };
  auto without = [](boost::json::object jwk, const char* name) {
    jwk.erase(name);
    return jwk;
  };
  struct Row {
    const char* what;
    boost::json::object jwk;
    const char* code;
  };
  const Row rows[] = {
      {"no kty", without(ec, "kty"), "oauth.jwk.member"},
      {"unknown kty", with(ec, "kty", "AKP"), "oauth.jwk.unsupported"},
      {"kty of another type", with(ec, "kty", 7), "oauth.jwk.member"},
      {"no x", without(ec, "x"), "oauth.jwk.member"},
      {"padded x", with(ec, "x", std::string(ec.at("x").as_string()) + "="), "oauth.jwk.member"},
      {"x not on the curve", with(ec, "x", std::string(43, 'A')), "oauth.jwk.not_a_key"},
      {"x too short", with(ec, "x", "AQ"), "oauth.jwk.not_a_key"},
      {"unknown curve", with(ec, "crv", "P-192"), "oauth.jwk.curve"},
      {"secp256k1", with(ec, "crv", "secp256k1"), "oauth.jwk.curve"},
      {"alg of another curve", with(ec, "alg", "ES384"), "oauth.jwk.algorithm"},
      {"alg of another type", with(ec, "alg", "RS256"), "oauth.jwk.algorithm"},
      {"alg none", with(ec, "alg", "none"), "oauth.jwk.algorithm"},
      {"alg for encryption", with(ec, "alg", "ECDH-ES"), "oauth.jwk.algorithm"},
      {"kid is a number", with(ec, "kid", 1), "oauth.jwk.member"},
      {"key_ops is a string", with(ec, "key_ops", "verify"), "oauth.jwk.member"},
      {"d of another key", with(ec_private, "x", ec.at("x")), "oauth.jwk.not_a_key"},
      {"d of another point", with(with(ec_private, "x", ec.at("x")), "y", ec.at("y")), "oauth.jwk.not_a_key"},
      {"d is zero", with(ec_private, "d", std::string(43, 'A')), "oauth.jwk.not_a_key"},
      {"no p", without(rsa_private, "p"), "oauth.jwk.member"},
      {"d of another modulus", with(rsa_private, "n", other_rsa.at("n")), "oauth.jwk.not_a_key"},
      {"even exponent", with(without(rsa_private, "d"), "e", "AQAA"), "oauth.jwk.weak"},
      {"exponent one", with(without(rsa_private, "d"), "e", "AQ"), "oauth.jwk.weak"},
      {"exponent zero", with(without(rsa_private, "d"), "e", "AA"), "oauth.jwk.member"},
      {"modulus of 1024 bits", with(without(rsa_private, "d"), "n", std::string(170, '_') + "8"),
       "oauth.jwk.too_short"},
      {"modulus of 17,000 bits", with(without(rsa_private, "d"), "n", std::string(2836, '_')),
       "oauth.jwk.too_long"},
      {"three primes", with(rsa_private, "oth", boost::json::array{}), "oauth.jwk.unsupported"},
      {"seed of another point", with(okp_private, "d", std::string(43, 'A')), "oauth.jwk.not_a_key"},
      {"X25519", with(without(okp_private, "alg"), "crv", "X25519"), "oauth.jwk.unsupported"},
      {"Ed448", with(without(okp_private, "alg"), "crv", "Ed448"), "oauth.jwk.curve"},
      {"secret of 16 bytes", parse_object(R"({"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODw","alg":"HS256"})"),
       "oauth.jwk.too_short"},
      {"secret too short for HS512",
       parse_object(R"({"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","alg":"HS512"})"),
       "oauth.jwk.too_short"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(code(Key::from_jwk(row.jwk)), row.code) << row.what;
    EXPECT_EQ(ERR_peek_error(), 0u) << row.what;
  }
  EXPECT_EQ(code(Key::from_jwk("[]")), "oauth.jwk.not_a_key");
  EXPECT_EQ(code(Key::from_jwk("{")), "oauth.jwk.not_a_key");
  EXPECT_EQ(code(Key::from_jwk(R"({"kty":"oct","kty":"RSA"})")), "oauth.jwk.member");
}

TEST(KeyFromJwk, ErrorsNeverHoldAPrivateMember) {
  auto jwk = parse_object(rsa_key().private_jwk()->reveal());
  std::string d(jwk.at("d").as_string());
  jwk["d"] = d + "!";
  auto key = Key::from_jwk(jwk);
  ASSERT_EQ(code(key), "oauth.jwk.member");
  EXPECT_EQ(core::describe(key.error()).find(d), std::string::npos);
}

TEST(KeyUse, IsObeyed) {
  struct Row {
    const char* member;
    boost::json::value value;
    bool verify;
    bool sign;
  };
  const Row rows[] = {
      {"use", "sig", true, true},
      {"use", "enc", false, false},
      {"key_ops", boost::json::array{"verify"}, true, false},
      {"key_ops", boost::json::array{"sign"}, false, true},
      {"key_ops", boost::json::array{"encrypt"}, false, false},
      {"ext", true, true, true},
  };
  for (const Row& row : rows) {
    auto jwk = parse_object(Key::generate(Algorithm::es256)->private_jwk()->reveal());
    jwk.erase("use");
    jwk[row.member] = row.value;
    auto key = Key::from_jwk(jwk);
    ASSERT_EQ(code(key), "ok");
    EXPECT_EQ(key->may_verify(), row.verify) << row.member << row.value;
    EXPECT_EQ(key->may_sign(), row.sign) << row.member << row.value;
    EXPECT_EQ(sign_raw(*key, "x").has_value(), row.sign);
  }
}

TEST(KeyWithAlgorithm, StaysInsideTheType) {
  EXPECT_EQ(code(rsa_key().with_algorithm(Algorithm::ps512)), "ok");
  EXPECT_EQ(code(rsa_key().with_algorithm(Algorithm::es256)), "oauth.jwk.algorithm");
  EXPECT_EQ(code(rsa_key().with_algorithm(Algorithm::hs256)), "oauth.jwk.algorithm");
  EXPECT_EQ(code(Key::generate(Algorithm::es256)->with_algorithm(Algorithm::es384)), "oauth.jwk.algorithm");
}

TEST(KeySetParse, SkipsWhatItDoesNotKnow) {
  auto rsa = core::json::write(rsa_key().with_kid("a").public_jwk());
  auto set = KeySet::parse(
      R"({"keys":[)" + rsa +
      R"(,{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"},{"kty":"EC","crv":"P-192","x":"AA","y":"AA"},
      "text",{"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}],"more":1})");
  ASSERT_EQ(code(set), "ok");
  ASSERT_EQ(set->keys().size(), 1u);
  EXPECT_EQ(set->keys()[0].kid(), "a");
  EXPECT_EQ(set->skipped(), 4u) << "a secret in a fetched document is skipped as well";
}

TEST(KeySetParse, RefusesWhatIsAmbiguous) {
  auto a = core::json::write(Key::generate(Algorithm::es256)->with_kid("a").public_jwk());
  auto b = core::json::write(Key::generate(Algorithm::es256)->with_kid("a").public_jwk());
  auto c = core::json::write(rsa_key().with_kid("a").public_jwk());
  std::string many = R"({"keys":[)";
  for (int i = 0; i < 257; ++i) many += i ? ",{}" : "{}";
  struct Row {
    std::string text;
    const char* code;
  };
  const Row rows[] = {
      {R"({"keys":[)" + a + "," + b + "]}", "oauth.jwks.duplicate_kid"},
      {R"({"keys":[)" + a + "," + c + "]}",
       "ok"},  // RFC 7517 section 4.5: the same kid with another kty is fine
      {R"({"keys":{}})", "oauth.jwks.not_a_set"},
      {R"({"kys":[]})", "oauth.jwks.not_a_set"},
      {R"([])", "oauth.jwks.not_a_set"},
      {R"(<html>)", "oauth.jwks.not_a_set"},
      {R"({"keys":[],"keys":[]})", "oauth.jwks.not_a_set"},
      {many + "]}", "oauth.jwks.too_large"},
      {R"({"keys":[)" + std::string(1u << 20, ' ') + "]}", "oauth.jwks.too_large"},
  };
  for (const Row& row : rows) EXPECT_EQ(code(KeySet::parse(row.text)), row.code) << row.text.substr(0, 40);
}

TEST(KeySetCandidates, AreBoundToAlgorithmAndName) {
  Key a = rsa_key().with_kid("a");
  Key b = Key::generate(Algorithm::es256)->with_kid("b");
  Key unnamed = *Key::generate(Algorithm::rs256);
  KeySet set({a, b, unnamed});
  EXPECT_EQ(set.candidates(Algorithm::rs256, "a").size(), 2u) << "a key without a name fits any";
  EXPECT_EQ(set.candidates(Algorithm::rs256, std::nullopt).size(), 2u);
  EXPECT_EQ(set.candidates(Algorithm::es256, "b").size(), 1u);
  EXPECT_EQ(set.candidates(Algorithm::es256, "a").size(), 0u);
  EXPECT_EQ(set.candidates(Algorithm::rs512, "a").size(), 0u);
  EXPECT_EQ(set.candidates(Algorithm::hs256, std::nullopt).size(), 0u);
}

TEST(KeySetPublicJwks, ReadsBack) {
  KeySet set({rsa_key().with_kid("a"), Key::generate(Algorithm::eddsa)->with_kid("b")});
  auto text = core::json::write(set.public_jwks());
  EXPECT_EQ(text.find("\"d\""), std::string::npos);
  auto read = KeySet::parse(text);
  ASSERT_EQ(code(read), "ok");
  EXPECT_EQ(read->keys().size(), 2u);
}

}  // namespace
}  // namespace oauth
