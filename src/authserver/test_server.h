// A whole authorization server for tests: fake clock, repeatable randomness, a store in memory, clients of
// each kind, two people.
#pragma once

#include <string>
#include <utility>

#include "authserver/authorization.h"
#include "authserver/device_authorization.h"
#include "authserver/endpoints.h"
#include "authserver/server.h"
#include "core/json.h"
#include "net/url.h"
#include "oauth/jwt.h"

namespace authserver {

// One key for all tests of a program: making RSA keys is slow.
inline const oauth::Key& test_signing_key() {
  static const oauth::Key key = oauth::Key::generate(oauth::Algorithm::rs256)->with_kid("signing-1");
  return key;
}
inline const oauth::Key& test_client_key() {
  static const oauth::Key key = oauth::Key::generate(oauth::Algorithm::es256)->with_kid("client-1");
  return key;
}

struct Answer {
  int status = 0;
  boost::json::object body{};
  net::Headers headers{};

  std::string text(std::string_view name) const {
    const auto* value = body.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  }
  // "ok", or the OAuth error and its description.
  std::string outcome() const {
    return status == 200 ? "ok" : text("error") + ": " + text("error_description");
  }
};

inline Answer to_answer(const net::ServerResponse& response) {
  Answer answer{.status = response.status, .headers = response.headers};
  if (auto value = core::json::parse(response.body); value && value->is_object())
    answer.body = value->get_object();
  return answer;
}

inline net::ServerRequest form_request(const net::Query& fields, const net::Headers& headers = {}) {
  net::ServerRequest request;
  request.method = net::Method::post;
  request.headers = headers;
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  request.body = net::encode_form(fields);
  return request;
}

struct TestServer {
  core::FakeClock clock;
  core::SeededRandom random{7};
  MemoryStore store{clients()};
  bool alice_is_active = true;
  Server server = make();

  static std::vector<Client> clients() {
    std::string device(kDeviceCode);
    return {
        {.id = "0oaService",
         .name = "Nightly job",
         .auth_method = AuthMethod::private_key_jwt,
         .keys = oauth::KeySet({test_client_key().public_key()}),
         .grants = {"client_credentials"},
         .scopes = {"okta.users.read", "okta.groups.*"}},
        {.id = "0oaDevice",
         .name = "Terminal <b>",
         .auth_method = AuthMethod::none,
         .grants = {device, "refresh_token"},
         .scopes = {"okta.*"}},
        {.id = "0oaBasic",
         .auth_method = AuthMethod::client_secret_basic,
         .secret_hashes = {hash_secret("s3cret: %")},
         .grants = {"client_credentials", device},
         .scopes = {"okta.*"}},
        {.id = "0oaPost",
         .auth_method = AuthMethod::client_secret_post,
         .secret_hashes = {hash_secret("posted")},
         .grants = {device, "refresh_token"},
         .scopes = {"okta.*"}},
        {.id = "0oaNative",
         .name = "Desktop <b>",
         .auth_method = AuthMethod::none,
         .grants = {"authorization_code", "refresh_token"},
         .scopes = {"okta.*"},
         .redirect_uris = {"http://127.0.0.1:16582/callback", "com.example:/cb?kept=1"}},
        {.id = "0oaWeb",
         .name = "Web",
         .auth_method = AuthMethod::client_secret_post,
         .secret_hashes = {hash_secret("posted")},
         .grants = {"authorization_code", "refresh_token"},
         .scopes = {"okta.*"},
         .redirect_uris = {"https://web.example/cb"}},
        {.id = "0oaBound",
         .auth_method = AuthMethod::none,
         .grants = {device, "refresh_token"},
         .scopes = {"okta.*"},
         .dpop_bound_access_tokens = true},
        {.id = "0oaNoKeys", .auth_method = AuthMethod::private_key_jwt, .grants = {"client_credentials"}},
    };
  }

  Server make() {
    return {.settings = {.issuer = "https://acme.example",
                         .resource_scopes = {"okta.users.read", "okta.users.manage", "okta.groups.read",
                                             "okta.users.read.self"}},
            .store = &store,
            .clock = &clock,
            .random = &random,
            .signing_keys = {test_signing_key()},
            .grants = {client_credentials_grant(), device_code_grant(), authorization_code_grant(),
                       refresh_token_grant()},
            .find_user = [this](std::string_view login) -> std::optional<User> {
              if (login == "alice@acme.example" && alice_is_active) {
                return User{"00uAlice", "alice@acme.example", "alice@mail.example", "Alice", "Liddell"};
              }
              if (login == "bob@acme.example") return User{"00uBob", "bob@acme.example", "bob@mail.example"};
              return std::nullopt;
            }};
  }

  std::int64_t seconds() const { return core::to_unix_seconds(clock.now()); }

  std::string assertion(const boost::json::object& changes = {}, const oauth::Key& key = test_client_key()) {
    boost::json::object claims{
        {"iss", "0oaService"}, {"sub", "0oaService"},    {"aud", "https://acme.example/oauth2/v1/token"},
        {"iat", seconds()},    {"exp", seconds() + 300}, {"jti", random.uuid()}};
    for (const auto& change : changes) {
      if (change.value().is_null()) {
        claims.erase(change.key());
      } else {
        claims[change.key()] = change.value();
      }
    }
    return *oauth::sign_jwt(key, claims);
  }

  Answer token(const net::Query& fields, const net::Headers& headers = {}) {
    return to_answer(token_endpoint(server, form_request(fields, headers)));
  }

  Answer service_token(std::string_view scope, const std::string& assertion) {
    return token({{"grant_type", "client_credentials"},
                  {"scope", std::string(scope)},
                  {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
                  {"client_assertion", assertion}});
  }

  Answer start_device(std::string_view scope, std::string client_id = "0oaDevice") {
    return to_answer(device_authorization_endpoint(
        server, form_request({{"client_id", std::move(client_id)}, {"scope", std::string(scope)}})));
  }

  Answer poll(const std::string& device_code, std::string client_id = "0oaDevice",
              const net::Headers& headers = {}) {
    return token({{"grant_type", std::string(kDeviceCode)},
                  {"client_id", std::move(client_id)},
                  {"device_code", device_code}},
                 headers);
  }

  Answer refresh(const std::string& refresh_token, const std::string& scope = "",
                 std::string client_id = "0oaDevice", const net::Headers& headers = {}) {
    return token({{"grant_type", "refresh_token"},
                  {"client_id", std::move(client_id)},
                  {"refresh_token", refresh_token},
                  {"scope", scope}},
                 headers);
  }

  User alice() { return *server.find_user("alice@acme.example"); }

  // A device that a person has approved.
  Answer signed_in(std::string_view scope, const std::string& client_id = "0oaDevice",
                   const net::Headers& headers = {}) {
    auto start = start_device(scope, client_id);
    auto approved = approve_device(server, start.text("user_code"), alice());
    if (!approved) return {};
    return poll(start.text("device_code"), client_id, headers);
  }

  // "ok", or the error's code.
  std::string verify(const std::string& access_token) {
    auto verified = verify_access_token(server, access_token);
    return verified ? "ok" : verified.error().code;
  }

  // A DPoP header for a token request; `changes` as in assertion().
  net::Headers proof(const boost::json::object& changes = {}, const oauth::Key& key = test_client_key()) {
    boost::json::object claims{{"htm", "POST"},
                               {"htu", "https://acme.example/oauth2/v1/token"},
                               {"iat", seconds()},
                               {"jti", random.uuid()}};
    for (const auto& change : changes) claims[change.key()] = change.value();
    return {{"DPoP", *oauth::sign_compact(key, core::json::write(claims),
                                          {{"typ", "dpop+jwt"}, {"jwk", key.public_jwk()}})}};
  }
};

// One more key, for whoever is not the owner of the first.
inline const oauth::Key& test_other_key() {
  static const oauth::Key key = *oauth::Key::generate(oauth::Algorithm::es256);
  return key;
}

}  // namespace authserver
