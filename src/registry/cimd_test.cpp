#include "registry/cimd.h"

#include <array>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "registry/clients.h"
#include "registry/workload_test_kit.h"

namespace registry {
namespace {

using core::json::Object;
using test::WorkloadApi;

constexpr std::string_view kUrl = "https://agent.example/client.json";

Object good_document() {
  Object document =
      core::json::parse(R"({"client_id":"https://agent.example/client.json","client_name":"Agent",
      "redirect_uris":["https://agent.example/cb"],"token_endpoint_auth_method":"private_key_jwt",
      "grant_types":["authorization_code"]})")
          .value()
          .as_object();
  document["jwks"] = core::json::parse(R"({"keys":[)" + WorkloadApi::public_key() + "]}").value();
  return document;
}

TEST(ClientIdUrl, IsAnHttpsUrlWithAPath) {
  struct Case {
    std::string_view url;
    bool good;
  };
  constexpr std::array<Case, 15> kCases{{
      {"https://agent.example/client.json", true},
      {"https://agent.example/a/b", true},
      {"https://agent.example:8443/a?v=1", true},
      {"https://agent.example", false},
      {"https://agent.example/", false},
      {"https://agent.example?v=/1", false},
      {"https://agent.example/a#b", false},
      {"https://user@agent.example/a", false},
      {"https://agent.example/a/../b", false},
      {"https://agent.example/./b", false},
      {"https://agent.example/a/..", false},
      {"http://agent.example/a", false},
      {"http://127.0.0.1:4000/a", false},
      {"agent.example/a", false},
      {"", false},
  }};
  for (const Case& each : kCases) EXPECT_EQ(check_client_id_url(each.url).has_value(), each.good) << each.url;
  EXPECT_TRUE(check_client_id_url("http://127.0.0.1:4000/a", true));
  EXPECT_FALSE(check_client_id_url("http://agent.example/a", true));
}

TEST(ClientDocument, FollowsTheRulesOfTheDraftAndOfOkta) {
  const auto good = read_client_document(core::json::write(good_document()), kUrl);
  ASSERT_TRUE(good) << core::describe(good.error());
  EXPECT_EQ(good->name, "Agent");
  EXPECT_EQ(good->redirect_uris, std::vector<std::string>{"https://agent.example/cb"});
  EXPECT_EQ(good->keys.keys().size(), 1u);
  EXPECT_FALSE(good->dpop_bound_access_tokens);

  struct Case {
    std::string_view member, value, location;  // an empty value takes the member out
  };
  const std::string private_key =
      fmt::format(R"({{"keys":[{}]}})",
                  oauth::Key::generate(oauth::Algorithm::es256).value().private_jwk().value().reveal());
  const std::array<Case, 21> cases{{
      {"client_id", R"("https://agent.example/other.json")", "client_id"},
      {"client_id", R"("https://AGENT.example/client.json")", "client_id"},
      {"client_id", "", "client_id"},
      {"client_id", "7", "client_id"},
      {"client_secret", R"("s3cret")", "client_secret"},
      {"client_secret_expires_at", "0", "client_secret_expires_at"},
      {"token_endpoint_auth_method", R"("client_secret_post")", "token_endpoint_auth_method"},
      {"token_endpoint_auth_method", R"("none")", "token_endpoint_auth_method"},
      {"grant_types", R"(["client_credentials"])", "grant_types"},
      {"grant_types", R"("authorization_code")", "grant_types"},
      {"redirect_uris", "", "redirect_uris"},
      {"redirect_uris", "[]", "redirect_uris"},
      {"redirect_uris", R"(["http://agent.example/cb"])", "redirect_uris"},
      {"redirect_uris", R"(["javascript:alert"])", "redirect_uris"},
      {"redirect_uris", R"([7])", "redirect_uris"},
      {"jwks", "", "jwks"},
      {"jwks", R"({"keys":[]})", "jwks"},
      {"jwks", private_key, "jwks"},
      {"jwks_uri", R"("https://agent.example/jwks")", "jwks_uri"},
      {"dpop_bound_access_tokens", R"("yes")", "dpop_bound_access_tokens"},
      {"client_name", "[]", "client_name"},
  }};
  for (const Case& each : cases) {
    SCOPED_TRACE(fmt::format("{} {}", each.member, each.value));
    Object document = good_document();
    if (each.value.empty()) {
      document.erase(each.member);
    } else {
      document[each.member] = core::json::parse(each.value).value();
    }
    const auto got = read_client_document(core::json::write(document), kUrl);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code, "registry.INVALID_CLIENT_METADATA");
    EXPECT_EQ(got.error().location, each.location);
  }
  for (const std::string_view text : {"", "[]", "<html>", "{\"client_id\":"})
    EXPECT_FALSE(read_client_document(text, kUrl)) << text;
}

// ---- As clients ----

class AgentClients : public test::ServiceFixture {
 protected:
  void SetUp() override {
    test::add_user(store(), "00uOwner");
    outside().answer_with(
        [this](const core::Context&, const net::HttpRequest& request) -> core::Result<net::HttpResponse> {
          net::HttpResponse response{
              .status = 404, .headers = {{"Content-Type", "application/json"}}, .body = "{}"};
          const auto found = pages_.find(request.url);
          if (found == pages_.end()) return response;
          response.status = status_;
          response.body = found->second;
          if (!cache_control_.empty()) response.headers.add("Cache-Control", cache_control_);
          return response;
        });
  }
  core::Result<std::optional<authserver::Client>> find(std::string_view id) {
    return find_agent_client(store(), service_, id);
  }

  std::map<std::string, std::string> pages_;
  std::string cache_control_;
  int status_ = 200;
};

TEST_F(AgentClients, OnlyActiveAgentsAreClients) {
  const WorkloadApi api(service_);
  const std::string id = api.agent("agent", R"(,"signOnProvider":{"type":"NEW_OIDC_APP",
      "redirectUris":["https://agent.example/cb"]},"oauthClient":{"dpopBoundAccessTokens":true})");
  api.own(id);
  const std::string key = api.add_key(id);
  EXPECT_FALSE(find(id).value()) << "STAGED";
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/activate", id)).status, 202);
  const auto client = find(id).value();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->id, id);
  EXPECT_EQ(client->name, "agent");
  EXPECT_EQ(client->auth_method, authserver::AuthMethod::private_key_jwt);
  EXPECT_EQ(client->keys.keys().size(), 1u);
  EXPECT_TRUE(client->dpop_bound_access_tokens);
  EXPECT_EQ(client->redirect_uris, std::vector<std::string>{"https://agent.example/cb"});
  EXPECT_EQ(client->grants, (std::vector<std::string>{"urn:ietf:params:oauth:grant-type:token-exchange",
                                                      "urn:ietf:params:oauth:grant-type:jwt-bearer",
                                                      "authorization_code", "refresh_token"}));

  api.add_key(id);
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/credentials/jwks/{}/lifecycle/deactivate", id, key)).status,
            200);
  EXPECT_EQ(find(id).value()->keys.keys().size(), 1u) << "active keys only";
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/deactivate", id)).status, 202);
  EXPECT_FALSE(find(id).value()) << "INACTIVE";
  EXPECT_FALSE(find("wlpNone").value());
  EXPECT_FALSE(find("https://nobody.example/x").value());
  EXPECT_EQ(outside().count(), 0u) << "nobody unknown makes us fetch";
}

TEST_F(AgentClients, AnAgentWithoutRedirectsHasTheExchangeGrantsOnly) {
  const WorkloadApi api(service_);
  const auto client = find(api.active_agent("plain")).value();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->grants.size(), 2u);
  EXPECT_EQ(std::ranges::count(client->grants, "client_credentials"), 0);
}

TEST_F(AgentClients, ADocumentIsTheClient) {
  const WorkloadApi api(service_);
  const std::string id =
      api.agent("by document", fmt::format(R"(,"oauthClient":{{"type":"CIMD","clientId":"{}"}})", kUrl));
  api.own(id);
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/activate", id)).status, 202);
  Object document = good_document();
  document["dpop_bound_access_tokens"] = true;
  pages_[std::string(kUrl)] = core::json::write(document);
  const auto client = find(kUrl).value();
  ASSERT_TRUE(client);
  EXPECT_EQ(client->id, kUrl);
  EXPECT_EQ(client->redirect_uris, std::vector<std::string>{"https://agent.example/cb"});
  EXPECT_EQ(client->keys.keys().size(), 1u);
  EXPECT_TRUE(client->dpop_bound_access_tokens);
  EXPECT_FALSE(find(id).value()) << "known by its URL only";
  const net::HttpRequest sent = outside().requests().at(0);
  EXPECT_FALSE(sent.follow_redirects);
  EXPECT_LE(sent.max_response_bytes, 64u << 10);
  EXPECT_LE(sent.total_timeout, std::chrono::seconds{5});
  EXPECT_EQ(outside().count(), 1u);
  ASSERT_TRUE(find(kUrl).value());
  EXPECT_EQ(outside().count(), 1u) << "kept for a minute without Cache-Control";
}

TEST_F(AgentClients, DocumentsAreKeptAsLongAsTheySayAndFiveMinutesAtMost) {
  const WorkloadApi api(service_);
  struct Case {
    std::string_view header;
    int seconds;  // 0: not kept
  };
  constexpr std::array<Case, 7> kCases{{{"", 60},
                                        {"max-age=120", 120},
                                        {"public, max-age=\"20\"", 20},
                                        {"max-age=86400", 300},
                                        {"max-age=99999999999999", 300},
                                        {"no-store", 0},
                                        {"max-age=600, no-cache", 0}}};
  int number = 0;
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.header);
    const std::string url = fmt::format("https://agent.example/jwks/{}", ++number);
    pages_[url] = R"({"keys":[)" + WorkloadApi::public_key() + "]}";
    cache_control_ = each.header;
    outside().clear_requests();
    ASSERT_TRUE(fetch_client_keys(service_, url));
    if (each.seconds > 0) clock().advance(std::chrono::seconds{each.seconds - 1});
    ASSERT_TRUE(fetch_client_keys(service_, url));
    EXPECT_EQ(outside().count(), each.seconds > 0 ? 1u : 2u);
    clock().advance(std::chrono::seconds{2});
    ASSERT_TRUE(fetch_client_keys(service_, url));
    EXPECT_EQ(outside().count(), each.seconds > 0 ? 2u : 3u);
  }
}

TEST_F(AgentClients, WhatIsBadOrAwayIsNoClientAndNotRemembered) {
  const WorkloadApi api(service_);
  const std::string id =
      api.agent("by document", fmt::format(R"(,"oauthClient":{{"type":"CIMD","clientId":"{}"}})", kUrl));
  api.own(id);
  ASSERT_EQ(api.post(fmt::format("/ai-agents/{}/lifecycle/activate", id)).status, 202);
  const auto refused = [&] {
    const auto got = find(kUrl);
    return !got && got.error().code == "authserver.invalid_client";
  };
  EXPECT_TRUE(refused()) << "404";
  pages_[std::string(kUrl)] = "<html>";
  EXPECT_TRUE(refused());
  pages_[std::string(kUrl)] = core::json::write(good_document());
  status_ = 302;
  EXPECT_TRUE(refused()) << "a redirect";
  status_ = 200;
  EXPECT_TRUE(find(kUrl).value()) << "as soon as it is mended";
}

TEST_F(AgentClients, KeysAtAUriStandBesideStoredOnes) {
  const WorkloadApi api(service_);
  const std::string id =
      api.active_agent("fetched", R"(,"oauthClient":{"jwksUri":"https://agent.example/jwks"})");
  EXPECT_EQ(find(id).value()->keys.keys().size(), 1u) << "the address is away, the stored key is good";
  pages_["https://agent.example/jwks"] = R"({"keys":[)" + WorkloadApi::public_key() + "]}";
  EXPECT_EQ(find(id).value()->keys.keys().size(), 2u);
}

}  // namespace
}  // namespace registry
