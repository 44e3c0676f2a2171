// A server that is not ACTIVE, or not connectable, gets nobody anything: no connection, no ID-JAG, no access
// token for an ID-JAG from before, no STS token although one is stored. One test a state; the requests go the
// API's way.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "registry/client_auth_settings.h"
#include "registry/server.h"
#include "registry/sts.h"
#include "registry/sts_grant.h"
#include "registry/test_token_org.h"
#include "registry/transitions.h"
#include "rest/problem.h"
#include "rest/test_call.h"

namespace registry::test {
namespace {

using net::Method;

constexpr std::string_view kServersPath = "/resource-servers/api/v1/mcp-servers/";
constexpr std::string_view kAgentsPath = "/workload-principals/api/v1/ai-agents/";
constexpr std::string_view kSettingsPath = "/resource-servers/api/v1/client-auth-settings/";

class NotActive : public TokenOrg {
 protected:
  static constexpr std::string_view kExternal = "easExternal000000000";
  static constexpr std::string_view kRegistration = "rscSettings000000000";
  static constexpr std::string_view kSecond = "wlpSecond00000000000";
  static constexpr std::string_view kThird = "wlpThird000000000000";

  // Everything is ACTIVE, and everything is given.
  void SetUp() override {
    TokenOrg::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    add_all_routes(router_, service_);
    insert(to_row(McpAuthServer{.server = std::string(kServer),
                                .id = std::string(kExternal),
                                .issuer = "https://as.example",
                                .status = Status::active,
                                .connectivity = Connectivity::verified,
                                .authorization_endpoint = "https://as.example/authorize",
                                .token_endpoint = "https://as.example/token",
                                .grant_types = {"authorization_code", "refresh_token"}}));
    const ClientAuthSettings settings{.id = std::string(kRegistration),
                                      .name = "main",
                                      .server = std::string(kServer),
                                      .auth_server = std::string(kExternal),
                                      .issuer = "https://as.example",
                                      .client_id = "client-1",
                                      .auth_method = "none"};
    insert(to_row(settings));
    for (const std::string_view id : {kSecond, kThird})
      insert(to_row(WorkloadPrincipal{
          .id = std::string(id), .status = AgentStatus::active, .name = "agent " + std::string(id)}));
    StsGrant grant{.id = grant_id(kRegistration, "00uAlice"),
                   .settings = settings.id,
                   .user = "00uAlice",
                   .server = settings.server,
                   .issuer = settings.issuer,
                   .client_id = settings.client_id,
                   .principals = {std::string(kAgent)}};
    ASSERT_TRUE(take_tokens(service_, grant, {.access_token = core::Secret("gho-1"), .refresh_token = {}},
                            service_.now()));
    insert(to_row(grant));

    ASSERT_EQ(connect(kAgent, sts_connection()), "201");
    ASSERT_EQ(connect(kSecond, xaa_connection()), "201");
    ASSERT_EQ(connect(kSecond, sts_connection()), "201");
    jag_ = id_jag();
    ASSERT_EQ(redeem(id_jag()).outcome(), "ok");
    const Answer sts = sts_token();
    ASSERT_EQ(sts.outcome(), "ok");
    ASSERT_EQ(sts.text("access_token"), "gho-1");
  }

  // The status, and of a refusal the reason or the code.
  std::string call(Method method, const std::string& path, const std::string& body = {},
                   core::json::Object* answered = nullptr) {
    rest::TestCall test(path, method, body);
    if (!body.empty()) test.request->headers.add("Content-Type", "application/json");
    test.call.caller = {.kind = rest::Caller::Kind::user, .id = "00uAdmin", .name = "admin@example.org"};
    const auto match = router_.match(method, test.request->path);
    EXPECT_TRUE(match) << path;
    if (!match) return {};
    test.call.params = match->params;
    const auto answer = match->route->handler(test.call);
    const std::string text = answer ? answer->body : rest::write_problem(answer.error(), "oae1");
    const auto parsed = core::json::parse(text.empty() ? "{}" : text);
    EXPECT_TRUE(parsed && parsed->is_object()) << text;
    if (answered != nullptr) *answered = parsed->get_object();
    if (answer) return std::to_string(answer->status);
    const auto* causes = core::json::find(*parsed, "errorCauses");
    std::string_view reason;
    if (causes != nullptr && !causes->get_array().empty())
      reason = core::json::string_or_empty(causes->get_array().front(), "reason");
    if (reason.empty()) reason = core::json::string_or_empty(*parsed, "errorCode");
    return fmt::format("{} {}", answer.error().status, reason);
  }

  std::string xaa_connection() const {
    return fmt::format(
        R"({{"connectionType":"IDENTITY_ASSERTION_MCP_SERVER","resource":{{"orn":"{}"}},"authorizationServer":{{"orn":"{}"}}}})",
        service_.names.mcp_server(kServer), service_.names.custom_as(custom_as_));
  }
  std::string sts_connection() const {
    return fmt::format(R"({{"connectionType":"STS_ACCESS_TOKEN","resource":{{"orn":"{}"}}}})",
                       service_.names.client_auth_settings(kRegistration));
  }
  std::string connect(std::string_view agent, const std::string& body) {
    return call(Method::post, fmt::format("{}{}/connections", kAgentsPath, agent), body);
  }

  Answer sts_token() {
    return exchange({{"requested_token_type", std::string(kOAuthSts)},
                     {"resource", service_.names.client_auth_settings(kRegistration)},
                     {"audience", ""},
                     {"scope", ""}});
  }

  std::string server_path(std::string_view more = {}) const {
    return fmt::format("{}{}{}", kServersPath, kServer, more);
  }
  // "ACTIVE connectable"
  std::string shown() {
    core::json::Object server;
    const std::string status = call(Method::get, server_path(), {}, &server);
    if (status != "200") return status;
    return fmt::format("{}{}", core::json::string_or_empty(server, "status"),
                       server.at("connectable").as_bool() ? " connectable" : "");
  }
  void move(ServerEvent event) {
    in_transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, kServer));
      ASSIGN_OR_RETURN(auto server, read_mcp_server(*row));
      return move_server(tx, service_, server, event, {.id = "system", .type = "SystemPrincipal"}, "test");
    });
  }

  void expect_refused(const std::string& connection) {
    EXPECT_EQ(connect(kThird, xaa_connection()), connection);
    EXPECT_EQ(connect(kThird, sts_connection()), connection);
    EXPECT_EQ(exchange().text("error"), "invalid_target");
    EXPECT_EQ(redeem(jag_).text("error"), "invalid_grant");
    EXPECT_EQ(sts_token().text("error"), "invalid_target");
    // Nobody is asked for consent to what cannot be given either.
    EXPECT_TRUE(store().list({.kind = Kind::interaction})->empty());
  }
  void expect_given() {
    EXPECT_EQ(connect(kThird, xaa_connection()), "201");
    EXPECT_EQ(connect(kThird, sts_connection()), "201");
    EXPECT_EQ(exchange().outcome(), "ok");
    EXPECT_EQ(redeem(jag_).outcome(), "ok");
    EXPECT_EQ(sts_token().outcome(), "ok");
  }

  rest::Router router_;
  std::string jag_;
};

INSTANTIATE_TEST_SUITE_P(Stores, NotActive, kBackends, name_of);

TEST_P(NotActive, Pending) {
  // No transition leads back here, so that nobody has a connection in it; were there one, it would be of no
  // use.
  set_status(Kind::mcp_server, kServer, "PENDING");
  EXPECT_EQ(shown(), "PENDING connectable");
  expect_refused("409 RESOURCE_NOT_ACTIVE");
}

TEST_P(NotActive, Inactive) {
  EXPECT_EQ(call(Method::post, server_path("/lifecycle/deactivate")), "202");
  EXPECT_EQ(shown(), "INACTIVE connectable");
  expect_refused("409 RESOURCE_NOT_ACTIVE");
  move(ServerEvent::activate);
  EXPECT_EQ(shown(), "ACTIVE connectable");
  expect_given();
}

TEST_P(NotActive, Invalid) {
  move(ServerEvent::validation_failed);
  EXPECT_EQ(shown(), "INVALID connectable");
  expect_refused("409 RESOURCE_NOT_ACTIVE");
}

TEST_P(NotActive, Deleted) {
  for (const std::string_view agent : {kAgent, kSecond}) {
    const auto rows = store().list({.kind = Kind::connection, .parent = std::string(agent)});
    ASSERT_EQ(rows->size(), 2u);
    for (const Row& row : *rows) {
      const std::string path = fmt::format("{}{}/connections/{}", kAgentsPath, agent, row.id);
      EXPECT_EQ(call(Method::post, path + "/lifecycle/deactivate"), "200");
      EXPECT_EQ(call(Method::delete_, path), "204");
    }
  }
  EXPECT_EQ(call(Method::post, server_path("/lifecycle/deactivate")), "202");
  EXPECT_EQ(call(Method::delete_, server_path()), "202");
  EXPECT_EQ(shown(), "404 NOT_FOUND");
  expect_refused("404 NOT_FOUND");
  EXPECT_TRUE(store().list({.kind = Kind::grant})->empty()) << "what people gave under it is gone, too";
}

TEST_P(NotActive, NotConnectable) {
  const std::string link = server_path("/authorization-servers/" + custom_as_);
  EXPECT_EQ(call(Method::post, link + "/lifecycle/deactivate"), "202");
  EXPECT_EQ(shown(), "ACTIVE connectable") << "STS is left";
  EXPECT_EQ(exchange().text("error"), "invalid_target");
  EXPECT_EQ(sts_token().outcome(), "ok");
  EXPECT_EQ(call(Method::post, fmt::format("{}{}/lifecycle/deactivate", kSettingsPath, kRegistration)),
            "200");
  // It stays ACTIVE: nothing about it failed.
  EXPECT_EQ(shown(), "ACTIVE");
  EXPECT_EQ(connect(kThird, xaa_connection()), "409 NOT_CONNECTABLE");
  EXPECT_EQ(connect(kThird, sts_connection()), "409 RESOURCE_NOT_ACTIVE") << "of the registration";
  EXPECT_EQ(exchange().text("error"), "invalid_target");
  EXPECT_EQ(redeem(jag_).text("error"), "invalid_grant");
  EXPECT_EQ(sts_token().text("error"), "invalid_target");
  EXPECT_TRUE(store().list({.kind = Kind::interaction})->empty());
}

}  // namespace
}  // namespace registry::test
