#include "oauth/key_loading.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/file.h"
#include "core/json.h"
#include "core/secret.h"
#include "oauth/secret_json.h"

namespace oauth {
namespace {

using core::ErrorKind;

constexpr std::size_t kMaxBytes = 64u << 10;
constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kBegin = "-----BEGIN ";

std::unexpected<core::Error> key_error(std::string_view reason, std::string message, std::string hint = {}) {
  return core::fail(ErrorKind::invalid_input, fmt::format("oauth.key.{}", reason), std::move(message),
                    std::move(hint));
}

// Also without the byte order mark that Windows editors put in front.
std::string_view trimmed(std::string_view text) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string_view unquoted(std::string_view text) {
  text = trimmed(text);
  while (text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front()) {
    text = trimmed(text.substr(1, text.size() - 2));
  }
  return text;
}

// Literal "\n", "\r" and "\\n", as JSON and .env files leave them, become line ends.
std::string unescaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    const auto letter = text.find_first_not_of('\\', i);
    if (letter == std::string_view::npos) break;
    out += text[letter] == 'n' || text[letter] == 'r' ? '\n' : text[letter];
    i = letter;
  }
  return out;
}

std::string without_space(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (!kSpace.contains(c)) out += c;
  }
  return out;
}

// PEM as RFC 7468 writes it.
std::string wrap_pem(std::string_view label, std::string_view base64) {
  std::string out = fmt::format("{}{}-----\n", kBegin, label);
  for (; !base64.empty(); base64.remove_prefix(std::min<std::size_t>(64, base64.size()))) {
    out += base64.substr(0, 64);
    out += '\n';
  }
  return out + fmt::format("-----END {}-----\n", label);
}

core::Result<Key> read_block(std::string_view label, std::string_view body) {
  // RFC 1421 headers of the traditional encrypted form: "Proc-Type: 4,ENCRYPTED".
  if (label.starts_with("ENCRYPTED") || body.contains("ENCRYPTED")) {
    return key_error("encrypted", "The private key is encrypted with a passphrase.",
                     "Write an unencrypted copy that only this user can read (umask 077; openssl pkey -in "
                     "key.pem -out plain.pem) and use that.");
  }
  if (label.ends_with("PUBLIC KEY") || label.contains("CERTIFICATE")) {
    return key_error("public", fmt::format("The text is a {}: the public half only.", label),
                     "OKTA_PRIVATE_KEY needs the private key that belongs to it.");
  }
  std::string base64 = without_space(body);
  std::string pem = wrap_pem(label, base64);
  core::wipe(base64);
  auto key = Key::from_pem(pem);
  core::wipe(pem);
  return key;
}

core::Result<Key> read_pem(std::string_view text) {
  std::string plain = unescaped(text);
  auto key = [&]() -> core::Result<Key> {
    std::string_view rest = plain;
    for (;;) {
      const auto begin = rest.find(kBegin);
      if (begin == std::string_view::npos) {
        return key_error("not_a_key", "The PEM text holds no private key.");
      }
      rest.remove_prefix(begin + kBegin.size());
      const auto label_end = rest.find("-----");
      const std::string_view label = rest.substr(0, label_end);
      // A label is a few words; anything else may be key material that slipped in front of the dashes.
      const bool plausible =
          label_end != std::string_view::npos && label.size() <= 40 &&
          std::ranges::all_of(label, [](char c) { return c == ' ' || (c >= 'A' && c <= 'Z'); });
      const auto end = plausible ? rest.find(fmt::format("-----END {}-----", label)) : std::string_view::npos;
      if (end == std::string_view::npos) {
        return key_error(
            "cut_off", "The PEM text has no end: it was cut off after its first lines.",
            "In .env files and shells, put quotes around the whole value, or write its line ends as "
            "\\n, or set OKTA_PRIVATE_KEY to the path of the file.");
      }
      // `openssl ecparam -genkey` writes the curve's name before the key.
      if (label != "EC PARAMETERS") {
        return read_block(label, rest.substr(label_end + 5, end - label_end - 5));
      }
      rest.remove_prefix(end + 5);
    }
  }();
  core::wipe(plain);
  return key;
}

// The private key that `kid` names, or the only one if it has no name or none is asked for.
core::Result<Key> read_jwks(const core::json::Array& entries, std::string_view kid) {
  std::vector<const core::json::Object*> keys;
  for (const auto& entry : entries) {
    const auto* jwk = entry.if_object();
    if (!jwk || !jwk->contains("d")) continue;
    const auto name = core::json::string_or_empty(entry, "kid");
    if (!kid.empty() && name == kid) return Key::from_jwk(*jwk);
    if (kid.empty() || name.empty()) keys.push_back(jwk);
  }
  if (keys.size() == 1) return Key::from_jwk(*keys.front());
  return key_error("not_a_key",
                   keys.empty() ? "The JWK Set holds no private key of that key id."
                                : "The JWK Set holds several private keys.",
                   "Give the one JWK, or name its kid in OKTA_KEY_ID.");
}

core::Result<Key> read_json(std::string_view text, std::string_view kid) {
  const core::json::ParseLimits limits{.max_bytes = kMaxBytes, .max_depth = 8, .allow_duplicate_keys = true};
  auto value = core::json::parse(text, limits);
  // {\"kty\":...}: a JWK that was put into a JSON string, or a .env file, on its way here.
  core::Secret plain;
  if (!value && text.contains('\\')) {
    plain = core::Secret(unescaped(text));
    text = plain.reveal();
    value = core::json::parse(text, limits);
  }
  if (!value || !value->is_object()) {
    return key_error("not_a_key", "The text begins like a JWK but is not one JSON object.");
  }
  WipeAtExit wipe_value(*value);
  if (const auto* keys = core::json::find(*value, "keys"); keys && keys->is_array()) {
    return read_jwks(keys->get_array(), kid);
  }
  if (!value->get_object().contains("d") && !value->get_object().contains("k")) {
    return key_error("public", "The JWK has no private part (d): it is the public half only.",
                     "OKTA_PRIVATE_KEY needs the private key that belongs to it.");
  }
  return Key::from_jwk(text);  // from the text: it refuses duplicate members
}

// DER begins with a SEQUENCE; which kind of key it is, the label has to say.
core::Result<Key> read_der(std::string_view der) {
  constexpr std::array<std::string_view, 3> kLabels = {"PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"};
  std::string base64 = core::base64_encode(der);
  core::Result<Key> key = key_error("not_a_key", "The text is binary or base64, but no private key.");
  for (std::string_view label : kLabels) {
    auto attempt = read_block(label, base64);
    // A key that is one, but too short or of an odd kind, says so better than the next label would.
    const bool understood = attempt || attempt.error().code != "oauth.jwk.not_a_key";
    if (understood) {
      key = std::move(attempt);
      break;
    }
  }
  core::wipe(base64);
  return key;
}

// A SEQUENCE as long as the text.
bool is_der(std::string_view text) {
  if (text.size() < 16 || text.size() > kMaxBytes || text[0] != 0x30) return false;
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[i]));
  };
  if (byte(1) == 0x81) return byte(2) + 3 == text.size();
  if (byte(1) == 0x82) return byte(2) * 256 + byte(3) + 4 == text.size();
  return byte(1) + 2 == text.size();
}

// nullopt: the text is nothing of the kind.
std::optional<core::Result<Key>> read_plain(std::string_view text, std::string_view kid) {
  if (text.contains(kBegin)) return read_pem(text);
  if (text.starts_with('{')) return read_json(text, kid);
  if (is_der(text)) return read_der(text);
  return std::nullopt;
}

std::optional<core::Result<Key>> read_text(std::string_view text, std::string_view kid) {
  if (is_der(text)) return read_der(text);  // before anything is trimmed off its ends
  text = unquoted(text);
  if (auto key = read_plain(text, kid)) return key;
  std::string packed = without_space(text);
  auto decoded = core::base64_decode(packed);
  if (!decoded) decoded = core::base64url_decode(packed);
  core::wipe(packed);
  if (!decoded) return std::nullopt;
  auto key = read_plain(is_der(*decoded) ? std::string_view(*decoded) : unquoted(*decoded), kid);
  core::wipe(*decoded);
  return key;
}

// The text itself is never repeated: what looks like a path may be a mangled key.
core::Result<Key> read_as_file(std::string_view text, std::string_view kid) {
  const auto none = [](std::string_view why) {
    return key_error(
        "not_a_key",
        fmt::format("OKTA_PRIVATE_KEY is not a key: it is no PEM, no JWK, no base64 of either, and {}.", why),
        "Set it to the private key (PEM or JWK) or to the path of a file that holds it.");
  };
  std::string path(text.starts_with("file://") ? text.substr(7) : text);
  if (path.starts_with("~/")) {
    if (const char* home = std::getenv("HOME")) path = home + path.substr(1);
  }
  if (path.size() > 1024 || path.contains('\n') || path.contains('\0')) return none("too long for a path");
  auto read = core::read_file(path, kMaxBytes);
  if (!read) {
    return none(read.error().kind == ErrorKind::forbidden
                    ? "as a path it names a file that this user may not read"
                    : "as a path it names nothing that can be read");
  }
  std::optional<std::string>& content = *read;
  if (!content) return none("there is no file of that name");
  auto key = read_text(*content, kid);
  core::wipe(*content);
  if (!key) {
    return key_error("not_a_key",
                     fmt::format("The file {} holds no PEM, no JWK and no base64 of either.", path),
                     "OKTA_PRIVATE_KEY must name the file with the private key.");
  }
  if (!*key) {
    auto error = std::move(*key).error();
    error.message = fmt::format("In the file {}: {}", path, error.message);
    return std::unexpected(std::move(error));
  }
  return std::move(**key);
}

}  // namespace

core::Result<Key> load_private_key(std::string_view text_or_path, std::string_view kid) {
  const std::string_view text = unquoted(text_or_path);
  if (text.empty()) {
    return key_error("empty", "OKTA_PRIVATE_KEY is empty.",
                     "Set it to the private key (PEM or JWK) or to the path of a file that holds it.");
  }
  if (text.size() > kMaxBytes) {
    return key_error("not_a_key", fmt::format("OKTA_PRIVATE_KEY is longer than {} bytes.", kMaxBytes));
  }
  auto read = read_text(text, kid);
  auto key = read ? std::move(*read) : read_as_file(text, kid);
  if (!key) return key;
  if (key->type() == KeyType::oct) {
    return key_error("use", "The key is a shared secret.", "Signing in takes a private key: RSA or EC.");
  }
  if (!key->is_private()) return key_error("public", "The key is the public half only.");
  if (!key->may_sign()) {
    return key_error("use", "The JWK says that it is not for signing (use, key_ops).",
                     "Use the app's signing key, the one whose public half has \"use\": \"sig\".");
  }
  return kid.empty() ? std::move(*key) : key->with_kid(std::string(kid));
}

}  // namespace oauth
