#include "registry/connections.h"

#include <array>
#include <atomic>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <thread>

#include "registry/transitions.h"
#include "registry/workload_test_kit.h"

namespace registry {
namespace {

using core::json::Object;
using test::AnyService;
using test::Got;
using test::WorkloadApi;

constexpr std::string_view kSecret = "5b1c9a86-8f0e-4b1a-9a37-0d7a3d3c0001";
constexpr std::string_view kAccount = "5b1c9a86-8f0e-4b1a-9a37-0d7a3d3c0002";

class Connections : public AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    test::add_user(store(), "00uOwner");
    test::add_custom_as(store(), "aus1");
    test::add_server(store(), "ems1");
    test::link_auth_server(store(), "ems1", "aus1");
    test::link_auth_server(store(), "ems1", "eas1");
    test::add_settings(store(), "rsc1", "ems1", "eas1");
    Row secret{.kind = Kind::vault_secret, .id = std::string(kSecret), .status = "ACTIVE", .name = "token"};
    test::insert(store(), secret);
    Row account{
        .kind = Kind::service_account, .id = std::string(kAccount), .status = "ACTIVE", .name = "bot"};
    account.body["app"] = "github:0oaApp";
    test::insert(store(), account);
    target_ = api().active_agent("the other agent", R"(,"resourceUrl":"https://other.example/a2a")");
    agent_ = api().agent("the agent");
    path_ = fmt::format("/ai-agents/{}/connections", agent_);
  }

  WorkloadApi& api() {
    if (!api_) api_ = std::make_unique<WorkloadApi>(service_);
    return *api_;
  }

  std::string orn(std::string_view name) const { return fmt::format(R"({{"orn":"{}"}})", name); }
  const ResourceNames& names() const { return service_.names; }
  std::string app() const { return fmt::format("orn:okta:pam:{}:apps:github:0oaApp", names().org_id()); }

  // What makes each type; `more` begins with a comma.
  std::string body(std::string_view type, std::string_view more = {}) const {
    const std::map<std::string_view, std::string> targets{
        {"IDENTITY_ASSERTION_CUSTOM_AS", R"("authorizationServer":)" + orn(names().custom_as("aus1"))},
        {"IDENTITY_ASSERTION_APP_INSTANCE",
         fmt::format(R"("app":{},"issuerUrl":"https://saas.example")", orn(app()))},
        {"IDENTITY_ASSERTION_MCP_SERVER",
         fmt::format(R"("resource":{},"authorizationServer":{})", orn(names().mcp_server("ems1")),
                     orn(names().custom_as("aus1")))},
        {"IDENTITY_ASSERTION_A2A_SERVER",
         fmt::format(R"("resource":{},"authorizationServer":{})", orn(names().a2a_server(target_)),
                     orn(names().custom_as("aus1")))},
        {"IDENTITY_ASSERTION_VIRTUAL_MCP_SERVER",
         fmt::format(R"("resource":{{"orn":"orn:okta:directory:{}:resource-servers:virtual-mcp:wlpV"}},
                       "authorizationServer":{})",
                     names().org_id(), orn(names().custom_as("aus1")))},
        {"STS_ACCESS_TOKEN", R"("resource":)" + orn(names().client_auth_settings("rsc1"))},
        {"STS_VAULT_SECRET", R"("secret":)" + orn(names().vault_secret(kSecret))},
        {"STS_SERVICE_ACCOUNT", fmt::format(R"("app":{},"serviceAccount":{})", orn(app()),
                                            orn(names().service_account("github:0oaApp", kAccount)))},
    };
    return fmt::format(R"({{"connectionType":"{}",{}{}}})", type, targets.at(type), more);
  }

  std::string target_, agent_, path_;

 private:
  std::unique_ptr<WorkloadApi> api_;
};
INSTANTIATE_TEST_SUITE_P(Stores, Connections, test::kBackends, test::name_of);

// The table of the eight types, told a second time.
TEST_P(Connections, EachTypeHasItsDefaultsAndRules) {
  struct Expected {
    std::string_view type;
    int status;
    bool scopes, indicator;
    std::string default_indicator;
  };
  const std::array<Expected, 8> expected{{
      {"IDENTITY_ASSERTION_CUSTOM_AS", 201, true, true, names().custom_as("aus1")},
      {"IDENTITY_ASSERTION_APP_INSTANCE", 201, true, true, app()},
      {"IDENTITY_ASSERTION_MCP_SERVER", 201, true, false, test::resource_url("ems1")},
      {"IDENTITY_ASSERTION_A2A_SERVER", 201, true, false, "https://other.example/a2a"},
      {"IDENTITY_ASSERTION_VIRTUAL_MCP_SERVER", 404, true, false, ""},
      {"STS_ACCESS_TOKEN", 201, false, true, names().client_auth_settings("rsc1")},
      {"STS_VAULT_SECRET", 201, false, true, names().vault_secret(kSecret)},
      {"STS_SERVICE_ACCOUNT", 201, false, true, names().service_account("github:0oaApp", kAccount)},
  }};
  ASSERT_EQ(connection_types().size(), expected.size());
  for (const Expected& each : expected) {
    SCOPED_TRACE(each.type);
    const Got got = api().post(path_, body(each.type));
    ASSERT_EQ(got.status, each.status) << core::json::write(got.body);
    if (each.status != 201) continue;
    EXPECT_EQ(got.text("connectionType"), each.type);
    EXPECT_EQ(got.text("status"), "ACTIVE");
    EXPECT_EQ(got.text("resourceIndicator"), each.default_indicator);
    EXPECT_EQ(got.text("orn"), names().connection(got.text("id")));
    EXPECT_EQ(got.body.contains("scopes"), each.scopes);
    EXPECT_EQ(got.body.contains("scopeCondition"), each.scopes);
    if (each.scopes) {
      EXPECT_EQ(got.text("scopeCondition"), "ALL_SCOPES");
      EXPECT_EQ(core::json::write(got.body.at("scopes")), R"(["*"])");
    }
    // What was sent is shown, so that a client finds again what it made.
    const Object sent = core::json::parse(body(each.type)).value().as_object();
    for (const auto& member : sent) {
      ASSERT_TRUE(got.body.contains(member.key())) << member.key();
      if (member.value().is_object()) {
        EXPECT_EQ(got.body.at(member.key()).at("orn"), member.value().at("orn"));
      } else {
        EXPECT_EQ(got.body.at(member.key()), member.value());
      }
    }

    const Got again = api().post(path_, body(each.type));
    EXPECT_EQ(again.status, 409);
    EXPECT_EQ(again.reason(), "DUPLICATE_CONNECTION");

    const std::string one = fmt::format("{}/{}", path_, got.text("id"));
    EXPECT_EQ(api().put(one, "{}").status, 405);
    EXPECT_EQ(api().call(net::Method::patch, one, {.body = "{}"}).text("errorCode"), "E0000021");
    const Got scoped =
        api().patch(one, R"({"scopeCondition":"INCLUDE_ONLY","scopes":["tools.read","tools.call"]})");
    EXPECT_EQ(scoped.status, each.scopes ? 200 : 400);
    if (each.scopes) {
      EXPECT_EQ(core::json::write(scoped.body.at("scopes")), R"(["tools.read","tools.call"])");
    }
    for (const std::string_view half : {R"({"scopes":["a"]})", R"({"scopeCondition":"EXCLUDE"})"})
      EXPECT_EQ(api().patch(one, std::string(half)).status, 400) << half;
    const std::string chosen = fmt::format("https://chosen.example/{}", each.type);
    const Got indicated = api().patch(one, fmt::format(R"({{"resourceIndicator":"{}"}})", chosen));
    EXPECT_EQ(indicated.status, each.indicator ? 200 : 400);
    if (each.indicator) {
      EXPECT_EQ(indicated.text("resourceIndicator"), chosen);
    }
    const Got reset = api().patch(one, R"({"resourceIndicator":null})");
    EXPECT_EQ(reset.status, 200);
    EXPECT_EQ(reset.text("resourceIndicator"), each.default_indicator);
  }
}

TEST_P(Connections, BodiesAreClosedAndNamesAreOfTheRightKind) {
  struct Case {
    std::string body, reason, location;
  };
  const std::string mcp = "IDENTITY_ASSERTION_MCP_SERVER";
  const auto with_resource = [&](std::string_view type, std::string_view name) {
    return fmt::format(R"({{"connectionType":"{}","resource":{},"authorizationServer":{}}})", type, orn(name),
                       orn(names().custom_as("aus1")));
  };
  const std::vector<Case> cases{
      {"{}", "REQUIRED_PROPERTY", "connectionType"},
      {R"({"connectionType":"STS"})", "INVALID_FORMAT", "connectionType"},
      {R"({"connectionType":"STS_VAULT_SECRET"})", "REQUIRED_PROPERTY", "secret"},
      {body("STS_VAULT_SECRET", R"(,"app":{})"), "UNKNOWN_PROPERTY", "app"},
      {body("STS_VAULT_SECRET", R"(,"status":"INACTIVE")"), "UNKNOWN_PROPERTY", "status"},
      {body("STS_VAULT_SECRET", R"(,"scopes":["*"])"), "INVALID_FORMAT", "scopes"},
      {body("STS_ACCESS_TOKEN", R"(,"scopeCondition":"ALL_SCOPES")"), "INVALID_FORMAT", "scopeCondition"},
      {body(mcp, R"(,"scopes":["*"])"), "INVALID_FORMAT", "scopeCondition"},
      {body(mcp, R"(,"scopeCondition":"ALL_SCOPES")"), "INVALID_FORMAT", "scopes"},
      {body(mcp, R"(,"scopeCondition":"ALL_SCOPES","scopes":["a"])"), "INVALID_FORMAT", "scopes"},
      {body(mcp, R"(,"scopeCondition":"INCLUDE_ONLY","scopes":[])"), "INVALID_FORMAT", "scopes"},
      {body(mcp, R"(,"scopeCondition":"INCLUDE_ONLY","scopes":["*"])"), "INVALID_FORMAT", "scopes"},
      {body(mcp, R"(,"scopeCondition":"EXCLUDE","scopes":["a b"])"), "INVALID_FORMAT", "scopes"},
      {body(mcp, R"(,"scopeCondition":"EXCLUDE","scopes":["a","a"])"), "INVALID_FORMAT", "scopes"},
      {body(mcp, R"(,"scopeCondition":"SOME","scopes":["a"])"), "INVALID_FORMAT", "scopeCondition"},
      {body(mcp, R"(,"resourceIndicator":"https://x.example")"), "INVALID_FORMAT", "resourceIndicator"},
      {body("STS_VAULT_SECRET", R"(,"resourceIndicator":"no uri")"), "INVALID_FORMAT", "resourceIndicator"},
      {body("STS_VAULT_SECRET", R"(,"resourceIndicator":"https://x.example/#a")"), "INVALID_FORMAT",
       "resourceIndicator"},
      {with_resource(mcp, names().ai_agent(target_)), "INVALID_FORMAT", "resource.orn"},
      {with_resource(mcp, names().client_auth_settings("rsc1")), "INVALID_FORMAT", "resource.orn"},
      {with_resource(mcp, "orn:okta:directory:00oOther:resource-servers:mcp:ems1"), "INVALID_FORMAT",
       "resource.orn"},
      {with_resource("IDENTITY_ASSERTION_A2A_SERVER", names().ai_agent(target_)), "INVALID_FORMAT",
       "resource.orn"},
      {with_resource("IDENTITY_ASSERTION_A2A_SERVER", names().a2a_server(agent_)), "INVALID_FORMAT",
       "resource.orn"},
      {fmt::format(R"({{"connectionType":"STS_ACCESS_TOKEN","resource":{}}})",
                   orn(names().mcp_server("ems1"))),
       "INVALID_FORMAT", "resource.orn"},
      {fmt::format(R"({{"connectionType":"STS_SERVICE_ACCOUNT","app":{},"serviceAccount":{}}})", orn(app()),
                   orn(names().service_account("other:0oaApp", kAccount))),
       "INVALID_FORMAT", "serviceAccount.orn"},
      {fmt::format(R"({{"connectionType":"{}","resource":{},"authorizationServer":{}}})", mcp,
                   orn(names().mcp_server("ems1")), orn(names().custom_as("ausOther"))),
       "INVALID_FORMAT", "authorizationServer"},
      {with_resource(mcp, names().mcp_server("emsNone")), "NOT_FOUND", ""},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.body);
    const Got got = api().post(path_, each.body);
    EXPECT_EQ(got.status, each.reason == "NOT_FOUND" ? 404 : 400);
    EXPECT_EQ(got.reason(), each.reason);
    EXPECT_EQ(got.location(), each.location);
  }
  EXPECT_TRUE(api().get(path_).ids().empty());
}

TEST_P(Connections, LeadOnlyToServersThatAreActive) {
  for (const Status status : {Status::pending, Status::inactive, Status::invalid}) {
    const std::string name(to_string(status));
    const std::string server = "ems" + name;
    test::add_server(store(), server, status);
    test::link_auth_server(store(), server, "aus1");
    test::link_auth_server(store(), server, "eas1");
    test::add_settings(store(), "rsc" + name, server, "eas1");
    const std::array<std::string, 2> bodies{
        fmt::format(
            R"({{"connectionType":"IDENTITY_ASSERTION_MCP_SERVER","resource":{},"authorizationServer":{}}})",
            orn(names().mcp_server(server)), orn(names().custom_as("aus1"))),
        fmt::format(R"({{"connectionType":"STS_ACCESS_TOKEN","resource":{}}})",
                    orn(names().client_auth_settings("rsc" + name)))};
    for (const std::string& each : bodies) {
      SCOPED_TRACE(each);
      const Got got = api().post(path_, each);
      EXPECT_EQ(got.status, 409);
      EXPECT_EQ(got.reason(), "RESOURCE_NOT_ACTIVE");
      EXPECT_NE(got.summary().find(name), std::string::npos) << got.summary();
    }
  }
  EXPECT_TRUE(api().get(path_).ids().empty());
}

TEST_P(Connections, LeadOnlyWhereTheAbilityIs) {
  // No authorization server at all; ours without a rule; external without a registration; one that is not
  // ACTIVE; external ones have no XAA unless it was allowed.
  test::add_server(store(), "emsBare");
  test::insert(store(), {.kind = Kind::custom_as, .id = "ausNoRule", .status = "ACTIVE"});
  test::add_server(store(), "emsNoRule");
  test::link_auth_server(store(), "emsNoRule", "ausNoRule");
  test::add_server(store(), "emsAsleep");
  test::link_auth_server(store(), "emsAsleep", "aus1", Status::inactive);
  test::link_auth_server(store(), "emsAsleep", "eas1");
  test::add_settings(store(), "rscAsleep", "emsAsleep", "eas1");
  const auto connect = [&](std::string_view server, std::string_view as) {
    return api().post(
        path_,
        fmt::format(
            R"({{"connectionType":"IDENTITY_ASSERTION_MCP_SERVER","resource":{},"authorizationServer":{}}})",
            orn(names().mcp_server(server)),
            as.starts_with("eas") ? fmt::format(R"({{"id":"{}"}})", as) : orn(names().custom_as(as))));
  };
  EXPECT_EQ(connect("emsBare", "aus1").reason(), "INVALID_FORMAT") << "none of its servers";
  EXPECT_EQ(connect("emsNoRule", "ausNoRule").reason(), "NOT_CONNECTABLE");
  const Got asleep = connect("emsAsleep", "aus1");
  EXPECT_EQ(asleep.status, 409);
  EXPECT_EQ(asleep.reason(), "NOT_CONNECTABLE");
  EXPECT_NE(asleep.summary().find("INACTIVE"), std::string::npos) << asleep.summary();
  EXPECT_EQ(connect("ems1", "eas1").reason(), "NOT_CONNECTABLE");
  EXPECT_EQ(api()
                .post(path_, fmt::format(R"({{"connectionType":"STS_ACCESS_TOKEN","resource":{}}})",
                                         orn(names().client_auth_settings("rscAsleep"))))
                .status,
            201);
  test::add_settings(store(), "rscOff", "ems1", "eas1", false);
  EXPECT_EQ(api()
                .post(path_, fmt::format(R"({{"connectionType":"STS_ACCESS_TOKEN","resource":{}}})",
                                         orn(names().client_auth_settings("rscOff"))))
                .reason(),
            "RESOURCE_NOT_ACTIVE");
}

TEST_P(Connections, OtherTargetsHaveToBeActiveToo) {
  test::set_status(store(), Kind::custom_as, "aus1", "INACTIVE");
  EXPECT_EQ(api().post(path_, body("IDENTITY_ASSERTION_CUSTOM_AS")).reason(), "RESOURCE_NOT_ACTIVE");
  test::set_status(store(), Kind::custom_as, "aus1", "ACTIVE");
  ASSERT_EQ(api().post(fmt::format("/ai-agents/{}/lifecycle/deactivate", target_)).status, 202);
  EXPECT_EQ(api().post(path_, body("IDENTITY_ASSERTION_A2A_SERVER")).reason(), "RESOURCE_NOT_ACTIVE");
  test::set_status(store(), Kind::vault_secret, std::string(kSecret), "INACTIVE");
  EXPECT_EQ(api().post(path_, body("STS_VAULT_SECRET")).reason(), "RESOURCE_NOT_ACTIVE");
  test::set_status(store(), Kind::service_account, std::string(kAccount), "INACTIVE");
  EXPECT_EQ(api().post(path_, body("STS_SERVICE_ACCOUNT")).reason(), "RESOURCE_NOT_ACTIVE");
}

TEST_P(Connections, HaveTwoStatesAndAreDeletedWhenInactive) {
  struct Expected {
    std::string_view from, verb;
    int status;
    std::string_view then;  // empty: gone
  };
  constexpr std::array<Expected, 6> kExpected{{
      {"ACTIVE", "activate", 409, "ACTIVE"},
      {"ACTIVE", "deactivate", 200, "INACTIVE"},
      {"ACTIVE", "delete", 409, "ACTIVE"},
      {"INACTIVE", "activate", 200, "ACTIVE"},
      {"INACTIVE", "deactivate", 409, "INACTIVE"},
      {"INACTIVE", "delete", 204, ""},
  }};
  for (const Expected& each : kExpected) {
    SCOPED_TRACE(fmt::format("{} {}", each.from, each.verb));
    Got got = api().post(path_, body("STS_ACCESS_TOKEN"));
    std::string one = fmt::format("{}/{}", path_, got.text("id"));
    if (got.status == 409) one = fmt::format("{}/{}", path_, api().get(path_).ids().front());
    if (api().get(one).text("status") != each.from)
      api().post(fmt::format("{}/lifecycle/{}", one, each.from == "ACTIVE" ? "activate" : "deactivate"));
    ASSERT_EQ(api().get(one).text("status"), each.from);
    got = each.verb == "delete" ? api().remove(one)
                                : api().post(fmt::format("{}/lifecycle/{}", one, each.verb));
    EXPECT_EQ(got.status, each.status);
    if (got.status == 409) {
      EXPECT_EQ(got.reason(), "INVALID_STATE_TRANSITION");
    }
    const Got after = api().get(one);
    EXPECT_EQ(after.status, each.then.empty() ? 404 : 200);
    if (!each.then.empty()) {
      EXPECT_EQ(after.text("status"), each.then);
    }
  }
  // Activation looks at the target again.
  const std::string one = fmt::format("{}/{}", path_, api().post(path_, body("STS_ACCESS_TOKEN")).text("id"));
  ASSERT_EQ(api().post(one + "/lifecycle/deactivate").status, 200);
  test::set_status(store(), Kind::mcp_server, "ems1", "INACTIVE");
  EXPECT_EQ(api().post(one + "/lifecycle/activate").reason(), "RESOURCE_NOT_ACTIVE");
}

TEST_P(Connections, WhatTheyNeedIsFoundByWhoWouldRemoveIt) {
  for (const std::string_view type :
       {"IDENTITY_ASSERTION_MCP_SERVER", "STS_ACCESS_TOKEN", "STS_VAULT_SECRET"})
    ASSERT_EQ(api().post(path_, body(type)).status, 201);
  const auto needed_by = [&](std::string id) {
    return store().list({.kind = Kind::connection, .refers_to = std::move(id)}).value().size();
  };
  EXPECT_EQ(needed_by("ems1"), 2u);
  EXPECT_EQ(needed_by("aus1"), 1u);
  EXPECT_EQ(needed_by("rsc1"), 1u);
  EXPECT_EQ(needed_by(std::string(kSecret)), 1u);
  EXPECT_EQ(needed_by("ems2"), 0u);
}

TEST_P(Connections, IndicatorsOfTheBrokerAreUnique) {
  test::add_settings(store(), "rsc2", "ems1", "eas1");
  ASSERT_EQ(
      api().post(path_, body("STS_ACCESS_TOKEN", R"(,"resourceIndicator":"https://api.example/")")).status,
      201);
  const std::string second = fmt::format(
      R"({{"connectionType":"STS_ACCESS_TOKEN","resource":{},"resourceIndicator":"https://api.example/"}})",
      orn(names().client_auth_settings("rsc2")));
  const Got got = api().post(path_, second);
  EXPECT_EQ(got.status, 409);
  EXPECT_EQ(got.reason(), "DUPLICATE_CONNECTION");
  EXPECT_EQ(got.location(), "resourceIndicator");
  EXPECT_EQ(api().post(fmt::format("/ai-agents/{}/connections", target_), second).status, 201)
      << "of another agent";
}

TEST_P(Connections, WhatCannotBeChangedIsNamed) {
  const Got made = api().post(path_, body("IDENTITY_ASSERTION_CUSTOM_AS"));
  const std::string one = fmt::format("{}/{}", path_, made.text("id"));
  struct Case {
    std::string_view body, reason, location;
  };
  constexpr std::array<Case, 4> kCases{{
      {R"({"connectionType":"STS_ACCESS_TOKEN"})", "IMMUTABLE_PROPERTY", "connectionType"},
      {R"({"authorizationServer":{"orn":"orn:x"}})", "IMMUTABLE_PROPERTY", "authorizationServer"},
      {R"({"status":"INACTIVE"})", "IMMUTABLE_PROPERTY", "status"},
      {R"({"name":"x"})", "UNKNOWN_PROPERTY", "name"},
  }};
  for (const Case& each : kCases) {
    SCOPED_TRACE(each.body);
    const Got got = api().patch(one, std::string(each.body));
    EXPECT_EQ(got.status, 400);
    EXPECT_EQ(got.reason(), each.reason);
    EXPECT_EQ(got.location(), each.location);
  }
  EXPECT_EQ(api().patch(one, R"({"connectionType":"IDENTITY_ASSERTION_CUSTOM_AS"})").status, 200)
      << "as it is";
  EXPECT_EQ(
      api()
          .call(net::Method::patch, one,
                {.body = "{}", .type = "application/merge-patch+json", .headers = {{"If-Match", "W/\"99\""}}})
          .status,
      412);
}

// Whatever the order, no connection appears after its server was deactivated.
TEST_P(Connections, ConnectAndDeactivateAtOnceNeverLeaveANewConnectionToAnInactiveServer) {
  constexpr int kRounds = 12;
  int connected = 0;
  for (int round = 0; round < kRounds; ++round) {
    const std::string server = fmt::format("emsRace{}", round);
    test::add_server(store(), server);
    test::link_auth_server(store(), server, "aus1");
    Got got;
    core::Status moved;
    std::atomic<int> waiting{2};
    const auto together = [&] {
      for (--waiting; waiting > 0;) std::this_thread::yield();
    };
    std::thread connects([&] {
      together();
      got = api().post(
          path_,
          fmt::format(
              R"({{"connectionType":"IDENTITY_ASSERTION_MCP_SERVER","resource":{},"authorizationServer":{}}})",
              orn(names().mcp_server(server)), orn(names().custom_as("aus1"))));
    });
    together();
    moved = store().transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, server));
      ASSIGN_OR_RETURN(McpServer held, read_mcp_server(row.value()));
      return move_server(tx, service_, held, ServerEvent::deactivate,
                         {.id = "system", .type = "SystemPrincipal"}, "trn");
    });
    connects.join();
    ASSERT_TRUE(moved) << core::describe(moved.error());
    ASSERT_TRUE(got.status == 201 || got.reason() == "RESOURCE_NOT_ACTIVE") << core::json::write(got.body);
    if (got.status != 201) continue;
    ++connected;
    std::int64_t created = 0;
    std::int64_t deactivated = 0;
    const auto events = store().events({.about = server, .limit = 100}).value();
    for (const Event& event : events) {
      if (event.type == "workload_principal.resource_connection.create") created = event.number;
      if (event.type == "resource_servers.mcp_server.deactivate") deactivated = event.number;
    }
    EXPECT_LT(created, deactivated);
    EXPECT_NE(created, 0);
  }
  RecordProperty("connected", connected);
}

TEST_P(Connections, McpServersAreClientsToo) {
  test::add_server(store(), "emsClient");
  Got got = api().post("/mcp-servers/emsClient/oauth-client");
  EXPECT_EQ(got.status, 201);
  EXPECT_TRUE(got.body.empty());
  got = api().post("/mcp-servers/emsClient/oauth-client");
  EXPECT_EQ(got.status, 409);
  EXPECT_EQ(got.reason(), "UNIQUE_CONSTRAINT");
  EXPECT_EQ(api().post("/mcp-servers/emsNone/oauth-client").status, 404);
  EXPECT_EQ(api().get("/mcp-servers/ems1/connections").status, 404) << "that one is no client";

  const Got key = api().post("/mcp-servers/emsClient/credentials/jwks", WorkloadApi::public_key());
  const std::string deactivate =
      fmt::format("/mcp-servers/emsClient/credentials/jwks/{}/lifecycle/deactivate", key.text("id"));
  ASSERT_EQ(key.status, 201);
  const std::string path = "/mcp-servers/emsClient/connections";
  got = api().post(path, body("IDENTITY_ASSERTION_MCP_SERVER"));
  ASSERT_EQ(got.status, 201) << core::json::write(got.body);
  EXPECT_NE(got.headers.get("Location").find(path), std::string::npos);
  EXPECT_EQ(api().post("/mcp-servers/ems1/oauth-client").status, 201);
  EXPECT_EQ(api().post("/mcp-servers/ems1/connections", body("IDENTITY_ASSERTION_MCP_SERVER")).status, 400)
      << "to itself";

  EXPECT_EQ(api().post(deactivate).reason(), "DEACTIVATE_NOT_ALLOWED");
  got = api().remove("/mcp-servers/emsClient/oauth-client");
  EXPECT_EQ(got.status, 409);
  EXPECT_EQ(got.reason(), "RESOURCE_IN_USE");
  const std::string one = fmt::format("{}/{}", path, api().get(path).ids().front());
  ASSERT_EQ(api().post(one + "/lifecycle/deactivate").status, 200);
  ASSERT_EQ(api().remove(one).status, 204);
  EXPECT_EQ(api().remove("/mcp-servers/emsClient/oauth-client").status, 409) << "a key is left";
  // Connected to nothing, so that its last key may go.
  ASSERT_EQ(api().post(deactivate).status, 200);
  ASSERT_EQ(api().remove("/mcp-servers/emsClient/credentials/jwks/" + key.text("id")).status, 204);
  EXPECT_EQ(api().remove("/mcp-servers/emsClient/oauth-client").status, 204);
  EXPECT_EQ(api().get(path).status, 404);
}

}  // namespace
}  // namespace registry
