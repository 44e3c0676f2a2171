// What a custom authorization server gives tokens for: ID-JAGs of this org (id_jag.h), and client
// credentials. Inside the token service only.
#pragma once

#include <memory>
#include <vector>

#include "authserver/server.h"
#include "registry/custom_as.h"
#include "registry/token_request.h"

namespace registry {

// `request` and `server` outlive them.
std::vector<std::shared_ptr<const authserver::Grant>> custom_grants(TokenRequest& request,
                                                                    const CustomAsView& server);

}  // namespace registry
