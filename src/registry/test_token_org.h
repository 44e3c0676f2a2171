// An org with its token service for tests: a person, an agent with a key, an MCP server behind a custom
// authorization server, and the connection between them. Everything is ES256, which is quick to make.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "authserver/test_server.h"
#include "registry/custom_as.h"
#include "registry/id_jag.h"
#include "registry/mcp_server.h"
#include "registry/org_tokens.h"
#include "registry/test_store.h"
#include "registry/workload_principal.h"

namespace registry::test {

using authserver::Answer;
using boost::json::object;

inline const oauth::Key& agent_key() {
  static const oauth::Key key = oauth::Key::generate(oauth::Algorithm::es256)->with_kid("agent-1");
  return key;
}
// Of DPoP proofs.
inline const oauth::Key& proof_key() {
  static const oauth::Key key = *oauth::Key::generate(oauth::Algorithm::es256);
  return key;
}

class TokenOrg : public testing::TestWithParam<Backend> {
 protected:
  static constexpr std::string_view kResource = "https://mcp.example/mcp";
  static constexpr std::string_view kServer = "emsServer00000000001";
  static constexpr std::string_view kAgent = "wlpAgent000000000001";
  static constexpr std::string_view kSecond = "wlpAgent000000000002";  // add_second_agent()
  static constexpr std::string_view kSecondUrl = "https://second.example";
  static constexpr std::string_view kJwtBearerType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
  static constexpr std::string_view kExchangeType = "urn:ietf:params:oauth:grant-type:token-exchange";

  void SetUp() override {
    if (!parts_.place.available()) GTEST_SKIP() << core::test::PostgresServer::kAbsent;
    ASSERT_NE(parts_.store, nullptr);
    tokens_ = service_of(service_);
    ASSERT_NE(tokens_, nullptr);
    custom_as_ = add_custom_as("Tools");
    for (const char* name : {"tools:read", "tools:call", "admin"}) add_scope(custom_as_, name);
    add_server(std::string(kServer), std::string(kResource), custom_as_);
    add_agent({.id = std::string(kAgent), .status = AgentStatus::active, .name = "Agent"}, agent_key());
    connection_ = add_connection({.id = "mcnConnection0000001",
                                  .owner = std::string(kAgent),
                                  .type = ConnectionType::identity_assertion_mcp_server,
                                  .server = std::string(kServer),
                                  .custom_as = custom_as_,
                                  .scope_condition = Connection::Scopes::include_only,
                                  .scopes = {"tools:read", "tools:call"},
                                  .resource_indicator = std::string(kResource)});
  }

  core::FakeClock& clock() { return parts_.place.clock; }
  Store& store() { return *parts_.store; }
  std::int64_t now() { return core::to_unix_seconds(clock().now()); }

  std::unique_ptr<TokenService> service_of(const Service& service) {
    auto user = [this](std::string_view key) -> std::optional<authserver::User> {
      if (!alice_is_active_ || (key != "00uAlice" && key != "alice@example.com")) return std::nullopt;
      return authserver::User{"00uAlice", "alice@example.com", "alice@mail.example", "Alice", "Liddell"};
    };
    auto made = TokenService::create(
        service,
        {.org_algorithm = oauth::Algorithm::es256,
         .dpop_nonce = false,
         .user_by_id = [user](Reader&, std::string_view id) { return user(id); },
         .user_by_login = [user](Reader&, std::string_view login) { return user(login); },
         .is_administrator = [this](Reader&, std::string_view) { return alice_administers_; },
         .find_client = [this](Reader&,
                               std::string_view id) -> core::Result<std::optional<authserver::Client>> {
           for (const auto& client : more_clients_) {
             if (client.id == id) return client;
           }
           return std::nullopt;
         }});
    if (!made) {
      ADD_FAILURE() << core::describe(made.error());
      return nullptr;
    }
    return *std::move(made);
  }

  // ---- what there is
  void in_transaction(const std::function<core::Status(Transaction&)>& work) {
    auto done = store().transaction(work);
    if (!done) ADD_FAILURE() << core::describe(done.error());
  }
  void insert(Row row) {
    in_transaction([&](Transaction& tx) {
      Row copy = row;
      return tx.insert(copy);
    });
  }
  // Changes a row that is there.
  void change(Kind kind, std::string_view id, const std::function<void(Row&)>& what) {
    in_transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(auto row, tx.hold(kind, id));
      EXPECT_TRUE(row) << id;
      if (!row) return {};
      what(*row);
      return tx.update(*row);
    });
  }
  void set_status(Kind kind, std::string_view id, std::string status) {
    change(kind, id, [&](Row& row) { row.status = status; });
  }

  std::string add_custom_as(std::string name, oauth::Algorithm algorithm = oauth::Algorithm::es256) {
    CustomAs server{.id = service_.new_id("aus"),
                    .name = std::move(name),
                    .audiences = {"api://default"},
                    .algorithm = algorithm};
    auto keys = make_signing_keys(service_, algorithm);
    EXPECT_TRUE(keys);
    in_transaction([&](Transaction& tx) {
      CustomAs copy = server;
      return insert_custom_as(tx, service_, copy, *keys, {.id = "system", .type = "SystemPrincipal"}, "trs");
    });
    return server.id;
  }
  void add_scope(const std::string& custom_as, const std::string& name, bool is_default = false) {
    Row row{.kind = Kind::as_scope,
            .id = service_.new_id("scp"),
            .parent = custom_as,
            .unique = custom_as + "/" + name,
            .name = name};
    row.body = object{{"name", name}, {"default", is_default}, {"metadataPublish", "ALL_CLIENTS"}};
    insert(row);
    change(Kind::custom_as, custom_as, [](Row&) {});
  }
  void add_server(const std::string& id, const std::string& url, const std::string& custom_as) {
    insert(to_row(McpServer{.id = id, .resource_url = url, .status = Status::active}));
    insert(to_row(McpAuthServer{.server = id,
                                .id = custom_as,
                                .okta = true,
                                .issuer = issuer_of(service_, custom_as),
                                .status = Status::active,
                                .connectivity = Connectivity::verified}));
  }
  // Another agent, with the same key, that the first one is connected to.
  void add_second_agent() {
    add_agent({.id = std::string(kSecond),
               .status = AgentStatus::active,
               .name = "Second",
               .resource_url = std::string(kSecondUrl)},
              agent_key());
    add_connection({.id = "mcnConnection0000003",
                    .owner = std::string(kAgent),
                    .type = ConnectionType::identity_assertion_a2a_server,
                    .custom_as = custom_as_,
                    .agent = std::string(kSecond),
                    .resource_indicator = std::string(kSecondUrl)});
  }
  void add_agent(const WorkloadPrincipal& agent, const oauth::Key& key) {
    insert(to_row(agent));
    insert(to_row(
        AgentKey{.id = service_.new_id("pks"), .owner = agent.id, .jwk = key.public_key().public_jwk()}));
  }
  std::string add_connection(const Connection& connection) {
    insert(to_row(connection));
    return connection.id;
  }
  // A service app that may ask for client credentials.
  void add_client(const std::string& id) {
    more_clients_.push_back({.id = id,
                             .name = id,
                             .auth_method = authserver::AuthMethod::private_key_jwt,
                             .keys = oauth::KeySet({agent_key().public_key()}),
                             .grants = {"client_credentials"},
                             .scopes = {"okta.*"}});
  }

  // ---- requests
  std::string url_of(std::string_view path) const { return service_.url(path); }
  std::string custom_path(const std::string& custom_as, std::string_view name) const {
    return "/oauth2/" + custom_as + "/v1/" + std::string(name);
  }
  std::string issuer() const { return issuer_of(service_, custom_as_); }

  std::string assertion(const std::string& audience, std::string client = std::string(kAgent),
                        const oauth::Key& key = agent_key()) {
    return *oauth::sign_jwt(key, {{"iss", client},
                                  {"sub", client},
                                  {"aud", audience},
                                  {"iat", now()},
                                  {"exp", now() + 300},
                                  {"jti", parts_.random.uuid()}});
  }
  // Client authentication of the agent for that endpoint is added.
  Answer post(const std::string& path, net::Query fields, net::Headers headers = {},
              const TokenService* tokens = nullptr, std::string client = std::string(kAgent)) {
    fields.emplace_back("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    fields.emplace_back("client_assertion", assertion(url_of(path), std::move(client)));
    auto request = authserver::form_request(fields, headers);
    request.path = path;
    auto response = (tokens != nullptr ? *tokens : *tokens_).handle(request);
    if (!response) return {};
    return authserver::to_answer(*response);
  }
  Answer get(const std::string& path) {
    net::ServerRequest request;
    request.path = path;
    auto response = tokens_->handle(request);
    if (!response) return {};
    return authserver::to_answer(*response);
  }

  static net::Query changed(net::Query fields, const net::Query& changes) {
    for (const auto& [name, value] : changes) {
      std::erase_if(fields, [&](const auto& field) { return field.first == name; });
      if (!value.empty()) fields.emplace_back(name, value);
    }
    return fields;
  }

  std::string sign_for_org(const object& claims, std::string_view typ = "") {
    return *oauth::sign_jwt(tokens_->org()->signing_keys.front(), claims, typ);
  }
  object id_claims(const object& changes = {}) {
    object claims{{"iss", "https://org.example"},
                  {"sub", "00uAlice"},
                  {"aud", kAgent},
                  {"iat", now()},
                  {"exp", now() + 3600},
                  {"auth_time", now() - 10},
                  {"jti", "ID." + parts_.random.token(16)}};
    apply(claims, changes);
    return claims;
  }
  static void apply(object& claims, const object& changes) {
    for (const auto& change : changes) {
      if (change.value().is_null()) {
        claims.erase(change.key());
      } else {
        claims[change.key()] = change.value();
      }
    }
  }
  std::string id_token(const object& changes = {}) { return sign_for_org(id_claims(changes)); }

  net::Query exchange_fields(const net::Query& changes = {}) {
    return changed({{"grant_type", std::string(kExchangeType)},
                    {"requested_token_type", std::string(authserver::kIdJagTokenType)},
                    {"subject_token", id_token()},
                    {"subject_token_type", std::string(authserver::kIdTokenType)},
                    {"audience", issuer()},
                    {"resource", std::string(kResource)},
                    {"scope", "tools:read"}},
                   changes);
  }
  Answer exchange(const net::Query& changes = {}, const net::Headers& headers = {}) {
    return post("/oauth2/v1/token", exchange_fields(changes), headers);
  }
  std::string id_jag(const net::Query& changes = {}) {
    Answer answer = exchange(changes);
    EXPECT_EQ(answer.outcome(), "ok");
    return answer.text("access_token");
  }
  net::Query redeem_fields(const std::string& jag, const net::Query& changes = {}) {
    return changed({{"grant_type", std::string(kJwtBearerType)},
                    {"assertion", jag},
                    {"resource", std::string(kResource)}},
                   changes);
  }
  Answer redeem(const std::string& jag, const net::Query& changes = {}, const net::Headers& headers = {},
                const TokenService* tokens = nullptr) {
    return post(custom_path(custom_as_, "token"), redeem_fields(jag, changes), headers, tokens);
  }
  // An ID-JAG whose claims are changed, signed as the org does.
  std::string forged_jag(const object& changes, std::string_view typ = authserver::kIdJagType) {
    object claims = oauth::peek(id_jag())->claims;
    apply(claims, changes);
    return sign_for_org(claims, typ);
  }
  net::Headers proof(const std::string& path, const oauth::Key& key = proof_key()) {
    const object claims{
        {"htm", "POST"}, {"htu", url_of(path)}, {"iat", now()}, {"jti", parts_.random.uuid()}};
    return {{"DPoP", *oauth::sign_compact(key, core::json::write(claims),
                                          {{"typ", "dpop+jwt"}, {"jwk", key.public_jwk()}})}};
  }

  std::vector<Event> events(std::string_view type) {
    auto found = store().events({.type_prefix = std::string(type), .limit = 100});
    EXPECT_TRUE(found);
    return found ? *found : std::vector<Event>{};
  }

  ServiceParts parts_{GetParam()};
  Service& service_ = parts_.service;
  bool alice_is_active_ = true;
  bool alice_administers_ = true;
  std::vector<authserver::Client> more_clients_;
  std::unique_ptr<TokenService> tokens_;
  std::string custom_as_, connection_;
};

}  // namespace registry::test
