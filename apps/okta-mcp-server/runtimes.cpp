#include "runtimes.h"

#include <algorithm>

#include "state.h"

namespace {

std::vector<std::unique_ptr<Runtime>> make_runtimes(
    const Configuration& configuration, const std::function<SignInListener(const Settings&)>& listener_for) {
  std::vector<std::unique_ptr<Runtime>> runtimes;
  runtimes.reserve(configuration.orgs.size());
  const auto state = open_state(configuration.standard());  // a setting of the whole program
  for (const auto& settings : configuration.orgs) {
    runtimes.push_back(
        std::make_unique<Runtime>(settings, listener_for(settings), RuntimeParts{.state = state}));
  }
  return runtimes;
}

admin::Orgs name_orgs(const Configuration& configuration,
                      const std::vector<std::unique_ptr<Runtime>>& runtimes) {
  std::vector<admin::Orgs::Named> orgs;
  orgs.reserve(runtimes.size());
  for (std::size_t i = 0; i < runtimes.size(); ++i) {
    orgs.push_back({configuration.orgs[i].org_name, &runtimes[i]->services()});
  }
  return {std::move(orgs), configuration.default_org};
}

}  // namespace

bool needs_no_person(const Settings& settings) {
  return !settings.api_token.empty() || !settings.private_key.empty();
}

Runtimes::Runtimes(const Configuration& configuration,
                   const std::function<SignInListener(const Settings&)>& listener_for)
    : configuration_(configuration),
      runtimes_(make_runtimes(configuration, listener_for)),
      orgs_(name_orgs(configuration, runtimes_)) {}

Runtime& Runtimes::of(const admin::Services& services) {
  auto found =
      std::ranges::find_if(runtimes_, [&](const auto& runtime) { return &runtime->services() == &services; });
  return **found;
}

void Runtimes::begin_sign_in(const std::stop_token& stop) {
  runtimes_[configuration_.default_org]->begin_sign_in(stop);
  for (std::size_t i = 0; i < runtimes_.size(); ++i) {
    if (i != configuration_.default_org && needs_no_person(configuration_.orgs[i])) {
      runtimes_[i]->begin_sign_in(stop);
    }
  }
}
