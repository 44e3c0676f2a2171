#include "oauth/dpop_verifier.h"

#include <gtest/gtest.h>
#include <set>

#include "core/encoding.h"
#include "core/json.h"
#include "oauth/jws.h"

namespace oauth {
namespace {

using boost::json::object;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string code(const auto& result) {
  return result ? "ok" : result.error().code;
}

// RFC 9449: the key and the requests of its examples.
constexpr const char* kRfcThumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";  // section 6.1
constexpr const char* kRfcHeader =
    "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpD"
    "a0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6"
    "IlAtMjU2In19";
// Figure 2, section 4.1, and figure 4, section 5.
const std::string kRfcTokenProof =
    std::string(kRfcHeader) +
    ".eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2V"
    "u"
    "IiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV"
    "37xRZT3Lg";
// Figure 12, section 7.1.
const std::string kRfcResourceProof =
    std::string(kRfcHeader) +
    ".eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm9"
    "0"
    "ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtz"
    "b"
    "VFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
constexpr const char* kRfcAccessToken = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";

TEST(DpopVerifier, TheExamplesOfTheRfc) {
  core::FakeClock clock(core::WallTime{seconds{1562262617}});
  auto token = verify_dpop_proof(
      {.proofs = {kRfcTokenProof}, .method = "POST", .url = "https://server.example.com/token"}, {}, clock);
  ASSERT_EQ(code(token), "ok");
  EXPECT_EQ(token->thumbprint(), kRfcThumbprint);
  EXPECT_EQ(token->id(), "-BwC3ESc6acc2lTc");
  EXPECT_EQ(token->replayable_until(), core::WallTime{seconds{1562262616 + 300}});

  EXPECT_EQ(access_token_hash(kRfcAccessToken), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
  DpopRequest resource{.proofs = {kRfcResourceProof},
                       .method = "GET",
                       .url = "https://resource.example.org/protectedresource",
                       .access_token = kRfcAccessToken,
                       .bound_to = kRfcThumbprint};
  EXPECT_EQ(code(verify_dpop_proof(resource, {}, clock)), "ok");
  std::string altered = kRfcResourceProof;
  altered[altered.size() - 5] = altered[altered.size() - 5] == 'A' ? 'B' : 'A';
  resource.proofs = {altered};
  EXPECT_EQ(code(verify_dpop_proof(resource, {}, clock)), "oauth.dpop.signature");
}

const Key& es256() {
  static const Key key = *Key::generate(Algorithm::es256);
  return key;
}
const Key& rs256() {
  static const Key key = *Key::generate(Algorithm::rs256);
  return key;
}

constexpr const char* kUrl = "https://acme.example/api/v1/users";
constexpr const char* kToken = "the.access.token";

struct Case {
  core::FakeClock clock;
  DpopRules rules;
  DpopRequest request{.method = "GET", .url = kUrl, .access_token = kToken};
  object claims{{"htm", "GET"},
                {"htu", kUrl},
                {"iat", core::to_unix_seconds(clock.now())},
                {"jti", "one"},
                {"ath", access_token_hash(kToken)}};
  object jwk = es256().public_jwk();
  object header{{"typ", "dpop+jwt"}};
  Key key = es256();

  std::string proof() const {
    object full = header;
    if (!jwk.empty()) full["jwk"] = jwk;
    return *sign_compact(key, core::json::write(claims), full);
  }
  std::string outcome() {
    const std::string text = proof();
    request.proofs = {text};
    return code(verify_dpop_proof(request, rules, clock));
  }
};

// The part of a token that says `name`:`value` instead of what it said; the signature stays.
std::string with_header(const std::string& token, const object& header) {
  return core::base64url_encode(core::json::write(header)) + token.substr(token.find('.'));
}

TEST(DpopVerifier, EachCheckHasItsError) {
  struct Row {
    const char* what;
    void (*change)(Case&);
    const char* outcome;
  };
  const Row rows[] = {
      {"as it should be", [](Case&) {}, "ok"},
      {"application/ before the type", [](Case& c) { c.header["typ"] = "application/dpop+jwt"; }, "ok"},
      {"another type", [](Case& c) { c.header["typ"] = "JWT"; }, "oauth.dpop.type"},
      {"no type", [](Case& c) { c.header.erase("typ"); }, "oauth.dpop.type"},
      {"an algorithm that is not offered", [](Case& c) { c.rules.algorithms = {Algorithm::rs256}; },
       "oauth.dpop.algorithm"},
      {"a shared secret",
       [](Case& c) {
         c.key = *Key::from_jwk(R"({"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})");
         c.jwk = {{"kty", "oct"}, {"k", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}};
       },
       "oauth.dpop.algorithm"},
      {"no key", [](Case& c) { c.jwk.clear(); }, "oauth.dpop.key"},
      {"a key that is no object", [](Case& c) { c.jwk.clear(), c.header["jwk"] = "x"; }, "oauth.dpop.key"},
      {"a private key",
       [](Case& c) { c.jwk = core::json::parse(c.key.private_jwk()->reveal())->as_object(); },
       "oauth.dpop.key"},
      {"a private member of another type", [](Case& c) { c.jwk["d"] = 1; }, "oauth.dpop.key"},
      {"a point that is not on the curve",
       [](Case& c) { c.jwk["x"] = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs"; }, "oauth.dpop.key"},
      {"a key for encryption", [](Case& c) { c.jwk["use"] = "enc"; }, "oauth.dpop.key"},
      {"a key for another algorithm", [](Case& c) { c.jwk["alg"] = "ES384"; }, "oauth.dpop.key"},
      {"a key that does not say its algorithm", [](Case& c) { c.jwk.erase("alg"); }, "ok"},
      {"names in both places that differ", [](Case& c) { c.jwk["kid"] = "a", c.header["kid"] = "b"; },
       "ok"},  // the key is the one in the proof, whatever it is called
      {"an RSA key of another kind than the proof", [](Case& c) { c.jwk = rs256().public_jwk(); },
       "oauth.dpop.key"},
      {"somebody else's key", [](Case& c) { c.jwk = Key::generate(Algorithm::es256)->public_jwk(); },
       "oauth.dpop.signature"},
      {"no method", [](Case& c) { c.claims.erase("htm"); }, "oauth.dpop.htm"},
      {"another method", [](Case& c) { c.claims["htm"] = "POST"; }, "oauth.dpop.htm"},
      {"a method in small letters", [](Case& c) { c.claims["htm"] = "get"; }, "oauth.dpop.htm"},
      {"no URL", [](Case& c) { c.claims.erase("htu"); }, "oauth.dpop.htu"},
      {"a URL that is none", [](Case& c) { c.claims["htu"] = "/api/v1/users"; }, "oauth.dpop.htu"},
      {"no time", [](Case& c) { c.claims.erase("iat"); }, "oauth.dpop.iat"},
      {"a time in words", [](Case& c) { c.claims["iat"] = "now"; }, "oauth.dpop.iat"},
      {"a time before time", [](Case& c) { c.claims["iat"] = -1; }, "oauth.dpop.iat"},
      {"a time too large", [](Case& c) { c.claims["iat"] = 1e300; }, "oauth.dpop.iat"},
      {"expired", [](Case& c) { c.claims["exp"] = c.claims["iat"]; }, "oauth.dpop.expired"},
      {"an expiry that is none", [](Case& c) { c.claims["exp"] = "soon"; }, "oauth.dpop.expired"},
      {"still good", [](Case& c) { c.claims["exp"] = c.claims["iat"].as_int64() + 1; }, "ok"},
      {"no jti", [](Case& c) { c.claims.erase("jti"); }, "oauth.dpop.jti"},
      {"an empty jti", [](Case& c) { c.claims["jti"] = ""; }, "oauth.dpop.jti"},
      {"a numeric jti", [](Case& c) { c.claims["jti"] = 7; }, "oauth.dpop.jti"},
      {"a long jti", [](Case& c) { c.claims["jti"] = std::string(255, 'x'); }, "ok"},
      {"a jti too long", [](Case& c) { c.claims["jti"] = std::string(256, 'x'); }, "oauth.dpop.jti"},
      {"no ath", [](Case& c) { c.claims.erase("ath"); }, "oauth.dpop.ath"},
      {"the ath of another token", [](Case& c) { c.claims["ath"] = access_token_hash("another"); },
       "oauth.dpop.ath"},
      {"an ath that nobody asked for", [](Case& c) { c.request.access_token.clear(); }, "ok"},
      {"bound to this key", [](Case& c) { c.request.bound_to = es256().thumbprint(); }, "ok"},
      {"bound to another key", [](Case& c) { c.request.bound_to = rs256().thumbprint(); },
       "oauth.dpop.binding"},
      {"no nonce", [](Case& c) { c.rules.nonces = {"new", "old"}; }, "oauth.dpop.nonce"},
      {"the newest nonce", [](Case& c) { c.rules.nonces = {"new", "old"}, c.claims["nonce"] = "new"; }, "ok"},
      {"an older nonce", [](Case& c) { c.rules.nonces = {"new", "old"}, c.claims["nonce"] = "old"; }, "ok"},
      {"a nonce too old", [](Case& c) { c.rules.nonces = {"new", "old"}, c.claims["nonce"] = "older"; },
       "oauth.dpop.nonce"},
      {"the empty nonce", [](Case& c) { c.rules.nonces = {"new"}, c.claims["nonce"] = ""; },
       "oauth.dpop.nonce"},
      {"a nonce that nobody asked for", [](Case& c) { c.claims["nonce"] = "x"; }, "ok"},
      {"wrong, and without a nonce: no reason to send it back for one",
       [](Case& c) { c.rules.nonces = {"new"}, c.claims["htm"] = "PUT"; }, "oauth.dpop.htm"},
  };
  for (const Row& row : rows) {
    Case one;
    row.change(one);
    EXPECT_EQ(one.outcome(), row.outcome) << row.what;
  }
}

TEST(DpopVerifier, ExactlyOneProof) {
  Case one;
  const std::string proof = one.proof();
  auto with = [&](std::vector<std::string_view> proofs) {
    one.request.proofs = std::move(proofs);
    return code(verify_dpop_proof(one.request, one.rules, one.clock));
  };
  EXPECT_EQ(with({proof}), "ok");
  EXPECT_EQ(with({}), "oauth.dpop.missing");
  EXPECT_EQ(with({proof, proof}), "oauth.dpop.multiple");
  const std::string joined = proof + ", " + proof;
  const std::string padded = proof + " ";
  const std::string large = proof + std::string(8192, 'A');
  for (std::string_view bad : {std::string_view(""), std::string_view("x"), std::string_view("a.b.c"),
                               std::string_view(joined), std::string_view(padded), std::string_view(large)}) {
    EXPECT_EQ(with({bad}), "oauth.dpop.malformed") << bad.substr(0, 20);
  }
  auto header = peek(proof)->header;
  header["alg"] = "none";
  std::string unsigned_proof = with_header(proof, header);
  unsigned_proof.resize(unsigned_proof.rfind('.') + 1);
  EXPECT_EQ(with({unsigned_proof}), "oauth.dpop.algorithm");
  header = peek(proof)->header;
  header["crit"] = boost::json::array{"exp"};
  const std::string critical = with_header(proof, header);
  EXPECT_EQ(with({critical}), "oauth.dpop.malformed");
  const std::string list = *sign_compact(es256(), "[]", {{"typ", "dpop+jwt"}, {"jwk", es256().public_jwk()}});
  EXPECT_EQ(with({list}), "oauth.dpop.malformed");
  const std::string twice = *sign_compact(es256(), R"({"jti":"a","jti":"b"})",
                                          {{"typ", "dpop+jwt"}, {"jwk", es256().public_jwk()}});
  EXPECT_EQ(with({twice}), "oauth.dpop.malformed");
}

TEST(DpopVerifier, EveryAlgorithmOfTheListAndNoOther) {
  const std::set<Algorithm> accepted{Algorithm::rs256, Algorithm::rs384, Algorithm::rs512,
                                     Algorithm::es256, Algorithm::es384, Algorithm::es512};
  for (Algorithm algorithm : asymmetric_algorithms()) {
    Case one;
    one.key = *Key::generate(algorithm);
    one.jwk = one.key.public_jwk();
    EXPECT_EQ(one.outcome(), accepted.contains(algorithm) ? "ok" : "oauth.dpop.algorithm")
        << to_string(algorithm);
  }
}

TEST(DpopVerifier, IsGoodForFiveMinutesAndALittleAhead) {
  struct Row {
    int milliseconds_since_issue;
    const char* outcome;
  };
  for (const Row& row : {Row{0, "ok"}, Row{300'000, "ok"}, Row{300'001, "oauth.dpop.too_old"},
                         Row{-5'000, "ok"}, Row{-5'001, "oauth.dpop.issued_ahead"}}) {
    Case one;
    const std::string proof = one.proof();
    one.request.proofs = {proof};
    core::FakeClock clock(one.clock.now() + milliseconds{row.milliseconds_since_issue});
    auto verified = verify_dpop_proof(one.request, one.rules, clock);
    EXPECT_EQ(code(verified), row.outcome) << row.milliseconds_since_issue;
    if (verified) {
      EXPECT_EQ(verified->replayable_until(), one.clock.now() + seconds{300});
    }
  }
}

TEST(DpopVerifier, ComparesUrlsNotTexts) {
  struct Row {
    const char* htu;
    const char* url;
    bool same;
  };
  const Row rows[] = {
      {"https://acme.example/a", "https://acme.example/a?after=x&limit=2", true},
      {"https://acme.example/a?x=1#y", "https://acme.example/a", true},
      {"HTTPS://ACME.example:443/a", "https://acme.example/a", true},
      {"http://127.0.0.1:80/a", "http://127.0.0.1/a", true},
      {"https://acme.example", "https://acme.example/", true},
      {"https://acme.example/%7Eada/%2f", "https://acme.example/~ada/%2F", true},
      {"https://acme.example/a/./b/../c", "https://acme.example/a/c", true},
      {"https://acme.example/a%40b", "https://acme.example/a@b", false},  // '@' is reserved: not the same
      {"https://acme.example/A", "https://acme.example/a", false},
      {"https://acme.example/a/", "https://acme.example/a", false},
      {"https://acme.example//a", "https://acme.example/a", false},
      {"https://acme.example:8443/a", "https://acme.example/a", false},
      {"http://acme.example/a", "https://acme.example/a", false},
      {"https://acme.example.evil/a", "https://acme.example/a", false},
      {"https://x@acme.example/a", "https://acme.example/a", false},
      {"https://acme.example/%zz", "https://acme.example/%zz", false},
      {"", "https://acme.example/a", false},
  };
  for (const Row& row : rows) {
    Case one;
    one.claims["htu"] = row.htu;
    one.request.url = row.url;
    EXPECT_EQ(one.outcome(), row.same ? "ok" : "oauth.dpop.htu") << row.htu << " " << row.url;
  }
}

TEST(DpopVerifier, ComparesPathsAsOktaDoes) {
  struct Row {
    const char* htu;
    const char* url;
    bool same;
  };
  const Row rows[] = {
      {"https://acme.example/users/a@b.c", "https://acme.example/users/a%40b.c?x=1", true},
      {"https://acme.example/users/a@b.c", "https://acme.example/users/a@b.c", true},
      {"https://acme.example/users/a%40b.c", "https://acme.example/users/a%40b.c", false},
      {"https://acme.example/groups/a b", "https://acme.example/groups/a%20b", true},
      {"https://ACME.example:443/a?x#y", "https://acme.example/a", true},
      {"https://acme.example", "https://acme.example/", true},
      {"https://acme.example//a", "https://acme.example/a", false},
      {"https://other.example/a", "https://acme.example/a", false},
      {"https://x@acme.example/a", "https://acme.example/a", false},
      {"/a", "https://acme.example/a", false},
  };
  for (const Row& row : rows) {
    Case one;
    one.rules.htu = HtuForm::decoded;
    one.claims["htu"] = row.htu;
    one.request.url = row.url;
    EXPECT_EQ(one.outcome(), row.same ? "ok" : "oauth.dpop.htu") << row.htu << " " << row.url;
  }
}

}  // namespace
}  // namespace oauth
