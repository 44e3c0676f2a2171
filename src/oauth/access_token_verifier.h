// Access tokens at a protected resource: whose they are, or why they are refused (RFC 9068, RFC 7662, RFC
// 9449, MCP "Authorization").
//
// A token that is a JWT goes to the trusted issuer that its `iss` names, character by character, and is
// checked with that issuer's keys only. Anything else is opaque, and goes to the one issuer that introspects.
//
// What a JWT must be: signed with an algorithm of the issuer's list and a key bound to it; `typ` at+jwt, JWT
// or absent (Okta's custom authorization servers send none), so that a proof, an ID-JAG or a logout token is
// none; not an ID token; `aud` with this resource, `exp`, `nbf` and `iat` by this clock with 60 seconds of
// grace; `sub` or a client (`client_id`, Okta's `cid`); bound to no key, or to one whose proof comes with the
// request. Header members that bring keys (jwk, jku, x5c, x5u) are ignored, `crit` and `b64` refused.
//
// Errors besides those of jws.h, jwt.h, dpop_guard.h and introspection.h, all ErrorKind::unauthenticated:
//   oauth.access_token.issuer         `iss` is none of the trusted issuers
//   oauth.access_token.opaque         not a JWT, and no issuer introspects
//   oauth.access_token.id_token       an ID token, a logout token: meant for a client
//   oauth.access_token.subject        neither sub nor client, or one that is no plain text up to 255 bytes
//   oauth.access_token.confirmation   bound (`cnf`) to something that cannot be checked here
//   oauth.access_token.dpop_required  bound to a key, or a key is demanded, and sent as a Bearer token
//   oauth.access_token.not_bound      sent as a DPoP token, and bound to none
// Every other kind (unavailable, timeout, cancelled, protocol) says nothing about the token: the issuer could
// not be asked.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/random.h"
#include "core/result.h"
#include "net/http_client.h"
#include "oauth/bounded_cache.h"
#include "oauth/dpop_guard.h"
#include "oauth/introspection.h"
#include "oauth/jwt.h"
#include "oauth/presented_token.h"
#include "oauth/single_flight.h"

namespace oauth {

struct TrustedIssuer {
  std::string issuer;      // as its metadata spells it
  std::string audience{};  // `aud` names exactly this; empty: the resource (resource_uri.h compares)
  std::vector<Algorithm> algorithms{asymmetric_algorithms().begin(), asymmetric_algorithms().end()};
  std::string jwks_uri{};                              // empty: as its metadata says
  std::string required_typ{};                          // exactly this `typ`; empty: at+jwt, JWT, or none
  std::optional<IntrospectionClient> introspection{};  // for opaque tokens; one issuer at most has it
};

// Evidence: exists only as an AccessTokenVerifier's result.
class VerifiedToken {
 public:
  const std::string& issuer() const { return issuer_; }
  const std::string& subject() const { return subject_; }      // may be empty
  const std::string& client_id() const { return client_id_; }  // may be empty, when there is a subject
  // "<issuer>#<subject>"; without a subject "<issuer>#client:<client>". One name for one caller: no issuer
  // has a '#', and no subject that begins with "client:" is accepted.
  const std::string& principal() const { return principal_; }
  const std::vector<std::string>& scopes() const { return scopes_; }
  const std::string& bound_to() const { return bound_to_; }  // thumbprint of a DPoP key, or empty
  core::WallTime expires_at() const { return expires_at_; }

 private:
  friend class AccessTokenVerifier;
  VerifiedToken() = default;

  std::string issuer_, subject_, client_id_, principal_, bound_to_;
  std::vector<std::string> scopes_;
  core::WallTime expires_at_{};
};

enum class DpopUse {
  accepted,  // bound tokens are checked; nobody is told
  offered,   // challenges and metadata tell that they may be bound
  required,  // unbound tokens are refused
};

struct AccessTokenVerifierOptions {
  std::string resource;  // the URL clients use; also the one that DPoP proofs name
  std::vector<TrustedIssuer> issuers;
  DpopUse dpop = DpopUse::accepted;
  bool dpop_nonce = false;  // demand a nonce of ours in every proof (RFC 9449 section 9)
  // What an application knows of its issuers that this room does not, such as "no other than its own
  // resources can check the tokens of an Okta org authorization server". Its error is create()'s.
  std::function<core::Status(std::string_view issuer)> check_issuer{};
  std::size_t cached_tokens = 4096;
  net::HttpClient& http;  // all three outlive the verifier
  core::Clock& clock;
  core::Random& random;
};

// Thread-safe.
class AccessTokenVerifier {
 public:
  using Token = std::shared_ptr<const VerifiedToken>;

  // Errors: oauth.resource_uri, oauth.issuer.url, those of check_issuer, and oauth.verifier.issuers (none,
  // more than 16, one twice), .algorithms (none, or HMAC), .jwks_uri, .introspection (two issuers have it, no
  // client id, an unusable endpoint).
  static core::Result<std::unique_ptr<AccessTokenVerifier>> create(AccessTokenVerifierOptions options);
  ~AccessTokenVerifier();

  // From memory, in microseconds: for an event loop. nullopt: an issuer has to be asked, which verify() does.
  std::optional<core::Result<Token>> try_verify(const PresentedToken& presented, std::string_view method);
  // May ask an issuer: blocks for ten seconds at most, and no longer than the context.
  core::Result<Token> verify(const core::Context& context, const PresentedToken& presented,
                             std::string_view method);

  const std::string& resource() const { return options_.resource; }  // canonical
  std::vector<std::string> issuers() const;
  DpopUse dpop() const { return options_.dpop; }
  const std::vector<Algorithm>& dpop_algorithms() const { return guard_.algorithms(); }
  std::string dpop_nonce() { return guard_.nonce(); }  // empty when none is demanded

  static constexpr std::size_t kMaxTokenBytes = 16u << 10;
  static constexpr std::size_t kMaxIssuers = 16;
  static constexpr std::chrono::seconds kLeeway{60};
  // A signature is checked once in this time; a key that is withdrawn goes on for that long.
  static constexpr std::chrono::seconds kKeepVerified{300};
  static constexpr std::chrono::seconds kKeepIntrospected{30};  // a revoked token goes on for that long
  static constexpr std::chrono::seconds kKeepInactive{10};

 private:
  struct Issuer;
  // A null context: from memory only, and nullopt where that does not do.
  using Answer = std::optional<core::Result<Token>>;
  Answer check(const core::Context* context, const PresentedToken& presented, std::string_view method);
  Answer find_token(const core::Context* context, std::string_view text);
  Answer check_jwt(const core::Context* context, std::string_view text, const UnverifiedJwt& claimed,
                   const std::string& hash);
  core::Result<Token> introspect(const core::Context& context, std::string_view text,
                                 const std::string& hash);
  core::Status check_binding(const VerifiedToken& token, const PresentedToken& presented,
                             std::string_view method);
  core::Result<Token> accept(const Issuer& issuer, const core::json::Object& claims,
                             core::WallTime expires_at, std::chrono::seconds keep, const std::string& hash);

  explicit AccessTokenVerifier(AccessTokenVerifierOptions options);
  core::Status add(TrustedIssuer trusted);

  AccessTokenVerifierOptions options_;
  std::vector<std::unique_ptr<Issuer>> issuers_;
  Issuer* introspecting_ = nullptr;
  DpopGuard guard_;
  // By the SHA-256 of a token, so that no token is kept, and looking one up tells nothing about others.
  BoundedCache<Token> verified_;
  BoundedCache<std::shared_ptr<const core::Error>> inactive_;
  SingleFlight<Token> introspections_;
};

}  // namespace oauth
