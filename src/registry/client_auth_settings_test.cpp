#include "registry/client_auth_settings.h"

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
using testing::Not;

class ClientAuthSettingsTest : public test::ServersTest {
 protected:
  // A server with one external authorization server.
  void make() {
    server_ = register_server();
    const auto linked = post(
        path_of(server_) + "/authorization-servers",
        R"({"type":"EXTERNAL","issuer":"https://as.example.com","authorizationEndpoint":"https://as.example.com/a",)"
        R"("tokenEndpoint":"https://as.example.com/t","grantTypes":["authorization_code"]})");
    ASSERT_EQ(linked.status, 202) << linked.cause();
    as_ = get(path_of(server_) + "/authorization-servers").ids().at(0);
  }
  test::ApiAnswer create(const std::string& members) {
    return post(test::kSettings, R"({"name":"main","authorizationServerId":")" + as_ + "\"," + members + "}");
  }
  static std::string path_of_settings(std::string_view id) {
    return fmt::format("{}/{}", test::kSettings, id);
  }
  bool sts() { return get(as_path(server_, as_)).flag("capabilities.sts"); }

  std::string server_, as_;
};

TEST_P(ClientAuthSettingsTest, OneRegistrationGivesClientCredentialsAndTrust) {
  make();
  EXPECT_FALSE(sts());
  const auto created =
      create(R"("clientId":"abc","clientSecret":"hunter2-hunter2","scopes":["repo","user"],"purpose":"STS")");
  ASSERT_EQ(created.status, 201) << created.cause();
  const std::string id = created.text("id");
  EXPECT_TRUE(id.starts_with("rsc"));
  EXPECT_EQ(created.headers.get("location"), "https://org.example" + path_of_settings(id));
  const auto shown = get(path_of_settings(id));
  EXPECT_EQ(shown.body, created.body);
  EXPECT_EQ(shown.text("orn"), service_.names.client_auth_settings(id));
  EXPECT_EQ(shown.text("clientId"), "abc");
  EXPECT_EQ(shown.text("clientSecret"), "********");
  EXPECT_EQ(shown.text("registrationType"), "MANUAL");
  EXPECT_EQ(shown.text("tokenEndpointAuthMethod"), "client_secret_basic");
  EXPECT_THAT(shown.texts("scopes"), ElementsAre("repo", "user"));
  EXPECT_EQ(shown.text("oauthClient.clientId"), "abc");
  EXPECT_THAT(shown.texts("oauthClient.redirectUris"),
              ElementsAre("https://org.example/oauth2/v1/sts/callback"));
  EXPECT_EQ(shown.text("credentials.type"), "client_secret");
  EXPECT_EQ(shown.text("credentials.clientSecret"), "********");
  EXPECT_EQ(shown.text("trust.issuer"), "https://as.example.com");
  EXPECT_TRUE(sts());

  // Sealed where it lies, for these settings only.
  const auto row = store().get(Kind::client_auth_settings, id);
  ASSERT_TRUE(row && *row);
  EXPECT_THAT(core::json::write((*row)->body), Not(HasSubstr("hunter2")));
  const auto settings = read_client_auth_settings(**row);
  ASSERT_TRUE(settings);
  EXPECT_EQ(open_secret(service_, *settings)->reveal(), "hunter2-hunter2");
  ClientAuthSettings other = *settings;
  other.id = "rscOther";
  EXPECT_FALSE(open_secret(service_, other));

  EXPECT_EQ(remove(path_of_settings(id)).status, 204);
  EXPECT_FALSE(sts());
  EXPECT_EQ(get(path_of_settings(id)).outcome(), "404 NOT_FOUND");
  EXPECT_THAT(events_about(id),
              ElementsAre("client_authentication_settings.create", "client_authentication_settings.delete"));
}

TEST_P(ClientAuthSettingsTest, RefusesBadBodies) {
  make();
  const std::string custom = link_custom_as(server_);
  struct Case {
    std::string body;
    std::string outcome;
  };
  const std::string to = R"("name":"n","authorizationServerId":")" + as_ + "\"";
  const std::vector<Case> cases{
      {"{}", "400 REQUIRED_PROPERTY name"},
      {R"({"name":""})", "400 INVALID_FORMAT name"},
      {R"({"name":"n","clientId":"x"})", "400 REQUIRED_PROPERTY authorizationServerId"},
      {R"({"name":"n","clientId":"x","authorizationServerId":"easNone"})",
       "400 INVALID_FORMAT authorizationServerId"},
      {R"({"name":"n","clientId":"x","issuer":"https://as.example.com/"})", "400 INVALID_FORMAT issuer"},
      {R"({"name":"n","clientId":"x","authorizationServerId":")" + custom + "\"}",
       "400 INVALID_FORMAT authorizationServerId"},
      {"{" + to + "}", "400 REQUIRED_PROPERTY clientId"},
      {"{" + to + R"(,"clientId":""})", "400 INVALID_FORMAT clientId"},
      {"{" + to + R"(,"clientId":"x","registrationType":"AUTO"})", "400 INVALID_FORMAT registrationType"},
      {"{" + to + R"(,"clientId":"x","purpose":"OTHER"})", "400 INVALID_FORMAT purpose"},
      {"{" + to + R"(,"clientId":"x","scopes":["a b"]})", "400 INVALID_FORMAT scopes"},
      {"{" + to + R"(,"clientId":"x","scopes":[""]})", "400 INVALID_FORMAT scopes"},
      {"{" + to + R"(,"clientId":"x","scopes":"a"})", "400 INVALID_FORMAT scopes"},
      {"{" + to + R"(,"clientId":"x","tokenEndpointAuthMethod":"private_key_jwt"})",
       "400 INVALID_FORMAT tokenEndpointAuthMethod"},
      {"{" + to + R"(,"clientId":"x","tokenEndpointAuthMethod":"client_secret_post"})",
       "400 REQUIRED_PROPERTY clientSecret"},
      {"{" + to + R"(,"clientId":"x","clientSecret":"s","tokenEndpointAuthMethod":"none"})",
       "400 INVALID_FORMAT clientSecret"},
      {"{" + to + R"(,"registrationType":"DYNAMIC","clientId":"x"})", "400 INVALID_FORMAT clientId"},
      {"{" + to + R"(,"clientId":"x","secret":"s"})", "400 UNKNOWN_PROPERTY secret"},
  };
  for (const auto& each : cases) {
    const auto answer = post(test::kSettings, each.body);
    EXPECT_EQ(answer.outcome(), each.outcome) << each.body;
  }
  EXPECT_THAT(get(test::kSettings).ids(), IsEmpty());
}

TEST_P(ClientAuthSettingsTest, AnIssuerWillDoWhereOneServerHasIt) {
  make();
  const std::string by_issuer = R"({"name":"n","issuer":"https://as.example.com","clientId":"x"})";
  const auto created = post(test::kSettings, by_issuer);
  ASSERT_EQ(created.status, 201) << created.cause();
  EXPECT_EQ(created.text("authorizationServerId"), as_);
  EXPECT_EQ(post(test::kSettings, by_issuer).outcome(), "409 UNIQUE_CONSTRAINT name");

  const std::string other = register_server("https://other.example/");
  ASSERT_EQ(post(path_of(other) + "/authorization-servers",
                 R"({"type":"EXTERNAL","issuer":"https://as.example.com"})")
                .status,
            202);
  EXPECT_EQ(
      post(test::kSettings, R"({"name":"m","issuer":"https://as.example.com","clientId":"x"})").outcome(),
      "400 INVALID_FORMAT issuer");
  const auto chosen = post(
      test::kSettings,
      fmt::format(R"({{"name":"m","issuer":"https://as.example.com","clientId":"x","mcpServerId":"{}"}})",
                  other));
  ASSERT_EQ(chosen.status, 201) << chosen.cause();
  EXPECT_EQ(chosen.text("mcpServerId"), other);

  EXPECT_EQ(get(test::kSettings).ids().size(), 2u);
  EXPECT_THAT(get(fmt::format("{}?mcpServerId={}", test::kSettings, other)).ids(),
              ElementsAre(chosen.text("id")));
  EXPECT_THAT(get(fmt::format("{}?authorizationServerId={}", test::kSettings, as_)).ids(),
              ElementsAre(created.text("id")));
  EXPECT_EQ(get(fmt::format("{}?limit=1", test::kSettings)).ids().size(), 1u);
}

TEST_P(ClientAuthSettingsTest, Changes) {
  make();
  const std::string id = create(R"("clientId":"abc","clientSecret":"first")").text("id");
  const std::string path = path_of_settings(id);
  const auto renamed = patch(path, R"({"name":"other","scopes":["a"]})");
  EXPECT_EQ(renamed.text("name"), "other");
  EXPECT_THAT(renamed.texts("scopes"), ElementsAre("a"));
  EXPECT_EQ(patch(path, R"({"clientSecret":"second"})").text("clientSecret"), "********");
  const auto settings = read_client_auth_settings(**store().get(Kind::client_auth_settings, id));
  EXPECT_EQ(open_secret(service_, *settings)->reveal(), "second");
  const auto events = store().events({.about = id});
  ASSERT_TRUE(events);
  for (const Event& event : *events) {
    EXPECT_THAT(core::json::write(event.debug), Not(HasSubstr("second")));
    EXPECT_THAT(core::json::write(event.debug), Not(HasSubstr("first")));
  }
  EXPECT_EQ(patch(path, R"({"clientSecret":null})").outcome(), "400 REQUIRED_PROPERTY clientSecret");
  const auto open = patch(path, R"({"clientSecret":null,"tokenEndpointAuthMethod":"none"})");
  EXPECT_EQ(open.status, 200) << open.cause();
  EXPECT_EQ(open.text("clientSecret"), "");
  EXPECT_EQ(open.text("credentials.type"), "none");
  for (const std::string member :
       {"issuer", "authorizationServerId", "registrationType", "purpose", "status"})
    EXPECT_EQ(patch(path, fmt::format(R"({{"{}":"x"}})", member)).outcome(),
              "400 IMMUTABLE_PROPERTY " + member);
  EXPECT_EQ(patch(path, R"({"clientId":""})").outcome(), "400 INVALID_FORMAT clientId");
  const std::string tag(get(path).headers.get("etag"));
  EXPECT_EQ(patch(path, R"({"name":"third"})").status, 200);
  net::Headers headers;
  headers.add("If-Match", tag);
  EXPECT_EQ(patch(path, R"({"name":"fourth"})", headers).status, 412);
  EXPECT_EQ(remove(path, headers).status, 412);
}

TEST_P(ClientAuthSettingsTest, WhatIsInactiveOrExpiredGivesNoSts) {
  make();
  const std::string id = create(R"("clientId":"abc")").text("id");
  const std::string path = path_of_settings(id);
  EXPECT_TRUE(sts());
  EXPECT_EQ(post(path + "/lifecycle/deactivate").text("status"), "INACTIVE");
  EXPECT_FALSE(sts());
  EXPECT_EQ(post(path + "/lifecycle/deactivate").outcome(), "409 INVALID_STATE_TRANSITION status");
  EXPECT_EQ(post(path + "/lifecycle/activate").text("status"), "ACTIVE");
  EXPECT_TRUE(sts());
  run([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto settings, read_client_auth_settings(**tx.hold(Kind::client_auth_settings, id)));
    settings.secret_expires = service_.now() + std::chrono::hours{1};
    Row row = to_row(settings);
    return tx.update(row);
  });
  EXPECT_TRUE(sts());
  clock().advance(std::chrono::hours{1});
  EXPECT_FALSE(sts());
  EXPECT_THAT(get(as_path(server_, as_)).texts("missing"),
              ElementsAre("a client registration that is ACTIVE and not expired"));
}

TEST_P(ClientAuthSettingsTest, WhatIsUsedIsNotDeletedAndGrantsGoWithIt) {
  make();
  const std::string id = create(R"("clientId":"abc")").text("id");
  run([&](Transaction& tx) -> core::Status {
    for (int i = 0; i < 3; ++i) {
      Row grant{.kind = Kind::grant, .id = fmt::format("grant{}", i), .parent = id};
      RETURN_IF_ERROR(tx.insert(grant));
    }
    return {};
  });
  const std::string connection = connect({id});
  const auto refused = remove(path_of_settings(id));
  EXPECT_EQ(refused.outcome(), "409 RESOURCE_IN_USE id");
  EXPECT_THAT(refused.cause(), HasSubstr(connection));
  EXPECT_EQ(store().list({.kind = Kind::grant})->size(), 3u);
  run([&](Transaction& tx) { return tx.remove(Kind::connection, connection); });
  EXPECT_EQ(remove(path_of_settings(id)).status, 204);
  EXPECT_THAT(*store().list({.kind = Kind::grant}), IsEmpty());
}

TEST_P(ClientAuthSettingsTest, DynamicRegistrationAndItsEnd) {
  make();
  EXPECT_EQ(create(R"("registrationType":"DYNAMIC")").outcome(),
            "400 REGISTRATION_UNSUPPORTED registrationEndpoint");
  ASSERT_EQ(
      patch(as_path(server_, as_), R"({"registrationEndpoint":"https://as.example.com/register"})").status,
      200);
  outside().reply(
      201,
      R"({"client_id":"dyn1","client_secret":"made-there","token_endpoint_auth_method":"client_secret_basic",)"
      R"("registration_client_uri":"https://as.example.com/register/dyn1","registration_access_token":"rat"})");
  const auto created = create(R"("registrationType":"DYNAMIC","scopes":["a"])");
  ASSERT_EQ(created.status, 201) << created.outcome() << created.cause();
  EXPECT_EQ(created.text("clientId"), "dyn1");
  EXPECT_EQ(created.text("registrationType"), "DYNAMIC");
  const auto row = store().get(Kind::client_auth_settings, created.text("id"));
  EXPECT_EQ(open_secret(service_, *read_client_auth_settings(**row))->reveal(), "made-there");
  for (const std::string secret : {"made-there", "\"rat\""})
    EXPECT_THAT(core::json::write((*row)->body), Not(HasSubstr(secret)));
  const std::string path = path_of_settings(created.text("id"));
  EXPECT_EQ(patch(path, R"({"clientId":"x"})").outcome(), "400 IMMUTABLE_PROPERTY clientId");
  EXPECT_EQ(patch(path, R"({"name":"renamed"})").status, 200);
  ASSERT_EQ(remove(path).status, 204);

  // The other side is told by work, which comes again while it does not answer.
  WorkHandlers handlers;
  add_mcp_server_work(handlers);
  const auto next = [&] {
    for (;;) {
      auto work = store().claim("node", std::chrono::seconds{60});
      if (!work || !*work || (*work)->kind == "unregister-client") return work;
    }
  };
  auto work = next();
  ASSERT_TRUE(work && *work);
  outside().reply(503, "");
  ASSERT_TRUE(handlers.at("unregister-client")({}, service_, **work));
  EXPECT_FALSE(*next());
  clock().advance(std::chrono::minutes{6});
  work = next();
  ASSERT_TRUE(work && *work);
  outside().reply(204, "");
  ASSERT_TRUE(handlers.at("unregister-client")({}, service_, **work));
  clock().advance(std::chrono::hours{2});
  EXPECT_FALSE(*next());
}

INSTANTIATE_TEST_SUITE_P(Stores, ClientAuthSettingsTest, test::kBackends, test::name_of);

}  // namespace
}  // namespace registry
