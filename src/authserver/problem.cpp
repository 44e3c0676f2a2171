#include "authserver/problem.h"

#include <array>

#include "core/json.h"

namespace authserver {
namespace {

using core::ErrorKind;

constexpr auto kProblems = std::to_array<ProblemRow>({
    // The request
    {"invalid_request", 400, "invalid_request", "The request is malformed: {}."},
    {"method_not_allowed", 405, "invalid_request", "The endpoint answers {} only."},
    {"duplicate_oauth_params", 400, "invalid_request",
     "The request contained multiple parameters with the same name."},
    {"token_request_missing_grant_type", 400, "invalid_request",
     "The token request must specify a 'grant_type'. Valid values: [{}]"},
    {"missing_token_request_parameter", 400, "invalid_request", "The required parameter '{}' is missing."},
    {"request_missing_token", 400, "invalid_request", "The 'token' parameter is required."},
    {"unsupported_grant_type", 400, "unsupported_grant_type",
     "The authorization grant type is not supported by the authorization server. Configured grant types: "
     "[{}]."},
    {"unauthorized_client", 400, "unauthorized_client",
     "The client is not authorized to use the provided grant type. Configured grant types: [{}]."},

    // The client
    {"client_credentials_in_query", 400, "invalid_request",
     "Client credentials cannot be supplied via query parameters."},
    {"multiple_client_credentials", 401, "invalid_request",
     "Cannot supply multiple client credentials. Use one of the following: credentials in the Authorization "
     "header, "
     "credentials in the post body, or a client_assertion in the post body."},
    {"client_assertion_type_invalid", 400, "invalid_request", "The client_assertion_type is invalid."},
    {"invalid_client", 401, "invalid_client",
     "Client authentication failed. Either the client or the client credentials are invalid."},
    {"missing_client_credentials", 401, "invalid_client", "No client credentials found."},
    {"invalid_basic_auth_creds", 401, "invalid_client",
     "Found Authentication header but was not valid client credentials."},
    {"invalid_client_id", 401, "invalid_client", "Invalid value for 'client_id' parameter."},
    {"invalid_client_secret", 401, "invalid_client",
     "The client secret supplied for a confidential client is invalid."},
    {"unsupported_auth_method_client_creds", 401, "invalid_client",
     "Client Credentials requests to the Org Authorization Server must use the private_key_jwt "
     "token_endpoint_auth_method."},
    {"client_assertion_invalid_issuer", 401, "invalid_client",
     "The issuer claim for client_assertion is not a valid client_id."},
    {"client_assertion_invalid_subject", 401, "invalid_client",
     "The subject claim for client_assertion is not a valid client_id."},
    {"client_assertion_invalid_audience", 401, "invalid_client",
     "The audience claim for client_assertion must be the endpoint invoked for the request."},
    {"client_assertion_expiration_required", 401, "invalid_client",
     "The client_assertion must contain the 'exp' claim as seconds since epoch."},
    {"client_assertion_expired_token", 401, "invalid_client", "The client_assertion token is expired."},
    {"client_assertion_expires_too_far_in_future", 401, "invalid_client",
     "The client_assertion token has an expiration too far into the future."},
    {"client_assertion_issued_at_in_future", 401, "invalid_client",
     "The client_assertion token must be issued before the current time."},
    {"client_assertion_already_used", 401, "invalid_client",
     "The client_assertion token has already been used."},
    {"client_assertion_invalid_signature", 401, "invalid_client",
     "The client_assertion signature is invalid."},
    {"client_assertion_invalid_jwt", 401, "invalid_client", "The parsing of the client_assertion failed."},
    {"client_assertion_invalid_kid", 401, "invalid_client", "The client_assertion JWT kid is invalid."},
    {"client_assertion_invalid_signature_algorithm", 401, "invalid_client",
     "The client_assertion JWT signature algorithm is invalid."},
    {"client_assertion_jwks_not_configured", 401, "invalid_client",
     "The client does not have a JWKSet configured, but the client_assertion requires one."},

    // Scopes
    {"invalid_scope", 400, "invalid_scope",
     "The requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource "
     "owner."},
    {"missing_scopes", 400, "invalid_scope", "No scopes were requested."},
    {"no_default_scopes", 400, "invalid_scope",
     "The authorization server resource does not have any configured default scopes, 'scope' must be "
     "provided."},
    {"no_matching_scope", 400, "invalid_scope",
     "One or more scopes are not configured for the authorization server resource."},
    {"illegal_scope", 400, "invalid_scope", "The following scopes are not allowed for this request: [{}]."},
    {"openid_scope_required", 400, "invalid_scope",
     "Requests for ID tokens or access tokens with OpenID scopes require the 'openid' scope."},
    {"openid_not_allowed_client_creds", 400, "invalid_scope",
     "Cannot request 'openid' scopes using client credentials."},
    {"client_credentials_self_scope_requested", 400, "client_credentials_self_scope_requested",
     "The 'client_credentials' grant type may not request .self scopes."},
    {"no_org_scopes_granted", 400, "consent_required", "You are not allowed any of the requested scopes."},
    {"refresh_scopes_denied", 400, "access_denied",
     "Some of the scopes requested for the refresh request were not granted in the original authorize "
     "request. Denied "
     "scopes: {}."},

    // Device codes and refresh tokens
    {"authorization_pending", 400, "authorization_pending",
     "The device authorization is pending. Please try again later."},
    {"slow_down", 400, "slow_down", "Slow down the polling frequency. Please try again later."},
    {"expired_token", 400, "expired_token", "The device code has expired."},
    {"access_denied", 400, "access_denied", "The resource owner or authorization server denied the request."},
    {"invalid_device_code", 400, "invalid_grant", "The device code is invalid or has expired."},
    {"invalid_user_code", 400, "invalid_user_code", "The user code is invalid or has expired."},
    {"invalid_refresh_token", 400, "invalid_grant", "The refresh token is invalid or expired."},

    // Authorization requests (RFC 6749 section 4.1.2.1) and codes
    {"missing_redirect_uri", 400, "missing_redirect_uri", "redirect_uri is missing."},
    {"illegal_redirect_uri", 400, "invalid_request",
     "The 'redirect_uri' parameter must be a Login redirect URI in the client app settings."},
    {"unsupported_response_type", 400, "unsupported_response_type",
     "The response type is not supported by the authorization server. Configured response types: [{}]."},
    {"response_mode_is_not_query", 400, "unsupported_response_mode",
     "The response mode is not supported by the authorization server. Valid response modes: [query]."},
    {"invalid_state", 400, "invalid_request", "The authentication request has an invalid 'state' parameter."},
    {"invalid_prompt", 400, "invalid_request",
     "Invalid value for 'prompt' parameter. Supported values: [{}]"},
    {"login_required", 400, "login_required",
     "The client specified not to prompt, but the user is not logged in."},
    {"request_not_supported", 400, "request_not_supported",
     "The authorize request object is not supported by this client."},
    {"request_uri_not_supported", 400, "request_uri_not_supported",
     "The authorize request uri is not supported by this client."},
    {"invalid_dpop_jkt", 400, "invalid_request", "The 'dpop_jkt' parameter is not a JWK thumbprint."},
    {"pkce_missing_challenge", 400, "invalid_request", "PKCE code challenge is required by the application."},
    {"pkce_invalid_challenge", 400, "invalid_request", "PKCE code challenge contains illegal characters."},
    {"pkce_unsupported_code_challenge_method", 400, "invalid_request",
     "PKCE code challenge method is not supported. Valid values: [{}]"},
    {"pkce_missing_verifier", 400, "invalid_request", "PKCE code verifier is required by the application."},
    {"pkce_missing_challenge_verifier_present", 400, "invalid_request",
     "PKCE code challenge should be specified in the authorize request for code verification."},
    {"pkce_verification_failed", 400, "invalid_grant", "PKCE verification failed."},
    {"invalid_authorization_code", 400, "invalid_grant", "The authorization code is invalid or has expired."},
    {"mismatched_client", 400, "invalid_grant",
     "The grant was issued to another client. Please make sure the 'client_id' matches the one used at the "
     "authorize request."},
    {"mismatched_redirect_uri", 400, "invalid_grant",
     "The 'redirect_uri' does not match the redirection URI used in the authorization request."},

    // DPoP (RFC 9449)
    {"invalid_dpop_proof", 400, "invalid_dpop_proof", "The DPoP proof JWT is invalid."},
    {"invalid_dpop_proof_missing_header", 400, "invalid_dpop_proof", "The DPoP proof JWT header is missing."},
    {"invalid_dpop_proof_multiple_headers_not_allowed", 400, "invalid_dpop_proof",
     "Multiple DPoP proof JWT headers are not allowed."},
    {"invalid_dpop_proof_invalid_type", 400, "invalid_dpop_proof",
     "'typ' must be 'dpop+jwt' in the DPoP proof JWT."},
    {"invalid_dpop_proof_invalid_signature_algorithm", 400, "invalid_dpop_proof",
     "The DPoP proof JWT signature algorithm is invalid."},
    {"invalid_dpop_proof_invalid_jwt", 400, "invalid_dpop_proof", "The DPoP proof JWT cannot be parsed."},
    {"invalid_dpop_proof_invalid_signature", 400, "invalid_dpop_proof",
     "The DPoP proof JWT signature is invalid."},
    {"invalid_dpop_proof_invalid_htm", 400, "invalid_dpop_proof",
     "'htm' claim in the DPoP proof JWT is invalid."},
    {"invalid_dpop_proof_invalid_htu", 400, "invalid_dpop_proof",
     "'htu' claim in the DPoP proof JWT is invalid."},
    {"invalid_dpop_proof_invalid_iat", 400, "invalid_dpop_proof",
     "'iat' claim in the DPoP proof JWT is invalid."},
    {"invalid_dpop_proof_jwt_issued_in_future", 400, "invalid_dpop_proof",
     "The DPoP proof JWT is issued in the future."},
    {"invalid_dpop_proof_jwt_too_old", 400, "invalid_dpop_proof",
     "The DPoP proof JWT is issued more than five minutes in the past."},
    {"invalid_dpop_proof_jwt_expired", 400, "invalid_dpop_proof", "The DPoP proof JWT is expired."},
    {"invalid_dpop_proof_invalid_public_key_binding", 400, "invalid_dpop_proof",
     "Invalid DPoP Public Key binding in refresh token"},
    {"invalid_dpop_proof_invalid_jti", 400, "invalid_dpop_proof",
     "'jti' claim in the DPoP proof JWT is invalid."},
    {"dpop_proof_already_used", 400, "invalid_dpop_proof", "The DPoP proof JWT has already been used."},
    {"dpop_proof_invalid_ath", 400, "invalid_dpop_proof",
     "'ath' claim in the DPoP proof does not match the presented access_token."},
    {"invalid_access_token_dpop_binding", 400, "invalid_dpop_proof",
     "The access_token is not bound to the provided DPoP proof."},
    {"dpop_proof_required_for_token", 400, "invalid_request", "The resource request requires a DPoP proof."},
    {"dpop_authentication_scheme_required", 400, "invalid_request",
     "The resource request must use the DPoP authentication scheme when using a DPoP bound token."},
    {"access_token_not_dpop_bound", 401, "invalid_token", "The presented access_token is not DPoP bound."},
    {"use_dpop_nonce", 400, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof."},
    // Okta's API demands no nonce; RFC 9449 section 9 has the status and the words.
    {"resource_requires_dpop_nonce", 401, "use_dpop_nonce", "Resource server requires nonce in DPoP proof."},

    // Token exchange (RFC 8693): the subject
    {"invalid_subject_token", 400, "invalid_request", "'subject_token' is invalid."},
    {"invalid_subject_token_type", 400, "invalid_request",
     "'subject_token_type' is invalid or not supported."},
    {"invalid_actor_token", 400, "invalid_request", "'actor_token' is invalid."},
    {"invalid_requested_token_type", 400, "invalid_request",
     "'requested_token_type' is invalid or not supported."},
    {"invalid_subject_token_issuer_not_allowed", 400, "invalid_request",
     "'subject_token' is invalid: the token issuer is not allowed for this exchange."},
    {"invalid_subject_token_authorization_server", 400, "invalid_request",
     "'subject_token' is invalid: the authorization server that issued it is not valid."},
    {"invalid_subject_token_no_delegation_link", 400, "invalid_request",
     "'subject_token' is invalid: no delegation policy authorizes this token."},
    {"invalid_subject_token_client_not_registered", 400, "invalid_request",
     "'subject_token' is invalid: the client application is not registered for delegation to this agent."},
    {"invalid_subject_token_client_inactive", 400, "invalid_request",
     "'subject_token' is invalid: the client application referenced in the token is not active."},
    {"invalid_subject_token_session_expired", 400, "invalid_request",
     "'subject_token' is invalid: the session associated with it is no longer active."},
    {"invalid_subject_token_user_inactive", 400, "invalid_request",
     "'subject_token' is invalid: the user account is not active."},
    {"invalid_subject_token_user_not_assigned", 400, "invalid_request",
     "'subject_token' is invalid: the user is not assigned to the client application."},
    {"invalid_subject_token_act_claim_malformed", 400, "invalid_request",
     "The 'subject_token' 'act' claim is malformed."},
    {"invalid_subject_token_act_claim_depth", 400, "invalid_request",
     "The 'subject_token' 'act' claim contains too many nested actors."},
    {"token_exchange_subject_token_expired", 400, "invalid_grant",
     "The 'subject_token' either expired or the session associated with it was terminated."},
    {"workload_principal_not_found", 401, "workload_principal_not_found",
     "The device does not have a registered workload principal. Bootstrap the device before making token "
     "requests."},

    // Token exchange: the target
    {"token_exchange_invalid_audience", 400, "invalid_target",
     "Token Exchange requests must include a valid audience of the authorization server."},
    {"token_exchange_invalid_resource", 400, "invalid_target", "'resource' is invalid or not supported."},
    {"token_exchange_incomplete_resource_configuration", 400, "invalid_target",
     "The resource app is not completely configured or user is not assigned to the app."},
    {"unsupported_resource", 400, "invalid_target",
     "The authorization server has rejected the 'resource' parameter: {}"},
    {"too_many_resources", 400, "invalid_target",
     "Too many 'resource' parameters in the request; maximum allowed is {}."},

    // JWT bearer grants (RFC 7523): identity assertions
    {"invalid_grant", 400, "invalid_grant", "Invalid grant"},
    {"jwt_bearer_grant_invalid_audience", 400, "invalid_grant",
     "The audience of the JWT Bearer Grant must match the the issuer of the authorization server."},
    {"id_jag_untrusted_issuer", 400, "invalid_grant",
     "The issuer of the id-jag is not a trusted authorization server."},
    {"id_jag_invalid_signature", 400, "invalid_grant", "The signature of the id-jag is invalid."},
    {"id_jag_expired", 400, "invalid_grant", "The id-jag is expired."},
    {"id_jag_issued_in_future", 400, "invalid_grant", "The id-jag is issued in the future."},
    {"id_jag_lifetime_too_long", 400, "invalid_grant",
     "The lifetime of the id-jag must not exceed 5 minutes."},
    {"id_jag_replayed", 400, "invalid_grant", "The id-jag was already used."},
    {"id_jag_invalid_subject", 400, "invalid_grant", "The 'sub' claim in the id-jag is invalid."},
    {"id_jag_lacking_scopes", 400, "invalid_grant", "The id-jag must include at least one scope."},
    {"id_jag_client_mismatch", 400, "invalid_grant",
     "The 'client_id' in the JWT Bearer Grant must match the 'client_id' used to authenticate the client."},
    {"id_jag_resource_mismatch", 400, "invalid_grant",
     "The 'resource' claim in the id-jag does not match the 'resource' parameter in the request."},
    {"id_jag_resource_not_allowed_for_as", 400, "invalid_grant",
     "The 'resource' claim in the id-jag is not valid for this authorization server."},
    {"id_jag_scopes_in_request", 400, "invalid_request",
     "The id-jag request must not include a 'scope' parameter."},
    {"id_jag_not_generated", 500, "server_error", "Failed to create the id assertion authorization grant."},
    // Okta's table files it under 401; its servers answer 400, as RFC 6749 section 5.2 wants it.
    {"no_matching_policy", 400, "access_denied",
     "Policy evaluation failed for this request, please check the policy configurations."},
    {"invalid_authorization_server", 400, "invalid_request", "The authorization server id is invalid."},

    {"access_token_revoked", 401, "invalid_token", "The access token has been revoked."},

    // Tokens and credentials that come from elsewhere (token exchange for oauth-sts and its like)
    {"oauth_sts_user_subject_required", 400, "invalid_request",
     "The subject token must represent an end user for OAuth STS token exchange."},
    {"oauth_sts_interaction_required", 400, "interaction_required",
     "The user must authenticate with the authorization server for the request to proceed."},
    {"oauth_sts_temporarily_unavailable", 503, "temporarily_unavailable",
     "The third-party authorization server can't be reached, or didn't accept the request. Try again later."},

    // Ourselves
    {"server_error", 500, "server_error",
     "The authorization server encountered an unexpected condition that prevented it from fulfilling the "
     "request."},
});

constexpr std::string_view kPrefix = "authserver.";

ErrorKind kind_of(int status) {
  switch (status) {
    case 401:
      return ErrorKind::unauthenticated;
    case 403:
      return ErrorKind::forbidden;
    case 500:
      return ErrorKind::internal;
    case 503:
      return ErrorKind::unavailable;
    default:
      return ErrorKind::invalid_input;
  }
}

}  // namespace

const ProblemRow* find_problem(std::string_view name) {
  for (const ProblemRow& row : kProblems) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

std::unexpected<core::Error> problem(std::string_view name,
                                     std::initializer_list<std::string_view> arguments) {
  const ProblemRow* row = find_problem(name);
  if (!row) row = find_problem("server_error");
  std::string text;
  const auto* argument = arguments.begin();
  std::string_view rest = row->description;
  for (std::size_t at = rest.find("{}"); at != std::string_view::npos; at = rest.find("{}")) {
    text += rest.substr(0, at);
    if (argument != arguments.end()) text += *argument++;
    rest.remove_prefix(at + 2);
  }
  text += rest;
  return core::fail(kind_of(row->status), std::string(kPrefix) + std::string(row->name), std::move(text));
}

net::ServerResponse json_response(const boost::json::value& body, int status) {
  net::ServerResponse response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.headers.add("Cache-Control", "no-cache, no-store");
  response.headers.add("Pragma", "no-cache");
  response.body = core::json::write(body);
  return response;
}

const ProblemRow* problem_of(const core::Error& error) {
  std::string_view code = error.code;
  return code.starts_with(kPrefix) ? find_problem(code.substr(kPrefix.size())) : nullptr;
}

net::ServerResponse error_response(const core::Error& error, bool basic_was_tried) {
  const ProblemRow* row = problem_of(error);
  std::string_view description = error.message;
  if (!row) {
    row = find_problem("server_error");
    description = row->description;
  }
  boost::json::object body{{"error", row->error}, {"error_description", description}};
  if (row->error == "interaction_required" && !error.location.empty())
    body["interaction_uri"] = error.location;
  auto response = json_response(body, row->status);
  if (row->status == 401 && basic_was_tried)
    response.headers.add("WWW-Authenticate", "Basic realm=\"oauth\"");
  return response;
}

}  // namespace authserver
