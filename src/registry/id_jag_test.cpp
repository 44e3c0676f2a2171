#include "registry/id_jag.h"

#include <gtest/gtest.h>
#include <thread>

#include "authserver/authorization_code.h"
#include "registry/test_token_org.h"

namespace registry::test {
namespace {

using oauth::peek;

boost::json::value json(std::string_view text) {
  return boost::json::value(text);
}

class IdJag : public TokenOrg {};
INSTANTIATE_TEST_SUITE_P(Stores, IdJag, kBackends, name_of);

TEST_P(IdJag, IsIssuedAndRedeemed) {
  Answer issued = exchange();
  ASSERT_EQ(issued.outcome(), "ok");
  EXPECT_EQ(issued.text("token_type"), "N_A");
  EXPECT_EQ(issued.body.at("expires_in"), 300);
  EXPECT_EQ(issued.text("issued_token_type"), "urn:ietf:params:oauth:token-type:id-jag");
  EXPECT_FALSE(issued.body.contains("scope")) << "it is what was asked for";
  EXPECT_NE(issued.headers.get("Cache-Control").find("no-store"), std::string_view::npos);
  auto jag = peek(issued.text("access_token"));
  ASSERT_TRUE(jag);
  EXPECT_EQ(jag->header.at("typ"), "oauth-id-jag+jwt");
  const object& claims = jag->claims;
  EXPECT_EQ(claims.at("iss"), "https://org.example");
  EXPECT_EQ(claims.at("sub"), "00uAlice");
  EXPECT_EQ(claims.at("aud"), json(issuer()));
  EXPECT_EQ(claims.at("client_id"), json(kAgent));
  EXPECT_EQ(claims.at("resource"), json(kResource));
  EXPECT_EQ(claims.at("scope"), "tools:read");
  EXPECT_EQ(claims.at("sub_profile"), "user");
  EXPECT_EQ(claims.at("exp").as_int64() - claims.at("iat").as_int64(), 300);
  EXPECT_TRUE(std::string_view(claims.at("jti").as_string()).starts_with("IDAAG."));
  EXPECT_EQ(claims.at("act"), (object{{"sub", kAgent}, {"sub_profile", "ai_agent web_app"}}));
  EXPECT_FALSE(claims.contains("cnf"));
  EXPECT_FALSE(claims.contains("email")) << "the sign-in did not release it";

  Answer redeemed = redeem(issued.text("access_token"));
  ASSERT_EQ(redeemed.outcome(), "ok");
  EXPECT_EQ(redeemed.text("token_type"), "Bearer");
  EXPECT_EQ(redeemed.body.at("expires_in"), 3600);
  EXPECT_EQ(redeemed.text("scope"), "tools:read");
  EXPECT_FALSE(redeemed.body.contains("refresh_token"));
  auto token = peek(redeemed.text("access_token"));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->header.at("typ"), "at+jwt");
  EXPECT_EQ(token->claims.at("iss"), json(issuer()));
  EXPECT_EQ(token->claims.at("aud"), json(kResource));
  EXPECT_EQ(token->claims.at("sub"), "alice@example.com");
  EXPECT_EQ(token->claims.at("uid"), "00uAlice");
  EXPECT_EQ(token->claims.at("cid"), json(kAgent));
  EXPECT_EQ(token->claims.at("scp"), (boost::json::array{"tools:read"}));
  EXPECT_EQ(token->claims.at("ver"), 1);
  EXPECT_EQ(token->claims.at("act"), claims.at("act"));
  EXPECT_EQ(token->claims.at("auth_time"), now() - 10);
  EXPECT_EQ(token->claims.at("mcn"), json(connection_));
  EXPECT_EQ(token->claims.at("ems"), json(kServer));
}

TEST_P(IdJag, TellsItsLineage) {
  const std::string subject = id_token();
  const std::string jag = id_jag({{"subject_token", subject}});
  ASSERT_EQ(redeem(jag).outcome(), "ok");
  EXPECT_EQ(exchange({{"scope", "admin"}}).text("error"), "invalid_scope");
  auto issued = events("app.oauth2.token.grant.id_jag");
  ASSERT_EQ(issued.size(), 2U);
  EXPECT_TRUE(issued[0].success);
  EXPECT_EQ(issued[0].actor.id, kAgent);
  EXPECT_EQ(issued[0].debug.at("subjectTokenId"), peek(subject)->claims.at("jti"));
  EXPECT_EQ(issued[0].targets.back().id, peek(jag)->claims.at("jti").as_string());
  EXPECT_EQ(issued[0].targets.back().detail.at("subject_profile"), "user");
  EXPECT_FALSE(issued[1].success);
  EXPECT_EQ(issued[1].reason, "invalid_scope");
  auto redeemed = events("app.oauth2.as.token.grant.access_token");
  ASSERT_EQ(redeemed.size(), 1U);
  EXPECT_EQ(redeemed[0].debug.at("subjectTokenId"), peek(jag)->claims.at("jti"));
  EXPECT_EQ(redeemed[0].targets.back().type, "access_token");
}

// From the sign-in on, through the endpoints alone.
TEST_P(IdJag, StartsWithTheAgentsOwnSignOn) {
  change(Kind::workload_principal, kAgent, [](Row& row) {
    auto agent = read_workload_principal(row);
    agent->redirect_uris = {"https://agent.example/cb"};
    Row with = to_row(*agent);
    row.body = with.body;
  });
  auto org = tokens_->org();
  ASSERT_TRUE(org);
  auto asked = authserver::read_authorization_request(
      *org, {{"client_id", std::string(kAgent)},
             {"response_type", "code"},
             {"redirect_uri", "https://agent.example/cb"},
             {"scope", "openid email"},
             {"state", "s"},
             {"code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
             {"code_challenge_method", "S256"}});
  ASSERT_TRUE(asked) << core::describe(asked.error().error);
  auto back = authserver::approve_authorization(*org, *asked, *org->find_user("alice@example.com"));
  ASSERT_TRUE(back);
  auto url = net::parse_url(*back);
  const std::string code = *net::query_value(*net::parse_query(url->query), "code");
  Answer signed_in =
      post("/oauth2/v1/token", {{"grant_type", "authorization_code"},
                                {"code", code},
                                {"redirect_uri", "https://agent.example/cb"},
                                {"code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}});
  ASSERT_EQ(signed_in.outcome(), "ok");
  const std::string id_token = signed_in.text("id_token");
  const std::string jag = id_jag({{"subject_token", id_token}});
  EXPECT_EQ(peek(jag)->claims.at("email"), "alice@mail.example");
  EXPECT_EQ(redeem(jag).outcome(), "ok");
  auto grants = events("app.oauth2.token.grant.access_token");
  ASSERT_EQ(grants.size(), 1U);
  EXPECT_EQ(grants[0].targets.front().id, peek(id_token)->claims.at("jti").as_string());

  // The sign-in ends, and what hangs on it.
  const std::string family(peek(id_token)->claims.at("sid").as_string());
  ASSERT_TRUE(authserver::revoke_family(*org, family));
  EXPECT_EQ(
      exchange({{"subject_token", id_token}}).outcome(),
      "invalid_request: 'subject_token' is invalid: the session associated with it is no longer active.");
}

struct Refusal {
  const char* name;
  net::Query changes;
  std::string outcome;
};

TEST_P(IdJag, TheExchangeRefuses) {
  const std::string other_aus = add_custom_as("Other");
  const std::string stranger = *oauth::sign_jwt(authserver::test_client_key(), id_claims());
  const std::string subject = "invalid_request: 'subject_token' is invalid";
  const std::string resource = "invalid_target: 'resource' is invalid or not supported.";
  const std::string audience =
      "invalid_target: Token Exchange requests must include a valid audience of the authorization server.";
  const std::string scope =
      "invalid_scope: The requested scope is invalid, unknown, malformed, or exceeds the scope granted by "
      "the "
      "resource owner.";
  const std::vector<Refusal> kRefusals{
      {"no subject token",
       {{"subject_token", ""}},
       "invalid_request: The required parameter 'subject_token' is missing."},
      {"no type",
       {{"subject_token_type", ""}},
       "invalid_request: The required parameter 'subject_token_type' is missing."},
      {"another type",
       {{"subject_token_type", "urn:ietf:params:oauth:token-type:saml2"}},
       "invalid_request: 'subject_token_type' is invalid or not supported."},
      {"another wish",
       {{"requested_token_type", "urn:ietf:params:oauth:token-type:jwt"}},
       "invalid_request: 'requested_token_type' is invalid or not supported."},
      {"an actor token", {{"actor_token", "x"}}, "invalid_request: 'actor_token' is invalid."},
      {"no JWT", {{"subject_token", "x.y.z"}}, subject + "."},
      {"signed by a stranger", {{"subject_token", stranger}}, subject + "."},
      {"another issuer",
       {{"subject_token", id_token({{"iss", "https://other.example"}})}},
       subject + ": the token issuer is not allowed for this exchange."},
      {"another client's",
       {{"subject_token", id_token({{"aud", "0oaWeb"}})}},
       subject + ": the client application is not registered for delegation to this agent."},
      {"expired",
       {{"subject_token", id_token({{"exp", now()}})}},
       "invalid_grant: The 'subject_token' either expired or the session associated with it was terminated."},
      {"unknown person",
       {{"subject_token", id_token({{"sub", "00uBob"}})}},
       subject + ": the user account is not active."},
      {"no ID token", {{"subject_token", id_token({{"jti", "AT.1"}})}}, subject + "."},
      {"an access token of the org",
       {{"subject_token", id_token({{"aud", "https://org.example"}, {"jti", "AT.1"}})},
        {"subject_token_type", std::string(authserver::kAccessTokenTokenType)}},
       subject + ": the token issuer is not allowed for this exchange."},
      {"of no server of ours",
       {{"subject_token", id_token({{"iss", "https://org.example/oauth2/ausNone"}})},
        {"subject_token_type", std::string(authserver::kAccessTokenTokenType)}},
       subject + ": the authorization server that issued it is not valid."},
      {"malformed actors",
       {{"subject_token", id_token({{"act", object{{"client", "x"}}}})}},
       "invalid_request: The 'subject_token' 'act' claim is malformed."},
      {"no audience", {{"audience", ""}}, audience},
      {"unknown audience", {{"audience", "https://org.example/oauth2/ausNone"}}, audience},
      {"foreign audience", {{"audience", "https://as.example"}}, audience},
      {"not connected there", {{"audience", "https://org.example/oauth2/" + other_aus}}, resource},
      {"no resource", {{"resource", ""}}, resource},
      {"a slash more", {{"resource", std::string(kResource) + "/"}}, resource},
      {"another case", {{"resource", "https://MCP.example/mcp"}}, resource},
      {"system scope", {{"scope", "openid tools:read"}}, scope},
      {"outside the connection", {{"scope", "tools:read admin"}}, scope},
      {"unknown scope",
       {{"scope", "tools:read nothing"}},
       "invalid_scope: One or more scopes are not configured for the authorization server resource."},
      {"broken scope", {{"scope", "a\"b"}}, scope},
  };
  for (const Refusal& refusal : kRefusals) {
    EXPECT_EQ(exchange(refusal.changes).outcome(), refusal.outcome) << refusal.name;
  }
  auto twice = exchange_fields();
  twice.emplace_back("resource", "https://mcp.example/2");
  EXPECT_EQ(post("/oauth2/v1/token", twice).outcome(),
            "invalid_target: Too many 'resource' parameters in the request; maximum allowed is 1.");
  alice_is_active_ = false;
  EXPECT_EQ(exchange().outcome(), subject + ": the user account is not active.");
  for (const Event& event : events("app.oauth2.token.grant.id_jag")) EXPECT_FALSE(event.success);
}

TEST_P(IdJag, NobodyButPrincipalsGetsOne) {
  add_client("0oaService");
  more_clients_.back().grants = {std::string(kExchangeType)};
  Answer answer = post("/oauth2/v1/token", exchange_fields(), {}, nullptr, "0oaService");
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(answer.text("error"), "workload_principal_not_found");
}

TEST_P(IdJag, WhatIsNotActiveIsRefusedAtOnce) {
  struct Switch {
    Kind kind;
    std::string id;
    std::vector<std::string> off;  // states
    std::string at_issue, at_redemption;
  };
  const std::string link = std::string(kServer) + "/" + custom_as_;
  const std::vector<Switch> kSwitches{
      {Kind::workload_principal,
       std::string(kAgent),
       {"INACTIVE", "STAGED"},
       "invalid_client",
       "invalid_client"},
      {Kind::connection, connection_, {"INACTIVE"}, "invalid_target", "invalid_grant"},
      {Kind::mcp_server,
       std::string(kServer),
       {"INACTIVE", "PENDING", "INVALID"},
       "invalid_target",
       "invalid_grant"},
      {Kind::mcp_auth_server, link, {"INACTIVE", "PENDING", "INVALID"}, "invalid_target", "invalid_grant"},
      {Kind::custom_as, custom_as_, {"INACTIVE"}, "invalid_target", "invalid_request"},
  };
  for (const Switch& row : kSwitches) {
    for (const std::string& off : row.off) {
      const std::string jag = id_jag();
      set_status(row.kind, row.id, off);
      EXPECT_EQ(exchange().text("error"), row.at_issue) << row.id << " " << off;
      EXPECT_EQ(redeem(jag).text("error"), row.at_redemption) << row.id << " " << off;
      set_status(row.kind, row.id, "ACTIVE");
      EXPECT_EQ(redeem(jag).outcome(), "ok") << row.id << " back from " << off;
    }
  }
}

TEST_P(IdJag, ARuleThatNoLongerAllowsItEndsIt) {
  const std::string jag = id_jag();
  auto rules = store().list({.kind = Kind::as_rule, .refers_to = custom_as_});
  ASSERT_TRUE(rules && rules->size() == 1);
  auto update_rule = [&](const boost::json::array& grants) {
    change(Kind::as_rule, rules->front().id,
           [&](Row& row) { row.body["conditions"].as_object()["grantTypes"] = object{{"include", grants}}; });
    change(Kind::custom_as, custom_as_, [](Row&) {});
  };
  update_rule({"client_credentials"});
  EXPECT_EQ(exchange().outcome(),
            "invalid_target: The resource app is not completely configured or user is not assigned to the "
            "app.")
      << "nobody could redeem it";
  EXPECT_EQ(redeem(jag).text("error"), "invalid_grant");
  update_rule({std::string(kJwtBearerType)});
  EXPECT_EQ(redeem(jag).outcome(), "ok");
}

TEST_P(IdJag, PoliciesDecideByClientScopeAndPerson) {
  auto rule = store().list({.kind = Kind::as_rule, .refers_to = custom_as_})->front();
  auto policy = store().list({.kind = Kind::as_policy, .parent = custom_as_})->front();
  auto outcome = [&](const std::function<void(Row&)>& of_policy, const std::function<void(Row&)>& of_rule) {
    change(Kind::as_policy, policy.id, [&](Row& row) {
      row.body = policy.body;
      of_policy(row);
    });
    change(Kind::as_rule, rule.id, [&](Row& row) {
      row.body = rule.body;
      of_rule(row);
    });
    change(Kind::custom_as, custom_as_, [](Row&) {});
    return redeem(id_jag()).outcome();
  };
  auto set = [](Row& row, std::string_view condition, const object& lists) {
    row.body["conditions"].as_object()[condition] = lists;
  };
  auto nothing = [](Row&) {};
  const std::string denied =
      "access_denied: Policy evaluation failed for this request, please check the policy configurations.";
  EXPECT_EQ(
      outcome([&](Row& row) { set(row, "clients", {{"include", boost::json::array{"wlpOther"}}}); }, nothing),
      denied);
  EXPECT_EQ(
      outcome([&](Row& row) { set(row, "clients", {{"include", boost::json::array{kAgent}}}); }, nothing),
      "ok");
  EXPECT_EQ(outcome(nothing,
                    [&](Row& row) { set(row, "scopes", {{"include", boost::json::array{"tools:call"}}}); }),
            denied);
  auto people = [&](const object& users) {
    return outcome(nothing, [&](Row& row) { set(row, "people", {{"users", users}}); });
  };
  EXPECT_EQ(people({{"include", boost::json::array{"00uBob"}}}), denied);
  EXPECT_EQ(people({{"include", boost::json::array{"00uAlice"}}}), "ok");
  EXPECT_EQ(people({{"exclude", boost::json::array{"00uAlice"}}}), denied);
}

TEST_P(IdJag, RedemptionRefuses) {
  struct Row {
    const char* name;
    std::string jag;
    net::Query changes;
    std::string outcome;
  };
  const std::string invalid = "invalid_grant: Invalid grant";
  const std::string mismatch =
      "invalid_grant: The 'resource' claim in the id-jag does not match the 'resource' parameter in the "
      "request.";
  object claims = peek(id_jag())->claims;
  const std::vector<Row> kRows{
      {"a scope",
       id_jag(),
       {{"scope", "tools:read"}},
       "invalid_request: The id-jag request must not include a 'scope' parameter."},
      {"no assertion",
       "",
       {{"assertion", ""}},
       "invalid_request: The required parameter 'assertion' is missing."},
      {"no JWT", "abc", {}, invalid},
      {"an ID token", id_token(), {}, invalid},
      {"another typ", forged_jag({}, "JWT"), {}, invalid},
      {"untrusted issuer",
       forged_jag({{"iss", "https://idp.example"}}),
       {},
       "invalid_grant: The issuer of the id-jag is not a trusted authorization server."},
      {"no issuer",
       forged_jag({{"iss", nullptr}}),
       {},
       "invalid_grant: The issuer of the id-jag is not a trusted authorization server."},
      {"signed by a stranger",
       *oauth::sign_jwt(authserver::test_client_key(), claims, authserver::kIdJagType),
       {},
       "invalid_grant: The signature of the id-jag is invalid."},
      {"another audience",
       forged_jag({{"aud", "https://org.example/oauth2/ausOther"}}),
       {},
       "invalid_grant: The audience of the JWT Bearer Grant must match the the issuer of the authorization "
       "server."},
      {"two audiences",
       forged_jag({{"aud", boost::json::array{issuer(), "x"}}}),
       {},
       "invalid_grant: The audience of the JWT Bearer Grant must match the the issuer of the authorization "
       "server."},
      {"expired", forged_jag({{"exp", now()}}), {}, "invalid_grant: The id-jag is expired."},
      {"of the future",
       forged_jag({{"iat", now() + 60}, {"exp", now() + 300}}),
       {},
       "invalid_grant: The id-jag is issued in the future."},
      {"too long",
       forged_jag({{"exp", now() + 301}}),
       {},
       "invalid_grant: The lifetime of the id-jag must not exceed 5 minutes."},
      {"no jti", forged_jag({{"jti", nullptr}}), {}, invalid},
      {"no iat", forged_jag({{"iat", nullptr}}), {}, invalid},
      {"another client",
       forged_jag({{"client_id", "wlpOther"}}),
       {},
       "invalid_grant: The 'client_id' in the JWT Bearer Grant must match the 'client_id' used to "
       "authenticate the client."},
      {"a machine",
       forged_jag({{"sub", "0oaService"}, {"sub_profile", "service"}}),
       {},
       "invalid_grant: The 'sub' claim in the id-jag is invalid."},
      {"nobody",
       forged_jag({{"sub", nullptr}}),
       {},
       "invalid_grant: The 'sub' claim in the id-jag is invalid."},
      {"unknown person",
       forged_jag({{"sub", "00uBob"}}),
       {},
       "invalid_grant: The 'sub' claim in the id-jag is invalid."},
      {"no scope",
       forged_jag({{"scope", nullptr}}),
       {},
       "invalid_grant: The id-jag must include at least one scope."},
      {"no resource in the request", id_jag(), {{"resource", ""}}, mismatch},
      {"another resource", id_jag(), {{"resource", std::string(kResource) + "/"}}, mismatch},
      {"no resource in the claims", forged_jag({{"resource", nullptr}}), {}, mismatch},
      {"a resource of nobody",
       forged_jag({{"resource", "https://mcp.example/x"}}),
       {{"resource", "https://mcp.example/x"}},
       "invalid_grant: The 'resource' claim in the id-jag is not valid for this authorization server."},
      {"a scope beyond the connection", forged_jag({{"scope", "admin"}}), {}, invalid},
      {"bound to a key", forged_jag({{"cnf", object{{"jkt", "x"}}}}), {}, invalid},
      {"bound to nothing known", forged_jag({{"cnf", object{}}}), {}, invalid},
  };
  for (const Row& row : kRows) {
    Answer answer = redeem(row.jag, row.changes);
    EXPECT_EQ(answer.outcome(), row.outcome) << row.name;
    EXPECT_EQ(answer.status, 400) << row.name;
  }
  for (const Event& event : events("app.oauth2.as.token.grant")) EXPECT_FALSE(event.success);
  EXPECT_EQ(events("app.oauth2.as.token.grant").size(), kRows.size());
}

TEST_P(IdJag, IsUsedOnceAndForOneServer) {
  const std::string jag = id_jag();
  EXPECT_EQ(redeem(jag).outcome(), "ok");
  EXPECT_EQ(redeem(jag).outcome(), "invalid_grant: The id-jag was already used.");
  clock().advance(std::chrono::minutes{5});
  EXPECT_EQ(redeem(jag).outcome(), "invalid_grant: The id-jag is expired.");
}

// Two nodes on one store, many at once: one wins.
TEST_P(IdJag, IsUsedOnceAcrossNodes) {
  auto other_store = parts_.place.open();
  ASSERT_TRUE(other_store);
  Service other = service_;
  other.store = other_store->get();
  auto other_tokens = service_of(other);
  ASSERT_NE(other_tokens, nullptr);
  constexpr int kRounds = 5;
  constexpr int kThreads = 4;
  for (int round = 0; round < kRounds; ++round) {
    const std::string jag = id_jag();
    std::vector<net::ServerRequest> requests;
    for (int i = 0; i < kThreads; ++i) {
      const std::string path = custom_path(custom_as_, "token");
      auto fields = redeem_fields(jag);
      fields.emplace_back("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
      fields.emplace_back("client_assertion", assertion(url_of(path)));
      requests.push_back(authserver::form_request(fields));
      requests.back().path = path;
    }
    std::vector<int> statuses(kThreads);
    {
      std::vector<std::jthread> threads;
      threads.reserve(kThreads);
      for (int i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] {
          const TokenService& node = i % 2 == 0 ? *tokens_ : *other_tokens;
          statuses[static_cast<std::size_t>(i)] = node.handle(requests[static_cast<std::size_t>(i)])->status;
        });
      }
    }
    EXPECT_EQ(std::ranges::count(statuses, 200), 1);
    EXPECT_EQ(std::ranges::count(statuses, 400), kThreads - 1);
  }
  EXPECT_EQ(events("app.oauth2.as.token.grant.access_token").size(),
            static_cast<std::size_t>(kRounds * kThreads))
      << "each attempt is told";
}

TEST_P(IdJag, AnAssertionIsUsedUpWithIt) {
  const std::string path = "/oauth2/v1/token";
  auto fields = exchange_fields();
  fields.emplace_back("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
  fields.emplace_back("client_assertion", assertion(url_of(path)));
  auto request = authserver::form_request(fields);
  request.path = path;
  EXPECT_EQ(authserver::to_answer(*tokens_->handle(request)).outcome(), "ok");
  EXPECT_EQ(authserver::to_answer(*tokens_->handle(request)).outcome(),
            "invalid_client: The client_assertion token has already been used.");
  // Also by a request that failed.
  fields = changed(fields, {{"client_assertion", assertion(url_of(path))}, {"scope", "admin"}});
  request = authserver::form_request(fields);
  request.path = path;
  EXPECT_EQ(authserver::to_answer(*tokens_->handle(request)).text("error"), "invalid_scope");
  EXPECT_EQ(authserver::to_answer(*tokens_->handle(request)).outcome(),
            "invalid_client: The client_assertion token has already been used.");
}

TEST_P(IdJag, IsBoundToTheKeyOfTheExchange) {
  const std::string path = custom_path(custom_as_, "token");
  Answer issued = exchange({}, proof("/oauth2/v1/token"));
  ASSERT_EQ(issued.outcome(), "ok");
  EXPECT_EQ(issued.text("token_type"), "N_A");
  const std::string jag = issued.text("access_token");
  EXPECT_EQ(peek(jag)->claims.at("cnf").at("jkt"), json(proof_key().thumbprint()));
  EXPECT_EQ(redeem(jag).outcome(), "invalid_grant: Invalid grant") << "no proof";
  EXPECT_EQ(redeem(jag, {}, proof(path, agent_key())).outcome(), "invalid_grant: Invalid grant");
  Answer redeemed = redeem(jag, {}, proof(path));
  ASSERT_EQ(redeemed.outcome(), "ok");
  EXPECT_EQ(redeemed.text("token_type"), "DPoP");
  EXPECT_EQ(peek(redeemed.text("access_token"))->claims.at("cnf").at("jkt"), json(proof_key().thumbprint()));

  const std::string unbound = id_jag();
  change(Kind::workload_principal, kAgent, [](Row& row) {
    auto agent = read_workload_principal(row);
    agent->dpop_required = true;
    Row with = to_row(*agent);
    row.body = with.body;
  });
  EXPECT_EQ(redeem(unbound, {}, proof(path)).outcome(), "invalid_grant: Invalid grant")
      << "bound tokens are demanded";
}

TEST_P(IdJag, WithoutScopesTheDefaultOnesAreGiven) {
  EXPECT_EQ(exchange({{"scope", ""}}).outcome(), "ok");
  const std::string nothing = id_jag({{"scope", ""}});
  EXPECT_FALSE(peek(nothing)->claims.contains("scope"));
  EXPECT_EQ(redeem(nothing).outcome(), "invalid_grant: The id-jag must include at least one scope.");
  change(Kind::connection, connection_, [](Row& row) {
    auto connection = read_connection(row);
    connection->scope_condition = Connection::Scopes::exclude;
    connection->scopes = {"hidden"};
    Row with = to_row(*connection);
    row.body = with.body;
  });
  add_scope(custom_as_, "basic", true);
  add_scope(custom_as_, "hidden", true);
  Answer answer = exchange({{"scope", ""}});
  EXPECT_EQ(answer.text("scope"), "basic") << "told, because nobody asked for it";
  EXPECT_EQ(redeem(answer.text("access_token")).text("scope"), "basic");
  EXPECT_EQ(exchange({{"scope", "hidden"}}).text("error"), "invalid_scope");
}

TEST_P(IdJag, APlainConnectionTakesNoResource) {
  const std::string plain = add_custom_as("Plain");
  add_scope(plain, "read");
  add_connection({.id = "mcnConnection0000002",
                  .owner = std::string(kAgent),
                  .type = ConnectionType::identity_assertion_custom_as,
                  .custom_as = plain,
                  .resource_indicator = service_.names.custom_as(plain)});
  const std::string audience = issuer_of(service_, plain);
  EXPECT_EQ(exchange({{"audience", audience}, {"scope", "read"}}).text("error"), "invalid_target");
  const std::string jag = id_jag({{"audience", audience}, {"scope", "read"}, {"resource", ""}});
  EXPECT_FALSE(peek(jag)->claims.contains("resource"));
  EXPECT_EQ(redeem(jag, {{"resource", ""}}).text("error"), "invalid_grant") << "it is for another server";
  Answer redeemed = post(custom_path(plain, "token"), redeem_fields(jag, {{"resource", ""}}));
  ASSERT_EQ(redeemed.outcome(), "ok");
  EXPECT_EQ(peek(redeemed.text("access_token"))->claims.at("aud"), "api://default");
}

}  // namespace
}  // namespace registry::test
