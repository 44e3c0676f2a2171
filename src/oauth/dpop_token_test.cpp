// Bound tokens from the token endpoint to the store and back: every grant, every way an org can ask.
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "core/encoding.h"
#include "core/seal.h"
#include "oauth/private_key_jwt.h"
#include "oauth/sealed_file_store.h"
#include "oauth/test_dpop.h"
#include "oauth/test_sign_in.h"

namespace oauth {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using test::field;
using test::json;
using test::kMark;
using test::kOrg;
using test::kTokenUrl;
using test::proof_of;
using test::refusal;
using test::token_answer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

net::HttpResponse with_nonce(net::HttpResponse answer, std::string nonce) {
  answer.headers.add("DPoP-Nonce", std::move(nonce));
  return answer;
}

net::HttpResponse bound_answer(std::string_view access = "bound-s3cr3t", std::string_view refresh = "",
                               std::string_view type = "DPoP") {
  const std::string refresh_member = refresh.empty() ? "" : fmt::format(R"("refresh_token":"{}",)", refresh);
  return json(
      200, fmt::format(
               R"({{"token_type":"{}","expires_in":3600,"access_token":"{}",{}"scope":"okta.users.read"}})",
               type, access, refresh_member));
}

// Okta's words (recorded).
net::HttpResponse proof_missing() {
  return refusal(400, "invalid_dpop_proof", "The DPoP proof JWT header is missing.");
}
net::HttpResponse nonce_wanted(std::string nonce) {
  return with_nonce(refusal(400, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof."),
                    std::move(nonce));
}

// What each request carried: "-" no proof, "" a proof without nonce, else its nonce.
std::vector<std::string> nonces_of(const std::vector<net::HttpRequest>& requests) {
  std::vector<std::string> nonces;
  nonces.reserve(requests.size());
  std::set<std::string> ids;
  for (const auto& request : requests) {
    const auto proof = proof_of(request);
    nonces.push_back(!proof ? "-" : proof->claims.contains("nonce") ? proof->claim("nonce") : "");
    if (!proof) continue;
    EXPECT_TRUE(ids.insert(proof->claim("jti")).second) << "a proof was sent twice";
    EXPECT_EQ(proof->claim("htm"), "POST");
    EXPECT_EQ(proof->claim("htu"), kTokenUrl);
    EXPECT_EQ(proof->claim("ath"), "(none)");
  }
  return nonces;
}

class DpopTokenTest : public testing::Test {
 protected:
  std::unique_ptr<TokenEndpoint> endpoint() {
    auto made = TokenEndpoint::create({.org_url = kOrg, .http = http_, .clock = clock_, .random = random_});
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  std::unique_ptr<PrivateKeyJwt> source() {
    static const Key key = Key::generate(Algorithm::es256)->with_kid("kid-1");
    auto made = PrivateKeyJwt::create({.org_url = kOrg,
                                       .client_id = "0oa1",
                                       .scopes = {"okta.users.read"},
                                       .key = key,
                                       .http = http_,
                                       .clock = clock_,
                                       .random = random_,
                                       .store = &store_});
    EXPECT_TRUE(made);
    return std::move(*made);
  }

  core::FakeClock clock_;
  core::SeededRandom random_{7};
  net::FakeHttpClient http_;
  MemoryTokenStore store_;
};

TEST_F(DpopTokenTest, TableOfExchanges) {
  struct Row {
    std::string what;
    Grant grant;
    std::vector<net::HttpResponse> answers;
    std::vector<std::string> sent;  // nonces_of()
    std::string outcome;            // the scheme, or the error's code
  };
  constexpr auto kKey = Grant::client_credentials;
  constexpr auto kRefresh = Grant::refresh_token;
  const Row rows[] = {
      {"no DPoP anywhere", kKey, {token_answer("a")}, {"-"}, "Bearer"},
      {"Okta: demand, nonce, token",
       kKey,
       {proof_missing(), nonce_wanted("n1"), bound_answer()},
       {"-", "", "n1"},
       "DPoP"},
      {"a refresh is no different",
       kRefresh,
       {proof_missing(), nonce_wanted("n1"), bound_answer()},
       {"-", "", "n1"},
       "DPoP"},
      {"nor is a device code",
       Grant::device_code,
       {proof_missing(), nonce_wanted("n1"), bound_answer()},
       {"-", "", "n1"},
       "DPoP"},
      {"the demand brings the nonce",
       kKey,
       {with_nonce(proof_missing(), "n0"), bound_answer()},
       {"-", "n0"},
       "DPoP"},
      {"asked for a nonce at once", kKey, {nonce_wanted("n1"), bound_answer()}, {"-", "n1"}, "DPoP"},
      {"no nonce wanted", kKey, {proof_missing(), bound_answer()}, {"-", ""}, "DPoP"},
      {"the nonce changes once",
       kKey,
       {proof_missing(), nonce_wanted("n1"), nonce_wanted("n2"), bound_answer()},
       {"-", "", "n1", "n2"},
       "DPoP"},
      {"the nonce changes for ever",
       kKey,
       {proof_missing(), nonce_wanted("n1"), nonce_wanted("n2"), nonce_wanted("n3")},
       {"-", "", "n1", "n2"},
       "oauth.use_dpop_nonce"},
      {"the nonce is not taken",
       kKey,
       {proof_missing(), nonce_wanted("n1"), nonce_wanted("n1")},
       {"-", "", "n1"},
       "oauth.use_dpop_nonce"},
      {"a nonce is wanted and not given",
       kKey,
       {proof_missing(), refusal(400, "use_dpop_nonce")},
       {"-", ""},
       "oauth.use_dpop_nonce"},
      {"proofs are dropped on the way",
       kKey,
       {proof_missing(), proof_missing()},
       {"-", ""},
       "oauth.invalid_dpop_proof"},
      {"a broken server in between", kKey, {proof_missing(), {500, {}, ""}}, {"-", ""}, "oauth.http_500"},
      {"a rate limit in those words",
       kKey,
       {refusal(429, "invalid_dpop_proof")},
       {"-"},
       "oauth.rate_limited"},
      {"the demand in 401", kKey, {refusal(401, "invalid_dpop_proof"), bound_answer()}, {"-", ""}, "DPoP"},
      {"the org does not bind after all", kKey, {proof_missing(), token_answer("a")}, {"-", ""}, "Bearer"},
      {"spelt otherwise", kKey, {proof_missing(), bound_answer("b", "", "dpop")}, {"-", ""}, "DPoP"},
      {"bound without a proof", kKey, {bound_answer()}, {"-"}, "oauth.dpop_demanded"},
      {"oidc-provider's demand", kKey, {refusal(400, "invalid_grant"), bound_answer()}, {"-", ""}, "DPoP"},
      {"an invalid grant that stays one",
       kKey,
       {refusal(400, "invalid_grant"), refusal(400, "invalid_grant")},
       {"-", ""},
       "oauth.invalid_grant"},
      {"a refresh token that has ended",
       kRefresh,
       {refusal(400, "invalid_grant")},
       {"-"},
       "oauth.invalid_grant"},
      {"bound to another key, as Okta says it",
       kRefresh,
       {proof_missing(),
        refusal(400, "invalid_dpop_proof", "Invalid DPoP Public Key binding in refresh token")},
       {"-", ""},
       "oauth.invalid_grant"},
      {"the client is unknown", kKey, {refusal(401, "invalid_client")}, {"-"}, "oauth.invalid_client"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    http_.clear_requests();
    for (const auto& answer : row.answers) http_.push(answer);
    const auto answer =
        endpoint()->request_token({}, row.grant, {{"grant_type", "x"}, {"refresh_token", "secret-" + kMark}});
    EXPECT_EQ(answer ? answer->scheme : answer.error().code, row.outcome);
    EXPECT_EQ(nonces_of(http_.requests()), row.sent);
    EXPECT_EQ(http_.unused(), 0u);
    if (answer) {
      EXPECT_EQ(answer->prover != nullptr, row.sent.back() != "-");
    } else {
      EXPECT_FALSE(answer.error().hint.empty());
      EXPECT_THAT(test::everything(answer.error()), Not(HasSubstr(kMark)));
    }
  }
}

TEST_F(DpopTokenTest, WhatHasBeenAskedForOnceIsSentFromThenOn) {
  const auto at = endpoint();
  for (auto&& answer : {proof_missing(), nonce_wanted("n1"), with_nonce(bound_answer(), "n2")})
    http_.push(answer);
  const auto first = at->request_token({}, Grant::client_credentials, net::Query{{"grant_type", "x"}});
  ASSERT_TRUE(first);
  http_.clear_requests();
  http_.push(bound_answer());
  const auto second = at->request_token({}, Grant::refresh_token, net::Query{{"grant_type", "x"}});
  ASSERT_TRUE(second);
  EXPECT_THAT(nonces_of(http_.requests()), ElementsAre("n2"));
  EXPECT_EQ(second->prover, first->prover);
}

TEST_F(DpopTokenTest, AGuessThatLedNowhereIsForgotten) {
  const auto at = endpoint();
  for (int i = 0; i < 2; ++i) {
    http_.clear_requests();
    http_.push(refusal(400, "invalid_grant"));
    http_.push(refusal(400, "invalid_grant"));
    EXPECT_FALSE(at->request_token({}, Grant::client_credentials, net::Query{{"grant_type", "x"}}));
    EXPECT_THAT(nonces_of(http_.requests()), ElementsAre("-", ""));
  }
}

// RFC 9449 section 6.1: a token can say whose it is, and then that counts.
TEST_F(DpopTokenTest, ATokensOwnWordOnItsKeyCounts) {
  struct Row {
    std::string type, key;  // key "own": the proof's
    std::string outcome;
  };
  const Row rows[] = {
      {"Bearer", "own", "DPoP"},
      {"DPoP", "own", "DPoP"},
      {"DPoP", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "oauth.bad_answer"},
      {"Bearer", "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I", "oauth.bad_answer"},
      {"Bearer", "", "Bearer"},
      {"DPoP", "", "DPoP"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.type + " " + row.key);
    http_.answer_with([&](const core::Context&, const net::HttpRequest& request) -> test::Answer {
      const auto proof = proof_of(request);
      if (!proof) return proof_missing();
      const auto jkt = row.key == "own" ? proof->thumbprint : row.key;
      const auto claims = jkt.empty() ? std::string("{}") : fmt::format(R"({{"cnf":{{"jkt":"{}"}}}})", jkt);
      return bound_answer(fmt::format("{}.{}.c2ln", core::base64url_encode(R"({"alg":"RS256"})"),
                                      core::base64url_encode(claims)),
                          "", row.type);
    });
    const auto answer =
        endpoint()->request_token({}, Grant::client_credentials, net::Query{{"grant_type", "x"}});
    EXPECT_EQ(answer ? answer->scheme : answer.error().code, row.outcome);
  }
}

TEST_F(DpopTokenTest, EachAttemptMakesAnAssertionOfItsOwn) {
  for (auto&& answer : {proof_missing(), nonce_wanted("n1"), bound_answer()}) http_.push(answer);
  const auto key = source();
  const auto token = key->token({});
  ASSERT_TRUE(token);
  EXPECT_EQ((*token)->scheme, "DPoP");
  ASSERT_NE((*token)->dpop, nullptr);
  EXPECT_EQ(key->method(), "private key JWT with DPoP");
  std::set<std::string> assertions;
  for (const auto& request : http_.requests()) assertions.insert(field(request, "client_assertion"));
  EXPECT_EQ(assertions.size(), 3u);
  EXPECT_EQ(proof_of(http_.requests().back())->thumbprint, (*token)->dpop->thumbprint());
}

TEST_F(DpopTokenTest, TheNextStartUsesTheStoredTokenWithItsKeyAndRenewsItStraight) {
  for (auto&& answer : {proof_missing(), bound_answer()}) http_.push(answer);
  const auto first = source()->token({});
  ASSERT_TRUE(first);
  http_.clear_requests();

  const auto restarted = source();
  EXPECT_EQ(restarted->method(), "private key JWT with DPoP");
  const auto second = restarted->token({});
  ASSERT_TRUE(second);
  EXPECT_EQ(http_.count(), 0u);
  EXPECT_EQ((*second)->scheme, "DPoP");
  EXPECT_EQ((*second)->dpop->thumbprint(), (*first)->dpop->thumbprint());

  clock_.advance(hours{2});
  http_.push(bound_answer("bound-2-s3cr3t"));
  const auto third = source()->token({});
  ASSERT_TRUE(third);
  EXPECT_THAT(nonces_of(http_.requests()), ElementsAre(""));
  EXPECT_EQ(proof_of(http_.requests().at(0))->thumbprint, (*first)->dpop->thumbprint());
}

TEST_F(DpopTokenTest, ABoundTokenWithoutItsKeyIsNoLogin) {
  const auto fresh = [&] {
    return StoredToken{.access_token = core::Secret("old-s3cr3t"),
                       .scheme = "DPoP",
                       .scopes = {"okta.users.read"},
                       .granted_scopes = {"okta.users.read"},
                       .obtained_at = clock_.now(),
                       .expires_at = clock_.now() + hours{1}};
  };
  for (const std::string key : {"", R"({"kty":"EC","d":"s3cr3t"})"}) {
    SCOPED_TRACE(key);
    auto token = fresh();
    token.dpop_key = core::Secret(key);
    auto sign_in = source();
    ASSERT_TRUE(store_.save(sign_in->login(), token));
    test::LogCapture log;
    EXPECT_FALSE(sign_in->granted_scopes());
    http_.push(token_answer("new-s3cr3t"));
    EXPECT_EQ(test::value(sign_in->token({})), "new-s3cr3t");
    EXPECT_THAT(log.text(), HasSubstr("bound to a key that is not there"));
    EXPECT_THAT(log.text(), HasSubstr("Sign in again"));
    EXPECT_THAT(log.text(), Not(HasSubstr(kMark)));
  }
}

TEST_F(DpopTokenTest, AClockThatIsHoursOffIsMendedFromTheRefusal) {
  for (auto&& answer : {proof_missing(), bound_answer()}) http_.push(answer);
  ASSERT_TRUE(source()->token({}));
  clock_.advance(hours{2});
  http_.clear_requests();
  const auto org_time = clock_.now() - hours{3};
  auto late = refusal(400, "invalid_dpop_proof", "The DPoP proof JWT is issued in the future.");
  late.headers.add("Date", core::to_http_date(org_time));
  http_.push(late);
  http_.push(bound_answer("bound-2"));
  EXPECT_EQ(test::value(source()->token({})), "bound-2");
  const auto requests = http_.requests();
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(proof_of(requests[0])->claim("iat"), std::to_string(core::to_unix_seconds(clock_.now())));
  EXPECT_EQ(proof_of(requests[1])->claim("iat"), std::to_string(core::to_unix_seconds(org_time)));
}

TEST(DpopDevice, ThePersonsSignInIsBoundAndItsRefreshSurvivesARestart) {
  test::AutoClock clock;
  test::Bench bench(clock);
  MemoryTokenStore store;
  bench.store = &store;
  bench.org.authorize = {json(200, test::device_body())};
  bench.org.poll = {proof_missing(), nonce_wanted("n1"), refusal(400, "authorization_pending"),
                    refusal(400, "slow_down"), bound_answer("bound-1", "refresh-1-s3cr3t")};
  std::string thumbprint;
  {
    const auto person = bench.make();
    person->begin();
    ASSERT_TRUE(bench.ended());
    ASSERT_TRUE(bench.failed.empty()) << bench.failed.front().message;
    EXPECT_EQ(person->method(), "device authorization grant with DPoP");
    const auto token = person->token({});
    ASSERT_TRUE(token);
    EXPECT_EQ((*token)->scheme, "DPoP");
    thumbprint = (*token)->dpop->thumbprint();
  }
  auto requests = bench.http.requests();
  EXPECT_FALSE(requests.at(0).headers.has("DPoP"));  // device/authorize
  requests.erase(requests.begin());
  EXPECT_THAT(nonces_of(requests), ElementsAre("-", "", "n1", "n1", "n1"));
  EXPECT_EQ(bench.org.polled_at, (std::vector<std::int64_t>{5, 5, 5, 10, 20}));

  clock.wait_until(clock.steady() + hours{2}, {});
  bench.http.clear_requests();
  bench.org.poll = {nonce_wanted("n2"), bound_answer("bound-2", "refresh-2-s3cr3t")};
  const auto restarted = bench.make();
  EXPECT_EQ(test::value(restarted->token({})), "bound-2");
  requests = bench.http.requests();
  EXPECT_THAT(nonces_of(requests), ElementsAre("", "n2"));
  for (const auto& request : requests) {
    EXPECT_EQ(field(request, "refresh_token"), "refresh-1-s3cr3t");
    EXPECT_EQ(proof_of(request)->thumbprint, thumbprint);
  }
}

TEST(DpopDevice, ARefreshTokenOfAnotherKeyMeansANewSignInAndNoLoop) {
  test::AutoClock clock;
  test::Bench bench(clock);
  MemoryTokenStore store;
  bench.store = &store;
  const auto person = bench.make();
  core::SeededRandom random{3};
  const auto prover = test::new_prover(clock, random);
  ASSERT_TRUE(store.save(person->login(), {.access_token = core::Secret("old"),
                                           .refresh_token = core::Secret("refresh-1-s3cr3t"),
                                           .scheme = "DPoP",
                                           .dpop_key = prover->private_jwk().value(),
                                           .scopes = {"okta.users.read"},
                                           .obtained_at = clock.now() - hours{2},
                                           .expires_at = clock.now() - hours{1}}));
  bench.org.poll = {refusal(400, "invalid_dpop_proof", "Invalid DPoP Public Key binding in refresh token")};
  bench.org.authorize = {json(200, test::device_body())};
  const auto token = person->token({});
  ASSERT_FALSE(token);
  EXPECT_THAT(token.error().code, testing::AnyOf("oauth.login_pending", "oauth.expired_token"));
  EXPECT_FALSE(store.load(person->login()).value());
}

TEST(DpopStore, ASealedLoginKeepsItsKeyAndOneOfVersion1StillLoads) {
  test::TempDir dir;
  const std::string raw(32, 'k');
  const std::string key_file = dir.path() + "/key";
  std::ofstream(key_file, std::ios::binary) << raw;
  const auto open = [&] {
    auto store = SealedFileStore::create({.state_dir = dir.path() + "/state", .key_file = key_file});
    EXPECT_TRUE(store);
    return std::move(*store);
  };
  const TokenKey key{.org = kOrg, .client_id = "0oa1", .grant = "device_code", .scopes = {"okta.users.read"}};
  const std::string file = fmt::format("{}/state/tokens/{}.token", dir.path(), key.name());

  // As version 1 of the format wrote it.
  const auto store = open();
  const auto sealer = core::Sealer::create(core::Secret(raw));
  ASSERT_TRUE(sealer);
  const std::string old = fmt::format(
      R"({{"org":"{}","client_id":"0oa1","grant":"device_code","scheme":"Bearer","access_token":"a-s3cr3t",)"
      R"("refresh_token":"r-s3cr3t","scopes":["okta.users.read"],"granted_scopes":[],)"
      R"("obtained_at_ms":1800000000123,"expires_at_ms":1800003600123}})",
      kOrg);
  std::ofstream(file, std::ios::binary) << "okta-mcp-token 1\n"
                                        << sealer->seal(old, "okta-mcp-token 1 " + key.name());
  auto loaded = store->load(key);
  ASSERT_TRUE(loaded);
  ASSERT_TRUE(*loaded);
  EXPECT_EQ((*loaded)->refresh_token.reveal(), "r-s3cr3t");
  EXPECT_EQ((*loaded)->scheme, "Bearer");
  EXPECT_TRUE((*loaded)->dpop_key.empty());

  core::FakeClock clock;
  core::SeededRandom random{3};
  const auto prover = test::new_prover(clock, random);
  (*loaded)->scheme = "DPoP";
  (*loaded)->dpop_key = prover->private_jwk().value();
  ASSERT_TRUE(store->save(key, **loaded));
  EXPECT_TRUE(test::slurp(file).starts_with("okta-mcp-token 2 "));
  EXPECT_THAT(test::slurp(file), Not(HasSubstr("kty")));
  auto again = open()->load(key);
  ASSERT_TRUE(again);
  ASSERT_TRUE(*again);
  EXPECT_EQ((*again)->scheme, "DPoP");
  const auto restored = DpopBinding(clock, random).adopt((*again)->dpop_key);
  ASSERT_TRUE(restored);
  EXPECT_EQ((*restored)->thumbprint(), prover->thumbprint());
  EXPECT_EQ((*again)->copy().dpop_key.reveal(), (*again)->dpop_key.reveal());
}

}  // namespace
}  // namespace oauth
