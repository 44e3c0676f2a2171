#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "registry/server_test_kit.h"

namespace registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kProfile = "urn:ietf:params:oauth:grant-profile:id-jag";

class AuthServerRoutesTest : public test::ServersTest {
 protected:
  static std::string list_path(const std::string& server) {
    return path_of(server) + "/authorization-servers";
  }
  // The id of an external one, as it was linked.
  std::string link_external(const std::string& server, const std::string& members = "") {
    const auto linked =
        post(list_path(server), R"({"type":"EXTERNAL","issuer":"https://as.example.com")" + members + "}");
    EXPECT_EQ(linked.status, 202) << linked.outcome() << " " << linked.cause();
    for (const auto& id : get(list_path(server)).ids())
      if (id.starts_with("eas")) return id;
    ADD_FAILURE() << "not linked";
    return {};
  }
  // Whether the readiness checks were asked for, and by which operation.
  std::vector<std::string> validations(const std::string& server) {
    std::vector<std::string> found;
    for (;;) {
      const auto work = store().claim("node", std::chrono::seconds{60});
      if (!work || !*work) return found;
      if ((*work)->kind == "validate" && (*work)->subject == server) found.push_back((*work)->id);
    }
  }
};

TEST_P(AuthServerRoutesTest, ACustomOneGivesXaaWithNoFurtherCall) {
  const std::string server = register_server();
  const std::string as = link_custom_as(server);
  const auto shown = get(as_path(server, as));
  EXPECT_EQ(shown.text("type"), "OKTA");
  EXPECT_EQ(shown.text("orn"), service_.names.custom_as(as));
  EXPECT_EQ(shown.text("issuer"), "https://org.example/oauth2/" + as);
  EXPECT_EQ(shown.text("status"), "ACTIVE");
  EXPECT_EQ(shown.text("connectivity"), "VERIFIED");
  EXPECT_TRUE(shown.flag("capabilities.xaa"));
  EXPECT_FALSE(shown.flag("capabilities.sts"));
  EXPECT_TRUE(shown.flag("connectable"));
  const auto of_server = get(path_of(server));
  EXPECT_THAT(of_server.texts("capabilities.xaa"), ElementsAre(as));
  EXPECT_TRUE(of_server.flag("connectable"));
  EXPECT_EQ(of_server.text("connectableReason"), "XAA by " + as);
  EXPECT_THAT(events_about(as),
              ElementsAre("mcp_server.auth_server.create", "mcp_server.auth_server.update"));

  // The same one twice.
  const auto again =
      post(list_path(server), fmt::format(R"({{"type":"OKTA","orn":"{}"}})", service_.names.custom_as(as)));
  EXPECT_EQ(again.outcome(), "409 UNIQUE_CONSTRAINT orn");
  // Of two servers.
  const std::string other = register_server("https://other.example/");
  EXPECT_EQ(
      post(list_path(other), fmt::format(R"({{"type":"OKTA","orn":"{}"}})", service_.names.custom_as(as)))
          .status,
      202);
}

TEST_P(AuthServerRoutesTest, ACustomOneThatIsNotReadyStaysPending) {
  const std::string server = register_server();
  const std::string as = make_custom_as("INACTIVE");
  ASSERT_EQ(
      post(list_path(server), fmt::format(R"({{"type":"OKTA","orn":"{}"}})", service_.names.custom_as(as)))
          .status,
      202);
  EXPECT_EQ(get(as_path(server, as)).text("status"), "PENDING");
  EXPECT_THAT(get(path_of(server)).texts("missing"), ElementsAre(HasSubstr(as + " is INACTIVE")));
}

TEST_P(AuthServerRoutesTest, LinksAreChecked) {
  const std::string server = register_server();
  struct Case {
    std::string body;
    std::string outcome;
  };
  const std::vector<Case> cases{
      {"{}", "400 REQUIRED_PROPERTY type"},
      {R"({"type":"okta"})", "400 INVALID_FORMAT type"},
      {R"({"type":"OKTA"})", "400 REQUIRED_PROPERTY orn"},
      {R"({"type":"OKTA","orn":"orn:okta:idp:00oTestOrg0000000000:connections:mcn1"})",
       "400 INVALID_FORMAT orn"},
      {R"({"type":"OKTA","orn":"orn:okta:idp:00oAnotherOrg0000000:authorization_servers:aus1"})",
       "400 INVALID_FORMAT orn"},
      {R"({"type":"OKTA","orn":"orn:okta:idp:00oTestOrg0000000000:authorization_servers:ausNone"})",
       "400 INVALID_FORMAT orn"},
      {R"({"type":"OKTA","orn":"x","issuer":"https://a.example"})", "400 UNKNOWN_PROPERTY issuer"},
      {R"({"type":"EXTERNAL"})", "400 REQUIRED_PROPERTY issuer"},
      {R"({"type":"EXTERNAL","issuer":"http://a.example"})", "400 INVALID_FORMAT issuer"},
      {R"({"type":"EXTERNAL","issuer":"https://a.example?x=1"})", "400 INVALID_FORMAT issuer"},
      {R"({"type":"EXTERNAL","issuer":"https://a.example#x"})", "400 INVALID_FORMAT issuer"},
      {R"({"type":"EXTERNAL","issuer":"https://a.example","orn":"x"})", "400 UNKNOWN_PROPERTY orn"},
      {R"({"type":"EXTERNAL","issuer":"https://a.example","tokenEndpoint":"http://a.example/t"})",
       "400 INVALID_FORMAT tokenEndpoint"},
      {R"({"type":"EXTERNAL","issuer":"https://a.example","grantTypes":"authorization_code"})",
       "400 INVALID_FORMAT grantTypes"},
      {R"({"type":"EXTERNAL","issuer":"https://a.example","xaaEnabled":"yes"})",
       "400 INVALID_FORMAT xaaEnabled"},
  };
  for (const auto& each : cases)
    EXPECT_EQ(post(list_path(server), each.body).outcome(), each.outcome) << each.body;
  EXPECT_THAT(get(list_path(server)).ids(), IsEmpty());
  EXPECT_EQ(get(path_of(server)).text("status"), "PENDING");
}

TEST_P(AuthServerRoutesTest, AnExternalOneListsWhatIsMissingUntilTheLastItemIsSupplied) {
  const std::string server = register_server();
  const std::string as = link_external(server);
  const auto missing = [&] { return get(as_path(server, as)).texts("missing"); };
  const auto at_server = [&] {
    EXPECT_TRUE(move(server, ServerEvent::validated));
    return get(path_of(server)).text("status");
  };
  EXPECT_THAT(missing(), ElementsAre("the authorization endpoint", "the token endpoint",
                                     "the grant type authorization_code",
                                     "a client registration (client-auth-settings)"));
  EXPECT_THAT(get(path_of(server)).texts("missing"),
              testing::Contains("https://as.example.com: the token endpoint"));
  EXPECT_EQ(at_server(), "PENDING");
  ASSERT_EQ(patch(as_path(server, as), R"({"authorizationEndpoint":"https://as.example.com/a"})").status,
            200);
  ASSERT_EQ(patch(as_path(server, as), R"({"tokenEndpoint":"https://as.example.com/t"})").status, 200);
  ASSERT_EQ(patch(as_path(server, as), R"({"grantTypes":["authorization_code","refresh_token"]})").status,
            200);
  EXPECT_THAT(missing(), ElementsAre("a client registration (client-auth-settings)"));
  EXPECT_EQ(at_server(), "PENDING");
  validations(server);
  const auto settings =
      post(test::kSettings, fmt::format(R"({{"name":"c","authorizationServerId":"{}","clientId":"x"}})", as));
  ASSERT_EQ(settings.status, 201);
  EXPECT_THAT(missing(), IsEmpty());
  EXPECT_THAT(validations(server), ElementsAre("validate/" + server));
  EXPECT_EQ(at_server(), "INACTIVE");
  EXPECT_TRUE(get(as_path(server, as)).flag("capabilities.sts"));

  // Removing the registration removes STS, and leaves the state alone.
  ASSERT_TRUE(move_as(server, as, AuthServerEvent::verified));
  ASSERT_EQ(post(as_path(server, as) + "/lifecycle/activate").status, 202);
  EXPECT_THAT(get(path_of(server)).texts("capabilities.sts"), ElementsAre(as));
  ASSERT_EQ(remove(fmt::format("{}/{}", test::kSettings, settings.text("id"))).status, 204);
  const auto after = get(path_of(server));
  EXPECT_EQ(after.text("status"), "INACTIVE");
  EXPECT_FALSE(after.flag("connectable"));
  EXPECT_THAT(after.texts("missing"), IsEmpty());
  EXPECT_FALSE(get(as_path(server, as)).flag("capabilities.sts"));
}

TEST_P(AuthServerRoutesTest, XaaOfAnExternalOneIsOffUntilItIsSet) {
  const std::string server = register_server();
  const std::string as =
      link_external(server, fmt::format(R"(,"tokenEndpoint":"https://as.example.com/t","grantTypes":["{}"],)"
                                        R"("authorizationGrantProfilesSupported":["{}"])",
                                        test::kJwtBearerGrant, kProfile));
  auto shown = get(as_path(server, as));
  EXPECT_FALSE(shown.flag("capabilities.xaa"));
  EXPECT_FALSE(shown.flag("externalXaa.enabled"));
  EXPECT_THAT(shown.text("externalXaa.reason"), HasSubstr("off until xaaEnabled is set"));
  shown = patch(as_path(server, as), R"({"xaaEnabled":true})");
  EXPECT_TRUE(shown.flag("capabilities.xaa"));
  EXPECT_TRUE(shown.flag("externalXaa.enabled"));
  EXPECT_TRUE(shown.flag("externalXaa.supported"));
  EXPECT_FALSE(shown.flag("capabilities.sts"));
  shown = patch(as_path(server, as), R"({"authorizationGrantProfilesSupported":null})");
  EXPECT_FALSE(shown.flag("capabilities.xaa"));
  EXPECT_TRUE(shown.flag("externalXaa.enabled"));
  EXPECT_THAT(shown.text("externalXaa.reason"), HasSubstr("authorization_grant_profiles_supported"));
}

TEST_P(AuthServerRoutesTest, IssuerAndTypeNeverChange) {
  const std::string server = register_server();
  const std::string external = link_external(server);
  const std::string custom = link_custom_as(server);
  for (const std::string& as : {external, custom})
    for (const std::string member : {"issuer", "type", "status", "connectivity", "origin", "capabilities"})
      EXPECT_EQ(patch(as_path(server, as), fmt::format(R"({{"{}":"x"}})", member)).outcome(),
                "400 IMMUTABLE_PROPERTY " + member);
  EXPECT_EQ(patch(as_path(server, custom), R"({"tokenEndpoint":"https://x.example/"})").outcome(),
            "400 IMMUTABLE_PROPERTY tokenEndpoint");
  EXPECT_EQ(patch(as_path(server, external), R"({"colour":"red"})").outcome(), "400 UNKNOWN_PROPERTY colour");
  EXPECT_EQ(patch(as_path(server, external), R"({"jwksUri":"http://x.example/"})").outcome(),
            "400 INVALID_FORMAT jwksUri");
}

TEST_P(AuthServerRoutesTest, AnotherEndpointHasToBeVerifiedAgain) {
  const std::string server = register_server();
  const std::string as = link_external(server, R"(,"tokenEndpoint":"https://as.example.com/t")");
  ASSERT_TRUE(move_as(server, as, AuthServerEvent::verified));
  EXPECT_EQ(get(as_path(server, as)).text("connectivity"), "VERIFIED");
  EXPECT_EQ(patch(as_path(server, as), R"({"scopesSupported":["a"]})").text("connectivity"), "VERIFIED");
  const std::string tag(get(as_path(server, as)).headers.get("etag"));
  EXPECT_EQ(
      patch(as_path(server, as), R"({"tokenEndpoint":"https://as.example.com/u"})").text("connectivity"),
      "UNVERIFIED");
  net::Headers headers;
  headers.add("If-Match", tag);
  EXPECT_EQ(patch(as_path(server, as), R"({"jwksUri":null})", headers).status, 412);
  EXPECT_EQ(remove(as_path(server, as), headers).status, 412);
}

TEST_P(AuthServerRoutesTest, ActivationWantsVerifiedConnectivityAndAnAbility) {
  const std::string server = register_server();
  const std::string as = link_external(
      server,
      R"(,"authorizationEndpoint":"https://a.example/a","tokenEndpoint":"https://a.example/t","grantTypes":["authorization_code"])");
  const std::string activate = as_path(server, as) + "/lifecycle/activate";
  EXPECT_EQ(post(activate).outcome(), "409 INVALID_STATE_TRANSITION status");
  ASSERT_TRUE(move_as(server, as, AuthServerEvent::verified));
  auto refused = post(activate);
  EXPECT_EQ(refused.outcome(), "409 NOT_CONNECTABLE capabilities");
  EXPECT_THAT(refused.cause(), HasSubstr("a client registration"));
  ASSERT_EQ(
      post(test::kSettings, fmt::format(R"({{"name":"c","authorizationServerId":"{}","clientId":"x"}})", as))
          .status,
      201);
  ASSERT_EQ(patch(as_path(server, as), R"({"tokenEndpoint":"https://a.example/u"})").status, 200);
  EXPECT_EQ(post(activate).outcome(), "409 NOT_CONNECTABLE connectivity");
  ASSERT_TRUE(move_as(server, as, AuthServerEvent::verified));
  const auto done = follow(post(activate));
  EXPECT_EQ(done.text("type"), "auth-server:Activate");
  EXPECT_EQ(done.text("status"), "COMPLETED");
  EXPECT_EQ(done.text("resource.status"), "ACTIVE");
  const auto again = post(activate);
  EXPECT_EQ(again.outcome(), "409 INVALID_STATE_TRANSITION status");
  EXPECT_THAT(again.cause(), HasSubstr("Allowed in ACTIVE: deactivate, delete."));
}

TEST_P(AuthServerRoutesTest, WhatIsUsedIsNotUnlinked) {
  const std::string server = register_server();
  const std::string custom = link_custom_as(server);
  const std::string external = link_external(server);
  const std::string settings =
      post(test::kSettings,
           fmt::format(R"({{"name":"c","authorizationServerId":"{}","clientId":"x"}})", external))
          .text("id");
  // The same custom server with another MCP server is nobody's business here.
  connect({"emsOther", custom});
  const std::string by_xaa = connect({server, custom});
  const std::string by_sts = connect({settings});
  EXPECT_EQ(remove(as_path(server, custom)).outcome(), "409 RESOURCE_IN_USE id");
  EXPECT_EQ(remove(as_path(server, external)).outcome(), "409 RESOURCE_IN_USE id");
  EXPECT_EQ(get(as_path(server, external)).status, 200);
  run([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(tx.remove(Kind::connection, by_xaa));
    return tx.remove(Kind::connection, by_sts);
  });
  EXPECT_EQ(follow(remove(as_path(server, custom))).text("resource.status"), "DELETED");
  EXPECT_EQ(remove(as_path(server, external)).status, 202);
  EXPECT_THAT(get(list_path(server)).ids(), IsEmpty());
  EXPECT_EQ(get(fmt::format("{}/{}", test::kSettings, settings)).status, 404);
  EXPECT_EQ(remove(as_path(server, external)).outcome(), "404 NOT_FOUND");
}

TEST_P(AuthServerRoutesTest, WhatMetadataListsIsDeactivatedInstead) {
  const std::string server = register_server();
  McpAuthServer found{.server = server, .id = "easFound", .issuer = "https://found.example"};
  run([&](Transaction& tx) {
    Row row = to_row(found);
    row.version = 0;
    return tx.insert(row);
  });
  EXPECT_EQ(remove(as_path(server, "easFound")).outcome(), "409 DELETE_NOT_ALLOWED origin");
  EXPECT_EQ(get(as_path(server, "easFound")).text("_links.delete.href"), "");
  ASSERT_TRUE(move_as(server, "easFound", AuthServerEvent::verification_failed, "no longer listed"));
  EXPECT_NE(get(as_path(server, "easFound")).text("_links.delete.href"), "");
  EXPECT_EQ(remove(as_path(server, "easFound")).status, 202);
}

TEST_P(AuthServerRoutesTest, ListsAndFilters) {
  const std::string server = register_server();
  const std::string external = link_external(server);
  const std::string custom = link_custom_as(server);
  const auto filter = [&](std::string_view text) {
    return get(list_path(server) + "?" + net::encode_query({{"filter", std::string(text)}}));
  };
  EXPECT_THAT(filter(R"(status eq "ACTIVE")").ids(), ElementsAre(custom));
  EXPECT_THAT(filter(R"(status eq "PENDING")").ids(), ElementsAre(external));
  EXPECT_THAT(filter(R"(status eq "INVALID")").ids(), IsEmpty());
  for (const std::string wrong : {R"(issuer eq "x")", R"(status sw "A")", R"(type eq "OKTA")", "x"}) {
    EXPECT_EQ(filter(wrong).outcome(), "400 INVALID_FILTER") << wrong;
    EXPECT_THAT(filter(wrong).cause(), HasSubstr("Allowed: status eq."));
  }
  EXPECT_EQ(get(list_path(server) + "?limit=1").ids().size(), 1u);
  const std::string next = get(list_path(server) + "?limit=1").text("_links.next.href");
  ASSERT_FALSE(next.empty());
  const auto second = get(next.substr(std::string("https://org.example").size()));
  EXPECT_EQ(second.ids().size(), 1u);
  EXPECT_EQ(second.text("_links.next.href"), "");
  EXPECT_EQ(get(list_path("emsNone")).outcome(), "404 NOT_FOUND");
}

INSTANTIATE_TEST_SUITE_P(Stores, AuthServerRoutesTest, test::kBackends, test::name_of);

}  // namespace
}  // namespace registry
