// `keygen`: a private key for an API Services app, and its public half to paste into Okta.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>

#include "commands.h"
#include "core/file.h"
#include "core/json.h"
#include "oauth/jwk.h"

namespace {

using core::ErrorKind;
using core::fail;
namespace json = core::json;

core::Result<oauth::Key> make_key(const KeygenOptions& options) {
  if (options.type == "rsa") return oauth::Key::generate(oauth::Algorithm::rs256, options.bits);
  if (options.type == "ec") return oauth::Key::generate(oauth::Algorithm::es256);
  return fail(ErrorKind::invalid_input, "app.keygen", fmt::format("--type cannot be \"{}\".", options.type),
              "Use rsa or ec.");
}

core::Result<std::string> place_for(const KeygenOptions& options, const Environment& environment) {
  if (!options.out.empty()) return std::filesystem::absolute(options.out).lexically_normal().string();
  auto variable = [&](const char* name) {
    const auto found = environment.find(name);
    return found == environment.end() || !found->second.starts_with('/') ? std::string{} : found->second;
  };
  std::string base = variable("XDG_CONFIG_HOME");
  if (base.empty() && !variable("HOME").empty()) base = variable("HOME") + "/.config";
  if (base.empty()) {
    return fail(ErrorKind::invalid_input, "app.home", "HOME is not set.",
                "Say where the key goes with --out FILE.");
  }
  RETURN_IF_ERROR(core::make_private_directory(base + "/okta-mcp-server"));
  return base + "/okta-mcp-server/private-key.pem";
}

// Two spaces, one member a line: a person pastes it.
std::string pretty(const json::Object& object) {
  std::string out = "{";
  for (const auto& member : object) {
    out += fmt::format("{}\n  {}: {}", out.size() > 1 ? "," : "", json::write(json::Value(member.key())),
                       json::write(member.value()));
  }
  return out + "\n}";
}

core::Status keygen(const KeygenOptions& options, const Environment& environment) {
  const bool plain = options.kid.size() <= 255 &&
                     std::ranges::all_of(options.kid, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!plain) {
    return fail(ErrorKind::invalid_input, "app.keygen", "--kid has characters that no key id should have.",
                "Use up to 255 letters, digits and punctuation, without blanks.");
  }
  ASSIGN_OR_RETURN(const std::string path, place_for(options, environment));
  ASSIGN_OR_RETURN(oauth::Key key, make_key(options));
  key = key.with_kid(options.kid.empty() ? key.thumbprint() : options.kid);
  ASSIGN_OR_RETURN(const core::Secret pem, key.private_pem());
  auto written = core::create_file(path, pem.reveal());
  if (!written) {
    auto error = std::move(written).error();
    if (error.code == "core.file.exists") {
      error.hint =
          "A key that is in use would be lost. Choose another name with --out, or move the old key away "
          "first.";
    }
    return std::unexpected(std::move(error));
  }
  const json::Object jwk = key.public_jwk();
  if (options.as_json) {
    std::printf(
        "%s\n",
        json::write(json::Object{{"private_key_file", path}, {"kid", key.kid()}, {"jwk", jwk}}).c_str());
    return {};
  }
  std::printf(
      "The private key is in %s (%s, readable by you only). Keep it there; Okta never needs it.\n\n"
      "Paste this public key into Okta: Applications > Applications > (the API Services app) > General >\n"
      "Client Credentials > Edit > Public key / Private key > Add key. Check that its key id stays %s.\n\n"
      "%s\n\n"
      "Then set:\n\n"
      "OKTA_PRIVATE_KEY=%s\n"
      "OKTA_KEY_ID=%s\n",
      path.c_str(), options.type == "rsa" ? fmt::format("RSA, {} bits", key.bits()).c_str() : "EC, P-256",
      key.kid().c_str(), pretty(jwk).c_str(), path.c_str(), key.kid().c_str());
  return {};
}

}  // namespace

int cmd_keygen(const KeygenOptions& options, const Environment& environment) {
  auto done = keygen(options, environment);
  return done ? 0 : complain(done.error());
}
