#include "oauth/jws.h"

#include <gtest/gtest.h>
#include <openssl/err.h>

#include "core/encoding.h"
#include "core/json.h"

namespace oauth {
namespace {

template <class T>
std::string code(const core::Result<T>& result) {
  return result ? "ok" : result.error().code;
}

const Key& ec_key() {
  static const Key key = Key::generate(Algorithm::es256)->with_kid("k1");
  return key;
}

JwsRules rules() {
  return {.algorithms = {Algorithm::es256}};
}

// A token with exactly this header text, rightly signed over it.
std::string token_with_header(std::string_view header, std::string_view payload = "{}",
                              const Key& key = ec_key()) {
  std::string input = core::base64url_encode(header) + "." + core::base64url_encode(payload);
  return input + "." + core::base64url_encode(*sign_raw(key, input));
}

TEST(Jws, EveryAlgorithmGoesThereAndBack) {
  for (Algorithm algorithm : asymmetric_algorithms()) {
    SCOPED_TRACE(to_string(algorithm));
    Key key = Key::generate(algorithm)->with_kid("name");
    auto token = sign_compact(key, "payload \x01", {{"typ", "example+jws"}});
    ASSERT_EQ(code(token), "ok");
    auto jws = verify_compact(*token, KeySet({key.public_key()}),
                              {.algorithms = {algorithm}, .types = {"example+jws"}});
    ASSERT_EQ(code(jws), "ok");
    EXPECT_EQ(jws->payload(), "payload \x01");
    EXPECT_EQ(jws->header().at("kid"), "name");
    EXPECT_EQ(jws->header().at("alg").as_string(), to_string(algorithm));
    EXPECT_EQ(jws->key().thumbprint(), key.thumbprint());
  }
}

TEST(Jws, HmacWorksOnlyWhereItIsListed) {
  Key key = *Key::from_jwk(R"({"kty":"oct","k":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"})");
  auto token = sign_compact(key, "x");
  ASSERT_EQ(code(token), "ok");
  auto all = asymmetric_algorithms();
  EXPECT_EQ(code(verify_compact(*token, KeySet({key}), {.algorithms = {all.begin(), all.end()}})),
            "oauth.jwt.algorithm");
  EXPECT_EQ(code(verify_compact(*token, KeySet({key}), {.algorithms = {Algorithm::hs256}})), "ok");
}

TEST(Jws, SignRefusesToBeToldTheAlgorithm) {
  for (const char* name : {"alg", "crit", "b64"}) {
    EXPECT_EQ(code(sign_compact(ec_key(), "x", {{name, "none"}})), "oauth.jws.header") << name;
  }
}

TEST(Jws, HeadersThatAreRefused) {
  struct Row {
    const char* header;
    const char* code;
  };
  const Row rows[] = {
      {R"({"alg":"ES256"})", "ok"},
      {R"({"alg":"ES256","kid":"k1"})", "ok"},
      {R"( { "alg" : "ES256" } )", "ok"},
      {R"({"alg":"ES256","kid":"k2"})", "oauth.jwt.unknown_key"},
      {R"({"alg":"ES256","kid":""})", "oauth.jwt.unknown_key"},
      {R"({"alg":"ES256","kid":5})", "oauth.jwt.header"},
      {R"({"alg":"ES256","typ":null})", "oauth.jwt.header"},
      {R"({"alg":["ES256"]})", "oauth.jwt.header"},
      {R"({"kid":"k1"})", "oauth.jwt.algorithm"},
      {R"({"alg":"none"})", "oauth.jwt.algorithm"},
      {R"({"alg":"es256"})", "oauth.jwt.algorithm"},
      {R"({"alg":"ES384"})", "oauth.jwt.algorithm"},
      {R"({"alg":"HS256"})", "oauth.jwt.algorithm"},
      {R"({"alg":"ES256","alg":"none"})", "oauth.jwt.duplicate"},
      {R"({"alg":"ES256","\u0061lg":"none"})", "oauth.jwt.duplicate"},
      {R"({"alg":"ES256","crit":["exp"],"exp":1})", "oauth.jwt.critical"},
      {R"({"alg":"ES256","crit":[]})", "oauth.jwt.critical"},
      {R"({"alg":"ES256","crit":["b64"],"b64":false})", "oauth.jwt.critical"},
      {R"({"alg":"ES256","b64":false})", "oauth.jwt.critical"},
      {R"({"alg":"ES256","b64":true})", "oauth.jwt.critical"},
      {R"([])", "oauth.jwt.malformed"},
      {R"("ES256")", "oauth.jwt.malformed"},
      {R"({"alg":"ES256"}{})", "oauth.jwt.malformed"},
      {R"({"alg":"ES256",})", "oauth.jwt.malformed"},
      {"", "oauth.jwt.malformed"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(code(verify_compact(token_with_header(row.header), KeySet({ec_key()}), rules())), row.code)
        << row.header;
  }
}

TEST(Jws, AKeyInTheHeaderIsNotTrusted) {
  Key attacker = Key::generate(Algorithm::es256)->with_kid("k1");
  std::string header = R"({"alg":"ES256","kid":"k1","jwk":)" + core::json::write(attacker.public_jwk()) + "}";
  EXPECT_EQ(code(verify_compact(token_with_header(header, "{}", attacker), KeySet({ec_key()}), rules())),
            "oauth.jwt.signature");
  // RFC 8725 section 2.1: the public key's bytes as an HMAC secret.
  EXPECT_EQ(code(verify_compact(token_with_header(R"({"alg":"HS256","kid":"k1"})"), KeySet({ec_key()}),
                                {.algorithms = {Algorithm::es256, Algorithm::hs256}})),
            "oauth.jwt.unknown_key");
}

TEST(Jws, TypeRule) {
  struct Row {
    const char* header;
    std::vector<std::string> types;
    bool optional;
    const char* code;
  };
  const Row rows[] = {
      {R"({"alg":"ES256","typ":"at+jwt"})", {}, false, "ok"},
      {R"({"alg":"ES256","typ":"at+jwt"})", {"at+jwt"}, false, "ok"},
      {R"({"alg":"ES256","typ":"AT+JWT"})", {"at+jwt"}, false, "ok"},
      {R"({"alg":"ES256","typ":"application/at+jwt"})", {"at+jwt"}, false, "ok"},
      {R"({"alg":"ES256","typ":"at+jwt"})", {"JWT", "application/at+jwt"}, false, "ok"},
      {R"({"alg":"ES256","typ":"JWT"})", {"at+jwt"}, false, "oauth.jwt.type"},
      {R"({"alg":"ES256","typ":"JWT"})", {"at+jwt"}, true, "oauth.jwt.type"},
      {R"({"alg":"ES256","typ":""})", {"at+jwt"}, true, "oauth.jwt.type"},
      {R"({"alg":"ES256"})", {"at+jwt"}, false, "oauth.jwt.type"},
      {R"({"alg":"ES256"})", {"at+jwt"}, true, "ok"},
  };
  for (const Row& row : rows) {
    JwsRules rule{.algorithms = {Algorithm::es256}, .types = row.types, .typ_optional = row.optional};
    EXPECT_EQ(code(verify_compact(token_with_header(row.header), KeySet({ec_key()}), rule)), row.code)
        << row.header;
  }
}

TEST(Jws, KidCanBeDemanded) {
  JwsRules rule{.algorithms = {Algorithm::es256}, .require_kid = true};
  EXPECT_EQ(code(verify_compact(token_with_header(R"({"alg":"ES256"})"), KeySet({ec_key()}), rule)),
            "oauth.jwt.unknown_key");
  EXPECT_EQ(
      code(verify_compact(token_with_header(R"({"alg":"ES256","kid":"k1"})"), KeySet({ec_key()}), rule)),
      "ok");
}

TEST(Jws, WithoutKidEveryFittingKeyIsTried) {
  KeySet set({*Key::generate(Algorithm::es256), *Key::generate(Algorithm::rs256), ec_key()});
  auto jws = verify_compact(token_with_header(R"({"alg":"ES256"})"), set, rules());
  ASSERT_EQ(code(jws), "ok");
  EXPECT_EQ(jws->key().kid(), "k1");
}

TEST(Jws, ShapesThatAreRefused) {
  std::string good = *sign_compact(ec_key(), "{}");
  std::size_t dot = good.rfind('.');
  struct Row {
    const char* what;
    std::string token;
    const char* code;
  };
  const Row rows[] = {
      {"empty", "", "oauth.jwt.malformed"},
      {"two parts", good.substr(0, dot), "oauth.jwt.malformed"},
      {"five parts", good + ".a.b", "oauth.jwt.malformed"},
      {"padding", good + "=", "oauth.jwt.malformed"},
      {"space", " " + good, "oauth.jwt.malformed"},
      {"line end", good + "\n", "oauth.jwt.malformed"},
      {"not base64url", good.substr(0, dot) + ".+/AA", "oauth.jwt.malformed"},
      {"no signature", good.substr(0, dot + 1), "oauth.jwt.signature"},
      {"short signature", good.substr(0, dot + 1 + 84), "oauth.jwt.signature"},
      {"long signature", good + "AAAA", "oauth.jwt.signature"},
      {"zero signature", good.substr(0, dot + 1) + std::string(86, 'A'), "oauth.jwt.signature"},
      {"too large", std::string(40u << 10, 'a'), "oauth.jwt.too_large"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(code(verify_compact(row.token, KeySet({ec_key()}), rules())), row.code) << row.what;
    EXPECT_EQ(ERR_peek_error(), 0u) << row.what << " left an error in OpenSSL's queue";
  }
}

TEST(Jws, NothingIsAcceptedWithoutAnAllowList) {
  EXPECT_EQ(code(verify_compact(*sign_compact(ec_key(), "{}"), KeySet({ec_key()}), {})),
            "oauth.jwt.algorithm");
}

TEST(Jws, AKeyThatMayNotVerifyDoesNot) {
  auto jwk = ec_key().public_jwk();
  jwk["use"] = "enc";
  EXPECT_EQ(code(verify_compact(*sign_compact(ec_key(), "{}"), KeySet({*Key::from_jwk(jwk)}), rules())),
            "oauth.jwt.unknown_key");
}

TEST(Peek, ReadsWithoutTrusting) {
  auto jwt = peek(*sign_compact(ec_key(), R"({"iss":"a"})"));
  ASSERT_EQ(code(jwt), "ok");
  EXPECT_EQ(jwt->claims.at("iss"), "a");
  EXPECT_EQ(code(peek(*sign_compact(ec_key(), "[]"))), "oauth.jwt.malformed");
  EXPECT_EQ(code(peek(*sign_compact(ec_key(), R"({"a":1,"a":2})"))), "oauth.jwt.duplicate");
  EXPECT_EQ(code(peek("x")), "oauth.jwt.malformed");
}

}  // namespace
}  // namespace oauth
