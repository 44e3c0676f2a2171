// AI agents as the API shows and takes them.
#pragma once

#include "core/json.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/workload_principal.h"

namespace registry {

core::json::Object show(const Service& service, const WorkloadPrincipal& agent);

// What a PUT may say of it: the changeable members as they are.
core::json::Object changeable(const WorkloadPrincipal& agent);

// Sets everything that can be changed from the body of a PUT; what is not in it is empty then. With `create`
// (POST) also what is chosen once: oauthClient.type and its clientId. Members that cannot be changed may be
// sent as they are shown. Errors: those of members.h.
core::Status apply_body(const Service& service, const core::json::Object& body, bool create,
                        WorkloadPrincipal& agent);

// grant_type values of a workload principal.
std::vector<std::string> grants_of(const WorkloadPrincipal& principal);

}  // namespace registry
