// The JSON of an application as Okta answers it (schema Application), for generated apps and for defaults of
// new ones.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "devorg/user.h"

namespace devorg {

struct AppSeed {
  std::string_view id;
  std::string_view org_id;
  std::string_view name;
  std::string_view label;
  std::string_view sign_on_mode;
  std::string_view url;  // where it lives; may be empty
  bool active = true;
  Seconds created = 0;
  std::string secret;  // client_secret of an OIDC app
  std::string key_id;  // credentials.signing.kid
};

// Without _links, which depend on the status and the origin.
boost::json::object make_app_body(const AppSeed& seed);

// Which app definition a sign-on mode gets when a request names none.
std::string_view default_app_name(std::string_view sign_on_mode);

std::string okta_time(Seconds seconds);

}  // namespace devorg
