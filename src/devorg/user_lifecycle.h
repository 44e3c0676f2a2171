// The states of a user and how one leads to another: one table (docs: Okta, "User status").
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "devorg/service.h"
#include "devorg/user.h"
#include "rest/problem.h"

namespace devorg {

enum class UserAction : std::uint8_t {
  activate,
  reactivate,
  deactivate,
  suspend,
  unsuspend,
  unlock,
  expire_password,
  reset_password,
};
std::string_view to_string(UserAction action);

struct UserTransition {
  UserAction action;
  UserStatus from;
  std::optional<bool> has_password;  // the row counts only for users with (or without) one
  UserStatus to;
};
std::span<const UserTransition> user_transitions();

// Where an action leads; nullopt when it is not allowed in this status.
std::optional<UserStatus> next_status(UserAction action, UserStatus from, bool has_password);
// What Okta answers when it is not.
rest::Problem refusal(UserAction action);

// Carries an action out: status, time stamps, System Log, journal, and for a deactivation the app
// assignments.
rest::Answer<UserStatus> apply(Service& service, const rest::Call& call, std::uint32_t user,
                               UserAction action);

}  // namespace devorg
