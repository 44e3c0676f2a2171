// The functions behind the rows of readiness_checks(), by what they look at. Inside room registry only.
#pragma once

#include "registry/readiness.h"

namespace registry {

// readiness_checks_server.cpp
Finding check_url_syntax(const CheckInput& in);
Finding check_url_policy(const CheckInput& in);
Finding check_reachable(const CheckInput& in);
Finding check_handshake(const CheckInput& in);
Finding check_challenge(const CheckInput& in);
Finding check_resource_metadata(const CheckInput& in);
Finding check_resource(const CheckInput& in);
Finding check_auth_server_list(const CheckInput& in);
Finding check_scopes_supported(const CheckInput& in);
Finding check_tools(const CheckInput& in);
Finding check_skew(const CheckInput& in);

// readiness_checks_auth_server.cpp
Finding check_issuer_metadata(const CheckInput& in);
Finding check_issuer(const CheckInput& in);
Finding check_token_endpoint(const CheckInput& in);
Finding check_authorization_endpoint(const CheckInput& in);
Finding check_grants(const CheckInput& in);
Finding check_pkce(const CheckInput& in);
Finding check_jwks(const CheckInput& in);
Finding check_id_jag_profile(const CheckInput& in);
Finding check_local(const CheckInput& in);

// readiness_checks_client.cpp
Finding check_client_auth(const CheckInput& in);
Finding check_client(const CheckInput& in);
Finding check_client_probe(const CheckInput& in);
Finding check_client_scopes(const CheckInput& in);
Finding check_callback(const CheckInput& in);

// Outside text in a message or in details: cleaned and cut.
std::string shown(std::string_view text);
// "https://a/x (HTTP 404), https://a/y (not JSON ...)"
std::string shown(const std::vector<Attempt>& attempts);

}  // namespace registry
