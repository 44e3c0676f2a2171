// What the routes of people share.
#pragma once

#include <string>

#include "core/json.h"
#include "core/result.h"
#include "registry/person.h"
#include "registry/service.h"
#include "rest/router.h"

namespace registry {

// As Okta shows users and identity providers. A provider's secret is shown to nobody.
core::json::Object view_of(const Service& service, const Person& person);
core::json::Object view_of(const Service& service, const IdentityProvider& provider);

// The person of that id, login, or "me" for who calls. Error registry.NOT_FOUND.
core::Result<Person> required_person(Reader& reader, const rest::Call& call, std::string_view id_or_login);

void add_identity_provider_routes(rest::Router& router, const Service& service);

}  // namespace registry
