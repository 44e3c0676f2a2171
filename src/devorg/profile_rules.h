// What a user's or a group's profile may hold: Okta's base attributes and the org's custom ones.
#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "devorg/org.h"
#include "rest/problem.h"

namespace devorg {

struct BaseAttribute {
  std::string_view name;
  std::string_view title;
  bool required = false;
  int min_length = 0;
  int max_length = 0;  // 0: no limit of its own
  std::string_view format;
  bool self_writable = false;  // whether users may change their own
};
// The thirty-one attributes of Okta's default user profile, in the order of its schema.
std::span<const BaseAttribute> base_user_attributes();

// Checks a whole profile before it is stored. E0000001 in the words of Okta: "Api validation failed: login"
// with all causes, or "newUser"/"user" for an attribute that is not in the schema.
rest::Answer<bool> check_user_profile(const Org& org, const boost::json::object& profile, bool is_new);
rest::Answer<bool> check_group_profile(const Org& org, const boost::json::object& profile);

// Drops nulls, but keeps the two attributes that Okta shows as null, in the order Okta writes them.
boost::json::object normalise_user_profile(boost::json::object profile);

// E0000001 "password" when it breaks the default password policy: 8 characters, lower, upper, digit, no part
// of the login.
rest::Answer<bool> check_password(std::string_view password, std::string_view login);

}  // namespace devorg
