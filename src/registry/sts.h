// The STS broker: what an agent gets at the org's token endpoint that was issued elsewhere. Tokens of an
// external authorization server that a person consented to (oauth-sts), and what an administrator put into
// the vault (vaulted-secret, service-account). docs/tokens.md has the messages.
//
// Who calls has authenticated the client and verified the subject token; here connection, server, and the
// person's consent are looked at.
#pragma once

#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_server.h"
#include "registry/service.h"
#include "registry/workload_principal.h"

namespace registry {

// requested_token_type and issued_token_type.
inline constexpr std::string_view kOAuthSts = "urn:okta:params:oauth:token-type:oauth-sts";
inline constexpr std::string_view kVaultedSecret = "urn:okta:params:oauth:token-type:vaulted-secret";
inline constexpr std::string_view kServiceAccount = "urn:okta:params:oauth:token-type:service-account";
// Where external authorization servers send browsers back to; what administrators register there.
inline constexpr std::string_view kStsCallback = "/oauth2/v1/sts/callback";

struct StsRequest {
  std::string requested_token_type;  // one of the three
  std::string resource;              // of the request, byte for byte
  WorkloadPrincipal principal;       // the client
  std::string user_id;               // whom the subject token is about
  std::string login;
  bool subject_is_user = false;    // false: a machine's token, which is refused
  std::string transaction;         // of the events
  std::string subject_token_id{};  // its jti, for the events
};

// The answer to the token request (200, no-store). May take as long as a refresh at the external server: at
// most 30 seconds.
//
// Errors, for authserver::error_response():
//   authserver.oauth_sts_user_subject_required  no person
//   authserver.token_exchange_invalid_resource  no ACTIVE connection of that type has this resource, or what
//                                               it leads to is not ACTIVE, or the server is not connectable
//   authserver.oauth_sts_interaction_required   the person has to consent: Error::location is the
//                                               interaction_uri, which error_response() puts into the answer
//   authserver.oauth_sts_temporarily_unavailable  the external server cannot be reached, or refuses us
//   authserver.invalid_requested_token_type     none of the three
// and those of the store and of the vault.
core::Result<boost::json::object> redeem_sts(const Service& service, const StsRequest& request);

// RFC 7009 with token_type_hint=oauth_sts: forgets the access token, if it is one that this principal could
// get. At the external server it stays good, and so does a refresh token here. No error when there is none.
core::Status revoke_sts(const Service& service, const WorkloadPrincipal& principal, std::string_view token,
                        const std::string& transaction = {});

// The person behind a browser, from its session at this org.
struct SignedIn {
  std::string user_id;
  std::string login;
};

struct StsPages {
  // nullopt: nobody is signed in; then the browser goes to `sign_in`?return=PATH.
  std::function<std::optional<SignedIn>(const net::ServerRequest&)> signed_in;
  std::string sign_in = "/login";
};

// GET and POST /oauth2/v1/sts/interact/{id}, GET /oauth2/v1/sts/callback; nullopt for other paths.
std::optional<net::ServerResponse> handle_sts_page(const Service& service, const StsPages& pages,
                                                   const net::ServerRequest& request);

// Schedules this room's recurring work (add_sts_work: "reseal", "sts-sweep"); at each start of a node. What
// is scheduled already is replaced.
core::Status schedule_sts_work(const Service& service);

}  // namespace registry
