// `serve --http` with an authorization server that vouches for callers: who gets in, with which scopes, and
// what is told about it.
#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "core/scratch_directory.h"
#include "dev_org.h"
#include "http_service.h"
#include "mcp/http_client_transport.h"
#include "mcp/stdio_client.h"
#include "mcp/token_provider.h"

namespace e2e {
namespace {

namespace json = core::json;
using oauth::test::Changes;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kAlice = "alice@acme.example";

class HttpTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(org_.up()); }

  std::unique_ptr<HttpService> serve(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--issuer", issuer_.name()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    auto service = std::make_unique<HttpService>(std::move(arguments), org_.key_settings(state_.path()));
    EXPECT_TRUE(service->up()) << service->stderr_text();
    return service;
  }
  std::string token(const HttpService& service, std::string_view scopes, const Changes& changes = {},
                    std::string_view subject = kAlice) const {
    return issuer_.token(subject, scopes, service.url(), changes);
  }

  DevOrg org_;
  Issuer issuer_;
  core::ScratchDirectory state_;
  Caller caller_;
};

TEST_F(HttpTest, ACallerWhoKnowsOnlyTheUrlFindsTheWay) {
  const auto service = serve();
  const auto refused = caller_.send(call(service->url(), "", "list_users"));
  EXPECT_EQ(refused.status, 401);
  const std::string challenge(refused.headers.get("WWW-Authenticate"));
  std::smatch metadata_url;
  ASSERT_TRUE(std::regex_search(challenge, metadata_url, std::regex("resource_metadata=\"([^\"]+)\"")))
      << all_of(refused);
  EXPECT_THAT(challenge, Not(HasSubstr("error=")));
  const auto metadata = caller_.get(metadata_url.str(1));
  EXPECT_EQ(metadata.status, 200);
  const auto document = body_of(metadata);
  EXPECT_EQ(json::string_or_empty(document, "resource"), service->url());
  EXPECT_EQ(json::write(*json::find(document, "authorization_servers")),
            json::write(json::Array{issuer_.name()}));
  EXPECT_THAT(metadata.body, AllOf(HasSubstr("users.read"), HasSubstr("groups.manage")));

  const auto good = token(*service, "users.read");
  EXPECT_THAT(caller_.text(call(service->url(), good, "list_users", {{"limit", 3}})), HasSubstr("login"));
  for (const auto revision : {mcp::Revision::v2026_07_28, mcp::Revision::v2025_11_25}) {
    auto client = caller_.connect(service->url(), good, {.revision = revision});
    ASSERT_TRUE(client);
    const auto result = client->call_tool("list_users", {{"limit", 3}});
    ASSERT_TRUE(result) << core::describe(result.error());
    EXPECT_THAT(mcp::result_text(*result), HasSubstr("login"));
  }
  // Nothing else is to be had there without a token.
  for (const auto* path : {"/", "/metrics", "/healthz", "/readyz"}) {
    EXPECT_EQ(caller_.get(service->at(path)).status, 404) << path;
  }
}

// Asks for a wider token when it is told to, as a client with step-up does.
class Widening final : public mcp::TokenProvider {
 public:
  Widening(std::string narrow, std::string wide) : tokens_{std::move(narrow), std::move(wide)} {}
  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context&,
                                                                std::string_view) override {
    auto token = std::make_shared<oauth::AccessToken>();
    token->value = core::Secret(tokens_.at(widened_ ? 1 : 0));
    token->expires_at = core::system_clock().now() + std::chrono::hours{1};
    return token;
  }
  core::Result<bool> challenged(const core::Context&, const mcp::AuthorizationChallenge& challenge) override {
    told_ = challenge.headers.get("WWW-Authenticate");
    return challenge.status == 403 && !widened_.exchange(true);
  }
  const std::string& told() const { return told_; }

 private:
  std::vector<std::string> tokens_;
  std::atomic<bool> widened_ = false;
  std::string told_;
};

TEST_F(HttpTest, AMissingScopeIsNamedAndAWiderTokenWorks) {
  const auto service = serve();
  const auto groups = org_.get("/api/v1/groups?limit=1");
  const std::string group(json::string_or_empty(groups.at(0), "id"));
  const auto narrow = token(*service, "users.read groups.read");
  const auto refused = caller_.send(call(service->url(), narrow, "delete_group", {{"group_id", group}}));
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(std::string(refused.headers.get("WWW-Authenticate")),
              AllOf(HasSubstr("error=\"insufficient_scope\""), HasSubstr("groups.manage"),
                    HasSubstr("resource_meta")));

  Widening tokens(narrow, token(*service, "users.read groups.read groups.manage"));
  auto transport =
      mcp::make_http_transport({.url = service->url(), .http = caller_.http(), .tokens = &tokens});
  ASSERT_TRUE(transport);
  std::string asked;
  auto client =
      mcp::Client::connect(*std::move(transport), {.on_elicitation = [&](const json::Object& params) {
        asked = json::string_or_empty(params, "message");
        return mcp::InputResponse{.action = mcp::Answer::accept, .content = {{"confirm", true}}};
      }});
  ASSERT_TRUE(client) << core::describe(client.error());
  const auto done = (*client)->call_tool(
      "create_group", {{"profile", json::Object{{"name", "Over HTTP"}, {"description", "short-lived"}}}});
  ASSERT_TRUE(done) << core::describe(done.error());
  EXPECT_THAT(mcp::result_text(*done), HasSubstr("Done"));
  EXPECT_THAT(tokens.told(), HasSubstr("groups.manage"));
  const auto removed = (*client)->call_tool("delete_group", {{"group_id", "Over HTTP"}});
  ASSERT_TRUE(removed) << core::describe(removed.error());
  EXPECT_THAT(mcp::result_text(*removed), HasSubstr("Done"));
  EXPECT_THAT(asked, HasSubstr("Over HTTP"));
  EXPECT_EQ(json::string_or_empty(org_.get("/api/v1/groups/" + group), "id"), group);

  // Whose login acted, and who asked for it.
  (*client)->close();
  const auto audit =
      run({program("okta-mcp-server"), "audit", "show"}, {{"OKTA_MCP_STATE_DIR", state_.path()}});
  EXPECT_THAT(audit.out, HasSubstr(R"("principal":"client:)"));
  EXPECT_THAT(audit.out, HasSubstr(R"("caller":")" + issuer_.name() + "#" + std::string(kAlice) + '"'));
}

// Resources, prompts and completions are held to the same scopes as the tools behind them.
TEST_F(HttpTest, ResourcesPromptsAndCompletions) {
  const auto service = serve();
  const std::string admin = DevOrg::kAdministrator;
  auto client = caller_.connect(service->url(), token(*service, "users.read groups.read"));
  ASSERT_TRUE(client);
  const auto user = client->read_resource("okta://users/" + admin);
  ASSERT_TRUE(user) << core::describe(user.error());
  EXPECT_THAT(json::write(*user), HasSubstr(admin));
  const auto typed =
      client->complete({{"type", "ref/resource"}, {"uri", "okta://users/{user_id}"}}, "user_id", "adm");
  ASSERT_TRUE(typed) << core::describe(typed.error());
  EXPECT_THAT(json::write(*typed), HasSubstr(admin));
  const auto prompt = client->get_prompt("inactive_users", {{"days", "30"}});
  ASSERT_TRUE(prompt) << core::describe(prompt.error());
  EXPECT_THAT(json::write(*prompt), HasSubstr("30 days"));

  const auto narrow = token(*service, "groups.read");
  const std::string uri = "okta://users/" + admin;
  const Ask refused[] = {
      {.method = "resources/read", .name = uri, .params = {{"uri", uri}}},
      {.method = "completion/complete",
       .params = {{"ref", json::Object{{"type", "ref/resource"}, {"uri", "okta://users/{user_id}"}}},
                  {"argument", json::Object{{"name", "user_id"}, {"value", "adm"}}}}}};
  for (Ask ask : refused) {
    ask.url = service->url();
    ask.token = narrow;
    const auto answer = caller_.send(ask);
    EXPECT_EQ(answer.status, 403) << ask.method << all_of(answer);
    EXPECT_THAT(all_of(answer), AllOf(HasSubstr("users.read"), Not(HasSubstr(admin)))) << ask.method;
  }
}

// They could not reach the file.
TEST_F(HttpTest, NoFilesAreWrittenForCallers) {
  const auto service = serve();
  const auto good = token(*service, "users.read");
  auto client = caller_.connect(service->url(), good);
  ASSERT_TRUE(client);
  const auto tools = client->list_tools();
  ASSERT_TRUE(tools);
  EXPECT_GT(tools->size(), 40u);
  for (const auto& tool : *tools) EXPECT_NE(json::string_or_empty(tool, "name"), "export_users_csv");
  EXPECT_THAT(caller_.text(call(service->url(), good, "export_users_csv")), Not(HasSubstr("Done")));
  EXPECT_EQ(run({"/usr/bin/find", state_.path(), "-name", "*.csv"}, {}).out, "");
}

TEST_F(HttpTest, RefusalsHoldNoToken) {
  const auto service = serve();
  const Issuer stranger;
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(core::system_clock().now().time_since_epoch()).count();
  const struct {
    const char* what;
    std::string token;
    int status;
    const char* error;
  } rows[] = {
      {"another audience", token(*service, "users.read", {{"aud", "https://other.example/mcp"}}), 401,
       "invalid_token"},
      {"an hour old", token(*service, "users.read", {{"exp", json::Value(now - 3600)}}), 401,
       "invalid_token"},
      {"an issuer nobody trusts", stranger.token(kAlice, "users.read", service->url()), 401, "invalid_token"},
      {"a trusted name on a stranger's key",
       stranger.token(kAlice, "users.read", service->url(), {{"iss", issuer_.name()}}), 401, "invalid_token"},
      {"no subject", token(*service, "users.read", {{"sub", json::Value()}, {"client_id", json::Value()}}),
       401, "invalid_token"},
      {"no JWT", "00secretsecretsecretsecretsecret", 401, "invalid_token"},
      {"no scope", token(*service, ""), 403, "insufficient_scope"},
  };
  for (const auto& row : rows) {
    const auto answer = caller_.send(call(service->url(), row.token, "list_users"));
    EXPECT_EQ(answer.status, row.status) << row.what;
    EXPECT_THAT(std::string(answer.headers.get("WWW-Authenticate")), HasSubstr(row.error)) << row.what;
    const auto signature = row.token.substr(row.token.rfind('.') + 1);
    EXPECT_THAT(all_of(answer), Not(HasSubstr(signature))) << row.what;
    EXPECT_THAT(service->stderr_text(), Not(HasSubstr(signature))) << row.what;
  }
  auto in_the_query =
      call(service->url() + "?access_token=" + token(*service, "users.read"), "", "list_users");
  EXPECT_EQ(caller_.send(in_the_query).status, 400);
}

TEST_F(HttpTest, OneCallersLimitIsNotAnothers) {
  const auto service = serve({"--calls-per-minute", "1"});
  const auto loud = token(*service, "users.read");
  const auto quiet = token(*service, "users.read", {}, "bob@acme.example");
  const auto discover = [&](const std::string& token) {
    return caller_.send(Ask{.url = service->url(), .token = token, .method = "server/discover"});
  };
  net::HttpResponse last;
  int calls = 0;
  for (; calls < 200; ++calls) {
    last = discover(loud);
    if (last.status != 200) break;
  }
  EXPECT_GE(calls, 100) << "a burst is allowed";
  EXPECT_EQ(last.status, 429);
  EXPECT_GE(std::atoi(std::string(last.headers.get("Retry-After")).c_str()), 1) << all_of(last);
  EXPECT_EQ(discover(quiet).status, 200);
}

TEST_F(HttpTest, HealthAndMetricsHaveAnAddressOfTheirOwn) {
  const auto service = serve({"--admin", "127.0.0.1:0"});
  const auto& admin = service->admin_url();
  ASSERT_FALSE(admin.empty());
  EXPECT_EQ(caller_.get(admin + "/healthz").status, 200);
  EXPECT_TRUE(eventually([&] { return caller_.get(admin + "/readyz").status == 200; }));
  const std::string person = DevOrg::kAdministrator;
  const auto good = token(*service, "users.read");
  EXPECT_THAT(caller_.text(call(service->url(), good, "get_user", {{"user_id", person}})), HasSubstr(person));
  caller_.text(call(service->url(), good, "get_user", {{"user_id", "nobody@example.com"}}));
  caller_.text(call(service->url(), good, "no_such_tool_of_" + person));
  const std::string uri = "okta://users/" + person;
  EXPECT_EQ(caller_
                .send(Ask{.url = service->url(),
                          .token = good,
                          .method = "resources/read",
                          .name = uri,
                          .params = {{"uri", uri}}})
                .status,
            200);
  const auto metrics = caller_.get(admin + "/metrics").body;
  for (const auto* outcome : {"answered", "failed"}) {
    EXPECT_THAT(metrics,
                testing::ContainsRegex(std::string("okta_mcp_calls_total\\{[^}]*name=\"get_user\"[^}]*") +
                                       "outcome=\"" + outcome + "\"[^}]*\\} 1\n"));
  }
  EXPECT_THAT(metrics, HasSubstr("okta_mcp_ready 1\n"));
  EXPECT_THAT(metrics, AllOf(HasSubstr("resources/read"), Not(HasSubstr("example.com")),
                             Not(HasSubstr(std::string(kAlice))), Not(HasSubstr("no_such_tool"))));
  EXPECT_EQ(caller_.get(admin + "/mcp").status, 404);
}

class WithoutIssuer : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(org_.up()); }
  DevOrg org_;
  core::ScratchDirectory state_;
  Caller caller_;
};

// Over stdio a link would be shown here; over HTTP it would go to whoever calls.
TEST_F(WithoutIssuer, TheServersOwnSignInIsNotForCallers) {
  HttpService service({"--admin", "127.0.0.1:0"}, org_.device_settings(state_.path()));
  ASSERT_TRUE(service.up()) << service.stderr_text();
  const auto answer = caller_.text(call(service.url(), "", "list_users"));
  EXPECT_THAT(answer, AllOf(HasSubstr("login"), Not(HasSubstr("/activate"))));
  EXPECT_THAT(caller_.text(call(service.url(), "", "get_scope_status")), Not(HasSubstr("/activate")));
  net::HttpResponse unready;
  ASSERT_TRUE(eventually([&] {
    unready = caller_.get(service.admin_url() + "/readyz");
    return unready.body.find("signing in") == std::string::npos;
  }));
  EXPECT_EQ(unready.status, 503);
  EXPECT_THAT(unready.body, AllOf(HasSubstr("okta-mcp-server login"), Not(HasSubstr("/activate"))));
  EXPECT_THAT(caller_.get(service.admin_url() + "/metrics").body, HasSubstr("okta_mcp_ready 0\n"));
  EXPECT_EQ(caller_.get(service.admin_url() + "/healthz").status, 200);
  EXPECT_THAT(service.stderr_text(), Not(HasSubstr("/activate")));

  // The administrator signs in beside it; it needs no restart.
  auto settings = org_.device_settings(state_.path());
  auto beside = mcp::StdioClient::start({.argv = {program("okta-mcp-server")},
                                         .env = {settings.begin(), settings.end()},
                                         .inherit_env = false});
  ASSERT_TRUE(beside) << core::describe(beside.error());
  const auto pending = (*beside)->call_tool("list_users");
  ASSERT_TRUE(pending);
  std::smatch code;
  const auto text = mcp::result_text(*pending);
  ASSERT_TRUE(std::regex_search(text, code, std::regex("\\b[A-Z]{4}-?[A-Z]{4}\\b"))) << text;
  org_.confirm(code.str());
  EXPECT_TRUE(eventually([&] { return caller_.get(service.admin_url() + "/readyz").status == 200; }));
  EXPECT_THAT(caller_.text(call(service.url(), "", "list_users", {{"limit", 2}})), HasSubstr("login"));
}

TEST_F(WithoutIssuer, LoopbackIsOpenAndSaysSo) {
  HttpService service({}, org_.key_settings(state_.path()));
  ASSERT_TRUE(service.up()) << service.stderr_text();
  EXPECT_TRUE(service.says("everybody on this machine may call it"));
  EXPECT_THAT(caller_.text(call(service.url(), "", "list_users", {{"limit", 2}})), HasSubstr("login"));
  auto rebound = as_request(call(service.url(), "", "list_users"));
  rebound.headers.add("Origin", "https://evil.example");
  EXPECT_EQ(caller_.send(rebound).status, 403);
  EXPECT_EQ(service.end(), 0);
}

TEST_F(WithoutIssuer, AFixedTokenIsDemandedAndHidden) {
  const std::string secret = "s3cr3t-of-this-machine-0123456789";
  auto settings = org_.key_settings(state_.path());
  settings["OKTA_MCP_HTTP_TOKEN"] = secret;
  HttpService service({}, settings);
  ASSERT_TRUE(service.up()) << service.stderr_text();
  EXPECT_EQ(caller_.send(call(service.url(), "", "list_users")).status, 401);
  const auto wrong = caller_.send(call(service.url(), secret + "x", "list_users"));
  EXPECT_EQ(wrong.status, 401);
  EXPECT_THAT(all_of(wrong), Not(HasSubstr(secret)));
  EXPECT_THAT(caller_.text(call(service.url(), secret, "list_users", {{"limit", 2}})), HasSubstr("login"));
  const auto environment = run({"/bin/cat", "/proc/" + std::to_string(service.pid()) + "/environ"}, {});
  EXPECT_THAT(environment.out, Not(HasSubstr(secret)));
  if (environment.status == 0) {
    EXPECT_THAT(environment.out, HasSubstr("OKTA_MCP_STATE_DIR"));
  }
  EXPECT_EQ(service.end(), 0);
  EXPECT_THAT(service.stderr_text(), Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace e2e
