// The acceptance scenarios of an agent registry, each by its name; docs/registry.md has the list.
#include <algorithm>
#include <atomic>
#include <barrier>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <thread>

#include "net/http_server.h"
#include "net/test_socket.h"
#include "registry/test_acceptance.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using test::ApiAnswer;
using test::kIssuer;
using test::kResource;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class Acceptance : public test::Acceptance {};
INSTANTIATE_TEST_SUITE_P(Stores, Acceptance, test::kBackends, test::name_of);

// ---- what a server says about itself

TEST_P(Acceptance, EmptyAuthorizationServers) {
  world_.resource["authorization_servers"] = Array{};
  const auto operation = register_server();
  EXPECT_EQ(operation.text("status"), "FAILED");
  EXPECT_EQ(operation.text("errorDetails.message"), "No authorization servers found");
  EXPECT_EQ(status(), "INVALID");
  EXPECT_THAT(get(path_).texts("invalidReasons"), ElementsAre("No authorization servers found"));
  EXPECT_EQ(check("R08"), "FAIL No authorization servers found");
  EXPECT_EQ(post(path_ + "/lifecycle/activate").outcome(), "409 INVALID_STATE_TRANSITION status");
}

TEST_P(Acceptance, IssuerMismatch) {
  world_.issuer["issuer"] = "https://evil.example";
  register_server();
  EXPECT_EQ(status(), "INVALID");
  EXPECT_EQ(check("R11"), "FAIL issuer mismatch: expected https://idp.example.com, got https://evil.example");
  const auto servers = get(path_ + "/authorization-servers");
  ASSERT_EQ(servers.ids().size(), 1u);
  const auto shown = get(fmt::format("{}/authorization-servers/{}", path_, servers.ids().front()));
  EXPECT_EQ(shown.text("status"), "INVALID");
  EXPECT_EQ(shown.text("tokenEndpoint"), "") << "nothing of it is taken over";
}

TEST_P(Acceptance, TrailingSlash) {
  world_.resource["resource"] = std::string(kResource) + "/";
  connect_by_id_jag();
  EXPECT_THAT(check("R07"), StartsWith("WARN"));
  EXPECT_EQ(get(path_).text("resourceUrl"), kResource) << "as it was registered";
  EXPECT_EQ(exchange().outcome(), "ok");
  EXPECT_EQ(exchange({{"resource", std::string(kResource) + "/"}}).text("error"), "invalid_target");
}

TEST_P(Acceptance, StaleMetadata) {
  connect_by_id_jag();
  const std::string before = id_jag();
  world_.resource["resource"] = "https://elsewhere.example/mcp";
  EXPECT_EQ(exchange().outcome(), "ok") << "nobody has looked since";
  run_for(service_.settings.check_interval + minutes{1});
  EXPECT_EQ(status(), "INVALID") << "found by the schedule alone";
  EXPECT_THAT(check("R07"), HasSubstr("https://elsewhere.example/mcp"));
  EXPECT_EQ(exchange().text("error"), "invalid_target");
  EXPECT_EQ(redeem(before).text("error"), "invalid_grant");
  world_.resource["resource"] = kResource;
  run_for(service_.settings.check_interval + minutes{1});
  EXPECT_EQ(status(), "INACTIVE") << "mended, but never ACTIVE by itself";
  EXPECT_EQ(exchange().text("error"), "invalid_target");
  activate();
  EXPECT_EQ(redeem(id_jag()).outcome(), "ok");
}

TEST_P(Acceptance, AuthorizationServerRemovedWhileActive) {
  connect_by_sts();
  const std::string before = get(path_ + "/authorization-servers").ids().at(0);
  world_.resource["authorization_servers"] = Array{"https://new.example.com"};
  Object other = world_.issuer;
  other["issuer"] = "https://new.example.com";
  world_.instead.emplace("https://new.example.com/.well-known/oauth-authorization-server",
                         test::Outside::json(other));
  ASSERT_EQ(done(path_ + "/refresh").text("status"), "COMPLETED");
  EXPECT_EQ(status(), "ACTIVE") << "losing connectable is no failed validation";
  EXPECT_FALSE(get(path_).flag("connectable"));
  for (const std::string& id : get(path_ + "/authorization-servers").ids()) {
    const auto shown = get(fmt::format("{}/authorization-servers/{}", path_, id));
    EXPECT_EQ(shown.text("issuer"), id == before ? kIssuer : "https://new.example.com");
    EXPECT_EQ(shown.text("status"), id == before ? "INVALID" : "ACTIVE") << "a client registration keeps it";
  }
  EXPECT_EQ(exchange_by_sts().text("error"), "invalid_target");

  world_.resource["authorization_servers"] = Array{core::json::Value(kIssuer)};
  ASSERT_EQ(done(path_ + "/refresh").text("status"), "COMPLETED");
  EXPECT_THAT(get(path_ + "/authorization-servers").ids(), ElementsAre(before)) << "the other is gone";
  EXPECT_TRUE(get(path_).flag("connectable"));
  EXPECT_EQ(exchange_by_sts().text("error"), "interaction_required");
  EXPECT_EQ(events("resource_servers.mcp_server.auth_server.delete"), 1u);
}

// A byte now and then, for as long as anybody listens: no pause is a long one, only the whole takes for ever.
TEST_P(Acceptance, SlowLorisMetadataHost) {
  std::atomic<bool> over{false};
  std::string origin;
  net::TestListener host([&](net::TestSocket& socket, int) {
    const std::string request = socket.read_until("\r\n\r\n");
    if (request.starts_with("POST")) {
      socket.send(
          fmt::format("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer "
                      "resource_metadata=\"{}/metadata\"\r\nContent-Length: 0\r\nConnection: "
                      "close\r\n\r\n",
                      origin));
      return;
    }
    socket.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 200000\r\n\r\n");
    while (!over && socket.send(" ")) std::this_thread::sleep_for(milliseconds{5});
  });
  origin = fmt::format("http://127.0.0.1:{}", host.port());
  open_to_sockets(milliseconds{400});
  const auto operation = register_server(origin + "/mcp");
  over = true;
  EXPECT_EQ(operation.text("status"), "IN_PROGRESS") << "it may be better in a moment";
  EXPECT_EQ(status(), "PENDING");
  EXPECT_THAT(check("R06"), StartsWith("FAIL protected resource metadata not found"));
  EXPECT_EQ(post(path_ + "/lifecycle/activate").status, 409);
}

TEST_P(Acceptance, PrivateAddressRedirect) {
  std::atomic<int> inside{0};
  auto secret = net::HttpServer::start({}, [&](const net::ServerRequest&) {
    ++inside;
    return net::ServerResponse{.body = R"({"resource":"https://inside.example"})"};
  });
  ASSERT_TRUE(secret);
  // A name that leads inward, and an address of a private network.
  for (const std::string& target :
       {fmt::format("http://rebound.localhost:{}/latest/meta-data/", (*secret)->port()),
        std::string("http://10.0.0.1/metadata"), std::string("http://169.254.169.254/latest/meta-data/")}) {
    SCOPED_TRACE(target);
    std::string origin;
    auto host = net::HttpServer::start({}, [&](const net::ServerRequest& request) -> net::ServerResponse {
      if (request.method == net::Method::post)
        return {.status = 401,
                .headers = {
                    {"WWW-Authenticate", fmt::format("Bearer resource_metadata=\"{}/metadata\"", origin)}}};
      return {.status = 302, .headers = {{"Location", target}}};
    });
    ASSERT_TRUE(host);
    origin = fmt::format("http://127.0.0.1:{}", (*host)->port());
    open_to_sockets(seconds{10});
    EXPECT_EQ(register_server(origin + "/mcp").text("status"), "FAILED");
    EXPECT_EQ(status(), "INVALID");
    EXPECT_THAT(check("R06"), StartsWith("FAIL protected resource metadata not found"));
    EXPECT_EQ(inside, 0);
  }
}

// ---- what may not be done

TEST_P(Acceptance, DeleteActive) {
  activate_behind_ours();
  const auto refused = remove(path_);
  EXPECT_EQ(refused.outcome(), "409 INVALID_STATE_TRANSITION status");
  EXPECT_EQ(refused.cause(),
            "Cannot delete a resource server in ACTIVE status. Server must be deactivated first. Allowed in "
            "ACTIVE: deactivate, validate.");
  EXPECT_EQ(status(), "ACTIVE");
  ASSERT_EQ(done(path_ + "/lifecycle/deactivate").text("status"), "COMPLETED");
  EXPECT_EQ(remove(path_).status, 202);
  EXPECT_EQ(get(path_).status, 404);
}

TEST_P(Acceptance, DeactivateLastKey) {
  const std::string agent = add_agent("Agent");
  const auto keys = agent_path(agent, "/credentials/jwks");
  const auto first = get(keys).ids();
  ASSERT_EQ(first.size(), 1u);
  const auto deactivate = [&](const std::string& id) {
    return post(fmt::format("{}/{}/lifecycle/deactivate", keys, id));
  };
  EXPECT_EQ(deactivate(first.front()).outcome(), "409 DEACTIVATE_NOT_ALLOWED status");
  EXPECT_EQ(get(fmt::format("{}/{}", keys, first.front())).text("status"), "ACTIVE");
  const auto second = made(
      keys,
      core::json::write(oauth::Key::generate(oauth::Algorithm::es256).value().with_kid("2").public_jwk()));
  EXPECT_EQ(deactivate(first.front()).status, 200) << "with another one it may";
  EXPECT_EQ(deactivate(second.text("id")).outcome(), "409 DEACTIVATE_NOT_ALLOWED status");
}

// Both at once, by two threads: one of the two is done, the other is told so.
TEST_P(Acceptance, ConcurrentActivateAndDelete) {
  activate_behind_ours();
  ASSERT_EQ(done(path_ + "/lifecycle/deactivate").text("status"), "COMPLETED");
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    ApiAnswer activation, deletion;
    std::barrier together(2);
    {
      const std::jthread activates([&] {
        together.arrive_and_wait();
        activation = post(path_ + "/lifecycle/activate");
        run();
      });
      const std::jthread deletes([&] {
        together.arrive_and_wait();
        deletion = remove(path_);
      });
    }
    run();
    if (deletion.status == 202) {
      EXPECT_EQ(get(path_).status, 404);
      EXPECT_TRUE(activation.status == 404 || operation(activation).text("status") == "FAILED")
          << activation.outcome();
      register_server();
      ASSERT_EQ(status(), "INACTIVE");
      continue;
    }
    EXPECT_EQ(deletion.outcome(), "409 INVALID_STATE_TRANSITION status");
    EXPECT_EQ(operation(activation).text("status"), "COMPLETED");
    EXPECT_EQ(status(), "ACTIVE");
    ASSERT_EQ(done(path_ + "/lifecycle/deactivate").text("status"), "COMPLETED");
  }
}

// Of a process that is killed, and over its socket: tests/e2e/registry_test.cpp.
TEST_P(Acceptance, NodeCrashInMidOperation) {
  activate_behind_ours();
  ASSERT_EQ(done(path_ + "/lifecycle/deactivate").text("status"), "COMPLETED");
  run();
  const auto accepted = post(path_ + "/lifecycle/activate");
  const auto claimed = store().claim("node-2", minutes{1});
  ASSERT_TRUE(claimed && *claimed);
  const Work lost = **claimed;
  ASSERT_EQ(lost.kind, "validate");
  EXPECT_EQ(run(), 0) << "node-2 has it, and says nothing any more";
  EXPECT_EQ(status(), "INACTIVE");
  clock().advance(seconds{61});
  EXPECT_GE(run(), 1);
  EXPECT_EQ(operation(accepted).text("status"), "COMPLETED");
  EXPECT_EQ(status(), "ACTIVE");
  const std::size_t activations = events("resource_servers.mcp_server.activate");
  // It was only slow, and comes back to what is another's now.
  ASSERT_EQ(done(path_ + "/lifecycle/deactivate").text("status"), "COMPLETED");
  const auto late = handlers_.at(lost.kind)({}, service_, lost);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, "registry.store.lease_lost");
  EXPECT_EQ(status(), "INACTIVE");
  EXPECT_EQ(events("resource_servers.mcp_server.activate"), activations);
}

// ---- tokens

TEST_P(Acceptance, ScopeOutsideConnection) {
  connect_by_id_jag();
  EXPECT_EQ(exchange({{"scope", "read"}}).outcome(), "ok");
  EXPECT_EQ(exchange({{"scope", "write"}}).text("error"), "invalid_scope") << "not of the connection";
  EXPECT_EQ(exchange({{"scope", "read write"}}).text("error"), "invalid_scope");
  EXPECT_EQ(exchange({{"scope", "nothing"}}).text("error"), "invalid_scope") << "not of the server";
}

TEST_P(Acceptance, InactiveConnection) {
  connect_by_id_jag();
  const std::string before = id_jag();
  ASSERT_EQ(post(connection_ + "/lifecycle/deactivate").status, 200);
  EXPECT_EQ(exchange().text("error"), "invalid_target");
  EXPECT_EQ(redeem(before).text("error"), "invalid_grant") << "nor with one from before";
  ASSERT_EQ(post(connection_ + "/lifecycle/activate").status, 200);
  EXPECT_EQ(redeem(id_jag()).outcome(), "ok");
}

TEST_P(Acceptance, IdJagReplay) {
  connect_by_id_jag();
  const std::string jag = id_jag();
  EXPECT_EQ(redeem(jag).outcome(), "ok");
  EXPECT_EQ(redeem(jag).outcome(), "invalid_grant: The id-jag was already used.");
}

TEST_P(Acceptance, IdJagExpired) {
  connect_by_id_jag();
  const std::string jag = id_jag();
  clock().advance(seconds{299});
  EXPECT_EQ(redeem(id_jag()).outcome(), "ok");
  clock().advance(seconds{1});
  EXPECT_EQ(redeem(jag).outcome(), "invalid_grant: The id-jag is expired.");
}

TEST_P(Acceptance, IdJagOfMoreThanFiveMinutes) {
  connect_by_id_jag();
  const auto lasting = [&](std::int64_t lifetime) {
    return id_jag_with({{"iat", seconds_now()}, {"exp", seconds_now() + lifetime}});
  };
  EXPECT_EQ(redeem(lasting(301)).text("error"), "invalid_grant");
  EXPECT_EQ(redeem(lasting(3600)).text("error"), "invalid_grant");
  EXPECT_EQ(redeem(lasting(300)).outcome(), "ok");
}

TEST_P(Acceptance, IdJagOfAnotherClient) {
  connect_by_id_jag();
  const std::string other = add_agent("Other");
  connect(other);
  const std::string jag = id_jag();
  const auto refused = redeem(jag, {}, other);
  EXPECT_EQ(refused.text("error"), "invalid_grant");
  EXPECT_THAT(refused.text("error_description"), HasSubstr("'client_id'"));
  EXPECT_EQ(redeem(jag).outcome(), "ok") << "it was not used up";
}

TEST_P(Acceptance, IdJagForAnotherResource) {
  connect_by_id_jag();
  const std::string jag = id_jag();
  EXPECT_EQ(redeem(jag, {{"resource", "https://elsewhere.example/mcp"}}).text("error"), "invalid_grant");
  EXPECT_EQ(redeem(jag, {{"resource", ""}}).text("error"), "invalid_grant");
  EXPECT_EQ(redeem(id_jag_with({{"resource", "https://elsewhere.example/mcp"}}),
                   {{"resource", "https://elsewhere.example/mcp"}})
                .text("error"),
            "invalid_grant");
  EXPECT_EQ(redeem(jag).outcome(), "ok");
}

// Six agents, each with the token that the one before got for it.
TEST_P(Acceptance, ActDepthSix) {
  connect_by_id_jag();
  constexpr int kAgentsInRow = 6;
  std::vector<std::string> agents;
  agents.reserve(kAgentsInRow);
  const auto url = [](int number) { return fmt::format("https://agent-{}.example", number); };
  for (int i = 0; i < kAgentsInRow; ++i) {
    agents.push_back(add_agent(fmt::format("Agent {}", i), fmt::format(R"(,"resourceUrl":"{}")", url(i))));
    if (i == 0) continue;
    const std::string& from = agents[static_cast<std::size_t>(i) - 1];
    made(agent_path(from, "/connections"),
         fmt::format(R"({{"connectionType":"IDENTITY_ASSERTION_A2A_SERVER","resource":{{"orn":"{}"}},
                     "authorizationServer":{{"orn":"{}"}}}})",
                     service_.names.a2a_server(agents.back()), service_.names.custom_as(custom_as_)));
    made("/workload-principals/api/v1/delegation-links",
         fmt::format(
             R"({{"from":{{"type":"OKTA_AUTHORIZATION_SERVER","clientOrn":"{}","tokenType":"ACCESS_TOKEN"}},
                     "to":{{"resourceOrn":"{}"}}}})",
             service_.names.ai_agent(from), service_.names.ai_agent(agents.back())));
  }
  connect(agents.back());
  net::Query subject;
  for (int i = 0; i + 1 < kAgentsInRow; ++i) {
    SCOPED_TRACE(i);
    const std::string& agent = agents[static_cast<std::size_t>(i)];
    net::Query fields = subject;
    fields.emplace_back("resource", url(i + 1));
    const auto jag = exchange(fields, agent);
    ASSERT_EQ(jag.outcome(), "ok");
    const auto token = redeem(jag.text("access_token"), {{"resource", url(i + 1)}}, agent);
    ASSERT_EQ(token.outcome(), "ok");
    const auto claims = oauth::peek(token.text("access_token"))->claims;
    int depth = 0;
    for (const auto* actor = claims.if_contains("act"); actor != nullptr;
         actor = actor->as_object().if_contains("act"))
      ++depth;
    EXPECT_EQ(depth, i + 1);
    subject = {{"subject_token", token.text("access_token")},
               {"subject_token_type", std::string(authserver::kAccessTokenTokenType)}};
  }
  EXPECT_EQ(exchange(subject, agents.back()).outcome(),
            "invalid_request: The 'subject_token' 'act' claim contains too many nested actors.");
}

TEST_P(Acceptance, InteractionRequiredUntilThePersonConsents) {
  connect_by_sts();
  const auto asked = exchange_by_sts();
  EXPECT_EQ(asked.status, 400);
  EXPECT_EQ(asked.text("error"), "interaction_required");
  const std::string link = asked.text("interaction_uri");
  ASSERT_THAT(link, StartsWith("https://org.example/oauth2/v1/sts/interact/"));
  EXPECT_EQ(exchange_by_sts().text("interaction_uri"), link) << "as long as it is open";
  world_.instead.insert_or_assign("https://idp.example.com/token",
                                  test::Outside::json({{"access_token", "external-1"},
                                                       {"token_type", "Bearer"},
                                                       {"refresh_token", "r-1"},
                                                       {"expires_in", 3600},
                                                       {"scope", "read"}}));
  consent(link);
  const auto granted = exchange_by_sts();
  ASSERT_EQ(granted.outcome(), "ok");
  EXPECT_EQ(granted.text("access_token"), "external-1");
  EXPECT_EQ(granted.text("issued_token_type"), kOAuthSts);
  EXPECT_EQ(send(net::Method::get, link.substr(service_.settings.issuer.size())).status, 404)
      << "it was for once";
}

TEST_P(Acceptance, RefreshDead) {
  connect_by_sts();
  world_.instead.insert_or_assign("https://idp.example.com/token",
                                  test::Outside::json({{"access_token", "external-1"},
                                                       {"token_type", "Bearer"},
                                                       {"refresh_token", "r-1"},
                                                       {"expires_in", 3600}}));
  const std::string first = exchange_by_sts().text("interaction_uri");
  consent(first);
  ASSERT_EQ(exchange_by_sts().outcome(), "ok");
  world_.instead.insert_or_assign("https://idp.example.com/token",
                                  test::Outside::json({{"error", "invalid_grant"}}, 400));
  clock().advance(hours{2});
  const auto asked = exchange_by_sts();
  EXPECT_EQ(asked.text("error"), "interaction_required");
  EXPECT_NE(asked.text("interaction_uri"), first);
  world_.instead.insert_or_assign(
      "https://idp.example.com/token",
      test::Outside::json({{"access_token", "external-2"}, {"token_type", "Bearer"}, {"expires_in", 3600}}));
  consent(asked.text("interaction_uri"));
  EXPECT_EQ(exchange_by_sts().text("access_token"), "external-2");
}

TEST(AcceptanceScenarios, AreListedInTheDocument) {
  std::ifstream file(PROJECT_SOURCE_DIR "/docs/registry.md");
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  const auto& all = *testing::UnitTest::GetInstance();
  int scenarios = 0;
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const auto& suite = *all.GetTestSuite(i);
    if (std::string_view(suite.name()) != "Stores/Acceptance") continue;
    for (int test = 0; test < suite.total_test_count(); ++test) {
      const std::string_view name = suite.GetTestInfo(test)->name();
      EXPECT_TRUE(document.contains(fmt::format("`Acceptance.{}`", name.substr(0, name.find('/'))))) << name;
      ++scenarios;
    }
  }
  EXPECT_EQ(scenarios, 2 * 21) << "on two stores";
}

}  // namespace
}  // namespace registry
