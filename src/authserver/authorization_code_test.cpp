#include "authserver/authorization_code.h"

#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "authserver/problem.h"
#include "authserver/test_server.h"

namespace authserver {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kLoopback = "http://127.0.0.1:16582/callback";
// RFC 7636 appendix B.
constexpr const char* kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr const char* kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
constexpr const char* kScope = "openid offline_access okta.users.read";

struct Change {
  const char* name;
  const char* value;  // nullptr: left out
};

net::Query request_of_native(std::initializer_list<Change> changes = {}) {
  net::Query query{{"client_id", "0oaNative"},
                   {"response_type", "code"},
                   {"redirect_uri", kLoopback},
                   {"scope", kScope},
                   {"state", "st&te"},
                   {"code_challenge", kChallenge},
                   {"code_challenge_method", "S256"}};
  for (const Change& change : changes) {
    std::erase_if(query, [&](const auto& field) { return field.first == change.name; });
    if (change.value) query.emplace_back(change.name, change.value);
  }
  return query;
}

std::string text(const std::string& url, std::string_view name) {
  auto query = net::parse_query(std::string_view(url).substr(url.find('?') + 1));
  return query ? net::query_value(*query, name).value_or("") : "";
}

// The code that Alice's approval gives.
std::string code_for(TestServer& test, const net::Query& query) {
  auto request = read_authorization_request(test.server, query);
  if (!request) {
    ADD_FAILURE() << request.error().error.message;
    return "";
  }
  auto url = approve_authorization(test.server, *request, test.alice());
  return url ? text(*url, "code") : "";
}

Answer redeem(TestServer& test, const std::string& code, std::initializer_list<Change> changes = {},
              const net::Headers& headers = {}) {
  net::Query fields{{"grant_type", "authorization_code"},
                    {"client_id", "0oaNative"},
                    {"code", code},
                    {"redirect_uri", kLoopback},
                    {"code_verifier", kVerifier}};
  for (const Change& change : changes) {
    std::erase_if(fields, [&](const auto& field) { return field.first == change.name; });
    if (change.value) fields.emplace_back(change.name, change.value);
  }
  return test.token(fields, headers);
}

TEST(AuthorizationRequest, IsReadAsItWasSent) {
  TestServer test;
  auto request = read_authorization_request(
      test.server, request_of_native({{"nonce", "n1"}, {"login_hint", "alice@acme.example"}}));
  ASSERT_TRUE(request);
  EXPECT_EQ(request->client_id, "0oaNative");
  EXPECT_EQ(request->client_name, "Desktop <b>");
  EXPECT_EQ(request->redirect_uri, kLoopback);
  EXPECT_EQ(request->state, "st&te");
  EXPECT_EQ(request->scopes, (std::vector<std::string>{"openid", "offline_access", "okta.users.read"}));
  EXPECT_EQ(request->nonce, "n1");
  EXPECT_EQ(request->login_hint, "alice@acme.example");
}

TEST(AuthorizationRequest, NobodyIsSentToAnUnknownAddress) {
  TestServer test;
  struct Row {
    const char* what;
    net::Query query;
    const char* problem;
  };
  const Row rows[] = {
      {"no client", request_of_native({{"client_id", nullptr}}), "invalid_client_id"},
      {"unknown client", request_of_native({{"client_id", "0oaNobody"}}), "invalid_client_id"},
      {"no redirect URI", request_of_native({{"redirect_uri", nullptr}}), "missing_redirect_uri"},
      {"another port", request_of_native({{"redirect_uri", "http://127.0.0.1:8018/callback"}}),
       "illegal_redirect_uri"},
      {"another name of loopback", request_of_native({{"redirect_uri", "http://localhost:16582/callback"}}),
       "illegal_redirect_uri"},
      {"a longer path", request_of_native({{"redirect_uri", "http://127.0.0.1:16582/callback/"}}),
       "illegal_redirect_uri"},
      {"a query", request_of_native({{"redirect_uri", "http://127.0.0.1:16582/callback?x=1"}}),
       "illegal_redirect_uri"},
      {"userinfo", request_of_native({{"redirect_uri", "http://127.0.0.1:16582@evil.example/callback"}}),
       "illegal_redirect_uri"},
      {"somebody else's", request_of_native({{"redirect_uri", "https://web.example/cb"}}),
       "illegal_redirect_uri"},
      {"a client without any", request_of_native({{"client_id", "0oaDevice"}}), "illegal_redirect_uri"},
  };
  for (const Row& row : rows) {
    auto request = read_authorization_request(test.server, row.query);
    ASSERT_FALSE(request) << row.what;
    EXPECT_EQ(request.error().redirect_to, "") << row.what;
    const ProblemRow* found = problem_of(request.error().error);
    ASSERT_TRUE(found) << row.what;
    EXPECT_EQ(found->name, row.problem) << row.what;
  }
  for (const char* name : {"client_id", "redirect_uri"}) {
    auto twice = request_of_native();
    twice.emplace_back(name, std::string(net::query_value(twice, name).value_or("")));
    auto request = read_authorization_request(test.server, twice);
    ASSERT_FALSE(request) << name;
    EXPECT_EQ(request.error().redirect_to, "") << name;
  }
}

TEST(AuthorizationRequest, TheClientIsToldWhatIsWrong) {
  TestServer test;
  struct Row {
    const char* what;
    net::Query query;
    const char* error;
  };
  auto twice = request_of_native();
  twice.emplace_back("scope", "okta.users.manage");
  const std::string too_long(2049, 'x');
  const std::string short_challenge = std::string(kChallenge).substr(1);
  const Row rows[] = {
      {"a parameter twice", twice, "invalid_request"},
      {"no state", request_of_native({{"state", nullptr}}), "invalid_request"},
      {"a long state", request_of_native({{"state", too_long.c_str()}}), "invalid_request"},
      {"a long nonce", request_of_native({{"nonce", too_long.c_str()}}), "invalid_request"},
      {"no response type", request_of_native({{"response_type", nullptr}}), "invalid_request"},
      {"a token at once", request_of_native({{"response_type", "token"}}), "unsupported_response_type"},
      {"both", request_of_native({{"response_type", "code id_token"}}), "unsupported_response_type"},
      {"a form", request_of_native({{"response_mode", "form_post"}}), "unsupported_response_mode"},
      {"a request object", request_of_native({{"request", "a.b.c"}}), "request_not_supported"},
      {"a request object elsewhere", request_of_native({{"request_uri", "https://x.example"}}),
       "request_uri_not_supported"},
      {"without asking", request_of_native({{"prompt", "none"}}), "login_required"},
      {"another prompt", request_of_native({{"prompt", "dance"}}), "invalid_request"},
      {"no scopes", request_of_native({{"scope", nullptr}}), "invalid_scope"},
      {"unknown scopes", request_of_native({{"scope", "okta.nope.read"}}), "invalid_scope"},
      {"no challenge", request_of_native({{"code_challenge", nullptr}}), "invalid_request"},
      {"a plain challenge", request_of_native({{"code_challenge_method", "plain"}}), "invalid_request"},
      {"plain by default", request_of_native({{"code_challenge_method", nullptr}}), "invalid_request"},
      {"a short challenge", request_of_native({{"code_challenge", short_challenge.c_str()}}),
       "invalid_request"},
      {"a challenge of other letters",
       request_of_native({{"code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM"}}),
       "invalid_request"},
      {"no thumbprint", request_of_native({{"dpop_jkt", "x"}}), "invalid_request"},
  };
  for (const Row& row : rows) {
    auto request = read_authorization_request(test.server, row.query);
    ASSERT_FALSE(request) << row.what;
    const std::string& url = request.error().redirect_to;
    EXPECT_TRUE(url.starts_with("http://127.0.0.1:16582/callback?error=")) << row.what << " " << url;
    EXPECT_EQ(text(url, "error"), row.error) << row.what;
    EXPECT_FALSE(text(url, "error_description").empty()) << row.what;
    EXPECT_EQ(text(url, "iss"), "https://acme.example") << row.what;
    auto state = net::query_value(row.query, "state").value_or("");
    EXPECT_EQ(text(url, "state"), state.size() > 2048 ? "" : state) << row.what;
  }
  for (const char* prompt : {"login", "consent"}) {
    EXPECT_TRUE(read_authorization_request(test.server, request_of_native({{"prompt", prompt}}))) << prompt;
  }
  test.server.grants.clear();
  std::vector<Client> clients = TestServer::clients();
  for (Client& client : clients) std::erase(client.grants, "authorization_code");
  MemoryStore store(std::move(clients));
  test.server.store = &store;
  auto request = read_authorization_request(test.server, request_of_native());
  ASSERT_FALSE(request);
  EXPECT_EQ(text(request.error().redirect_to, "error"), "unauthorized_client");
}

TEST(AuthorizationRequest, TheBrowserGoesBackWithWhatItBrought) {
  TestServer test;
  auto request = read_authorization_request(test.server,
                                            request_of_native({{"redirect_uri", "com.example:/cb?kept=1"}}));
  ASSERT_TRUE(request);
  auto url = approve_authorization(test.server, *request, test.alice());
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->starts_with("com.example:/cb?kept=1&code=")) << *url;
  EXPECT_EQ(text(*url, "state"), "st&te");
  EXPECT_EQ(text(*url, "iss"), "https://acme.example");
  EXPECT_GE(text(*url, "code").size(), 43u);
  std::string denied = deny_authorization(test.server, *request);
  EXPECT_TRUE(denied.starts_with("com.example:/cb?kept=1&error=access_denied&")) << denied;
  EXPECT_EQ(text(denied, "state"), "st&te");
}

TEST(AuthorizationCodeGrant, GivesTheTokensOfWhoApproved) {
  TestServer test;
  auto tokens = redeem(test, code_for(test, request_of_native({{"nonce", "n1"}})));
  ASSERT_EQ(tokens.outcome(), "ok");
  EXPECT_EQ(tokens.text("scope"), kScope);
  auto access = verify_access_token(test.server, tokens.text("access_token"));
  ASSERT_TRUE(access);
  EXPECT_EQ(access->string("uid"), "00uAlice");
  EXPECT_EQ(access->string("cid"), "0oaNative");
  auto id = oauth::peek(tokens.text("id_token"));
  ASSERT_TRUE(id);
  EXPECT_EQ(id->claims.at("nonce"), "n1");
  auto next = test.refresh(tokens.text("refresh_token"), "", "0oaNative");
  ASSERT_EQ(next.outcome(), "ok");
  EXPECT_FALSE(oauth::peek(next.text("id_token"))->claims.contains("nonce"));
}

TEST(AuthorizationCodeGrant, WhatIsRefusedUsesNothingUp) {
  TestServer test;
  std::string code = code_for(test, request_of_native());
  struct Row {
    const char* what;
    std::initializer_list<Change> changes;
    const char* outcome;
  };
  const Row rows[] = {
      {"no code", {{"code", nullptr}}, "invalid_request: The required parameter 'code' is missing."},
      {"a guess", {{"code", "guess"}}, "invalid_grant: The authorization code is invalid or has expired."},
      {"no redirect URI",
       {{"redirect_uri", nullptr}},
       "invalid_request: The required parameter 'redirect_uri' is missing."},
      {"another redirect URI",
       {{"redirect_uri", "com.example:/cb?kept=1"}},
       "invalid_grant: The 'redirect_uri' does not match the redirection URI used in the authorization "
       "request."},
      {"another client",
       {{"client_id", "0oaWeb"}, {"client_secret", "posted"}},
       "invalid_grant: The grant was issued to another client. Please make sure the 'client_id' matches the "
       "one used at the authorize request."},
      {"no verifier",
       {{"code_verifier", nullptr}},
       "invalid_request: PKCE code verifier is required by the application."},
      {"another verifier",
       {{"code_verifier", "aBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}},
       "invalid_grant: PKCE verification failed."},
      {"the challenge instead", {{"code_verifier", kChallenge}}, "invalid_grant: PKCE verification failed."},
      {"a short verifier", {{"code_verifier", "short"}}, "invalid_grant: PKCE verification failed."},
  };
  for (const Row& row : rows) EXPECT_EQ(redeem(test, code, row.changes).outcome(), row.outcome) << row.what;
  test.alice_is_active = false;
  EXPECT_EQ(redeem(test, code).text("error"), "invalid_grant");
  test.alice_is_active = true;
  EXPECT_EQ(redeem(test, code).outcome(), "ok");
}

TEST(AuthorizationCodeGrant, ASecondUseRevokesWhatWasIssued) {
  TestServer test;
  std::string code = code_for(test, request_of_native({{"scope", "okta.users.read"}}));
  auto tokens = redeem(test, code);
  ASSERT_EQ(tokens.outcome(), "ok");
  EXPECT_EQ(test.verify(tokens.text("access_token")), "ok");
  EXPECT_EQ(redeem(test, code, {{"code_verifier", nullptr}}).outcome(),
            "invalid_grant: The authorization code is invalid or has expired.")
      << "whoever it is need not know the verifier";
  EXPECT_EQ(test.verify(tokens.text("access_token")), "authserver.access_token_revoked");

  std::string later = code_for(test, request_of_native());
  auto refreshable = redeem(test, later);
  test.clock.advance(std::chrono::hours{2});
  EXPECT_EQ(redeem(test, later).text("error"), "invalid_grant") << "long after the code has expired";
  EXPECT_EQ(test.refresh(refreshable.text("refresh_token"), "", "0oaNative").text("error"), "invalid_grant");
}

TEST(AuthorizationCodeGrant, OneOfManyAtOnceAtMostKeepsItsTokens) {
  TestServer test;
  std::string code = code_for(test, request_of_native());
  std::atomic<int> good = 0;
  std::mutex mutex;
  std::string access_token;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto tokens = redeem(test, code);
      if (tokens.status != 200) return;
      ++good;
      std::lock_guard lock(mutex);
      access_token = tokens.text("access_token");
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 1);
  EXPECT_EQ(test.verify(access_token), "authserver.access_token_revoked");
}

TEST(AuthorizationCodeGrant, ACodeIsGoodForFiveMinutes) {
  TestServer test;
  std::string code = code_for(test, request_of_native());
  test.clock.advance(milliseconds{299'999});
  std::string other = code_for(test, request_of_native());
  EXPECT_EQ(redeem(test, code).outcome(), "ok");
  test.clock.advance(seconds{300});
  EXPECT_EQ(redeem(test, other).outcome(),
            "invalid_grant: The authorization code is invalid or has expired.");
}

TEST(AuthorizationCodeGrant, AConfidentialClientMayDoWithoutPkce) {
  TestServer test;
  auto query = request_of_native({{"client_id", "0oaWeb"}, {"redirect_uri", "https://web.example/cb"}});
  std::initializer_list<Change> kWeb = {{"client_id", "0oaWeb"},
                                        {"client_secret", "posted"},
                                        {"redirect_uri", "https://web.example/cb"},
                                        {"code_verifier", nullptr}};
  EXPECT_EQ(redeem(test, code_for(test, query), kWeb).outcome(),
            "invalid_request: PKCE code verifier is required by the application.")
      << "having begun with it";
  std::erase_if(query, [](const auto& field) { return field.first.starts_with("code_challenge"); });
  EXPECT_EQ(redeem(test, code_for(test, query), kWeb).outcome(), "ok");
  EXPECT_EQ(
      redeem(
          test, code_for(test, query),
          {{"client_id", "0oaWeb"}, {"client_secret", "posted"}, {"redirect_uri", "https://web.example/cb"}})
          .outcome(),
      "invalid_request: PKCE code challenge should be specified in the authorize request for code "
      "verification.");
}

TEST(AuthorizationCodeGrant, BindsToAKey) {
  TestServer test;
  std::string code = code_for(test, request_of_native());
  auto challenged = redeem(test, code, {}, test.proof());
  ASSERT_EQ(challenged.text("error"), "use_dpop_nonce");
  const boost::json::object nonce{{"nonce", std::string(challenged.headers.get("DPoP-Nonce"))}};
  auto tokens = redeem(test, code, {}, test.proof(nonce));
  ASSERT_EQ(tokens.outcome(), "ok") << "the challenge did not use the code up";
  EXPECT_EQ(tokens.text("token_type"), "DPoP");
  EXPECT_EQ(test.refresh(tokens.text("refresh_token"), "", "0oaNative").text("error"), "invalid_dpop_proof");

  // RFC 9449 section 10: the code itself is for the holder of one key.
  const std::string key = test_client_key().thumbprint();
  std::string bound = code_for(test, request_of_native({{"dpop_jkt", key.c_str()}}));
  EXPECT_EQ(redeem(test, bound).outcome(), "invalid_dpop_proof: The DPoP proof JWT header is missing.");
  EXPECT_EQ(redeem(test, bound, {}, test.proof(nonce, test_other_key())).text("error"), "invalid_dpop_proof");
  EXPECT_EQ(redeem(test, bound, {}, test.proof(nonce)).outcome(), "ok");
}

}  // namespace
}  // namespace authserver
