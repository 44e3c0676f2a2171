// The System Log. Generated history is packed (a year of a large org must fit in memory) and turned into
// Okta's LogEvent when it is read; what happens at run time is kept as the JSON it was when it happened.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"

namespace devorg {

class Org;

// Rows of the table in event_log.cpp: eventType, displayMessage, legacyEventType, severity.
enum class EventType : std::uint8_t {
  user_session_start,
  user_session_end,
  user_authentication_sso,
  user_authentication_verify,
  user_create,
  user_activate,
  user_reactivate,
  user_deactivate,
  user_suspend,
  user_unsuspend,
  user_delete,
  user_lock,
  user_unlock,
  user_update_profile,
  user_update_password,
  user_reset_password,
  user_expire_password,
  user_reset_factors,
  group_create,
  group_update,
  group_delete,
  group_member_add,
  group_member_remove,
  group_rule_create,
  group_rule_update,
  group_rule_activate,
  group_rule_deactivate,
  group_rule_delete,
  group_app_add,
  group_app_remove,
  app_create,
  app_update,
  app_activate,
  app_deactivate,
  app_delete,
  app_user_add,
  app_user_remove,
  app_user_update,
  policy_create,
  policy_update,
  policy_activate,
  policy_deactivate,
  policy_delete,
  rule_add,
  rule_update,
  rule_activate,
  rule_deactivate,
  rule_delete,
};

struct EventFacts {
  std::string_view type;     // "user.session.start", from Okta's event type catalogue
  std::string_view message;  // displayMessage
  std::string_view legacy;   // legacyEventType
  std::string_view severity = "INFO";
};
const EventFacts& facts(EventType type);

struct EventTarget {
  enum class Kind : std::uint8_t { none, user, group, app, policy } kind = Kind::none;
  std::uint32_t index = 0;
};

// One generated event: 40 bytes.
struct PackedEvent {
  std::int64_t published = 0;  // Unix milliseconds
  EventType type = EventType::user_session_start;
  bool success = true;
  std::uint8_t reason = 0;  // into the reasons of failure
  std::uint32_t actor = 0;  // user index
  std::uint32_t salt = 0;   // address, agent, session and uuid come from it
  EventTarget targets[2];
};

class EventLog {
 public:
  // Generated events, any order; sort() puts them by time.
  void add(PackedEvent event) { packed_.push_back(event); }
  void sort();
  // Something that happened now; `event` is a whole LogEvent. At most kLiveEvents of these are kept, the
  // latest.
  void append(std::int64_t published, const boost::json::value& event);
  static constexpr std::size_t kLiveEvents = 250'000;

  // Positions count through the generated events, then the others: both are in order of time.
  std::size_t size() const { return packed_.size() + dropped_ + live_.size(); }
  // False where there never was an event, and where it is no longer kept.
  bool has(std::size_t position) const {
    return position < packed_.size() || (position >= packed_.size() + dropped_ && position < size());
  }
  // Of a position that has(); otherwise what stands nearest to it.
  std::int64_t published(std::size_t position) const;
  boost::json::object read(const Org& org, std::size_t position) const;
  // The event type, without building the event.
  std::string_view type(std::size_t position) const;
  // The first position published at or after the time.
  std::size_t first_at(std::int64_t published) const;

 private:
  // Serialised: a third of what the parsed object takes.
  struct Live {
    std::int64_t published = 0;
    std::string type;
    std::string event;
  };
  const Live& live(std::size_t position) const;

  std::vector<PackedEvent> packed_;
  std::deque<Live> live_;
  std::size_t dropped_ = 0;  // live events that are no longer kept; positions go on counting them
};

}  // namespace devorg
