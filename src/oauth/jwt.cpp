#include "oauth/jwt.h"

#include <algorithm>
#include <cmath>

#include "core/json.h"
#include "oauth/resource_uri.h"

namespace oauth {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;
using core::WallTime;
using core::json::Object;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::unexpected<core::Error> refuse(std::string_view reason, std::string message, std::string hint = {}) {
  return fail(ErrorKind::unauthenticated, "oauth.jwt." + std::string(reason), std::move(message),
              std::move(hint));
}

Result<Object> parse_claims(std::string_view payload) {
  auto value = core::json::parse(payload, {.max_bytes = payload.size(), .max_depth = 32});
  if (!value && value.error().code == "core.json.duplicate_key") {
    return refuse("duplicate", "A claim stands twice in the token.");
  }
  if (!value || !value->is_object())
    return refuse("malformed", "The token's claims are not one JSON object.");
  return std::move(value->get_object());
}

// NumericDate (RFC 7519 section 2): seconds, fractions allowed. Up to the year 9999, so that sums never
// overflow.
Result<std::optional<WallTime>> time_claim(const Object& claims, std::string_view name) {
  constexpr double kLast = 253402300799.0;
  const auto* value = claims.if_contains(name);
  if (!value) return std::nullopt;
  double number = value->is_int64()    ? static_cast<double>(value->get_int64())
                  : value->is_uint64() ? static_cast<double>(value->get_uint64())
                  : value->is_double() ? value->get_double()
                                       : -1.0;
  if (!std::isfinite(number) || number < 0 || number > kLast) {
    return refuse("claim", "The claim \"" + std::string(name) + "\" is not a time in seconds.");
  }
  return WallTime{milliseconds{static_cast<std::int64_t>(number * 1000.0)}};
}

Result<std::optional<std::string>> text_claim(const Object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) return refuse("claim", "The claim \"" + std::string(name) + "\" is not a string.");
  return std::string(value->get_string());
}

// One string or an array of strings; anything else is nullopt (RFC 7519 section 4.1.3).
std::optional<std::vector<std::string>> string_list(const boost::json::value& value) {
  if (value.is_string()) return std::vector<std::string>{std::string(value.get_string())};
  if (!value.is_array()) return std::nullopt;
  std::vector<std::string> out;
  for (const auto& element : value.get_array()) {
    if (!element.is_string()) return std::nullopt;
    out.emplace_back(element.get_string());
  }
  return out;
}

std::unexpected<core::Error> missing(std::string_view name) {
  return refuse("missing_claim", "The token has no claim \"" + std::string(name) + "\".");
}

core::Status check_issuer(const Object& claims, const JwtRules& rules) {
  ASSIGN_OR_RETURN(auto issuer, text_claim(claims, "iss"));
  if (!issuer) return missing("iss");
  if (*issuer != rules.issuer) {
    return refuse("issuer", "The token was issued by somebody other than " + rules.issuer + ".");
  }
  return {};
}

bool names_resource(const std::vector<std::string>& resources, std::string_view audience) {
  return std::ranges::any_of(resources,
                             [&](const std::string& resource) { return same_resource(resource, audience); });
}

core::Status check_audience(const Object& claims, const JwtRules& rules) {
  const auto* value = claims.if_contains("aud");
  if (!value) return missing("aud");
  auto audiences = string_list(*value);
  if (!audiences) return refuse("claim", "The claim \"aud\" is neither a string nor an array of strings.");
  for (const std::string& audience : *audiences) {
    if (std::ranges::find(rules.audiences, audience) != rules.audiences.end()) return {};
    if (rules.audiences_are_resources && names_resource(rules.audiences, audience)) return {};
  }
  return refuse("audience", "The token is meant for somebody other than " + rules.audiences.front() + ".");
}

using Times = JwtVerifier::Times;

// RFC 7519 sections 4.1.4 to 4.1.6. At the very second of `exp` a token is expired already.
Result<Times> check_times(const Object& claims, const JwtRules& rules, WallTime now) {
  ASSIGN_OR_RETURN(auto expires_at, time_claim(claims, "exp"));
  ASSIGN_OR_RETURN(auto not_before, time_claim(claims, "nbf"));
  ASSIGN_OR_RETURN(auto issued_at, time_claim(claims, "iat"));
  if (!expires_at) return missing("exp");
  if (now >= *expires_at + rules.leeway) {
    return refuse("expired", "The token expired at " + core::to_rfc3339(*expires_at) + ".");
  }
  if (rules.max_lifetime && *expires_at > now + *rules.max_lifetime + rules.leeway) {
    return refuse("lifetime", "The token expires more than " + std::to_string(rules.max_lifetime->count()) +
                                  " seconds from now.");
  }
  if (not_before && *not_before > now + rules.leeway) {
    return refuse("not_yet_valid", "The token is not valid before " + core::to_rfc3339(*not_before) + ".",
                  "Compare the clocks of the two machines.");
  }
  if (issued_at && *issued_at > now + rules.leeway) {
    return refuse("issued_ahead",
                  "The token was issued in the future, at " + core::to_rfc3339(*issued_at) + ".",
                  "Compare the clocks of the two machines.");
  }
  if (rules.max_age) {
    if (!issued_at) return missing("iat");
    if (now > *issued_at + *rules.max_age + rules.leeway) {
      return refuse("too_old", "The token was issued at " + core::to_rfc3339(*issued_at) + ", too long ago.");
    }
  }
  return Times{*expires_at, issued_at};
}

}  // namespace

Result<std::string> sign_jwt(const Key& key, const Object& claims, std::string_view typ) {
  Object header;
  if (!typ.empty()) header["typ"] = typ;
  return sign_compact(key, core::json::write(claims), header);
}

std::string_view VerifiedJwt::string(std::string_view claim) const {
  const auto* value = claims_.if_contains(claim);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

std::vector<std::string> VerifiedJwt::strings(std::string_view claim) const {
  const auto* value = claims_.if_contains(claim);
  return value ? string_list(*value).value_or(std::vector<std::string>{}) : std::vector<std::string>{};
}

Result<JwtVerifier> JwtVerifier::create(JwtRules rules, const core::Clock& clock) {
  if (rules.issuer.empty() || rules.audiences.empty() || rules.jws.algorithms.empty()) {
    return fail(ErrorKind::internal, "oauth.jwt.rules",
                "A verifier needs an issuer, an audience and a list of algorithms.");
  }
  return JwtVerifier(std::move(rules), clock);
}

Result<VerifiedJwt> JwtVerifier::verify(std::string_view token, const KeySet& keys) const {
  ASSIGN_OR_RETURN(auto jws, verify_compact(token, keys, rules_.jws));
  ASSIGN_OR_RETURN(auto claims, parse_claims(jws.payload()));
  ASSIGN_OR_RETURN(Times times, check_claims(claims));
  VerifiedJwt jwt(jws, std::move(claims));
  jwt.expires_at_ = times.expires_at;
  jwt.issued_at_ = times.issued_at;
  return jwt;
}

Result<Times> JwtVerifier::check_claims(const Object& claims) const {
  RETURN_IF_ERROR(check_issuer(claims, rules_));
  RETURN_IF_ERROR(check_audience(claims, rules_));
  ASSIGN_OR_RETURN(Times times, check_times(claims, rules_, clock_->now()));
  RETURN_IF_ERROR(text_claim(claims, "sub"));
  RETURN_IF_ERROR(text_claim(claims, "jti"));
  for (const std::string& name : rules_.required_claims) {
    if (!claims.contains(name)) return missing(name);
  }
  return times;
}

}  // namespace oauth
