#include "oauth/dpop_verifier.h"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <cmath>

#include "core/encoding.h"
#include "core/json.h"
#include "core/seal.h"
#include "net/url.h"
#include "oauth/jws.h"

namespace oauth {
namespace {

using boost::json::object;
using core::Result;
using core::WallTime;

constexpr std::size_t kMaxProof = 8u << 10;  // an RSA key of 8192 bits fits
constexpr std::size_t kMaxId = 255;
// RFC 7518 section 6: members that only a private or a secret key has.
constexpr std::array<std::string_view, 8> kPrivateMembers{"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

std::unexpected<core::Error> refuse(std::string_view reason, std::string message, std::string hint = {}) {
  return core::fail(core::ErrorKind::unauthenticated, "oauth.dpop." + std::string(reason), std::move(message),
                    std::move(hint));
}

std::string_view text(const object& from, std::string_view name) {
  const auto* value = from.if_contains(name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// The key in the proof, bound to the proof's algorithm.
Result<Key> embedded_key(const object& header, const DpopRules& rules) {
  auto algorithm = parse_algorithm(text(header, "alg"));
  if (!algorithm || std::ranges::find(rules.algorithms, *algorithm) == rules.algorithms.end()) {
    return refuse("algorithm", "The DPoP proof's algorithm is not one of those accepted here.");
  }
  const auto* jwk = header.if_contains("jwk");
  if (!jwk || !jwk->is_object()) return refuse("key", "The DPoP proof's header has no jwk.");
  for (std::string_view name : kPrivateMembers) {
    if (jwk->get_object().contains(name)) {
      return refuse("key", "The DPoP proof's jwk has the private member \"" + std::string(name) + "\".",
                    "Whoever saw this request knows the private key: make a new one.");
    }
  }
  auto key = Key::from_jwk(jwk->get_object());
  if (key && jwk->get_object().contains("alg") && key->algorithm() != *algorithm) {
    return refuse("key", "The DPoP proof's jwk is for another algorithm than the proof.");
  }
  if (key) key = key->with_algorithm(*algorithm);
  if (!key || key->is_private() || !key->may_verify()) {
    return refuse("key", "The DPoP proof's jwk is not a public key that can verify its algorithm.");
  }
  return key->with_kid("");
}

Result<object> verified_claims(std::string_view proof, const Key& key, const DpopRules& rules) {
  auto jws = verify_compact(proof, KeySet({key}),
                            {.algorithms = rules.algorithms, .types = {"dpop+jwt"}, .max_bytes = kMaxProof});
  if (!jws) {
    std::string_view code = jws.error().code;
    if (code == "oauth.jwt.type") return refuse("type", "The DPoP proof's typ is not dpop+jwt.");
    if (code == "oauth.jwt.signature") {
      return refuse("signature", "The DPoP proof's signature does not verify with its own jwk.");
    }
    return refuse("malformed", "The DPoP proof cannot be read: " + jws.error().message);
  }
  auto claims = core::json::parse(jws->payload(), {.max_bytes = kMaxProof, .max_depth = 8});
  if (!claims || !claims->is_object()) return refuse("malformed", "The DPoP proof's claims cannot be read.");
  return std::move(claims->get_object());
}

// "%7e" → "~" and "%2f" → "%2F" (RFC 3986 section 6.2.2); nullopt for a broken escape.
std::optional<std::string> normalised_escapes(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      out += path[i];
      continue;
    }
    auto decoded = core::percent_decode(path.substr(i, 3));
    if (!decoded || decoded->size() != 1) return std::nullopt;
    out += core::percent_encode(*decoded);
    i += 2;
  }
  return out;
}

std::optional<std::string> normalised(std::string_view text) {
  auto url = net::parse_url(text);
  if (!url || url->has_userinfo) return std::nullopt;
  auto path = normalised_escapes(url->path);
  if (!path) return std::nullopt;
  // "//x" alone would read as another host.
  auto resolved = net::resolve_url(*url, url->origin() + *path);
  if (!resolved) return std::nullopt;
  return resolved->origin() + resolved->path;
}

struct Split {
  std::string origin;
  std::string_view path;
};
// `htu` in Okta's form need not be a URL ("/groups/a b"), so only its front is read as one.
std::optional<Split> split_origin(std::string_view text) {
  std::size_t authority = text.find("://");
  if (authority == std::string_view::npos) return std::nullopt;
  std::size_t slash = std::min(text.find_first_of("/?#", authority + 3), text.size());
  auto url = net::parse_url(text.substr(0, slash));
  if (!url || url->has_userinfo) return std::nullopt;
  std::string_view path = text.substr(slash);
  path = path.substr(0, path.find_first_of("?#"));
  return Split{url->origin(), path.empty() ? std::string_view("/") : path};
}

bool same_target(std::string_view htu, std::string_view url, HtuForm form) {
  if (form == HtuForm::normalised) {
    auto claimed = normalised(htu);
    auto actual = normalised(url);
    return claimed && actual && *claimed == *actual;
  }
  auto claimed = split_origin(htu);
  auto actual = split_origin(url);
  if (!claimed || !actual || claimed->origin != actual->origin) return false;
  auto decoded = core::percent_decode(actual->path);
  return decoded && *decoded == claimed->path;
}

// A NumericDate (RFC 7519 section 2) up to the year 9999.
std::optional<WallTime> time_claim(const object& claims, std::string_view name) {
  constexpr double kLast = 253402300799.0;
  const auto* value = claims.if_contains(name);
  if (!value || !value->is_number()) return std::nullopt;
  auto seconds = value->to_number<double>();
  if (!std::isfinite(seconds) || seconds < 0 || seconds > kLast) return std::nullopt;
  return WallTime{std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000.0)}};
}

core::Status check_times(const object& claims, const DpopRules& rules, WallTime now) {
  auto issued_at = time_claim(claims, "iat");
  if (!issued_at) return refuse("iat", "The DPoP proof's iat is missing or not a time.");
  constexpr const char* kClocks = "Compare the clocks of the two machines.";
  if (*issued_at > now + rules.leeway) {
    return refuse("issued_ahead", "The DPoP proof was issued in the future.", kClocks);
  }
  if (now > *issued_at + rules.max_age) {
    return refuse("too_old", "The DPoP proof was issued too long ago.", kClocks);
  }
  if (claims.contains("exp")) {
    auto expires_at = time_claim(claims, "exp");
    if (!expires_at || now >= *expires_at) return refuse("expired", "The DPoP proof has expired.", kClocks);
  }
  return {};
}

}  // namespace

std::string access_token_hash(std::string_view access_token) {
  return core::base64url_encode(core::sha256(access_token));
}

Result<VerifiedDpopProof> verify_dpop_proof(const DpopRequest& request, const DpopRules& rules,
                                            const core::Clock& clock) {
  if (request.proofs.empty()) return refuse("missing", "The request has no DPoP header.");
  if (request.proofs.size() > 1) return refuse("multiple", "The request has more than one DPoP header.");
  std::string_view proof = request.proofs.front();
  auto unverified = peek(proof, kMaxProof);
  if (!unverified) {
    return refuse("malformed", "The DPoP proof cannot be read: " + unverified.error().message);
  }
  ASSIGN_OR_RETURN(Key key, embedded_key(unverified->header, rules));
  ASSIGN_OR_RETURN(object claims, verified_claims(proof, key, rules));

  if (text(claims, "htm") != request.method) {
    return refuse("htm", "The DPoP proof's htm is not the request's method.");
  }
  if (!same_target(text(claims, "htu"), request.url, rules.htu)) {
    return refuse("htu", "The DPoP proof's htu is not the request's URL.",
                  "It is the URL without query and fragment, as the server's clients see it.");
  }
  WallTime now = clock.now();
  RETURN_IF_ERROR(check_times(claims, rules, now));
  std::string_view id = text(claims, "jti");
  if (id.empty() || id.size() > kMaxId) {
    return refuse("jti", "The DPoP proof's jti is missing, or longer than 255 characters.");
  }
  if (!request.access_token.empty() &&
      !core::constant_time_equal(text(claims, "ath"), access_token_hash(request.access_token))) {
    return refuse("ath", "The DPoP proof's ath is not the hash of the access token.");
  }
  VerifiedDpopProof verified;
  verified.thumbprint_ = key.thumbprint();
  if (!request.bound_to.empty() && !core::constant_time_equal(request.bound_to, verified.thumbprint_)) {
    return refuse("binding", "The token is bound to another key than the DPoP proof's.");
  }
  std::string_view nonce = text(claims, "nonce");
  bool nonce_is_good = rules.nonces.empty();
  for (const std::string& accepted : rules.nonces) {
    // No early end: how long this takes must not tell which one it was.
    if (core::constant_time_equal(nonce, accepted)) nonce_is_good = true;
  }
  if (!nonce_is_good) return refuse("nonce", "The DPoP proof's nonce is missing, or too old.");
  verified.id_ = id;
  // `iat` may lie ahead by the leeway, so counting from now would forget a jti too early.
  verified.replayable_until_ = time_claim(claims, "iat").value_or(now) + rules.max_age;
  return verified;
}

}  // namespace oauth
