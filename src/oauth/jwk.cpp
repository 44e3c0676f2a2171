#include "oauth/jwk.h"

#include <algorithm>
#include <array>
#include <bit>
#include <set>

#include "core/encoding.h"
#include "core/json.h"
#include "oauth/evp.h"
#include "oauth/key_impl.h"

namespace oauth {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;
using core::Secret;
using core::json::Object;

struct AlgorithmRow {
  Algorithm algorithm;
  std::string_view name;
  KeyType type;
  std::string_view curve;    // the only one it goes with
  std::size_t secret_bytes;  // HMAC: the least (RFC 7518 section 3.2)
};
constexpr std::array<AlgorithmRow, 13> kAlgorithms{{
    {Algorithm::rs256, "RS256", KeyType::rsa, "", 0},
    {Algorithm::rs384, "RS384", KeyType::rsa, "", 0},
    {Algorithm::rs512, "RS512", KeyType::rsa, "", 0},
    {Algorithm::ps256, "PS256", KeyType::rsa, "", 0},
    {Algorithm::ps384, "PS384", KeyType::rsa, "", 0},
    {Algorithm::ps512, "PS512", KeyType::rsa, "", 0},
    {Algorithm::es256, "ES256", KeyType::ec, "P-256", 0},
    {Algorithm::es384, "ES384", KeyType::ec, "P-384", 0},
    {Algorithm::es512, "ES512", KeyType::ec, "P-521", 0},
    {Algorithm::eddsa, "EdDSA", KeyType::okp, "Ed25519", 0},
    {Algorithm::hs256, "HS256", KeyType::oct, "", 32},
    {Algorithm::hs384, "HS384", KeyType::oct, "", 48},
    {Algorithm::hs512, "HS512", KeyType::oct, "", 64},
}};
constexpr std::array<Algorithm, 10> kAsymmetric{
    Algorithm::rs256, Algorithm::rs384, Algorithm::rs512, Algorithm::ps256, Algorithm::ps384,
    Algorithm::ps512, Algorithm::es256, Algorithm::es384, Algorithm::es512, Algorithm::eddsa};

const AlgorithmRow& row_of(Algorithm algorithm) {
  return kAlgorithms[static_cast<std::size_t>(algorithm)];
}

std::string_view kty_of(KeyType type) {
  switch (type) {
    case KeyType::rsa:
      return "RSA";
    case KeyType::ec:
      return "EC";
    case KeyType::okp:
      return "OKP";
    case KeyType::oct:
      return "oct";
  }
  return "";
}

std::string_view curve_member(const Key::Impl& impl) {
  for (const auto& [name, value] : impl.members) {
    if (name == "crv") return value;
  }
  return "";
}

std::unexpected<core::Error> bad_member(std::string_view name, std::string_view why) {
  return fail(ErrorKind::invalid_input, "oauth.jwk.member",
              "The JWK member \"" + std::string(name) + "\" " + std::string(why) + ".");
}

// Reads the members of one JWK. Values of private members never reach a message.
class JwkReader {
 public:
  explicit JwkReader(const Object& jwk) : jwk_(jwk) {}

  bool has(std::string_view name) const { return jwk_.if_contains(name) != nullptr; }

  Result<std::optional<std::string>> text(std::string_view name) const {
    const auto* value = jwk_.if_contains(name);
    if (!value) return std::nullopt;
    if (!value->is_string()) return bad_member(name, "is not a string");
    return std::string(value->get_string());
  }

  Result<std::string> bytes(std::string_view name) const {
    ASSIGN_OR_RETURN(auto encoded, text(name));
    if (!encoded) return bad_member(name, "is missing");
    auto decoded = core::base64url_decode(*encoded);
    core::wipe(*encoded);
    if (!decoded) return bad_member(name, "is not base64url");
    return *std::move(decoded);
  }

  // RFC 7518 section 2, Base64urlUInt: no leading zero octet. Some producers write one; the number is the
  // same.
  Result<std::string> number(std::string_view name) const {
    ASSIGN_OR_RETURN(std::string value, bytes(name));
    value.erase(0, std::min(value.find_first_not_of('\0'), value.size()));
    if (value.empty()) return bad_member(name, "is zero");
    return value;
  }

  Result<Secret> secret_number(std::string_view name) const {
    ASSIGN_OR_RETURN(auto value, number(name));
    return Secret(std::move(value));
  }

  Result<std::optional<std::vector<std::string>>> texts(std::string_view name) const {
    const auto* value = jwk_.if_contains(name);
    if (!value) return std::nullopt;
    if (!value->is_array()) return bad_member(name, "is not an array");
    std::vector<std::string> out;
    for (const auto& element : value->get_array()) {
      if (!element.is_string()) return bad_member(name, "holds something that is not a string");
      out.emplace_back(element.get_string());
    }
    return out;
  }

 private:
  const Object& jwk_;
};

Result<evp::Parameters> read_rsa(const JwkReader& in) {
  evp::Parameters out;
  out.type = KeyType::rsa;
  ASSIGN_OR_RETURN(out.n, in.number("n"));
  ASSIGN_OR_RETURN(out.e, in.number("e"));
  if (out.n.size() > 2048) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.too_long", "The RSA modulus has more than 16384 bits.");
  }
  if (!in.has("d")) return out;
  if (in.has("oth")) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.unsupported",
                "RSA keys of more than two primes are not supported.");
  }
  ASSIGN_OR_RETURN(out.d, in.secret_number("d"));
  ASSIGN_OR_RETURN(out.p, in.secret_number("p"));
  ASSIGN_OR_RETURN(out.q, in.secret_number("q"));
  ASSIGN_OR_RETURN(out.dp, in.secret_number("dp"));
  ASSIGN_OR_RETURN(out.dq, in.secret_number("dq"));
  ASSIGN_OR_RETURN(out.qi, in.secret_number("qi"));
  return out;
}

Result<evp::Parameters> read_curve_key(const JwkReader& in, KeyType type) {
  evp::Parameters out;
  out.type = type;
  ASSIGN_OR_RETURN(auto curve, in.text("crv"));
  if (!curve) return bad_member("crv", "is missing");
  out.curve = *std::move(curve);
  ASSIGN_OR_RETURN(out.x, in.bytes("x"));
  if (type == KeyType::ec) {
    ASSIGN_OR_RETURN(out.y, in.bytes("y"));
  }
  if (in.has("d")) {
    ASSIGN_OR_RETURN(auto d, in.bytes("d"));
    out.d = Secret(std::move(d));
  }
  return out;
}

Algorithm default_algorithm(KeyType type, std::string_view curve, std::size_t secret_bytes) {
  if (type == KeyType::rsa) return Algorithm::rs256;
  if (type == KeyType::okp) return Algorithm::eddsa;
  if (type == KeyType::oct) {
    return secret_bytes >= 64 ? Algorithm::hs512 : secret_bytes >= 48 ? Algorithm::hs384 : Algorithm::hs256;
  }
  return curve == "P-384" ? Algorithm::es384 : curve == "P-521" ? Algorithm::es512 : Algorithm::es256;
}

core::Status check_algorithm(const Key::Impl& impl, Algorithm algorithm) {
  const AlgorithmRow& row = row_of(algorithm);
  if (row.type != impl.type || (!row.curve.empty() && row.curve != curve_member(impl))) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.algorithm",
                "The algorithm " + std::string(row.name) + " does not fit a key of type " +
                    std::string(kty_of(impl.type)) +
                    (curve_member(impl).empty() ? "." : " on " + std::string(curve_member(impl)) + "."));
  }
  if (impl.secret && impl.secret->reveal().size() < row.secret_bytes) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.too_short",
                "An " + std::string(row.name) + " secret needs " + std::to_string(row.secret_bytes) +
                    " bytes or more (RFC 7518 section 3.2).");
  }
  return {};
}

Result<std::shared_ptr<Key::Impl>> wrap(evp::PKey pkey, bool is_private) {
  ASSIGN_OR_RETURN(auto parameters, evp::to_parameters(*pkey, false));
  auto impl = std::make_shared<Key::Impl>();
  impl->type = parameters.type;
  impl->is_private = is_private;
  switch (parameters.type) {
    case KeyType::rsa:
      impl->members = {{"e", core::base64url_encode(parameters.e)},
                       {"kty", "RSA"},
                       {"n", core::base64url_encode(parameters.n)}};
      impl->bits = 8 * parameters.n.size() -
                   static_cast<std::size_t>(std::countl_zero(static_cast<unsigned char>(parameters.n[0])));
      break;
    case KeyType::ec:
      impl->members = {{"crv", parameters.curve},
                       {"kty", "EC"},
                       {"x", core::base64url_encode(parameters.x)},
                       {"y", core::base64url_encode(parameters.y)}};
      impl->bits = parameters.curve == "P-521" ? 521 : 8 * parameters.x.size();
      break;
    default:
      impl->members = {
          {"crv", parameters.curve}, {"kty", "OKP"}, {"x", core::base64url_encode(parameters.x)}};
      impl->bits = 256;
  }
  impl->algorithm = default_algorithm(impl->type, parameters.curve, 0);
  impl->pkey = std::move(pkey);
  return impl;
}

// "\n" written as two characters, as environment variables and JSON files carry PEM text.
std::string unescape_newlines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == 'n' || text[i + 1] == 'r')) {
      if (text[i + 1] == 'n') out += '\n';
      ++i;
    } else {
      out += text[i];
    }
  }
  return out;
}

constexpr std::size_t kMaxKeyText = 64u << 10;
constexpr std::size_t kMaxKeySetText = 1u << 20;
constexpr std::size_t kMaxKeysInSet = 256;

// Two keys of one name, type and use leave open which of them is meant (RFC 7517 section 4.5). Entries that
// will be skipped count as well: which ones those are must not decide whose key verifies.
bool has_duplicate_kid(const core::json::Array& entries) {
  std::set<std::array<std::string_view, 3>> seen;
  for (const auto& entry : entries) {
    auto kid = core::json::string_or_empty(entry, "kid");
    auto use = core::json::string_or_empty(entry, "use");
    if (kid.empty()) continue;
    if (!seen.insert({core::json::string_or_empty(entry, "kty"), kid, use.empty() ? "sig" : use}).second)
      return true;
  }
  return false;
}

bool allows_operation(const Key::Impl& impl, std::string_view operation) {
  if (impl.use && *impl.use != "sig") return false;
  return !impl.key_ops || std::ranges::find(*impl.key_ops, operation) != impl.key_ops->end();
}

}  // namespace

std::string_view to_string(Algorithm algorithm) {
  return row_of(algorithm).name;
}

std::optional<Algorithm> parse_algorithm(std::string_view name) {
  for (const AlgorithmRow& row : kAlgorithms) {
    if (row.name == name) return row.algorithm;
  }
  return std::nullopt;
}

std::span<const Algorithm> asymmetric_algorithms() {
  return kAsymmetric;
}

Result<Key> Key::from_pem(std::string_view pem) {
  if (pem.size() > kMaxKeyText) {
    return fail(ErrorKind::too_large, "oauth.jwk.not_a_key", "The key text is longer than 64 KiB.");
  }
  std::string text = unescape_newlines(pem);
  bool is_private = false;
  auto pkey = evp::from_pem(text, is_private);
  core::wipe(text);
  if (!pkey) return std::unexpected(std::move(pkey).error());
  ASSIGN_OR_RETURN(auto impl, wrap(*std::move(pkey), is_private));
  return Key(std::move(impl));
}

Result<Key> Key::from_jwk(const Object& jwk) {
  JwkReader in(jwk);
  ASSIGN_OR_RETURN(auto kty, in.text("kty"));
  if (!kty) return bad_member("kty", "is missing");

  std::shared_ptr<Impl> impl;
  if (*kty == "oct") {
    ASSIGN_OR_RETURN(auto secret, in.bytes("k"));
    impl = std::make_shared<Impl>();
    impl->type = KeyType::oct;
    impl->is_private = true;
    impl->bits = 8 * secret.size();
    impl->algorithm = default_algorithm(KeyType::oct, "", secret.size());
    impl->secret = std::make_shared<Secret>(std::move(secret));
  } else if (*kty == "RSA" || *kty == "EC" || *kty == "OKP") {
    ASSIGN_OR_RETURN(auto parameters, *kty == "RSA"
                                          ? read_rsa(in)
                                          : read_curve_key(in, *kty == "EC" ? KeyType::ec : KeyType::okp));
    ASSIGN_OR_RETURN(auto pkey, evp::from_parameters(parameters));
    ASSIGN_OR_RETURN(impl, wrap(std::move(pkey), !parameters.d.empty()));
  } else {
    return fail(ErrorKind::invalid_input, "oauth.jwk.unsupported",
                "The JWK's kty is none of RSA, EC, OKP and oct.");
  }

  ASSIGN_OR_RETURN(auto alg, in.text("alg"));
  if (alg) {
    auto algorithm = parse_algorithm(*alg);
    if (!algorithm) {
      return fail(ErrorKind::invalid_input, "oauth.jwk.algorithm",
                  "The JWK's alg is not a signature algorithm known here.");
    }
    impl->algorithm = *algorithm;
  }
  RETURN_IF_ERROR(check_algorithm(*impl, impl->algorithm));
  ASSIGN_OR_RETURN(auto kid, in.text("kid"));
  impl->kid = std::move(kid).value_or("");
  ASSIGN_OR_RETURN(impl->use, in.text("use"));
  ASSIGN_OR_RETURN(impl->key_ops, in.texts("key_ops"));
  return Key(std::move(impl));
}

Result<Key> Key::from_jwk(std::string_view text) {
  auto value = core::json::parse(text, {.max_bytes = kMaxKeyText, .max_depth = 8});
  if (!value || !value->is_object()) {
    if (!value && value.error().code == "core.json.duplicate_key") {
      return fail(ErrorKind::invalid_input, "oauth.jwk.member", "A member of the JWK stands twice.");
    }
    return fail(ErrorKind::invalid_input, "oauth.jwk.not_a_key",
                "The text is not a JWK: it is not one JSON object.");
  }
  return from_jwk(value->get_object());
}

Result<Key> Key::parse(std::string_view text) {
  std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start != std::string_view::npos && text[start] == '{') return from_jwk(text);
  return from_pem(text);
}

Result<Key> Key::generate(Algorithm algorithm, unsigned rsa_bits) {
  if (rsa_bits < 2048) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.too_short", "An RSA key needs 2048 bits at the least.");
  }
  if (rsa_bits > 16384) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.too_long", "An RSA key has 16384 bits at the most.");
  }
  ASSIGN_OR_RETURN(auto pkey, evp::generate(algorithm, rsa_bits));
  ASSIGN_OR_RETURN(auto impl, wrap(std::move(pkey), true));
  impl->algorithm = algorithm;
  return Key(std::move(impl));
}

Key Key::with_kid(std::string kid) const {
  auto impl = std::make_shared<Impl>(*impl_);
  impl->kid = std::move(kid);
  return Key(std::move(impl));
}

Result<Key> Key::with_algorithm(Algorithm algorithm) const {
  RETURN_IF_ERROR(check_algorithm(*impl_, algorithm));
  auto impl = std::make_shared<Impl>(*impl_);
  impl->algorithm = algorithm;
  return Key(std::move(impl));
}

Key Key::public_key() const {
  if (!impl_->is_private || !impl_->pkey) return *this;
  auto impl = std::make_shared<Impl>(*impl_);
  impl->is_private = false;
  impl->key_ops.reset();
  impl->pkey = evp::without_private(*impl_->pkey);
  return Key(std::move(impl));
}

KeyType Key::type() const {
  return impl_->type;
}
Algorithm Key::algorithm() const {
  return impl_->algorithm;
}
const std::string& Key::kid() const {
  return impl_->kid;
}
std::size_t Key::bits() const {
  return impl_->bits;
}
bool Key::is_private() const {
  return impl_->is_private;
}
bool Key::may_verify() const {
  return allows_operation(*impl_, "verify");
}
bool Key::may_sign() const {
  return impl_->is_private && allows_operation(*impl_, "sign");
}

std::string Key::thumbprint() const {
  if (impl_->secret) {
    return core::base64url_encode(
        evp::sha256("{\"k\":\"" + core::base64url_encode(impl_->secret->reveal()) + "\",\"kty\":\"oct\"}"));
  }
  // RFC 7638 section 3: the required members only, ordered by name, without white space.
  std::string text = "{";
  for (const auto& [name, value] : impl_->members) {
    if (text.size() > 1) text += ',';
    text.append("\"").append(name).append("\":\"").append(value).append("\"");
  }
  return core::base64url_encode(evp::sha256(text + "}"));
}

Object Key::public_jwk() const {
  Object jwk;
  jwk["kty"] = kty_of(impl_->type);
  if (impl_->secret) return jwk;
  for (const auto& [name, value] : impl_->members) jwk[name] = value;
  jwk["alg"] = to_string(impl_->algorithm);
  jwk["use"] = impl_->use.value_or("sig");
  if (!impl_->kid.empty()) jwk["kid"] = impl_->kid;
  return jwk;
}

Result<Secret> Key::private_jwk() const {
  if (!impl_->is_private) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.not_private", "The key has no private half.");
  }
  Object jwk = public_jwk();
  auto put = [&](std::string_view name, const Secret& value) {
    jwk[name] = core::base64url_encode(value.reveal());
  };
  if (impl_->secret) {
    put("k", *impl_->secret);
    jwk["use"] = impl_->use.value_or("sig");
    jwk["alg"] = to_string(impl_->algorithm);
    if (!impl_->kid.empty()) jwk["kid"] = impl_->kid;
  } else {
    ASSIGN_OR_RETURN(auto parameters, evp::to_parameters(*impl_->pkey, true));
    put("d", parameters.d);
    if (impl_->type == KeyType::rsa) {
      put("p", parameters.p);
      put("q", parameters.q);
      put("dp", parameters.dp);
      put("dq", parameters.dq);
      put("qi", parameters.qi);
    }
  }
  return Secret(core::json::write(jwk));
}

Result<Secret> Key::private_pem() const {
  if (!impl_->is_private || !impl_->pkey) {
    return fail(ErrorKind::invalid_input, "oauth.jwk.not_private",
                "The key has no private half to write as PEM.");
  }
  return evp::to_private_pem(*impl_->pkey);
}

std::string Key::public_pem() const {
  return impl_->pkey ? evp::to_public_pem(*impl_->pkey) : std::string();
}

Result<KeySet> KeySet::parse(std::string_view json, Secrets secrets) {
  auto value = core::json::parse(json, {.max_bytes = kMaxKeySetText, .max_depth = 16});
  if (!value && value.error().code == "core.json.too_large") {
    return fail(ErrorKind::too_large, "oauth.jwks.too_large", "The key set is longer than 1 MiB.");
  }
  const auto* object = value ? value->if_object() : nullptr;
  const auto* member = object ? object->if_contains("keys") : nullptr;
  const auto* entries = member ? member->if_array() : nullptr;
  if (!entries) {
    return fail(ErrorKind::invalid_input, "oauth.jwks.not_a_set",
                "The text is not a JWK set: one JSON object with an array \"keys\" is (RFC 7517 section 5).");
  }
  if (entries->size() > kMaxKeysInSet) {
    return fail(ErrorKind::too_large, "oauth.jwks.too_large", "The key set has more than 256 keys.");
  }
  if (has_duplicate_kid(*entries)) {
    return fail(ErrorKind::invalid_input, "oauth.jwks.duplicate_kid",
                "Two keys of the set have the same kid and the same type.");
  }
  KeySet set;
  bool has_secret = false;
  bool has_public = false;
  for (const auto& entry : *entries) {
    const auto* jwk = entry.if_object();
    auto key =
        jwk ? Key::from_jwk(*jwk) : Result<Key>(fail(ErrorKind::invalid_input, "oauth.jwk.not_a_key", ""));
    if (!key || (key->type() == KeyType::oct && secrets == Secrets::skip)) {
      ++set.skipped_;
      continue;
    }
    (key->type() == KeyType::oct ? has_secret : has_public) = true;
    set.keys_.push_back(*std::move(key));
  }
  if (has_secret && has_public) {
    return fail(ErrorKind::invalid_input, "oauth.jwks.mixed",
                "The key set holds secrets beside public keys: whoever may read the one knows the other.");
  }
  return set;
}

std::vector<Key> KeySet::candidates(Algorithm algorithm, const std::optional<std::string>& kid) const {
  std::vector<Key> found;
  for (const Key& key : keys_) {
    if (key.algorithm() != algorithm || !key.may_verify()) continue;
    if (kid && !key.kid().empty() && key.kid() != *kid) continue;
    found.push_back(key);
  }
  return found;
}

Object KeySet::public_jwks() const {
  core::json::Array keys;
  for (const Key& key : keys_) {
    if (key.type() != KeyType::oct) keys.push_back(key.public_jwk());
  }
  Object set;
  set["keys"] = std::move(keys);
  return set;
}

}  // namespace oauth
