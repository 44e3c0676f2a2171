// Makes everything that an agent needs to get tokens by ID-JAG from a registry that is being served, and
// signs the requests beforehand: the client assertions, each with its own jti, and the person's ID token.
//
//   bench_registry_tokens STORE ISSUER CYCLES ALGORITHM DIRECTORY
//
// STORE is that of the registry ("sqlite:PATH", its key beside it), ISSUER where it is served with
// --allow-http-loopback, ALGORITHM (RS256, ES256) that of the agent's key and of the custom authorization
// server. Into DIRECTORY go what registry_tokens.lua reads: `exchange` and `redeem`, whose first line is the
// path, the second the start of the body, and each further one a client assertion.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

#include "authserver/token_exchange.h"
#include "core/key_ring.h"
#include "core/random.h"
#include "core/seal.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/url.h"
#include "oauth/jwt.h"
#include "oauth/sealing_keys.h"
#include "registry/registry.h"

namespace {

using core::json::Object;

constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

[[noreturn]] void give_up(const std::string& why) {
  fmt::print(stderr, "bench_registry_tokens: {}\n", why);
  std::exit(1);
}
template <class T>
T must(core::Result<T> result) {
  if (!result) give_up(core::describe(result.error()));
  return *std::move(result);
}

// The registry's token service over the same store: whoever has its key file signs what it signs.
struct Insider {
  Insider(const std::string& store_url, std::string issuer) {
    constexpr std::string_view kSqlite = "sqlite:";
    if (!store_url.starts_with(kSqlite)) give_up("STORE is sqlite:PATH");
    store = must(registry::open_store({.url = core::Secret(store_url)}));
    auto key = must(oauth::read_key_file(store_url.substr(kSqlite.size()) + ".key", "the key file"));
    vault = std::make_unique<core::KeyRing>(
        store->state(), core::system_clock(),
        core::KeyRingOptions{
            .name = "vault",
            .guard = std::make_shared<const core::Sealer>(must(core::Sealer::create(std::move(key))))});
    http = net::make_http_client({});
    const auto org = must(store->state().get("registry/org"));
    if (!org) give_up("the registry was never served from this store");
    service = {.settings = {.issuer = std::move(issuer), .node = "bench"},
               .names = registry::ResourceNames(org->value),
               .store = store.get(),
               .clock = &core::system_clock(),
               .random = &core::system_random(),
               .vault = vault.get(),
               .outside = http.get()};
    tokens = must(registry::TokenService::create(service, registry::token_options(service)));
  }

  std::unique_ptr<registry::Store> store;
  std::unique_ptr<core::KeyRing> vault;
  std::unique_ptr<net::HttpClient> http;
  registry::Service service{.settings = {}, .names = registry::ResourceNames("")};
  std::unique_ptr<registry::TokenService> tokens;
};

class Api {
 public:
  Api(const Insider& insider, std::string token) : insider_(insider), token_(std::move(token)) {}

  Object call(net::Method method, const std::string& path, const Object& body) const {
    net::HttpRequest request{.method = method, .url = insider_.service.url(path)};
    request.headers.add("Authorization", "Bearer " + token_);
    if (!body.empty()) {
      request.headers.add("Content-Type", "application/json");
      request.body = core::json::write(body);
    }
    const auto response = must(insider_.http->send({}, request));
    if (response.status >= 300) give_up(fmt::format("{}: {} {}", path, response.status, response.body));
    if (response.status == 202) return follow(std::string(response.headers.get("Location")), path);
    if (response.body.empty()) return {};
    return must(core::json::parse(response.body)).as_object();
  }
  Object post(const std::string& path, const Object& body = {}) const {
    return call(net::Method::post, path, body);
  }

 private:
  // Gives the operation, when it is over.
  Object follow(const std::string& location, const std::string& path) const {
    for (int i = 0; i < 600; ++i) {
      net::HttpRequest request{.method = net::Method::get, .url = location};
      request.headers.add("Authorization", "Bearer " + token_);
      const auto response = must(insider_.http->send({}, request));
      const auto body = must(core::json::parse(response.body)).as_object();
      const auto status = core::json::string_or_empty(body, "status");
      if (status == "COMPLETED") return body;
      if (status == "FAILED") give_up(fmt::format("{}: {}", path, response.body));
      std::this_thread::sleep_for(std::chrono::milliseconds{100});
    }
    give_up(path + " has no end");
  }

  const Insider& insider_;
  const std::string token_;
};

std::string text(const Object& body, std::string_view path) {
  return std::string(core::json::string_or_empty(body, path));
}

struct World {
  std::string agent, person, custom_as, issuer, resource;
};

World make_world(const Insider& insider, const Api& api, const oauth::Key& key, std::string_view algorithm) {
  World world;
  world.custom_as = text(api.post("/api/v1/authorizationServers",
                                  {{"name", "Bench"},
                                   {"description", ""},
                                   {"audiences", core::json::Array{"api://bench"}},
                                   {"credentials", Object{{"signing", Object{{"alg", algorithm}}}}}}),
                         "id");
  api.post(fmt::format("/api/v1/authorizationServers/{}/scopes", world.custom_as), {{"name", "tools:read"}});
  world.issuer = insider.service.url("/oauth2/" + world.custom_as);

  // The MCP server, for as long as it is looked at.
  std::string origin;
  const auto tools = must(net::HttpServer::start({}, [&](const net::ServerRequest& request) {
    net::ServerResponse response{.status = 401};
    if (request.method == net::Method::post) {
      response.headers.add("WWW-Authenticate",
                           fmt::format("Bearer resource_metadata=\"{}/metadata\"", origin));
      return response;
    }
    response.status = 200;
    response.headers.add("Content-Type", "application/json");
    response.body = core::json::write(
        Object{{"resource", origin + "/mcp"},
               {"resource_name", "Bench"},
               {"authorization_servers", core::json::Array{core::json::Value(world.issuer)}},
               {"scopes_supported", core::json::Array{"tools:read"}}});
    return response;
  }));
  origin = fmt::format("http://127.0.0.1:{}", tools->port());
  world.resource = origin + "/mcp";
  const std::string servers = "/resource-servers/api/v1/mcp-servers";
  const std::string server =
      text(api.post(servers, {{"resourceUrl", world.resource}, {"displayName", "Bench"}}), "resource.id");
  api.post(fmt::format("{}/{}/lifecycle/activate", servers, server));
  tools->stop();

  world.person = text(api.post("/api/v1/users", {{"profile", Object{{"login", "bench@example.com"}}}}), "id");
  const std::string agents = "/workload-principals/api/v1/ai-agents";
  world.agent = text(
      api.post(agents,
               {{"profile", Object{{"name", "Bench"}}},
                {"signOnProvider", Object{{"type", "NEW_OIDC_APP"},
                                          {"redirectUris", core::json::Array{"http://127.0.0.1:1/back"}}}}}),
      "resource.id");
  const std::string agent = agents + "/" + world.agent;
  api.post(agent + "/credentials/jwks", key.public_jwk());
  const auto& names = insider.service.names;
  api.call(net::Method::put, "/governance/api/v1/resource-owners",
           {{"resourceOrns", core::json::Array{core::json::Value(names.ai_agent(world.agent))}},
            {"principalOrns", core::json::Array{core::json::Value(names.user(world.person))}}});
  api.post(agent + "/connections",
           {{"connectionType", "IDENTITY_ASSERTION_MCP_SERVER"},
            {"resource", Object{{"orn", names.mcp_server(server)}}},
            {"authorizationServer", Object{{"orn", names.custom_as(world.custom_as)}}}});
  api.post(agent + "/lifecycle/activate");
  return world;
}

std::int64_t now() {
  return core::to_unix_seconds(core::system_clock().now());
}

// The body up to and with the name of the last parameter; its value is what differs.
void write_requests(const std::string& file, const std::string& path, const net::Query& fields,
                    const oauth::Key& key, const Insider& insider, const World& world, std::size_t count) {
  std::ofstream out(file);
  out << path << '\n' << net::encode_form(fields) << '\n';
  for (std::size_t i = 0; i < count; ++i) {
    out << must(oauth::sign_jwt(key, {{"iss", world.agent},
                                      {"sub", world.agent},
                                      {"aud", insider.service.url(path)},
                                      {"iat", now()},
                                      {"exp", now() + 3000},
                                      {"jti", core::system_random().token(16)}}))
        << '\n';
  }
  if (!out.flush()) give_up("cannot write " + file);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: bench_registry_tokens STORE ISSUER CYCLES ALGORITHM DIRECTORY\n");
    return 2;
  }
  const Insider insider(argv[1], argv[2]);
  const std::size_t cycles = std::strtoul(argv[3], nullptr, 10);
  const std::string_view algorithm = argv[4];
  const std::string directory = argv[5];
  if (algorithm != "RS256" && algorithm != "ES256") give_up("ALGORITHM is RS256 or ES256");
  const oauth::Key key =
      must(oauth::Key::generate(algorithm == "RS256" ? oauth::Algorithm::rs256 : oauth::Algorithm::es256))
          .with_kid("bench");
  const Api api(insider, must(insider.tokens->mint_admin_token("bench", registry::TokenService::api_scopes(),
                                                               std::chrono::hours{1})));
  const World world = make_world(insider, api, key, algorithm);
  const std::string id_token = must(oauth::sign_jwt(must(insider.tokens->org()).signing_keys.front(),
                                                    {{"iss", insider.service.settings.issuer},
                                                     {"sub", world.person},
                                                     {"aud", world.agent},
                                                     {"iat", now()},
                                                     {"exp", now() + 3600},
                                                     {"auth_time", now()},
                                                     {"jti", "ID." + core::system_random().token(16)}}));
  write_requests(directory + "/exchange", "/oauth2/v1/token",
                 {{"grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"},
                  {"requested_token_type", std::string(authserver::kIdJagTokenType)},
                  {"subject_token", id_token},
                  {"subject_token_type", std::string(authserver::kIdTokenType)},
                  {"audience", world.issuer},
                  {"resource", world.resource},
                  {"scope", "tools:read"},
                  {"client_assertion_type", std::string(kAssertionType)},
                  {"client_assertion", ""}},
                 key, insider, world, cycles);
  write_requests(directory + "/redeem", fmt::format("/oauth2/{}/v1/token", world.custom_as),
                 {{"grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
                  {"resource", world.resource},
                  {"client_assertion_type", std::string(kAssertionType)},
                  {"client_assertion", ""}},
                 key, insider, world, cycles);
  return 0;
}
