// The JSON of applications and their assignments (operations getApplication, listApplicationUsers ...).
#pragma once

#include <boost/json.hpp>
#include <cstdint>

#include "devorg/service.h"

namespace devorg {

boost::json::object app_json(const Service& service, std::uint32_t app);
// The user must be assigned.
boost::json::object app_user_json(const Service& service, std::uint32_t app, std::uint32_t user);
boost::json::object app_group_json(const Service& service, std::uint32_t app, const AppGroup& assigned);

}  // namespace devorg
