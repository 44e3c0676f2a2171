#include "authserver/dpop.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "authserver/problem.h"
#include "authserver/test_server.h"

namespace authserver {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string code(const auto& result) {
  return result ? "ok" : result.error().code;
}

constexpr const char* kOffline = "openid offline_access okta.users.read";

// What a client does: asks, is told the nonce, asks with it.
std::string nonce_of(TestServer& test) {
  auto answer = test.token(
      {{"grant_type", "refresh_token"}, {"client_id", "0oaDevice"}, {"refresh_token", "x"}}, test.proof());
  return std::string(answer.headers.get("DPoP-Nonce"));
}

std::string jkt_of(const Answer& answer) {
  auto token = oauth::peek(answer.text("access_token"));
  return token ? std::string(core::json::string_or_empty(token->claims, "cnf.jkt")) : "no token";
}

TEST(DpopAtTheTokenEndpoint, AsRecorded) {
  TestServer test;
  auto start = test.start_device("okta.users.read", "0oaBound");
  ASSERT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())), "ok");
  auto without = test.poll(start.text("device_code"), "0oaBound");
  EXPECT_EQ(without.status, 400);
  EXPECT_EQ(without.outcome(), "invalid_dpop_proof: The DPoP proof JWT header is missing.");
  EXPECT_FALSE(without.headers.has("DPoP-Nonce"));

  auto challenged = test.poll(start.text("device_code"), "0oaBound", test.proof());
  EXPECT_EQ(challenged.status, 400);
  EXPECT_EQ(challenged.outcome(), "use_dpop_nonce: Authorization server requires nonce in DPoP proof.");
  std::string nonce(challenged.headers.get("DPoP-Nonce"));
  EXPECT_EQ(nonce.size(), 32u);

  auto tokens = test.poll(start.text("device_code"), "0oaBound", test.proof({{"nonce", nonce}}));
  ASSERT_EQ(tokens.outcome(), "ok") << "neither attempt used the code up";
  EXPECT_EQ(tokens.text("token_type"), "DPoP");
  EXPECT_EQ(tokens.headers.get("DPoP-Nonce"), nonce);
  EXPECT_EQ(jkt_of(tokens), test_client_key().thumbprint());
  EXPECT_EQ(test.verify(tokens.text("access_token")), "ok");
}

TEST(DpopAtTheTokenEndpoint, EveryGrantBindsWhenAProofComes) {
  TestServer test;
  test.server.settings.dpop_nonce = false;
  auto service =
      test.token({{"grant_type", "client_credentials"},
                  {"scope", "okta.users.read"},
                  {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                  {"client_assertion", test.assertion()}},
                 test.proof({}, test_other_key()));
  ASSERT_EQ(service.outcome(), "ok");
  EXPECT_EQ(service.text("token_type"), "DPoP");
  EXPECT_EQ(jkt_of(service), test_other_key().thumbprint());
  EXPECT_FALSE(service.headers.has("DPoP-Nonce"));
  EXPECT_EQ(test.signed_in(kOffline, "0oaDevice", test.proof()).text("token_type"), "DPoP");
  EXPECT_EQ(test.signed_in(kOffline).text("token_type"), "Bearer") << "nobody demands it of this client";

  test.server.settings.dpop = false;
  EXPECT_EQ(test.signed_in(kOffline, "0oaDevice", test.proof()).text("token_type"), "Bearer") << "off";
  EXPECT_EQ(test.signed_in(kOffline, "0oaDevice", {{"DPoP", "rubbish"}}).text("token_type"), "Bearer");
}

TEST(DpopAtTheTokenEndpoint, ProofsThatAreRefused) {
  TestServer test;
  test.server.settings.dpop_nonce = false;
  struct Row {
    const char* what;
    net::Headers headers;
    const char* outcome;
  };
  net::Headers twice = test.proof();
  twice.add("DPoP", std::string(test.proof().get("DPoP")));
  const Row rows[] = {
      {"rubbish", {{"DPoP", "x"}}, "invalid_dpop_proof: The DPoP proof JWT cannot be parsed."},
      {"empty", {{"DPoP", ""}}, "invalid_dpop_proof: The DPoP proof JWT cannot be parsed."},
      {"two", twice, "invalid_dpop_proof: Multiple DPoP proof JWT headers are not allowed."},
      {"method", test.proof({{"htm", "GET"}}),
       "invalid_dpop_proof: 'htm' claim in the DPoP proof JWT is invalid."},
      {"url", test.proof({{"htu", "https://acme.example/oauth2/v1/token/"}}),
       "invalid_dpop_proof: 'htu' claim in the DPoP proof JWT is invalid."},
      {"another org", test.proof({{"htu", "https://evil.example/oauth2/v1/token"}}),
       "invalid_dpop_proof: 'htu' claim in the DPoP proof JWT is invalid."},
      {"time", test.proof({{"iat", "x"}}),
       "invalid_dpop_proof: 'iat' claim in the DPoP proof JWT is invalid."},
      {"old", test.proof({{"iat", test.seconds() - 301}}),
       "invalid_dpop_proof: The DPoP proof JWT is issued more than five minutes in the past."},
      {"ahead", test.proof({{"iat", test.seconds() + 6}}),
       "invalid_dpop_proof: The DPoP proof JWT is issued in the future."},
      {"expired", test.proof({{"exp", test.seconds()}}),
       "invalid_dpop_proof: The DPoP proof JWT is expired."},
      {"jti", test.proof({{"jti", ""}}), "invalid_dpop_proof: 'jti' claim in the DPoP proof JWT is invalid."},
      {"type",
       {{"DPoP", *oauth::sign_compact(test_client_key(), "{}",
                                      {{"typ", "JWT"}, {"jwk", test_client_key().public_jwk()}})}},
       "invalid_dpop_proof: 'typ' must be 'dpop+jwt' in the DPoP proof JWT."},
      {"signature",
       {{"DPoP", *oauth::sign_compact(test_client_key(), "{}",
                                      {{"typ", "dpop+jwt"}, {"jwk", test_other_key().public_jwk()}})}},
       "invalid_dpop_proof: The DPoP proof JWT signature is invalid."},
      {"algorithm",
       {{"DPoP",
         *oauth::sign_compact(*oauth::Key::generate(oauth::Algorithm::eddsa), "{}", {{"typ", "dpop+jwt"}})}},
       "invalid_dpop_proof: The DPoP proof JWT signature algorithm is invalid."},
      {"no key",
       {{"DPoP", *oauth::sign_compact(test_client_key(), "{}", {{"typ", "dpop+jwt"}})}},
       "invalid_dpop_proof: The DPoP proof JWT is invalid."},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(test.signed_in("okta.users.read", "0oaDevice", row.headers).outcome(), row.outcome) << row.what;
  }
}

TEST(DpopAtTheTokenEndpoint, AProofIsGoodOnce) {
  TestServer test;
  test.server.settings.dpop_nonce = false;
  constexpr const char* kUsed = "invalid_dpop_proof: The DPoP proof JWT has already been used.";
  auto proof = test.proof();
  EXPECT_EQ(test.signed_in("okta.users.read", "0oaDevice", proof).outcome(), "ok");
  EXPECT_EQ(test.signed_in("okta.users.read", "0oaDevice", proof).outcome(), kUsed);
  test.clock.advance(seconds{300});
  EXPECT_EQ(test.signed_in("okta.users.read", "0oaDevice", proof).outcome(), kUsed)
      << "to the very last moment";

  auto same_id = test.proof({{"jti", "1"}});
  EXPECT_EQ(test.signed_in("okta.users.read", "0oaDevice", same_id).outcome(), "ok");
  EXPECT_EQ(
      test.signed_in("okta.users.read", "0oaDevice", test.proof({{"jti", "1"}}, test_other_key())).outcome(),
      "ok")
      << "another holder may have chosen the same jti";

  auto start = test.start_device("okta.users.read");
  ASSERT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())), "ok");
  auto raced = test.proof();
  std::atomic<int> used = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back(
        [&] { used += test.poll(start.text("device_code"), "0oaDevice", raced).outcome() == kUsed; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(used, 7);
}

TEST(DpopNonces, ComeEveryDayAndLastForThree) {
  TestServer test;
  std::string first = nonce_of(test);
  auto tokens = [&](const std::string& nonce) {
    return test.signed_in("okta.users.read", "0oaDevice", test.proof({{"nonce", nonce}}));
  };
  EXPECT_EQ(tokens(first).outcome(), "ok");
  EXPECT_EQ(nonce_of(test), first);
  test.clock.advance(seconds{86'399});
  EXPECT_EQ(nonce_of(test), first);
  test.clock.advance(seconds{1});
  auto later = tokens(first);
  EXPECT_EQ(later.outcome(), "ok") << "the old one still counts";
  std::string second(later.headers.get("DPoP-Nonce"));
  EXPECT_NE(second, first) << "and the answer brings the new one";
  EXPECT_EQ(tokens(second).outcome(), "ok");
  test.clock.advance(seconds{2 * 86'400 - 1});
  EXPECT_EQ(tokens(first).outcome(), "ok");
  test.clock.advance(seconds{1});
  EXPECT_EQ(tokens(first).text("error"), "use_dpop_nonce");
  EXPECT_EQ(tokens(second).outcome(), "ok");
  EXPECT_EQ(tokens("guess").text("error"), "use_dpop_nonce");
}

TEST(DpopNonces, AreSharedThroughTheStore) {
  TestServer test;
  Server other = test.server;
  core::SeededRandom other_random{99};
  other.random = &other_random;
  auto one = dpop_nonces(test.server, DpopNonceUse::token_endpoint);
  auto two = dpop_nonces(other, DpopNonceUse::token_endpoint);
  ASSERT_TRUE(one && two);
  EXPECT_EQ(*one, *two);
  EXPECT_TRUE(dpop_nonces(test.server, DpopNonceUse::resource)->empty()) << "Okta's API demands none";
  test.server.settings.dpop_api_nonce = true;
  EXPECT_NE(dpop_nonces(test.server, DpopNonceUse::resource)->front(), one->front());

  MemoryStore fresh({});
  other.store = &fresh;
  std::atomic<int> different = 0;
  const std::string expected = dpop_nonces(other, DpopNonceUse::token_endpoint)->front();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto nonces = dpop_nonces(other, DpopNonceUse::token_endpoint);
      different += !nonces || nonces->front() != expected;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(different, 0);
}

TEST(DpopRefresh, APublicClientsTokensStayWithTheirKey) {
  TestServer test;
  test.server.settings.dpop_nonce = false;
  auto first = test.signed_in(kOffline, "0oaDevice", test.proof());
  std::string token = first.text("refresh_token");
  auto refresh = [&](const net::Headers& headers) { return test.refresh(token, "", "0oaDevice", headers); };
  EXPECT_EQ(refresh({}).outcome(), "invalid_dpop_proof: The DPoP proof JWT header is missing.");
  EXPECT_EQ(refresh(test.proof({}, test_other_key())).outcome(),
            "invalid_dpop_proof: Invalid DPoP Public Key binding in refresh token");
  auto second = refresh(test.proof());
  ASSERT_EQ(second.outcome(), "ok") << "the two attempts used nothing up";
  EXPECT_EQ(second.text("token_type"), "DPoP");
  test.clock.advance(seconds{60});
  EXPECT_EQ(refresh(test.proof({}, test_other_key())).text("error"), "invalid_dpop_proof");
  EXPECT_EQ(test.verify(second.text("access_token")), "ok") << "a thief without the key ends nothing";
  token = second.text("refresh_token");
  EXPECT_EQ(refresh({}).text("error"), "invalid_dpop_proof") << "rotation keeps the binding";
  EXPECT_EQ(refresh(test.proof()).outcome(), "ok");
}

TEST(DpopRefresh, AProofLaterBindsFromThenOn) {
  TestServer test;
  test.server.settings.dpop_nonce = false;
  auto bearer = test.signed_in(kOffline);
  auto bound = test.refresh(bearer.text("refresh_token"), "", "0oaDevice", test.proof());
  ASSERT_EQ(bound.text("token_type"), "DPoP");
  EXPECT_EQ(test.refresh(bound.text("refresh_token")).text("error"), "invalid_dpop_proof");
}

TEST(DpopRefresh, AConfidentialClientMayChangeItsKey) {
  TestServer test;
  test.server.settings.dpop_nonce = false;
  auto start = to_answer(device_authorization_endpoint(
      test.server,
      form_request({{"client_id", "0oaPost"}, {"client_secret", "posted"}, {"scope", kOffline}})));
  ASSERT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())), "ok");
  auto ask = [&](net::Query fields, const oauth::Key& key) {
    fields.insert(fields.end(), {{"client_id", "0oaPost"}, {"client_secret", "posted"}});
    return test.token(fields, test.proof({}, key));
  };
  auto first = ask({{"grant_type", std::string(kDeviceCode)}, {"device_code", start.text("device_code")}},
                   test_client_key());
  ASSERT_EQ(first.outcome(), "ok");
  auto second = ask({{"grant_type", "refresh_token"}, {"refresh_token", first.text("refresh_token")}},
                    test_other_key());
  ASSERT_EQ(second.outcome(), "ok");
  EXPECT_EQ(jkt_of(second), test_other_key().thumbprint());
}

TEST(DpopIntrospection, NamesTheKey) {
  TestServer test;
  test.server.settings.dpop_nonce = false;
  auto tokens = test.signed_in(kOffline, "0oaDevice", test.proof());
  auto introspect = [&](const char* which) {
    return to_answer(introspection_endpoint(
        test.server, form_request({{"client_id", "0oaDevice"}, {"token", tokens.text(which)}})));
  };
  auto access = introspect("access_token");
  EXPECT_EQ(access.text("token_type"), "DPoP");
  EXPECT_EQ(core::json::string_or_empty(access.body, "cnf.jkt"), test_client_key().thumbprint());
  EXPECT_EQ(introspect("refresh_token").text("token_type"), "DPoP");
}

class DpopAtAResource : public testing::Test {
 protected:
  static constexpr const char* kUrl = "https://acme.example/api/v1/users/a%40b";

  void SetUp() override {
    test_.server.settings.dpop_nonce = false;
    bound_ =
        test_.signed_in("openid profile okta.users.read", "0oaDevice", test_.proof()).text("access_token");
    bearer_ = test_.signed_in("openid okta.users.read").text("access_token");
  }

  // "ok", or the problem's name.
  std::string outcome(std::string_view scheme, const std::string& token, const net::Headers& headers = {}) {
    net::ServerRequest request;
    request.headers = headers;
    auto verified = verify_presented_token(test_.server, request, {scheme, token}, kUrl);
    if (verified) return "ok";
    const ProblemRow* row = problem_of(verified.error());
    return row ? std::string(row->name) : verified.error().code;
  }

  net::Headers proof(boost::json::object changes = {}, const oauth::Key& key = test_client_key()) {
    boost::json::object claims{{"htm", "GET"},
                               {"htu", "https://acme.example/api/v1/users/a@b"},
                               {"ath", oauth::access_token_hash(bound_)}};
    for (const auto& change : changes) claims[change.key()] = change.value();
    return test_.proof(claims, key);
  }

  TestServer test_;
  std::string bound_;
  std::string bearer_;
};

TEST_F(DpopAtAResource, TokensMustComeAsTheyWereMade) {
  EXPECT_EQ(outcome("DPoP", bound_, proof()), "ok");
  EXPECT_EQ(outcome("dpop", bound_, proof()), "ok");
  EXPECT_EQ(outcome("Bearer", bearer_), "ok");
  EXPECT_EQ(outcome("Bearer", bearer_, proof()), "ok") << "nothing to prove";
  EXPECT_EQ(outcome("Bearer", bound_), "dpop_authentication_scheme_required");
  EXPECT_EQ(outcome("Bearer", bound_, proof()), "dpop_authentication_scheme_required");
  EXPECT_EQ(outcome("DPoP", bound_), "dpop_proof_required_for_token");
  EXPECT_EQ(outcome("DPoP", bearer_, proof()), "access_token_not_dpop_bound");
  EXPECT_EQ(outcome("Basic", bearer_), "access_token_not_dpop_bound");
  EXPECT_EQ(outcome("DPoP", "rubbish", proof()), "oauth.jwt.malformed");
  EXPECT_EQ(outcome("", "", proof()), "oauth.jwt.malformed");
}

TEST_F(DpopAtAResource, TheProofIsForThisRequestThisTokenAndThisKey) {
  EXPECT_EQ(outcome("DPoP", bound_, proof({{"htm", "POST"}})), "invalid_dpop_proof_invalid_htm");
  EXPECT_EQ(outcome("DPoP", bound_, proof({{"htu", kUrl}})), "invalid_dpop_proof_invalid_htu")
      << "Okta wants the path decoded";
  EXPECT_EQ(outcome("DPoP", bound_, proof({{"ath", "x"}})), "dpop_proof_invalid_ath");
  EXPECT_EQ(outcome("DPoP", bound_, proof({}, test_other_key())), "invalid_access_token_dpop_binding");
  auto once = proof();
  EXPECT_EQ(outcome("DPoP", bound_, once), "ok");
  EXPECT_EQ(outcome("DPoP", bound_, once), "dpop_proof_already_used");
  test_.clock.advance(seconds{3600});
  EXPECT_EQ(outcome("DPoP", bound_, proof()), "oauth.jwt.expired");
}

TEST_F(DpopAtAResource, MayDemandANonceOfItsOwn) {
  test_.server.settings.dpop_nonce = true;
  test_.server.settings.dpop_api_nonce = true;
  EXPECT_EQ(outcome("DPoP", bound_, proof()), "resource_requires_dpop_nonce");
  std::string others = dpop_nonces(test_.server, DpopNonceUse::token_endpoint)->front();
  EXPECT_EQ(outcome("DPoP", bound_, proof({{"nonce", others}})), "resource_requires_dpop_nonce");
  std::string nonce = dpop_nonces(test_.server, DpopNonceUse::resource)->front();
  EXPECT_EQ(outcome("DPoP", bound_, proof({{"nonce", nonce}})), "ok");
}

TEST_F(DpopAtAResource, UserInfoIsOne) {
  auto ask = [&](std::string authorization, net::Headers headers) {
    net::ServerRequest request;
    request.headers = std::move(headers);
    request.headers.set("Authorization", std::move(authorization));
    return to_answer(userinfo_endpoint(test_.server, request));
  };
  const boost::json::object here{{"htu", "https://acme.example/oauth2/v1/userinfo"}};
  auto good = ask("DPoP " + bound_, proof(here));
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.text("name"), "Alice Liddell");
  auto stolen = ask("Bearer " + bound_, {});
  EXPECT_EQ(stolen.status, 400);
  EXPECT_EQ(stolen.headers.get("WWW-Authenticate"),
            "DPoP algs=\"RS256 RS384 RS512 ES256 ES384 ES512\", error=\"invalid_request\", "
            "error_description=\"The resource request must use the DPoP authentication scheme when using a "
            "DPoP bound token.\"");
  EXPECT_EQ(ask("DPoP " + bearer_, proof(here)).status, 401);
  test_.server.settings.dpop_api_nonce = true;
  auto challenged = ask("DPoP " + bound_, proof(here));
  EXPECT_EQ(challenged.status, 401);
  EXPECT_EQ(challenged.text("error"), "use_dpop_nonce");
  boost::json::object with_nonce = here;
  with_nonce["nonce"] = std::string(challenged.headers.get("DPoP-Nonce"));
  auto accepted = ask("DPoP " + bound_, proof(with_nonce));
  EXPECT_EQ(accepted.status, 200);
  EXPECT_TRUE(accepted.headers.has("DPoP-Nonce"));
}

TEST(PresentedToken, IsReadFromTheHeader) {
  auto read = [](const char* value) {
    net::ServerRequest request;
    request.headers.set("Authorization", value);
    auto presented = presented_token(request);
    return std::string(presented.scheme) + "|" + std::string(presented.token);
  };
  EXPECT_EQ(read("DPoP a.b.c"), "DPoP|a.b.c");
  EXPECT_EQ(read("bearer x"), "bearer|x");
  for (const char* bad : {"", "Bearer", "Bearer "}) EXPECT_EQ(read(bad), "|") << bad;
}

}  // namespace
}  // namespace authserver
