// Tokens by discovery, against a world that is honest in all but one thing at a time.
#include "mcp/client_authorization.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "core/encoding.h"
#include "core/json.h"
#include "net/fake_http_client.h"
#include "oauth/authorization_code.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;
using net::HttpRequest;
using net::HttpResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kServer = "https://mcp.example/api/mcp";
const std::string kPrm = "https://mcp.example/.well-known/oauth-protected-resource/api/mcp";
const std::string kIssuer = "https://as.example/tenant";
const std::string kMetadata = "https://as.example/.well-known/oauth-authorization-server/tenant";

HttpResponse document(const Object& object, int status = 200) {
  return {
      .status = status, .headers = {{"Content-Type", "application/json"}}, .body = core::json::write(object)};
}

// The MCP server's metadata, an authorization server and a person, as far as HTTP and `visit` show them.
struct World {
  World() {
    options.server_url = kServer;
    options.redirect_uri = "http://127.0.0.1:7777/callback";
    options.visit = [this](const core::Context&, const AuthorizationVisit& visit) {
      visits.push_back(visit);
      net::Query answer{{"code", "c0de"}, {"state", visit.state}};
      if (alter_answer) alter_answer(answer);
      return core::Result<net::Query>(answer);
    };
    resource = {{"resource", kServer}, {"authorization_servers", {kIssuer}}};
    metadata = {{"issuer", kIssuer},
                {"authorization_endpoint", "https://as.example/authorize?tenant=1"},
                {"token_endpoint", "https://as.example/token"},
                {"registration_endpoint", "https://as.example/register"},
                {"code_challenge_methods_supported", {"plain", "S256"}},
                {"token_endpoint_auth_methods_supported", {"client_secret_basic", "none"}}};
    places[kPrm] = [this](const auto&) { return document(resource); };
    places[kMetadata] = [this](const auto&) { return document(metadata); };
    places["https://as.example/register"] = [](const auto&) {
      return document({{"client_id", "dyn"}, {"token_endpoint_auth_method", "none"}}, 201);
    };
    places["https://as.example/token"] = [this](const auto&) {
      Object answer = token;
      answer["access_token"] = fmt::format("at-{}", ++tokens);
      return document(answer);
    };
    token = {{"token_type", "bearer"}, {"expires_in", 3600}};
    http.answer_with([this](const core::Context&, const HttpRequest& request) -> net::FakeHttpClient::Answer {
      const auto found = places.find(request.url);
      return found == places.end() ? HttpResponse{.status = 404} : found->second(request);
    });
  }

  ClientAuthorization& provider() {
    if (!made) made = std::make_unique<ClientAuthorization>(std::move(options));
    return *made;
  }
  core::Result<bool> refuse(int status, std::string challenge) {
    const net::Headers headers{{"WWW-Authenticate", std::move(challenge)}};
    const auto used = provider().token({}, kServer).value_or(nullptr);
    return provider().challenged({}, {.status = status, .url = kServer, .headers = headers, .used = used});
  }
  std::string held() {
    const auto token_now = provider().token({}, kServer);
    return token_now && *token_now ? (*token_now)->value.reveal() : std::string("(none)");
  }
  std::vector<std::string> asked() const {
    std::vector<std::string> urls;
    for (const auto& request : http.requests()) urls.push_back(request.url);
    return urls;
  }
  net::Query last_form(std::string_view url = "https://as.example/token") const {
    net::Query form;
    for (const auto& request : http.requests()) {
      if (request.url == url) form = net::parse_query(request.body).value_or(net::Query{});
    }
    return form;
  }
  net::Query last_link() const {
    const auto url = net::parse_url(visits.back().link);
    return net::parse_query(url->query).value_or(net::Query{});
  }

  net::FakeHttpClient http;
  core::FakeClock clock;
  core::SeededRandom random{7};
  ClientAuthorizationOptions options{.http = http, .clock = clock, .random = random};
  Object resource, metadata, token;
  std::map<std::string, std::function<HttpResponse(const HttpRequest&)>> places;
  std::function<void(net::Query&)> alter_answer;
  std::vector<AuthorizationVisit> visits;
  int tokens = 0;
  std::unique_ptr<ClientAuthorization> made;
};

std::string value(const net::Query& query, std::string_view name) {
  return net::query_value(query, name).value_or("(none)");
}

TEST(ClientAuthorization, FindsItsWayFromARefusalToAToken) {
  World world;
  world.resource["scopes_supported"] = core::json::Array{"a", "b"};
  EXPECT_EQ(world.held(), "(none)");
  EXPECT_EQ(world.refuse(401, "Bearer").value_or(false), true);
  EXPECT_EQ(world.held(), "at-1");
  EXPECT_THAT(world.asked(),
              ElementsAre(kPrm, kMetadata, "https://as.example/register", "https://as.example/token"));
  EXPECT_THAT(world.visits.at(0).link,
              StartsWith("https://as.example/authorize?tenant=1&response_type=code&"));
  const auto link = world.last_link();
  const auto form = world.last_form();
  EXPECT_EQ(value(link, "client_id"), "dyn");
  EXPECT_EQ(value(link, "resource"), kServer);
  EXPECT_EQ(value(link, "scope"), "a b");
  EXPECT_EQ(value(link, "code_challenge_method"), "S256");
  EXPECT_EQ(value(link, "code_challenge"), oauth::pkce_challenge(value(form, "code_verifier")));
  EXPECT_EQ(value(form, "grant_type"), "authorization_code");
  EXPECT_EQ(value(form, "code"), "c0de");
  EXPECT_EQ(value(form, "resource"), kServer);
  EXPECT_EQ(value(form, "client_id"), "dyn");
  EXPECT_EQ(world.provider().issuer(), kIssuer);
}

struct Attack {
  const char* name;
  std::function<void(World&)> change;
  const char* challenge;
  const char* code;
};

TEST(ClientAuthorization, StopsAtEverySignOfFoulPlay) {
  const auto answer = [](std::string name, std::string text) {
    return [=](World& world) {
      world.alter_answer = [=](net::Query& query) { query.emplace_back(name, text); };
    };
  };
  const auto meta = [](std::string name, Value text) {
    return [=](World& world) { world.metadata[name] = text; };
  };
  const Attack attacks[] = {
      {"metadata of another origin", [](World&) {}, R"(Bearer resource_metadata="https://evil.example/prm")",
       "mcp.auth.metadata_origin"},
      {"metadata over http", [](World&) {}, R"(Bearer resource_metadata="http://mcp.example/prm")",
       "mcp.auth.metadata_origin"},
      {"metadata of a user", [](World&) {}, R"(Bearer resource_metadata="https://u@mcp.example/prm")",
       "mcp.auth.metadata_origin"},
      {"metadata that is not there", [](World&) {}, R"(Bearer resource_metadata="https://mcp.example/prm")",
       "mcp.auth.metadata"},
      {"another resource", [](World& w) { w.resource["resource"] = "https://evil.example/mcp"; }, "Bearer",
       "mcp.auth.resource"},
      {"a sibling resource", [](World& w) { w.resource["resource"] = "https://mcp.example/api/mc"; },
       "Bearer", "mcp.auth.resource"},
      {"no resource", [](World& w) { w.resource.erase("resource"); }, "Bearer", "mcp.auth.resource"},
      {"no authorization server", [](World& w) { w.resource.erase("authorization_servers"); }, "Bearer",
       "mcp.auth.metadata"},
      {"an authorization server over http",
       [](World& w) { w.resource["authorization_servers"] = core::json::Array{"http://as.example"}; },
       "Bearer", "oauth.issuer.url"},
      {"another issuer's metadata", meta("issuer", "https://as.example"), "Bearer", "oauth.issuer.mismatch"},
      {"a token endpoint over http", meta("token_endpoint", "http://as.example/token"), "Bearer",
       "mcp.auth.server"},
      {"a token endpoint on this machine", meta("token_endpoint", "http://127.0.0.1/token"), "Bearer",
       "mcp.auth.server"},
      {"an authorization endpoint that is a script", meta("authorization_endpoint", "javascript:alert(1)"),
       "Bearer", "mcp.auth.server"},
      {"no token endpoint", meta("token_endpoint", nullptr), "Bearer", "mcp.auth.server"},
      {"no PKCE", meta("code_challenge_methods_supported", core::json::Array{"plain"}), "Bearer",
       "mcp.auth.pkce"},
      {"PKCE unsaid", meta("code_challenge_methods_supported", nullptr), "Bearer", "mcp.auth.pkce"},
      {"another issuer in the answer", answer("iss", "https://evil.example"), "Bearer", "mcp.auth.issuer"},
      {"the issuer with a slash", answer("iss", kIssuer + "/"), "Bearer", "mcp.auth.issuer"},
      {"no issuer where it is due", meta("authorization_response_iss_parameter_supported", true), "Bearer",
       "mcp.auth.issuer"},
      {"two states", answer("state", "x"), "Bearer", "mcp.auth.callback"},
      {"two codes", answer("code", "x"), "Bearer", "mcp.auth.callback"},
      {"another state", [](World& w) { w.alter_answer = [](net::Query& q) { q[1].second = "x"; }; }, "Bearer",
       "mcp.auth.callback"},
      {"no code", [](World& w) { w.alter_answer = [](net::Query& q) { q.erase(q.begin()); }; }, "Bearer",
       "mcp.auth.callback"},
      {"a refusal", answer("error", "access_denied"), "Bearer", "mcp.auth.refused"},
      {"a token of another type", [](World& w) { w.token["token_type"] = "mac"; }, "Bearer",
       "mcp.auth.answer"},
      {"a token that breaks the header",
       [](World& w) {
         w.places["https://as.example/token"] = [](const auto&) {
           return document({{"token_type", "Bearer"}, {"access_token", "a\r\nX: y"}});
         };
       },
       "Bearer", "mcp.auth.answer"},
      {"a page instead of a token",
       [](World& w) {
         w.places["https://as.example/token"] = [](const auto&) {
           return HttpResponse{.status = 200, .body = "<html>"};
         };
       },
       "Bearer", "mcp.auth.answer"},
      {"a refused code",
       [](World& w) {
         w.places["https://as.example/token"] = [](const auto&) {
           return document({{"error", "invalid_grant"}, {"error_description", "no\nsuch"}}, 400);
         };
       },
       "Bearer", "mcp.auth.refused"},
      {"a registration without an id",
       [](World& w) {
         w.places["https://as.example/register"] = [](const auto&) { return document({}, 201); };
       },
       "Bearer", "mcp.auth.registration"},
      {"nobody to ask", [](World& w) { w.options.visit = nullptr; }, "Bearer", "mcp.auth.unavailable"},
      {"no way to register", meta("registration_endpoint", nullptr), "Bearer", "mcp.auth.registration"},
  };
  for (const Attack& attack : attacks) {
    World world;
    attack.change(world);
    auto outcome = world.refuse(401, attack.challenge);
    ASSERT_FALSE(outcome.has_value()) << attack.name;
    EXPECT_EQ(outcome.error().code, attack.code) << attack.name << ": " << core::describe(outcome.error());
    EXPECT_EQ(world.held(), "(none)") << attack.name;
    for (const std::string& url : world.asked())
      EXPECT_THAT(url, ::testing::Not(HasSubstr("evil"))) << attack.name;
    EXPECT_THAT(core::describe(outcome.error()), ::testing::Not(HasSubstr("c0de"))) << attack.name;
  }
}

TEST(ClientAuthorization, LooksForMetadataInTheOrderOfTheSpecification) {
  World world;
  world.places.erase(kPrm);
  world.places["https://mcp.example/.well-known/oauth-protected-resource"] = [](const auto&) {
    return document({{"resource", "HTTPS://MCP.example/"}, {"authorization_servers", {kIssuer}}});
  };
  world.places.erase(kMetadata);
  world.places["https://as.example/tenant/.well-known/openid-configuration"] = [&](const auto&) {
    return document(world.metadata);
  };
  ASSERT_TRUE(world.refuse(401, "Bearer").value_or(false));
  const auto asked = world.asked();
  ASSERT_GE(asked.size(), 5u);
  EXPECT_THAT(std::vector<std::string>(asked.begin(), asked.begin() + 5),
              ElementsAre(kPrm, "https://mcp.example/.well-known/oauth-protected-resource", kMetadata,
                          "https://as.example/.well-known/openid-configuration/tenant",
                          "https://as.example/tenant/.well-known/openid-configuration"));
  EXPECT_EQ(value(world.last_form(), "resource"), "HTTPS://MCP.example/") << "as the server calls itself";
}

TEST(ClientAuthorization, AServerWithoutMetadataIsItsOwnAuthorizationServer) {
  World world;
  world.places.erase(kPrm);
  world.places["https://mcp.example/register"] = world.places["https://as.example/register"];
  world.places["https://mcp.example/token"] = world.places["https://as.example/token"];
  ASSERT_TRUE(world.refuse(401, "").value_or(false));
  EXPECT_THAT(world.visits.at(0).link, StartsWith("https://mcp.example/authorize?"));
  EXPECT_EQ(world.held(), "at-1");

  World strict;
  strict.places.erase(kPrm);
  strict.options.assume_endpoints = false;
  EXPECT_EQ(strict.refuse(401, "").error().code, "oauth.issuer.missing");
}

TEST(ClientAuthorization, RegistersInTheOrderOfTheSpecification) {
  struct Row {
    bool registered, documented, dynamic;
    const char* id;
  };
  for (const Row& row : {Row{true, true, true, "mine"}, Row{false, true, true, "https://me.example/c.json"},
                         Row{false, false, true, "dyn"}}) {
    World world;
    if (row.registered)
      world.options.registration = ClientRegistration{.issuer = kIssuer, .client_id = "mine"};
    world.options.client_id_document = "https://me.example/c.json";
    world.metadata["client_id_metadata_document_supported"] = row.documented;
    ASSERT_TRUE(world.refuse(401, "Bearer").value_or(false));
    EXPECT_EQ(value(world.last_link(), "client_id"), row.id);
    EXPECT_EQ(world.last_form("https://as.example/register").empty(), std::string(row.id) != "dyn");
  }
}

TEST(ClientAuthorization, CredentialsStayWithTheirIssuer) {
  World world;
  world.options.registration = ClientRegistration{.issuer = "https://other.example", .client_id = "mine"};
  world.options.dynamic_registration = false;
  EXPECT_EQ(world.refuse(401, "Bearer").error().code, "mcp.auth.registration");
  EXPECT_TRUE(world.visits.empty());

  // The server moves to another authorization server: registration and refresh token stay behind.
  World moving;
  moving.token["refresh_token"] = "rt";
  ASSERT_TRUE(moving.refuse(401, "Bearer").value_or(false));
  moving.resource["authorization_servers"] = core::json::Array{"https://new.example"};
  moving.places["https://new.example/.well-known/oauth-authorization-server"] = [](const auto&) {
    return document({{"issuer", "https://new.example"},
                     {"authorization_endpoint", "https://new.example/a"},
                     {"token_endpoint", "https://new.example/t"},
                     {"registration_endpoint", "https://new.example/r"},
                     {"code_challenge_methods_supported", {"S256"}}});
  };
  moving.places["https://new.example/r"] = [](const auto&) {
    return document({{"client_id", "fresh"}, {"client_secret", "s:1"}}, 201);
  };
  moving.places["https://new.example/t"] = [](const HttpRequest& request) {
    EXPECT_EQ(request.headers.get("Authorization"), "Basic " + core::base64_encode("fresh:s%3A1"));
    EXPECT_THAT(request.body, ::testing::Not(HasSubstr("rt")));
    return document({{"token_type", "Bearer"}, {"access_token", "new"}});
  };
  ASSERT_TRUE(moving.refuse(401, "Bearer").value_or(false));
  EXPECT_EQ(moving.held(), "new");
}

TEST(ClientAuthorization, StepsUpByTheUnionAndNotForEver) {
  World world;
  ASSERT_TRUE(world.refuse(401, R"(Basic realm=x, Bearer scope="a b")").value_or(false));
  EXPECT_EQ(value(world.last_link(), "scope"), "a b");
  ASSERT_TRUE(world.refuse(403, R"(Bearer error="insufficient_scope", scope="c")").value_or(false));
  EXPECT_EQ(value(world.last_link(), "scope"), "a b c");
  EXPECT_EQ(world.held(), "at-2");
  // The same again would lead to the same.
  EXPECT_EQ(world.refuse(403, R"(Bearer error="insufficient_scope", scope="c a")").value_or(true), false);
  EXPECT_EQ(world.refuse(403, R"(Bearer error="insufficient_scope")").value_or(true), false);
  EXPECT_EQ(world.refuse(403, R"(Bearer scope="d")").value_or(true), false) << "forbidden for another reason";
  EXPECT_EQ(world.refuse(403, "").value_or(true), false);
  EXPECT_EQ(world.visits.size(), 2u);
  for (int i = 0; i < 20; ++i)
    (void)world.refuse(403, fmt::format(R"(Bearer error="insufficient_scope", scope="s{}")", i));
  EXPECT_EQ(world.visits.size(), 9u) << "eight step-ups in all";
}

TEST(ClientAuthorization, RenewsBeforeTheEndAndAfterARefusal) {
  World world;
  world.token["refresh_token"] = "rt-1";
  world.metadata["scopes_supported"] = core::json::Array{"offline_access"};
  ASSERT_TRUE(world.refuse(401, R"(Bearer scope="a")").value_or(false));
  EXPECT_EQ(value(world.last_link(), "scope"), "a offline_access");
  world.token["refresh_token"] = "rt-2";
  world.clock.advance(std::chrono::seconds{3571});
  EXPECT_EQ(world.held(), "at-2");
  EXPECT_EQ(value(world.last_form(), "grant_type"), "refresh_token");
  EXPECT_EQ(value(world.last_form(), "refresh_token"), "rt-1");
  EXPECT_EQ(value(world.last_form(), "resource"), kServer);
  world.token.erase("refresh_token");
  ASSERT_TRUE(world.refuse(401, R"(Bearer error="invalid_token")").value_or(false));
  EXPECT_EQ(value(world.last_form(), "refresh_token"), "rt-2");
  EXPECT_EQ(world.held(), "at-3");
  EXPECT_EQ(world.visits.size(), 1u) << "nobody was asked again";
  // A refresh token that has ended leads back to the person.
  world.places["https://as.example/token"] = [&](const HttpRequest& request) {
    if (request.body.find("refresh_token") != std::string::npos)
      return document({{"error", "invalid_grant"}}, 400);
    return document({{"token_type", "Bearer"}, {"access_token", "again"}});
  };
  ASSERT_TRUE(world.refuse(401, R"(Bearer error="invalid_token")").value_or(false));
  EXPECT_EQ(world.visits.size(), 2u);
  EXPECT_EQ(world.held(), "again");
}

TEST(ClientAuthorization, GetsTokensWithoutAPerson) {
  World machine;
  machine.options.grant = ClientGrant::client_credentials;
  machine.options.registration.emplace();
  machine.options.registration->client_id = "m";
  machine.options.registration->key = oauth::Key::generate(oauth::Algorithm::es256).value().with_kid("k");
  ASSERT_TRUE(machine.refuse(401, R"(Bearer scope="a")").value_or(false));
  auto form = machine.last_form();
  EXPECT_EQ(value(form, "grant_type"), "client_credentials");
  EXPECT_EQ(value(form, "scope"), "a");
  EXPECT_EQ(value(form, "resource"), kServer);
  const auto parts = value(form, "client_assertion");
  const auto first = parts.find('.');
  const auto claims = core::json::parse(
      core::base64url_decode(std::string_view(parts).substr(first + 1, parts.rfind('.') - first - 1))
          .value_or(""));
  ASSERT_TRUE(claims);
  EXPECT_EQ(core::json::string_or_empty(*claims, "aud"), kIssuer);
  EXPECT_EQ(core::json::string_or_empty(*claims, "iss"), "m");
  EXPECT_EQ(core::json::string_or_empty(*claims, "sub"), "m");

  World federated;
  federated.options.grant = ClientGrant::jwt_bearer;
  federated.options.registration.emplace();
  federated.options.registration->client_id = "m";
  federated.options.assertion = [](const core::Context&, const AssertionWanted& wanted) {
    EXPECT_EQ(wanted.issuer, kIssuer);
    EXPECT_EQ(wanted.resource, kServer);
    return core::Result<core::Secret>(core::Secret("id-jag"));
  };
  ASSERT_TRUE(federated.refuse(401, "Bearer").value_or(false));
  form = federated.last_form();
  EXPECT_EQ(value(form, "grant_type"), "urn:ietf:params:oauth:grant-type:jwt-bearer");
  EXPECT_EQ(value(form, "assertion"), "id-jag");
}

// The claims of a proof; the signature is the business of oauth/dpop_test.cpp.
Object proof_claims(const HttpRequest& request) {
  const auto proof = request.headers.get("DPoP");
  const auto first = proof.find('.');
  if (first == std::string_view::npos) return {};
  const auto text =
      core::base64url_decode(proof.substr(first + 1, proof.rfind('.') - first - 1)).value_or("");
  auto claims = core::json::parse(text);
  return claims ? claims->get_object() : Object{};
}

// A token endpoint that wants its nonce in every proof and binds what it gives.
struct DpopWorld : World {
  DpopWorld() {
    metadata["dpop_signing_alg_values_supported"] = core::json::Array{"RS256", "ES256"};
    token["token_type"] = "DPoP";
    token["refresh_token"] = "rt";
    places["https://as.example/token"] = [this](const HttpRequest& request) {
      const auto claims = proof_claims(request);
      if (core::json::string_or_empty(claims, "nonce") != "n-1") {
        auto refusal = document({{"error", claims.empty() ? "invalid_dpop_proof" : "use_dpop_nonce"}}, 400);
        refusal.headers.set("DPoP-Nonce", "n-1");
        return refusal;
      }
      jtis.insert(std::string(core::json::string_or_empty(claims, "jti")));
      Object answer = token;
      answer["access_token"] = fmt::format("at-{}", ++tokens);
      return document(answer);
    };
  }
  std::shared_ptr<const oauth::AccessToken> held_token() {
    return provider().token({}, kServer).value_or(nullptr);
  }
  std::set<std::string> jtis;
};

TEST(ClientAuthorization, BindsTokensToAKeyWhereTheServerAsksForIt) {
  for (const bool by_metadata : {false, true}) {
    DpopWorld world;
    if (by_metadata) world.resource["dpop_bound_access_tokens_required"] = true;
    ASSERT_TRUE(world.refuse(401, by_metadata ? "Bearer" : R"(DPoP algs="ES256")").value_or(false));
    const auto first = world.held_token();
    ASSERT_TRUE(first && first->dpop);
    EXPECT_EQ(first->scheme, "DPoP");
    EXPECT_EQ(value(world.last_link(), "dpop_jkt"), first->dpop->thumbprint());
    EXPECT_EQ(value(world.last_form(), "code"), "c0de");
    world.clock.advance(std::chrono::seconds{3571});
    const auto second = world.held_token();
    ASSERT_TRUE(second && second->dpop);
    EXPECT_EQ(second->value.reveal(), "at-2");
    EXPECT_EQ(second->dpop, first->dpop) << "a refresh token is bound to its key";
    EXPECT_EQ(world.jtis.size(), 2u);
  }
}

TEST(ClientAuthorization, ProvesWhatATokenEndpointDemandsUnasked) {
  DpopWorld world;
  world.metadata.erase("dpop_signing_alg_values_supported");
  ASSERT_TRUE(world.refuse(401, "Bearer").value_or(false));
  EXPECT_EQ(value(world.last_link(), "dpop_jkt"), "(none)");
  ASSERT_TRUE(world.held_token());
  EXPECT_EQ(world.held_token()->scheme, "DPoP");
}

TEST(ClientAuthorization, ASignInWithoutAKeyIsNotRenewedWhereOneIsAskedFor) {
  DpopWorld world;
  const auto bearer = [&](const HttpRequest& request) {
    EXPECT_FALSE(request.headers.has("DPoP"));
    return document({{"token_type", "Bearer"}, {"access_token", "plain"}, {"refresh_token", "rt"}});
  };
  const auto bound = std::exchange(world.places["https://as.example/token"], bearer);
  ASSERT_TRUE(world.refuse(401, "Bearer").value_or(false));
  EXPECT_EQ(world.held_token()->scheme, "Bearer");
  world.places["https://as.example/token"] = bound;
  ASSERT_TRUE(world.refuse(401, R"(DPoP algs="ES256")").value_or(false));
  EXPECT_EQ(world.visits.size(), 2u);
  EXPECT_EQ(world.held_token()->scheme, "DPoP");
}

TEST(ClientAuthorization, TakesABearerTokenForAProofButNoBoundOneForNone) {
  DpopWorld lax;
  lax.places["https://as.example/token"] = [](const auto&) {
    return document({{"token_type", "Bearer"}, {"access_token", "plain"}});
  };
  ASSERT_TRUE(lax.refuse(401, R"(DPoP algs="ES256")").value_or(false));
  EXPECT_EQ(lax.held_token()->scheme, "Bearer");
  EXPECT_FALSE(lax.held_token()->dpop);

  DpopWorld strange;
  strange.places["https://as.example/token"] = [](const auto&) {
    return document({{"token_type", "DPoP"}, {"access_token", "bound"}});
  };
  EXPECT_EQ(strange.refuse(401, "Bearer").error().code, "mcp.auth.answer");
}

TEST(ClientAuthorization, ANonceThatIsNeverTakenEndsTheAttempts) {
  DpopWorld world;
  int asked = 0;
  world.places["https://as.example/token"] = [&](const auto&) {
    auto refusal = document({{"error", "use_dpop_nonce"}}, 400);
    refusal.headers.set("DPoP-Nonce", fmt::format("n-{}", ++asked));
    return refusal;
  };
  EXPECT_EQ(world.refuse(401, R"(DPoP algs="ES256")").error().code, "mcp.auth.refused");
  EXPECT_EQ(asked, 1 + oauth::kDpopNonceRetries);
}

}  // namespace
}  // namespace mcp
