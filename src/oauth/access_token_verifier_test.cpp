#include "oauth/access_token_verifier.h"

#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>

#include "oauth/test_issuer.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using test::Changes;
using testing::ElementsAre;
using testing::IsEmpty;

struct Bench {
  test::TestIssuer issuer;
  test::TestIssuer other{"https://second.example.com"};
  net::FakeHttpClient http{test::network({&issuer, &other})};
  core::FakeClock clock;
  core::SeededRandom random{7};
  std::unique_ptr<AccessTokenVerifier> verifier;

  AccessTokenVerifierOptions options() {
    AccessTokenVerifierOptions options{
        .resource = test::kResource, .issuers = {}, .http = http, .clock = clock, .random = random};
    options.issuers.push_back({.issuer = issuer.name()});
    options.issuers.push_back({.issuer = other.name()});
    return options;
  }
  void make(AccessTokenVerifierOptions options) {
    auto made = AccessTokenVerifier::create(std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    verifier = *std::move(made);
  }
  Bench() { make(options()); }

  core::Result<AccessTokenVerifier::Token> verify(const PresentedToken& presented) {
    return verifier->verify({}, presented, "POST");
  }
  core::Result<AccessTokenVerifier::Token> verify(std::string_view token) { return verify({.token = token}); }
  std::string code(std::string_view token) {
    const auto verified = verify(token);
    return verified ? "ok" : verified.error().code;
  }
  // From memory: "ok", an error, or "ask".
  std::string at_once(std::string_view token) {
    const auto verified = verifier->try_verify({.token = token}, "POST");
    if (!verified) return "ask";
    return *verified ? "ok" : verified->error().code;
  }
};

TEST(AccessTokenVerifier, GivesEvidence) {
  Bench bench;
  const auto token = bench.verify(bench.issuer.token());
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ((*token)->issuer(), test::kIssuer);
  EXPECT_EQ((*token)->subject(), "00u1");
  EXPECT_EQ((*token)->client_id(), "app");
  EXPECT_EQ((*token)->principal(), test::kIssuer + "#00u1");
  EXPECT_THAT((*token)->scopes(), ElementsAre("mcp:read", "mcp:write"));
  EXPECT_EQ((*token)->bound_to(), "");
  EXPECT_EQ((*token)->expires_at(), core::WallTime{seconds{test::kIssuedNow + 3600}});
  EXPECT_THAT(bench.verifier->issuers(), ElementsAre(test::kIssuer, "https://second.example.com"));
}

TEST(AccessTokenVerifier, ShapesOfGoodTokens) {
  Bench bench;
  struct Row {
    const char* what;
    Changes claims;
    Changes header;
    std::string principal;
    std::vector<std::string> scopes;
  };
  const std::string user = test::kIssuer + "#00u1";
  const std::vector<std::string> both{"mcp:read", "mcp:write"};
  const Row rows[] = {
      {"typ in full", {}, {{"typ", "application/at+jwt"}}, user, both},
      {"typ in capitals", {}, {{"typ", "AT+JWT"}}, user, both},
      {"typ JWT", {}, {{"typ", "JWT"}}, user, both},
      {"Okta's custom authorization server",
       {{"client_id", test::Value()},
        {"cid", "0oa1"},
        {"scope", test::Value()},
        {"scp", test::Array{"a", "b"}},
        {"uid", "00u1"},
        {"ver", 1}},
       {{"typ", test::Value()}},
       user,
       {"a", "b"}},
      {"a nonce in a token that says what it is", {{"nonce", "n"}}, {}, user, both},
      {"no kid", {}, {{"kid", test::Value()}}, user, both},
      {"no sub", {{"sub", test::Value()}}, {}, test::kIssuer + "#client:app", both},
      {"no sub, Okta's client",
       {{"sub", test::Value()}, {"client_id", test::Value()}, {"cid", "0oa1"}},
       {},
       test::kIssuer + "#client:0oa1",
       both},
      {"no client", {{"client_id", test::Value()}}, {}, user, both},
      {"one of several audiences",
       {{"aud", test::Array{"https://a.example", test::kResource}}},
       {},
       user,
       both},
      {"aud with a slash at the end", {{"aud", test::kResource + "/"}}, {}, user, both},
      {"aud in capitals", {{"aud", "HTTPS://MCP.example.com:443/mcp"}}, {}, user, both},
      {"just expired", {{"exp", test::kIssuedNow - 59}}, {}, user, both},
      {"just ahead", {{"nbf", test::kIssuedNow + 60}, {"iat", test::kIssuedNow + 60}}, {}, user, both},
      {"no iat", {{"iat", test::Value()}}, {}, user, both},
      {"scp as text", {{"scp", "x y"}}, {}, user, {"x", "y"}},
      {"no scopes", {{"scope", test::Value()}}, {}, user, {}},
      {"scopes of another type", {{"scope", 7}}, {}, user, {}},
      {"scp of several types", {{"scp", test::Array{"x", 1, nullptr}}}, {}, user, {"x"}},
  };
  for (const Row& row : rows) {
    const auto token = bench.verify(bench.issuer.token(row.claims, row.header));
    ASSERT_TRUE(token) << row.what << ": " << token.error().message;
    EXPECT_EQ((*token)->principal(), row.principal) << row.what;
    EXPECT_EQ((*token)->scopes(), row.scopes) << row.what;
  }
}

TEST(AccessTokenVerifier, EveryUsualAlgorithm) {
  for (const Algorithm algorithm :
       {Algorithm::rs256, Algorithm::ps256, Algorithm::es256, Algorithm::es384, Algorithm::eddsa}) {
    Bench bench;
    bench.issuer.keys = {Key::generate(algorithm)->with_kid("k1")};
    EXPECT_EQ(bench.code(bench.issuer.token()), "ok") << to_string(algorithm);
  }
}

TEST(AccessTokenVerifier, TokensThatMustNotPass) {
  Bench bench;
  for (const test::BadToken& row : test::bad_tokens(bench.issuer, bench.other)) {
    // Twice, since what was refused must not be remembered as good; and from memory as well.
    for (int i = 0; i < 2; ++i) {
      const auto token = bench.verify(row.token);
      ASSERT_FALSE(token) << row.what;
      EXPECT_EQ(token.error().code, row.code) << row.what << ": " << token.error().message;
      EXPECT_EQ(token.error().kind, core::ErrorKind::unauthenticated) << row.what;
      EXPECT_EQ(core::describe(token.error()).find(row.token), std::string::npos) << row.what;
    }
    EXPECT_EQ(bench.at_once(row.token), row.code) << row.what;
  }
  for (const auto& request : bench.http.requests()) {
    EXPECT_EQ(request.url.find("evil"), std::string::npos) << request.url;
  }
}

TEST(AccessTokenVerifier, EachIssuerHasItsKeysAndItsRules) {
  Bench bench;
  EXPECT_EQ(bench.code(bench.other.token()), "ok");
  auto options = bench.options();
  options.issuers[0] = {.issuer = bench.issuer.name(),
                        .audience = "api://mcp",
                        .algorithms = {Algorithm::rs256},
                        .required_typ = "example+jwt"};
  options.issuers[1].required_typ = "JWT";
  bench.make(std::move(options));
  EXPECT_EQ(bench.code(bench.issuer.token()), "oauth.jwt.algorithm");
  EXPECT_EQ(bench.code(bench.other.token()), "oauth.jwt.type");
  EXPECT_EQ(bench.code(bench.other.token({}, {{"typ", test::Value()}})), "oauth.jwt.type");
  EXPECT_EQ(bench.code(bench.other.token({}, {{"typ", "JWT"}})), "ok");
  bench.issuer.keys = {Key::generate(Algorithm::rs256)->with_kid("k1")};
  const Changes typ{{"typ", "example+jwt"}};
  EXPECT_EQ(bench.code(bench.issuer.token({{"aud", "api://mcp"}}, typ)), "ok");
  EXPECT_EQ(bench.code(bench.issuer.token({{"aud", "api://mcp"}})), "oauth.jwt.type");
  // Its own audience is compared as it is, and takes the resource's place.
  EXPECT_EQ(bench.code(bench.issuer.token({{"aud", "api://mcp/"}}, typ)), "oauth.jwt.audience");
  EXPECT_EQ(bench.code(bench.issuer.token({}, typ)), "oauth.jwt.audience");
}

TEST(AccessTokenVerifier, AnIdTokenIsRefusedEvenWhereTheAudienceIsTheClient) {
  Bench bench;
  auto options = bench.options();
  options.issuers[0].audience = "app";
  bench.make(std::move(options));
  for (const char* client : {"client_id", "cid", "azp"}) {
    for (const test::Value& audience : {test::Value("app"), test::Value(test::Array{"app"})}) {
      const Changes claims{{"client_id", test::Value()}, {client, "app"}, {"aud", audience}};
      EXPECT_EQ(bench.code(bench.issuer.token(claims, {{"typ", "JWT"}})), "oauth.access_token.id_token")
          << client;
      EXPECT_EQ(bench.code(bench.issuer.token(claims)), "ok") << client;
    }
  }
}

TEST(AccessTokenVerifier, ASignatureIsCheckedOnceInFiveMinutes) {
  Bench bench;
  const auto token = bench.issuer.token();
  EXPECT_EQ(bench.at_once(token), "ask");
  EXPECT_EQ(bench.code(token), "ok");
  EXPECT_EQ(bench.at_once(token), "ok");
  EXPECT_EQ(bench.at_once(bench.issuer.token({{"sub", "00u2"}})), "ok");  // keys are here, nobody is asked
  bench.issuer.keys = {Key::generate(Algorithm::es256)->with_kid("k2")};
  EXPECT_EQ(bench.at_once(bench.issuer.token({}, {{"kid", "k2"}})), "ask");
  EXPECT_EQ(bench.code(bench.issuer.token({}, {{"kid", "k2"}})), "ok");
  // The key is gone: what was verified with it goes on for five minutes, anything else does not.
  bench.clock.advance(minutes{5} - seconds{1});
  EXPECT_EQ(bench.at_once(token), "ok");
  bench.clock.advance(seconds{1});
  EXPECT_EQ(bench.code(token), "oauth.jwt.unknown_key");
}

TEST(AccessTokenVerifier, ARememberedTokenExpiresAllTheSame) {
  Bench bench;
  const auto token = bench.issuer.token({{"exp", test::kIssuedNow + 10}});
  EXPECT_EQ(bench.code(token), "ok");
  bench.clock.advance(seconds{69});
  EXPECT_EQ(bench.at_once(token), "ok");
  bench.clock.advance(seconds{1});
  EXPECT_EQ(bench.at_once(token), "oauth.jwt.expired");
}

TEST(AccessTokenVerifier, MemoryIsBounded) {
  Bench bench;
  auto options = bench.options();
  options.cached_tokens = 2;
  bench.make(std::move(options));
  std::vector<std::string> tokens;
  for (int i = 0; i < 3; ++i) {
    tokens.push_back(bench.issuer.token({{"sub", "u" + std::to_string(i)}}));
    EXPECT_EQ(bench.code(tokens.back()), "ok");
  }
  // Only the two newest are known without a key.
  bench.issuer.keys = {Key::generate(Algorithm::es256)->with_kid("k2")};
  bench.clock.advance(minutes{4});
  EXPECT_EQ(bench.code(bench.issuer.token({}, {{"kid", "k9"}})), "oauth.jwt.unknown_key");
  EXPECT_EQ(bench.at_once(tokens[0]), "oauth.jwt.unknown_key");
  EXPECT_EQ(bench.at_once(tokens[2]), "ok");
}

TEST(AccessTokenVerifier, RotationAndOutage) {
  Bench bench;
  const auto old = bench.issuer.token();
  EXPECT_EQ(bench.code(old), "ok");
  bench.issuer.keys = {Key::generate(Algorithm::es256)->with_kid("k2"), bench.issuer.keys.front()};
  EXPECT_EQ(bench.code(bench.issuer.token({}, {{"kid", "k2"}})), "ok");
  // Without kid only a signature that does not verify tells that there is a new key.
  bench.clock.advance(seconds{30});
  bench.issuer.keys = {Key::generate(Algorithm::es256)->with_kid("k3")};
  EXPECT_EQ(bench.code(bench.issuer.token({}, {{"kid", test::Value()}})), "ok");
  bench.issuer.down = true;
  bench.clock.advance(minutes{11});
  EXPECT_EQ(bench.code(bench.issuer.token({{"sub", "00u3"}}, {{"kid", "k3"}})), "ok");
  bench.other.down = true;
  const auto away = bench.verify(bench.other.token());
  ASSERT_FALSE(away);
  EXPECT_EQ(away.error().kind, core::ErrorKind::unavailable);
}

TEST(AccessTokenVerifier, NoIssuerIsAskedForWhatIsWrongAnyway) {
  Bench bench;
  EXPECT_EQ(bench.at_once("opaque"), "oauth.access_token.opaque");
  EXPECT_EQ(bench.at_once(std::string(20'000, 'a')), "oauth.jwt.too_large");
  EXPECT_EQ(bench.at_once(bench.issuer.token({{"iss", "https://evil.example.com"}})),
            "oauth.access_token.issuer");
  EXPECT_EQ(bench.http.count(), 0u);
}

// ---- tokens bound to a key

struct Bound : Bench {
  Key client = *Key::generate(Algorithm::es256);
  std::string token = issuer.token({{"cnf", test::Object{{"jkt", client.thumbprint()}}}});
  std::vector<std::string> proofs;

  std::string send(std::string proof) { return send(std::vector<std::string>{std::move(proof)}); }
  std::string send(std::vector<std::string> sent, TokenScheme scheme = TokenScheme::dpop) {
    proofs = std::move(sent);
    const auto verified =
        verify({.scheme = scheme, .token = token, .proofs = {proofs.begin(), proofs.end()}});
    return verified ? "ok" : verified.error().code;
  }
};

TEST(AccessTokenVerifier, ABoundTokenNeedsItsProof) {
  Bound bench;
  const auto good = test::proof(bench.client, bench.token);
  const Key thief = *Key::generate(Algorithm::es256);
  EXPECT_EQ(bench.send(std::vector<std::string>{}), "oauth.dpop.missing");
  EXPECT_EQ(bench.send({good}, TokenScheme::bearer), "oauth.access_token.dpop_required");
  EXPECT_EQ(bench.send(std::vector<std::string>{good, good}), "oauth.dpop.multiple");
  EXPECT_EQ(bench.send(test::proof(thief, bench.token)), "oauth.dpop.binding");
  EXPECT_EQ(bench.send(test::proof(bench.client, "another")), "oauth.dpop.ath");
  EXPECT_EQ(bench.send(test::proof(bench.client, bench.token, {{"htm", "GET"}})), "oauth.dpop.htm");
  EXPECT_EQ(bench.send(test::proof(bench.client, bench.token, {{"htu", "https://mcp.example.com/other"}})),
            "oauth.dpop.htu");
  EXPECT_EQ(bench.send(test::proof(bench.client, bench.token, {{"iat", test::kIssuedNow - 301}})),
            "oauth.dpop.too_old");
  EXPECT_EQ(bench.send(good), "ok");
  EXPECT_EQ(bench.send(good), "oauth.dpop.replayed");
  EXPECT_EQ(bench.send(test::proof(bench.client, bench.token, {{"jti", "proof-2"}})), "ok");
}

TEST(AccessTokenVerifier, AnUnboundTokenIsNoDpopToken) {
  Bound bench;
  bench.token = bench.issuer.token();
  EXPECT_EQ(bench.send(test::proof(bench.client, bench.token)), "oauth.access_token.not_bound");
  EXPECT_EQ(bench.send({}, TokenScheme::bearer), "ok");
  auto options = bench.options();
  options.dpop = DpopUse::required;
  bench.make(std::move(options));
  EXPECT_EQ(bench.send({}, TokenScheme::bearer), "oauth.access_token.dpop_required");
}

TEST(AccessTokenVerifier, WhileTheKeysAreUnknownNoProofIsUsedUp) {
  Bound bench;
  const auto good = test::proof(bench.client, bench.token);
  const PresentedToken presented{.scheme = TokenScheme::dpop, .token = bench.token, .proofs = {good}};
  EXPECT_FALSE(bench.verifier->try_verify(presented, "POST"));
  EXPECT_TRUE(bench.verifier->verify({}, presented, "POST"));
}

TEST(AccessTokenVerifier, ANonceOfOurs) {
  Bound bench;
  auto options = bench.options();
  options.dpop_nonce = true;
  bench.make(std::move(options));
  EXPECT_EQ(bench.send(test::proof(bench.client, bench.token)), "oauth.dpop.nonce");
  EXPECT_EQ(bench.send(test::proof(bench.client, bench.token, {{"nonce", bench.verifier->dpop_nonce()}})),
            "ok");
}

// ---- opaque tokens

struct Opaque : Bench {
  Opaque() {
    auto with = options();
    with.issuers[0].introspection =
        IntrospectionClient{.client_id = "rs", .client_secret = core::Secret("s")};
    make(std::move(with));
    issuer.opaque["opaque-1"] = answer();
  }
  test::Object answer(const Changes& changes = {}) const {
    return test::changed({{"active", true},
                          {"sub", "00u1"},
                          {"client_id", "app"},
                          {"aud", test::kResource},
                          {"scope", "mcp:read"},
                          {"exp", test::kIssuedNow + 3600},
                          {"token_type", "Bearer"}},
                         changes);
  }
  std::size_t asked() const { return test::asked(http, "/introspect"); }
};

TEST(AccessTokenVerifier, OpaqueTokensAreAskedFor) {
  Opaque bench;
  EXPECT_EQ(bench.at_once("opaque-1"), "ask");
  const auto token = bench.verify("opaque-1");
  ASSERT_TRUE(token) << token.error().message;
  EXPECT_EQ((*token)->principal(), test::kIssuer + "#00u1");
  EXPECT_THAT((*token)->scopes(), ElementsAre("mcp:read"));
  EXPECT_EQ(bench.at_once("opaque-1"), "ok");
  EXPECT_EQ(bench.asked(), 1u);
  // Revoked: seen after thirty seconds.
  bench.issuer.opaque.clear();
  bench.clock.advance(seconds{29});
  EXPECT_EQ(bench.at_once("opaque-1"), "ok");
  bench.clock.advance(seconds{1});
  EXPECT_EQ(bench.at_once("opaque-1"), "ask");
  EXPECT_EQ(bench.code("opaque-1"), "oauth.introspection.inactive");
  // What is not active is not asked for again at once.
  EXPECT_EQ(bench.at_once("opaque-1"), "oauth.introspection.inactive");
  EXPECT_EQ(bench.asked(), 2u);
  bench.clock.advance(seconds{10});
  EXPECT_EQ(bench.at_once("opaque-1"), "ask");
  // A JWT never goes there.
  EXPECT_EQ(bench.code(bench.issuer.token({{"iss", "https://evil.example.com"}})),
            "oauth.access_token.issuer");
  EXPECT_EQ(bench.asked(), 2u);
}

TEST(AccessTokenVerifier, AnIntrospectionAnswerIsCheckedLikeClaims) {
  struct Row {
    const char* what;
    Changes changes;
    const char* code;
  };
  const Row rows[] = {
      {"good", {}, "ok"},
      {"no exp", {{"exp", test::Value()}}, "ok"},
      {"its iss", {{"iss", test::kIssuer}}, "ok"},
      {"another iss", {{"iss", "https://second.example.com"}}, "oauth.jwt.issuer"},
      {"another aud", {{"aud", "https://other.example.com"}}, "oauth.jwt.audience"},
      {"no aud", {{"aud", test::Value()}}, "oauth.jwt.missing_claim"},
      {"expired", {{"exp", test::kIssuedNow - 60}}, "oauth.jwt.expired"},
      {"nbf ahead", {{"nbf", test::kIssuedNow + 61}}, "oauth.jwt.not_yet_valid"},
      {"nobody", {{"sub", test::Value()}, {"client_id", test::Value()}}, "oauth.access_token.subject"},
      {"bound", {{"cnf", test::Object{{"jkt", "x"}}}}, "oauth.access_token.dpop_required"},
      {"a refresh token", {{"token_type", "refresh_token"}}, "oauth.introspection.kind"},
  };
  for (const Row& row : rows) {
    Opaque bench;
    bench.issuer.opaque["opaque-1"] = bench.answer(row.changes);
    EXPECT_EQ(bench.code("opaque-1"), row.code) << row.what;
    EXPECT_EQ(bench.code("opaque-1"), row.code) << row.what;
    EXPECT_EQ(bench.asked(), 1u) << row.what;
  }
}

TEST(AccessTokenVerifier, AnIssuerThatIsSlowSaysNothingAboutTheToken) {
  Opaque bench;
  bench.http.answer_with([](const core::Context&, const net::HttpRequest&) {
    return net::FakeHttpClient::Answer(core::fail(core::ErrorKind::timeout, "net.timeout", "Too slow."));
  });
  const auto slow = bench.verify("opaque-1");
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().kind, core::ErrorKind::timeout);
  bench.http.answer_with(test::network({&bench.issuer}));
  EXPECT_EQ(bench.code("opaque-1"), "ok");
}

TEST(AccessTokenVerifier, OneIntrospectionForAllWhoBringTheToken) {
  Opaque bench;
  std::latch released{1};
  bench.http.answer_with([&, inner = test::network({&bench.issuer})](const core::Context& context,
                                                                     const net::HttpRequest& request) {
    released.wait();
    return inner(context, request);
  });
  std::vector<std::future<std::string>> callers;
  callers.reserve(8);
  for (int i = 0; i < 8; ++i) {
    callers.push_back(std::async(std::launch::async, [&] { return bench.code("opaque-1"); }));
  }
  EXPECT_TRUE(test::eventually([&] { return bench.http.count() > 0; }));
  released.count_down();
  for (auto& caller : callers) EXPECT_EQ(caller.get(), "ok");
  EXPECT_EQ(bench.asked(), 1u);
}

// ---- settings

TEST(AccessTokenVerifier, SettingsThatCannotBe) {
  struct Row {
    const char* what;
    std::function<void(AccessTokenVerifierOptions&)> change;
    const char* code;
  };
  const Row rows[] = {
      {"no resource", [](auto& o) { o.resource = ""; }, "oauth.resource_uri"},
      {"resource over http", [](auto& o) { o.resource = "http://mcp.example.com/mcp"; },
       "oauth.resource_uri"},
      {"no issuer", [](auto& o) { o.issuers.clear(); }, "oauth.verifier.issuers"},
      {"issuer over http", [](auto& o) { o.issuers[0].issuer = "http://login.example.com"; },
       "oauth.issuer.url"},
      {"an issuer twice", [](auto& o) { o.issuers[1].issuer = o.issuers[0].issuer; },
       "oauth.verifier.issuers"},
      {"too many",
       [](auto& o) {
         for (int i = 0; i < 16; ++i)
           o.issuers.push_back({.issuer = "https://i" + std::to_string(i) + ".example"});
       },
       "oauth.verifier.issuers"},
      {"no algorithm", [](auto& o) { o.issuers[0].algorithms.clear(); }, "oauth.verifier.algorithms"},
      {"HMAC", [](auto& o) { o.issuers[0].algorithms.push_back(Algorithm::hs256); },
       "oauth.verifier.algorithms"},
      {"keys over http", [](auto& o) { o.issuers[0].jwks_uri = "http://login.example.com/k"; },
       "oauth.verifier.jwks_uri"},
      {"two introspect",
       [](auto& o) {
         for (auto& issuer : o.issuers) issuer.introspection = IntrospectionClient{.client_id = "rs"};
       },
       "oauth.verifier.introspection"},
      {"no client id", [](auto& o) { o.issuers[0].introspection = IntrospectionClient{}; },
       "oauth.verifier.introspection"},
      {"introspection over http",
       [](auto& o) {
         o.issuers[0].introspection =
             IntrospectionClient{.endpoint = "http://x.example/i", .client_id = "rs"};
       },
       "oauth.verifier.introspection"},
      {"an issuer the application will not have",
       [](auto& o) {
         o.check_issuer = [](std::string_view issuer) -> core::Status {
           if (issuer != "https://second.example.com") return {};
           return core::fail(core::ErrorKind::invalid_input, "app.org_issuer", "Not that one.");
         };
       },
       "app.org_issuer"},
  };
  for (const Row& row : rows) {
    Bench bench;
    auto options = bench.options();
    row.change(options);
    const auto verifier = AccessTokenVerifier::create(std::move(options));
    ASSERT_FALSE(verifier) << row.what;
    EXPECT_EQ(verifier.error().code, row.code) << row.what;
    EXPECT_EQ(bench.http.count(), 0u);
  }
}

}  // namespace
}  // namespace oauth
