// How a LogEvent (Okta operation listLogEvents) is put together, for generated and for live events alike.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "devorg/event_log.h"
#include "devorg/org.h"

namespace devorg {

struct EventParts {
  std::int64_t published = 0;  // Unix milliseconds
  boost::json::object actor;
  boost::json::array targets;
  std::string result = "SUCCESS";
  std::string reason;
  std::string address = "127.0.0.1";
  std::string agent;
  std::string os = "Unknown";
  std::string browser = "UNKNOWN";
  std::string device = "Unknown";
  std::string client_id;  // of an OAuth client
  boost::json::value place = nullptr;
  std::string session = "unknown";
  std::string uuid;
  std::string transaction;
  boost::json::object debug;
};

boost::json::object make_event(EventType type, const EventParts& parts);

// An actor or a target.
boost::json::object event_entity(std::string_view id, std::string_view type, std::string_view alternate_id,
                                 std::string_view display_name);
boost::json::object user_target(const Org& org, std::uint32_t user);
boost::json::object group_target(const Group& group);
boost::json::object app_target(const App& app);
boost::json::object policy_target(const Policy& policy);

}  // namespace devorg
