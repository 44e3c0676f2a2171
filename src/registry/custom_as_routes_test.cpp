#include <gtest/gtest.h>

#include "registry/test_token_org.h"
#include "rest/router.h"

namespace registry::test {
namespace {

// The API of custom authorization servers, and the endpoints that it changes.
class CustomAsApi : public TokenOrg {
 protected:
  void SetUp() override {
    TokenOrg::SetUp();
    if (!IsSkipped()) add_custom_as_routes(router_, service_);
  }
  struct Reply {
    int status = 0;
    boost::json::value body;
    std::string outcome;  // "201", or "400 REASON location"
  };
  Reply call(net::Method method, const std::string& path, const boost::json::value& body = nullptr) {
    net::ServerRequest request;
    request.method = method;
    request.path = "/api/v1/authorizationServers" + path;
    if (!body.is_null()) {
      request.headers.set("Content-Type", "application/json");
      request.body = core::json::write(body);
    }
    auto match = router_.match(method, request.path);
    if (!match) return {.status = match.error().status};
    rest::Call in{.http = request,
                  .params = match->params,
                  .caller = {.kind = rest::Caller::Kind::user, .id = "00uAlice", .name = "Alice"}};
    auto answer = match->route->handler(in);
    if (!answer) {
      const auto& problem = answer.error();
      std::string text = std::to_string(problem.status);
      if (!problem.causes.empty()) text += " " + problem.causes[0].reason + " " + problem.causes[0].location;
      return {.status = problem.status, .outcome = text};
    }
    Reply reply{.status = answer->status, .outcome = std::to_string(answer->status)};
    if (!answer->body.empty()) reply.body = *core::json::parse(answer->body);
    return reply;
  }
  Reply post_to(const std::string& path, const boost::json::value& body = nullptr) {
    return call(net::Method::post, path, body);
  }
  static std::string id_of(const Reply& reply) { return std::string(reply.body.at("id").as_string()); }
  static object new_server(const char* algorithm = "ES256") {
    return {{"name", "Made"},
            {"audiences", boost::json::array{"api://made"}},
            {"credentials", object{{"signing", object{{"alg", algorithm}}}}}};
  }

  rest::Router router_;
};
INSTANTIATE_TEST_SUITE_P(Stores, CustomAsApi, kBackends, name_of);

TEST_P(CustomAsApi, ANewServerNeedsNothingMoreForXaa) {
  Reply made = post_to("", new_server("RS256"));
  ASSERT_EQ(made.outcome, "201");
  const std::string id = id_of(made);
  EXPECT_EQ(made.body.at("issuer").as_string(), issuer_of(service_, id));
  EXPECT_EQ(made.body.at("status"), "ACTIVE");
  EXPECT_EQ(post_to("/" + id + "/scopes", object{{"name", "read"}}).outcome, "201");
  add_server("emsServer00000000002", "https://second.example/mcp", id);
  add_connection({.id = "mcnConnection0000009",
                  .owner = std::string(kAgent),
                  .type = ConnectionType::identity_assertion_mcp_server,
                  .server = "emsServer00000000002",
                  .custom_as = id,
                  .resource_indicator = "https://second.example/mcp"});
  const std::string jag = id_jag(
      {{"audience", issuer_of(service_, id)}, {"resource", "https://second.example/mcp"}, {"scope", "read"}});
  Answer token =
      post(custom_path(id, "token"), redeem_fields(jag, {{"resource", "https://second.example/mcp"}}));
  ASSERT_EQ(token.outcome(), "ok");
  EXPECT_EQ(oauth::peek(token.text("access_token"))->header.at("alg"), "RS256");
  EXPECT_EQ(events("oauth2.as.created").back().actor.id, "00uAlice");
}

TEST_P(CustomAsApi, KeysRotate) {
  const std::string path = "/" + custom_as_ + "/credentials";
  const std::string token = redeem(id_jag()).text("access_token");
  auto active = [&] { return get(custom_path(custom_as_, "keys")).body.at("keys").at(0).at("kid"); };
  const auto before = active();
  const auto next = call(net::Method::get, path + "/keys").body.at(1).at("kid");
  Reply rotated = post_to(path + "/lifecycle/keyRotate", object{{"use", "sig"}});
  ASSERT_EQ(rotated.outcome, "200");
  EXPECT_EQ(active(), next) << "it was published before it signs";
  EXPECT_EQ(rotated.body.at(2).at("kid"), before);
  EXPECT_EQ(rotated.body.at(2).at("status"), "EXPIRED");
  EXPECT_EQ(oauth::peek(redeem(id_jag()).text("access_token"))->header.at("kid"), next);
  EXPECT_EQ(post(custom_path(custom_as_, "introspect"), {{"token", token}}).body.at("active"), true)
      << "what the old key signed is still good";
  EXPECT_EQ(events("app.oauth2.as.key.rollover").size(), 1U);
}

TEST_P(CustomAsApi, IntrospectionAndRevocation) {
  const std::string token = redeem(id_jag()).text("access_token");
  Answer seen = post(custom_path(custom_as_, "introspect"), {{"token", token}});
  EXPECT_EQ(seen.body.at("active"), true);
  EXPECT_EQ(seen.text("aud"), kResource);
  EXPECT_EQ(post(custom_path(custom_as_, "revoke"), {{"token", token}}).status, 200);
  EXPECT_EQ(post(custom_path(custom_as_, "introspect"), {{"token", token}}).body.at("active"), false);
  EXPECT_EQ(events("app.oauth2.as.token.revoke").size(), 1U);
}

TEST_P(CustomAsApi, WhatIsInUseStays) {
  EXPECT_EQ(call(net::Method::delete_, "/" + custom_as_).outcome, "409 RESOURCE_IN_USE ");
  const std::string id = id_of(post_to("", new_server()));
  EXPECT_EQ(call(net::Method::delete_, "/" + id).outcome, "204");
  EXPECT_EQ(call(net::Method::get, "/" + id).status, 404);
  EXPECT_EQ(get(custom_path(id, "keys")).status, 404);
}

TEST_P(CustomAsApi, PrioritiesStayInOrder) {
  const std::string path = "/" + custom_as_ + "/policies";
  const object policy{
      {"name", "First"},
      {"type", "OAUTH_AUTHORIZATION_POLICY"},
      {"priority", 1},
      {"conditions", object{{"clients", object{{"include", boost::json::array{"ALL_CLIENTS"}}}}}}};
  Reply made = post_to(path, policy);
  ASSERT_EQ(made.outcome, "201");
  Reply all = call(net::Method::get, path);
  ASSERT_EQ(all.body.as_array().size(), 2U);
  EXPECT_EQ(all.body.at(0).at("name"), "First");
  EXPECT_EQ(all.body.at(1).at("priority"), 2);
  EXPECT_EQ(post_to(path + "/" + id_of(made) + "/lifecycle/deactivate").outcome, "204");
  EXPECT_EQ(call(net::Method::delete_, path + "/" + id_of(made)).outcome, "204");
  EXPECT_EQ(call(net::Method::get, path).body.at(0).at("priority"), 1);
}

TEST_P(CustomAsApi, RefusesByName) {
  object unknown = new_server();
  unknown["accessTokenEncryptedResponseAlgorithm"] = "RSA-OAEP-256";
  EXPECT_EQ(post_to("", unknown).outcome, "400 UNKNOWN_PROPERTY accessTokenEncryptedResponseAlgorithm");
  EXPECT_EQ(post_to("", object{{"name", "x"}}).outcome, "400 REQUIRED_PROPERTY audiences");
  EXPECT_EQ(post_to("", new_server("HS256")).outcome, "400 INVALID_FORMAT credentials.signing.alg");
  const std::string path = "/" + custom_as_;
  EXPECT_EQ(call(net::Method::put, path, new_server("RS256")).outcome,
            "400 IMMUTABLE_PROPERTY credentials.signing.alg");
  EXPECT_EQ(post_to(path + "/scopes", object{{"name", "openid"}}).outcome, "400 RESERVED_NAME name");
  EXPECT_EQ(post_to(path + "/scopes", object{{"name", "tools:read"}}).outcome.substr(0, 21),
            "409 UNIQUE_CONSTRAINT");
  EXPECT_EQ(post_to(path + "/claims", object{{"name", "aud"}, {"value", "\"x\""}}).outcome,
            "400 RESERVED_NAME name");
  EXPECT_EQ(post_to(path + "/claims", object{{"name", "x"}, {"value", "String.len(a)"}}).outcome,
            "400 UNSUPPORTED_EXPRESSION value");
}

TEST_P(CustomAsApi, MetadataNamesTheProfile) {
  const std::string below = "/oauth2/" + custom_as_;
  Answer appended = get(below + "/.well-known/oauth-authorization-server");
  ASSERT_EQ(appended.status, 200);
  EXPECT_EQ(appended.body, get("/.well-known/oauth-authorization-server" + below).body);
  EXPECT_EQ(appended.text("issuer"), issuer());
  EXPECT_EQ(appended.body.at("authorization_grant_profiles_supported"),
            (boost::json::array{authserver::kIdJagProfile}));
  EXPECT_FALSE(appended.body.contains("authorization_endpoint"));
  Answer org = get("/.well-known/oauth-authorization-server");
  const auto& types = org.body.at("identity_chaining_requested_token_types_supported").as_array();
  EXPECT_NE(std::ranges::find(types, boost::json::value(authserver::kIdJagTokenType)), types.end());
}

TEST_P(CustomAsApi, TheApiKnowsItsCallers) {
  auto token = tokens_->mint_admin_token("operator", {"okta.aiAgents.read"}, std::chrono::hours{1});
  ASSERT_TRUE(token);
  net::ServerRequest request;
  request.path = "/workload-principals/api/v1/ai-agents";
  request.headers.set("Authorization", "Bearer " + *token);
  auto caller = tokens_->authenticate(request);
  ASSERT_TRUE(caller);
  EXPECT_EQ(caller->id, "operator");
  EXPECT_EQ(caller->scopes, std::vector<std::string>{"okta.aiAgents.read"});
  clock().advance(std::chrono::hours{2});
  auto expired = tokens_->authenticate(request);
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().status, 401);
  request.headers.set("Authorization", "Bearer " + redeem(id_jag()).text("access_token"));
  EXPECT_FALSE(tokens_->authenticate(request)) << "it is for somebody else";
  EXPECT_FALSE(tokens_->mint_admin_token("x", {"okta.everything"}, std::chrono::hours{1}));
}

}  // namespace
}  // namespace registry::test
