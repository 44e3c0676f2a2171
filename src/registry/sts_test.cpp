#include "registry/sts.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "authserver/problem.h"
#include "registry/test_sts.h"

namespace registry {
namespace {

using core::json::Object;
using std::chrono::minutes;
using std::chrono::seconds;
using test::kUser;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class StsTest : public test::AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped()) return;
    world_.store(service_);
  }

  // What redeem_sts says: "granted" or the name of the problem.
  std::string outcome(const StsRequest& request) {
    last_ = redeem_sts(service_, request);
    if (last_) return "granted";
    return last_.error().code.substr(last_.error().code.find('.') + 1);
  }
  std::string outcome() { return outcome(world_.request()); }

  // As if the person had consented.
  void link(std::string access, std::string refresh, std::optional<seconds> lifetime = seconds{3600}) {
    StsGrant grant{.id = grant_id(world_.settings.id, kUser),
                   .settings = world_.settings.id,
                   .user = std::string(kUser),
                   .server = world_.server.id,
                   .issuer = world_.settings.issuer,
                   .client_id = world_.settings.client_id,
                   .asked = world_.settings.scopes,
                   .scopes = {"repo"},
                   .principals = {world_.agent.id}};
    const ExternalTokens tokens{.access_token = core::Secret(std::move(access)),
                                .refresh_token = core::Secret(std::move(refresh)),
                                .lifetime = lifetime};
    ASSERT_TRUE(take_tokens(service_, grant, tokens, service_.now()));
    Row row = to_row(grant);
    ASSERT_TRUE(store().transaction([&](Transaction& tx) { return tx.insert(row); }));
  }
  std::optional<StsGrant> stored() {
    const auto row = store().get(Kind::grant, grant_id(world_.settings.id, kUser));
    if (!row || !*row) return std::nullopt;
    return *read_sts_grant(**row);
  }
  std::size_t interactions() { return store().list({.kind = Kind::interaction})->size(); }

  test::StsWorld world_;
  core::Result<Object> last_{Object{}};
};

INSTANTIATE_TEST_SUITE_P(Stores, StsTest, test::kBackends, test::name_of);

TEST_P(StsTest, WithoutATokenThePersonIsAsked) {
  EXPECT_EQ(outcome(), "oauth_sts_interaction_required");
  const auto response = authserver::error_response(last_.error());
  EXPECT_EQ(response.status, 400);
  const auto body = core::json::parse(response.body)->as_object();
  EXPECT_EQ(body.at("error"), "interaction_required");
  EXPECT_THAT(std::string(body.at("interaction_uri").as_string()),
              StartsWith("https://org.example/oauth2/v1/sts/interact/"));
  EXPECT_EQ(body.size(), 3u);
}

TEST_P(StsTest, APendingInteractionIsGivenAgainUntilItsTimeIsOver) {
  outcome();
  const std::string first = last_.error().location;
  clock().advance(minutes{9});
  outcome();
  EXPECT_EQ(last_.error().location, first);
  EXPECT_EQ(interactions(), 1u);
  clock().advance(minutes{1});
  outcome();
  EXPECT_NE(last_.error().location, first);
  EXPECT_EQ(interactions(), 1u);

  StsRequest other = world_.request();
  other.user_id = "00uBob00000000000000";
  const std::string ada = last_.error().location;
  outcome(other);
  EXPECT_NE(last_.error().location, ada);
  EXPECT_EQ(interactions(), 2u);
}

TEST_P(StsTest, SuccessIsExactlyAsOktaAnswers) {
  link("gho-1", "r-1");
  clock().advance(seconds{100});
  ASSERT_EQ(outcome(), "granted");
  const Object expected{{"issued_token_type", "urn:okta:params:oauth:token-type:oauth-sts"},
                        {"access_token", "gho-1"},
                        {"token_type", "Bearer"},
                        {"expires_in", 3500},
                        {"scope", "repo"}};
  EXPECT_EQ(*last_, expected);
  EXPECT_EQ(outside().count(), 0u);
}

TEST_P(StsTest, ATokenWithoutAnEndIsToBeAskedForAgainInAnHour) {
  link("gho-1", "", std::nullopt);
  clock().advance(std::chrono::hours{1000});
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(last_->at("expires_in"), 3600);
}

TEST_P(StsTest, OnlyAPersonsTokenIsExchanged) {
  link("gho-1", "");
  for (const std::string_view type : {kOAuthSts, kVaultedSecret, kServiceAccount}) {
    StsRequest request = world_.request();
    request.requested_token_type = type;
    request.subject_is_user = false;
    EXPECT_EQ(outcome(request), "oauth_sts_user_subject_required") << type;
    EXPECT_EQ(authserver::problem_of(last_.error())->error, "invalid_request");
  }
  StsRequest request = world_.request();
  request.requested_token_type = "urn:ietf:params:oauth:token-type:access_token";
  EXPECT_EQ(outcome(request), "invalid_requested_token_type");
}

TEST_P(StsTest, TheResourceMustBeTheIndicatorByteForByte) {
  link("gho-1", "");
  for (const std::string& resource :
       {std::string(), world_.connection.resource_indicator + "/", world_.server.resource_url,
        "ORN" + world_.connection.resource_indicator.substr(3), world_.settings.id}) {
    StsRequest request = world_.request();
    request.resource = resource;
    EXPECT_EQ(outcome(request), "token_exchange_invalid_resource") << resource;
    EXPECT_EQ(authserver::problem_of(last_.error())->error, "invalid_target");
  }
  StsRequest stranger = world_.request();
  stranger.principal.id = "wlpOther000000000000";
  EXPECT_EQ(outcome(stranger), "token_exchange_invalid_resource");
}

// One for each state that is not ACTIVE, with a stored token that would be good.
struct Blocked {
  std::string_view what;
  std::function<void(const Service&, const test::StsWorld&)> change;
};

std::vector<Blocked> blocked_states() {
  std::vector<Blocked> rows;
  for (const Status status : {Status::pending, Status::inactive, Status::invalid}) {
    rows.push_back({"server", [status](const Service& service, const test::StsWorld& world) {
                      test::change_row<McpServer>(service, Kind::mcp_server, world.server.id, read_mcp_server,
                                                  [&](McpServer& server) { server.status = status; });
                    }});
    rows.push_back({"authorization server", [status](const Service& service, const test::StsWorld& world) {
                      test::change_row<McpAuthServer>(
                          service, Kind::mcp_auth_server,
                          auth_server_row_id(world.server.id, world.auth_server.id), read_mcp_auth_server,
                          [&](McpAuthServer& server) { server.status = status; });
                    }});
  }
  for (const AgentStatus status : {AgentStatus::staged, AgentStatus::inactive}) {
    rows.push_back({"agent", [status](const Service& service, const test::StsWorld& world) {
                      test::change_row<WorkloadPrincipal>(
                          service, Kind::workload_principal, world.agent.id, read_workload_principal,
                          [&](WorkloadPrincipal& agent) { agent.status = status; });
                    }});
  }
  rows.push_back({"connection", [](const Service& service, const test::StsWorld& world) {
                    test::change_row<Connection>(service, Kind::connection, world.connection.id,
                                                 read_connection,
                                                 [](Connection& connection) { connection.active = false; });
                  }});
  rows.push_back({"settings", [](const Service& service, const test::StsWorld& world) {
                    test::change_row<ClientAuthSettings>(
                        service, Kind::client_auth_settings, world.settings.id, read_client_auth_settings,
                        [](ClientAuthSettings& settings) { settings.active = false; });
                  }});
  rows.push_back({"expired secret", [](const Service& service, const test::StsWorld& world) {
                    test::change_row<ClientAuthSettings>(
                        service, Kind::client_auth_settings, world.settings.id, read_client_auth_settings,
                        [&](ClientAuthSettings& settings) { settings.secret_expires = service.now(); });
                  }});
  rows.push_back({"another issuer", [](const Service& service, const test::StsWorld& world) {
                    test::change_row<ClientAuthSettings>(
                        service, Kind::client_auth_settings, world.settings.id, read_client_auth_settings,
                        [](ClientAuthSettings& settings) { settings.issuer = "https://other.example.com"; });
                  }});
  rows.push_back({"not connectable", [](const Service& service, const test::StsWorld& world) {
                    test::change_row<McpAuthServer>(
                        service, Kind::mcp_auth_server,
                        auth_server_row_id(world.server.id, world.auth_server.id), read_mcp_auth_server,
                        [](McpAuthServer& server) { server.grant_types = {"client_credentials"}; });
                  }});
  return rows;
}

TEST_P(StsTest, NothingIsGivenUnlessEverythingIsActive) {
  for (const Blocked& row : blocked_states()) {
    SCOPED_TRACE(row.what);
    test::ServiceParts parts(GetParam());
    test::StsWorld world;
    world.store(parts.service);
    ASSERT_FALSE(HasFatalFailure());
    EXPECT_EQ(redeem_sts(parts.service, world.request()).error().code,
              "authserver.oauth_sts_interaction_required");
    row.change(parts.service, world);
    const auto refused = redeem_sts(parts.service, world.request());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "authserver.token_exchange_invalid_resource");
    EXPECT_EQ(authserver::problem_of(refused.error())->error, "invalid_target");
  }
}

TEST_P(StsTest, ARefreshTokenIsUsedWhenTheTokenIsAboutToEnd) {
  link("a-1", "r-1");
  clock().advance(seconds{3550});
  outside().reply(200,
                  R"({"access_token":"a-2","refresh_token":"r-2","expires_in":3600,"scope":"repo gist"})");
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(last_->at("access_token"), "a-2");
  EXPECT_EQ(last_->at("expires_in"), 3600);
  EXPECT_EQ(last_->at("scope"), "repo gist");
  ASSERT_EQ(outside().count(), 1u);
  const auto form = *net::parse_query(outside().requests().front().body);
  EXPECT_EQ(net::query_value(form, "grant_type"), "refresh_token");
  EXPECT_EQ(net::query_value(form, "refresh_token"), "r-1");
  EXPECT_EQ(net::query_value(form, "resource"), test::kStsResource);
  EXPECT_EQ(open_tokens(service_, *stored())->refresh_token.reveal(), "r-2");
  // And then it is stored.
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(outside().count(), 1u);
}

TEST_P(StsTest, ADeadRefreshTokenLeadsBackToThePerson) {
  link("a-1", "r-1");
  clock().advance(seconds{3599});
  outside().reply(400, R"({"error":"invalid_grant"})");
  EXPECT_EQ(outcome(), "oauth_sts_interaction_required");
  EXPECT_FALSE(stored());
}

TEST_P(StsTest, WithoutARefreshTokenTheEndIsTheEnd) {
  link("a-1", "");
  clock().advance(seconds{3590});
  ASSERT_EQ(outcome(), "granted");  // its last seconds
  EXPECT_EQ(last_->at("expires_in"), 10);
  clock().advance(seconds{10});
  EXPECT_EQ(outcome(), "oauth_sts_interaction_required");
  EXPECT_FALSE(stored());
  EXPECT_EQ(outside().count(), 0u);
}

TEST_P(StsTest, AFailedRefreshIsNotRepeatedAtOnce) {
  link("a-1", "r-1");
  clock().advance(seconds{3550});
  outside().reply(503, "", {{"Retry-After", "20"}});
  // 50 seconds are left: the old token does for now.
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(last_->at("access_token"), "a-1");
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(outside().count(), 1u);
  clock().advance(seconds{19});
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(outside().count(), 1u);

  clock().advance(seconds{31});
  outside().reply(500);
  EXPECT_EQ(outcome(), "oauth_sts_temporarily_unavailable");
  const auto response = authserver::error_response(last_.error());
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("temporarily_unavailable"));
  EXPECT_EQ(outcome(), "oauth_sts_temporarily_unavailable");
  EXPECT_EQ(outside().count(), 2u);
  EXPECT_TRUE(stored());

  clock().advance(seconds{60});
  outside().reply(200, R"({"access_token":"a-2","expires_in":3600})");
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(last_->at("access_token"), "a-2");
  EXPECT_EQ(stored()->failures, 0);
}

TEST_P(StsTest, OurOwnRegistrationBeingRefusedKeepsTheGrant) {
  link("a-1", "r-1");
  clock().advance(seconds{4000});
  outside().reply(401, R"({"error":"invalid_client"})");
  EXPECT_EQ(outcome(), "oauth_sts_temporarily_unavailable");
  EXPECT_TRUE(stored());
  EXPECT_EQ(open_tokens(service_, *stored())->refresh_token.reveal(), "r-1");
  const auto asked = test::events_of(service_, "app.oauth2.token.oauth_sts.request_token");
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_FALSE(asked.front().success);
  EXPECT_EQ(asked.front().reason, "invalid_client");
}

TEST_P(StsTest, TheLeaseOfANodeThatDiedEnds) {
  link("a-1", "r-1");
  clock().advance(seconds{3590});
  test::change_row<StsGrant>(service_, Kind::grant, stored()->id, read_sts_grant, [&](StsGrant& grant) {
    grant.lease = "of-another-node";
    grant.lease_until = service_.now() + seconds{30};
  });
  // Another one is at it, and the token is good for ten seconds more.
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(outside().count(), 0u);
  clock().advance(seconds{31});
  outside().reply(200, R"({"access_token":"a-2","expires_in":3600})");
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(last_->at("access_token"), "a-2");
}

TEST_P(StsTest, AChangedRegistrationAsksAnew) {
  using Change = std::function<void(ClientAuthSettings&)>;
  const std::vector<Change> changes{
      [](ClientAuthSettings& settings) { settings.scopes = {"repo"}; },
      [](ClientAuthSettings& settings) { settings.scopes.emplace_back("gist"); },
      [](ClientAuthSettings& settings) { settings.client_id = "client-2"; },
  };
  const auto settings = [&](const Change& change) {
    test::change_row<ClientAuthSettings>(service_, Kind::client_auth_settings, world_.settings.id,
                                         read_client_auth_settings, change);
  };
  for (const Change& change : changes) {
    link("a-1", "r-1");
    ASSERT_EQ(outcome(), "granted");
    // The order of scopes means nothing.
    settings([](ClientAuthSettings& stored) { std::ranges::reverse(stored.scopes); });
    ASSERT_EQ(outcome(), "granted");
    settings(change);
    EXPECT_EQ(outcome(), "oauth_sts_interaction_required");
    EXPECT_FALSE(stored());
    settings([&](ClientAuthSettings& stored) {
      stored.scopes = world_.settings.scopes;
      stored.client_id = world_.settings.client_id;
    });
  }
}

TEST_P(StsTest, RevokingForgetsTheAccessTokenOnly) {
  link("a-1", "r-1");
  ASSERT_TRUE(revoke_sts(service_, world_.agent, "a-1", "tx-9"));
  ASSERT_TRUE(stored());
  EXPECT_FALSE(stored()->has_access);
  // Okta's guide: what a refresh token can get is got at the next exchange.
  outside().reply(200, R"({"access_token":"a-2","expires_in":3600})");
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(last_->at("access_token"), "a-2");
  const auto revoked = test::events_of(service_, "app.oauth2.token.revoke");
  ASSERT_EQ(revoked.size(), 1u);
  EXPECT_EQ(revoked.front().transaction, "tx-9");
}

TEST_P(StsTest, RevokedWithoutARefreshTokenThePersonIsAsked) {
  link("gho-1", "", std::nullopt);
  ASSERT_EQ(outcome(), "granted");
  ASSERT_TRUE(revoke_sts(service_, world_.agent, "gho-1"));
  EXPECT_EQ(outcome(), "oauth_sts_interaction_required");
  EXPECT_FALSE(stored());
}

TEST_P(StsTest, RevokingWhatIsNotOnesOwnChangesNothing) {
  link("a-1", "r-1");
  WorkloadPrincipal stranger = world_.agent;
  stranger.id = "wlpOther000000000000";
  EXPECT_TRUE(revoke_sts(service_, stranger, "a-1"));
  EXPECT_TRUE(revoke_sts(service_, world_.agent, "r-1"));
  EXPECT_TRUE(revoke_sts(service_, world_.agent, "nothing"));
  EXPECT_TRUE(revoke_sts(service_, world_.agent, ""));
  EXPECT_TRUE(stored()->has_access);
  EXPECT_TRUE(test::events_of(service_, "app.oauth2.token.revoke").empty());
}

TEST_P(StsTest, AnotherAgentNeedsAConsentOfItsOwn) {
  link("a-1", "r-1");
  const StsRequest second = world_.second_agent(service_);
  EXPECT_EQ(outcome(second), "oauth_sts_interaction_required");
  const std::string location = last_.error().location;
  EXPECT_EQ(outcome(second), "oauth_sts_interaction_required");
  EXPECT_EQ(last_.error().location, location);
  // Nor may it take away what is not its own.
  EXPECT_TRUE(revoke_sts(service_, second.principal, "a-1"));
  ASSERT_EQ(outcome(), "granted");
  EXPECT_EQ(last_->at("access_token"), "a-1");
  EXPECT_EQ(interactions(), 1u);
}

TEST_P(StsTest, EveryAnswerIsAnEventAndNoneHoldsAToken) {
  outcome();
  link("a-s3cr3t", "r-s3cr3t");
  clock().advance(seconds{3550});
  outside().reply(200, R"({"access_token":"b-s3cr3t","expires_in":3600})");
  ASSERT_EQ(outcome(), "granted");
  const auto events = test::events_of(service_, "app.oauth2.token.");
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0].type, "app.oauth2.token.grant.oauth_sts");
  EXPECT_FALSE(events[0].success);
  EXPECT_EQ(events[0].reason, "oauth_sts_interaction_required");
  EXPECT_EQ(events[1].type, "app.oauth2.token.oauth_sts.request_token");
  EXPECT_TRUE(events[1].success);
  EXPECT_EQ(events[2].type, "app.oauth2.token.grant.oauth_sts");
  EXPECT_TRUE(events[2].success);
  EXPECT_EQ(events[2].actor.id, world_.agent.id);
  EXPECT_EQ(events[2].transaction, "tx-1");
  EXPECT_EQ(events[2].targets.back().type, "access_token");
  EXPECT_EQ(events[2].debug.at("subjectTokenId"), "ID.1");
  for (const Event& event : events) {
    EXPECT_THAT(core::json::write(event.debug), Not(HasSubstr("s3cr3t")));
    for (const EventTarget& target : event.targets) EXPECT_THAT(target.id, Not(HasSubstr("s3cr3t")));
  }
}

}  // namespace
}  // namespace registry
