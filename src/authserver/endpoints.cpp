#include "authserver/endpoints.h"

#include <algorithm>

#include "authserver/authorization.h"
#include "authserver/client_authentication.h"
#include "authserver/device_authorization.h"
#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "core/json.h"

namespace authserver {
namespace {

using boost::json::array;
using boost::json::object;
using core::Result;
using net::ServerRequest;
using net::ServerResponse;

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (const std::string& entry : list) text += (text.empty() ? "" : ", ") + entry;
  return text;
}

ServerResponse respond(const ServerRequest& request, const Result<object>& answer) {
  if (!answer) return error_response(answer.error(), request.headers.has("Authorization"));
  return json_response(*answer);
}

Result<object> token(const Server& server, const ServerRequest& request) {
  ASSIGN_OR_RETURN(Form form, Form::read(request));
  auto type = form.get("grant_type");
  if (!type) return problem("token_request_missing_grant_type", {server.grant_types()});
  const Grant* grant = server.find_grant(*type);
  if (!grant) return problem("unsupported_grant_type", {server.grant_types()});
  ASSIGN_OR_RETURN(Client client, authenticate_client(server, request, form, "token"));
  if (!contains(client.grants, *type)) return problem("unauthorized_client", {joined(client.grants)});
  return grant->redeem({server, form, client});
}

Result<object> device_authorization(const Server& server, const ServerRequest& request) {
  ASSIGN_OR_RETURN(Form form, Form::read(request));
  ASSIGN_OR_RETURN(Client client, authenticate_client(server, request, form, "device/authorize"));
  if (!contains(client.grants, kDeviceCode)) return problem("unauthorized_client", {joined(client.grants)});
  return start_device_authorization(server, client, form);
}

// A refresh token of this client that could still be used.
Result<std::optional<std::pair<Authorization, Record>>> find_refresh_token(const Server& server,
                                                                           const Client& client,
                                                                           std::string_view token) {
  ASSIGN_OR_RETURN(auto record,
                   server.store->find(RecordKind::refresh_token, hash_secret(token), server.now()));
  if (!record) return std::nullopt;
  auto value = core::json::parse(record->value);
  auto who = value ? authorization_from_json(*value) : std::nullopt;
  if (!who || who->client_id != client.id || value->at("used").as_bool()) return std::nullopt;
  ASSIGN_OR_RETURN(bool alive, family_is_alive(server, who->family));
  if (!alive) return std::nullopt;
  return std::pair{*std::move(who), *std::move(record)};
}

Result<object> introspect(const Server& server, const ServerRequest& request) {
  ASSIGN_OR_RETURN(Form form, Form::read(request));
  ASSIGN_OR_RETURN(Client client, authenticate_client(server, request, form, "introspect"));
  auto token = form.get("token");
  if (!token) return problem("request_missing_token");
  if (auto jwt = verify_access_token(server, *token); jwt && jwt->string("cid") == client.id) {
    object answer{{"active", true},
                  {"token_type", "Bearer"},
                  {"scope", join_scopes(jwt->strings("scp"))},
                  {"client_id", client.id},
                  {"username", jwt->subject()},
                  {"exp", core::to_unix_seconds(jwt->expires_at())},
                  {"iat", core::to_unix_seconds(jwt->issued_at().value_or(core::WallTime{}))},
                  {"sub", jwt->subject()},
                  {"aud", server.settings.issuer},
                  {"iss", server.settings.issuer},
                  {"jti", jwt->id()}};
    if (auto user = jwt->string("uid"); !user.empty()) answer["uid"] = user;
    return answer;
  }
  ASSIGN_OR_RETURN(auto refresh, find_refresh_token(server, client, *token));
  if (!refresh) return object{{"active", false}};
  const auto& [who, record] = *refresh;
  return object{
      {"active", true},         {"token_type", "Bearer"}, {"scope", join_scopes(who.scopes)},
      {"client_id", client.id}, {"username", who.login},  {"exp", core::to_unix_seconds(record.expires_at)},
      {"sub", who.login}};
}

// RFC 7009 section 2.2: a token that is unknown, or somebody else's, is answered like one that was revoked.
Result<object> revoke(const Server& server, const ServerRequest& request) {
  ASSIGN_OR_RETURN(Form form, Form::read(request));
  ASSIGN_OR_RETURN(Client client, authenticate_client(server, request, form, "revoke"));
  auto token = form.get("token");
  if (!token) return problem("request_missing_token");
  if (auto jwt = verify_access_token(server, *token); jwt && jwt->string("cid") == client.id) {
    RETURN_IF_ERROR(revoke_access_token(server, *jwt));
  }
  ASSIGN_OR_RETURN(auto refresh, find_refresh_token(server, client, *token));
  if (refresh) {
    RETURN_IF_ERROR(revoke_family(server, refresh->first.family));
  }
  return object{};
}

// A refusal of RFC 6750 section 3, with the body Okta sends beside it.
ServerResponse bearer_refusal(int status, std::string_view error, std::string_view description) {
  auto response = json_response({{"error", error}, {"error_description", description}}, status);
  response.headers.add("WWW-Authenticate", "Bearer error=\"" + std::string(error) +
                                               "\", error_description=\"" + std::string(description) + "\"");
  return response;
}

object metadata(const Server& server) {
  const Settings& settings = server.settings;
  array grants;
  for (const auto& grant : server.grants) grants.emplace_back(grant->type());
  array scopes;
  for (const std::string& scope : openid_scopes()) scopes.emplace_back(scope);
  array methods{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"};
  array algorithms{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"};
  return {{"issuer", settings.issuer},
          {"token_endpoint", settings.endpoint("token")},
          {"jwks_uri", settings.endpoint("keys")},
          {"device_authorization_endpoint", settings.endpoint("device/authorize")},
          {"introspection_endpoint", settings.endpoint("introspect")},
          {"revocation_endpoint", settings.endpoint("revoke")},
          // RFC 8414 section 2 demands the member; there is no authorization endpoint, so there is nothing to
          // list.
          {"response_types_supported", array{}},
          {"grant_types_supported", std::move(grants)},
          {"scopes_supported", std::move(scopes)},
          {"token_endpoint_auth_methods_supported", methods},
          {"token_endpoint_auth_signing_alg_values_supported", algorithms},
          {"introspection_endpoint_auth_methods_supported", methods},
          {"introspection_endpoint_auth_signing_alg_values_supported", algorithms},
          {"revocation_endpoint_auth_methods_supported", methods},
          {"revocation_endpoint_auth_signing_alg_values_supported", algorithms}};
}

ServerResponse public_document(const ServerRequest& request, const object& body) {
  if (request.method != net::Method::get && request.method != net::Method::head) {
    return error_response(problem("method_not_allowed", {"GET"}).error());
  }
  auto response = json_response(body);
  response.headers.set("Cache-Control", "max-age=60");
  response.headers.remove("Pragma");
  return response;
}

}  // namespace

ServerResponse token_endpoint(const Server& server, const ServerRequest& request) {
  return respond(request, token(server, request));
}

ServerResponse device_authorization_endpoint(const Server& server, const ServerRequest& request) {
  return respond(request, device_authorization(server, request));
}

ServerResponse introspection_endpoint(const Server& server, const ServerRequest& request) {
  return respond(request, introspect(server, request));
}

ServerResponse revocation_endpoint(const Server& server, const ServerRequest& request) {
  auto answer = revoke(server, request);
  if (!answer) return respond(request, answer);
  auto response = json_response({});
  response.headers.remove("Content-Type");
  response.body.clear();
  return response;
}

ServerResponse keys_endpoint(const Server& server, const ServerRequest& request) {
  return public_document(request, oauth::KeySet(server.signing_keys).public_jwks());
}

ServerResponse oauth_metadata_endpoint(const Server& server, const ServerRequest& request) {
  return public_document(request, metadata(server));
}

ServerResponse openid_metadata_endpoint(const Server& server, const ServerRequest& request) {
  object body = metadata(server);
  body["userinfo_endpoint"] = server.settings.endpoint("userinfo");
  body["subject_types_supported"] = array{"public"};
  body["id_token_signing_alg_values_supported"] = array{"RS256"};
  body["claims_supported"] = array{"iss",
                                   "ver",
                                   "sub",
                                   "aud",
                                   "iat",
                                   "exp",
                                   "jti",
                                   "auth_time",
                                   "amr",
                                   "name",
                                   "preferred_username",
                                   "given_name",
                                   "family_name",
                                   "email",
                                   "email_verified",
                                   "at_hash"};
  return public_document(request, body);
}

std::string_view bearer_token(const ServerRequest& request) {
  constexpr std::string_view kScheme = "bearer ";
  std::string_view value = request.headers.get("Authorization");
  if (value.size() <= kScheme.size()) return {};
  for (std::size_t i = 0; i < kScheme.size(); ++i) {
    if ((value[i] | 0x20) != kScheme[i]) return {};  // RFC 9110 section 11.1: schemes compare without case
  }
  return value.substr(kScheme.size());
}

ServerResponse userinfo_endpoint(const Server& server, const ServerRequest& request) {
  auto jwt = verify_access_token(server, bearer_token(request));
  if (!jwt) return bearer_refusal(401, "invalid_token", "The access token is invalid");
  auto scopes = jwt->strings("scp");
  if (!contains(scopes, "openid")) {
    return bearer_refusal(
        403, "insufficient_scope",
        "The access token must provide access to at least one of these scopes - profile, email, "
        "address or phone");
  }
  auto user = server.find_user(jwt->subject());
  if (!user || user->id != jwt->string("uid")) {
    return bearer_refusal(401, "invalid_token", "The access token is invalid");
  }
  object body{{"sub", user->id}};
  if (contains(scopes, "profile")) {
    body["name"] = user->first_name + " " + user->last_name;
    body["preferred_username"] = user->login;
    body["given_name"] = user->first_name;
    body["family_name"] = user->last_name;
  }
  if (contains(scopes, "email")) {
    body["email"] = user->email;
    body["email_verified"] = true;
  }
  return json_response(body);
}

}  // namespace authserver
