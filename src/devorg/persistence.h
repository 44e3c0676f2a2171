// The rows of a data file: what each kind holds, and how it is laid over a generated org.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string_view>

#include "core/result.h"
#include "devorg/org.h"

namespace devorg {

// Loaded in this order, so that a row only names what is there already.
namespace kind {
inline constexpr std::string_view kSchema = "0-schema";
inline constexpr std::string_view kUser = "1-user";
inline constexpr std::string_view kGroup = "2-group";
inline constexpr std::string_view kGroupRule = "3-group-rule";
inline constexpr std::string_view kMember = "4-member";
inline constexpr std::string_view kApp = "5-app";
inline constexpr std::string_view kAppUser = "6-app-user";
inline constexpr std::string_view kPolicy = "7-policy";
inline constexpr std::string_view kEvent = "8-event";
}  // namespace kind

boost::json::value dump_user(const Org& org, std::uint32_t user);
boost::json::value dump_group(const Org& org, std::uint32_t group);  // without members
boost::json::value dump_group_rule(const Org& org, std::uint32_t rule);
boost::json::value dump_app(const Org& org, std::uint32_t app);  // with its groups, without its users
boost::json::value dump_app_user(const Org& org, std::uint32_t app, std::uint32_t user);
boost::json::value dump_policy(const Org& org, std::uint32_t policy);  // with its rules
boost::json::value dump_schema(const Org& org);

// Lays one row over the org. Error devorg.data for a row that does not fit.
core::Status restore(Org& org, std::string_view kind, std::string_view id, const boost::json::value& row);

}  // namespace devorg
