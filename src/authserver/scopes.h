// Which of the requested scopes a token gets. Okta's order: what does not exist is refused, what this client
// may not have is left out, and if nothing of the org's scopes remains, that is an error.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/result.h"

namespace authserver {

// Of OpenID Connect, known to every server here: openid, profile, email, address, phone, offline_access,
// groups.
bool is_openid_scope(std::string_view scope);
std::vector<std::string> openid_scopes();

// Splits at spaces, drops repetitions, keeps the order. Error invalid_scope for characters that RFC 6749
// section 3.3 forbids, or more than 300 scopes.
core::Result<std::vector<std::string>> split_scopes(std::string_view text);
std::string join_scopes(const std::vector<std::string>& scopes);

// Errors: missing_scopes / no_default_scopes, invalid_scope, no_matching_scope, illegal_scope,
// openid_scope_required, openid_not_allowed_client_creds, client_credentials_self_scope_requested,
// no_org_scopes_granted.
core::Result<std::vector<std::string>> scopes_for_client_credentials(const Server& server,
                                                                     const Client& client,
                                                                     std::string_view requested);
core::Result<std::vector<std::string>> scopes_for_user(const Server& server, const Client& client,
                                                       std::string_view requested);

}  // namespace authserver
