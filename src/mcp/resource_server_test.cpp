#include "mcp/resource_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mcp/test_resource_server.h"
#include "net/http_client.h"
#include "oauth/test_tokens.h"

namespace mcp {
namespace {

using oauth::test::Changes;
using test::Bench;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kMetadataUrl = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";

net::ServerRequest get(std::string path, net::Method method = net::Method::get) {
  return {.method = method, .target = path, .path = path};
}

TEST(ResourceServer, ACallerIsIssuerAndSubject) {
  Bench bench;
  const auto request = test::bearer(bench.issuer.token());
  EXPECT_FALSE(bench.server->try_authorize(request));  // the keys are not here yet
  const auto outcome = bench.authorize(request);
  const auto* caller = std::get_if<Caller>(&outcome);
  ASSERT_NE(caller, nullptr) << test::all_of(test::refused(outcome));
  EXPECT_EQ(caller->principal, oauth::test::kIssuer + "#00u1");
  ASSERT_TRUE(caller->scopes);
  EXPECT_THAT(*caller->scopes, ElementsAre("mcp:read", "mcp:write"));
  // From now on without leaving the event loop.
  const auto asked = bench.http.count();
  EXPECT_TRUE(bench.server->try_authorize(request));
  EXPECT_EQ(bench.http.count(), asked);
  // Another issuer's 00u1 is another caller; so is a client without a person.
  EXPECT_EQ(test::principal_of(bench.authorize(test::bearer(bench.other.token()))),
            "https://second.example.com#00u1");
  const Changes nobody{{"sub", core::json::Value()}};
  EXPECT_EQ(test::principal_of(bench.authorize(test::bearer(bench.issuer.token(nobody)))),
            oauth::test::kIssuer + "#client:app");
}

TEST(ResourceServer, WithoutATokenTheChallengeTellsWhereToGetOne) {
  Bench bench;
  for (const net::ServerRequest& request :
       {test::request(), test::request({{"Authorization", "Basic YTpi"}})}) {
    const auto outcome = bench.server->try_authorize(request);
    ASSERT_TRUE(outcome);
    const auto response = test::refused(*outcome);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(test::challenge_of(response),
              "Bearer resource_metadata=\"" + kMetadataUrl + "\", scope=\"mcp:read\"");
    EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
    EXPECT_THAT(response.body, Not(HasSubstr("error_description")));
  }
  EXPECT_EQ(bench.http.count(), 0u);
}

TEST(ResourceServer, ABadTokenIsToldSo) {
  Bench bench;
  const auto response = test::refused(
      bench.authorize(test::bearer(bench.issuer.token({{"exp", oauth::test::kIssuedNow - 100}}))));
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(test::challenge_of(response),
            "Bearer error=\"invalid_token\", error_description=\"The access token expired.\", "
            "resource_metadata=\"" +
                kMetadataUrl + "\", scope=\"mcp:read\"");
  EXPECT_EQ(response.body, R"({"error":"invalid_token","error_description":"The access token expired."})");
}

TEST(ResourceServer, TheLogHasTheReasonAndNotTheToken) {
  Bench bench;
  const auto token = bench.issuer.token({{"aud", "https://other.example.com"}});
  oauth::test::LogCapture log;
  bench.authorize(test::bearer(token));
  EXPECT_THAT(log.text(), HasSubstr("oauth.jwt.audience"));
  EXPECT_THAT(log.text(), Not(HasSubstr(token)));
  EXPECT_THAT(log.text(), Not(HasSubstr(token.substr(token.rfind('.')))));
}

TEST(ResourceServer, Metadata) {
  Bench bench;
  auto options = bench.options();
  options.documentation_url = "https://docs.example.com/mcp";
  options.title = "Example \"MCP\"";
  bench.make(std::move(options));
  EXPECT_EQ(bench.server->metadata_url(), kMetadataUrl);
  for (const char* path :
       {"/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"}) {
    const auto response = bench.server->metadata_response(get(path));
    ASSERT_TRUE(response) << path;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->headers.get("Content-Type"), "application/json");
    EXPECT_EQ(response->headers.get("Access-Control-Allow-Origin"), "*");
    EXPECT_EQ(response->headers.get("Cache-Control"), "public, max-age=600");
    EXPECT_EQ(*core::json::parse(response->body), *core::json::parse(R"({
      "resource": "https://mcp.example.com/mcp",
      "authorization_servers": ["https://login.example.com/oauth2/default", "https://second.example.com"],
      "bearer_methods_supported": ["header"],
      "scopes_supported": ["mcp:read", "mcp:write"],
      "resource_name": "Example \"MCP\"",
      "resource_documentation": "https://docs.example.com/mcp"})"));
    const auto head = bench.server->metadata_response(get(path, net::Method::head));
    EXPECT_EQ(head->status, 200);
    EXPECT_EQ(head->body, "");
    const auto preflight = bench.server->metadata_response(get(path, net::Method::options));
    EXPECT_EQ(preflight->status, 204);
    EXPECT_EQ(preflight->headers.get("Access-Control-Allow-Headers"), "*");
    EXPECT_EQ(bench.server->metadata_response(get(path, net::Method::post))->status, 405);
  }
  for (const char* path :
       {"/", "/mcp", "/.well-known", "/.well-known/oauth-protected-resource/",
        "/.well-known/oauth-protected-resource/other", "/.well-known/oauth-authorization-server"}) {
    EXPECT_FALSE(bench.server->metadata_response(get(path))) << path;
  }
}

TEST(ResourceServer, TheResourceIsPrintedAsItIsCompared) {
  struct Row {
    const char* resource;
    const char* canonical;
    const char* metadata_url;
  };
  const Row rows[] = {
      {"HTTPS://MCP.Example.com:443/mcp/", "https://mcp.example.com/mcp",
       "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"},
      {"https://mcp.example.com/", "https://mcp.example.com",
       "https://mcp.example.com/.well-known/oauth-protected-resource"},
      {"https://gate.example.com/team/mcp", "https://gate.example.com/team/mcp",
       "https://gate.example.com/.well-known/oauth-protected-resource/team/mcp"},
      {"http://127.0.0.1:8080/mcp", "http://127.0.0.1:8080/mcp",
       "http://127.0.0.1:8080/.well-known/oauth-protected-resource/mcp"},
  };
  for (const Row& row : rows) {
    Bench bench;
    auto options = bench.options();
    options.resource = row.resource;
    bench.make(std::move(options));
    EXPECT_EQ(bench.server->resource(), row.canonical);
    EXPECT_EQ(bench.server->metadata_url(), row.metadata_url);
    const std::string path =
        bench.server->metadata_url().substr(bench.server->metadata_url().find("/.well-known"));
    ASSERT_TRUE(bench.server->metadata_response(get(path))) << path;
  }
}

TEST(ResourceServer, DpopIsToldWhereItIsOffered) {
  struct Row {
    oauth::DpopUse use;
    bool told;
    bool required;
  };
  const Row rows[] = {{oauth::DpopUse::accepted, false, false},
                      {oauth::DpopUse::offered, true, false},
                      {oauth::DpopUse::required, true, true}};
  for (const Row& row : rows) {
    Bench bench;
    auto options = bench.options();
    options.dpop = row.use;
    bench.make(std::move(options));
    const auto challenge = test::challenge_of(test::refused(bench.authorize(test::request())));
    EXPECT_TRUE(challenge.starts_with("Bearer resource_metadata=\"" + kMetadataUrl + "\"")) << challenge;
    EXPECT_EQ(challenge.find(", DPoP resource_metadata=") != std::string::npos, row.told) << challenge;
    EXPECT_EQ(challenge.find("algs=\"RS256 ") != std::string::npos, row.told) << challenge;
    const auto document = *core::json::parse(
        bench.server->metadata_response(get("/.well-known/oauth-protected-resource"))->body);
    EXPECT_EQ(document.get_object().contains("dpop_signing_alg_values_supported"), row.told);
    EXPECT_EQ(document.get_object().contains("dpop_bound_access_tokens_required"), row.required);
    // An unbound token.
    const auto outcome = bench.authorize(test::bearer(bench.issuer.token()));
    EXPECT_EQ(std::holds_alternative<Caller>(outcome), !row.required);
    if (!row.required) continue;
    EXPECT_THAT(test::challenge_of(test::refused(outcome)), HasSubstr("DPoP error=\"invalid_token\""));
  }
}

TEST(ResourceServer, ScopesAndWhatCoversThem) {
  Bench bench;
  auto options = bench.options();
  options.scope_covers = [](std::string_view granted, std::string_view needed) {
    return granted == "mcp:write" && needed == "mcp:read";
  };
  bench.make(std::move(options));
  const auto may = [&](std::vector<std::string> granted, const std::vector<std::string>& needed) {
    return bench.server->permits({.principal = "p", .scopes = std::move(granted)}, needed);
  };
  EXPECT_TRUE(may({}, {}));
  EXPECT_FALSE(may({}, {"mcp:read"}));
  EXPECT_TRUE(may({"mcp:read"}, {"mcp:read"}));
  EXPECT_TRUE(may({"mcp:write"}, {"mcp:read"}));
  EXPECT_FALSE(may({"mcp:read"}, {"mcp:write"}));
  EXPECT_FALSE(may({"mcp:rea"}, {"mcp:read"}));
  EXPECT_TRUE(may({"mcp:write"}, {"mcp:read", "mcp:write"}));
  EXPECT_FALSE(may({"mcp:write"}, {"mcp:read", "mcp:admin"}));
  EXPECT_TRUE(bench.server->permits(Caller{}, {"mcp:admin"}));  // not limited by scopes
}

TEST(ResourceServer, InsufficientScopeNamesAllThatIsNeeded) {
  Bench bench;
  const auto response = bench.server->insufficient_scope({"mcp:write", "mcp:admin"});
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(test::error_of(response), "insufficient_scope");
  EXPECT_EQ(test::challenge_of(response),
            "Bearer error=\"insufficient_scope\", "
            "error_description=\"The access token was not granted what this operation needs.\", "
            "resource_metadata=\"" +
                kMetadataUrl + "\", scope=\"mcp:write mcp:admin\"");
}

TEST(ResourceServer, AnIssuerThatCannotBeAskedIsNotTheTokensFault) {
  Bench bench;
  bench.issuer.down = true;
  const auto response = test::refused(bench.authorize(test::bearer(bench.issuer.token())));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.get("Retry-After"), "5");
  EXPECT_EQ(test::error_of(response), "temporarily_unavailable");
  EXPECT_FALSE(response.headers.has("WWW-Authenticate"));
  EXPECT_EQ(test::principal_of(bench.authorize(test::bearer(bench.other.token()))),
            "https://second.example.com#00u1");
}

TEST(ResourceServer, SettingsThatCannotBe) {
  struct Row {
    const char* what;
    std::function<void(ResourceServerOptions&)> change;
    const char* code;
  };
  const Row rows[] = {
      {"a query", [](auto& o) { o.resource += "?x=1"; }, "mcp.resource_server.resource"},
      {"http", [](auto& o) { o.resource = "http://mcp.example.com/mcp"; }, "oauth.resource_uri"},
      {"no issuer", [](auto& o) { o.issuers.clear(); }, "oauth.verifier.issuers"},
      {"a scope with a quote", [](auto& o) { o.scopes_supported.emplace_back("a\"b"); },
       "mcp.resource_server.scopes"},
      {"two scopes in one", [](auto& o) { o.first_scopes.emplace_back("a b"); },
       "mcp.resource_server.scopes"},
      {"documentation that is a script", [](auto& o) { o.documentation_url = "javascript:alert(1)"; },
       "mcp.resource_server.url"},
      {"an issuer the application will not have",
       [](auto& o) {
         o.check_issuer = [](std::string_view) -> core::Status {
           return core::fail(core::ErrorKind::invalid_input, "app.no", "No.");
         };
       },
       "app.no"},
  };
  for (const Row& row : rows) {
    Bench bench;
    auto options = bench.options();
    row.change(options);
    const auto server = ResourceServer::create(std::move(options));
    ASSERT_FALSE(server) << row.what;
    EXPECT_EQ(server.error().code, row.code) << row.what;
  }
}

// Over real sockets, with the real client: an issuer on this machine.
TEST(ResourceServer, AnIssuerOnLoopback) {
  std::unique_ptr<oauth::test::TestIssuer> issuer;
  auto listening = net::HttpServer::start({}, [&](const net::ServerRequest& request) {
    if (request.path == "/moved")
      return net::ServerResponse{.status = 302, .headers = {{"Location", issuer->name() + "/keys"}}};
    auto answer = issuer->answer({.url = issuer->name() + request.path, .body = request.body});
    if (!answer || !*answer) return net::ServerResponse{.status = 404};
    return net::ServerResponse{
        .status = (*answer)->status, .headers = (*answer)->headers, .body = (*answer)->body};
  });
  ASSERT_TRUE(listening);
  issuer = std::make_unique<oauth::test::TestIssuer>(
      "http://127.0.0.1:" + std::to_string((*listening)->port()), oauth::Algorithm::rs256);
  issuer->opaque["opaque-1"] = {{"active", true}, {"sub", "00u2"}, {"aud", oauth::test::kResource}};
  const auto http = net::make_http_client({.user_agent = "mcp-test/1"});
  core::FakeClock clock;
  core::SeededRandom random{7};
  ResourceServerOptions options{.resource = oauth::test::kResource,
                                .issuers = {},
                                .scopes_supported = {},
                                .http = *http,
                                .clock = clock,
                                .random = random};
  options.issuers.push_back(
      {.issuer = issuer->name(), .introspection = oauth::IntrospectionClient{.client_id = "rs"}});
  auto server = ResourceServer::create(std::move(options));
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(test::principal_of((*server)->authorize({}, test::bearer(issuer->token()))),
            issuer->name() + "#00u1");
  EXPECT_EQ(test::principal_of((*server)->authorize({}, test::bearer("opaque-1"))), issuer->name() + "#00u2");
  EXPECT_EQ(test::refused((*server)->authorize({}, test::bearer("opaque-2"))).status, 401);

  // Keys behind a redirect are no keys.
  ResourceServerOptions moved{.resource = oauth::test::kResource,
                              .issuers = {},
                              .scopes_supported = {},
                              .http = *http,
                              .clock = clock,
                              .random = random};
  moved.issuers.push_back({.issuer = issuer->name(), .jwks_uri = issuer->name() + "/moved"});
  auto lost = ResourceServer::create(std::move(moved));
  ASSERT_TRUE(lost);
  EXPECT_EQ(test::refused((*lost)->authorize({}, test::bearer(issuer->token()))).status, 503);
}

}  // namespace
}  // namespace mcp
