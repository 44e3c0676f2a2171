// This org as a relying party of an identity provider: OpenID Connect Core 1.0 section 3.1, authorization
// code with PKCE (S256), state, nonce, and `iss` in the answer where the provider sends it (RFC 9207).
//
// Errors, ErrorKind::unauthenticated unless they are of the network or the store; the text is for the person:
//   registry.SIGN_IN_EXPIRED   no such sign-in is under way in this browser, or not any more
//   registry.SIGN_IN_REFUSED   the provider said no, or its answer cannot be trusted
//   registry.PROVIDER_UNUSABLE the provider's metadata or token endpoint cannot be used
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "net/url.h"
#include "registry/person.h"
#include "registry/service.h"

namespace registry {

// Between going to the provider and coming back.
inline constexpr std::chrono::minutes kSignInPatience{10};

struct StartedSignIn {
  std::string url;      // at the provider, for the browser
  std::string browser;  // kept in a cookie: only this browser may come back
};

// `target`: where the person wants to go; `again`: the provider asks for credentials anew.
core::Result<StartedSignIn> start_sign_in(const core::Context& context, const Service& service,
                                          const IdentityProvider& provider, std::string_view target,
                                          bool again);

// What the provider vouches for, checked.
struct ProvenIdentity {
  IdentityProvider provider;
  std::string subject;
  std::string target;
  std::string email;          // lower case; empty unless verified
  core::json::Object claims;  // of the ID token, and of userinfo where something was missing

  // A claim that is text; empty when it is absent, longer than 255 bytes, or something else.
  std::string text(std::string_view claim) const;
};

// The browser is back with `answer`. Each sign-in is completed once at most.
core::Result<ProvenIdentity> complete_sign_in(const core::Context& context, const Service& service,
                                              const net::Query& answer, std::string_view browser);

}  // namespace registry
