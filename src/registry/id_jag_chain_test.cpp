#include <gtest/gtest.h>

#include "registry/id_jag.h"
#include "registry/test_token_org.h"

namespace registry::test {
namespace {

using oauth::peek;

boost::json::value json(std::string_view text) {
  return boost::json::value(text);
}

// An agent that is called by another one with an access token for it.
class Chain : public TokenOrg {
 protected:
  void SetUp() override {
    TokenOrg::SetUp();
    if (IsSkipped()) return;
    add_second_agent();
    add_connection({.id = "mcnConnection0000004",
                    .owner = std::string(kSecond),
                    .type = ConnectionType::identity_assertion_mcp_server,
                    .server = std::string(kServer),
                    .custom_as = custom_as_,
                    .resource_indicator = std::string(kResource)});
    link_ = {.id = "dlkLink0000000000001",
             .client_orn = service_.names.ai_agent(kAgent),
             .client = std::string(kAgent),
             .resource_orn = service_.names.ai_agent(kSecond),
             .principal = std::string(kSecond),
             .custom_as = custom_as_};
    insert(to_row(link_));
  }
  std::string token_for_second(const object& changes = {}) {
    const std::string jag = id_jag({{"resource", std::string(kSecondUrl)}});
    Answer answer = redeem(jag, {{"resource", std::string(kSecondUrl)}});
    EXPECT_EQ(answer.outcome(), "ok");
    if (changes.empty()) return answer.text("access_token");
    object claims = peek(answer.text("access_token"))->claims;
    apply(claims, changes);
    auto keys = read_signing_keys(store(), service_, custom_as_);
    return *oauth::sign_jwt(keys->front().key, claims, authserver::kResourceTokenType);
  }
  Answer second_exchanges(const std::string& token) {
    return post("/oauth2/v1/token",
                exchange_fields({{"subject_token", token},
                                 {"subject_token_type", std::string(authserver::kAccessTokenTokenType)}}),
                {}, nullptr, std::string(kSecond));
  }
  static object actors(int depth) {
    object chain{{"sub", "wlp0"}};
    for (int i = 1; i < depth; ++i) {
      object outer{{"sub", "wlp" + std::to_string(i)}};
      outer["act"] = std::move(chain);
      chain = std::move(outer);
    }
    return chain;
  }

  DelegationLink link_;
};
INSTANTIATE_TEST_SUITE_P(Stores, Chain, kBackends, name_of);

TEST_P(Chain, EachHopGoesInFront) {
  Answer answer = second_exchanges(token_for_second());
  ASSERT_EQ(answer.outcome(), "ok");
  auto claims = peek(answer.text("access_token"))->claims;
  EXPECT_EQ(claims.at("sub"), "00uAlice");
  EXPECT_EQ(claims.at("act"),
            (object{{"sub", kSecond},
                    {"sub_profile", "ai_agent"},
                    {"act", object{{"sub", kAgent}, {"sub_profile", "ai_agent web_app"}}}}));
  Answer redeemed = post(custom_path(custom_as_, "token"), redeem_fields(answer.text("access_token")), {},
                         nullptr, std::string(kSecond));
  ASSERT_EQ(redeemed.outcome(), "ok");
  EXPECT_EQ(peek(redeemed.text("access_token"))->claims.at("act"), claims.at("act"));
}

TEST_P(Chain, IsFiveLongAndNoLonger) {
  EXPECT_EQ(second_exchanges(token_for_second({{"act", actors(4)}})).outcome(), "ok");
  EXPECT_EQ(second_exchanges(token_for_second({{"act", actors(5)}})).outcome(),
            "invalid_request: The 'subject_token' 'act' claim contains too many nested actors.");
  EXPECT_EQ(second_exchanges(token_for_second({{"act", object{{"sub", "a"}, {"act", "b"}}}})).outcome(),
            "invalid_request: The 'subject_token' 'act' claim is malformed.");
}

TEST_P(Chain, NeedsTheLinkTheAudienceAndTheClient) {
  const std::string start = "invalid_request: 'subject_token' is invalid";
  const std::string token = token_for_second();
  EXPECT_EQ(second_exchanges(token_for_second({{"aud", std::string(kResource)}})).outcome(), start + ".");
  set_status(Kind::workload_principal, kAgent, "INACTIVE");
  EXPECT_EQ(second_exchanges(token).outcome(),
            start + ": the client application referenced in the token is not active.");
  set_status(Kind::workload_principal, kAgent, "ACTIVE");
  in_transaction([&](Transaction& tx) { return tx.remove(Kind::delegation_link, link_.id); });
  const std::string no_link = start + ": no delegation policy authorizes this token.";
  EXPECT_EQ(second_exchanges(token).outcome(), no_link);
  link_.id_token = true;
  insert(to_row(link_));
  EXPECT_EQ(second_exchanges(token).outcome(), no_link) << "a link for ID tokens";
  set_status(Kind::custom_as, custom_as_, "INACTIVE");
  EXPECT_EQ(second_exchanges(token).outcome(),
            start + ": the authorization server that issued it is not valid.");
}

TEST_P(Chain, AMachineMayStartOne) {
  add_client("0oaService");
  link_.id = "dlkLink0000000000002";
  link_.client = "0oaService";
  link_.client_orn = "orn:okta:idp:00oTestOrg0000000000:apps:oidc_client:0oaService";
  insert(to_row(link_));
  net::Query fields{
      {"grant_type", "client_credentials"}, {"scope", "tools:read"}, {"resource", std::string(kSecondUrl)}};
  Answer own = post(custom_path(custom_as_, "token"), fields, {}, nullptr, "0oaService");
  ASSERT_EQ(own.outcome(), "ok");
  auto claims = peek(own.text("access_token"))->claims;
  EXPECT_EQ(claims.at("aud"), json(kSecondUrl));
  EXPECT_EQ(claims.at("sub"), "0oaService");
  EXPECT_FALSE(claims.contains("uid"));
  Answer answer = second_exchanges(own.text("access_token"));
  ASSERT_EQ(answer.outcome(), "ok");
  auto jag = peek(answer.text("access_token"))->claims;
  EXPECT_EQ(jag.at("sub"), "0oaService");
  EXPECT_EQ(jag.at("sub_profile"), "service");
  EXPECT_EQ(post(custom_path(custom_as_, "token"), redeem_fields(answer.text("access_token")), {}, nullptr,
                 std::string(kSecond))
                .outcome(),
            "invalid_grant: The 'sub' claim in the id-jag is invalid.")
      << "Okta's do not give machines access that way";
  EXPECT_EQ(post(custom_path(custom_as_, "token"), changed(fields, {{"resource", std::string(kResource)}}),
                 {}, nullptr, "0oaService")
                .outcome(),
            "invalid_target: The authorization server has rejected the 'resource' parameter: "
            "https://mcp.example/mcp");
}

}  // namespace
}  // namespace registry::test
