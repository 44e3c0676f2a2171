// Whose token is exchanged at the org's token endpoint for one of an external authorization server's: a
// person's, that was issued to the agent itself or came to it under a delegation link; never a machine's.
#include <gtest/gtest.h>
#include <string>
#include <string_view>

#include "registry/sts.h"
#include "registry/test_token_org.h"

namespace registry::test {
namespace {

class StsSubject : public TokenOrg {
 protected:
  static constexpr std::string_view kIndicator = "urn:example:crm";
  static constexpr std::string_view kService = "0oaService";

  // The agent, and a service app, may hand their access tokens to a second agent, which is connected to an
  // external authorization server.
  void SetUp() override {
    TokenOrg::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    add_second_agent();
    add_client(std::string(kService));
    add_link("dlkLink0000000000001", service_.names.ai_agent(kAgent), kAgent);
    add_link("dlkLink0000000000002", "orn:okta:idp:00oTestOrg0000000000:apps:oidc_client:0oaService",
             kService);
    insert(to_row(McpServer{
        .id = "emsCrm00000000000000", .resource_url = "https://crm.example/mcp", .status = Status::active}));
    insert(to_row(McpAuthServer{.server = "emsCrm00000000000000",
                                .id = "easExternal000000000",
                                .issuer = "https://as.example",
                                .status = Status::active,
                                .connectivity = Connectivity::verified,
                                .authorization_endpoint = "https://as.example/authorize",
                                .token_endpoint = "https://as.example/token",
                                .grant_types = {"authorization_code"}}));
    insert(to_row(ClientAuthSettings{.id = "rscSettings000000000",
                                     .name = "main",
                                     .server = "emsCrm00000000000000",
                                     .auth_server = "easExternal000000000",
                                     .issuer = "https://as.example",
                                     .client_id = "client-1",
                                     .auth_method = "none"}));
    for (const std::string_view owner : {kAgent, kSecond})
      add_connection({.id = "mcnSts" + std::string(owner.substr(6)),
                      .owner = std::string(owner),
                      .type = ConnectionType::sts_access_token,
                      .server = "emsCrm00000000000000",
                      .settings = "rscSettings000000000",
                      .resource_indicator = std::string(kIndicator)});
  }
  void add_link(std::string id, std::string orn, std::string_view client) {
    insert(to_row(DelegationLink{.id = std::move(id),
                                 .client_orn = std::move(orn),
                                 .client = std::string(client),
                                 .resource_orn = service_.names.ai_agent(kSecond),
                                 .principal = std::string(kSecond),
                                 .custom_as = custom_as_}));
  }
  Answer sts(std::string_view agent, const std::string& subject, std::string_view type) {
    return post("/oauth2/v1/token",
                exchange_fields({{"requested_token_type", std::string(kOAuthSts)},
                                 {"resource", std::string(kIndicator)},
                                 {"audience", ""},
                                 {"scope", ""},
                                 {"subject_token", subject},
                                 {"subject_token_type", std::string(type)}}),
                {}, nullptr, std::string(agent));
  }
};

INSTANTIATE_TEST_SUITE_P(Stores, StsSubject, kBackends, name_of);

TEST_P(StsSubject, APersonsIdTokenOrAccessToken) {
  EXPECT_EQ(sts(kAgent, id_token(), authserver::kIdTokenType).text("error"), "interaction_required");
  const std::string jag = id_jag({{"resource", std::string(kSecondUrl)}});
  const Answer handed = redeem(jag, {{"resource", std::string(kSecondUrl)}});
  ASSERT_EQ(handed.outcome(), "ok");
  const std::string access = handed.text("access_token");
  EXPECT_EQ(sts(kSecond, access, authserver::kAccessTokenTokenType).text("error"), "interaction_required");
  // The same person; each agent has a question of its own for them.
  EXPECT_EQ(store().list({.kind = Kind::interaction, .refers_to = "00uAlice"})->size(), 2u);
  EXPECT_EQ(sts(kAgent, access, authserver::kAccessTokenTokenType).text("error"), "invalid_request")
      << "it was not handed to this one";
}

TEST_P(StsSubject, NeverAMachines) {
  const Answer own = post(
      custom_path(custom_as_, "token"),
      {{"grant_type", "client_credentials"}, {"scope", "tools:read"}, {"resource", std::string(kSecondUrl)}},
      {}, nullptr, std::string(kService));
  ASSERT_EQ(own.outcome(), "ok");
  for (const std::string_view type : {kOAuthSts, kVaultedSecret, kServiceAccount}) {
    Answer refused =
        post("/oauth2/v1/token",
             exchange_fields({{"requested_token_type", std::string(type)},
                              {"resource", std::string(kIndicator)},
                              {"audience", ""},
                              {"scope", ""},
                              {"subject_token", own.text("access_token")},
                              {"subject_token_type", std::string(authserver::kAccessTokenTokenType)}}),
             {}, nullptr, std::string(kSecond));
    EXPECT_EQ(refused.outcome(),
              "invalid_request: The subject token must represent an end user for OAuth STS token exchange.")
        << type;
  }
  EXPECT_TRUE(store().list({.kind = Kind::interaction})->empty());
}

}  // namespace
}  // namespace registry::test
