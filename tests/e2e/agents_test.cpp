// The two systems meet: a local org that is also the agent registry (okta-dev-org --agents), okta-mcp-server
// both as what administers it and as an MCP server whose tokens it gives, and the token command as an agent.
#include <algorithm>
#include <array>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <regex>
#include <thread>

#include "core/scratch_directory.h"
#include "dev_org.h"
#include "http_service.h"
#include "net/http_server.h"
#include "process.h"

namespace e2e {
namespace {

namespace json = core::json;
using net::Method;
using testing::HasSubstr;

constexpr std::string_view kServers = "/resource-servers/api/v1/mcp-servers";
constexpr std::string_view kAgents = "/workload-principals/api/v1/ai-agents";

std::string read(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// A port that was free a moment ago: the command's redirect URI is registered beforehand.
int free_port() {
  auto server = net::HttpServer::start(
      {}, [](const net::ServerRequest&) { return net::ServerResponse{.status = 404}; });
  return server ? (*server)->port() : 0;
}

class AgentsInTheOrg : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(org_.up());
    settings_ = org_.key_settings(place_.path() + "/state");
    port_ = free_port();
    make_authorization_server();
  }

  // The org's API with its API token, past what is tested.
  json::Value api(Method method, const std::string& path, const json::Value& body = {}) {
    net::HttpRequest request{.method = method, .url = org_.url() + path};
    request.headers.set("Authorization", "SSWS " + org_.token_settings("").at("OKTA_API_TOKEN"));
    if (!body.is_null()) {
      request.headers.set("Content-Type",
                          method == Method::patch ? "application/merge-patch+json" : "application/json");
      request.body = json::write(body);
    }
    const auto response = caller_.send(request);
    EXPECT_LT(response.status, 300) << path << ": " << response.body;
    return response.body.empty() ? json::Value() : json::parse(response.body).value_or(json::Value());
  }

  void make_authorization_server() {
    const auto made = api(Method::post, "/api/v1/authorizationServers",
                          json::Object{{"name", "Directory"},
                                       {"description", "For agents"},
                                       {"audiences", json::Array{"api://directory"}}});
    as_ = json::string_or_empty(made, "id");
    ASSERT_TRUE(as_.starts_with("aus")) << json::write(made);
    for (const char* scope : {"users.read", "groups.read"})
      api(Method::post, "/api/v1/authorizationServers/" + as_ + "/scopes", json::Object{{"name", scope}});
  }

  // A tool of okta-mcp-server, with the org's service app.
  void tool(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {program("okta-mcp-server"), "call"});
    const auto done = run(arguments, settings_);
    EXPECT_EQ(done.status, 0) << arguments[2] << ": " << done.out << done.err;
  }

  json::Value only(std::string_view path) {
    auto list = api(Method::get, std::string(path));
    const auto* data = json::find(list, "data");
    EXPECT_TRUE(data && data->is_array() && data->get_array().size() == 1) << json::write(list);
    return data && !data->get_array().empty() ? data->get_array().front() : json::Value();
  }

  bool comes_to(const std::string& path, std::string_view status) {
    return eventually([&] { return json::string_or_empty(api(Method::get, path), "status") == status; });
  }

  // Registered, connected and active, by tools where there are tools.
  void make_agent(const std::string& resource) {
    tool({"register_mcp_server", "resource_url=" + resource, "display_name=Directory"});
    server_ = json::string_or_empty(only(kServers), "id");
    const std::string server = std::string(kServers) + "/" + server_;
    ASSERT_TRUE(comes_to(server, "INACTIVE")) << json::write(api(Method::get, server));
    tool({"activate_mcp_server", "server_id=" + server_});
    ASSERT_TRUE(comes_to(server, "ACTIVE"));

    tool({"register_ai_agent", R"(profile={"name":"Helpdesk agent"})"});
    agent_ = json::string_or_empty(only(kAgents), "id");
    const std::string agent = std::string(kAgents) + "/" + agent_;
    const std::string redirect = "http://127.0.0.1:" + std::to_string(port_) + "/callback";
    api(Method::patch, agent,
        json::Object{{"signOnProvider", json::Object{{"type", "NEW_OIDC_APP"},
                                                     {"redirectUris", json::Array{json::Value(redirect)}}}}});
    const auto key = run({program("okta-mcp-server"), "keygen", "--out", key_file(), "--json"}, {});
    ASSERT_EQ(key.status, 0) << key.err;
    api(Method::post, agent + "/credentials/jwks", json::parse(key.out).value().at("jwk"));
    const std::string orn(json::string_or_empty(api(Method::get, agent), "orn"));
    const std::string org = orn.substr(0, orn.find(":workload"));  // orn:okta:directory:00o...
    const std::string owner(json::string_or_empty(
        api(Method::get, std::string("/api/v1/users/") + DevOrg::kAdministrator), "id"));
    api(Method::put, "/governance/api/v1/resource-owners",
        json::Object{{"resourceOrns", json::Array{json::Value(orn)}},
                     {"principalOrns", json::Array{json::Value(org + ":users:" + owner)}}});
    tool({"activate_ai_agent", "agent_id=" + agent_});
    ASSERT_TRUE(comes_to(agent, "ACTIVE")) << json::write(api(Method::get, agent));

    const json::Object connection{
        {"connectionType", "IDENTITY_ASSERTION_MCP_SERVER"},
        {"resource", json::Object{{"orn", json::string_or_empty(api(Method::get, server), "orn")}}},
        {"authorizationServer",
         json::Object{{"orn", "orn:okta:idp:" + orn.substr(19, 20) + ":authorization_servers:" + as_}}},
        {"scopeCondition", "INCLUDE_ONLY"},
        {"scopes", json::Array{"users.read"}}};
    tool({"create_agent_connection", "agent_id=" + agent_, "connection=" + json::write(connection)});
  }

  std::string key_file() const { return place_.path() + "/agent.pem"; }
  std::string person_file() const { return place_.path() + "/person.jwt"; }

  std::vector<std::string> token_command(const std::string& resource, const std::string& scope) const {
    return {program("okta-agent-registry"),
            "--issuer",
            org_.url(),
            "token",
            "--agent",
            agent_,
            "--server",
            resource,
            "--scope",
            scope,
            "--key",
            key_file(),
            "--port",
            std::to_string(port_)};
  }

  // The command, and the person who opens its link and says who they are.
  Finished token_with_sign_in(const std::string& resource, const std::string& login) {
    auto argv = token_command(resource, "users.read");
    const std::string shown = place_.path() + "/shown";
    // Its stderr goes to a file, because the link has to be read while it runs.
    argv.insert(argv.begin(), {"/bin/sh", "-c", R"(exec "$@" 2>"$0")", shown});
    argv.insert(argv.end(), {"--save-subject-token", person_file()});
    Finished done;
    std::thread command([&] { done = run(argv, {}); });
    std::smatch link;
    std::string said;
    EXPECT_TRUE(eventually([&] {
      said = read(shown);
      return std::regex_search(said, link, std::regex("\\n  (http\\S+)\\n"));
    })) << said;
    const std::string jar = place_.path() + "/jar";
    const auto page = run({"/usr/bin/curl", "-sS", "-L", "-c", jar, link.str(1)}, {});
    std::smatch target;
    EXPECT_TRUE(std::regex_search(page.out, target, std::regex("name=\"return\" value=\"([^\"]*)\"")))
        << page.out;
    const std::string back = std::regex_replace(target.str(1), std::regex("&amp;"), "&");
    const auto end = run({"/usr/bin/curl", "-sS", "-L", "-b", jar, "-c", jar, "--data-urlencode",
                          "login=" + login, "--data-urlencode", "return=" + back, org_.url() + "/login"},
                         {});
    EXPECT_THAT(end.out, HasSubstr("Signed in"));
    command.join();
    done.err = read(shown);
    return done;
  }

  DevOrg org_{{"--agents", "--users", "60"}};
  core::ScratchDirectory place_;
  Environment settings_;
  Caller caller_;
  int port_ = 0;
  std::string as_, server_, agent_;
};

TEST_F(AgentsInTheOrg, AnAgentMadeByToolsReachesOktaMcpServerInAPersonsName) {
  const HttpService directory({"--issuer", org_.url() + "/oauth2/" + as_},
                              org_.key_settings(place_.path() + "/served"));
  ASSERT_TRUE(directory.up()) << directory.stderr_text();
  make_agent(directory.url());
  if (HasFatalFailure()) return;

  // Anybody of the org's, administrator or not.
  const auto people = api(Method::get, "/api/v1/users?limit=20&filter=status%20eq%20%22ACTIVE%22");
  ASSERT_GE(people.get_array().size(), 2u);
  const auto* person = std::ranges::find_if(people.get_array(), [](const json::Value& one) {
    return json::string_or_empty(one, "profile.login") != DevOrg::kAdministrator;
  });
  const std::string login(json::string_or_empty(*person, "profile.login"));
  const auto got = token_with_sign_in(directory.url(), login);
  ASSERT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(caller_.text(call(directory.url(), trimmed(got.out), "list_users", {{"limit", 2}})),
              HasSubstr("@"));

  // Without a sign-in from now on; and only for what it is connected to.
  auto again = token_command(directory.url(), "users.read");
  again.insert(again.end(), {"--subject-token", person_file(), "--json"});
  const auto answer = run(again, {});
  ASSERT_EQ(answer.status, 0) << answer.err;
  EXPECT_EQ(json::string_or_empty(json::parse(answer.out).value(), "scope"), "users.read");
  auto beyond = token_command(directory.url(), "groups.read");
  beyond.insert(beyond.end(), {"--subject-token", person_file()});
  const auto refused = run(beyond, {});
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(refused.out.empty()) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr("invalid_scope"));

  // One org: who leaves it leaves the registry, and one log has it all.
  api(Method::post,
      "/api/v1/users/" + std::string(json::string_or_empty(*person, "id")) + "/lifecycle/deactivate");
  const auto left = run(again, {});
  EXPECT_EQ(left.status, 1) << left.out;
  const auto log = api(Method::get, "/api/v1/logs?limit=200&sortOrder=DESCENDING");
  const std::string all = json::write(log);
  for (const char* type : {"resource_servers.mcp_server.activate", "app.oauth2.token.grant.id_jag",
                           "app.oauth2.as.token.grant.access_token", "user.lifecycle.deactivate"})
    EXPECT_THAT(all, HasSubstr(type));
}

TEST_F(AgentsInTheOrg, OneIssuerWithOneSetOfKeysAndTheOrgsOwnApps) {
  const auto metadata = api(Method::get, "/.well-known/oauth-authorization-server");
  const std::string grants = json::write(metadata.at("grant_types_supported"));
  for (const char* grant : {"urn:ietf:params:oauth:grant-type:device_code", "client_credentials",
                            "urn:ietf:params:oauth:grant-type:token-exchange"})
    EXPECT_THAT(grants, HasSubstr(grant));
  EXPECT_EQ(json::string_or_empty(metadata, "issuer"), org_.url());
  // An app of the org's signs in with a key and works at both APIs; who has no scope for it does not.
  for (const char* name : {"list_users", "list_mcp_servers", "list_ai_agents"}) tool({name});
  Environment narrow = settings_;
  narrow["OKTA_SCOPES"] = "okta.users.read";
  narrow["OKTA_MCP_STATE_DIR"] = place_.path() + "/narrow";
  EXPECT_EQ(run({program("okta-mcp-server"), "call", "list_users"}, narrow).status, 0);
  EXPECT_NE(run({program("okta-mcp-server"), "call", "list_ai_agents"}, narrow).status, 0);
  net::HttpRequest stranger{.url = org_.url() + std::string(kAgents)};
  EXPECT_EQ(caller_.send(stranger).status, 403);
}

}  // namespace
}  // namespace e2e
