// An MCP endpoint as an OAuth 2.1 resource server (MCP "Authorization"; RFC 9728, RFC 6750, RFC 9449).
//
//   no token                          401, a challenge with resource_metadata and scope, and no error
//   a token that is not good          401 invalid_token
//   a proof that is not good          401 invalid_dpop_proof; use_dpop_nonce with a DPoP-Nonce header
//   two Authorization headers, one that is malformed, a token in the query string    400 invalid_request
//   scopes that do not reach          403 insufficient_scope with everything the operation needs
//   an issuer that cannot be asked    503 with Retry-After: the token may be good
// Why a token was refused is logged precisely and told coarsely.
//
// A token says who calls and what that caller was granted here. It is never sent to anybody else, but for an
// opaque one, to the issuer that introspects it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "core/result.h"
#include "mcp/challenge.h"
#include "mcp/guard.h"
#include "net/http_client.h"
#include "oauth/access_token_verifier.h"

namespace mcp {

struct ResourceServerOptions {
  std::string resource;  // the endpoint's URL as clients use it: "https://mcp.example.com/mcp"
  std::vector<oauth::TrustedIssuer> issuers;
  // Told to clients, without offline_access, which is between a client and its authorization server.
  std::vector<std::string> scopes_supported;
  // Asked for in a 401, least privilege first; empty: scopes_supported.
  std::vector<std::string> first_scopes{};
  std::string documentation_url{};  // for people who write clients
  std::string title{};              // of the server, as a sign-in page may show it
  // Whether a granted scope covers a needed one, as a manage scope covers reading; unset: only its own name.
  std::function<bool(std::string_view granted, std::string_view needed)> scope_covers{};
  oauth::DpopUse dpop = oauth::DpopUse::accepted;
  bool dpop_nonce = false;
  std::function<core::Status(std::string_view issuer)> check_issuer{};  // AccessTokenVerifierOptions
  net::HttpClient& http;                                                // all three outlive the server
  core::Clock& clock;
  core::Random& random;
};

class ResourceServer final : public Guard {
 public:
  // Errors: those of AccessTokenVerifier::create(), and mcp.resource_server.resource (a query in the URL),
  // .scopes (not scope names), .url (the documentation is no https URL).
  static core::Result<std::unique_ptr<ResourceServer>> create(ResourceServerOptions options);

  std::optional<Authorized> try_authorize(const net::ServerRequest& request) override;
  Authorized authorize(const core::Context& context, const net::ServerRequest& request) override;
  bool permits(const Caller& caller, const std::vector<std::string>& needed) const override;
  net::ServerResponse insufficient_scope(const std::vector<std::string>& needed) const override;
  // /.well-known/oauth-protected-resource, and the same with the resource's path behind it.
  std::optional<net::ServerResponse> metadata_response(const net::ServerRequest& request) const override;

  const std::string& resource() const { return verifier_->resource(); }
  const std::string& metadata_url() const { return metadata_url_; }

 private:
  ResourceServer(ResourceServerOptions options, std::unique_ptr<oauth::AccessTokenVerifier> verifier);
  std::string metadata() const;
  // The token of a request that presents one properly; else the refusal.
  std::variant<oauth::PresentedToken, net::ServerResponse> presented(const net::ServerRequest& request) const;
  Authorized settle(const core::Result<oauth::AccessTokenVerifier::Token>& token);
  net::ServerResponse refuse(const core::Error& error);
  std::vector<Challenge> challenges(std::string_view scope, const OauthError& bearer,
                                    const OauthError& dpop) const;

  const ResourceServerOptions options_;  // the issuers are the verifier's by now
  const std::unique_ptr<oauth::AccessTokenVerifier> verifier_;
  std::string metadata_url_;
  std::string metadata_path_;  // of the second form; the same as the first where the resource has no path
  std::string metadata_;
  std::string first_scopes_;  // space-separated
};

}  // namespace mcp
