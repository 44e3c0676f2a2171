#include "oauth/dpop.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "oauth/test_dpop.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::new_prover;
using test::read_proof;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr std::string_view kUrl = "https://acme.okta.test/oauth2/v1/token";

class DpopTest : public testing::Test {
 protected:
  test::ReadProof proof(DpopProver& prover, std::string_view url = kUrl, std::string_view token = {},
                        DpopServer server = DpopServer::authorization) {
    auto made = prover.proof(server, net::Method::post, url, token);
    EXPECT_TRUE(made);
    return made ? read_proof(made->text) : test::ReadProof{};
  }
  static void offer(DpopProver& prover, std::string nonce, std::string_view url = kUrl,
                    DpopServer server = DpopServer::authorization) {
    prover.learn(server, url, {{"DPoP-Nonce", std::move(nonce)}});
  }

  core::FakeClock clock_;
  core::SeededRandom random_{7};
};

// RFC 9449, figures 2 and 9: the key of its examples, and its thumbprint.
TEST_F(DpopTest, TheRfcsKeyHasTheRfcsThumbprint) {
  const auto key = Key::from_jwk(
      R"({"kty":"EC","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs",
          "y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA","crv":"P-256"})");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->thumbprint(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

// RFC 9449, figures 12 and 13.
TEST_F(DpopTest, TheRfcsAccessTokenHasTheRfcsHash) {
  const auto prover = new_prover(clock_, random_);
  const auto bound = proof(*prover, "https://resource.example.org/protectedresource",
                           "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU", DpopServer::resource);
  EXPECT_EQ(bound.claim("ath"), "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
  EXPECT_EQ(proof(*prover).claim("ath"), "(none)");
}

TEST_F(DpopTest, TowardsTheApiAProofNamesTheDecodedPath) {
  const auto prover = new_prover(clock_, random_);
  EXPECT_EQ(
      proof(*prover, "https://acme.okta.test/api/v1/users/a%40b%20c?fields=id", "token", DpopServer::resource)
          .claim("htu"),
      "https://acme.okta.test/api/v1/users/a@b c");
}

TEST_F(DpopTest, AProofNamesTheRequestWithoutQueryAndFragment) {
  const std::map<std::string, std::string> cases{
      {"https://acme.okta.test/api/v1/users?limit=200&after=x", "https://acme.okta.test/api/v1/users"},
      {"https://acme.okta.test/api/v1/users#top?x", "https://acme.okta.test/api/v1/users"},
      {"https://acme.okta.test:8443/api/v1/users/a%2Fb", "https://acme.okta.test:8443/api/v1/users/a%2Fb"},
      {"http://127.0.0.1:4400/", "http://127.0.0.1:4400/"},
  };
  const auto prover = new_prover(clock_, random_);
  for (const auto& [url, htu] : cases) EXPECT_EQ(proof(*prover, url).claim("htu"), htu);
  for (const auto method : {net::Method::get, net::Method::delete_, net::Method::patch}) {
    const auto made = prover->proof(DpopServer::resource, method, kUrl);
    ASSERT_TRUE(made);
    EXPECT_EQ(read_proof(made->text).claim("htm"), net::to_string(method));
  }
  const auto none = prover->proof(DpopServer::resource, net::Method::get, "not a url");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, "net.url");
}

TEST_F(DpopTest, EachProofIsForOneRequest) {
  const auto prover = new_prover(clock_, random_);
  std::set<std::string> ids;
  for (int i = 0; i < 50; ++i) ids.insert(proof(*prover).claim("jti"));
  EXPECT_EQ(ids.size(), 50u);
  EXPECT_EQ(proof(*prover).thumbprint, prover->thumbprint());
}

TEST_F(DpopTest, TheHeaderHoldsNothingButThePublicKey) {
  const std::map<Algorithm, std::set<std::string>> cases{
      {Algorithm::es256, {"kty", "crv", "x", "y"}},
      {Algorithm::es512, {"kty", "crv", "x", "y"}},
      {Algorithm::rs256, {"kty", "n", "e"}},
      {Algorithm::eddsa, {"kty", "crv", "x"}},
  };
  for (const auto& [algorithm, members] : cases) {
    SCOPED_TRACE(to_string(algorithm));
    const auto key = Key::generate(algorithm);
    ASSERT_TRUE(key);
    const auto prover = DpopProver::create(key->with_kid("mine"), clock_, random_);
    ASSERT_TRUE(prover);
    const auto made = proof(**prover);
    EXPECT_EQ(made.header.at("alg").as_string(), to_string(algorithm));
    std::set<std::string> found;
    for (const auto& member : made.header.at("jwk").as_object()) found.insert(std::string(member.key()));
    EXPECT_EQ(found, members);
  }
}

TEST_F(DpopTest, TellsTheServersTime) {
  const auto prover = new_prover(clock_, random_);
  const auto now = core::to_unix_seconds(clock_.now());
  EXPECT_EQ(proof(*prover).claim("iat"), std::to_string(now));
  prover->learn(DpopServer::resource, kUrl, {{"Date", core::to_http_date(clock_.now() + hours{3})}});
  EXPECT_EQ(prover->skew(), hours{3});
  EXPECT_EQ(proof(*prover).claim("iat"), std::to_string(now + 3 * 3600));
  prover->learn(DpopServer::resource, kUrl, {{"Date", "yesterday"}});
  EXPECT_EQ(prover->skew(), hours{3});
  prover->set_skew(seconds{-90});
  EXPECT_EQ(proof(*prover).claim("iat"), std::to_string(now - 90));
}

TEST_F(DpopTest, CarriesTheNewestNonceOfThatServerAndOfNoOther) {
  const auto prover = new_prover(clock_, random_);
  EXPECT_EQ(proof(*prover).claim("nonce"), "(none)");
  offer(*prover, "as-1");
  offer(*prover, "as-2", "https://acme.okta.test/elsewhere");
  offer(*prover, "other", "https://acme.okta.test:8443/oauth2/v1/token");
  offer(*prover, "rs-1", "https://acme.okta.test/api/v1/users?limit=1", DpopServer::resource);
  EXPECT_EQ(proof(*prover).claim("nonce"), "as-2");
  EXPECT_EQ(proof(*prover, kUrl, "t", DpopServer::resource).claim("nonce"), "rs-1");
  EXPECT_EQ(proof(*prover, "https://acme.okta.test:8443/").claim("nonce"), "other");
  EXPECT_EQ(proof(*prover, "http://acme.okta.test/").claim("nonce"), "(none)");
  EXPECT_EQ(proof(*prover, "https://acme.okta.test:8443/", "t", DpopServer::resource).claim("nonce"),
            "(none)");
  prover->learn(DpopServer::authorization, kUrl, {});  // an answer without one changes nothing
  EXPECT_EQ(prover->nonce(DpopServer::authorization, kUrl), "as-2");
}

TEST_F(DpopTest, TakesNoNonceThatIsNone) {
  const std::string longest(DpopProver::kMaxNonceBytes, 'n');
  const std::map<std::string, bool> cases{
      {"eyJ7S_zG.eyJH0-Z.HX4w-7v", true},
      {"!#[]~", true},
      {longest, true},
      {longest + "n", false},
      {"", false},
      {"a b", false},
      {"say \"so\"", false},
      {"back\\slash", false},
      {"caf\xc3\xa9", false},
      {"a\tb", false},
  };
  for (const auto& [nonce, taken] : cases) {
    SCOPED_TRACE(nonce.substr(0, 40));
    const auto prover = new_prover(clock_, random_);
    offer(*prover, nonce);
    EXPECT_EQ(prover->nonce(DpopServer::authorization, kUrl), taken ? nonce : "");
  }
}

TEST_F(DpopTest, RemembersABoundedNumberOfServers) {
  const auto prover = new_prover(clock_, random_);
  const auto url = [](std::size_t i) { return fmt::format("https://org{}.okta.test/", i); };
  for (std::size_t i = 0; i < DpopProver::kMaxServers; ++i) offer(*prover, "first", url(i));
  offer(*prover, "again", url(0));  // now the newest
  offer(*prover, "one more", url(99));
  EXPECT_EQ(prover->nonce(DpopServer::authorization, url(1)), "first")
      << "not a nonce: nothing was pushed out";
  offer(*prover, "one-more", url(99));
  EXPECT_EQ(prover->nonce(DpopServer::authorization, url(0)), "again");
  EXPECT_EQ(prover->nonce(DpopServer::authorization, url(1)), "");
  EXPECT_EQ(prover->nonce(DpopServer::authorization, url(2)), "first");
}

TEST_F(DpopTest, TakesPrivateKeysOnly) {
  const auto key = Key::generate(Algorithm::es256);
  ASSERT_TRUE(key);
  const auto secret = Key::from_jwk(R"({"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"})");
  ASSERT_TRUE(secret);
  for (const auto& useless : {key->public_key(), *secret}) {
    const auto prover = DpopProver::create(useless, clock_, random_);
    ASSERT_FALSE(prover);
    EXPECT_EQ(prover.error().code, "oauth.dpop_key");
  }
}

TEST_F(DpopTest, ABindingKeepsOneKeyUntilALoginBringsAnother) {
  DpopBinding binding(clock_, random_);
  EXPECT_EQ(binding.current(), nullptr);
  const auto first = binding.begin();
  ASSERT_TRUE(first);
  EXPECT_EQ(*binding.begin(), *first);
  EXPECT_EQ(binding.current(), *first);

  // The same key, as it was stored: what was learnt for it stays.
  auto stored = (*first)->private_jwk();
  ASSERT_TRUE(stored);
  EXPECT_EQ(binding.adopt(*stored).value(), *first);
  const auto restarted = DpopBinding(clock_, random_).adopt(*stored);
  ASSERT_TRUE(restarted);
  EXPECT_EQ((*restarted)->thumbprint(), (*first)->thumbprint());

  auto other = new_prover(clock_, random_);
  const auto adopted = binding.adopt(other->private_jwk().value());
  ASSERT_TRUE(adopted);
  EXPECT_EQ((*adopted)->thumbprint(), other->thumbprint());
  EXPECT_EQ(binding.current(), *adopted);

  binding.drop(*first);  // long gone
  EXPECT_EQ(binding.current(), *adopted);
  binding.drop(*adopted);
  EXPECT_EQ(binding.current(), nullptr);
}

TEST_F(DpopTest, ABindingRefusesWhatIsNoKeyAndDoesNotShowIt) {
  const auto key = Key::generate(Algorithm::es256);
  ASSERT_TRUE(key);
  const std::string half = core::json::write(key->public_jwk());
  for (const std::string& stored :
       {std::string(), std::string("{\"kty\":\"s3cr3t\"}"), std::string("s3cr3t"), half}) {
    DpopBinding binding(clock_, random_);
    const auto prover = binding.adopt(core::Secret(stored));
    ASSERT_FALSE(prover) << stored;
    EXPECT_EQ(prover.error().code, "oauth.dpop_key");
    EXPECT_THAT(prover.error().hint, HasSubstr("Sign in again"));
    EXPECT_THAT(test::everything(prover.error()), Not(HasSubstr("s3cr3t")));
    EXPECT_EQ(binding.current(), nullptr);
  }
}

TEST(DpopSteps, TableOfWhatIsAskedAgain) {
  const auto bare = DpopAttempts{};
  const auto proved = DpopAttempts{.proved = true};
  const auto with_n1 = DpopAttempts{.proved = true, .nonce = "n1", .nonce_retries = 1};
  const auto with_n2 = DpopAttempts{.proved = true, .nonce = "n2", .nonce_retries = 2};
  const auto by_clock = DpopAttempts{.proved = true, .skew = hours{1}, .clock_retry = true};
  struct Row {
    std::string_view what;
    DpopAttempts tried;
    DpopRefusal refusal;
    DpopStep step;
  };
  const Row rows[] = {
      {"Okta's demand", bare, {400, "invalid_dpop_proof"}, DpopStep::prove},
      {"a nonce asked for before any proof", bare, {400, "use_dpop_nonce"}, DpopStep::prove},
      {"401 counts as well", bare, {401, "invalid_dpop_proof"}, DpopStep::prove},
      {"invalid_grant that may hide a demand", bare, {400, "invalid_grant", "", {}, true}, DpopStep::prove},
      {"invalid_grant that is one", bare, {400, "invalid_grant"}, DpopStep::give_up},
      {"hidden, but a proof was there", proved, {400, "invalid_grant", "", {}, true}, DpopStep::give_up},
      {"another error", bare, {400, "invalid_client", "", {}, true}, DpopStep::give_up},
      {"no error at all", bare, {400, ""}, DpopStep::give_up},
      {"a rate limit", bare, {429, "invalid_dpop_proof"}, DpopStep::give_up},
      {"a broken server", proved, {500, "use_dpop_nonce", "n1"}, DpopStep::give_up},
      {"no answer", proved, {0, ""}, DpopStep::give_up},

      {"the first nonce", proved, {400, "use_dpop_nonce", "n1"}, DpopStep::renew},
      {"the first nonce, as RFC 9449 section 9 has it",
       proved,
       {401, "use_dpop_nonce", "n1"},
       DpopStep::renew},
      {"a nonce asked for, none given", proved, {400, "use_dpop_nonce", ""}, DpopStep::give_up},
      {"the nonce has changed meanwhile", with_n1, {400, "use_dpop_nonce", "n2"}, DpopStep::renew},
      {"the nonce that was sent", with_n1, {400, "use_dpop_nonce", "n1"}, DpopStep::give_up},
      {"a third nonce", with_n2, {400, "use_dpop_nonce", "n3"}, DpopStep::give_up},
      {"a stale nonce called an invalid proof", with_n1, {400, "invalid_dpop_proof", "n2"}, DpopStep::renew},
      {"an invalid proof", with_n1, {400, "invalid_dpop_proof", "n1"}, DpopStep::give_up},

      {"the clock is an hour off", proved, {400, "invalid_dpop_proof", "", hours{1}}, DpopStep::renew},
      {"and the other way", proved, {400, "invalid_dpop_proof", "", -hours{1}}, DpopStep::renew},
      {"within the header's precision",
       proved,
       {400, "invalid_dpop_proof", "", milliseconds{1999}},
       DpopStep::give_up},
      {"a nonce is not about time", proved, {400, "use_dpop_nonce", "", hours{1}}, DpopStep::give_up},
      {"mended once", by_clock, {400, "invalid_dpop_proof", "", hours{2}}, DpopStep::give_up},
      {"what the proof told was right",
       by_clock,
       {400, "invalid_dpop_proof", "", hours{1}},
       DpopStep::give_up},
  };
  for (const auto& row : rows) {
    auto attempts = row.tried;
    EXPECT_EQ(next_step(attempts, row.refusal), row.step) << row.what;
  }
}

// Whatever a server does, it is asked a bounded number of times.
TEST(DpopSteps, NoServerIsAskedForEver) {
  for (std::string_view error : {"use_dpop_nonce", "invalid_dpop_proof"}) {
    DpopAttempts attempts;
    int asked = 1;
    for (; asked < 100; ++asked) {
      const DpopRefusal refusal{
          .status = 400, .error = error, .nonce = fmt::format("nonce-{}", asked), .skew = hours{asked}};
      const auto step = next_step(attempts, refusal);
      if (step == DpopStep::give_up) break;
      attempts.proved = true;
      attempts.nonce = step == DpopStep::prove ? "" : refusal.nonce;
      attempts.skew = refusal.skew;
    }
    EXPECT_LE(asked, 5) << error;
  }
}

}  // namespace
}  // namespace oauth
