// DPoP (RFC 9449) on the server's side: proofs at the token endpoint, at resources, and the nonces they
// carry.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/result.h"
#include "net/http_server.h"
#include "oauth/jwt.h"

namespace authserver {

// Nonces of the token endpoint and of the resources are different ones (RFC 9449 section 9).
enum class DpopNonceUse { token_endpoint, resource };

// Those that proofs may carry now, newest first; the first is to be handed out in DPoP-Nonce. Makes a new one
// when the newest is older than Settings::dpop_nonce_rotation. Empty where none is demanded.
core::Result<std::vector<std::string>> dpop_nonces(const Server& server, DpopNonceUse use);

// Checks the proof of a token request, which is used up by this call. The thumbprint of its key; empty when
// there is no proof and the client may do without. Errors: invalid_dpop_proof_..., dpop_proof_already_used,
// use_dpop_nonce.
core::Result<std::string> token_request_key(const Server& server, const net::ServerRequest& request,
                                            const Client& client);

// "Authorization: DPoP xyz" as its two halves; empty when there is no such field, or no token in it.
struct PresentedToken {
  std::string_view scheme;  // as sent: it compares without case (RFC 9110 section 11.1)
  std::string_view token;
};
PresentedToken presented_token(const net::ServerRequest& request);

// Evidence that the token is good and was presented as it must be (RFC 9449 section 7.1): under Bearer if it
// is bound to no key, else under DPoP with a proof for this request. `url` is the request's, as its client
// sees it. Errors: those of verify_access_token(), dpop_authentication_scheme_required,
// access_token_not_dpop_bound, dpop_proof_required_for_token, invalid_dpop_proof_..., dpop_proof_invalid_ath,
// invalid_access_token_dpop_binding, dpop_proof_already_used, resource_requires_dpop_nonce.
core::Result<oauth::VerifiedJwt> verify_presented_token(const Server& server,
                                                        const net::ServerRequest& request,
                                                        const PresentedToken& presented,
                                                        std::string_view url);

// The thumbprint an access token is bound to (`cnf.jkt`, RFC 9449 section 6.1); empty for a bearer token.
std::string_view bound_key(const oauth::VerifiedJwt& token);

// The algorithms of proofs, as metadata and challenges name them.
std::vector<std::string> dpop_algorithms();

}  // namespace authserver
