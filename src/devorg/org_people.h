// The registry's store with this org's people in it: the registry knows nobody of its own, whoever is asked
// for by id or login is looked up in the org, as of now. Its events go to the org's System Log as well.
#pragma once

#include <memory>

#include "devorg/service.h"
#include "registry/store.h"

namespace devorg {

// Whose members administer: the org, and the registry in it.
inline constexpr std::string_view kAdministrators = "Okta Administrators";

// `service` outlives it. Takes the org's lock for as long as a look takes, so nobody who holds it may call.
std::unique_ptr<registry::Store> with_people_of(Service& service, std::unique_ptr<registry::Store> store);

}  // namespace devorg
