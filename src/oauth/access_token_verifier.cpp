#include "oauth/access_token_verifier.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "core/seal.h"
#include "oauth/access_token_claims.h"
#include "oauth/issuer_metadata.h"
#include "oauth/jwks_cache.h"
#include "oauth/resource_uri.h"
#include "oauth/token_error.h"

namespace oauth {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;
using core::json::Object;

std::unexpected<core::Error> refuse(std::string_view reason, std::string message) {
  return fail(ErrorKind::unauthenticated, "oauth.access_token." + std::string(reason), std::move(message));
}

std::unexpected<core::Error> misconfigured(std::string_view what, std::string message,
                                           std::string hint = {}) {
  return fail(ErrorKind::invalid_input, "oauth.verifier." + std::string(what), std::move(message),
              std::move(hint));
}

bool is_hmac(Algorithm algorithm) {
  return !std::ranges::count(asymmetric_algorithms(), algorithm);
}

// `typ` says that this is an access token (RFC 9068 section 2.1).
bool typ_settles_it(const Object& header) {
  const std::string_view typ = core::json::string_or_empty(header, "typ");
  return net::equals_ignoring_case(typ, "at+jwt") || net::equals_ignoring_case(typ, "application/at+jwt");
}

// The keys at hand lack the one that signed this: the issuer may have a new one. A token without kid, or keys
// without names, show that only by a signature that does not verify.
bool may_need_newer_keys(const core::Error& error, const Object& header) {
  return error.code == "oauth.jwt.unknown_key" ||
         (error.code == "oauth.jwt.signature" && !header.contains("kid"));
}

}  // namespace

struct AccessTokenVerifier::Issuer {
  std::string name;
  bool typ_is_set;  // by its configuration
  JwtVerifier verifier;
  JwksCache keys;
  std::optional<Introspector> introspector;

  Issuer(std::string as_configured, bool typ_set, JwtVerifier jwt, JwksCacheOptions jwks)
      : name(std::move(as_configured)),
        typ_is_set(typ_set),
        verifier(std::move(jwt)),
        keys(std::move(jwks)) {}
};

AccessTokenVerifier::AccessTokenVerifier(AccessTokenVerifierOptions options)
    : options_(std::move(options)),
      guard_({.demand_nonce = options_.dpop_nonce, .clock = options_.clock, .random = options_.random}),
      verified_(options_.cached_tokens),
      inactive_(options_.cached_tokens) {}

AccessTokenVerifier::~AccessTokenVerifier() = default;

Result<std::unique_ptr<AccessTokenVerifier>> AccessTokenVerifier::create(AccessTokenVerifierOptions options) {
  ASSIGN_OR_RETURN(options.resource, canonical_resource(options.resource));
  if (options.issuers.empty() || options.issuers.size() > kMaxIssuers) {
    return misconfigured("issuers", fmt::format("There are {} trusted issuers; from 1 to {} are possible.",
                                                options.issuers.size(), kMaxIssuers));
  }
  auto issuers = std::exchange(options.issuers, {});
  std::unique_ptr<AccessTokenVerifier> verifier(new AccessTokenVerifier(std::move(options)));
  for (TrustedIssuer& issuer : issuers) RETURN_IF_ERROR(verifier->add(std::move(issuer)));
  return verifier;
}

core::Status AccessTokenVerifier::add(TrustedIssuer trusted) {
  const std::string& name = trusted.issuer;
  RETURN_IF_ERROR(check_issuer_url(name));
  if (options_.check_issuer) RETURN_IF_ERROR(options_.check_issuer(name));
  if (std::ranges::any_of(issuers_, [&](const auto& other) { return other->name == name; })) {
    return misconfigured("issuers", fmt::format("The issuer {} is set twice.", name));
  }
  if (trusted.algorithms.empty() || std::ranges::any_of(trusted.algorithms, is_hmac)) {
    return misconfigured(
        "algorithms", fmt::format("The algorithms of {} are none, or have one with a shared secret.", name),
        "Name public-key algorithms, such as RS256 and ES256.");
  }
  if (!trusted.jwks_uri.empty() && !may_lead_to(name, trusted.jwks_uri)) {
    return misconfigured("jwks_uri", fmt::format("The address of the keys of {} is not https.", name));
  }
  auto& client = trusted.introspection;
  // A second one would be shown the first one's tokens, and could use them.
  if (client && introspecting_) {
    return misconfigured("introspection", "Two issuers are set to introspect tokens; one can.");
  }
  if (client &&
      (client->client_id.empty() || (!client->endpoint.empty() && !may_lead_to(name, client->endpoint)))) {
    return misconfigured("introspection",
                         fmt::format("Introspection at {} needs a client id and an https address.", name));
  }
  JwtRules rules{.jws = {.algorithms = std::move(trusted.algorithms), .max_bytes = kMaxTokenBytes},
                 .issuer = name,
                 .audiences = {trusted.audience.empty() ? options_.resource : trusted.audience},
                 .audiences_are_resources = trusted.audience.empty(),
                 .leeway = kLeeway};
  const bool typ_is_set = !trusted.required_typ.empty();
  if (typ_is_set) {
    rules.jws.types.push_back(std::move(trusted.required_typ));
  } else {
    rules.jws.types = {"at+jwt", "JWT"};
    rules.jws.typ_optional = true;
  }
  ASSIGN_OR_RETURN(auto verifier, JwtVerifier::create(std::move(rules), options_.clock));
  issuers_.push_back(std::make_unique<Issuer>(name, typ_is_set, std::move(verifier),
                                              JwksCacheOptions{.issuer = name,
                                                               .jwks_uri = std::move(trusted.jwks_uri),
                                                               .http = options_.http,
                                                               .clock = options_.clock}));
  if (client) {
    introspecting_ = issuers_.back().get();
    introspecting_->introspector.emplace(name, *std::move(client), options_.http);
  }
  return {};
}

std::vector<std::string> AccessTokenVerifier::issuers() const {
  std::vector<std::string> names;
  names.reserve(issuers_.size());
  for (const auto& issuer : issuers_) names.push_back(issuer->name);
  return names;
}

std::optional<Result<AccessTokenVerifier::Token>> AccessTokenVerifier::try_verify(
    const PresentedToken& presented, std::string_view method) {
  return check(nullptr, presented, method);
}

Result<AccessTokenVerifier::Token> AccessTokenVerifier::verify(const core::Context& context,
                                                               const PresentedToken& presented,
                                                               std::string_view method) {
  auto answer = check(&context, presented, method);
  if (!answer) {
    return fail(ErrorKind::internal, "oauth.verifier.memory", "The token could not be checked.");
  }
  return *std::move(answer);
}

AccessTokenVerifier::Answer AccessTokenVerifier::check(const core::Context* context,
                                                       const PresentedToken& presented,
                                                       std::string_view method) {
  Answer token = find_token(context, presented.token);
  if (!token || !*token) return token;
  // Last, so that a proof is used up only by a request whose token is good.
  if (auto bound = check_binding(***token, presented, method); !bound) return fail(std::move(bound).error());
  return token;
}

AccessTokenVerifier::Answer AccessTokenVerifier::find_token(const core::Context* context,
                                                            std::string_view text) {
  if (text.size() > kMaxTokenBytes) {
    return fail(ErrorKind::unauthenticated, "oauth.jwt.too_large",
                fmt::format("The token is longer than {} bytes.", kMaxTokenBytes));
  }
  const std::string hash = core::sha256(text);
  const auto now = options_.clock.steady();
  if (auto known = verified_.find(hash, now)) {
    // The wall clock may have been set meanwhile.
    if (options_.clock.now() < (*known)->expires_at() + kLeeway) return *std::move(known);
  }
  if (const auto known = inactive_.find(hash, now)) return fail(**known);

  const auto claimed = peek(text, kMaxTokenBytes);
  if (claimed) return check_jwt(context, text, *claimed, hash);
  if (claimed.error().code != "oauth.jwt.malformed") return fail(claimed.error());
  if (!introspecting_) return refuse("opaque", "The token is not a JWT, and no issuer introspects tokens.");
  if (!context) return std::nullopt;
  return introspections_.run(*context, hash, [&] { return introspect(*context, text, hash); });
}

AccessTokenVerifier::Answer AccessTokenVerifier::check_jwt(const core::Context* context,
                                                           std::string_view text,
                                                           const UnverifiedJwt& claimed,
                                                           const std::string& hash) {
  const std::string_view name = core::json::string_or_empty(claimed.claims, "iss");
  const auto found = std::ranges::find(issuers_, name, [](const auto& issuer) { return issuer->name; });
  if (found == issuers_.end()) {
    return refuse("issuer", fmt::format("The token says it is from {}, which is no trusted issuer.",
                                        name.empty() ? "nobody" : quoted(name)));
  }
  Issuer& issuer = **found;
  auto keys = context ? issuer.keys.keys(*context) : issuer.keys.try_keys();
  if (!keys) return std::nullopt;
  if (!*keys) return fail(keys->error());
  auto verified = issuer.verifier.verify(text, ***keys);
  if (!verified && may_need_newer_keys(verified.error(), claimed.header)) {
    auto newer = context ? issuer.keys.newer(*context, **keys) : issuer.keys.try_newer(**keys);
    if (!newer) return std::nullopt;
    if (*newer && **newer != **keys) verified = issuer.verifier.verify(text, ***newer);
  }
  if (!verified) return fail(std::move(verified).error());
  if (!issuer.typ_is_set && !typ_settles_it(verified->header())) {
    if (auto status = refuse_client_tokens(verified->claims()); !status)
      return fail(std::move(status).error());
  }
  return accept(issuer, verified->claims(), verified->expires_at(), kKeepVerified, hash);
}

Result<AccessTokenVerifier::Token> AccessTokenVerifier::introspect(const core::Context& context,
                                                                   std::string_view text,
                                                                   const std::string& hash) {
  // Whoever waited to ask finds the answer of the one before.
  const auto now = options_.clock.steady();
  if (auto known = verified_.find(hash, now)) return *std::move(known);

  Issuer& issuer = *introspecting_;
  const auto remember_refusal = [&](core::Error error) {
    if (error.kind == ErrorKind::unauthenticated) {
      inactive_.put(hash, std::make_shared<const core::Error>(error), now + kKeepInactive);
    }
    return fail(std::move(error));
  };
  auto members = issuer.introspector->ask(context, text);
  if (!members) return remember_refusal(std::move(members).error());
  // RFC 7662 section 2.2 leaves these out at will; the issuer is the one that was asked.
  if (!members->contains("iss")) (*members)["iss"] = issuer.name;
  if (!members->contains("exp")) {
    (*members)["exp"] = core::to_unix_seconds(options_.clock.now() + kKeepIntrospected);
  }
  const auto times = issuer.verifier.check_claims(*members);
  if (!times) return remember_refusal(times.error());
  auto token = accept(issuer, *members, times->expires_at, kKeepIntrospected, hash);
  if (!token) return remember_refusal(std::move(token).error());
  return token;
}

Result<AccessTokenVerifier::Token> AccessTokenVerifier::accept(const Issuer& issuer, const Object& claims,
                                                               core::WallTime expires_at,
                                                               std::chrono::seconds keep,
                                                               const std::string& hash) {
  ASSIGN_OR_RETURN(auto read, read_access_token_claims(claims));
  std::shared_ptr<VerifiedToken> token(new VerifiedToken);
  token->issuer_ = issuer.name;
  token->principal_ = read.subject.empty() ? fmt::format("{}#client:{}", issuer.name, read.client_id)
                                           : fmt::format("{}#{}", issuer.name, read.subject);
  token->subject_ = std::move(read.subject);
  token->client_id_ = std::move(read.client_id);
  token->scopes_ = std::move(read.scopes);
  token->bound_to_ = std::move(read.bound_to);
  token->expires_at_ = expires_at;
  verified_.put(hash, token, options_.clock.steady() + keep);
  return token;
}

core::Status AccessTokenVerifier::check_binding(const VerifiedToken& token, const PresentedToken& presented,
                                                std::string_view method) {
  if (token.bound_to().empty()) {
    if (options_.dpop == DpopUse::required) {
      return refuse("dpop_required", "The token is not bound to a key, and only bound ones are accepted.");
    }
    if (presented.scheme == TokenScheme::dpop) {
      return refuse("not_bound", "The token was sent as a DPoP token, and is not bound to a key.");
    }
    return {};
  }
  if (presented.scheme == TokenScheme::bearer) {
    return refuse("dpop_required", "The token is bound to a key, and was sent as a Bearer token.");
  }
  RETURN_IF_ERROR(guard_.check({.proofs = presented.proofs,
                                .method = std::string(method),
                                .url = options_.resource,
                                .access_token = std::string(presented.token),
                                .bound_to = token.bound_to()}));
  return {};
}

}  // namespace oauth
