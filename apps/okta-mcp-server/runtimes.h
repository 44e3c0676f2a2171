// One Runtime for each configured org. Nothing is shared between them but the state (state.h), whose audit
// log and plans name the org, and whose logins are kept by org, client and grant.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "admin/orgs.h"
#include "configuration.h"
#include "runtime.h"

// Signs in with a key or an API token.
bool needs_no_person(const Settings& settings);

class Runtimes {
 public:
  // `configuration` outlives this. `listener_for` is asked once for each org, by its settings.
  Runtimes(const Configuration& configuration,
           const std::function<SignInListener(const Settings&)>& listener_for);

  // What tools work on.
  const admin::Orgs& orgs() const { return orgs_; }
  // The one whose services these are.
  Runtime& of(const admin::Services& services);
  // Signs in to the default org, and to every other that needs no person for it: nobody wants three browser
  // windows at start. The others sign in when a tool first needs them.
  void begin_sign_in(const std::stop_token& stop);

 private:
  const Configuration& configuration_;
  std::vector<std::unique_ptr<Runtime>> runtimes_;  // in the configuration's order
  admin::Orgs orgs_;
};
