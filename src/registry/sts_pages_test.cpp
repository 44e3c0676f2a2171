#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "core/encoding.h"
#include "core/seal.h"
#include "net/url.h"
#include "registry/sts.h"
#include "registry/test_sts.h"

namespace registry {
namespace {

using net::Method;
using std::chrono::minutes;
using test::kUser;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class StsPagesTest : public test::ServiceFixture {
 protected:
  void SetUp() override {
    world_.store(service_);
    const auto asked = redeem_sts(service_, world_.request());
    ASSERT_FALSE(asked);
    path_ = test::path_of(service_, asked.error().location);
  }

  net::ServerResponse call(Method method, std::string target, std::string body = {},
                           net::Headers headers = {}) {
    net::ServerRequest request{.method = method, .target = target};
    const std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    request.headers = std::move(headers);
    if (!body.empty() && !request.headers.has("Content-Type"))
      request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    request.body = std::move(body);
    const auto response = handle_sts_page(service_, pages_, request);
    EXPECT_TRUE(response);
    return response.value_or(net::ServerResponse{.status = 0});
  }
  net::ServerResponse get(std::string target) { return call(Method::get, std::move(target)); }

  std::string csrf() {
    const std::string body = get(path_).body;
    const std::string mark = R"(name="csrf_token" value=")";
    const std::size_t at = body.find(mark);
    if (at == std::string::npos) return {};
    return body.substr(at + mark.size(), body.find('"', at + mark.size()) - at - mark.size());
  }
  net::ServerResponse decide(std::string_view decision, net::Headers headers = {}) {
    return call(Method::post, path_,
                net::encode_form({{"csrf_token", csrf()}, {"decision", std::string(decision)}}),
                std::move(headers));
  }
  // The query that the browser takes to the external server.
  net::Query sent() {
    const auto response = decide("continue");
    EXPECT_EQ(response.status, 303);
    const std::string location(response.headers.get("Location"));
    EXPECT_THAT(location, StartsWith("https://as.example.com/authorize?"));
    return *net::parse_query(location.substr(location.find('?') + 1));
  }
  net::ServerResponse back(net::Query query) {
    return get(std::string(kStsCallback) + "?" + net::encode_query(query));
  }
  bool linked() { return !store().list({.kind = Kind::grant})->empty(); }
  std::size_t interactions() { return store().list({.kind = Kind::interaction})->size(); }

  test::StsWorld world_;
  std::string path_;
  std::optional<SignedIn> person_ = SignedIn{.user_id = std::string(kUser), .login = "ada@example.com"};
  StsPages pages_{.signed_in = [this](const net::ServerRequest&) { return person_; }};
};

TEST_F(StsPagesTest, OtherPathsAreNotTheirs) {
  for (const std::string_view path :
       {"/", "/oauth2/v1/token", "/oauth2/v1/sts", "/oauth2/v1/sts/callback/x"}) {
    net::ServerRequest request;
    request.path = path;
    EXPECT_FALSE(handle_sts_page(service_, pages_, request)) << path;
  }
}

TEST_F(StsPagesTest, TheQuestionSaysWhoAsksForWhatWhere) {
  const auto response = get(path_);
  EXPECT_EQ(response.status, 200);
  for (const std::string_view text :
       {"Travel &lt;agent&gt;", "Bookings &amp; more", "https://mcp.example.com/mcp/",
        "https://as.example.com", "ada@example.com", "<li>repo</li>", "<li>read:user</li>",
        "value=\"continue\"", "value=\"deny\""})
    EXPECT_THAT(response.body, HasSubstr(text));
  EXPECT_THAT(response.body, Not(HasSubstr("<agent>")));
  EXPECT_THAT(response.body, Not(HasSubstr("<script")));
  const std::string policy(response.headers.get("Content-Security-Policy"));
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
  EXPECT_EQ(response.headers.get("Referrer-Policy"), "same-origin");
}

TEST_F(StsPagesTest, WhoIsNotSignedInSignsInFirst) {
  person_.reset();
  const auto response = get(path_);
  EXPECT_EQ(response.status, 303);
  EXPECT_EQ(response.headers.get("Location"), "/login?return=" + core::percent_encode(path_));
}

TEST_F(StsPagesTest, AnotherPersonIsRefused) {
  person_ = SignedIn{.user_id = "00uMallory0000000000", .login = "<mallory>"};
  const auto response = get(path_);
  EXPECT_EQ(response.status, 403);
  EXPECT_THAT(response.body, HasSubstr("&lt;mallory&gt;"));
  EXPECT_THAT(response.body, Not(HasSubstr("ada@example.com")));
  EXPECT_THAT(response.body, Not(HasSubstr("Travel")));
  EXPECT_EQ(call(Method::post, path_, "decision=continue").status, 403);
}

TEST_F(StsPagesTest, UnknownAndOldLinksAreGone) {
  EXPECT_EQ(get("/oauth2/v1/sts/interact/").status, 404);
  EXPECT_EQ(get("/oauth2/v1/sts/interact/abc").status, 404);
  EXPECT_EQ(get("/oauth2/v1/sts/interact/" + std::string(43, 'A')).status, 404);
  EXPECT_EQ(get(path_ + "/x").status, 404);
  EXPECT_EQ(call(Method::delete_, path_).status, 405);
  const std::string token = csrf();
  clock().advance(minutes{10});
  EXPECT_EQ(get(path_).status, 404);
  EXPECT_EQ(
      call(Method::post, path_, net::encode_form({{"csrf_token", token}, {"decision", "continue"}})).status,
      404);
}

TEST_F(StsPagesTest, ADecisionIsTakenFromThisPageOnly) {
  EXPECT_EQ(call(Method::post, path_, "decision=continue").status, 403);
  EXPECT_EQ(call(Method::post, path_, "csrf_token=x&decision=continue").status, 403);
  EXPECT_EQ(decide("continue", {{"Origin", "https://evil.example"}}).status, 403);
  EXPECT_EQ(decide("continue", {{"Origin", "null"}}).status, 403);
  EXPECT_EQ(decide("continue", {{"Content-Type", "text/plain"}}).status, 403);
  EXPECT_EQ(decide("maybe").status, 400);
  // A token of another person's question.
  StsRequest bob = world_.request();
  bob.user_id = "00uBob00000000000000";
  const std::string other = test::path_of(service_, redeem_sts(service_, bob).error().location);
  const std::string token = csrf();
  person_->user_id = bob.user_id;
  EXPECT_EQ(call(Method::post, other, net::encode_form({{"csrf_token", token}, {"decision", "deny"}})).status,
            403);
  EXPECT_EQ(interactions(), 2u);
  person_->user_id = kUser;
  EXPECT_EQ(decide("continue", {{"Origin", "https://org.example"}}).status, 303);
}

TEST_F(StsPagesTest, DenyingEndsIt) {
  const auto response = decide("deny");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("Not allowed"));
  EXPECT_EQ(interactions(), 0u);
  EXPECT_EQ(get(path_).status, 404);
  const auto events = test::events_of(service_, "app.oauth2.token.oauth_sts.request_token");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events.front().reason, "access_denied");
  EXPECT_EQ(events.front().actor.id, kUser);
}

TEST_F(StsPagesTest, TheAuthorizationRequest) {
  const net::Query query = sent();
  EXPECT_EQ(net::query_value(query, "response_type"), "code");
  EXPECT_EQ(net::query_value(query, "client_id"), "client-1");
  EXPECT_EQ(net::query_value(query, "redirect_uri"), "https://org.example/oauth2/v1/sts/callback");
  EXPECT_EQ(net::query_value(query, "scope"), "repo read:user");
  EXPECT_EQ(net::query_value(query, "resource"), test::kStsResource);
  EXPECT_EQ(net::query_value(query, "code_challenge_method"), "S256");
  EXPECT_EQ(net::query_value(query, "code_challenge")->size(), 43u);
  EXPECT_EQ(net::query_value(query, "state")->size(), 43u);
  // Each way has a state of its own.
  EXPECT_NE(net::query_value(sent(), "state"), net::query_value(query, "state"));
}

TEST_F(StsPagesTest, AnEndpointWithAQueryKeepsIt) {
  test::change_row<McpAuthServer>(
      service_, Kind::mcp_auth_server, auth_server_row_id(world_.server.id, world_.auth_server.id),
      read_mcp_auth_server, [](McpAuthServer& server) {
        server.authorization_endpoint = "https://as.example.com/authorize?tenant=7";
      });
  EXPECT_EQ(net::query_value(sent(), "tenant"), "7");
}

TEST_F(StsPagesTest, TheCodeIsExchangedAndTheTokensAreKept) {
  const net::Query query = sent();
  outside().reply(200, R"({"access_token":"a-1","refresh_token":"r-1","expires_in":3600,"scope":"repo"})");
  const auto response = back({{"code", "code-1"}, {"state", *net::query_value(query, "state")}});
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.body, HasSubstr("Go back to your agent"));
  const auto form = *net::parse_query(outside().requests().at(0).body);
  EXPECT_EQ(net::query_value(form, "grant_type"), "authorization_code");
  EXPECT_EQ(net::query_value(form, "code"), "code-1");
  EXPECT_EQ(net::query_value(form, "redirect_uri"), "https://org.example/oauth2/v1/sts/callback");
  EXPECT_EQ(net::query_value(form, "resource"), test::kStsResource);
  EXPECT_EQ(core::base64url_encode(core::sha256(*net::query_value(form, "code_verifier"))),
            net::query_value(query, "code_challenge"));
  EXPECT_EQ(interactions(), 0u);
  const auto granted = redeem_sts(service_, world_.request());
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->at("access_token"), "a-1");
  EXPECT_EQ(granted->at("scope"), "repo");
  // The link and the state were for once.
  EXPECT_EQ(get(path_).status, 404);
  EXPECT_EQ(back({{"code", "code-1"}, {"state", *net::query_value(query, "state")}}).status, 404);
  EXPECT_EQ(outside().count(), 1u);
}

TEST_F(StsPagesTest, AnAnswerNobodyAskedForIsRefused) {
  const std::string state = *net::query_value(sent(), "state");
  EXPECT_EQ(get(std::string(kStsCallback)).status, 400);
  EXPECT_EQ(back({{"code", "c"}}).status, 400);
  EXPECT_EQ(back({{"code", "c"}, {"state", ""}}).status, 400);
  EXPECT_EQ(back({{"code", "c"}, {"state", state}, {"state", state}}).status, 400);
  EXPECT_EQ(back({{"code", "c"}, {"state", state + "x"}}).status, 404);
  EXPECT_EQ(get(std::string(kStsCallback) + "?state=" + std::string(20'000, 'x')).status, 400);
  EXPECT_EQ(call(Method::post, std::string(kStsCallback), "state=" + state).status, 405);
  person_->user_id = "00uMallory0000000000";
  EXPECT_EQ(back({{"code", "c"}, {"state", state}}).status, 403);
  EXPECT_EQ(outside().count(), 0u);
  EXPECT_FALSE(linked());
  person_.reset();
  const auto without = back({{"code", "c"}, {"state", state}});
  EXPECT_EQ(without.status, 303);
  EXPECT_EQ(without.headers.get("Location"), "/login?return=" + core::percent_encode(path_));
}

struct Returned {
  std::string_view what;
  net::Query query;
  int status;
  std::string_view says;
};

TEST_F(StsPagesTest, WhatComesBackWithoutACodeEndsIt) {
  const std::vector<Returned> rows{
      {"denied there", {{"error", "access_denied"}}, 200, "gets no access"},
      {"an error", {{"error", "invalid_scope"}, {"error_description", "<b>no</b>"}}, 502, "invalid_scope"},
      {"an error and a code", {{"error", "server_error"}, {"code", "c"}}, 502, "server_error"},
      {"no code", {}, 502, "code_missing"},
      {"two codes", {{"code", "a"}, {"code", "b"}}, 502, "code_missing"},
      {"another issuer", {{"code", "c"}, {"iss", "https://evil.example"}}, 502, "issuer_mismatch"},
      {"two issuers",
       {{"code", "c"}, {"iss", "https://as.example.com"}, {"iss", "https://evil.example"}},
       502,
       "issuer_mismatch"},
      {"another issuer's error",
       {{"error", "access_denied"}, {"iss", "https://evil.example"}},
       502,
       "issuer_mismatch"},
  };
  for (const Returned& row : rows) {
    SCOPED_TRACE(row.what);
    path_ = test::path_of(service_, redeem_sts(service_, world_.request()).error().location);
    net::Query query = row.query;
    query.emplace_back("state", *net::query_value(sent(), "state"));
    const auto response = back(query);
    EXPECT_EQ(response.status, row.status);
    EXPECT_THAT(response.body, HasSubstr(row.says));
    EXPECT_THAT(response.body, Not(HasSubstr("<b>")));
    EXPECT_EQ(interactions(), 0u);
  }
  EXPECT_EQ(outside().count(), 0u);
  EXPECT_FALSE(linked());
}

TEST_F(StsPagesTest, AnIssuerThatIsPromisedMustBeThere) {
  test::change_row<McpAuthServer>(
      service_, Kind::mcp_auth_server, auth_server_row_id(world_.server.id, world_.auth_server.id),
      read_mcp_auth_server, [](McpAuthServer& server) { server.iss_in_response = true; });
  EXPECT_EQ(back({{"code", "c"}, {"state", *net::query_value(sent(), "state")}}).status, 502);
  path_ = test::path_of(service_, redeem_sts(service_, world_.request()).error().location);
  outside().reply(200, R"({"access_token":"a-1"})");
  EXPECT_EQ(
      back({{"code", "c"}, {"state", *net::query_value(sent(), "state")}, {"iss", "https://as.example.com"}})
          .status,
      200);
}

TEST_F(StsPagesTest, ARefusedExchangeIsToldAndLeavesNothing) {
  const std::string state = *net::query_value(sent(), "state");
  outside().reply(200, R"({"error":"incorrect_client_credentials","error_description":"<i>wrong</i>"})");
  const auto response = back({{"code", "c"}, {"state", state}});
  EXPECT_EQ(response.status, 502);
  EXPECT_THAT(response.body, HasSubstr("incorrect_client_credentials"));
  EXPECT_THAT(response.body, HasSubstr("administrator"));
  EXPECT_THAT(response.body, Not(HasSubstr("<i>")));
  EXPECT_FALSE(linked());
  EXPECT_EQ(interactions(), 0u);
}

TEST_F(StsPagesTest, WhatWasSwitchedOffMeanwhileIsNotGiven) {
  const std::string state = *net::query_value(sent(), "state");
  test::change_row<Connection>(service_, Kind::connection, world_.connection.id, read_connection,
                               [](Connection& connection) { connection.active = false; });
  EXPECT_EQ(get(path_).status, 409);
  EXPECT_EQ(back({{"code", "c"}, {"state", state}}).status, 409);
  EXPECT_EQ(outside().count(), 0u);
  EXPECT_FALSE(linked());
}

TEST_F(StsPagesTest, NewConsentTakesThePlaceOfTheOld) {
  std::string state = *net::query_value(sent(), "state");
  // While the first consent is on its way, the person gives it in another window.
  outside().reply(200, R"({"access_token":"a-1","refresh_token":"r-1"})");
  ASSERT_EQ(back({{"code", "c"}, {"state", state}}).status, 200);
  ASSERT_TRUE(revoke_sts(service_, world_.agent, "a-1"));
  outside().reply(400, R"({"error":"invalid_grant"})");
  path_ = test::path_of(service_, redeem_sts(service_, world_.request()).error().location);
  state = *net::query_value(sent(), "state");
  outside().reply(200, R"({"access_token":"a-2"})");
  ASSERT_EQ(back({{"code", "c"}, {"state", state}}).status, 200);
  const auto granted = redeem_sts(service_, world_.request());
  ASSERT_TRUE(granted);
  EXPECT_EQ(granted->at("access_token"), "a-2");
  const auto row = store().list({.kind = Kind::grant});
  ASSERT_EQ(row->size(), 1u);
  EXPECT_FALSE(read_sts_grant(row->front())->has_refresh);
}

TEST_F(StsPagesTest, EachAgentIsAllowedByItselfAndTheTokensAreShared) {
  const auto allow = [&](const StsRequest& request, std::string_view answer) {
    const auto asked = redeem_sts(service_, request);
    ASSERT_FALSE(asked);
    path_ = test::path_of(service_, asked.error().location);
    const std::string state = *net::query_value(sent(), "state");
    outside().reply(200, std::string(answer));
    ASSERT_EQ(back({{"code", "c"}, {"state", state}}).status, 200);
  };
  const auto token = [&](const StsRequest& request) -> std::string {
    const auto granted = redeem_sts(service_, request);
    return granted ? std::string(granted->at("access_token").as_string()) : granted.error().code;
  };
  const std::string ask = "authserver.oauth_sts_interaction_required";
  const StsRequest first = world_.request();
  const StsRequest second = world_.second_agent(service_);
  allow(first, R"({"access_token":"a-1"})");
  EXPECT_EQ(token(second), ask);
  // A person who says no to the second leaves the first as it is.
  path_ = test::path_of(service_, redeem_sts(service_, second).error().location);
  EXPECT_EQ(decide("deny").status, 200);
  EXPECT_EQ(token(first), "a-1");
  EXPECT_EQ(token(second), ask);

  allow(second, R"({"access_token":"a-2"})");
  EXPECT_EQ(token(first), "a-2");
  EXPECT_EQ(token(second), "a-2");
  EXPECT_EQ(store().list({.kind = Kind::grant})->size(), 1u);

  // What the registration asks for is another thing now: what was allowed before does not cover it.
  test::change_row<ClientAuthSettings>(service_, Kind::client_auth_settings, world_.settings.id,
                                       read_client_auth_settings,
                                       [](ClientAuthSettings& settings) { settings.scopes = {"admin"}; });
  allow(second, R"({"access_token":"a-3"})");
  EXPECT_EQ(token(second), "a-3");
  EXPECT_EQ(token(first), ask);
}

TEST_F(StsPagesTest, WhatIsAskedForMeanwhileWasNotAllowed) {
  const std::string state = *net::query_value(sent(), "state");
  test::change_row<ClientAuthSettings>(
      service_, Kind::client_auth_settings, world_.settings.id, read_client_auth_settings,
      [](ClientAuthSettings& settings) { settings.scopes.emplace_back("admin"); });
  outside().reply(200, R"({"access_token":"a-1"})");
  ASSERT_EQ(back({{"code", "c"}, {"state", state}}).status, 200);
  const auto refused = redeem_sts(service_, world_.request());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "authserver.oauth_sts_interaction_required");
  EXPECT_FALSE(linked());
}

TEST_F(StsPagesTest, SweepingRemovesWhatIsOver) {
  WorkHandlers handlers;
  add_sts_work(handlers);
  ASSERT_TRUE(schedule_sts_work(service_));
  const auto run = [&](std::string_view kind) {
    for (int i = 0; i < 4; ++i) {
      const auto work = store().claim("node-1", minutes{1});
      ASSERT_TRUE(work);
      if (!*work) return;
      EXPECT_TRUE(handlers.at((*work)->kind)(core::Context{}, service_, **work));
      if ((*work)->kind == kind) return;
    }
  };
  run("sts-sweep");
  EXPECT_EQ(interactions(), 1u);
  clock().advance(minutes{11});
  run("sts-sweep");
  EXPECT_EQ(interactions(), 0u);
}

}  // namespace
}  // namespace registry
