// The JSON of users and groups as Okta answers it (operations getUser, listUsers, getGroup).
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>

#include "devorg/service.h"

namespace devorg {

// Lists carry the self link only; a single user also carries what may be done with it in its status.
enum class Links { self, all };

boost::json::object user_json(const Service& service, std::uint32_t user, Links links);
// Okta's ETag of a user.
std::string user_etag(const Service& service, std::uint32_t user);

// `expand` is the query parameter: "stats" and "app" add _embedded.
boost::json::object group_json(const Service& service, std::uint32_t group, std::string_view expand = {});
boost::json::object group_rule_json(const GroupRule& rule);

// A time, or null for 0.
boost::json::value time_or_null(Seconds seconds);

}  // namespace devorg
