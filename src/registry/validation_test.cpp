// Validation from the request to the stored outcome, on both stores. The outside is a fake; over sockets it
// is looked at in discovery_test.cpp and net/guarded_test.cpp.
#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "registry/test_validation.h"
#include "registry/transitions.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using std::chrono::seconds;
using test::kIssuer;
using test::kIssuerDocument;
using test::kResource;
using test::kResourceDocument;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ValidationTest : public test::ValidationTest {};
INSTANTIATE_TEST_SUITE_P(Stores, ValidationTest, test::kBackends, test::name_of);

TEST_P(ValidationTest, RegistrationWaitsForTheClientRegistration) {
  world_.issuer["authorization_response_iss_parameter_supported"] = true;
  const auto id = add_server();
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_THAT(server().missing, ElementsAre(HasSubstr("a client registration")));
  ASSERT_EQ(auth_servers().size(), 1u);
  const McpAuthServer as = auth_servers()[0];
  EXPECT_THAT(as.id, testing::StartsWith("eas"));
  EXPECT_EQ(as.issuer, kIssuer);
  EXPECT_EQ(to_string(as.status), "ACTIVE");
  EXPECT_EQ(to_string(as.connectivity), "VERIFIED");
  EXPECT_EQ(as.token_endpoint, "https://idp.example.com/token");
  EXPECT_TRUE(as.iss_in_response);
  EXPECT_THAT(as.grant_types, ElementsAre("authorization_code", "refresh_token"));
  EXPECT_EQ(server().detected->resource_name, "Example");
  EXPECT_EQ(to_string(operation(id).status), "COMPLETED");
  EXPECT_EQ(operation(id).resource->status, "PENDING");
  EXPECT_THAT(check("R20"), HasSubstr("FAIL no client registration"));
  EXPECT_EQ(report().at("ready"), true);
  EXPECT_EQ(report().at("connectable"), false);

  register_client(as.id);
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INACTIVE");
  EXPECT_THAT(server().missing, IsEmpty());
  EXPECT_EQ(report().at("connectable"), true);
  EXPECT_EQ(auth_servers()[0].id, as.id);
}

TEST_P(ValidationTest, Activation) {
  make_active();
  EXPECT_THAT(events("resource_servers.mcp_server."), testing::Contains("activate"));
  // Again: it is what was asked for.
  const auto id = start("mcp-server:Activate", "activate");
  run();
  EXPECT_EQ(to_string(operation(id).status), "COMPLETED");
}

TEST_P(ValidationTest, ActivationOfWhatIsNotConnectable) {
  make_inactive();
  in_transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto rows, tx.list({.kind = Kind::client_auth_settings}));
    for (const Row& row : rows) RETURN_IF_ERROR(tx.remove(row.kind, row.id));
    return {};
  });
  const auto id = start("mcp-server:Activate", "activate");
  run();
  EXPECT_EQ(status(), "INACTIVE");
  EXPECT_EQ(to_string(operation(id).status), "FAILED");
  EXPECT_EQ(operation(id).error->code, "NOT_CONNECTABLE");
}

TEST_P(ValidationTest, ActivationThatFindsItBroken) {
  make_inactive();
  world_.resource["authorization_servers"] = Array{};
  const auto id = start("mcp-server:Activate", "activate");
  run();
  EXPECT_EQ(status(), "INVALID");
  EXPECT_EQ(operation(id).error->code, "VALIDATION_FAILED");
  EXPECT_EQ(operation(id).error->message, "No authorization servers found");
}

TEST_P(ValidationTest, TrailingSlashStrictly) {
  service_.settings.strict_resource = true;
  world_.resource["resource"] = std::string(kResource) + "/";
  add_server();
  run();
  EXPECT_EQ(status(), "INVALID");
}

TEST_P(ValidationTest, InvalidIsMendedAndBecomesInactive) {
  make_active();
  world_.resource["resource"] = "https://elsewhere.example/mcp";
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INVALID") << "at once: somebody else's metadata";
  world_.resource["resource"] = kResource;
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INACTIVE") << "never ACTIVE by itself";
  EXPECT_THAT(server().invalid_reasons, IsEmpty());
}

TEST_P(ValidationTest, AnActiveServerIsForgivenTwice) {
  make_active();
  world_.instead.emplace(kResource, test::Outside::failure("net.connect"));
  for (int failure = 1; failure <= 2; ++failure) {
    const auto id = start("mcp-server:Validate", "manual");
    run();
    EXPECT_EQ(status(), "ACTIVE") << failure;
    EXPECT_EQ(server().failures, failure);
    EXPECT_EQ(report().at("degraded"), true);
    EXPECT_EQ(to_string(operation(id).status), "FAILED");
  }
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INVALID");
}

TEST_P(ValidationTest, ASuccessInBetweenBeginsTheCountAnew) {
  make_active();
  for (int round = 0; round < 3; ++round) {
    world_.instead.emplace(kResource, test::Outside::failure("net.connect"));
    for (int failure = 0; failure < 2; ++failure) {
      start("mcp-server:Validate", "manual");
      run();
    }
    world_.instead.clear();
    start("mcp-server:Validate", "manual");
    run();
    EXPECT_EQ(status(), "ACTIVE");
    EXPECT_EQ(server().failures, 0);
  }
}

TEST_P(ValidationTest, TheScheduleAloneFindsIt) {
  make_active();
  world_.resource["resource"] = "https://elsewhere.example/mcp";
  EXPECT_EQ(run(), 0) << "nothing is due yet";
  run_for(seconds(1200), seconds(60));
  EXPECT_EQ(status(), "INVALID");
  world_.resource["resource"] = kResource;
  run_for(seconds(1200), seconds(60));
  EXPECT_EQ(status(), "INACTIVE");
}

TEST_P(ValidationTest, ACheckThatFindsNothingNewChangesNoVersion) {
  make_active();
  const auto version = server().version;
  const auto before = events().size();
  run_for(seconds(3600), seconds(300));
  EXPECT_EQ(server().version, version);
  EXPECT_EQ(events().size(), before);
  EXPECT_NE(report().at("checkedAt"), core::json::Value(core::to_rfc3339(core::FakeClock().now())));
}

TEST_P(ValidationTest, TransientTroubleOfANewServerIsTriedAgain) {
  world_.instead.emplace(kResource, test::Outside::failure("net.timeout"));
  const auto id = add_server();
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_EQ(to_string(operation(id).status), "IN_PROGRESS");
  EXPECT_EQ(run(), 0);
  world_.instead.clear();
  clock().advance(seconds(1));
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(to_string(operation(id).status), "COMPLETED");
}

TEST_P(ValidationTest, TransientTroubleWithoutAnEndIsAFailure) {
  world_.instead.emplace(kResource, test::Outside::failure("net.timeout"));
  const auto id = add_server();
  run();
  int waited = 0;
  for (; waited < 1000 && status() == "PENDING"; ++waited) {
    clock().advance(seconds(1));
    run();
  }
  EXPECT_EQ(status(), "INVALID");
  EXPECT_EQ(waited, 1 + 2 + 4 + 8 + 16 + 32 + 64);
  EXPECT_EQ(to_string(operation(id).status), "FAILED");
}

TEST_P(ValidationTest, NoMetadataOfTheAuthorizationServerYet) {
  world_.instead.emplace(kIssuerDocument, net::HttpResponse{.status = 404});
  add_server();
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_THAT(server().missing, testing::IsSupersetOf({"https://idp.example.com: the authorization endpoint",
                                                       "https://idp.example.com: the token endpoint"}));
  ASSERT_EQ(auth_servers().size(), 1u);
  McpAuthServer as = auth_servers()[0];
  EXPECT_EQ(to_string(as.status), "PENDING");
  // As GitHub: what is missing is entered by hand.
  as.authorization_endpoint = "https://idp.example.com/authorize";
  as.token_endpoint = "https://idp.example.com/token";
  as.grant_types = {"authorization_code"};
  in_transaction([&](Transaction& tx) -> core::Status {
    Row row = to_row(as);
    return tx.update(row);
  });
  register_client(as.id);
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INACTIVE");
  EXPECT_EQ(to_string(auth_servers()[0].status), "ACTIVE");
  EXPECT_THAT(check("R10"), HasSubstr("WARN"));
}

TEST_P(ValidationTest, OneOfOurOwnIsLinked) {
  in_transaction([&](Transaction& tx) -> core::Status {
    Row row{.kind = Kind::custom_as, .id = "aus1", .status = "ACTIVE", .name = "Tools"};
    return tx.insert(row);
  });
  world_.resource["authorization_servers"] = Array{"https://org.example/oauth2/aus1"};
  add_server();
  run();
  ASSERT_EQ(auth_servers().size(), 1u);
  EXPECT_TRUE(auth_servers()[0].okta);
  EXPECT_EQ(auth_servers()[0].id, "aus1");
  for (const auto& request : outside().requests())
    EXPECT_THAT(request.url, testing::Not(HasSubstr("org.example"))) << "we do not ask ourselves";
}

TEST_P(ValidationTest, ManualServersNeedNoMetadata) {
  world_.instead.emplace(kResourceDocument, net::HttpResponse{.status = 404});
  add_server(true);
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_THAT(server().missing, ElementsAre("an authorization server"));
  EXPECT_THAT(auth_servers(), IsEmpty());
}

TEST_P(ValidationTest, DriftIsShownAndLogged) {
  make_active();
  EXPECT_FALSE(report().contains("drift"));
  world_.issuer["token_endpoint"] = "https://idp.example.com/token2";
  world_.resource["scopes_supported"] = Array{"read"};
  run_for(seconds(700), seconds(100));
  const std::string drift = core::json::write(report().at("drift"));
  EXPECT_THAT(drift, HasSubstr("resource.scopes_supported"));
  EXPECT_THAT(drift,
              HasSubstr(R"("from":"https://idp.example.com/token","to":"https://idp.example.com/token2")"));
  EXPECT_EQ(auth_servers()[0].token_endpoint, "https://idp.example.com/token2");
  EXPECT_THAT(server().detected->scopes_supported, ElementsAre("read"));
  EXPECT_EQ(status(), "ACTIVE");
  const auto found = store().events({.type_prefix = "resource_servers.mcp_server.update", .limit = 1000});
  ASSERT_TRUE(found && !found->empty());
  EXPECT_THAT(core::json::write(found->back().debug), HasSubstr("mcp_server_detected_metadata"));
  // It is still there after a check that finds no further one, or nothing at all.
  run_for(seconds(700), seconds(100));
  EXPECT_EQ(core::json::write(report().at("drift")), drift);
  world_.instead.emplace(kResource, test::Outside::failure("net.connect"));
  run_for(seconds(300), seconds(60));
  EXPECT_EQ(core::json::write(report().at("drift")), drift);
}

TEST_P(ValidationTest, ToolsOfAnOpenServer) {
  world_.protects = false;
  add_server();
  run();
  EXPECT_THAT(check("R05"), HasSubstr("WARN the server answers without an access token"));
  EXPECT_THAT(check("R24"), HasSubstr("PASS"));
  const auto tools = store().list({.kind = Kind::tool, .parent = id_});
  ASSERT_TRUE(tools);
  ASSERT_EQ(tools->size(), 1u);
  EXPECT_EQ((*tools)[0].name, "echo");
  EXPECT_EQ((*tools)[0].body.at("description"), "Says it again.");
  EXPECT_EQ(events("resource_servers.mcp_server.capability.").size(), 1u);

  const std::string kept = (*tools)[0].id;
  world_.tools.push_back(Object{{"name", "add"}, {"inputSchema", Object{{"type", "object"}}}});
  start("mcp-server:Validate", "manual");
  run();
  const auto more = store().list({.kind = Kind::tool, .parent = id_});
  ASSERT_EQ(more->size(), 2u);
  EXPECT_TRUE(std::ranges::any_of(*more, [&](const Row& row) { return row.id == kept; }));
  world_.tools.erase(world_.tools.begin());
  start("mcp-server:Validate", "manual");
  run();
  const auto fewer = store().list({.kind = Kind::tool, .parent = id_});
  ASSERT_EQ(fewer->size(), 1u);
  EXPECT_EQ((*fewer)[0].name, "add");
  EXPECT_EQ(events("resource_servers.mcp_server.capability.").size(), 3u);
}

}  // namespace
}  // namespace registry
