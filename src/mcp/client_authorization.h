// Access tokens for an MCP server by the protocol's own rules (page Authorization): a refusal leads to the
// server's metadata (RFC 9728), that to an authorization server (RFC 8414, OpenID Connect Discovery), that to
// a client registration and a token. Tokens, registrations and refresh tokens live in memory, each bound to
// the issuer that gave it. Where the server asks for DPoP and the authorization server does it, tokens are
// bound to a key that lives here as well (RFC 9449).
//
//   mcp::ClientAuthorization tokens({.server_url = url, .http = http, .visit = open_browser_and_wait, ...});
//   auto transport = mcp::make_http_transport({.url = url, .http = http, .tokens = &tokens});
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "core/secret.h"
#include "mcp/client_discovery.h"
#include "mcp/token_provider.h"
#include "net/http_client.h"
#include "net/url.h"
#include "oauth/dpop.h"
#include "oauth/jwk.h"

namespace mcp {

// A client as an authorization server knows it.
struct ClientRegistration {
  std::string issuer;  // it is known there only; empty: wherever the server sends
  std::string client_id;
  core::Secret client_secret;     // empty for a public client
  std::optional<oauth::Key> key;  // private, for private_key_jwt; takes precedence over the secret
  std::string authentication;     // token_endpoint_auth_method, where one is demanded
};

// The person's part: the link is to be opened, what comes back at `redirect_uri` to be returned.
struct AuthorizationVisit {
  std::string link;
  std::string issuer;
  std::string state;  // that the answer carries
  std::string redirect_uri;
  std::vector<std::string> scopes;
};

// What an assertion is wanted for (RFC 7523 section 2.1; ID-JAG).
struct AssertionWanted {
  std::string issuer;    // `aud`
  std::string resource;  // the MCP server
  std::string client_id;
  std::vector<std::string> scopes;
};

enum class ClientGrant {
  authorization_code,  // a person, by `visit`
  client_credentials,  // the client itself (extension oauth-client-credentials)
  jwt_bearer,          // somebody's assertion, by `assertion` (extension enterprise-managed-authorization)
};

struct ClientAuthorizationOptions {
  std::string server_url;  // of the MCP endpoint
  net::HttpClient& http;   // http, clock and random outlive this
  core::Clock& clock = core::system_clock();
  core::Random& random = core::system_random();
  ClientGrant grant = ClientGrant::authorization_code;

  // In this order: registered before, by document, on the spot.
  std::optional<ClientRegistration> registration;
  std::string client_id_document;  // https URL of a Client ID Metadata Document
  bool dynamic_registration = true;
  std::string client_name = "MCP client";

  std::string redirect_uri;
  // Returns the parameters of the answer. Its context has no deadline of the request's.
  std::function<core::Result<net::Query>(const core::Context&, const AuthorizationVisit&)> visit;
  std::function<core::Result<core::Secret>(const core::Context&, const AssertionWanted&)> assertion;
  // Which of several issuers; without it the first, or that of `registration`.
  std::function<core::Result<std::string>(const std::vector<std::string>& issuers)> choose_issuer;

  std::vector<std::string> scopes;  // asked for where neither challenge nor metadata names any
  bool refresh = true;              // ask for offline_access where the authorization server knows it
  // A server that publishes nothing is taken for its own authorization server, as 2025-03-26 had it.
  bool assume_endpoints = true;
  int max_step_ups = 8;  // times that a wider token is asked for, in all
};

// Thread-safe; one authorization runs at a time, and whoever needs its token waits for it.
//
// Errors beside those of client_discovery.h and net.*:
//   mcp.auth.registration  no way to be known to the authorization server
//   mcp.auth.pkce          the authorization server does not say that it does PKCE with S256
//   mcp.auth.issuer        the answer of the visit names another issuer, or none where one is due (RFC 9207)
//   mcp.auth.callback      the answer of the visit is not what RFC 6749 section 4.1.2 asks for
//   mcp.auth.answer        the token endpoint's answer is not what RFC 6749 section 5.1 asks for
//   mcp.auth.refused       an OAuth error; upstream.code is its name
//   mcp.auth.unavailable   the grant needs something that is not configured
class ClientAuthorization final : public TokenProvider {
 public:
  explicit ClientAuthorization(ClientAuthorizationOptions options);
  ~ClientAuthorization() override;

  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context& context,
                                                                std::string_view url) override;
  core::Result<bool> challenged(const core::Context& context,
                                const AuthorizationChallenge& challenge) override;

  // Of the token at hand; empty without one.
  std::string issuer() const;
  std::vector<std::string> requested_scopes() const;

 private:
  struct Grant;   // what was got, and from whom
  struct Wanted;  // what a refusal asks for
  core::Result<std::shared_ptr<const Grant>> obtain(const core::Context& context, const Wanted& wanted,
                                                    const Grant* before);
  core::Result<const ClientRegistration*> register_with(const core::Context& context,
                                                        const AuthorizationServer& server);
  core::Result<ClientRegistration> register_dynamically(const core::Context& context,
                                                        const AuthorizationServer& server);
  core::Result<net::Query> ask_person(const core::Context& context, const Grant& wanted,
                                      const ClientRegistration& client);
  core::Result<net::Query> grant_form(const core::Context& context, const Grant& wanted,
                                      const ClientRegistration& client);
  core::Status redeem(const core::Context& context, Grant& wanted, const ClientRegistration& client,
                      net::Query form);
  core::Result<std::shared_ptr<const Grant>> refresh(const core::Context& context, const Grant& held);
  std::shared_ptr<const Grant> current() const;
  void store(std::shared_ptr<const Grant> grant);

  const ClientAuthorizationOptions options_;
  oauth::DpopBinding dpop_;
  std::mutex flight_;                                        // held while a token is got
  std::map<std::string, ClientRegistration> registrations_;  // by issuer; under flight_
  int step_ups_ = 0;                                         // under flight_

  mutable std::mutex mutex_;
  std::shared_ptr<const Grant> grant_;
};

}  // namespace mcp
