#include "registry/readiness.h"

#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>
#include <sstream>
#include <string>

namespace registry {
namespace {

using core::json::Object;
using testing::HasSubstr;

constexpr std::string_view kUrl = "https://mcp.example.com/mcp";
constexpr std::string_view kIdp = "https://idp.example.com";
constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kProfile = "urn:ietf:params:oauth:grant-profile:id-jag";

struct Case {
  Observation seen;
  Subject subject;

  IssuerSeen& idp() { return seen.issuers.at(0); }
  McpAuthServer& external() { return subject.auth_servers.at(0).entity; }
  Subject::AuthServer& custom() { return subject.auth_servers.at(1); }
  ClientAuthSettings& client() { return subject.auth_servers.at(0).clients.at(0).settings; }
};

// Everything passes, none is skipped.
Case good() {
  Case made;
  made.seen.endpoint = {
      .methods = {"server/discover"},
      .status = 401,
      .bearer = true,
      .resource_metadata = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"};
  made.seen.resource =
      ResourceSeen{.url = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
                   .resource = std::string(kUrl),
                   .authorization_servers = {{std::string(kIdp), "https://org.example/oauth2/aus1"}},
                   .scopes_supported = {{"read"}}};
  made.seen.tools.asked = true;
  made.seen.skew_seconds = 3;
  IssuerSeen idp{.issuer = std::string(kIdp), .asked = true};
  idp.metadata = AuthServerSeen{.url = "https://idp.example.com/.well-known/oauth-authorization-server",
                                .issuer = std::string(kIdp),
                                .code_challenge_methods = {{"S256"}}};
  idp.keys = KeysSeen{.attempt = {.url = "https://idp.example.com/keys", .status = 200}, .usable = 1};
  idp.probes.push_back({.settings = "rsc1", .attempt = {.status = 400}, .error = "invalid_grant"});
  made.seen.issuers.push_back(std::move(idp));

  made.subject.server = {.id = "ems1", .resource_url = std::string(kUrl)};
  made.subject.callback_url = "https://org.example/oauth2/v1/sts/callback";
  made.subject.now = core::WallTime(std::chrono::seconds(1'800'000'000));
  Subject::AuthServer external{
      .entity = {.server = "ems1",
                 .id = "eas1",
                 .issuer = std::string(kIdp),
                 .xaa_enabled = true,
                 .authorization_endpoint = "https://idp.example.com/authorize",
                 .token_endpoint = "https://idp.example.com/token",
                 .grant_types = {"authorization_code", "refresh_token", std::string(kJwtBearer)},
                 .token_endpoint_auth_methods = {"client_secret_basic"},
                 .grant_profiles = {std::string(kProfile)},
                 .scopes_supported = {"write"}}};
  external.clients.push_back({.settings = {.id = "rsc1", .scopes = {"read", "write"}}, .consented = true});
  made.subject.auth_servers.push_back(std::move(external));
  made.subject.auth_servers.push_back(
      {.entity = {.server = "ems1", .id = "aus1", .okta = true, .issuer = "https://org.example/oauth2/aus1"},
       .local = {.exists = true}});
  return made;
}

const CheckResult* result_of(const Report& report, std::string_view id, bool custom) {
  for (const CheckResult& result : report.checks)
    if (result.check->id == id) return &result;
  return report.auth_servers.at(custom ? 1 : 0).find(id);
}

TEST(ReadinessTest, TwentyFiveChecks) {
  // By their numbers, from the published design; a copy of its own.
  const char* const names[] = {"url.syntax",
                               "url.policy",
                               "net.reachable",
                               "mcp.handshake",
                               "mcp.challenge",
                               "prm.fetch",
                               "prm.resource",
                               "prm.as_list",
                               "prm.scopes",
                               "as.metadata",
                               "as.issuer",
                               "as.token_endpoint",
                               "as.authorization_endpoint",
                               "as.grants",
                               "as.pkce",
                               "as.client_auth",
                               "as.jwks",
                               "xaa.profile",
                               "xaa.local_as",
                               "sts.client",
                               "sts.client_probe",
                               "sts.scopes",
                               "sts.callback",
                               "mcp.tools",
                               "time.skew"};
  const auto checks = readiness_checks();
  ASSERT_EQ(checks.size(), 25u);
  std::set<std::string_view> before;
  for (std::size_t i = 0; i < checks.size(); ++i) {
    const Check& check = checks[i];
    EXPECT_EQ(check.id, fmt::format("R{:02}", i + 1));
    EXPECT_EQ(check.name, names[i]);
    EXPECT_NE(check.run, nullptr);
    EXPECT_FALSE(check.title.empty()) << check.id;
    EXPECT_FALSE(check.messages[0].empty()) << check.id;
    EXPECT_TRUE(check.cure.ends_with('.')) << check.id;
    for (const auto need : check.needs) {
      if (need.empty()) continue;
      EXPECT_TRUE(before.contains(need)) << check.id << " needs what comes later: " << need;
    }
    before.insert(check.id);
  }
}

TEST(ReadinessTest, EveryCheckPasses) {
  const Case made = good();
  const Report report = assess(made.seen, made.subject);
  EXPECT_TRUE(report.ready());
  for (const Check& check : readiness_checks()) {
    const CheckResult* result = result_of(report, check.id, check.id == "R19");
    ASSERT_NE(result, nullptr) << check.id;
    EXPECT_EQ(to_string(result->outcome), "PASS") << check.id << " " << result->message;
    EXPECT_FALSE(result->blocking) << check.id;
  }
  for (const auto& each : report.auth_servers) {
    EXPECT_EQ(each.failure(), nullptr);
    EXPECT_FALSE(each.incomplete());
  }
}

struct Bad {
  const char* about;
  const char* check;
  std::function<void(Case&)> change;
  Outcome outcome;
  const char* message;
  Gravity gravity = Gravity::permanent;  // of FAIL
  bool ready = false;                    // all the same
};

TEST(ReadinessTest, WhatEachCheckFinds) {
  const Bad rows[] = {
      {"plain http", "R01", [](Case& c) { c.subject.server.resource_url = "http://mcp.example.com/mcp"; },
       Outcome::fail, "resourceUrl must be an absolute https URL without fragment"},
      {"fragment", "R01", [](Case& c) { c.subject.server.resource_url += "#x"; }, Outcome::fail, "fragment"},
      {"userinfo", "R01", [](Case& c) { c.subject.server.resource_url = "https://u@mcp.example.com/"; },
       Outcome::fail, "resourceUrl"},
      {"no URL", "R01", [](Case& c) { c.subject.server.resource_url = "mcp"; }, Outcome::fail, "resourceUrl"},
      {"inside", "R02",
       [](Case& c) { c.seen.endpoint = {.code = "net.address", .problem = "a loopback address"}; },
       Outcome::fail, "host mcp.example.com resolves to a disallowed address"},
      {"no name", "R03",
       [](Case& c) { c.seen.endpoint = {.code = "net.dns", .problem = "The host could not be found."}; },
       Outcome::fail, "cannot reach https://mcp.example.com/mcp: The host could not be found.",
       Gravity::transient},
      {"silent", "R03",
       [](Case& c) { c.seen.endpoint = {.code = "mcp.client.timeout", .problem = "No answer."}; },
       Outcome::fail, "No answer.", Gravity::transient},
      {"certificate", "R03",
       [](Case& c) { c.seen.endpoint = {.code = "net.tls", .problem = "No secure connection."}; },
       Outcome::fail, "No secure connection."},
      {"not found", "R04",
       [](Case& c) {
         c.seen.endpoint = {
             .methods = {"server/discover", "initialize"}, .status = 404, .code = "mcp.client.http_404"};
       },
       Outcome::fail, "endpoint did not answer MCP initialize: HTTP 404"},
      {"broken", "R04", [](Case& c) { c.seen.endpoint = {.methods = {"initialize"}, .status = 503}; },
       Outcome::fail, "HTTP 503", Gravity::transient},
      {"401 without a challenge", "R04", [](Case& c) { c.seen.endpoint.bearer = false; }, Outcome::fail,
       "endpoint did not answer MCP server/discover: HTTP 401"},
      {"HTML", "R04",
       [](Case& c) {
         c.seen.endpoint = {.methods = {"initialize"},
                            .status = 200,
                            .code = "mcp.client.media_type",
                            .problem = "text/html"};
       },
       Outcome::fail, "endpoint did not answer MCP initialize: text/html"},
      {"no pointer",
       "R05",
       [](Case& c) { c.seen.endpoint.resource_metadata.clear(); },
       Outcome::warn,
       "no resource_metadata in challenge; using well-known fallback",
       {},
       true},
      {"open",
       "R05",
       [](Case& c) { c.seen.endpoint = {.status = 200, .revision = "2025-11-25"}; },
       Outcome::warn,
       "the server answers without an access token",
       {},
       true},
      {"no document", "R06",
       [](Case& c) {
         c.seen.resource.reset();
         c.seen.metadata_tried = {{.url = "https://mcp.example.com/a",
                                   .status = 404,
                                   .code = "registry.status",
                                   .problem = "HTTP 404"}};
       },
       Outcome::fail, "protected resource metadata not found at https://mcp.example.com/a (HTTP 404)"},
      {"document away", "R06",
       [](Case& c) {
         c.seen.resource.reset();
         c.seen.metadata_tried = {
             {.url = "https://mcp.example.com/a", .code = "net.timeout", .problem = "slow"}};
       },
       Outcome::fail, "not found at", Gravity::transient},
      {"no document, entered by hand",
       "R06",
       [](Case& c) {
         c.seen.resource.reset();
         c.subject.server.manual = true;
       },
       Outcome::warn,
       "not found at",
       {},
       true},
      {"another resource", "R07", [](Case& c) { c.seen.resource->resource = "https://evil.example/mcp"; },
       Outcome::fail,
       "metadata resource 'https://evil.example/mcp' does not match 'https://mcp.example.com/mcp'",
       Gravity::security},
      {"no resource", "R07", [](Case& c) { c.seen.resource->resource.clear(); }, Outcome::fail,
       "metadata resource '' does not match", Gravity::security},
      {"another case", "R07", [](Case& c) { c.seen.resource->resource = "https://MCP.example.com/mcp"; },
       Outcome::fail, "does not match", Gravity::security},
      {"a slash",
       "R07",
       [](Case& c) { c.seen.resource->resource += '/'; },
       Outcome::warn,
       "differ in a slash at the end",
       {},
       true},
      {"a slash, strictly", "R07",
       [](Case& c) {
         c.seen.resource->resource += '/';
         c.subject.strict_resource = true;
       },
       Outcome::fail, "does not match", Gravity::security},
      {"empty list", "R08", [](Case& c) { c.seen.resource->authorization_servers->clear(); }, Outcome::fail,
       "No authorization servers found"},
      {"no list", "R08", [](Case& c) { c.seen.resource->authorization_servers.reset(); }, Outcome::fail,
       "No authorization servers found"},
      {"none usable", "R08",
       [](Case& c) {
         c.seen.resource->authorization_servers = {"http://a.example", "x", "https://localhost/"};
       },
       Outcome::fail, "not usable as issuers: http://a.example, x, https://localhost/"},
      {"one not usable",
       "R08",
       [](Case& c) { c.seen.resource->authorization_servers->push_back("x"); },
       Outcome::warn,
       "not usable as issuers: x",
       {},
       true},
      {"linked, not listed",
       "R08",
       [](Case& c) { c.seen.resource->authorization_servers->pop_back(); },
       Outcome::warn,
       "issuer https://org.example/oauth2/aus1 is not listed by the resource",
       {},
       true},
      {"no scopes",
       "R09",
       [](Case& c) { c.seen.resource->scopes_supported.reset(); },
       Outcome::warn,
       "scopes_supported missing",
       {},
       true},
      {"no metadata yet", "R10",
       [](Case& c) {
         c.idp().metadata.reset();
         c.idp().tried = {{.url = "https://idp.example.com/m",
                           .status = 404,
                           .code = "registry.status",
                           .problem = "HTTP 404"}};
       },
       Outcome::fail,
       "no authorization server metadata for https://idp.example.com: https://idp.example.com/m (HTTP 404)",
       Gravity::missing, true},
      {"metadata gone", "R10",
       [](Case& c) {
         c.idp().metadata.reset();
         c.idp().tried = {{.url = "https://idp.example.com/m", .status = 404, .code = "registry.status"}};
         c.external().status = Status::active;
         c.subject.auth_servers.pop_back();
       },
       Outcome::fail, "no authorization server metadata"},
      {"metadata away", "R10",
       [](Case& c) {
         c.idp().metadata.reset();
         c.idp().tried = {{.url = "https://idp.example.com/m", .status = 502, .code = "registry.status"}};
         c.subject.auth_servers.pop_back();
       },
       Outcome::fail, "no authorization server metadata", Gravity::transient},
      {"endpoints entered by hand",
       "R10",
       [](Case& c) {
         c.idp().metadata.reset();
         c.idp().tried = {{.url = "https://idp.example.com/m", .status = 404, .code = "registry.status"}};
         c.subject.auth_servers[0].supplied = true;
       },
       Outcome::warn,
       "no authorization server metadata",
       {},
       true},
      {"another issuer", "R11", [](Case& c) { c.idp().metadata->issuer = "https://evil.example"; },
       Outcome::fail, "issuer mismatch: expected https://idp.example.com, got https://evil.example",
       Gravity::security},
      {"issuer with a slash", "R11", [](Case& c) { c.idp().metadata->issuer += '/'; }, Outcome::fail,
       "issuer mismatch", Gravity::security},
      {"no token endpoint", "R12", [](Case& c) { c.external().token_endpoint.clear(); }, Outcome::fail,
       "token_endpoint missing", Gravity::missing, true},
      {"token endpoint by http", "R12",
       [](Case& c) {
         c.external().token_endpoint = "http://idp.example.com/token";
         c.subject.auth_servers.pop_back();
       },
       Outcome::fail, "token_endpoint http://idp.example.com/token is not https"},
      {"token endpoint inside", "R12",
       [](Case& c) {
         c.external().token_endpoint = "https://127.0.0.1/token";
         c.subject.auth_servers.pop_back();
       },
       Outcome::fail, "is not https"},
      {"no authorization endpoint", "R13", [](Case& c) { c.external().authorization_endpoint.clear(); },
       Outcome::fail, "authorization_endpoint missing", Gravity::missing, true},
      {"no code", "R14",
       [](Case& c) { c.external().grant_types = {"refresh_token", std::string(kJwtBearer)}; }, Outcome::fail,
       "grant type authorization_code not advertised", Gravity::missing, true},
      {"no refresh",
       "R14",
       [](Case& c) { c.external().grant_types = {"authorization_code", std::string(kJwtBearer)}; },
       Outcome::warn,
       "grant type refresh_token not advertised",
       {},
       true},
      {"no PKCE",
       "R15",
       [](Case& c) { c.idp().metadata->code_challenge_methods = {{"plain"}}; },
       Outcome::warn,
       "PKCE S256 not advertised",
       {},
       true},
      {"no common method", "R16",
       [](Case& c) { c.external().token_endpoint_auth_methods = {"private_key_jwt", "none"}; }, Outcome::fail,
       "no common token_endpoint_auth_method: client_secret_basic is not among private_key_jwt, none",
       Gravity::missing, true},
      {"the default method", "R16",
       [](Case& c) {
         c.external().token_endpoint_auth_methods.clear();
         c.client().auth_method = "client_secret_post";
       },
       Outcome::fail, "client_secret_post is not among client_secret_basic", Gravity::missing, true},
      {"no usable key", "R17", [](Case& c) { c.idp().keys->usable = 0; }, Outcome::fail,
       "JWKS has no usable signing key", Gravity::missing, true},
      {"no jwks_uri", "R17", [](Case& c) { c.idp().keys.reset(); }, Outcome::fail,
       "JWKS has no usable signing key", Gravity::missing, true},
      {"keys away", "R17", [](Case& c) { c.idp().keys->attempt.problem = "HTTP 500"; }, Outcome::fail,
       "JWKS not readable at https://idp.example.com/keys: HTTP 500", Gravity::missing, true},
      {"two keys of one name", "R17", [](Case& c) { c.idp().keys->duplicate_kid = "k"; }, Outcome::fail,
       "the key id k stands for several keys", Gravity::missing, true},
      {"keys where they are not needed",
       "R17",
       [](Case& c) {
         c.idp().keys->usable = 0;
         c.external().xaa_enabled = false;
       },
       Outcome::warn,
       "JWKS has no usable signing key",
       {},
       true},
      {"no profile", "R18", [](Case& c) { c.external().grant_profiles.clear(); }, Outcome::fail,
       "AS does not advertise the id-jag grant profile", Gravity::missing, true},
      {"no JWT bearer", "R18",
       [](Case& c) { c.external().grant_types = {"authorization_code", "refresh_token"}; }, Outcome::fail,
       "grant type urn:ietf:params:oauth:grant-type:jwt-bearer not advertised", Gravity::missing, true},
      {"no rule", "R19", [](Case& c) { c.custom().local.why_not = "it has no rule"; }, Outcome::fail,
       "authorization server aus1 cannot redeem ID-JAGs: it has no rule", Gravity::missing, true},
      {"no such server", "R19", [](Case& c) { c.custom().local.exists = false; }, Outcome::fail,
       "authorization server aus1 does not exist", Gravity::permanent, true},
      {"no registration", "R20", [](Case& c) { c.subject.auth_servers[0].clients.clear(); }, Outcome::fail,
       "no client registration for https://idp.example.com", Gravity::missing, true},
      {"registration off", "R20", [](Case& c) { c.client().active = false; }, Outcome::fail,
       "no client registration", Gravity::missing, true},
      {"sealed with a lost key", "R20", [](Case& c) { c.subject.auth_servers[0].clients[0].opens = false; },
       Outcome::fail, "the secret of client registration rsc1 cannot be read", Gravity::missing, true},
      {"expired", "R20", [](Case& c) { c.client().secret_expires = c.subject.now; }, Outcome::fail,
       "the secret of client registration rsc1 has expired", Gravity::missing, true},
      {"rejected", "R21", [](Case& c) { c.idp().probes[0].error = "invalid_client"; }, Outcome::fail,
       "client credentials rejected by https://idp.example.com", Gravity::missing, true},
      {"unclear",
       "R21",
       [](Case& c) { c.idp().probes[0].error = "invalid_request"; },
       Outcome::warn,
       "did not say whether it knows the client: invalid_request",
       {},
       true},
      {"unknown scope",
       "R22",
       [](Case& c) { c.client().scopes.emplace_back("admin"); },
       Outcome::warn,
       "scope admin not advertised",
       {},
       true},
      {"too many scopes",
       "R22",
       [](Case& c) { c.client().scopes.assign(501, "read"); },
       Outcome::warn,
       "more than 500 scopes",
       {},
       true},
      {"no consent yet",
       "R23",
       [](Case& c) { c.subject.auth_servers[0].clients[0].consented = false; },
       Outcome::warn,
       "callback not yet verified by a completed consent: https://org.example/oauth2/v1/sts/callback",
       {},
       true},
      {"callback by http",
       "R23",
       [](Case& c) { c.subject.callback_url = "http://127.0.0.1:1/cb"; },
       Outcome::warn,
       "callback URL http://127.0.0.1:1/cb is not https",
       {},
       true},
      {"tools fail",
       "R24",
       [](Case& c) { c.seen.tools.problem = "HTTP 500"; },
       Outcome::warn,
       "tool discovery failed: HTTP 500",
       {},
       true},
      {"clock ahead",
       "R25",
       [](Case& c) { c.seen.skew_seconds = 121; },
       Outcome::warn,
       "clock skew 121s",
       {},
       true},
      {"clock behind",
       "R25",
       [](Case& c) { c.seen.skew_seconds = -3600; },
       Outcome::warn,
       "clock skew -3600s",
       {},
       true},
  };
  std::set<std::string_view> covered;
  for (const Bad& row : rows) {
    SCOPED_TRACE(row.about);
    covered.insert(row.check);
    Case made = good();
    row.change(made);
    const Report report = assess(made.seen, made.subject);
    const CheckResult* result = result_of(report, row.check, std::string_view(row.check) == "R19");
    ASSERT_NE(result, nullptr);
    EXPECT_EQ(to_string(result->outcome), to_string(row.outcome));
    EXPECT_THAT(result->message, HasSubstr(row.message));
    EXPECT_THAT(result->message, testing::Not(HasSubstr("{")));
    EXPECT_EQ(report.ready(), row.ready);
    EXPECT_EQ(result->blocking, !row.ready);
    if (row.outcome == Outcome::fail) {
      EXPECT_EQ(to_string(result->gravity), to_string(row.gravity));
    }
    const Object shown = show(*result);
    EXPECT_EQ(core::json::string_or_empty(shown, "result"), to_string(row.outcome));
    EXPECT_EQ(core::json::string_or_empty(shown, "cure"), result->check->cure);
  }
  EXPECT_EQ(covered.size(), readiness_checks().size());
}

TEST(ReadinessTest, WhatNeedsAFailedCheckIsSkipped) {
  Case made = good();
  made.seen.endpoint = {.code = "net.dns", .problem = "away"};
  const Report report = assess(made.seen, made.subject);
  for (const char* id : {"R04", "R05", "R06", "R07", "R08", "R09", "R24", "R25"}) {
    const CheckResult* result = result_of(report, id, false);
    EXPECT_EQ(to_string(result->outcome), "SKIP") << id;
    EXPECT_THAT(result->message, HasSubstr("not looked at, because of R")) << id;
  }
  EXPECT_EQ(result_of(report, "R10", false)->outcome, Outcome::pass);
  EXPECT_TRUE(report.is_transient());
}

TEST(ReadinessTest, OneBadAuthorizationServerBesideAGoodOne) {
  Case made = good();
  made.external().token_endpoint = "http://idp.example.com/token";
  const Report beside = assess(made.seen, made.subject);
  EXPECT_TRUE(beside.ready());
  ASSERT_NE(beside.auth_servers[0].failure(), nullptr);
  EXPECT_EQ(beside.auth_servers[0].failure()->check->id, "R12");
  made = good();
  made.idp().metadata->issuer = "https://evil.example";
  const Report impostor = assess(made.seen, made.subject);
  EXPECT_FALSE(impostor.ready());
  EXPECT_TRUE(impostor.has_security_failure());
}

TEST(ReadinessTest, TheGravestComesFirst) {
  Case made = good();
  made.seen.resource->authorization_servers->clear();
  made.idp().metadata->issuer = "https://evil.example";
  const Report report = assess(made.seen, made.subject);
  const auto blocking = report.blocking();
  ASSERT_EQ(blocking.size(), 2u);
  EXPECT_EQ(blocking[0]->check->id, "R11");
  EXPECT_EQ(blocking[1]->check->id, "R08");
}

TEST(ReadinessTest, HostileTextIsCleanedAndCut) {
  Case made = good();
  made.seen.resource->resource = "https://\u202eevil\n{expected}" + std::string(100'000, 'x');
  const Report report = assess(made.seen, made.subject);
  const CheckResult* result = result_of(report, "R07", false);
  EXPECT_LT(result->message.size(), 1000u);
  EXPECT_THAT(result->message, testing::Not(HasSubstr("\u202e")));
  EXPECT_THAT(result->message, testing::Not(HasSubstr("\n")));
}

TEST(ReadinessTest, TheDocumentShowsTheTable) {
  std::ifstream file(PROJECT_SOURCE_DIR "/docs/registry.md");
  ASSERT_TRUE(file) << "docs/registry.md is missing";
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("\n\n" + draw_readiness_checks())) << "docs/registry.md lacks this table";
}

TEST(ReadinessTest, DriftNamesWhatChanged) {
  const auto before = core::json::parse(R"({"resource":{"a":"1","list":["x","y"],"gone":"z"},
      "authorizationServers":{"https://i.example":{"token_endpoint":"t"}}})");
  const auto after = core::json::parse(R"({"resource":{"a":"2","list":["y","x"],"new":["n"]},
      "authorizationServers":{"https://i.example":{"token_endpoint":"u"}}})");
  const Object drift = drift_between(before->get_object(), after->get_object());
  EXPECT_EQ(
      core::json::write(drift),
      R"({"added":[{"member":"resource.new","value":["n"]}],"removed":[{"member":"resource.gone","value":"z"}],)"
      R"("changed":[{"member":"resource.a","from":"1","to":"2"},)"
      R"({"member":"authorizationServers[https://i.example].token_endpoint","from":"t","to":"u"}]})");
  EXPECT_TRUE(drift_between(after->get_object(), after->get_object()).empty());
}

}  // namespace
}  // namespace registry
