#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "authserver/store.h"
#include "registry/clients.h"
#include "registry/workload_test_kit.h"

namespace registry {
namespace {

using core::json::Object;
using test::AnyService;
using test::Got;
using test::WorkloadApi;

class Credentials : public AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    test::add_user(store(), "00uOwner");
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, Credentials, test::kBackends, test::name_of);

// ACTIVE <-> INACTIVE, removed only when INACTIVE, and the last active one stays: each pair, for keys of both
// kinds of principals and for secrets.
TEST_P(Credentials, TheirStatesAreAsTheTableSays) {
  struct Expected {
    std::string_view from, verb;
    bool another_is_active;
    int status;
    std::string_view reason, then;  // `then` empty: gone
  };
  constexpr std::array<Expected, 7> kExpected{{
      {"ACTIVE", "activate", true, 409, "INVALID_STATE_TRANSITION", "ACTIVE"},
      {"ACTIVE", "deactivate", true, 200, "", "INACTIVE"},
      {"ACTIVE", "deactivate", false, 409, "DEACTIVATE_NOT_ALLOWED", "ACTIVE"},
      {"ACTIVE", "delete", true, 409, "INVALID_STATE_TRANSITION", "ACTIVE"},
      {"INACTIVE", "activate", true, 200, "", "ACTIVE"},
      {"INACTIVE", "deactivate", true, 409, "INVALID_STATE_TRANSITION", "INACTIVE"},
      {"INACTIVE", "delete", true, 204, "", ""},
  }};
  const WorkloadApi api(service_);
  int number = 0;
  for (const std::string_view kind : {"agent jwks", "agent secrets", "server jwks"}) {
    for (const Expected& each : kExpected) {
      SCOPED_TRACE(fmt::format("{} {} {}", kind, each.from, each.verb));
      std::string path;
      if (kind.starts_with("agent")) {
        path = "/ai-agents/" + api.agent(fmt::format("agent {}", ++number));
      } else {
        const std::string server = fmt::format("ems{}", ++number);
        test::add_server(store(), server);
        ASSERT_EQ(api.post(fmt::format("/mcp-servers/{}/oauth-client", server)).status, 201);
        path = "/mcp-servers/" + server;
        const std::string as = fmt::format("aus{}", number);
        test::add_custom_as(store(), as);
        ASSERT_EQ(
            api.post(path + "/connections", fmt::format(R"({{"connectionType":"IDENTITY_ASSERTION_CUSTOM_AS",
                                           "authorizationServer":{{"orn":"{}"}}}})",
                                                        service_.names.custom_as(as)))
                .status,
            201);
      }
      path += kind.ends_with("jwks") ? "/credentials/jwks" : "/credentials/secrets";
      const auto add = [&](std::string_view status) {
        Object body;
        if (kind.ends_with("jwks")) body = core::json::parse(WorkloadApi::public_key()).value().as_object();
        body["status"] = status;
        const Got got = api.post(path, core::json::write(body));
        EXPECT_EQ(got.status, 201) << core::json::write(got.body);
        EXPECT_EQ(got.text("status"), status);
        return got.text("id");
      };
      const std::string id = add(each.from);
      if (each.another_is_active) add("ACTIVE");
      const std::string one = fmt::format("{}/{}", path, id);
      const Got got =
          each.verb == "delete" ? api.remove(one) : api.post(fmt::format("{}/lifecycle/{}", one, each.verb));
      EXPECT_EQ(got.status, each.status);
      if (!each.reason.empty()) {
        EXPECT_EQ(got.reason(), each.reason);
      }
      const Got after = api.get(one);
      EXPECT_EQ(after.status, each.then.empty() ? 404 : 200);
      if (each.then.empty()) continue;
      EXPECT_EQ(after.text("status"), each.then);
      const auto& links = after.body.at("_links").as_object();
      EXPECT_EQ(links.contains("deactivate"), each.then == "ACTIVE");
      EXPECT_EQ(links.contains("activate"), each.then == "INACTIVE");
      EXPECT_EQ(links.contains("delete"), each.then == "INACTIVE");
    }
  }
}

TEST_P(Credentials, KeysArePublicStrongAndNamed) {
  const WorkloadApi api(service_);
  const std::string path = fmt::format("/ai-agents/{}/credentials/jwks", api.agent("keys"));
  for (const auto algorithm :
       {oauth::Algorithm::rs256, oauth::Algorithm::es256, oauth::Algorithm::es384, oauth::Algorithm::es512}) {
    const Got got = api.post(path, WorkloadApi::public_key(algorithm));
    ASSERT_EQ(got.status, 201) << core::json::write(got.body);
    EXPECT_FALSE(got.text("kid").empty());
    EXPECT_EQ(got.text("use"), "sig");
    EXPECT_EQ(got.text("status"), "ACTIVE");
    EXPECT_TRUE(got.text("id").starts_with("pks"));
  }
  EXPECT_EQ(api.get(path).ids().size(), 4u);

  const auto key = oauth::Key::generate(oauth::Algorithm::es256).value();
  const auto with = [&](std::string_view name, const core::json::Value& value) {
    Object jwk = key.public_jwk();
    jwk[name] = value;
    return core::json::write(jwk);
  };
  const Object private_jwk = core::json::parse(key.private_jwk().value().reveal()).value().as_object();
  const std::string ed25519 =
      core::json::write(oauth::Key::generate(oauth::Algorithm::eddsa).value().public_jwk());
  struct Case {
    std::string what, body, location;
  };
  const std::vector<Case> cases{
      {"a private key", core::json::write(private_jwk), "d"},
      {"a secret", R"({"kty":"oct","k":"c2VjcmV0"})", "k"},
      {"Ed25519", ed25519, "kty"},
      {"for encryption", with("use", "enc"), "use"},
      {"another key's algorithm", with("alg", "RS256"), "alg"},
      {"HMAC", with("alg", "HS256"), "alg"},
      {"another curve", with("crv", "P-384"), "crv"},
      {"not on the curve", with("y", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), "crv"},
      {"a short RSA key", R"({"kty":"RSA","n":"sXchtQ","e":"AQAB"})", "n"},
      {"no parameters", R"({"kty":"RSA"})", "n"},
      {"an unknown member", with("x5u", "https://a.example/"), "x5u"},
      {"an unknown status", with("status", "STAGED"), "status"},
      {"nothing", "{}", "kty"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    const Got got = api.post(path, each.body);
    EXPECT_EQ(got.status, 400);
    EXPECT_EQ(got.location(), each.location);
    EXPECT_EQ(core::json::write(got.body).find(core::json::string_or_empty(private_jwk, "d")),
              std::string::npos);
  }
  EXPECT_EQ(api.get(path).ids().size(), 4u);

  ASSERT_EQ(api.post(path, with("kid", "k1")).status, 201);
  Object other = oauth::Key::generate(oauth::Algorithm::es256).value().public_jwk();
  other["kid"] = "k1";
  const Got twice = api.post(path, core::json::write(other));
  EXPECT_EQ(twice.status, 409);
  EXPECT_EQ(twice.reason(), "UNIQUE_CONSTRAINT");
  const std::string elsewhere = fmt::format("/ai-agents/{}/credentials/jwks", api.agent("others"));
  EXPECT_EQ(api.post(elsewhere, core::json::write(other)).status, 201) << "unique for an agent only";
}

TEST_P(Credentials, ASecretIsShownOnceAndKeptAsAHash) {
  const WorkloadApi api(service_);
  const std::string agent =
      api.agent("secrets", R"(,"oauthClient":{"tokenEndpointAuthMethod":"client_secret_basic"})");
  const std::string path = fmt::format("/ai-agents/{}/credentials/secrets", agent);
  const Got first = api.post(path);
  ASSERT_EQ(first.status, 201);
  const std::string secret = first.text("client_secret");
  EXPECT_EQ(secret.size(), 64u);
  EXPECT_EQ(first.headers.get("Cache-Control"), "no-store");
  EXPECT_FALSE(api.get(path + "/" + first.text("id")).body.contains("client_secret"));
  const Got list = api.get(path);
  EXPECT_EQ(core::json::write(list.body).find(secret), std::string::npos);
  const auto row = store().get(Kind::client_secret, first.text("id")).value().value();
  EXPECT_EQ(core::json::write(row.body).find(secret), std::string::npos);
  EXPECT_EQ(core::json::string_or_empty(row.body, "hash"), authserver::hash_secret(secret));
  const auto events = store().events({.limit = 1000}).value();
  for (const Event& event : events) {
    for (const EventTarget& target : event.targets)
      EXPECT_EQ(core::json::write(target.detail).find(secret), std::string::npos);
  }

  // Two, so that one can be changed over to the other; both are good meanwhile.
  ASSERT_EQ(api.post(path).status, 201);
  const Got third = api.post(path);
  EXPECT_EQ(third.status, 409);
  EXPECT_EQ(third.reason(), "LIMIT_REACHED");
  api.own(agent);
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/activate", agent)).status, 202);
  auto client = find_agent_client(store(), service_, agent).value();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->secret_hashes.size(), 2u);
  ASSERT_EQ(api.post(fmt::format("{}/{}/lifecycle/deactivate", path, first.text("id"))).status, 200);
  client = find_agent_client(store(), service_, agent).value();
  EXPECT_EQ(client->secret_hashes.size(), 1u);
  EXPECT_NE(client->secret_hashes.front(), authserver::hash_secret(secret));
}

TEST_P(Credentials, BelongToOnePrincipal) {
  const WorkloadApi api(service_);
  const std::string mine = api.agent("mine");
  const std::string other = api.agent("other");
  const std::string key = api.add_key(mine);
  const std::string path = fmt::format("/ai-agents/{}/credentials/jwks/{}", other, key);
  EXPECT_EQ(api.get(path).status, 404);
  EXPECT_EQ(api.post(path + "/lifecycle/deactivate").status, 404);
  EXPECT_EQ(api.remove(path).status, 404);
  const std::string document =
      api.agent("document", R"(,"oauthClient":{"type":"CIMD","clientId":"https://c.example/c"})");
  EXPECT_EQ(
      api.post(fmt::format("/ai-agents/{}/credentials/jwks", document), WorkloadApi::public_key()).reason(),
      "MANAGED_BY_CLIENT");
}

TEST_P(Credentials, EachChangeLeavesItsEvent) {
  const WorkloadApi api(service_);
  const std::string agent = api.agent("events");
  api.add_key(agent);
  const std::string path = fmt::format("/ai-agents/{}/credentials/jwks/{}", agent, api.add_key(agent));
  ASSERT_EQ(api.post(path + "/lifecycle/deactivate").status, 200);
  ASSERT_EQ(api.post(path + "/lifecycle/activate").status, 200);
  ASSERT_EQ(api.post(path + "/lifecycle/deactivate").status, 200);
  ASSERT_EQ(api.remove(path).status, 204);
  std::vector<std::string> verbs;
  constexpr std::string_view kPrefix = "workload_principal.ai_agent.credential.";
  for (const std::string& type : test::event_types(store(), kPrefix))
    verbs.push_back(type.substr(kPrefix.size()));
  EXPECT_EQ(verbs,
            (std::vector<std::string>{"create", "create", "deactivate", "activate", "deactivate", "delete"}));
}

}  // namespace
}  // namespace registry
