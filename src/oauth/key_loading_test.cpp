#include "oauth/key_loading.h"

#include <fstream>
#include <gtest/gtest.h>

#include "core/encoding.h"
#include "core/json.h"
#include "oauth/jws.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using test::TempDir;
using testing::HasSubstr;
using testing::Not;

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

// The base64 of a PEM in one piece: what must not stand in any error.
std::string body_of(const std::string& pem) {
  const auto begin = pem.find('\n') + 1;
  return replaced(pem.substr(begin, pem.rfind("\n-----END") - begin), "\n", "");
}

std::string write_file(const TempDir& dir, std::string name, std::string_view content) {
  const std::string path = dir.path() + "/" + std::move(name);
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

struct Pair {
  Key key;
  std::string pem;
};
Pair make(Algorithm algorithm) {
  auto key = Key::generate(algorithm);
  EXPECT_TRUE(key);
  auto pem = key->private_pem();
  EXPECT_TRUE(pem);
  return {*key, pem->reveal()};
}

const Pair& rsa() {
  static const Pair pair = make(Algorithm::rs256);
  return pair;
}
const Pair& ec() {
  static const Pair pair = make(Algorithm::es384);
  return pair;
}

TEST(LoadPrivateKey, ReadsPemHoweverItHasBeenBent) {
  TempDir dir;
  for (const Pair* pair : {&rsa(), &ec()}) {
    const std::string& pem = pair->pem;
    const std::string jwk = pair->key.private_jwk()->reveal();
    const std::string der = *core::base64_decode(body_of(pem));
    struct Form {
      std::string what, text;
    };
    const Form forms[] = {
        {"as it is", pem},
        {"CRLF", replaced(pem, "\n", "\r\n")},
        {"spaces for line ends", replaced(pem, "\n", " ")},
        {"line ends gone", replaced(pem, "\n", "")},
        {"literal \\n", replaced(pem, "\n", "\\n")},
        {"literal \\r\\n", replaced(pem, "\n", "\\r\\n")},
        {"escaped twice", replaced(pem, "\n", "\\\\n")},
        {"in double quotes", "\"" + replaced(pem, "\n", "\\n") + "\""},
        {"in both quotes", "'\"" + pem + "\"'\n"},
        {"indented", replaced("  " + pem, "\n", "\n    ")},
        {"text around it", "Bag Attributes\n  friendlyName: x\n" + pem + "\nthanks\n"},
        {"base64", core::base64_encode(pem)},
        {"base64, wrapped", replaced(core::base64_encode(pem), "A", "A\n")},
        {"base64url", core::base64url_encode(pem)},
        {"base64 of the DER", core::base64_encode(der)},
        {"JWK", jwk},
        {"JWK in quotes", "'" + jwk + "'"},
        {"JWK with escaped quotes", replaced(jwk, "\"", "\\\"")},
        {"JWK as a JSON string",
         "\"" + replaced(replaced("{\n" + jwk.substr(1), "\"", "\\\""), "\n", "\\n") + "\""},
        {"JWK after a byte order mark", "\xef\xbb\xbf" + jwk},
        {"base64 after a byte order mark", "\xef\xbb\xbf" + core::base64_encode(pem)},
        {"base64 of a JWK", core::base64_encode(jwk)},
        {"JWK Set", "{\"keys\":[" + core::json::write(pair->key.public_jwk()) + "," + jwk + "]}"},
        {"path", write_file(dir, "key.pem", pem)},
        {"path with a file URL", "file://" + write_file(dir, "key2.pem", pem)},
        {"path in quotes", "\"" + write_file(dir, "key3.pem", replaced(pem, "\n", "\r\n")) + "\"\n"},
        {"path of a JWK", write_file(dir, "key.json", jwk)},
        {"path of a JWK after a byte order mark", write_file(dir, "bom.json", "\xef\xbb\xbf" + jwk + "\r\n")},
        {"path of DER", write_file(dir, "key.der", der)},
        {"path of base64", write_file(dir, "key.b64", core::base64_encode(pem) + "\n")},
    };
    for (const auto& form : forms) {
      SCOPED_TRACE(form.what);
      const auto key = load_private_key(form.text, "kid-1");
      ASSERT_TRUE(key) << key.error().message;
      EXPECT_EQ(key->thumbprint(), pair->key.thumbprint());
      EXPECT_EQ(key->kid(), "kid-1");
      EXPECT_EQ(key->algorithm(), pair->key.algorithm());
    }
  }
}

TEST(LoadPrivateKey, ReadsThePemKindsOfOpenssl) {
  // PKCS#1 is inside PKCS#8 (RFC 5208): what follows the fixed header of an RSA 2048 key.
  const std::string der = *core::base64_decode(body_of(rsa().pem));
  const std::string pkcs1 = core::base64_encode(der.substr(26));
  const auto key =
      load_private_key("-----BEGIN RSA PRIVATE KEY-----" + pkcs1 + "-----END RSA PRIVATE KEY-----");
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(key->thumbprint(), rsa().key.thumbprint());
  const auto bare = load_private_key(pkcs1);
  ASSERT_TRUE(bare) << bare.error().message;
  EXPECT_EQ(bare->thumbprint(), rsa().key.thumbprint());

  // RFC 5915, with the curve's name inside and in front, as `openssl ecparam -genkey` writes it. The PKCS#8
  // form ends with the same structure, without the name (RFC 5958).
  const Pair p256 = make(Algorithm::es256);
  const std::string pkcs8 = *core::base64_decode(body_of(p256.pem));
  const std::string inner = pkcs8.substr(pkcs8.size() - 0x6d);
  const std::string curve("\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 12);
  const std::string sec1 = "\x30\x77" + inner.substr(2, 37) + curve + inner.substr(39);
  const auto ec_key = load_private_key(
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
      "-----BEGIN EC PRIVATE KEY-----\n" +
      core::base64_encode(sec1) + "\n-----END EC PRIVATE KEY-----\n");
  ASSERT_TRUE(ec_key) << ec_key.error().message;
  EXPECT_EQ(ec_key->thumbprint(), p256.key.thumbprint());
  const auto bare_ec = load_private_key(core::base64_encode(sec1));
  ASSERT_TRUE(bare_ec) << bare_ec.error().message;
  EXPECT_EQ(bare_ec->thumbprint(), p256.key.thumbprint());
}

TEST(LoadPrivateKey, TakesTheNameFromTheArgumentThenFromTheJwk) {
  const std::string jwk = rsa().key.with_kid("from-jwk").private_jwk()->reveal();
  EXPECT_EQ(load_private_key(jwk)->kid(), "from-jwk");
  EXPECT_EQ(load_private_key(jwk, "given")->kid(), "given");
  EXPECT_EQ(load_private_key(rsa().pem)->kid(), "");
}

TEST(LoadPrivateKey, PicksTheKeyOfASetByItsName) {
  const std::string set = "{\"keys\":[" + rsa().key.with_kid("a").private_jwk()->reveal() + "," +
                          ec().key.with_kid("b").private_jwk()->reveal() + "]}";
  EXPECT_EQ(load_private_key(set, "b")->thumbprint(), ec().key.thumbprint());
  EXPECT_EQ(load_private_key(set, "a")->thumbprint(), rsa().key.thumbprint());
  for (const std::string kid : {"", "c"}) {
    const auto none = load_private_key(set, kid);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, "oauth.key.not_a_key");
    EXPECT_THAT(none.error().hint, HasSubstr("OKTA_KEY_ID"));
  }
}

TEST(LoadPrivateKey, SaysWhatIsWrongWithoutRepeatingTheText) {
  TempDir dir;
  const std::string body = body_of(rsa().pem);
  const std::string public_jwk = core::json::write(rsa().key.public_jwk());
  std::string encryption_jwk = rsa().key.private_jwk()->reveal();
  encryption_jwk = replaced(encryption_jwk, "\"use\":\"sig\",", "");
  encryption_jwk.replace(0, 1, "{\"use\":\"enc\",");
  struct Case {
    std::string what, text, code, in_text;
  };
  const Case cases[] = {
      {"nothing", "", "oauth.key.empty", "OKTA_PRIVATE_KEY"},
      {"quotes around nothing", "\"\"", "oauth.key.empty", "OKTA_PRIVATE_KEY"},
      {"PKCS#8 under a passphrase",
       "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" + body + "\n-----END ENCRYPTED PRIVATE KEY-----\n",
       "oauth.key.encrypted", "openssl pkey"},
      {"PKCS#1 under a passphrase",
       "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n" + body +
           "\n-----END RSA PRIVATE KEY-----\n",
       "oauth.key.encrypted", "openssl pkey"},
      {"public PEM", rsa().key.public_pem(), "oauth.key.public", "PUBLIC KEY"},
      {"certificate", "-----BEGIN CERTIFICATE-----\n" + body + "\n-----END CERTIFICATE-----\n",
       "oauth.key.public", "CERTIFICATE"},
      {"public JWK", public_jwk, "oauth.key.public", "public half"},
      {"first line of a PEM only", "-----BEGIN PRIVATE KEY-----", "oauth.key.cut_off", "quotes"},
      {"half a PEM", rsa().pem.substr(0, 300), "oauth.key.cut_off", "quotes"},
      {"key text in place of the label", "-----BEGIN " + body + "-----", "oauth.key.cut_off", "quotes"},
      {"PEM of nothing", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
       "oauth.jwk.not_a_key", "PRIVATE KEY"},
      {"body without its lines, damaged", body.substr(0, body.size() - 8), "oauth.key.not_a_key", "no PEM"},
      {"broken JSON", "{\"kty\":\"RSA\"", "oauth.key.not_a_key", "JSON"},
      {"unknown JWK", R"({"kty":"LTC","d":"x"})", "oauth.jwk.unsupported", "kty"},
      {"shared secret", R"({"kty":"oct","k":"czNjcjN0czNjcjN0czNjcjN0czNjcjN0czNjcjN0czM"})", "oauth.key.use",
       "shared"},
      {"encryption JWK", encryption_jwk, "oauth.key.use", "signing"},
      {"no such file", dir.path() + "/missing.pem", "oauth.key.not_a_key", "no file of that name"},
      {"a directory", dir.path(), "oauth.key.not_a_key", "path"},
      {"a file with something else", write_file(dir, "notes.txt", "my notes"), "oauth.key.not_a_key",
       "notes.txt"},
      {"a file with an encrypted key",
       write_file(dir, "enc.pem",
                  "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----"),
       "oauth.key.encrypted", "enc.pem"},
      {"several lines of text", "one\ntwo", "oauth.key.not_a_key", "no PEM"},
      {"far too long", std::string(70'000, 'x'), "oauth.key.not_a_key", "longer"},
  };
  const std::string secret_member{
      core::json::string_or_empty(*core::json::parse(rsa().key.private_jwk()->reveal()), "d")};
  for (const auto& each : cases) {
    SCOPED_TRACE(each.what);
    const auto key = load_private_key(each.text, "kid-1");
    ASSERT_FALSE(key);
    EXPECT_EQ(key.error().code, each.code);
    const std::string text = test::everything(key.error());
    EXPECT_THAT(text, HasSubstr(each.in_text));
    // No run of key text, not even a short one.
    for (std::size_t at = 0; at + 24 <= body.size(); at += 8) {
      ASSERT_FALSE(text.contains(body.substr(at, 24))) << text;
    }
    EXPECT_THAT(text, Not(HasSubstr(secret_member.substr(0, 24))));
  }
}

TEST(LoadPrivateKey, NeverRepeatsAMangledKeyThatLooksLikeAPath) {
  // One character lost: neither base64 of a key nor a file.
  const std::string body = body_of(rsa().pem).substr(0, 900);
  for (const std::string& text : {body, "/" + body, body.substr(0, 300) + "!" + body.substr(300)}) {
    const auto key = load_private_key(text);
    ASSERT_FALSE(key);
    EXPECT_FALSE(test::everything(key.error()).contains(body.substr(20, 24)));
  }
}

}  // namespace
}  // namespace oauth
