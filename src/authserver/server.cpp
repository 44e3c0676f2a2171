#include "authserver/server.h"

namespace authserver {
namespace {

class RuleGrant final : public Grant {
 public:
  RuleGrant(std::string type, GrantRule rule) : type_(std::move(type)), rule_(std::move(rule)) {}
  std::string_view type() const override { return type_; }
  core::Result<boost::json::object> redeem(const GrantCall& call) const override { return rule_(call); }

 private:
  std::string type_;
  GrantRule rule_;
};

}  // namespace

std::shared_ptr<const Grant> rule_grant(std::string type, GrantRule rule) {
  return std::make_shared<RuleGrant>(std::move(type), std::move(rule));
}

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
    bool known = key.algorithm() == oauth::Algorithm::rs256 || key.algorithm() == oauth::Algorithm::es256;
    if (!known || key.kid().empty()) {
      return wrong("a signing key is not an RS256 or ES256 key with a kid");
    }
  }
  return {};
}

}  // namespace authserver
