// The state of the local org: users, groups, apps, policies, System Log. Plain data with the few operations
// that keep it consistent; what requests may do with it is the routes' business. Not thread-safe: Service
// holds the lock (shared for reading, exclusive for changes).
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "devorg/event_log.h"
#include "devorg/user_table.h"

namespace devorg {

struct Group {
  std::string id;                   // "00g..."
  std::string type = "OKTA_GROUP";  // OKTA_GROUP, APP_GROUP, BUILT_IN
  boost::json::object profile;
  std::string source_app;  // of an APP_GROUP
  Seconds created = 0;
  Seconds last_updated = 0;
  Seconds last_membership_updated = 0;
  bool everyone = false;               // every user there is; `members` stays empty
  std::vector<std::uint32_t> members;  // sorted user indexes
  bool removed = false;
};

struct GroupRule {
  std::string id;  // "0pr..."
  boost::json::object body;
  bool removed = false;
};

struct AppUser {
  Seconds created = 0;
  Seconds last_updated = 0;
  std::string user_name;
  boost::json::object profile;
};

struct AppGroup {
  std::uint32_t group = 0;
  int priority = 0;
  Seconds last_updated = 0;
  boost::json::object profile;
};

struct App {
  std::string id;                          // "0oa..."
  boost::json::object body;                // without id and _links
  std::map<std::uint32_t, AppUser> users;  // assigned one by one; group assignments are derived
  std::vector<AppGroup> groups;            // by priority
  bool removed = false;
};

struct PolicyRule {
  std::string id;
  boost::json::object body;  // without id and _links
};

struct Policy {
  std::string id;
  boost::json::object body;  // without id and _links
  std::vector<PolicyRule> rules;
  bool removed = false;
};

inline constexpr std::uint32_t kNone = 0xFFFFFFFF;

class Org {
 public:
  // Identity of the org itself.
  std::string id;              // "00o..."
  std::string user_type_id;    // "oty...", of the default user type
  std::string user_schema_id;  // "osc..."
  core::WallTime started{};    // what "now" was when the data was generated
  std::uint32_t admin = 0;     // the user behind the API token

  UserTable users;
  std::vector<Group> groups;
  std::vector<GroupRule> group_rules;
  std::vector<App> apps;
  std::vector<Policy> policies;
  std::map<std::string, boost::json::object, std::less<>> custom_user_attributes;   // schema, by name
  std::map<std::string, boost::json::object, std::less<>> custom_group_attributes;  // schema, by name
  EventLog log;

  // Positions by id; kNone when there is none (or it was removed).
  std::uint32_t find_group(std::string_view group_id) const;
  std::uint32_t find_group_name(std::string_view name) const;
  std::uint32_t find_group_rule(std::string_view rule_id) const;
  std::uint32_t find_app(std::string_view app_id) const;
  std::uint32_t find_policy(std::string_view policy_id) const;
  void add_group(Group group);
  void add_app(App app);
  void add_policy(Policy policy);

  bool is_member(std::uint32_t group, std::uint32_t user) const;
  // False when nothing changed.
  bool add_member(std::uint32_t group, std::uint32_t user);
  bool remove_member(std::uint32_t group, std::uint32_t user);
  std::size_t member_count(std::uint32_t group) const;
  // The first member at or after `from` (a user index); kNobody at the end.
  std::uint32_t next_member(std::uint32_t group, std::uint32_t from) const;
  std::vector<std::uint32_t> groups_of(std::uint32_t user) const;

  // How an app is assigned to a user: directly, through a group, or not at all.
  enum class Assignment { none, user, group };
  Assignment assignment(const App& app, std::uint32_t user) const;
  // The first assigned user at or after `from`; kNobody at the end.
  std::uint32_t next_app_user(const App& app, std::uint32_t from) const;

  std::size_t live_users() const { return live_users_; }
  std::uint32_t add_user(User user);
  // Deletes for good, with memberships and assignments.
  void erase_user(std::uint32_t user);

 private:
  std::map<std::string, std::uint32_t, std::less<>> group_index_;
  std::map<std::string, std::uint32_t, std::less<>> app_index_;
  std::map<std::string, std::uint32_t, std::less<>> policy_index_;
  std::size_t live_users_ = 0;
};

}  // namespace devorg
