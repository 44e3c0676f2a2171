#include "registry/dynamic_registration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "registry/test_sts.h"

namespace registry {
namespace {

using core::json::Object;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class DynamicRegistrationTest : public test::ServiceFixture {
 protected:
  core::Result<RegisteredClient> ask() {
    return register_client(core::Context{}, service_, world_.auth_server, "Registry", {"repo", "gist"});
  }
  std::string refused() {
    const auto client = ask();
    return client ? "registered" : client.error().code;
  }
  void SetUp() override {
    world_.auth_server.registration_endpoint = "https://as.example.com/register";
    world_.auth_server.token_endpoint_auth_methods = {"private_key_jwt", "client_secret_post", "none"};
  }
  test::StsWorld world_;
};

TEST_F(DynamicRegistrationTest, WhatIsAskedAndWhatComesBack) {
  outside().reply(201, R"({"client_id":"c-1","client_secret":"s-1","client_secret_expires_at":1900000000,
    "token_endpoint_auth_method":"client_secret_basic","scope":"repo",
    "registration_client_uri":"https://as.example.com/register/c-1","registration_access_token":"t-1"})");
  const auto client = ask();
  ASSERT_TRUE(client) << core::describe(client.error());
  EXPECT_EQ(client->client_id, "c-1");
  EXPECT_EQ(client->client_secret.reveal(), "s-1");
  EXPECT_EQ(client->auth_method, "client_secret_basic");  // what the server chose
  EXPECT_THAT(client->scopes, ElementsAre("repo"));
  EXPECT_EQ(client->secret_expires, core::WallTime{std::chrono::seconds{1900000000}});
  EXPECT_EQ(client->registration_uri, "https://as.example.com/register/c-1");
  EXPECT_EQ(client->registration_token.reveal(), "t-1");

  const auto request = outside().requests().at(0);
  EXPECT_EQ(request.url, "https://as.example.com/register");
  EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
  const Object expected{
      {"client_name", "Registry"},
      {"redirect_uris", core::json::Array{core::json::Value("https://org.example/oauth2/v1/sts/callback")}},
      {"grant_types", core::json::Array{"authorization_code", "refresh_token"}},
      {"response_types", core::json::Array{core::json::Value("code")}},
      {"token_endpoint_auth_method", "client_secret_post"},
      {"application_type", "web"},
      {"scope", "repo gist"}};
  EXPECT_EQ(core::json::parse(request.body)->as_object(), expected);
}

TEST_F(DynamicRegistrationTest, WhatTheServerLeavesOut) {
  outside().reply(200, R"({"client_id":"c-1","client_secret":"s-1","client_secret_expires_at":0})");
  auto client = ask();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->auth_method, "client_secret_post");
  EXPECT_FALSE(client->secret_expires);
  EXPECT_THAT(client->scopes, ElementsAre("repo", "gist"));
  EXPECT_TRUE(client->registration_uri.empty());

  outside().reply(201, R"({"client_id":"c-1"})");
  client = ask();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->auth_method, "none");

  world_.auth_server.token_endpoint_auth_methods.clear();
  outside().reply(201, R"({"client_id":"c-1","client_secret":"s-1"})");
  client = ask();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->auth_method, "client_secret_basic");
}

TEST_F(DynamicRegistrationTest, WhatCannotBeAsked) {
  world_.auth_server.token_endpoint_auth_methods = {"private_key_jwt"};
  EXPECT_EQ(refused(), "registry.REGISTRATION_UNSUPPORTED");
  world_.auth_server.token_endpoint_auth_methods.clear();
  world_.auth_server.registration_endpoint.clear();
  EXPECT_EQ(refused(), "registry.REGISTRATION_UNSUPPORTED");
  EXPECT_EQ(outside().count(), 0u);
}

TEST_F(DynamicRegistrationTest, ARefusalIsToldInItsWords) {
  outside().reply(400, R"({"error":"invalid_redirect_uri","error_description":"not\nallowed"})");
  const auto client = ask();
  ASSERT_FALSE(client);
  EXPECT_EQ(client.error().code, "registry.REGISTRATION_REFUSED");
  EXPECT_THAT(client.error().message, HasSubstr("invalid_redirect_uri"));
  EXPECT_THAT(client.error().message, Not(HasSubstr("\n")));
  EXPECT_EQ(client.error().location, "registrationEndpoint");
  outside().reply(403, "<html>", {{"Content-Type", "text/html"}});
  EXPECT_THAT(ask().error().message, HasSubstr("HTTP 403"));
  outside().fail("net.blocked", core::ErrorKind::forbidden);
  EXPECT_EQ(refused(), "net.blocked");
}

TEST_F(DynamicRegistrationTest, AnswersThatCannotBeUsed) {
  for (const std::string_view body :
       {"", "[]", "<html>", "{}", R"({"client_id":""})", R"({"client_id":7})", R"({"client_id":"a\nb"})",
        R"({"client_id":"c","client_secret":7})", R"({"client_id":"c","client_secret":"a\r\nb"})",
        R"({"client_id":"c","token_endpoint_auth_method":"client_secret_basic"})",
        R"({"client_id":"c","client_secret":"s","token_endpoint_auth_method":"tls_client_auth"})",
        R"({"client_id":"c","registration_client_uri":"ftp://x","registration_access_token":"t"})",
        R"({"client_id":"c","client_id":"d"})"}) {
    outside().reply(201, std::string(body));
    EXPECT_EQ(refused(), "registry.REGISTRATION_INVALID") << body;
  }
}

TEST_F(DynamicRegistrationTest, TheEnd) {
  const std::string uri = "https://as.example.com/register/c-1";
  for (const int status : {204, 200, 401, 404}) {
    outside().reply(status);
    EXPECT_TRUE(unregister_client(core::Context{}, service_, uri, core::Secret("t-1"))) << status;
  }
  const auto request = outside().requests().at(0);
  EXPECT_EQ(request.method, net::Method::delete_);
  EXPECT_EQ(request.headers.get("Authorization"), "Bearer t-1");
  outside().reply(405);
  const auto refused = unregister_client(core::Context{}, service_, uri, core::Secret("t-1"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, Not(HasSubstr("t-1")));
}

}  // namespace
}  // namespace registry
