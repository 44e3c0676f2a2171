// What an ID-JAG is for: the connection of a workload principal that `audience` and `resource` lead to, and
// whether it may be used now. Asked at issue and again at redemption.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "registry/custom_as.h"
#include "registry/token_cache.h"
#include "registry/workload_principal.h"

namespace registry {

struct IdJagTarget {
  Connection connection;
  std::shared_ptr<const CustomAsView> custom_as{};  // null: an external authorization server
  std::string resource_id{};                        // ems... or wlp...; empty: none
  std::string resource_type{};                      // of events
};

// `resource` is empty where there is none.
//
//   audience    the issuer of a custom authorization server of ours that is ACTIVE, or of an external one
//   that
//               a connection names; else token_exchange_invalid_audience
//   connection  ACTIVE and of this audience: without a resource IDENTITY_ASSERTION_CUSTOM_AS (or
//   _APP_INSTANCE),
//               with one the connection whose resource indicator is the same text; else
//               token_exchange_invalid_resource
//   target      MCP server or agent ACTIVE, else token_exchange_invalid_resource; its authorization server
//               ACTIVE and capable of XAA, else token_exchange_incomplete_resource_configuration
core::Result<IdJagTarget> find_id_jag_target(Reader& reader, const Service& service, TokenCache& cache,
                                             const WorkloadPrincipal& principal, std::string_view audience,
                                             std::string_view resource);

// All of them, or none: invalid_scope for an OpenID scope or one outside the connection, no_matching_scope
// for one that the custom authorization server does not have. Where none are asked for: its default ones that
// the connection allows.
core::Result<std::vector<std::string>> scopes_for_target(const IdJagTarget& target,
                                                         const std::vector<std::string>& requested);

}  // namespace registry
