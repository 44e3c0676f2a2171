#include "registry/agent_states.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

#include "registry/clients.h"
#include "registry/revocation.h"
#include "registry/token_cache.h"
#include "registry/workload_test_kit.h"

namespace registry {
namespace {

using test::AnyService;
using test::Got;
using test::WorkloadApi;

// Okta's states (AI agents API, "Lifecycle"), told a second time; everything else is refused.
struct Expected {
  std::string_view from;
  std::string_view verb;
  std::string_view to;
};
constexpr std::array<Expected, 5> kExpected{{
    {"STAGED", "activate", "ACTIVE"},
    {"STAGED", "delete", ""},
    {"ACTIVE", "deactivate", "INACTIVE"},
    {"INACTIVE", "activate", "ACTIVE"},
    {"INACTIVE", "delete", ""},
}};

class AgentStates : public AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    test::add_user(store(), "00uOwner");
  }

  std::string agent_in(const WorkloadApi& api, std::string_view status, std::string_view name) {
    std::string id = api.agent(name);
    api.own(id);
    api.add_key(id);
    if (status != "STAGED") api.post(fmt::format("/ai-agents/{}/lifecycle/activate", id));
    if (status == "INACTIVE") api.post(fmt::format("/ai-agents/{}/lifecycle/deactivate", id));
    EXPECT_EQ(api.get("/ai-agents/" + id).text("status"), status);
    return id;
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, AgentStates, test::kBackends, test::name_of);

TEST_P(AgentStates, EveryPairIsTakenOrRefusedAsTheTableSays) {
  const WorkloadApi api(service_);
  int pairs = 0;
  for (const std::string_view from : {"STAGED", "ACTIVE", "INACTIVE"}) {
    for (const std::string_view verb : {"activate", "deactivate", "delete"}) {
      SCOPED_TRACE(fmt::format("{} {}", from, verb));
      const std::string id = agent_in(api, from, fmt::format("agent {}", ++pairs));
      const std::string path = "/ai-agents/" + id;
      const std::size_t events = test::event_types(store()).size();
      const Got got =
          verb == "delete" ? api.remove(path) : api.post(fmt::format("{}/lifecycle/{}", path, verb));
      const auto* row = std::ranges::find_if(
          kExpected, [&](const Expected& each) { return each.from == from && each.verb == verb; });
      const Got after = api.get(path);
      if (row == kExpected.end()) {
        EXPECT_EQ(got.status, 409);
        EXPECT_EQ(got.reason(), "INVALID_STATE_TRANSITION");
        EXPECT_NE(got.summary().find(from), std::string::npos) << got.summary();
        for (const Expected& each : kExpected) {
          if (each.from == from) {
            EXPECT_NE(got.summary().find(each.verb), std::string::npos) << got.summary();
          }
        }
        EXPECT_EQ(after.text("status"), from);
        EXPECT_EQ(test::event_types(store()).size(), events) << "a refusal leaves no event";
        continue;
      }
      EXPECT_EQ(got.status, 202);
      api.resource_of(got);
      EXPECT_EQ(after.status, row->to.empty() ? 404 : 200);
      if (!row->to.empty()) {
        EXPECT_EQ(after.text("status"), row->to);
      }
      EXPECT_EQ(test::event_types(store()).at(events), fmt::format("workload_principal.{}", verb));
    }
  }
  EXPECT_EQ(pairs, 9);
}

TEST_P(AgentStates, ActivationSaysWhatIsMissing) {
  const WorkloadApi api(service_);
  test::add_user(store(), "00uGone", "ACTIVE");
  const std::string id = api.agent("incomplete");
  const std::string path = fmt::format("/ai-agents/{}/lifecycle/activate", id);
  Got got = api.post(path);
  EXPECT_EQ(got.status, 400);
  EXPECT_EQ(got.text("errorCode"), "E0000001");
  EXPECT_EQ(got.reason(), "MISSING_PREREQUISITE");
  EXPECT_NE(got.summary().find("an owner"), std::string::npos);
  EXPECT_NE(got.summary().find("private_key_jwt"), std::string::npos);

  api.own(id, "00uGone");
  test::set_status(store(), Kind::user, "00uGone", "DEPROVISIONED");
  EXPECT_NE(api.post(path).summary().find("an owner"), std::string::npos) << "who left owns nothing";
  api.own(id);
  got = api.post(path);
  EXPECT_EQ(got.summary().find("an owner"), std::string::npos);
  EXPECT_NE(got.summary().find("private_key_jwt"), std::string::npos);
  api.add_key(id);
  EXPECT_EQ(api.post(path).status, 202);
}

TEST_P(AgentStates, EachAuthenticationMethodHasItsCredential) {
  struct Case {
    std::string_view client;  // oauthClient
    bool key, secret, activates;
  };
  constexpr std::array<Case, 8> kCases{{
      {R"({"tokenEndpointAuthMethod":"private_key_jwt"})", true, false, true},
      {R"({"tokenEndpointAuthMethod":"private_key_jwt"})", false, true, false},
      {R"({"jwksUri":"https://agent.example/jwks.json"})", false, false, true},
      {R"({"type":"CIMD","clientId":"https://agent.example/client.json"})", false, false, true},
      {R"({"tokenEndpointAuthMethod":"client_secret_basic"})", false, true, true},
      {R"({"tokenEndpointAuthMethod":"client_secret_post"})", false, true, true},
      {R"({"tokenEndpointAuthMethod":"client_secret_post"})", true, false, false},
      {R"({"tokenEndpointAuthMethod":"none"})", false, false, true},
  }};
  const WorkloadApi api(service_);
  int number = 0;
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.client);
    const std::string id =
        api.agent(fmt::format("agent {}", ++number), fmt::format(R"(,"oauthClient":{})", each.client));
    api.own(id);
    if (each.key) api.add_key(id);
    if (each.secret) {
      EXPECT_EQ(api.post(fmt::format("/ai-agents/{}/credentials/secrets", id)).status, 201);
    }
    EXPECT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/activate", id)).status,
              each.activates ? 202 : 400);
  }
}

TEST_P(AgentStates, DeactivationIsTheKillSwitch) {
  const WorkloadApi api(service_);
  const std::string id = api.active_agent("busy");
  TokenCache cache(service_, oauth::Algorithm::es256);
  ASSERT_TRUE(find_active_principal(store(), id).value());
  ASSERT_TRUE(find_active_principal(store(), id, &cache).value());
  ASSERT_TRUE(find_active_principal(store(), id, &cache).value()) << "from memory";
  const core::WallTime now = service_.now();
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/deactivate", id)).status, 202);
  EXPECT_FALSE(find_active_principal(store(), id).value());
  EXPECT_FALSE(find_active_principal(store(), id, &cache).value()) << "nothing old is served";
  const std::vector<std::string> subjects{id};
  EXPECT_FALSE(is_revoked(store(), subjects, now).value()) << "not asked for";

  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/activate", id)).status, 202);
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/deactivate?revoke=true", id)).status, 202);
  EXPECT_TRUE(is_revoked(store(), subjects, now).value());
  EXPECT_FALSE(is_revoked(store(), subjects, now + std::chrono::seconds{1}).value());
  EXPECT_EQ(test::event_types(store(), "app.oauth2.token.revoke").size(), 1u);
  EXPECT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/deactivate?revoke=perhaps", id)).status, 400);
}

TEST_P(AgentStates, WhatBelongsToAnAgentGoesWithIt) {
  const WorkloadApi api(service_);
  test::add_custom_as(store(), "aus1");
  const std::string id = api.active_agent("short-lived", R"(,"resourceUrl":"https://agent.example/a2a")");
  const std::string other = api.active_agent("caller");
  const Got mine = api.post(
      fmt::format("/ai-agents/{}/connections", id),
      fmt::format(
          R"({{"connectionType":"IDENTITY_ASSERTION_CUSTOM_AS","authorizationServer":{{"orn":"{}"}}}})",
          service_.names.custom_as("aus1")));
  ASSERT_EQ(mine.status, 201) << core::json::write(mine.body);
  ASSERT_EQ(api.post("/delegation-links",
                     fmt::format(R"({{"from":{{"type":"OKTA_AUTHORIZATION_SERVER","clientOrn":"{}",
                                     "tokenType":"ACCESS_TOKEN"}},"to":{{"resourceOrn":"{}"}}}})",
                                 service_.names.ai_agent(other), service_.names.ai_agent(id)))
                .status,
            201);
  const Got theirs =
      api.post(fmt::format("/ai-agents/{}/connections", other),
               fmt::format(R"({{"connectionType":"IDENTITY_ASSERTION_A2A_SERVER","resource":{{"orn":"{}"}},
                      "authorizationServer":{{"orn":"{}"}}}})",
                           service_.names.a2a_server(id), service_.names.custom_as("aus1")));
  ASSERT_EQ(theirs.status, 201) << core::json::write(theirs.body);

  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/deactivate", id)).status, 202);
  Got got = api.remove("/ai-agents/" + id);
  EXPECT_EQ(got.status, 409);
  EXPECT_EQ(got.reason(), "RESOURCE_IN_USE");
  const std::string path = fmt::format("/ai-agents/{}/connections/{}", other, theirs.text("id"));
  ASSERT_EQ(api.post(path + "/lifecycle/deactivate").status, 200);
  ASSERT_EQ(api.remove(path).status, 204);

  ASSERT_EQ(api.remove("/ai-agents/" + id).status, 202);
  for (const Kind kind : {Kind::jwk, Kind::connection, Kind::principal_url, Kind::delegation_link})
    EXPECT_TRUE(store().list({.kind = kind, .parent = id}).value().empty()) << to_string(kind);
  const auto events = test::event_types(store(), "workload_principal.");
  const std::vector<std::string> last(events.end() - 3, events.end());
  EXPECT_EQ(last, (std::vector<std::string>{"workload_principal.resource_connection.delete",
                                            "workload_principal.delegation_link.delete",
                                            "workload_principal.delete"}));
  // Name and URL are free again.
  api.agent("short-lived", R"(,"resourceUrl":"https://agent.example/a2a")");
}

TEST(AgentStateTable, IsDrawnInTheDocumentation) {
  std::ifstream file(std::string(PROJECT_SOURCE_DIR) + "/docs/registry.md");
  ASSERT_TRUE(file) << "docs/registry.md is missing";
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(text.str().find(draw_agent_states()), std::string::npos) << "docs/registry.md lacks this table:\n"
                                                                     << draw_agent_states();
}

}  // namespace
}  // namespace registry
