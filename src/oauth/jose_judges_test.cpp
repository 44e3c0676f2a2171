// What other people say JOSE is: all of Wycheproof's JWS and JWK vectors and the RFC 7520 cookbook. Every
// case is counted, so that none can be skipped unnoticed.
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <stdlib.h>

#include "core/encoding.h"
#include "core/file.h"
#include "core/json.h"
#include "oauth/jws.h"

namespace oauth {
namespace {

using boost::json::object;
using boost::json::value;

template <class T>
std::string code(const core::Result<T>& result) {
  return result ? "ok" : result.error().code;
}

const std::string kVectors = std::string(SHARED_DIR) + "/test-vectors";

std::optional<value> load(const std::string& path) {
  auto text = core::read_file(path);
  if (!text || !*text) return std::nullopt;
  auto parsed = core::json::parse(**text);
  if (!parsed) return std::nullopt;
  return *std::move(parsed);
}

std::vector<Algorithm> every_algorithm() {
  std::vector<Algorithm> all(asymmetric_algorithms().begin(), asymmetric_algorithms().end());
  all.insert(all.end(), {Algorithm::hs256, Algorithm::hs384, Algorithm::hs512});
  return all;
}

// A Wycheproof group's verification key: `public`, or `private` for secrets; a JWK or a JWK set.
core::Result<KeySet> keys_of(const object& group) {
  const value* jwk = group.if_contains("public");
  if (!jwk) jwk = group.if_contains("private");
  object set;
  if (jwk->get_object().contains("keys")) {
    set = jwk->get_object();
  } else {
    set["keys"] = boost::json::array{*jwk};
  }
  return KeySet::parse(core::json::write(set), KeySet::Secrets::accept);
}

// Cases that Wycheproof calls valid and this room refuses on purpose.
const std::map<std::int64_t, std::string> kStricterThanWycheproof{
    // The key says PS256, the token PS384 (RFC 7520 figure 20 with a member added): a key is bound to its
    // `alg`.
    {346, "oauth.jwt.unknown_key"},
    {350, "oauth.jwt.unknown_key"},
    // The key says "ES521", which no registry knows; the algorithm of P-521 is ES512.
    {347, "oauth.jwt.unknown_key"},
    {351, "oauth.jwt.unknown_key"},
    // '?' inside a base64url part, to be ignored: RFC 7515 section 2 has no such character.
    {372, "oauth.jwt.malformed"},
    {373, "oauth.jwt.malformed"},
};

// Called invalid for their padding, but the file lost it: both tokens are byte for byte that of tcId 357,
// which is valid.
constexpr std::int64_t kValidTwin = 357;
bool lost_its_padding(std::int64_t id) {
  return id == 367 || id == 370;
}

struct Tally {
  int contradictory = 0;
  int valid = 0;
  int invalid = 0;
  int stricter = 0;
  int jwe = 0;
};

Tally run_wycheproof(const std::string& file) {
  Tally tally;
  auto document = load(kVectors + "/wycheproof/" + file);
  if (!document) {
    ADD_FAILURE() << file << " cannot be read";
    return tally;
  }
  std::string twin;
  bool is_signature_file = file == "json_web_signature_test.json";
  for (const value& entry : document->at("testGroups").as_array()) {
    const object& group = entry.as_object();
    auto keys = keys_of(group);
    for (const value& test : group.at("tests").as_array()) {
      const object& row = test.as_object();
      std::int64_t id = row.at("tcId").to_number<std::int64_t>();
      SCOPED_TRACE(file + " tcId " + std::to_string(id) + " " + std::string(row.at("comment").as_string()));
      if (row.contains("jwe")) {
        ++tally.jwe;
        continue;
      }
      // tcId 17 of one file holds the JSON serialization as JSON; it is a text like any other to us.
      const value& jws = row.at("jws");
      std::string token = jws.is_string() ? std::string(jws.get_string()) : core::json::write(jws);
      if (is_signature_file && id == kValidTwin) twin = token;
      std::string got =
          keys ? code(verify_compact(token, *keys, {.algorithms = every_algorithm()})) : code(keys);
      auto stricter = is_signature_file ? kStricterThanWycheproof.find(id) : kStricterThanWycheproof.end();
      if (stricter != kStricterThanWycheproof.end()) {
        ++tally.stricter;
        EXPECT_EQ(row.at("result"), "valid");
        EXPECT_EQ(got, stricter->second);
      } else if (is_signature_file && lost_its_padding(id)) {
        ++tally.contradictory;
        EXPECT_EQ(token, twin);
        EXPECT_EQ(code(verify_compact(token + "=", *keys, {.algorithms = every_algorithm()})),
                  "oauth.jwt.malformed");
        token.insert(token.rfind('.'), "==");
        EXPECT_EQ(code(verify_compact(token, *keys, {.algorithms = every_algorithm()})),
                  "oauth.jwt.malformed");
      } else if (row.at("result") == "valid") {
        ++tally.valid;
        EXPECT_EQ(got, "ok");
      } else {
        ++tally.invalid;
        EXPECT_NE(got, "ok");
      }
    }
  }
  EXPECT_EQ(tally.valid + tally.invalid + tally.stricter + tally.contradictory + tally.jwe,
            document->at("numberOfTests").to_number<int>());
  return tally;
}

class Wycheproof : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(kVectors + "/wycheproof")) GTEST_SKIP() << "no test vectors at " << kVectors;
  }
};

TEST_F(Wycheproof, Signatures) {
  Tally tally = run_wycheproof("json_web_signature_test.json");
  EXPECT_EQ(tally.valid + tally.invalid + tally.stricter + tally.contradictory, 401);
  EXPECT_EQ(tally.contradictory, 2);
  EXPECT_EQ(tally.stricter, static_cast<int>(kStricterThanWycheproof.size()));
  EXPECT_EQ(tally.jwe, 0);
}

TEST_F(Wycheproof, Keys) {
  Tally tally = run_wycheproof("json_web_key_test.json");
  EXPECT_EQ(tally.valid + tally.invalid, 26);
  EXPECT_EQ(tally.jwe, 0);
}

TEST_F(Wycheproof, Crypto) {
  Tally tally = run_wycheproof("json_web_crypto_test.json");
  EXPECT_EQ(tally.valid + tally.invalid, 49);
  EXPECT_EQ(tally.jwe, 34) << "encryption is not in this room";
}

TEST_F(Wycheproof, EncryptionIsNotApplicable) {
  auto document = load(kVectors + "/wycheproof/json_web_encryption_test.json");
  ASSERT_TRUE(document);
  int jwe = 0;
  for (const value& group : document->at("testGroups").as_array()) {
    for (const value& test : group.at("tests").as_array()) {
      ++jwe;
      // None of them may pass for a signature either.
      EXPECT_NE(code(verify_compact(std::string(test.at("jwe").as_string()), KeySet(),
                                    {.algorithms = every_algorithm()})),
                "ok");
    }
  }
  EXPECT_EQ(jwe, 139);
}

TEST_F(Wycheproof, TheSignaturesBehindTheStricterCasesAreSound) {
  auto document = load(kVectors + "/wycheproof/json_web_signature_test.json");
  ASSERT_TRUE(document);
  int run = 0;
  for (const value& entry : document->at("testGroups").as_array()) {
    for (const value& test : entry.at("tests").as_array()) {
      std::int64_t id = test.at("tcId").to_number<std::int64_t>();
      if (id != 346 && id != 347 && id != 350 && id != 351) continue;
      ++run;
      object jwk = entry.at("public").as_object();
      jwk["alg"] = id == 346 || id == 350 ? "PS384" : "ES512";
      auto key = Key::from_jwk(jwk);
      ASSERT_EQ(code(key), "ok");
      EXPECT_EQ(code(verify_compact(std::string(test.at("jws").as_string()), KeySet({*key}),
                                    {.algorithms = every_algorithm()})),
                "ok")
          << id;
    }
  }
  EXPECT_EQ(run, 4);
}

class Cookbook : public testing::Test {
 protected:
  void SetUp() override {
    std::string archive = kVectors + "/jose-cookbook.tar.gz";
    if (!std::filesystem::exists(archive)) GTEST_SKIP() << "no test vectors at " << archive;
    std::string pattern = (std::filesystem::temp_directory_path() / "jose-cookbook-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    ASSERT_EQ(std::system(("tar -xzf '" + archive + "' -C '" + folder_ + "'").c_str()), 0);
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }

  std::vector<std::filesystem::path> files(const char* folder) const {
    std::vector<std::filesystem::path> out;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ + "/" + folder)) {
      if (entry.path().extension() == ".json") out.push_back(entry.path());
    }
    return out;
  }

  std::string folder_;
};

value at_or_self(const value& list, std::size_t index) {
  return list.is_array() ? list.at(index) : list;
}

// One signature of one example: sign again where that is repeatable, verify, and verify not when changed.
void check_signature(const value& jwk, const std::string& algorithm, const value& signing, bool repeatable) {
  auto parsed = Key::from_jwk(jwk.as_object());
  ASSERT_EQ(code(parsed), "ok");
  auto key = parsed->with_algorithm(*parse_algorithm(algorithm));
  ASSERT_EQ(code(key), "ok");
  std::string input(signing.at("sig-input").as_string());
  std::string signature = *core::base64url_decode(signing.at("sig").as_string());
  EXPECT_TRUE(verify_raw(*key, input, signature));
  EXPECT_FALSE(verify_raw(*key, input + "x", signature));
  if (repeatable && key->is_private()) {
    EXPECT_EQ(*sign_raw(*key, input), signature);
  }
}

TEST_F(Cookbook, EverySignatureVerifies) {
  int signatures = 0, compact = 0, repeated = 0;
  auto all = files("jws");
  EXPECT_EQ(all.size(), 8u);
  all.push_back(folder_ + "/curve25519/jws.json");
  for (const auto& path : all) {
    SCOPED_TRACE(path.filename().string());
    auto example = load(path.string());
    ASSERT_TRUE(example);
    const value& input = example->at("input");
    const value& signing = example->at("signing");
    std::size_t count = signing.is_array() ? signing.as_array().size() : 1;
    bool repeatable = example->as_object().contains("reproducible") && example->at("reproducible").as_bool();
    for (std::size_t i = 0; i < count; ++i) {
      ++signatures;
      repeated += repeatable;
      check_signature(at_or_self(input.at("key"), i), std::string(at_or_self(input.at("alg"), i).as_string()),
                      at_or_self(signing, i), repeatable);
    }
    const auto* token = example->at("output").as_object().if_contains("compact");
    if (!token) continue;
    ++compact;
    auto algorithm = *parse_algorithm(input.at("alg").as_string());
    KeySet keys({*Key::from_jwk(input.at("key").as_object())->with_algorithm(algorithm)});
    auto jws = verify_compact(std::string(token->as_string()), keys, {.algorithms = {algorithm}});
    if (path.filename().string().starts_with("4_5")) {
      // The content is detached: without it the signature covers something else.
      EXPECT_EQ(code(jws), "oauth.jwt.signature");
      continue;
    }
    ASSERT_EQ(code(jws), "ok");
    EXPECT_EQ(jws->payload(), input.at("payload").as_string());
    EXPECT_EQ(value(jws->header()), signing.at("protected"));
  }
  EXPECT_EQ(signatures, 11);
  EXPECT_EQ(compact, 6);
  EXPECT_EQ(repeated, 6);
}

TEST_F(Cookbook, UnencodedPayloadsAreRefused) {
  int run = 0;
  for (const auto& path : files("rfc7797")) {
    SCOPED_TRACE(path.filename().string());
    auto example = load(path.string());
    ASSERT_TRUE(example);
    const value& signing = example->at("signing");
    // The other example's signature is a copy of this one's and covers neither its header nor its payload.
    if (path.filename().string().starts_with("4.2")) {
      check_signature(example->at("input").at("key"), "HS256", signing, true);
    }
    auto key = *Key::from_jwk(example->at("input").at("key").as_object())->with_algorithm(Algorithm::hs256);
    object header = signing.at("protected").as_object();
    std::string input =
        core::base64url_encode(core::json::write(header)) + "." + core::base64url_encode("$.02");
    std::string token = input + "." + core::base64url_encode(*sign_raw(key, input));
    EXPECT_EQ(code(verify_compact(token, KeySet({key}), {.algorithms = {Algorithm::hs256}})),
              "oauth.jwt.critical");
    ++run;
  }
  EXPECT_EQ(run, 2);
}

TEST_F(Cookbook, TheNestedSignatureVerifies) {
  auto example = load(folder_ + "/6.nesting_signatures_and_encryption.json");
  ASSERT_TRUE(example);
  const value& sign = example->at("sign");
  auto key = Key::from_jwk(sign.at("input").at("key").as_object());
  ASSERT_EQ(code(key), "ok");
  auto algorithm = *parse_algorithm(sign.at("input").at("alg").as_string());
  auto jws = verify_compact(std::string(sign.at("output").at("compact").as_string()),
                            KeySet({*key->with_algorithm(algorithm)}), {.algorithms = {algorithm}});
  ASSERT_EQ(code(jws), "ok");
  EXPECT_EQ(jws->payload(), sign.at("input").at("payload").as_string());
}

TEST_F(Cookbook, EveryJwkReadsAndWrites) {
  int run = 0;
  for (const auto& path : files("jwk")) {
    SCOPED_TRACE(path.filename().string());
    auto jwk = load(path.string());
    ASSERT_TRUE(jwk);
    auto key = Key::from_jwk(jwk->as_object());
    ++run;
    if (path.filename().string().starts_with("3_6")) {
      EXPECT_EQ(code(key), "oauth.jwk.algorithm") << "A256GCM encrypts, it does not sign";
      continue;
    }
    ASSERT_EQ(code(key), "ok");
    EXPECT_EQ(key->kid(), jwk->at("kid").as_string());
    bool is_private = jwk->as_object().contains("d") || jwk->as_object().contains("k");
    EXPECT_EQ(key->is_private(), is_private);
    value written = is_private ? *core::json::parse(key->private_jwk()->reveal()) : value(key->public_jwk());
    for (const auto& member : jwk->as_object()) {
      ASSERT_TRUE(written.as_object().contains(member.key())) << member.key();
      EXPECT_EQ(written.at(member.key()), member.value()) << member.key();
    }
  }
  EXPECT_EQ(run, 6);
}

}  // namespace
}  // namespace oauth
