// Workload principals as OAuth clients of the org's authorization server.
#pragma once

#include <optional>
#include <string_view>

#include "authserver/store.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/workload_principal.h"

namespace registry {

class TokenCache;

// By client_id: "wlp...", or the URL of a client ID metadata document that an agent was registered with.
// nullopt: none, or not ACTIVE. `cache`, where there is one, spares reading it anew.
core::Result<std::optional<WorkloadPrincipal>> find_active_principal(Reader& reader,
                                                                     std::string_view client_id,
                                                                     TokenCache* cache = nullptr);

// The same, as authserver knows clients: active keys and those that its jwks_uri or its document gives,
// active secrets, grants, redirect URIs. May fetch (cimd.h), so not within a transaction. Who cannot be
// reached, or publishes a bad document, is no client then: authserver.invalid_client with the reason.
// `cache`: as above, and for stored keys.
core::Result<std::optional<authserver::Client>> find_agent_client(Reader& reader, const Service& service,
                                                                  std::string_view client_id,
                                                                  TokenCache* cache = nullptr);

}  // namespace registry
