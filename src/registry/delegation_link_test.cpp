#include <array>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "registry/workload_test_kit.h"

namespace registry {
namespace {

using test::AnyService;
using test::Got;
using test::WorkloadApi;

std::string link_body(std::string_view from, std::string_view to, std::string_view token = "ACCESS_TOKEN") {
  return fmt::format(
      R"({{"from":{{"type":"OKTA_AUTHORIZATION_SERVER","clientOrn":"{}","tokenType":"{}"}},"to":{{"resourceOrn":"{}"}}}})",
      from, token, to);
}

class DelegationLinks : public AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    test::add_user(store(), "00uOwner");
  }
  std::string filtered(std::string_view filter) {
    return "/delegation-links?filter=" + net::encode_query({{"x", std::string(filter)}}).substr(2);
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, DelegationLinks, test::kBackends, test::name_of);

TEST_P(DelegationLinks, SayWhichClientMayHandItsTokenToWhom) {
  const WorkloadApi api(service_);
  const ResourceNames& names = service_.names;
  const std::string caller = names.ai_agent(api.agent("caller"));
  const std::string target = names.ai_agent(api.agent("target"));
  const std::string app = fmt::format("orn:okta:idp:{}:apps:oidc_client:0oaApp", names.org_id());
  test::add_custom_as(store(), "aus1");
  test::add_server(store(), "ems1");
  test::link_auth_server(store(), "ems1", "aus1");
  ASSERT_EQ(api.post("/mcp-servers/ems1/oauth-client").status, 201);
  const std::string server =
      names.mcp_client(store().find_unique(Kind::workload_principal, "server:ems1").value()->id);

  const Got first = api.post("/delegation-links", link_body(caller, target));
  ASSERT_EQ(first.status, 201) << core::json::write(first.body);
  EXPECT_TRUE(first.text("id").starts_with("dlk"));
  EXPECT_EQ(first.text("from.clientOrn"), caller);
  EXPECT_EQ(first.text("from.tokenType"), "ACCESS_TOKEN");
  EXPECT_EQ(first.text("to.resourceOrn"), target);
  clock().advance(std::chrono::milliseconds{5});
  const Got second = api.post("/delegation-links", link_body(app, server, "ID_TOKEN"));
  ASSERT_EQ(second.status, 201);
  EXPECT_EQ(second.text("to.authorizationServerOrn"), names.custom_as("aus1")) << "inferred";

  const Got again = api.post("/delegation-links", link_body(caller, target));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.reason(), "UNIQUE_CONSTRAINT");
  clock().advance(std::chrono::milliseconds{5});
  const Got third = api.post("/delegation-links", link_body(caller, target, "ID_TOKEN"));
  EXPECT_EQ(third.status, 201) << "another token";

  using Ids = std::vector<std::string>;
  EXPECT_EQ(api.get("/delegation-links").ids(), (Ids{first.text("id"), second.text("id"), third.text("id")}));
  EXPECT_EQ(api.get(filtered(fmt::format("to.resourceOrn eq \"{}\"", server))).ids(),
            (Ids{second.text("id")}));
  EXPECT_EQ(api.get(filtered(fmt::format("from.clientOrn eq \"{}\"", caller))).ids(),
            (Ids{first.text("id"), third.text("id")}));
  EXPECT_EQ(
      api.get(filtered(fmt::format("from.clientOrn eq \"{}\" and to.resourceOrn eq \"{}\"", caller, server)))
          .ids(),
      Ids{});
  EXPECT_EQ(api.get(filtered("from.clientOrn eq \"orn:x\"")).ids(), Ids{});
  EXPECT_EQ(api.get(filtered("from.tokenType eq \"ID_TOKEN\"")).reason(), "INVALID_FILTER");

  EXPECT_EQ(api.remove("/delegation-links/" + first.text("id")).status, 204);
  EXPECT_EQ(api.remove("/delegation-links/" + first.text("id")).status, 404);
  EXPECT_EQ(test::event_types(store(), "workload_principal.delegation_link."),
            (Ids{"workload_principal.delegation_link.create", "workload_principal.delegation_link.create",
                 "workload_principal.delegation_link.create", "workload_principal.delegation_link.delete"}));
}

TEST_P(DelegationLinks, LeadFromClientsToWorkloadPrincipals) {
  const WorkloadApi api(service_);
  const ResourceNames& names = service_.names;
  const std::string caller = names.ai_agent(api.agent("caller"));
  const std::string id = api.agent("target");
  const std::string target = names.ai_agent(id);
  test::add_server(store(), "ems1");
  struct Case {
    std::string body, reason, location;
  };
  const std::vector<Case> cases{
      {link_body(caller, names.mcp_server("ems1")), "INVALID_FORMAT", "to.resourceOrn"},
      {link_body(caller, names.a2a_server(id)), "INVALID_FORMAT", "to.resourceOrn"},
      {link_body(caller, caller), "INVALID_FORMAT", "to.resourceOrn"},
      {link_body(names.mcp_server("ems1"), target), "INVALID_FORMAT", "from.clientOrn"},
      {link_body("orn:okta:idp:00oOther:apps:x:0oa1", target), "INVALID_FORMAT", "from.clientOrn"},
      {link_body(caller, target, "REFRESH_TOKEN"), "INVALID_FORMAT", "from.tokenType"},
      {link_body(caller, names.ai_agent("wlpNone")), "NOT_FOUND", ""},
      {link_body(names.ai_agent("wlpNone"), target), "NOT_FOUND", ""},
      {link_body(caller, names.mcp_client(id)), "NOT_FOUND", ""},
      {R"({"from":{},"to":{}})", "REQUIRED_PROPERTY", "from.type"},
      {R"({"to":{}})", "REQUIRED_PROPERTY", "from"},
      {R"({"from":{"type":"SAML"},"to":{}})", "INVALID_FORMAT", "from.type"},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.body);
    const Got got = api.post("/delegation-links", each.body);
    EXPECT_EQ(got.status, each.reason == "NOT_FOUND" ? 404 : 400);
    EXPECT_EQ(got.reason(), each.reason);
    EXPECT_EQ(got.location(), each.location);
  }
  EXPECT_TRUE(api.get("/delegation-links").ids().empty());
}

// ---- Owners ----

class Owners : public DelegationLinks {};
INSTANTIATE_TEST_SUITE_P(Stores, Owners, test::kBackends, test::name_of);

TEST_P(Owners, AreUsersThatAreThere) {
  const WorkloadApi api(service_);
  const ResourceNames& names = service_.names;
  constexpr std::string_view kPath = "/governance/api/v1/resource-owners";
  const std::string agent = names.ai_agent(api.agent("owned"));
  test::add_user(store(), "00uSecond");
  test::add_user(store(), "00uGone", "DEPROVISIONED");
  const auto body = [&](const std::vector<std::string>& users) {
    std::string list;
    for (const std::string& id : users)
      list += fmt::format("{}\"{}\"", list.empty() ? "" : ",", names.user(id));
    return fmt::format(R"({{"resourceOrns":["{}"],"principalOrns":[{}]}})", agent, list);
  };
  const auto owners = [&] {
    std::vector<std::string> ids;
    const Got got = api.get(fmt::format("{}?filter=parentResourceOrn%20eq%20%22{}%22", kPath, agent));
    for (const auto& entry : got.body.at("data").as_array()) {
      for (const auto& principal : entry.at("principals").as_array())
        ids.emplace_back(core::json::string_or_empty(principal, "id"));
    }
    return ids;
  };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(owners(), Ids{});
  EXPECT_EQ(api.post(kPath, body({"00uOwner"})).status, 200);
  EXPECT_EQ(owners(), (Ids{"00uOwner"}));
  EXPECT_EQ(api.put(kPath, body({"00uSecond"})).status, 200) << "sets, as Okta's POST does";
  EXPECT_EQ(owners(), (Ids{"00uSecond"}));
  const auto change = [&](std::string_view op, std::string_view user) {
    return api
        .call(net::Method::patch, kPath,
              {.body = fmt::format(
                   R"({{"resourceOrn":"{}","data":[{{"op":"{}","path":"/principalOrn","value":"{}"}}]}})",
                   agent, op, names.user(user))})
        .status;
  };
  EXPECT_EQ(change("ADD", "00uOwner"), 204);
  EXPECT_EQ(change("ADD", "00uOwner"), 204) << "twice is once";
  EXPECT_EQ(owners(), (Ids{"00uSecond", "00uOwner"}));
  EXPECT_EQ(change("REMOVE", "00uSecond"), 204);
  EXPECT_EQ(owners(), (Ids{"00uOwner"}));
  EXPECT_EQ(change("ADD", "00uNone"), 400);
  EXPECT_EQ(change("MOVE", "00uOwner"), 400);
  EXPECT_EQ(api.put(kPath, body({"00uNone"})).location(), "principalOrns");
  EXPECT_EQ(api.put(kPath, body({"00uGone"})).location(), "principalOrns");
  EXPECT_EQ(api.put(kPath, body({"1", "2", "3", "4", "5", "6"})).status, 400) << "five at the most";
  EXPECT_EQ(api.put(kPath, fmt::format(R"({{"resourceOrns":["{}"]}})", names.mcp_server("ems1"))).location(),
            "resourceOrns");
  EXPECT_EQ(owners(), (Ids{"00uOwner"}));
  EXPECT_EQ(api.put(kPath, body({})).status, 200) << "a STAGED agent may be without";
  EXPECT_EQ(owners(), Ids{});
  EXPECT_EQ(store().list({.kind = Kind::workload_principal, .refers_to = "00uOwner"}).value().size(), 0u);
}

// ---- Potential connections ----

class Potential : public DelegationLinks {};
INSTANTIATE_TEST_SUITE_P(Stores, Potential, test::kBackends, test::name_of);

TEST_P(Potential, IsWhatCouldBeConnectedNow) {
  const WorkloadApi api(service_);
  for (const std::string_view id : {"1", "2", "3"}) {
    const std::string server = fmt::format("ems{}", id);
    test::add_custom_as(store(), fmt::format("aus{}", id));
    test::add_server(store(), server);
    test::link_auth_server(store(), server, fmt::format("aus{}", id));
    test::link_auth_server(store(), server, "eas1");
    test::add_settings(store(), fmt::format("rsc{}", id), server, "eas1", id != "3");
  }
  test::link_auth_server(store(), "ems1", "aus2");
  test::add_server(store(), "emsAsleep", Status::inactive);
  test::link_auth_server(store(), "emsAsleep", "aus1");
  test::add_server(store(), "emsBare");
  api.active_agent("callable", R"(,"resourceUrl":"https://a.example/")");
  api.active_agent("not callable");
  api.agent("not active", R"(,"resourceUrl":"https://b.example/")");
  test::insert(store(), {.kind = Kind::vault_secret, .id = "s1", .status = "ACTIVE"});
  test::insert(store(), {.kind = Kind::vault_secret, .id = "s2", .status = "INACTIVE"});
  Row account{.kind = Kind::service_account, .id = "a1", .status = "ACTIVE"};
  account.body["app"] = "github:0oaApp";
  test::insert(store(), account);

  struct Case {
    std::string_view type;
    std::size_t count;
  };
  constexpr std::array<Case, 8> kCases{{
      {"IDENTITY_ASSERTION_CUSTOM_AS", 3},
      {"IDENTITY_ASSERTION_APP_INSTANCE", 0},
      {"IDENTITY_ASSERTION_MCP_SERVER", 4},
      {"IDENTITY_ASSERTION_A2A_SERVER", 3},  // one agent, by three authorization servers
      {"IDENTITY_ASSERTION_VIRTUAL_MCP_SERVER", 0},
      {"STS_ACCESS_TOKEN", 2},
      {"STS_VAULT_SECRET", 1},
      {"STS_SERVICE_ACCOUNT", 1},
  }};
  const std::string agent = api.agent("connects");
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.type);
    std::vector<core::json::Object> found;
    std::string next =
        fmt::format("/potential-connections?limit=1&filter=connectionType%20eq%20%22{}%22", each.type);
    while (!next.empty() && found.size() < 10) {
      const Got page = api.get(next);
      ASSERT_EQ(page.status, 200);
      ASSERT_LE(page.body.at("data").as_array().size(), 1u);
      for (const auto& entry : page.body.at("data").as_array()) found.push_back(entry.as_object());
      next = page.text("_links.next.href");
      const std::size_t at = next.find("/potential");
      next = at == std::string::npos ? std::string() : next.substr(at);
    }
    EXPECT_EQ(found.size(), each.count);
    // Each of them is accepted.
    for (core::json::Object body : found) {
      body.erase("resourceIndicator");
      for (const std::string_view name :
           {"resource", "authorizationServer", "app", "secret", "serviceAccount"}) {
        auto* member = body.if_contains(name);
        if (member == nullptr) continue;
        member->as_object().erase("name");
        member->as_object().erase("resourceType");
      }
      const Got made = api.post(fmt::format("/ai-agents/{}/connections", agent), core::json::write(body));
      EXPECT_EQ(made.status, 201) << core::json::write(made.body);
    }
  }
  EXPECT_EQ(api.get("/potential-connections").reason(), "INVALID_FILTER");
  EXPECT_EQ(api.get("/potential-connections?filter=connectionType%20eq%20%22STS%22").reason(),
            "INVALID_FILTER");
}

}  // namespace
}  // namespace registry
