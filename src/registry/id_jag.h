// Identity assertion JWT authorization grants (draft-ietf-oauth-identity-assertion-authz-grant): issued by
// the org authorization server for an ID token of the agent's own client, or for an access token under a
// delegation link; redeemed once, at the custom authorization server they are for.
//
// Every refusal is one of Okta's (authserver/problem.h) and says no more than Okta does about why. What is
// asked at issue is asked again at redemption, in the transaction that uses the ID-JAG up: an agent, a
// connection, a server or an authorization server that was switched off meanwhile ends it.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>

#include "authserver/jwt_bearer.h"
#include "authserver/token_exchange.h"
#include "core/result.h"
#include "registry/token_request.h"

namespace registry {

inline constexpr std::chrono::seconds kIdJagLifetime{300};
inline constexpr std::size_t kMaxActors = 5;  // in an `act` chain, the one that is added included

// The answer of the org's token endpoint to requested_token_type id-jag. Errors: those of subject_token.h
// and id_jag_target.h, too_many_resources, workload_principal_not_found,
// invalid_subject_token_act_claim_depth, id_jag_not_generated.
core::Result<boost::json::object> issue_id_jag(TokenRequest& request, const authserver::GrantCall& call,
                                               const authserver::TokenExchange& exchange);

// The answer of a custom authorization server's token endpoint to an ID-JAG. Errors:
//   id_jag_invalid_subject              a machine's, or of a person who is not active any more
//   id_jag_resource_not_allowed_for_as  the MCP server, or its link to this authorization server, is not
//                                       ACTIVE, or no connection leads there any more
//   invalid_grant                       the same without a resource; a scope that the connection no longer
//   has no_matching_policy id_jag_replayed                     used before, on whichever node
core::Result<boost::json::object> redeem_id_jag(TokenRequest& request, const CustomAsView& server,
                                                const authserver::GrantCall& call,
                                                const authserver::IdentityAssertion& assertion);

}  // namespace registry
