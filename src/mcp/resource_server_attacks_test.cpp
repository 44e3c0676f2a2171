// docs/security.md, "HTTP mode: who may call", is written from these tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "mcp/test_resource_server.h"

namespace mcp {
namespace {

using oauth::test::Changes;
using oauth::test::kIssuedNow;
using oauth::test::proof;
using test::Bench;
using testing::HasSubstr;
using testing::Not;

void expect_refusal(const std::string& what, const net::ServerResponse& response, int status,
                    const std::string& error) {
  EXPECT_EQ(response.status, status) << what;
  EXPECT_EQ(test::error_of(response), error) << what;
  const auto challenge = test::challenge_of(response);
  EXPECT_THAT(challenge, HasSubstr("error=\"" + error + "\"")) << what;
  EXPECT_THAT(challenge, HasSubstr("resource_metadata=\"https://mcp.example.com/.well-known/")) << what;
  EXPECT_EQ(response.headers.get("Cache-Control"), "no-store") << what;
  for (const auto& [name, value] : response.headers) EXPECT_TRUE(net::is_valid_field(name, value)) << what;
}

TEST(ResourceServerAttacks, TokensThatMustNotPass) {
  Bench bench;
  for (const oauth::test::BadToken& row : oauth::test::bad_tokens(bench.issuer, bench.other)) {
    // By way of the worker, and then from memory.
    for (int i = 0; i < 2; ++i) {
      const auto response = test::refused(bench.authorize(test::bearer(row.token)));
      expect_refusal(row.what, response, 401, "invalid_token");
      EXPECT_THAT(test::all_of(response), Not(HasSubstr(row.token))) << row.what;
      EXPECT_THAT(test::all_of(response), Not(HasSubstr("00u1"))) << row.what;
    }
  }
}

TEST(ResourceServerAttacks, RequestsThatPresentATokenWrongly) {
  Bench bench;
  const std::string good = bench.issuer.token();
  struct Row {
    std::string what;
    net::ServerRequest request;
    int status;
    std::string error;
  };
  const std::vector<Row> rows{
      {"in the query", test::request({}, "access_token=" + good), 400, "invalid_request"},
      {"in the query, spelt with escapes", test::request({}, "x=1&%61ccess_token=" + good), 400,
       "invalid_request"},
      {"in the query as well", test::request({{"Authorization", "Bearer " + good}}, "access_token=" + good),
       400, "invalid_request"},
      {"a query that is broken", test::request({{"Authorization", "Bearer " + good}}, "x=%zz"), 400,
       "invalid_request"},
      {"two headers",
       test::request({{"Authorization", "Bearer " + good}, {"authorization", "Bearer " + good}}), 400,
       "invalid_request"},
      {"two tokens in one", test::request({{"Authorization", "Bearer " + good + ", Bearer " + good}}), 400,
       "invalid_request"},
      {"no token", test::request({{"Authorization", "Bearer"}}), 400, "invalid_request"},
      {"quotes", test::request({{"Authorization", "Bearer \"" + good + "\""}}), 400, "invalid_request"},
      {"empty", test::request({{"Authorization", ""}}), 400, "invalid_request"},
      {"unbound, as DPoP", test::request({{"Authorization", "DPoP " + good}}), 401, "invalid_token"},
  };
  for (const Row& row : rows) {
    const auto response = test::refused(bench.authorize(row.request));
    expect_refusal(row.what, response, row.status, row.error);
    EXPECT_THAT(test::all_of(response), Not(HasSubstr(good))) << row.what;
  }
  EXPECT_EQ(test::principal_of(bench.authorize(test::request({{"Authorization", "Bearer " + good}}, "x=1"))),
            oauth::test::kIssuer + "#00u1");
}

TEST(ResourceServerAttacks, ProofsThatMustNotPass) {
  Bench bench;
  const oauth::Key client = *oauth::Key::generate(oauth::Algorithm::es256);
  const oauth::Key thief = *oauth::Key::generate(oauth::Algorithm::es256);
  const std::string token = bench.issuer.token({{"cnf", core::json::Object{{"jkt", client.thumbprint()}}}});
  int made = 0;
  const auto fresh = [&](const Changes& more) {
    Changes changes{{"jti", "id-" + std::to_string(++made)}};
    changes.insert(changes.end(), more.begin(), more.end());
    return proof(client, token, changes);
  };
  const auto send = [&](std::vector<std::string> proofs, const std::string& scheme = "DPoP ") {
    net::Headers headers{{"Authorization", scheme + token}};
    for (std::string& each : proofs) headers.add("DPoP", std::move(each));
    return bench.authorize(test::request(std::move(headers)));
  };
  const std::string used = fresh({});
  ASSERT_EQ(test::principal_of(send({used})), oauth::test::kIssuer + "#00u1");

  struct Row {
    std::string what;
    std::vector<std::string> proofs;
  };
  const std::vector<Row> rows{
      {"none", {}},
      {"two", {fresh({}), fresh({})}},
      {"used before", {used}},
      {"another proof with its jti", {proof(client, token, {{"jti", "id-1"}, {"iat", kIssuedNow - 1}})}},
      {"of another key", {proof(thief, token)}},
      {"for another token", {proof(client, bench.issuer.token(), {{"jti", "x"}})}},
      {"without ath", {fresh({{"ath", core::json::Value()}})}},
      {"for GET", {fresh({{"htm", "GET"}})}},
      {"for another path", {fresh({{"htu", "https://mcp.example.com/other"}})}},
      {"for another host", {fresh({{"htu", "https://evil.example.com/mcp"}})}},
      {"for http", {fresh({{"htu", "http://mcp.example.com/mcp"}})}},
      {"too old", {fresh({{"iat", kIssuedNow - 301}})}},
      {"from ahead", {fresh({{"iat", kIssuedNow + 61}})}},
      {"without iat", {fresh({{"iat", core::json::Value()}})}},
      {"without jti", {proof(client, token, {{"jti", core::json::Value()}})}},
      {"the token itself", {token}},
      {"no JWT", {"proof"}},
  };
  for (const Row& row : rows) {
    const auto response = test::refused(send(row.proofs));
    expect_refusal(row.what, response, 401, "invalid_dpop_proof");
    EXPECT_THAT(test::challenge_of(response), HasSubstr("DPoP error=\"invalid_dpop_proof\"")) << row.what;
    EXPECT_THAT(test::all_of(response), Not(HasSubstr(token))) << row.what;
  }
  const auto stolen = test::refused(send({fresh({})}, "Bearer "));
  expect_refusal("as Bearer", stolen, 401, "invalid_token");
  EXPECT_THAT(test::challenge_of(stolen), HasSubstr("DPoP error=\"invalid_token\""));
  EXPECT_THAT(test::all_of(stolen), Not(HasSubstr(token)));
}

TEST(ResourceServerAttacks, AProofWithoutOurNonceIsSentBackForIt) {
  Bench bench;
  auto options = bench.options();
  options.dpop_nonce = true;
  bench.make(std::move(options));
  const oauth::Key client = *oauth::Key::generate(oauth::Algorithm::es256);
  const std::string token = bench.issuer.token({{"cnf", core::json::Object{{"jkt", client.thumbprint()}}}});
  const auto send = [&](const Changes& changes) {
    return bench.authorize(
        test::request({{"Authorization", "DPoP " + token}, {"DPoP", proof(client, token, changes)}}));
  };
  const auto response = test::refused(send({}));
  expect_refusal("no nonce", response, 401, "use_dpop_nonce");
  const std::string nonce(response.headers.get("DPoP-Nonce"));
  ASSERT_FALSE(nonce.empty());
  EXPECT_EQ(test::principal_of(send({{"nonce", nonce}})), oauth::test::kIssuer + "#00u1");
}

TEST(ResourceServerAttacks, RotationAndOutage) {
  Bench bench;
  const std::string old = bench.issuer.token();
  EXPECT_EQ(bench.authorize(test::bearer(old)).index(), 0u);
  bench.issuer.keys = {oauth::Key::generate(oauth::Algorithm::es256)->with_kid("k2")};
  const std::string rotated = bench.issuer.token({}, {{"kid", "k2"}});
  EXPECT_EQ(bench.authorize(test::bearer(rotated)).index(), 0u);
  bench.clock.advance(std::chrono::minutes{6});
  expect_refusal("by a withdrawn key", test::refused(bench.authorize(test::bearer(old))), 401,
                 "invalid_token");
  // The issuer goes away: its keys go on, for a day.
  bench.issuer.down = true;
  bench.clock.advance(std::chrono::minutes{20});
  EXPECT_EQ(bench.authorize(test::bearer(rotated)).index(), 0u);
  const Changes long_lived{{"exp", kIssuedNow + 100'000}};
  const std::string later = bench.issuer.token(long_lived, {{"kid", "k2"}});
  EXPECT_EQ(bench.authorize(test::bearer(later)).index(), 0u);
  bench.clock.advance(std::chrono::hours{24});
  EXPECT_EQ(test::refused(bench.authorize(test::bearer(later))).status, 503);
}

TEST(ResourceServerAttacks, OpaqueTokens) {
  Bench bench;
  auto options = bench.options();
  options.issuers[0].introspection =
      oauth::IntrospectionClient{.client_id = "rs", .client_secret = core::Secret("introspection-s3cr3t")};
  bench.make(std::move(options));
  const core::json::Object active{{"active", true}, {"sub", "00u1"}, {"aud", oauth::test::kResource}};
  bench.issuer.opaque["opaque-good"] = active;
  bench.issuer.opaque["opaque-elsewhere"] =
      oauth::test::changed(active, {{"aud", "https://other.example.com"}});
  EXPECT_EQ(test::principal_of(bench.authorize(test::bearer("opaque-good"))), oauth::test::kIssuer + "#00u1");
  for (const std::string token : {"opaque-elsewhere", "opaque-unknown"}) {
    const auto response = test::refused(bench.authorize(test::bearer(token)));
    expect_refusal(token, response, 401, "invalid_token");
    EXPECT_THAT(test::all_of(response), Not(HasSubstr(token)));
  }
  bench.http.answer_with([](const core::Context&, const net::HttpRequest&) {
    return net::FakeHttpClient::Answer(core::fail(core::ErrorKind::timeout, "net.timeout", "Too slow."));
  });
  const auto slow = test::refused(bench.authorize(test::bearer("opaque-slow")));
  EXPECT_EQ(slow.status, 503);
  EXPECT_THAT(test::all_of(slow), Not(HasSubstr("opaque-slow")));
  EXPECT_THAT(test::all_of(slow), Not(HasSubstr("s3cr3t")));
  EXPECT_EQ(test::principal_of(bench.authorize(test::bearer("opaque-good"))), oauth::test::kIssuer + "#00u1");
}

}  // namespace
}  // namespace mcp
