// The registry as a client meets it, in one process: API, token endpoints and consent pages behind one
// function, the worker played by hand, and a world outside that the test changes.
#pragma once

#include <chrono>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "authserver/test_server.h"
#include "net/guarded.h"
#include "oauth/jws.h"
#include "registry/id_jag.h"
#include "registry/registry.h"
#include "registry/server_test_kit.h"
#include "registry/sts.h"
#include "registry/test_outside.h"
#include "registry/test_store.h"

namespace registry::test {

class Acceptance : public AnyService {
 protected:
  static constexpr std::string_view kAgents = "/workload-principals/api/v1/ai-agents";
  static constexpr std::string_view kCustomServers = "/api/v1/authorizationServers";
  static constexpr std::string_view kTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";

  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    world_.install(outside());
    open();
  }

  // As Registry::create does it, but with keys that are quick to make, and people who are signed in.
  void open() {
    TokenOptions options = token_options(service_);
    options.org_algorithm = oauth::Algorithm::es256;
    options.dpop_nonce = false;
    auto tokens = TokenService::create(service_, std::move(options));
    ASSERT_TRUE(tokens) << core::describe(tokens.error());
    tokens_ = *std::move(tokens);
    std::vector<Pages> pages;
    pages.emplace_back([this](const net::ServerRequest& request) {
      return handle_sts_page(
          service_, {.signed_in = [this](const net::ServerRequest&) { return signed_in_; }}, request);
    });
    pages.emplace_back([this](const net::ServerRequest& request) { return tokens_->handle(request); });
    auto server = Server::create(
        {.service = service_,
         .authenticate = [this](const net::ServerRequest& request) { return tokens_->authenticate(request); },
         .pages = std::move(pages)});
    ASSERT_TRUE(server) << core::describe(server.error());
    server_ = *std::move(server);
    auto token = tokens_->mint_admin_token("tester", TokenService::api_scopes(), std::chrono::hours{24});
    ASSERT_TRUE(token) << core::describe(token.error());
    admin_token_ = *std::move(token);
    handlers_.clear();
    add_discovery_work(handlers_);
    add_mcp_server_work(handlers_);
    add_sts_work(handlers_);
  }
  // Real requests from now on, as guarded as the product's.
  void open_to_sockets(std::chrono::milliseconds patience) {
    auto guard = net::Guard::create({.allow_http_loopback = true, .total_timeout = patience});
    ASSERT_TRUE(guard);
    network_ = net::make_http_client({.user_agent = "registry-test/1"});
    guarded_ = net::make_guarded_client(*network_, *std::move(guard));
    service_.outside = guarded_.get();
    service_.settings.allow_http_loopback = true;
    open();
  }

  // ---- the API
  net::ServerResponse send(net::Method method, std::string_view target, std::string body = {},
                           const net::Headers& headers = {}) {
    net::ServerRequest request{.method = method, .target = std::string(target), .peer = "192.0.2.7:4711"};
    request.path = request.target.substr(0, request.target.find('?'));
    if (request.path.size() < request.target.size())
      request.query = request.target.substr(request.path.size() + 1);
    request.headers = headers;
    request.body = std::move(body);
    return server_->handle(request);
  }
  ApiAnswer call(net::Method method, std::string_view target, std::string body = {}) {
    net::Headers headers{{"Authorization", "Bearer " + admin_token_}};
    if (!body.empty()) headers.set("Content-Type", "application/json");
    const auto response = send(method, target, std::move(body), headers);
    ApiAnswer answer{.status = response.status, .headers = response.headers};
    if (!response.body.empty()) {
      auto value = core::json::parse(response.body);
      EXPECT_TRUE(value) << response.body;
      if (value) answer.body = *std::move(value);
    }
    return answer;
  }
  ApiAnswer get(std::string_view target) { return call(net::Method::get, target); }
  ApiAnswer post(std::string_view target, std::string body = {}) {
    return call(net::Method::post, target, std::move(body));
  }
  ApiAnswer remove(std::string_view target) { return call(net::Method::delete_, target); }
  // What a POST makes at once.
  ApiAnswer made(std::string_view target, std::string body) {
    auto answer = post(target, std::move(body));
    EXPECT_LT(answer.status, 300) << target << ": " << answer.outcome() << " " << answer.cause();
    return answer;
  }
  // The operation that an accepted request leads to.
  ApiAnswer operation(const ApiAnswer& accepted) {
    EXPECT_EQ(accepted.status, 202) << accepted.outcome() << " " << accepted.cause();
    const std::string location(accepted.headers.get("Location"));
    EXPECT_TRUE(location.starts_with(service_.settings.issuer)) << location;
    return get(location.substr(std::min(location.size(), service_.settings.issuer.size())));
  }
  // Asks for it and does the work.
  ApiAnswer done(std::string_view target, std::string body = {}) {
    const auto accepted = post(target, std::move(body));
    run();
    return operation(accepted);
  }

  // ---- the worker
  // Does what is due now; gives how much that was.
  int run() {
    for (int count = 0; count < 200; ++count) {
      const auto work = store().claim("node-1", std::chrono::minutes(1));
      EXPECT_TRUE(work) << core::describe(work.error());
      if (!work || !*work) return count;
      const auto handled = handlers_.at((*work)->kind)({}, service_, **work);
      EXPECT_TRUE(handled) << core::describe(handled.error());
    }
    ADD_FAILURE() << "work without an end";
    return 0;
  }
  void run_for(std::chrono::seconds time) {
    constexpr std::chrono::seconds kStep{60};
    for (std::chrono::seconds passed{0}; passed < time; passed += kStep) {
      clock().advance(kStep);
      run();
    }
  }

  // ---- MCP servers
  // Gives the operation, when the checks are through.
  ApiAnswer register_server(const std::string& url = std::string(kResource)) {
    const auto accepted =
        post(kServers, fmt::format(R"({{"resourceUrl":"{}","displayName":"Example"}})", url));
    EXPECT_EQ(accepted.status, 202) << accepted.outcome() << " " << accepted.cause();
    const auto row = store().find_unique(Kind::mcp_server, url);
    EXPECT_TRUE(row && *row);
    if (row && *row) path_ = fmt::format("{}/{}", kServers, (*row)->id);
    run();
    return operation(accepted);
  }
  std::string status() { return get(path_).text("status"); }
  // "FAIL the message" of a check of the latest report.
  std::string check(std::string_view id) {
    const auto report = get(path_ + "/readiness");
    EXPECT_EQ(report.status, 200);
    std::vector<const core::json::Value*> lists{core::json::find(report.body, "checks")};
    for (const auto& each : core::json::find(report.body, "authorizationServers")->get_array())
      lists.push_back(core::json::find(each, "checks"));
    for (const auto* list : lists) {
      for (const auto& each : list->get_array()) {
        if (core::json::string_or_empty(each, "id") == id)
          return fmt::format("{} {}", core::json::string_or_empty(each, "result"),
                             core::json::string_or_empty(each, "message"));
      }
    }
    return "none";
  }
  // ACTIVE, behind the external authorization server of world_, where this org is registered.
  void activate_behind_external() {
    register_server();
    const auto listed = get(path_ + "/authorization-servers").ids();
    ASSERT_EQ(listed.size(), 1u);
    settings_ =
        made(kSettings, fmt::format(R"({{"name":"main","authorizationServerId":"{}","clientId":"registry",
                     "clientSecret":"s3cret-s3cret","scopes":["read"]}})",
                                    listed.front()))
            .text("orn");
    run();
    activate();
  }
  // ACTIVE, behind a custom authorization server of ours with the scopes read, write.
  void activate_behind_ours() {
    custom_as_ = made(kCustomServers, R"({"name":"Tools","description":"","audiences":["api://tools"],
                      "credentials":{"signing":{"alg":"ES256"}}})")
                     .text("id");
    for (const std::string_view scope : {"read", "write"})
      made(fmt::format("{}/{}/scopes", kCustomServers, custom_as_), fmt::format(R"({{"name":"{}"}})", scope));
    world_.resource["authorization_servers"] = core::json::Array{core::json::Value(issuer())};
    register_server();
    activate();
  }
  void activate() {
    ASSERT_EQ(status(), "INACTIVE");
    const auto ended = done(path_ + "/lifecycle/activate");
    ASSERT_EQ(ended.text("status"), "COMPLETED") << ended.text("errorDetails.message");
    ASSERT_EQ(status(), "ACTIVE");
  }
  std::string issuer() const { return service_.url("/oauth2/" + custom_as_); }
  std::string server_orn() { return get(path_).text("orn"); }

  // ---- agents and people
  void add_person() {
    const auto person = made("/api/v1/users", R"({"profile":{"login":"ada@example.com"}})");
    signed_in_ = SignedIn{.user_id = person.text("id"), .login = "ada@example.com"};
  }
  // ACTIVE; its id. `more` begins with a comma.
  std::string add_agent(std::string_view name, std::string_view more = {}) {
    if (!signed_in_) add_person();
    const auto ended =
        done(kAgents, fmt::format(R"({{"profile":{{"name":"{}"}},"signOnProvider":{{"type":"NEW_OIDC_APP",
                      "redirectUris":["https://agent.example/back"]}}{}}})",
                                  name, more));
    std::string id = ended.text("resource.id");
    EXPECT_FALSE(id.empty()) << ended.outcome();
    const auto key = oauth::Key::generate(oauth::Algorithm::es256).value().with_kid(id);
    made(agent_path(id, "/credentials/jwks"), core::json::write(key.public_jwk()));
    const auto owned =
        call(net::Method::put, "/governance/api/v1/resource-owners",
             fmt::format(R"({{"resourceOrns":["{}"],"principalOrns":["{}"]}})", service_.names.ai_agent(id),
                         service_.names.user(signed_in_->user_id)));
    EXPECT_EQ(owned.status, 200) << owned.outcome() << " " << owned.cause();
    keys_.emplace(id, key);
    EXPECT_EQ(done(agent_path(id, "/lifecycle/activate")).text("status"), "COMPLETED");
    return id;
  }
  static std::string agent_path(std::string_view agent, std::string_view more = {}) {
    return fmt::format("{}/{}{}", kAgents, agent, more);
  }
  // To the MCP server by ID-JAG, for the scope read alone; its path.
  std::string connect(const std::string& agent) {
    const auto connection =
        made(agent_path(agent, "/connections"),
             fmt::format(R"({{"connectionType":"IDENTITY_ASSERTION_MCP_SERVER","resource":{{"orn":"{}"}},
                    "authorizationServer":{{"orn":"{}"}},"scopeCondition":"INCLUDE_ONLY","scopes":["read"]}})",
                         server_orn(), service_.names.custom_as(custom_as_)));
    return agent_path(agent, "/connections/" + connection.text("id"));
  }
  // Everything for an agent's way to a token by ID-JAG.
  void connect_by_id_jag() {
    activate_behind_ours();
    agent_ = add_agent("Agent");
    connection_ = connect(agent_);
  }
  // And by STS; indicator_ is what it asks for.
  void connect_by_sts() {
    activate_behind_external();
    agent_ = add_agent("Agent");
    const auto connection =
        made(agent_path(agent_, "/connections"),
             fmt::format(R"({{"connectionType":"STS_ACCESS_TOKEN","resource":{{"orn":"{}"}}}})", settings_));
    indicator_ = connection.text("resourceIndicator");
    connection_ = agent_path(agent_, "/connections/" + connection.text("id"));
  }

  // ---- tokens
  std::int64_t seconds_now() { return core::to_unix_seconds(clock().now()); }
  std::string sign_for_org(const core::json::Object& claims, std::string_view typ = "") {
    return *oauth::sign_jwt(tokens_->org()->signing_keys.front(), claims, typ);
  }
  // Of the person, for that agent.
  std::string id_token(const std::string& agent) {
    return sign_for_org({{"iss", service_.settings.issuer},
                         {"sub", signed_in_->user_id},
                         {"aud", agent},
                         {"iat", seconds_now()},
                         {"exp", seconds_now() + 3600},
                         {"auth_time", seconds_now() - 10},
                         {"jti", "ID." + parts_.random.token(16)}});
  }
  authserver::Answer token_request(const std::string& path, net::Query fields, const std::string& agent) {
    fields.emplace_back("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    fields.emplace_back("client_assertion",
                        *oauth::sign_jwt(keys_.at(agent), {{"iss", agent},
                                                           {"sub", agent},
                                                           {"aud", service_.url(path)},
                                                           {"iat", seconds_now()},
                                                           {"exp", seconds_now() + 300},
                                                           {"jti", parts_.random.uuid()}}));
    return authserver::to_answer(send(net::Method::post, path, net::encode_form(fields),
                                      {{"Content-Type", "application/x-www-form-urlencoded"}}));
  }
  static void change(net::Query& fields, const net::Query& changes) {
    for (const auto& [name, value] : changes) {
      std::erase_if(fields, [&](const auto& field) { return field.first == name; });
      if (!value.empty()) fields.emplace_back(name, value);
    }
  }
  authserver::Answer exchange(const net::Query& changes = {}, std::string agent = {}) {
    if (agent.empty()) agent = agent_;
    net::Query fields{{"grant_type", std::string(kTokenExchange)},
                      {"requested_token_type", std::string(authserver::kIdJagTokenType)},
                      {"subject_token", id_token(agent)},
                      {"subject_token_type", std::string(authserver::kIdTokenType)},
                      {"audience", issuer()},
                      {"resource", std::string(kResource)},
                      {"scope", "read"}};
    change(fields, changes);
    return token_request("/oauth2/v1/token", std::move(fields), agent);
  }
  std::string id_jag() {
    const auto answer = exchange();
    EXPECT_EQ(answer.outcome(), "ok");
    return answer.text("access_token");
  }
  // An ID-JAG of the agent with other claims, signed as the org does.
  std::string id_jag_with(const core::json::Object& changes) {
    auto claims = oauth::peek(id_jag())->claims;
    for (const auto& each : changes) claims[each.key()] = each.value();
    return sign_for_org(claims, authserver::kIdJagType);
  }
  authserver::Answer redeem(const std::string& jag, const net::Query& changes = {}, std::string agent = {}) {
    net::Query fields{{"grant_type", std::string(kJwtBearerGrant)},
                      {"assertion", jag},
                      {"resource", std::string(kResource)}};
    change(fields, changes);
    return token_request("/oauth2/" + custom_as_ + "/v1/token", std::move(fields),
                         agent.empty() ? agent_ : agent);
  }
  authserver::Answer exchange_by_sts() {
    return token_request("/oauth2/v1/token",
                         {{"grant_type", std::string(kTokenExchange)},
                          {"requested_token_type", std::string(kOAuthSts)},
                          {"subject_token", id_token(agent_)},
                          {"subject_token_type", std::string(authserver::kIdTokenType)},
                          {"resource", indicator_}},
                         agent_);
  }
  // The person follows the link and agrees, there and at the external server.
  void consent(const std::string& interaction_uri) {
    const std::string page = interaction_uri.substr(service_.settings.issuer.size());
    const auto question = send(net::Method::get, page);
    ASSERT_EQ(question.status, 200) << question.body;
    constexpr std::string_view kField = R"(name="csrf_token" value=")";
    const std::size_t at = question.body.find(kField) + kField.size();
    const std::string csrf = question.body.substr(at, question.body.find('"', at) - at);
    const auto sent =
        send(net::Method::post, page, net::encode_form({{"csrf_token", csrf}, {"decision", "continue"}}),
             {{"Content-Type", "application/x-www-form-urlencoded"}});
    ASSERT_EQ(sent.status, 303) << sent.body;
    const std::string there(sent.headers.get("Location"));
    const auto query = net::parse_query(there.substr(there.find('?') + 1));
    ASSERT_TRUE(query);
    const auto back = send(
        net::Method::get,
        fmt::format("{}?{}", kStsCallback,
                    net::encode_query({{"code", "code-1"}, {"state", *net::query_value(*query, "state")}})));
    ASSERT_EQ(back.status, 200) << back.body;
  }

  std::size_t events(std::string_view type) {
    const auto found = store().events({.type_prefix = std::string(type), .limit = 1000});
    EXPECT_TRUE(found);
    return found ? found->size() : 0;
  }

  Outside world_;
  WorkHandlers handlers_;
  std::unique_ptr<net::HttpClient> network_, guarded_;
  std::unique_ptr<TokenService> tokens_;
  std::unique_ptr<Server> server_;
  std::string admin_token_;
  std::optional<SignedIn> signed_in_;
  std::map<std::string, oauth::Key> keys_;
  // What the helpers made.
  std::string path_, custom_as_, settings_, agent_, connection_, indicator_;
};

}  // namespace registry::test
