#include <array>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "registry/workload_test_kit.h"

namespace registry {
namespace {

using test::AnyService;
using test::Got;
using test::WorkloadApi;

class AgentRoutes : public AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    test::add_user(store(), "00uOwner");
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, AgentRoutes, test::kBackends, test::name_of);

TEST_P(AgentRoutes, ARegisteredAgentIsStagedAndShowsWhatWasSaid) {
  const WorkloadApi api(service_);
  const Got got = api.post("/ai-agents", R"({
      "profile":{"name":"Invoice agent","description":"Pays.\nSlowly."},
      "platform":"AWS_BEDROCK_AGENTCORE","externalId":"arn:aws:x","resourceUrl":"https://agent.example/a2a",
      "oauthClient":{"tokenEndpointAuthMethod":"client_secret_post","dpopBoundAccessTokens":true},
      "signOnProvider":{"type":"NEW_OIDC_APP","redirectUris":["https://agent.example/cb","com.example.agent:/cb",
                        "http://127.0.0.1:7777/cb"]}})");
  EXPECT_EQ(got.status, 202);
  EXPECT_TRUE(got.body.empty());
  EXPECT_TRUE(got.headers.get("Location")
                  .starts_with("https://org.example/workload-principals/api/v1/operations/op-"));
  const std::string id = api.resource_of(got);
  EXPECT_TRUE(id.starts_with("wlp"));

  const Got agent = api.get("/ai-agents/" + id);
  EXPECT_EQ(agent.status, 200);
  EXPECT_EQ(agent.text("status"), "STAGED");
  EXPECT_EQ(agent.text("orn"), service_.names.ai_agent(id));
  EXPECT_EQ(agent.text("profile.name"), "Invoice agent");
  EXPECT_EQ(agent.text("profile.description"), "Pays.\nSlowly.");
  EXPECT_EQ(agent.text("platform"), "AWS_BEDROCK_AGENTCORE");
  EXPECT_EQ(agent.text("externalId"), "arn:aws:x");
  EXPECT_EQ(agent.text("resourceUrl"), "https://agent.example/a2a");
  EXPECT_EQ(agent.text("oauthClient.clientId"), id);
  EXPECT_EQ(agent.text("oauthClient.tokenEndpointAuthMethod"), "client_secret_post");
  EXPECT_TRUE(core::json::find(agent.body, "oauthClient.dpopBoundAccessTokens")->as_bool());
  EXPECT_EQ(core::json::find(agent.body, "oauthClient.grantTypes")->as_array().size(), 4u);
  EXPECT_EQ(core::json::find(agent.body, "signOnProvider.redirectUris")->as_array().size(), 3u);
  EXPECT_EQ(agent.headers.get("ETag"), "W/\"1\"");
  EXPECT_EQ(
      test::event_types(store()),
      (std::vector<std::string>{"workload_principal.register", "workload_principal.sign_on_provider.add"}));
}

TEST_P(AgentRoutes, BodiesAreClosedAndEachRefusalNamesItsMember) {
  struct Case {
    std::string_view body, reason, location;
  };
  constexpr std::array<Case, 24> kCases{{
      {"[]", "E0000003", ""},
      {"{}", "REQUIRED_PROPERTY", "profile"},
      {R"({"profile":"x"})", "INVALID_FORMAT", "profile"},
      {R"({"profile":{}})", "REQUIRED_PROPERTY", "profile.name"},
      {R"({"profile":{"name":"ab"}})", "INVALID_FORMAT", "profile.name"},
      {R"({"profile":{"name":7}})", "INVALID_FORMAT", "profile.name"},
      {R"({"profile":{"name":"a\u202ebc"}})", "INVALID_FORMAT", "profile.name"},
      {R"({"profile":{"name":"a\nbc"}})", "INVALID_FORMAT", "profile.name"},
      {R"({"profile":{"name":"abc","owner":"x"}})", "UNKNOWN_PROPERTY", "profile.owner"},
      {R"({"profile":{"name":"abc"},"status":"ACTIVE"})", "UNKNOWN_PROPERTY", "status"},
      {R"({"profile":{"name":"abc"},"appId":"0oa1"})", "UNKNOWN_PROPERTY", "appId"},
      {R"({"profile":{"name":"abc"},"resourceUrl":"http://a.example"})", "INVALID_FORMAT", "resourceUrl"},
      {R"({"profile":{"name":"abc"},"resourceUrl":"https://a.example/#x"})", "INVALID_FORMAT", "resourceUrl"},
      {R"({"profile":{"name":"abc"},"oauthClient":{"tokenEndpointAuthMethod":"tls_client_auth"}})",
       "INVALID_FORMAT", "oauthClient.tokenEndpointAuthMethod"},
      {R"({"profile":{"name":"abc"},"oauthClient":{"clientId":"mine"}})", "INVALID_FORMAT",
       "oauthClient.clientId"},
      {R"({"profile":{"name":"abc"},"oauthClient":{"type":"CIMD"}})", "INVALID_FORMAT",
       "oauthClient.clientId"},
      {R"({"profile":{"name":"abc"},"oauthClient":{"type":"CIMD","clientId":"https://a.example"}})",
       "INVALID_FORMAT", "oauthClient.clientId"},
      {R"({"profile":{"name":"abc"},"oauthClient":{"type":"CIMD","clientId":"https://a.example/c",
          "tokenEndpointAuthMethod":"none"}})",
       "INVALID_FORMAT", "oauthClient.tokenEndpointAuthMethod"},
      {R"({"profile":{"name":"abc"},"oauthClient":{"grantTypes":["client_credentials"]}})",
       "IMMUTABLE_PROPERTY", "oauthClient.grantTypes"},
      {R"({"profile":{"name":"abc"},"oauthClient":{"jwksUri":"https://a.example/j",
          "tokenEndpointAuthMethod":"none"}})",
       "INVALID_FORMAT", "oauthClient.jwksUri"},
      {R"({"profile":{"name":"abc"},"signOnProvider":{"type":"NEW_OIDC_APP"}})", "REQUIRED_PROPERTY",
       "signOnProvider.redirectUris"},
      {R"({"profile":{"name":"abc"},"signOnProvider":{"type":"NEW_OIDC_APP","redirectUris":["http://a.example/"]}})",
       "INVALID_FORMAT", "signOnProvider.redirectUris"},
      {R"({"profile":{"name":"abc"},"signOnProvider":{"type":"NEW_OIDC_APP","redirectUris":["javascript:x"]}})",
       "INVALID_FORMAT", "signOnProvider.redirectUris"},
      {R"({"profile":{"name":"abc"},"signOnProvider":{"type":"SAML"}})", "INVALID_FORMAT",
       "signOnProvider.type"},
  }};
  const WorkloadApi api(service_);
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.body);
    const Got got = api.post("/ai-agents", std::string(each.body));
    EXPECT_EQ(got.status, 400);
    EXPECT_EQ(got.reason(), each.reason);
    EXPECT_EQ(got.location(), each.location);
  }
  EXPECT_TRUE(api.get("/ai-agents").ids().empty());
}

TEST_P(AgentRoutes, NamesAndUrlsAreUnique) {
  const WorkloadApi api(service_);
  api.agent("Zoë's agent", R"(,"resourceUrl":"https://a.example/x")");
  api.agent("by document", R"(,"oauthClient":{"type":"CIMD","clientIdMatchPattern":"https://c.example/c"})");
  Got got = api.post("/ai-agents", R"({"profile":{"name":"ZOË'S AGENT"}})");
  EXPECT_EQ(got.status, 409);
  EXPECT_EQ(got.reason(), "UNIQUE_CONSTRAINT");
  EXPECT_EQ(got.location(), "profile.name");
  got = api.post("/ai-agents", R"({"profile":{"name":"another"},"resourceUrl":"https://a.example/x"})");
  EXPECT_EQ(got.reason(), "UNIQUE_CONSTRAINT");
  EXPECT_EQ(got.location(), "resourceUrl");
  got = api.post(
      "/ai-agents",
      R"({"profile":{"name":"another"},"oauthClient":{"type":"CIMD","clientId":"https://c.example/c"}})");
  EXPECT_EQ(got.reason(), "UNIQUE_CONSTRAINT");
  EXPECT_EQ(got.location(), "oauthClient.clientId");
  EXPECT_EQ(api.get("/ai-agents").ids().size(), 2u) << "nothing of a refused request stays";
}

TEST_P(AgentRoutes, AMergePatchChangesWhatItNames) {
  const WorkloadApi api(service_);
  const std::string id = api.agent("before", R"(,"platform":"AWS","externalId":"x-1")");
  const std::string path = "/ai-agents/" + id;
  EXPECT_EQ(api.call(net::Method::patch, path, {.body = R"({"platform":"GCP"})"}).text("errorCode"),
            "E0000021");
  const Got got = api.patch(path, R"({"profile":{"name":"after","description":"new"},"platform":null})");
  EXPECT_EQ(api.resource_of(got), id);
  Got agent = api.get(path);
  EXPECT_EQ(agent.text("profile.name"), "after");
  EXPECT_EQ(agent.text("profile.description"), "new");
  EXPECT_FALSE(agent.body.contains("platform"));
  EXPECT_EQ(agent.text("externalId"), "x-1");
  EXPECT_EQ(test::event_types(store()).back(), "workload_principal.update");

  ASSERT_EQ(api.patch(path, R"({"resourceUrl":"https://a.example/"})").status, 202);
  struct Case {
    std::string_view body, reason, location;
  };
  constexpr std::array<Case, 6> kCases{{
      {R"({"status":"ACTIVE"})", "IMMUTABLE_PROPERTY", "status"},
      {R"({"id":"wlp9"})", "IMMUTABLE_PROPERTY", "id"},
      {R"({"resourceUrl":"https://b.example/"})", "IMMUTABLE_PROPERTY", "resourceUrl"},
      {R"({"resourceUrl":null})", "IMMUTABLE_PROPERTY", "resourceUrl"},
      {R"({"oauthClient":{"clientId":"https://b.example/c"}})", "IMMUTABLE_PROPERTY", "oauthClient.clientId"},
      {R"({"profile":null})", "REQUIRED_PROPERTY", "profile"},
  }};
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.body);
    const Got refused = api.patch(path, std::string(each.body));
    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.reason(), each.reason);
    EXPECT_EQ(refused.location(), each.location);
  }
}

TEST_P(AgentRoutes, APutReplacesAndTakesBackWhatAGetShows) {
  const WorkloadApi api(service_);
  const std::string id = api.agent("whole", R"(,"platform":"AWS")");
  const std::string path = "/ai-agents/" + id;
  Got agent = api.get(path);
  EXPECT_EQ(api.put(path, core::json::write(agent.body)).status, 202) << "as it was shown";
  EXPECT_EQ(api.put(path, R"({"profile":{"name":"whole"}})").status, 202);
  EXPECT_FALSE(api.get(path).body.contains("platform"));
  agent.body["status"] = "ACTIVE";
  EXPECT_EQ(api.put(path, core::json::write(agent.body)).reason(), "IMMUTABLE_PROPERTY");
}

TEST_P(AgentRoutes, IfMatchIsHonoured) {
  const WorkloadApi api(service_);
  const std::string path = "/ai-agents/" + api.agent("tagged");
  const auto patch = [&](std::string tag) {
    return api
        .call(net::Method::patch, path,
              {.body = R"({"platform":"X"})",
               .type = "application/merge-patch+json",
               .headers = {{"If-Match", std::move(tag)}}})
        .status;
  };
  EXPECT_EQ(patch("W/\"7\""), 412);
  EXPECT_EQ(patch("no tag"), 400);
  EXPECT_EQ(patch("W/\"1\""), 202);
  EXPECT_EQ(patch("W/\"1\""), 412);
  const net::Headers old{{"If-Match", "W/\"1\""}};
  EXPECT_EQ(api.call(net::Method::delete_, path, {.headers = old}).status, 412);
  EXPECT_EQ(api.remove(path).status, 202);
}

TEST_P(AgentRoutes, AnActiveAgentKeepsWhatItNeeds) {
  const WorkloadApi api(service_);
  const std::string id = api.active_agent("running");
  const std::string path = "/ai-agents/" + id;
  Got got = api.patch(path, R"({"oauthClient":{"tokenEndpointAuthMethod":"client_secret_basic"}})");
  EXPECT_EQ(got.status, 409);
  EXPECT_EQ(got.reason(), "MISSING_PREREQUISITE");
  ASSERT_EQ(api.post(path + "/credentials/secrets").status, 201);
  EXPECT_EQ(api.patch(path, R"({"oauthClient":{"tokenEndpointAuthMethod":"client_secret_basic"}})").status,
            202);

  got = api.put("/governance/api/v1/resource-owners",
                fmt::format(R"({{"resourceOrns":["{}"],"principalOrns":[]}})", service_.names.ai_agent(id)));
  EXPECT_EQ(got.status, 409);
  EXPECT_EQ(got.reason(), "OWNER_REQUIRED");
}

TEST_P(AgentRoutes, ListsAreFilteredOrderedAndPaged) {
  const WorkloadApi api(service_);
  std::vector<std::string> all;
  for (const std::string_view name : {"alpha one", "alpha two", "beta one", "Gamma"}) {
    clock().advance(std::chrono::milliseconds{5});
    all.push_back(api.agent(name));
  }
  api.own(all[0]);
  api.add_key(all[0]);
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/activate", all[0])).status, 202);
  test::add_server(store(), "ems1");
  ASSERT_EQ(api.post("/mcp-servers/ems1/oauth-client").status, 201);
  EXPECT_EQ(api.get("/ai-agents").ids(), all) << "MCP servers as clients are no agents";

  using Ids = std::vector<std::string>;
  const auto filtered = [&](std::string_view filter) {
    return api.get("/ai-agents?filter=" + net::encode_query({{"x", std::string(filter)}}).substr(2)).ids();
  };
  EXPECT_EQ(filtered(R"(profile.name sw "ALPHA")"), (Ids{all[0], all[1]}));
  EXPECT_EQ(filtered(R"(profile.name co "one")"), (Ids{all[0], all[2]}));
  EXPECT_EQ(filtered(R"(profile.name eq "gamma")"), (Ids{all[3]}));
  EXPECT_EQ(filtered(R"(status eq "STAGED")"), (Ids{all[1], all[2], all[3]}));
  EXPECT_EQ(filtered(R"(status eq "STAGED" and profile.name sw "alpha")"), (Ids{all[1]}));
  EXPECT_EQ(filtered(R"(status eq "ACTIVE" or profile.name eq "Gamma")"), (Ids{all[0], all[3]}));
  EXPECT_EQ(filtered(R"(status eq "ACTIVE" and status eq "STAGED")"), Ids{});
  EXPECT_EQ(api.get("/ai-agents?search=profile.name%20eq%20%22Gamma%22").ids(), (Ids{all[3]}));
  for (const std::string_view bad :
       {"profile.name%20gt%20%22a%22", "owner%20eq%20%22a%22", "profile.name%20eq"}) {
    const Got got = api.get(fmt::format("/ai-agents?filter={}", bad));
    EXPECT_EQ(got.status, 400);
    EXPECT_EQ(got.reason(), "INVALID_FILTER");
  }

  EXPECT_EQ(api.get("/ai-agents?orderBy=createdDate&sortOrder=desc").ids(),
            (Ids{all[3], all[2], all[1], all[0]}));
  EXPECT_EQ(api.get("/ai-agents?orderBy=name").status, 400);
  EXPECT_EQ(api.get("/ai-agents?sortOrder=down").status, 400);
  for (const std::string_view limit : {"0", "201", "x", "-3"})
    EXPECT_EQ(api.get(fmt::format("/ai-agents?limit={}", limit)).status, 400) << limit;

  for (const std::string_view order : {"asc", "desc"}) {
    Ids walked;
    std::string next = fmt::format("/ai-agents?limit=3&sortOrder={}", order);
    int pages = 0;
    while (!next.empty() && ++pages < 5) {
      const Got page = api.get(next);
      for (const std::string& id : page.ids()) walked.push_back(id);
      next = page.text("_links.next.href");
      const std::size_t at = next.find("/ai-agents");
      next = at == std::string::npos ? std::string() : next.substr(at);
    }
    EXPECT_EQ(pages, 2);
    Ids expected = all;
    if (order == "desc") expected.assign(all.rbegin(), all.rend());
    EXPECT_EQ(walked, expected) << order;
  }
}

TEST_P(AgentRoutes, WhatIsNotThereIsNotFound) {
  const WorkloadApi api(service_);
  test::add_server(store(), "ems1");
  ASSERT_EQ(api.post("/mcp-servers/ems1/oauth-client").status, 201);
  const std::string client = store().find_unique(Kind::workload_principal, "server:ems1").value()->id;
  for (const std::string& path : {std::string("/ai-agents/wlpNone"), "/ai-agents/" + client,
                                  std::string("/ai-agents/wlpNone/credentials/jwks"),
                                  std::string("/mcp-servers/emsNone/credentials/jwks")}) {
    const Got got = api.get(path);
    EXPECT_EQ(got.status, 404) << path;
    EXPECT_EQ(got.text("errorCode"), "E0000007");
  }
}

}  // namespace
}  // namespace registry
