#include "authserver/endpoints.h"

#include <algorithm>

#include "authserver/authorization.h"
#include "authserver/client_authentication.h"
#include "authserver/device_authorization.h"
#include "authserver/dpop.h"
#include "authserver/problem.h"
#include "authserver/refresh_token.h"
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

// RFC 9449 section 8.2: the newest nonce rides on every answer to whoever uses them.
void add_nonce(const Server& server, DpopNonceUse use, ServerResponse& response) {
  auto nonces = dpop_nonces(server, use);
  if (nonces && !nonces->empty()) response.headers.set("DPoP-Nonce", nonces->front());
}

Result<object> token(const Server& server, const ServerRequest& request) {
  ASSIGN_OR_RETURN(Form form, Form::read(request));
  auto type = form.get("grant_type");
  if (!type) return problem("token_request_missing_grant_type", {server.grant_types()});
  const Grant* grant = server.find_grant(*type);
  if (!grant) return problem("unsupported_grant_type", {server.grant_types()});
  ASSIGN_OR_RETURN(Client client, authenticate_client(server, request, form, "token"));
  if (!contains(client.grants, *type)) return problem("unauthorized_client", {joined(client.grants)});
  ASSIGN_OR_RETURN(std::string dpop_key, token_request_key(server, request, client));
  return grant->redeem({server, form, client, std::move(dpop_key)});
}

Result<object> device_authorization(const Server& server, const ServerRequest& request) {
  ASSIGN_OR_RETURN(Form form, Form::read(request));
  ASSIGN_OR_RETURN(Client client, authenticate_client(server, request, form, "device/authorize"));
  if (!contains(client.grants, kDeviceCode)) return problem("unauthorized_client", {joined(client.grants)});
  return start_device_authorization(server, client, form);
}

object of_access_token(const oauth::VerifiedJwt& jwt) {
  object answer{{"active", true},
                {"token_type", bound_key(jwt).empty() ? "Bearer" : "DPoP"},
                {"scope", join_scopes(jwt.strings("scp"))},
                {"client_id", jwt.string("cid")},
                {"username", jwt.subject()},
                {"exp", core::to_unix_seconds(jwt.expires_at())},
                {"iat", core::to_unix_seconds(jwt.issued_at().value_or(core::WallTime{}))},
                {"sub", jwt.subject()},
                {"aud", jwt.string("aud")},
                {"iss", jwt.issuer()},
                {"jti", jwt.id()}};
  if (auto user = jwt.string("uid"); !user.empty()) answer["uid"] = user;
  if (auto key = bound_key(jwt); !key.empty()) answer["cnf"] = object{{"jkt", key}};  // RFC 9449, 6.2
  if (const auto* actor = jwt.claims().if_contains("act")) answer["act"] = *actor;    // RFC 8693, 4.1
  return answer;
}

Result<object> introspect(const Server& server, const ServerRequest& request) {
  ASSIGN_OR_RETURN(Form form, Form::read(request));
  ASSIGN_OR_RETURN(Client client, authenticate_client(server, request, form, "introspect"));
  auto token = form.get("token");
  if (!token) return problem("request_missing_token");
  if (auto jwt = verify_access_token(server, *token)) {
    bool may = jwt->string("cid") == client.id;
    if (!may && server.may_introspect) {
      ASSIGN_OR_RETURN(may, server.may_introspect(client, *jwt));
    }
    if (may) return of_access_token(*jwt);
  }
  ASSIGN_OR_RETURN(auto refresh, find_refresh_token(server, client, *token));
  if (!refresh || !refresh->is_usable(server)) return object{{"active", false}};
  const Authorization& who = refresh->who;
  return object{{"active", true},
                {"token_type", who.dpop_key.empty() ? "Bearer" : "DPoP"},
                {"scope", join_scopes(who.scopes)},
                {"client_id", client.id},
                {"username", who.login},
                {"exp", core::to_unix_seconds(refresh->record.expires_at)},
                {"sub", who.login}};
}

// RFC 7009 section 2.2: a token that is unknown, or somebody else's, is answered like one that was revoked. A
// refresh token ends its sign-in, also one that was rotated: who signs out may hold the one before.
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
    RETURN_IF_ERROR(revoke_family(server, refresh->who.family));
  }
  return object{};
}

// A refusal of RFC 6750 section 3 or RFC 9449 section 7.1, with the body Okta sends beside it.
ServerResponse resource_refusal(const Server& server, int status, std::string_view error,
                                std::string_view description, bool of_dpop) {
  auto response = json_response({{"error", error}, {"error_description", description}}, status);
  std::string challenge = "Bearer ";
  if (of_dpop) challenge = "DPoP algs=\"" + join_scopes(dpop_algorithms()) + "\", ";
  challenge.append("error=\"").append(error);
  challenge.append("\", error_description=\"").append(description).append("\"");
  response.headers.add("WWW-Authenticate", std::move(challenge));
  add_nonce(server, DpopNonceUse::resource, response);
  return response;
}

// OpenID Connect Discovery section 3 demands RS256 in the list.
array signing_algorithms(const Server& server) {
  array names{"RS256"};
  bool more = std::ranges::any_of(
      server.signing_keys, [](const oauth::Key& key) { return key.algorithm() == oauth::Algorithm::es256; });
  if (more) names.emplace_back("ES256");
  return names;
}

object metadata(const Server& server) {
  const Settings& settings = server.settings;
  array grants;
  bool by_code = server.find_grant(kAuthorizationCode) != nullptr;
  for (const auto& grant : server.grants) grants.emplace_back(grant->type());
  array scopes;
  for (const std::string& scope :
       settings.published_scopes.empty() ? openid_scopes() : settings.published_scopes) {
    scopes.emplace_back(scope);
  }
  array methods{"client_secret_basic", "client_secret_post", "private_key_jwt", "none"};
  array algorithms{"RS256", "RS384", "RS512", "ES256", "ES384", "ES512"};
  object body{{"issuer", settings.issuer},
              {"token_endpoint", settings.endpoint("token")},
              {"jwks_uri", settings.endpoint("keys")},
              {"introspection_endpoint", settings.endpoint("introspect")},
              {"revocation_endpoint", settings.endpoint("revoke")},
              // RFC 8414 section 2 demands the member, also where there is nothing to list.
              {"response_types_supported", by_code ? array{"code"} : array{}},
              {"grant_types_supported", std::move(grants)},
              {"scopes_supported", std::move(scopes)},
              {"token_endpoint_auth_methods_supported", methods},
              {"token_endpoint_auth_signing_alg_values_supported", algorithms},
              {"introspection_endpoint_auth_methods_supported", methods},
              {"introspection_endpoint_auth_signing_alg_values_supported", algorithms},
              {"revocation_endpoint_auth_methods_supported", methods},
              {"revocation_endpoint_auth_signing_alg_values_supported", algorithms}};
  if (server.find_grant(kDeviceCode)) {
    body["device_authorization_endpoint"] = settings.endpoint("device/authorize");
  }
  if (by_code) {
    body["authorization_endpoint"] = settings.endpoint("authorize");
    body["response_modes_supported"] = array{"query"};
    body["code_challenge_methods_supported"] = array{"S256"};
    body["authorization_response_iss_parameter_supported"] = true;  // RFC 9207
    body["request_parameter_supported"] = false;
    body["request_uri_parameter_supported"] = false;
  }
  if (settings.dpop) {
    array names;
    for (const std::string& name : dpop_algorithms()) names.emplace_back(name);
    body["dpop_signing_alg_values_supported"] = std::move(names);  // RFC 9449 section 5.1
  }
  for (const auto& grant : server.grants) grant->describe(body);
  return body;
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
  auto response = respond(request, token(server, request));
  if (request.headers.has("DPoP")) add_nonce(server, DpopNonceUse::token_endpoint, response);
  return response;
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
  body["id_token_signing_alg_values_supported"] = signing_algorithms(server);
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

ServerResponse userinfo_endpoint(const Server& server, const ServerRequest& request) {
  PresentedToken presented = presented_token(request);
  bool by_dpop = net::equals_ignoring_case(presented.scheme, "DPoP");
  auto invalid = [&] {
    return resource_refusal(server, 401, "invalid_token", "The access token is invalid", by_dpop);
  };
  auto jwt = verify_presented_token(server, request, presented, server.settings.endpoint("userinfo"));
  if (!jwt) {
    const ProblemRow* row = problem_of(jwt.error());
    if (!row || row->name == "access_token_revoked") return invalid();
    return resource_refusal(server, row->status, row->error, row->description, row->status != 500);
  }
  auto scopes = jwt->strings("scp");
  if (!contains(scopes, "openid")) {
    return resource_refusal(
        server, 403, "insufficient_scope",
        "The access token must provide access to at least one of these scopes - profile, email, "
        "address or phone",
        by_dpop);
  }
  auto user = server.find_user(jwt->subject());
  if (!user || user->id != jwt->string("uid")) {
    return invalid();
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
  auto response = json_response(body);
  if (by_dpop) add_nonce(server, DpopNonceUse::resource, response);
  return response;
}

}  // namespace authserver
