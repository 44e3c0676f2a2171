#include "oauth/jws.h"

#include <algorithm>
#include <cctype>

#include "core/encoding.h"
#include "core/json.h"
#include "oauth/evp.h"
#include "oauth/key_impl.h"

namespace oauth {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;
using core::json::Object;

std::unexpected<core::Error> refuse(std::string_view reason, std::string message) {
  return fail(ErrorKind::unauthenticated, "oauth.jwt." + std::string(reason), std::move(message));
}

Result<Object> parse_object(std::string_view text, std::string_view what) {
  auto value = core::json::parse(text, {.max_bytes = text.size(), .max_depth = 32});
  if (!value && value.error().code == "core.json.duplicate_key") {
    return refuse("duplicate", "The token's " + std::string(what) + " has a member twice.");
  }
  if (!value || !value->is_object()) {
    return refuse("malformed", "The token's " + std::string(what) + " is not one JSON object.");
  }
  return std::move(value->get_object());
}

struct Parts {
  std::string_view signing_input;  // "header.payload"
  Object header;
  std::string payload;
  std::string signature;
};

Result<Parts> split(std::string_view token, std::size_t max_bytes) {
  if (token.size() > max_bytes) {
    return refuse("too_large", "The token is longer than " + std::to_string(max_bytes) + " bytes.");
  }
  std::size_t first = token.find('.');
  std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return refuse("malformed", "The token is not three parts separated by dots (RFC 7515 section 7.1).");
  }
  auto header = core::base64url_decode(token.substr(0, first));
  auto payload = core::base64url_decode(token.substr(first + 1, second - first - 1));
  auto signature = core::base64url_decode(token.substr(second + 1));
  if (!header || !payload || !signature) {
    return refuse("malformed", "A part of the token is not base64url without padding (RFC 7515 section 2).");
  }
  Parts parts;
  parts.signing_input = token.substr(0, second);
  ASSIGN_OR_RETURN(parts.header, parse_object(*header, "header"));
  parts.payload = *std::move(payload);
  parts.signature = *std::move(signature);
  return parts;
}

Result<std::optional<std::string>> header_text(const Object& header, std::string_view name) {
  const auto* value = header.if_contains(name);
  if (!value) return std::nullopt;
  if (!value->is_string()) {
    return refuse("header", "The token's header member \"" + std::string(name) + "\" is not a string.");
  }
  return std::string(value->get_string());
}

// RFC 7515 section 4.1.9: media types compare without case, and "application/" may be left out.
std::string comparable_type(std::string_view type) {
  std::string text(type);
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  constexpr std::string_view kPrefix = "application/";
  if (text.starts_with(kPrefix) && text.find('/', kPrefix.size()) == std::string::npos)
    text.erase(0, kPrefix.size());
  return text;
}

core::Status check_type(const std::optional<std::string>& typ, const JwsRules& rules) {
  if (rules.types.empty()) return {};
  if (!typ) {
    if (rules.typ_optional) return {};
    return refuse("type", "The token does not say its type; it must be " + rules.types.front() + ".");
  }
  for (const std::string& accepted : rules.types) {
    if (comparable_type(accepted) == comparable_type(*typ)) return {};
  }
  return refuse("type", "The token is of another type than " + rules.types.front() + ".");
}

Result<Algorithm> check_algorithm(const Object& header, const JwsRules& rules) {
  ASSIGN_OR_RETURN(auto name, header_text(header, "alg"));
  if (!name) return refuse("algorithm", "The token names no algorithm.");
  auto algorithm = parse_algorithm(*name);
  if (!algorithm || std::ranges::find(rules.algorithms, *algorithm) == rules.algorithms.end()) {
    return refuse("algorithm", "The token's algorithm is not one of those accepted here.");
  }
  return *algorithm;
}

}  // namespace

Result<std::string> sign_raw(const Key& key, std::string_view input) {
  if (!key.may_sign()) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.not_private",
                key.is_private() ? "The key's use or key_ops does not allow it to sign."
                                 : "A public key cannot sign.");
  }
  if (key.impl().secret) return evp::hmac(key.algorithm(), key.impl().secret->reveal(), input);
  return evp::sign(*key.impl().pkey, key.algorithm(), input);
}

bool verify_raw(const Key& key, std::string_view input, std::string_view signature) {
  if (!key.may_verify()) return false;
  if (key.impl().secret) {
    std::string expected = evp::hmac(key.algorithm(), key.impl().secret->reveal(), input);
    return !expected.empty() && core::constant_time_equal(expected, signature);
  }
  return evp::verify(*key.impl().pkey, key.algorithm(), input, signature);
}

Result<std::string> sign_compact(const Key& key, std::string_view payload, const Object& header) {
  if (header.contains("alg") || header.contains("crit") || header.contains("b64")) {
    return fail(ErrorKind::invalid_input, "oauth.jws.header",
                "The header members alg, crit and b64 are not the caller's to set.");
  }
  Object full;
  full["alg"] = to_string(key.algorithm());
  if (!key.kid().empty()) full["kid"] = key.kid();
  for (const auto& member : header) full[member.key()] = member.value();
  std::string input = core::base64url_encode(core::json::write(full)) + "." + core::base64url_encode(payload);
  ASSIGN_OR_RETURN(std::string signature, sign_raw(key, input));
  return input + "." + core::base64url_encode(signature);
}

Result<VerifiedJws> verify_compact(std::string_view token, const KeySet& keys, const JwsRules& rules) {
  ASSIGN_OR_RETURN(Parts parts, split(token, rules.max_bytes));
  ASSIGN_OR_RETURN(Algorithm algorithm, check_algorithm(parts.header, rules));
  // No extension is understood here, so a token that insists on one is refused (RFC 7515 section 4.1.11). RFC
  // 7797's b64 must always be insisted on; standing alone it would make two readers see two payloads.
  if (parts.header.contains("crit") || parts.header.contains("b64")) {
    return refuse("critical", "The token's header demands an extension that is not understood here.");
  }
  ASSIGN_OR_RETURN(auto typ, header_text(parts.header, "typ"));
  RETURN_IF_ERROR(check_type(typ, rules));
  ASSIGN_OR_RETURN(auto kid, header_text(parts.header, "kid"));
  if (!kid && rules.require_kid) return refuse("unknown_key", "The token does not name its key (kid).");

  auto candidates = keys.candidates(algorithm, kid);
  if (candidates.empty()) {
    return refuse("unknown_key", "No known key fits the token's kid and algorithm.");
  }
  for (Key& key : candidates) {
    if (verify_raw(key, parts.signing_input, parts.signature)) {
      return VerifiedJws(std::move(parts.header), std::move(parts.payload), std::move(key));
    }
  }
  return refuse("signature", "The token's signature does not verify.");
}

Result<UnverifiedJwt> peek(std::string_view token, std::size_t max_bytes) {
  ASSIGN_OR_RETURN(Parts parts, split(token, max_bytes));
  UnverifiedJwt jwt;
  jwt.header = std::move(parts.header);
  ASSIGN_OR_RETURN(jwt.claims, parse_object(parts.payload, "claims"));
  return jwt;
}

}  // namespace oauth
