#include "authserver/endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <thread>

#include "authserver/device_authorization.h"
#include "authserver/test_server.h"

namespace authserver {
namespace {

std::string code(const auto& result) {
  return result ? "ok" : result.error().code;
}

constexpr const char* kOffline = "openid offline_access okta.users.read okta.groups.read";
constexpr const char* kBadRefresh = "invalid_grant: The refresh token is invalid or expired.";

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;

TEST(TokenEndpoint, ClientCredentialsGiveATokenShapedAsOktas) {
  TestServer test;
  auto answer = test.service_token("okta.users.read okta.groups.read", test.assertion());
  ASSERT_EQ(answer.outcome(), "ok");
  EXPECT_EQ(answer.text("token_type"), "Bearer");
  EXPECT_EQ(answer.body.at("expires_in"), 3600);
  EXPECT_EQ(answer.text("scope"), "okta.users.read okta.groups.read");
  EXPECT_FALSE(answer.body.contains("refresh_token"));
  EXPECT_FALSE(answer.body.contains("id_token"));
  EXPECT_EQ(answer.headers.get("Cache-Control"), "no-cache, no-store");

  auto token = oauth::peek(answer.text("access_token"));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->header.at("typ"), "application/okta-internal-at+jwt");
  EXPECT_EQ(token->header.at("alg"), "RS256");
  EXPECT_EQ(token->header.at("kid"), "signing-1");
  const auto& claims = token->claims;
  EXPECT_EQ(claims.at("ver"), 1);
  EXPECT_TRUE(std::string(claims.at("jti").as_string()).starts_with("AT."));
  EXPECT_EQ(claims.at("iss"), "https://acme.example");
  EXPECT_EQ(claims.at("aud"), "https://acme.example");
  EXPECT_EQ(claims.at("sub"), "0oaService");
  EXPECT_EQ(claims.at("cid"), "0oaService");
  EXPECT_EQ(claims.at("iat"), test.seconds());
  EXPECT_EQ(claims.at("exp"), test.seconds() + 3600);
  EXPECT_EQ(claims.at("scp"), (boost::json::array{"okta.users.read", "okta.groups.read"}));
  EXPECT_FALSE(claims.contains("uid"));
  EXPECT_EQ(test.verify(answer.text("access_token")), "ok");
}

TEST(TokenEndpoint, ScopesOfClientCredentials) {
  TestServer test;
  struct Row {
    const char* scope;
    const char* outcome;
    const char* granted;
  };
  const char* kNone = "";
  const Row rows[] = {
      {"okta.users.read", "ok", "okta.users.read"},
      {"  okta.users.read  okta.users.read ", "ok", "okta.users.read"},
      {"okta.users.read okta.users.manage", "ok", "okta.users.read"},
      {"okta.users.manage", "consent_required: You are not allowed any of the requested scopes.", kNone},
      {"",
       "invalid_scope: The authorization server resource does not have any configured default scopes, "
       "'scope' must "
       "be provided.",
       kNone},
      {"okta.users.read okta.nope.read",
       "invalid_scope: One or more scopes are not configured for the authorization server resource.", kNone},
      {"openid", "invalid_scope: Cannot request 'openid' scopes using client credentials.", kNone},
      {"okta.users.read offline_access",
       "invalid_scope: Cannot request 'openid' scopes using client credentials.", kNone},
      {"okta.users.read.self",
       "client_credentials_self_scope_requested: The 'client_credentials' grant type may not request .self "
       "scopes.",
       kNone},
      {"okta.users.read \"",
       "invalid_scope: The requested scope is invalid, unknown, malformed, or exceeds the scope granted by "
       "the resource "
       "owner.",
       kNone},
  };
  for (const Row& row : rows) {
    auto answer = test.service_token(row.scope, test.assertion());
    EXPECT_EQ(answer.outcome(), row.outcome) << row.scope;
    EXPECT_EQ(answer.text("scope"), row.granted) << row.scope;
  }
}

TEST(TokenEndpoint, RefusesOtherGrants) {
  TestServer test;
  const std::string kAll =
      "client_credentials, urn:ietf:params:oauth:grant-type:device_code, authorization_code, refresh_token";
  EXPECT_EQ(test.token({{"client_id", "0oaDevice"}}).outcome(),
            "invalid_request: The token request must specify a 'grant_type'. Valid values: [" + kAll + "]");
  EXPECT_EQ(
      test.token({{"grant_type", "password"}, {"client_id", "0oaDevice"}}).outcome(),
      "unsupported_grant_type: The authorization grant type is not supported by the authorization server. "
      "Configured grant types: [" +
          kAll + "].");
  EXPECT_EQ(test.token({{"grant_type", "client_credentials"}, {"client_id", "0oaDevice"}}).outcome(),
            "unauthorized_client: The client is not authorized to use the provided grant type. Configured "
            "grant types: "
            "[urn:ietf:params:oauth:grant-type:device_code, refresh_token].");
  EXPECT_EQ(test.token({{"grant_type", "client_credentials"}, {"scope", "okta.users.read"}},
                       {{"Authorization", "Basic MG9hQmFzaWM6czNjcmV0JTNBKyUyNQ=="}})
                .outcome(),
            "invalid_client: Client Credentials requests to the Org Authorization Server must use the "
            "private_key_jwt "
            "token_endpoint_auth_method.");
  auto refused = test.token({{"grant_type", "client_credentials"}}, {{"Authorization", "Basic eDp5"}});
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.headers.get("WWW-Authenticate"), "Basic realm=\"oauth\"");
}

TEST(TokenEndpoint, SecretsMayGetClientCredentialsWhereTheServerAllowsIt) {
  TestServer test;
  test.server.settings.client_credentials_need_key = false;
  EXPECT_EQ(test.token({{"grant_type", "client_credentials"}, {"scope", "okta.users.read"}},
                       {{"Authorization", "Basic MG9hQmFzaWM6czNjcmV0JTNBKyUyNQ=="}})
                .outcome(),
            "ok");
}

TEST(DeviceAuthorization, AnswersAsRfc8628Says) {
  TestServer test;
  auto answer = test.start_device("openid offline_access okta.users.read");
  ASSERT_EQ(answer.outcome(), "ok");
  std::string user_code = answer.text("user_code");
  EXPECT_THAT(user_code, testing::MatchesRegex("[BCDFGHJKLMNPQRSTVWXZ]+"));
  EXPECT_EQ(user_code.size(), 8u);
  EXPECT_EQ(answer.text("verification_uri"), "https://acme.example/activate");
  EXPECT_EQ(answer.text("verification_uri_complete"), "https://acme.example/activate?user_code=" + user_code);
  EXPECT_EQ(answer.body.at("expires_in"), 600);
  EXPECT_EQ(answer.body.at("interval"), 5);
  EXPECT_GE(answer.text("device_code").size(), 32u);

  auto pending = find_pending_device(test.server, user_code);
  ASSERT_EQ(code(pending), "ok");
  EXPECT_EQ(pending->client_name, "Terminal <b>");
  EXPECT_THAT(pending->scopes, ElementsAre("openid", "offline_access", "okta.users.read"));
}

TEST(DeviceAuthorization, Refusals) {
  TestServer test;
  EXPECT_EQ(test.start_device("").outcome(), "invalid_scope: No scopes were requested.");
  EXPECT_EQ(test.start_device("okta.nope").outcome(),
            "invalid_scope: One or more scopes are not configured for the authorization server resource.");
  EXPECT_EQ(test.start_device("profile").outcome(),
            "invalid_scope: Requests for ID tokens or access tokens with OpenID scopes require the 'openid' "
            "scope.");
  EXPECT_EQ(test.start_device("okta.users.read", "0oaNone").outcome(),
            "invalid_client: Invalid value for 'client_id' parameter.");
  EXPECT_EQ(test.start_device("okta.users.read", "").outcome(),
            "invalid_client: No client credentials found.");
  // A client without refresh tokens may not ask for offline access.
  auto basic = to_answer(device_authorization_endpoint(
      test.server, form_request({{"scope", "openid offline_access okta.users.read"}},
                                {{"Authorization", "Basic MG9hQmFzaWM6czNjcmV0JTNBKyUyNQ=="}})));
  EXPECT_EQ(basic.outcome(),
            "invalid_scope: The following scopes are not allowed for this request: [offline_access].");
}

TEST(DeviceGrant, ApprovedGivesTokensOfThePerson) {
  TestServer test;
  auto start = test.start_device("openid profile email offline_access okta.users.read");
  EXPECT_EQ(test.poll(start.text("device_code")).text("error"), "authorization_pending");
  std::string typed = start.text("user_code");
  typed = " " + typed.substr(0, 4) + "-" + typed.substr(4);
  for (char& c : typed) c = static_cast<char>(std::tolower(c));
  ASSERT_EQ(code(approve_device(test.server, typed, test.alice())), "ok");
  auto answer = test.poll(start.text("device_code"));
  ASSERT_EQ(answer.outcome(), "ok");

  auto access = verify_access_token(test.server, answer.text("access_token"));
  ASSERT_EQ(code(access), "ok");
  EXPECT_EQ(access->subject(), "alice@acme.example");
  EXPECT_EQ(access->string("uid"), "00uAlice");
  EXPECT_EQ(access->string("cid"), "0oaDevice");
  EXPECT_EQ(access->claims().at("auth_time"), test.seconds());
  EXPECT_FALSE(answer.text("refresh_token").empty());

  auto id = oauth::peek(answer.text("id_token"));
  ASSERT_TRUE(id);
  EXPECT_EQ(id->claims.at("sub"), "00uAlice");
  EXPECT_EQ(id->claims.at("aud"), "0oaDevice");
  EXPECT_EQ(id->claims.at("preferred_username"), "alice@acme.example");
  EXPECT_EQ(id->claims.at("email"), "alice@mail.example");
  EXPECT_NE(test.verify(answer.text("id_token")), "ok") << "an ID token opens nothing";

  EXPECT_EQ(test.poll(start.text("device_code")).outcome(),
            "invalid_grant: The device code is invalid or has expired.");
  EXPECT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())),
            "authserver.invalid_user_code");
}

TEST(DeviceGrant, WithoutOpenidAndOfflineAccessThereIsOnlyAnAccessToken) {
  TestServer test;
  auto answer = test.signed_in("okta.users.read");
  ASSERT_EQ(answer.outcome(), "ok");
  EXPECT_FALSE(answer.body.contains("id_token"));
  EXPECT_FALSE(answer.body.contains("refresh_token"));
}

TEST(DeviceGrant, DeniedStaysDenied) {
  TestServer test;
  auto start = test.start_device("okta.users.read");
  ASSERT_EQ(code(deny_device(test.server, start.text("user_code"))), "ok");
  for (int i = 0; i < 2; ++i) {
    auto answer = test.poll(start.text("device_code"));
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.outcome(),
              "access_denied: The resource owner or authorization server denied the request.");
  }
  EXPECT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())),
            "authserver.invalid_user_code");
}

TEST(DeviceGrant, SlowDownAddsFiveSecondsForGood) {
  TestServer test;
  auto start = test.start_device("okta.users.read");
  std::string device_code = start.text("device_code");
  struct Row {
    milliseconds wait;
    const char* error;
  };
  const Row rows[] = {
      {milliseconds{0}, "authorization_pending"},     // the first poll may come at once
      {milliseconds{4000}, "authorization_pending"},  // one second early is forgiven
      {milliseconds{3999}, "slow_down"},              // now 10 s
      {milliseconds{8999}, "slow_down"},              // now 15 s
      {milliseconds{14'000}, "authorization_pending"},
      {milliseconds{13'999}, "slow_down"},
      {milliseconds{19'000}, "authorization_pending"},
  };
  for (const Row& row : rows) {
    test.clock.advance(row.wait);
    EXPECT_EQ(test.poll(device_code).text("error"), row.error) << row.wait.count();
  }
  ASSERT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())), "ok");
  EXPECT_EQ(test.poll(device_code).outcome(), "ok") << "an early poll for an approved code is answered";
}

TEST(DeviceGrant, ExpiresAndSaysSo) {
  TestServer test;
  auto start = test.start_device("okta.users.read");
  test.clock.advance(seconds{600});
  EXPECT_EQ(test.poll(start.text("device_code")).outcome(), "expired_token: The device code has expired.");
  EXPECT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())),
            "authserver.invalid_user_code");
  auto late = test.start_device("okta.users.read");
  ASSERT_EQ(code(approve_device(test.server, late.text("user_code"), test.alice())), "ok");
  test.clock.advance(seconds{600});
  EXPECT_EQ(test.poll(late.text("device_code")).text("error"), "expired_token")
      << "approved, but fetched too late";
}

TEST(DeviceGrant, CodesBelongToTheirClient) {
  TestServer test;
  auto start = test.start_device("okta.users.read");
  ASSERT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())), "ok");
  auto other = test.token({{"grant_type", std::string(kDeviceCode)},
                           {"client_id", "0oaPost"},
                           {"client_secret", "posted"},
                           {"device_code", start.text("device_code")}});
  EXPECT_EQ(other.outcome(), "invalid_grant: The device code is invalid or has expired.");
  EXPECT_EQ(test.poll(start.text("device_code")).outcome(), "ok");
  EXPECT_EQ(test.poll("guess").outcome(), "invalid_grant: The device code is invalid or has expired.");
  EXPECT_EQ(test.poll("").outcome(), "invalid_request: The required parameter 'device_code' is missing.");
}

TEST(DeviceGrant, OneOfManySimultaneousPollsGetsTheTokens) {
  TestServer test;
  auto start = test.start_device("okta.users.read");
  ASSERT_EQ(code(approve_device(test.server, start.text("user_code"), test.alice())), "ok");
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { good += test.poll(start.text("device_code")).status == 200; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 1);
}

Answer introspect(TestServer& test, const std::string& token, const char* client = "0oaDevice") {
  return to_answer(
      introspection_endpoint(test.server, form_request({{"client_id", client}, {"token", token}})));
}

Answer revoke(TestServer& test, const net::Query& fields) {
  return to_answer(revocation_endpoint(test.server, form_request(fields)));
}

TEST(Introspection, TellsAClientAboutItsOwnTokens) {
  TestServer test;
  auto tokens = test.signed_in(kOffline);
  auto access = introspect(test, tokens.text("access_token"));
  EXPECT_EQ(access.body.at("active"), true);
  EXPECT_EQ(access.text("scope"), kOffline);
  EXPECT_EQ(access.text("username"), "alice@acme.example");
  EXPECT_EQ(access.text("uid"), "00uAlice");
  EXPECT_EQ(access.body.at("exp"), test.seconds() + 3600);
  auto refresh = introspect(test, tokens.text("refresh_token"));
  EXPECT_EQ(refresh.body.at("active"), true);
  EXPECT_EQ(refresh.text("sub"), "alice@acme.example");
  const boost::json::object inactive{{"active", false}};
  EXPECT_EQ(introspect(test, "guess").body, inactive);
  auto others =
      to_answer(introspection_endpoint(test.server, form_request({{"client_id", "0oaPost"},
                                                                  {"client_secret", "posted"},
                                                                  {"token", tokens.text("access_token")}})));
  EXPECT_EQ(others.body, inactive) << "somebody else's token";
  auto next = test.refresh(tokens.text("refresh_token"));
  EXPECT_EQ(introspect(test, tokens.text("refresh_token")).body.at("active"), true) << "for a little longer";
  test.clock.advance(seconds{30});
  EXPECT_EQ(introspect(test, tokens.text("refresh_token")).body, inactive) << "rotated";
  test.clock.advance(seconds{3570});
  EXPECT_EQ(introspect(test, next.text("access_token")).body, inactive) << "expired";
  EXPECT_EQ(introspect(test, "").outcome(), "invalid_request: The 'token' parameter is required.");
  EXPECT_EQ(introspect(test, "x", "0oaNone").status, 401);
}

TEST(Revocation, EndsATokenAndSaysTheSameWhateverItWas) {
  TestServer test;
  auto tokens = test.signed_in(kOffline);
  auto revoked = revoke(test, {{"client_id", "0oaDevice"}, {"token", tokens.text("access_token")}});
  EXPECT_EQ(revoked.status, 200);
  EXPECT_EQ(test.verify(tokens.text("access_token")), "authserver.access_token_revoked");
  auto next = test.refresh(tokens.text("refresh_token"));
  ASSERT_EQ(next.outcome(), "ok") << "the sign-in itself goes on";

  EXPECT_EQ(
      revoke(test,
             {{"client_id", "0oaPost"}, {"client_secret", "posted"}, {"token", next.text("refresh_token")}})
          .status,
      200);
  EXPECT_EQ(test.verify(next.text("access_token")), "ok") << "only its own client revokes a token";
  EXPECT_EQ(revoke(test, {{"client_id", "0oaDevice"}, {"token", "guess"}}).status, 200);

  EXPECT_EQ(revoke(test, {{"client_id", "0oaDevice"},
                          {"token", next.text("refresh_token")},
                          {"token_type_hint", "refresh_token"}})
                .status,
            200);
  EXPECT_EQ(test.verify(next.text("access_token")), "authserver.access_token_revoked");
  EXPECT_EQ(test.refresh(next.text("refresh_token")).outcome(), kBadRefresh);
  EXPECT_EQ(revoke(test, {{"client_id", "0oaDevice"}}).outcome(),
            "invalid_request: The 'token' parameter is required.");

  auto service = test.service_token("okta.users.read", test.assertion());
  EXPECT_EQ(
      revoke(test, {{"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                    {"client_assertion", test.assertion({{"aud", "https://acme.example/oauth2/v1/revoke"}})},
                    {"token", service.text("access_token")}})
          .status,
      200);
  EXPECT_EQ(test.verify(service.text("access_token")), "authserver.access_token_revoked");
}

TEST(VerifyAccessToken, RefusesWhatIsNotOurs) {
  TestServer test;
  auto good = test.signed_in("okta.users.read").text("access_token");
  auto claims = oauth::peek(good)->claims;
  auto sign = [&](boost::json::object changed, std::string_view typ, const oauth::Key& key) {
    return *oauth::sign_jwt(key, changed, typ);
  };
  oauth::Key stranger = oauth::Key::generate(oauth::Algorithm::rs256)->with_kid("signing-1");
  EXPECT_EQ(test.verify(sign(claims, kAccessTokenType, test_signing_key())), "ok");
  EXPECT_EQ(test.verify(sign(claims, kAccessTokenType, stranger)), "oauth.jwt.signature");
  EXPECT_EQ(test.verify(sign(claims, "at+jwt", test_signing_key())), "oauth.jwt.type");
  EXPECT_EQ(test.verify(sign(claims, kAccessTokenType, test_signing_key().with_kid(""))),
            "oauth.jwt.unknown_key");
  EXPECT_EQ(test.verify(sign(claims, kAccessTokenType, test_client_key())), "oauth.jwt.algorithm");
  for (const char* name : {"jti", "cid", "scp", "sub"}) {
    auto changed = claims;
    changed.erase(name);
    EXPECT_EQ(test.verify(sign(changed, kAccessTokenType, test_signing_key())), "oauth.jwt.missing_claim")
        << name;
  }
  auto other_org = claims;
  other_org["aud"] = "https://other.example";
  EXPECT_EQ(test.verify(sign(other_org, kAccessTokenType, test_signing_key())), "oauth.jwt.audience");
  EXPECT_EQ(test.verify(""), "oauth.jwt.malformed");
}

TEST(Keys, OldOnesStillVerify) {
  TestServer test;
  auto token = test.service_token("okta.users.read", test.assertion()).text("access_token");
  oauth::Key fresh = oauth::Key::generate(oauth::Algorithm::rs256)->with_kid("signing-2");
  test.server.signing_keys.insert(test.server.signing_keys.begin(), fresh);
  EXPECT_EQ(test.verify(token), "ok");
  auto next = test.service_token("okta.users.read", test.assertion()).text("access_token");
  EXPECT_EQ(oauth::peek(next)->header.at("kid"), "signing-2");

  net::ServerRequest request;
  auto jwks = oauth::KeySet::parse(keys_endpoint(test.server, request).body);
  ASSERT_TRUE(jwks);
  EXPECT_EQ(jwks->keys().size(), 2u);
  EXPECT_FALSE(jwks->keys()[0].is_private());
  request.method = net::Method::post;
  EXPECT_EQ(keys_endpoint(test.server, request).status, 405);
}

TEST(Metadata, NamesWhatThereIs) {
  TestServer test;
  auto oauth = to_answer(oauth_metadata_endpoint(test.server, {}));
  EXPECT_EQ(oauth.text("issuer"), "https://acme.example");
  EXPECT_EQ(oauth.text("token_endpoint"), "https://acme.example/oauth2/v1/token");
  EXPECT_EQ(oauth.text("jwks_uri"), "https://acme.example/oauth2/v1/keys");
  EXPECT_EQ(oauth.text("device_authorization_endpoint"), "https://acme.example/oauth2/v1/device/authorize");
  EXPECT_EQ(oauth.text("authorization_endpoint"), "https://acme.example/oauth2/v1/authorize");
  using boost::json::array;
  EXPECT_EQ(oauth.body.at("response_types_supported"), array{"code"});
  EXPECT_EQ(oauth.body.at("response_modes_supported"), array{"query"});
  EXPECT_EQ(oauth.body.at("code_challenge_methods_supported"), array{"S256"});
  EXPECT_EQ(oauth.body.at("authorization_response_iss_parameter_supported"), true);
  EXPECT_EQ(oauth.body.at("dpop_signing_alg_values_supported"),
            (array{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"}));
  EXPECT_EQ(oauth.body.at("grant_types_supported"),
            (array{"client_credentials", "urn:ietf:params:oauth:grant-type:device_code", "authorization_code",
                   "refresh_token"}));
  auto openid = to_answer(openid_metadata_endpoint(test.server, {}));
  for (const auto& member : oauth.body)
    EXPECT_EQ(openid.body.at(member.key()), member.value()) << member.key();
  EXPECT_EQ(openid.text("userinfo_endpoint"), "https://acme.example/oauth2/v1/userinfo");

  test.server.grants = {device_code_grant()};
  test.server.settings.dpop = false;
  auto less = to_answer(oauth_metadata_endpoint(test.server, {}));
  EXPECT_EQ(less.body.at("response_types_supported"), array{});
  for (const char* gone :
       {"authorization_endpoint", "code_challenge_methods_supported", "dpop_signing_alg_values_supported"}) {
    EXPECT_FALSE(less.body.contains(gone)) << gone;
  }
}

TEST(UserInfo, GivesWhatTheScopesAllow) {
  TestServer test;
  auto ask = [&](const std::string& authorization) {
    net::ServerRequest request;
    request.headers.set("Authorization", authorization);
    return to_answer(userinfo_endpoint(test.server, request));
  };
  auto full = ask("Bearer " + test.signed_in("openid profile email").text("access_token"));
  EXPECT_EQ(full.body, (boost::json::object{{"sub", "00uAlice"},
                                            {"name", "Alice Liddell"},
                                            {"preferred_username", "alice@acme.example"},
                                            {"given_name", "Alice"},
                                            {"family_name", "Liddell"},
                                            {"email", "alice@mail.example"},
                                            {"email_verified", true}}));
  EXPECT_EQ(ask("bearer " + test.signed_in("openid").text("access_token")).body,
            (boost::json::object{{"sub", "00uAlice"}}));
  auto narrow = ask("Bearer " + test.signed_in("okta.users.read").text("access_token"));
  EXPECT_EQ(narrow.status, 403);
  EXPECT_TRUE(
      std::string(narrow.headers.get("WWW-Authenticate")).starts_with("Bearer error=\"insufficient_scope\""));
  for (const char* bad : {"", "Bearer", "Bearer x", "Basic eDp5"}) EXPECT_EQ(ask(bad).status, 401) << bad;
}

TEST(ServerCheck, NamesWhatIsMissing) {
  TestServer test;
  EXPECT_EQ(code(check(test.server)), "ok");
  auto broken = [&](auto change) {
    Server server = test.server;
    change(server);
    return code(check(server));
  };
  EXPECT_EQ(broken([](Server& s) { s.settings.issuer = "https://acme.example/"; }),
            "authserver.server_error");
  EXPECT_EQ(broken([](Server& s) { s.store = nullptr; }), "authserver.server_error");
  EXPECT_EQ(broken([](Server& s) { s.grants.clear(); }), "authserver.server_error");
  EXPECT_EQ(broken([](Server& s) { s.signing_keys.clear(); }), "authserver.server_error");
  EXPECT_EQ(broken([](Server& s) { s.signing_keys = {test_signing_key().public_key()}; }),
            "authserver.server_error");
  EXPECT_EQ(broken([](Server& s) { s.signing_keys = {test_client_key()}; }), "ok") << "ES256";
  EXPECT_EQ(broken([](Server& s) {
              s.signing_keys = {oauth::Key::generate(oauth::Algorithm::es384)->with_kid("k")};
            }),
            "authserver.server_error");
}

TEST(Endpoints, AFullStoreIsAServerError) {
  TestServer test;
  MemoryStore tiny({}, 0);
  Server server = test.server;
  server.store = &tiny;
  EXPECT_EQ(code(verify_access_token(
                server, test.service_token("okta.users.read", test.assertion()).text("access_token"))),
            "ok")
      << "reading still works";
  MemoryStore full(TestServer::clients(), 0);
  server.store = &full;
  auto answer = to_answer(device_authorization_endpoint(
      server, form_request({{"client_id", "0oaDevice"}, {"scope", "okta.users.read"}})));
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.text("error"), "server_error");
}

}  // namespace
}  // namespace authserver
