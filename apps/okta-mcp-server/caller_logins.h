// Over HTTP, each caller with an Okta login of their own: who asks is who Okta sees, with that person's
// rights.
//
// A caller who has none is sent to Okta's page (URL elicitation where the client can, else the link in the
// answer); the login is kept under the caller's verified issuer and subject. Whoever opens the link may be
// somebody else (it can be passed on), so no token is used unless Okta names the caller as its owner; any
// other login is forgotten and revoked (page Elicitation, "Phishing").
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "admin/entrance.h"
#include "net/http_client.h"
#include "runtime.h"
#include "settings.h"

class CallerLogins final : public admin::Entrance {
 public:
  // `settings` outlives this. Callers beyond `max_callers` push out the one that was away longest; its login
  // stays in the store.
  explicit CallerLogins(const Settings& settings, std::size_t max_callers = 1000);
  ~CallerLogins() override;

  const admin::Orgs& described() const override { return *described_; }
  // Errors: oauth.login_pending with link and code, app.caller.anonymous (no principal that stays the same),
  // app.caller.other_person, app.caller.unknown_person, and those of Runtime::token().
  core::Result<Entered> enter(const core::Context& context, const mcp::Round& round) override;
  std::shared_ptr<const admin::Orgs> visit(const core::Context& context) override;

  std::size_t callers() const;

 private:
  struct Login;
  std::shared_ptr<Login> login_of(const std::string& principal);

  const Settings& settings_;
  const std::size_t max_callers_;
  // Of all of them.
  const std::shared_ptr<core::StateStore> state_;
  const std::shared_ptr<net::HttpClient> http_;
  Runtime nobody_;  // what is listed and described
  const std::shared_ptr<const admin::Orgs> described_;

  mutable std::mutex mutex_;       // of what follows
  std::list<std::string> by_use_;  // newest first
  struct Kept {
    std::shared_ptr<Login> login;
    std::list<std::string>::iterator use;
  };
  std::unordered_map<std::string, Kept> logins_;
};

// Whether Okta's access token, as it came from Okta's own token endpoint, belongs to the person that
// "<issuer>#<subject>" names: `sub` is the login (letter case does not count) or `uid` the id. nullopt when
// the token does not say whose it is.
std::optional<bool> belongs_to(std::string_view access_token, std::string_view principal);
