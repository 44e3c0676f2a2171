// /resource-servers/api/v1/client-auth-settings: how this org is a client of an external authorization
// server. One registration gives the OAuth client, the credential set and the binding of trust to that
// issuer.
#pragma once

#include <string_view>

#include "core/json.h"
#include "core/result.h"
#include "core/secret.h"
#include "registry/mcp_server.h"
#include "registry/service.h"

namespace registry {

// "client-auth-settings/rsc...": what the secret of these settings is sealed for.
std::string secret_context(std::string_view settings);
// Empty when they have none. Errors: those of core::KeyRing.
core::Result<core::Secret> open_secret(const Service& service, const ClientAuthSettings& settings);

// As the API shows them; a secret as "********".
core::json::Object show(const Service& service, const ClientAuthSettings& settings);

// Removes the settings, the grants that people gave under them and their interactions, and emits the event.
// The server's row is held by the caller. Error RESOURCE_IN_USE while a connection refers to them.
core::Status remove_settings(Transaction& tx, const Service& service, const ClientAuthSettings& settings,
                             const Actor& actor, const std::string& transaction);

void add_client_auth_settings_routes(rest::Router& router, const Service& service);

}  // namespace registry
