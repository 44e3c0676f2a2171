#include "authserver/server.h"

namespace authserver {

const Grant* Server::find_grant(std::string_view type) const {
  for (const auto& grant : grants) {
    if (grant->type() == type) return grant.get();
  }
  return nullptr;
}

std::string Server::grant_types() const {
  std::string text;
  for (const auto& grant : grants) {
    if (!text.empty()) text += ", ";
    text += grant->type();
  }
  return text;
}

core::Status check(const Server& server) {
  auto wrong = [](std::string what) {
    return core::fail(core::ErrorKind::invalid_input, "authserver.server_error",
                      "The authorization server cannot start: " + std::move(what) + ".");
  };
  if (server.settings.issuer.empty() || server.settings.issuer.ends_with('/')) {
    return wrong("its issuer is empty or ends with a slash");
  }
  if (!server.store || !server.clock || !server.random || !server.find_user)
    return wrong("a part is missing");
  if (server.grants.empty()) return wrong("it offers no grant");
  if (server.signing_keys.empty() || !server.signing_keys.front().may_sign())
    return wrong("it has no signing key");
  for (const oauth::Key& key : server.signing_keys) {
    if (key.algorithm() != oauth::Algorithm::rs256 || key.kid().empty()) {
      return wrong("a signing key is not an RS256 key with a kid");
    }
  }
  return {};
}

}  // namespace authserver
