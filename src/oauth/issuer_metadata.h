// What an authorization server publishes about itself: RFC 8414, and OpenID Connect Discovery 1.0 where that
// is all there is.
//
// Errors besides those of net::HttpClient:
//   oauth.issuer.url       not an https URL (or loopback http), or with a query, a fragment, or a user
//   oauth.issuer.mismatch  a document was found, and its `issuer` is another (RFC 8414 section 3.3)
//   oauth.issuer.document  found, and not one JSON object with usable addresses
//   oauth.issuer.missing   at none of the places that are looked at is a document
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "net/http_client.h"

namespace oauth {

struct IssuerMetadata {
  std::string issuer;                  // as asked for, exactly
  std::string jwks_uri;                // empty when it is not published
  std::string introspection_endpoint;  // empty when it is not published
  core::json::Object document;         // everything, unchecked beyond the above
};

// RFC 8414 section 2. Error oauth.issuer.url.
core::Status check_issuer_url(std::string_view issuer);

// In the order of MCP's "Authorization Server Discovery": for https://host/tenant
//   https://host/.well-known/oauth-authorization-server/tenant
//   https://host/.well-known/openid-configuration/tenant
//   https://host/tenant/.well-known/openid-configuration
// and without a path the first two. Empty when the issuer is not acceptable.
std::vector<std::string> issuer_metadata_urls(std::string_view issuer);

// Asks one place after the other until one has the document of exactly this issuer; a server that cannot be
// reached is asked once. Five seconds and 256 KiB for each; redirects are not followed. An address in the
// document is taken when it is https, or when it and the issuer are loopback: a document from outside must
// not send this machine to its own services.
core::Result<IssuerMetadata> fetch_issuer_metadata(const core::Context& context, net::HttpClient& http,
                                                   std::string_view issuer);

// The rule about addresses, for those that come by another way.
bool may_lead_to(std::string_view issuer, std::string_view address);

}  // namespace oauth
