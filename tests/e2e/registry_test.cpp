// The agent registry as a process: what it keeps, what it says, and what a kill leaves.
#include <chrono>
#include <csignal>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <thread>

#include "core/scratch_directory.h"
#include "net/http_server.h"
#include "registry_program.h"

namespace e2e {
namespace {

using net::Method;

std::string store_in(const core::ScratchDirectory& place) {
  return "sqlite:" + place.path() + "/registry.db";
}

constexpr std::string_view kServers = "/resource-servers/api/v1/mcp-servers";

std::string registration(const std::string& url) {
  return R"({"resourceUrl":")" + url + R"("})";
}

TEST(Registry, KeepsWhatItWasTold) {
  const core::ScratchDirectory place;
  const std::string store = store_in(place);
  Client client;
  std::string id, kid;
  {
    RegistryProgram program(store, {"--first-owner", "ada@example.com"});
    ASSERT_TRUE(program.up());
    EXPECT_EQ(client.send(Method::get, program.url() + "/api/v1/users").status, 401);
    const std::string token = program.admin_token();
    const auto people = client.send(Method::get, program.url() + "/api/v1/users", token);
    ASSERT_EQ(people.status, 200) << core::json::write(people.body);
    ASSERT_EQ(people.body.get_array().size(), 1u);
    EXPECT_EQ(core::json::string_or_empty(people.body.at(0), "profile.login"), "ada@example.com");
    const auto made = client.send(Method::post, program.url() + "/api/v1/users", token,
                                  R"({"profile":{"login":"grace@example.com"}})");
    ASSERT_EQ(made.status, 200);
    id = made.text("id");
    const auto keys = client.send(Method::get, program.url() + "/oauth2/v1/keys");
    kid = core::json::string_or_empty(keys.body.at("keys").at(0), "kid");
    EXPECT_EQ(client.send(Method::get, program.admin_url() + "/readyz").status, 200);
    EXPECT_EQ(client.send(Method::get, program.admin_url() + "/healthz").status, 200);
    const auto metrics = client.send(Method::get, program.admin_url() + "/metrics");
    const std::string text(metrics.body.is_string() ? metrics.body.get_string() : boost::json::string());
    for (const std::string_view name : {"okta_registry_requests_total{route=\"createUser\",status=\"200\"} 1",
                                        "okta_registry_store_seconds", "okta_registry_work_total"})
      EXPECT_TRUE(text.contains(name)) << name << "\n" << text;
    program.signal(SIGTERM);
    EXPECT_EQ(program.wait(), 0);
  }
  struct stat key{};
  ASSERT_EQ(stat((place.path() + "/registry.db.key").c_str(), &key), 0);
  EXPECT_EQ(key.st_mode & 0777, 0600u);
  RegistryProgram program(store, {"--first-owner", "eve@example.com"});
  ASSERT_TRUE(program.up());
  const std::string token = program.admin_token();
  EXPECT_EQ(client.send(Method::get, program.url() + "/api/v1/users/" + id, token).text("profile.login"),
            "grace@example.com");
  EXPECT_EQ(client.send(Method::get, program.url() + "/api/v1/users/eve@example.com", token).status, 404)
      << "there was an owner already";
  const auto keys = client.send(Method::get, program.url() + "/oauth2/v1/keys");
  EXPECT_EQ(core::json::string_or_empty(keys.body.at("keys").at(0), "kid"), kid);
  const auto log = client.send(Method::get, program.url() + "/api/v1/logs", token);
  ASSERT_TRUE(log.body.is_array());
  EXPECT_GE(log.body.get_array().size(), 3u);
}

TEST(Registry, ItsCommandsWorkOnTheStoreThatIsServed) {
  const core::ScratchDirectory place;
  RegistryProgram program(store_in(place));
  ASSERT_TRUE(program.up());
  Client client;
  const auto listed = program.command({"keys", "list", "--json"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  const auto keys = core::json::parse(listed.out).value();
  ASSERT_EQ(keys.get_array().size(), 2u);
  EXPECT_EQ(core::json::string_or_empty(keys.at(0), "status"), "ACTIVE");
  const auto rotated = core::json::parse(program.command({"keys", "rotate", "--json"}).out).value();
  EXPECT_EQ(core::json::string_or_empty(rotated.at(0), "kid"),
            core::json::string_or_empty(keys.at(1), "kid"));

  const auto narrow =
      program.command({"admin-token", "--scopes", "okta.users.read", "--ttl", "5m", "--json"});
  ASSERT_EQ(narrow.status, 0) << narrow.err;
  const auto answer = core::json::parse(narrow.out).value();
  EXPECT_EQ(answer.at("expires_in").as_int64(), 300);
  const std::string token(core::json::string_or_empty(answer, "access_token"));
  EXPECT_EQ(client.send(Method::get, program.url() + "/api/v1/users", token).status, 200);
  EXPECT_EQ(client.send(Method::get, program.url() + "/api/v1/idps", token).status, 403);
  EXPECT_EQ(program.command({"admin-token", "--ttl", "25h"}).status, 2);
  EXPECT_NE(program.command({"admin-token", "--scopes", "okta.nothing.read"}).status, 0);

  const std::string copy = place.path() + "/copy.db";
  EXPECT_EQ(program.command({"backup", copy}).status, 0);
  EXPECT_NE(program.command({"backup", copy}).status, 0) << "a copy is not overwritten";
  EXPECT_EQ(program.command({"migrate"}).status, 0);
  const auto doctor = program.command({"doctor", "--json"});
  EXPECT_EQ(doctor.status, 0) << doctor.err;
  EXPECT_TRUE(doctor.out.contains("\"signing keys\""));
}

TEST(Registry, RefusesToServeTokensInTheClear) {
  const core::ScratchDirectory place;
  const struct {
    std::vector<std::string> arguments;
    std::string_view says;
  } rows[] = {
      {{"--listen", "0.0.0.0:0"}, "--issuer"},
      {{"--listen", "0.0.0.0:0", "--issuer", "https://agents.example.com"}, "--tls-cert"},
      {{"--issuer", "http://agents.example.com"}, "http"},
      {{"--issuer", "https://agents.example.com/"}, "origin"},
      {{"--tls-cert", "x.pem"}, "--tls-key"},
      {{"--listen", "nowhere"}, "HOST:PORT"},
  };
  for (const auto& row : rows) {
    std::vector<std::string> argv{program("okta-agent-registry"), "--store", store_in(place), "serve"};
    argv.insert(argv.end(), row.arguments.begin(), row.arguments.end());
    const auto done = run(argv, {});
    EXPECT_EQ(done.status, 2) << done.err;
    EXPECT_TRUE(done.err.contains(row.says)) << done.err;
  }
  EXPECT_EQ(run({program("okta-agent-registry"), "serve"}, {}).status, 2) << "no store";
}

// The server that is registered holds its answers back, so that the kill comes in the middle.
TEST(Acceptance, NodeCrashInMidOperation) {
  const core::ScratchDirectory place;
  std::atomic<bool> slow = true;
  std::atomic<int> asked = 0;
  auto server = net::HttpServer::start({}, [&](const net::ServerRequest& request) -> net::ServerResponse {
    ++asked;
    while (slow && !request.stop.stop_requested())
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // until the test lets it go
    return {.status = 404};
  });
  ASSERT_TRUE(server.has_value());
  const std::string resource = "http://127.0.0.1:" + std::to_string((*server)->port()) + "/mcp";
  Client client;
  std::string operation;
  {
    RegistryProgram program(store_in(place));
    ASSERT_TRUE(program.up());
    const auto accepted = client.send(Method::post, program.url() + std::string(kServers),
                                      program.admin_token(), registration(resource));
    ASSERT_EQ(accepted.status, 202) << core::json::write(accepted.body);
    const std::string location(accepted.headers.get("Location"));
    ASSERT_TRUE(location.starts_with(program.url()));
    operation = location.substr(program.url().size());
    while (asked == 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));  // for its first request
    program.signal(SIGKILL);
    EXPECT_EQ(program.wait(), 128 + SIGKILL);
  }
  slow = false;
  RegistryProgram program(store_in(place));
  ASSERT_TRUE(program.up());
  const std::string token = program.admin_token();
  std::string status;
  const auto patience =
      std::chrono::steady_clock::now() + std::chrono::seconds(150);  // the dead node's lease
  while (status != "COMPLETED" && status != "FAILED" && std::chrono::steady_clock::now() < patience) {
    const auto seen = client.send(Method::get, program.url() + operation, token);
    ASSERT_EQ(seen.status, 200) << core::json::write(seen.body);
    status = seen.text("status");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // for the other process
  }
  EXPECT_TRUE(status == "COMPLETED" || status == "FAILED") << status;
  const auto list = client.send(Method::get, program.url() + std::string(kServers), token);
  ASSERT_EQ(list.body.at("data").get_array().size(), 1u);
  const std::string_view now = core::json::string_or_empty(list.body.at("data").at(0), "status");
  EXPECT_TRUE(now == "PENDING" || now == "INVALID") << now;
  const auto events = client.send(
      Method::get,
      program.url() + "/api/v1/logs?filter=eventType%20eq%20%22resource_servers.mcp_server.register%22",
      token);
  EXPECT_EQ(events.body.get_array().size(), 1u);
}

}  // namespace
}  // namespace e2e
