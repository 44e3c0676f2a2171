#include "devorg/user_lifecycle.h"

#include <array>

#include "devorg/routes.h"
#include "devorg/views.h"
#include "rest/body.h"

namespace devorg {

namespace {

using enum UserAction;
using enum UserStatus;

// Operations activateUser, reactivateUser, deactivateUser, suspendUser, unsuspendUser, unlockUser,
// expirePassword and resetPassword, each with the statuses its description allows.
constexpr std::array kTransitions = std::to_array<UserTransition>({
    {activate, staged, true, active},
    {activate, staged, false, provisioned},
    {activate, deprovisioned, std::nullopt, provisioned},
    {reactivate, provisioned, std::nullopt, provisioned},
    {reactivate, recovery, std::nullopt, provisioned},
    {deactivate, staged, std::nullopt, deprovisioned},
    {deactivate, provisioned, std::nullopt, deprovisioned},
    {deactivate, active, std::nullopt, deprovisioned},
    {deactivate, recovery, std::nullopt, deprovisioned},
    {deactivate, password_expired, std::nullopt, deprovisioned},
    {deactivate, locked_out, std::nullopt, deprovisioned},
    {deactivate, suspended, std::nullopt, deprovisioned},
    {suspend, active, std::nullopt, suspended},
    {unsuspend, suspended, std::nullopt, active},
    {unlock, locked_out, std::nullopt, active},
    {expire_password, active, std::nullopt, password_expired},
    {expire_password, recovery, std::nullopt, password_expired},
    {expire_password, password_expired, std::nullopt, password_expired},
    {expire_password, locked_out, std::nullopt, password_expired},
    {reset_password, active, std::nullopt, recovery},
    {reset_password, recovery, std::nullopt, recovery},
    {reset_password, password_expired, std::nullopt, recovery},
    {reset_password, locked_out, std::nullopt, recovery},
});

EventType event_of(UserAction action) {
  switch (action) {
    case activate:
      return EventType::user_activate;
    case reactivate:
      return EventType::user_reactivate;
    case deactivate:
      return EventType::user_deactivate;
    case suspend:
      return EventType::user_suspend;
    case unsuspend:
      return EventType::user_unsuspend;
    case unlock:
      return EventType::user_unlock;
    case expire_password:
      return EventType::user_expire_password;
    case reset_password:
      return EventType::user_reset_password;
  }
  return EventType::user_update_profile;
}

// "The user is deprovisioned from all assigned apps" (deactivateUser); groups are kept.
void drop_assignments(Service& service, const rest::Call& call, std::uint32_t user) {
  Org& org = service.org();
  for (std::uint32_t i = 0; i < org.apps.size(); ++i) {
    if (org.apps[i].users.erase(user) == 0) continue;
    service.saved_app_user(i, user);
    service.record(call, EventType::app_user_remove, {user_target(org, user), app_target(org.apps[i])});
  }
}

using Reply = rest::Reply;
using Call = rest::Call;

// A lifecycle route that answers {} or what `answer` makes of the new state.
template <class Answer>
rest::Handler lifecycle(Service& service, UserAction action, Answer answer) {
  return [&service, action, answer](const Call& call) -> rest::Answer<Reply> {
    ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(0)));
    ASSIGN_OR_RETURN(const bool send_email, rest::read_flag(call, "sendEmail", true));
    RETURN_IF_ERROR(apply(service, call, user, action));
    return rest::json_reply(answer(service, user, send_email));
  };
}

boost::json::value nothing(Service&, std::uint32_t, bool) {
  return boost::json::object{};
}

boost::json::value activation(Service& service, std::uint32_t, bool send_email) {
  if (send_email) return boost::json::object{};
  const std::string token = service.random().alphanumeric(20);
  return boost::json::object{{"activationUrl", service.url("/welcome/" + token)}, {"activationToken", token}};
}

boost::json::value reset_link(Service& service, std::uint32_t, bool send_email) {
  if (send_email) return boost::json::object{};
  return boost::json::object{
      {"resetPasswordUrl", service.url("/reset_password/" + service.random().alphanumeric(20))}};
}

boost::json::value whole_user(Service& service, std::uint32_t user, bool) {
  return user_json(service, user, Links::all);
}

boost::json::value temporary_password(Service& service, std::uint32_t, bool) {
  return boost::json::object{{"tempPassword", service.random().alphanumeric(12)}};
}

}  // namespace

std::string_view to_string(UserAction action) {
  constexpr std::array<std::string_view, 8> kNames{"activate",        "reactivate",    "deactivate",
                                                   "suspend",         "unsuspend",     "unlock",
                                                   "expire_password", "reset_password"};
  return kNames[static_cast<std::size_t>(action)];
}

std::span<const UserTransition> user_transitions() {
  return kTransitions;
}

std::optional<UserStatus> next_status(UserAction action, UserStatus from, bool has_password) {
  for (const auto& row : kTransitions)
    if (row.action == action && row.from == from && row.has_password.value_or(has_password) == has_password)
      return row.to;
  return std::nullopt;
}

rest::Problem refusal(UserAction action) {
  switch (action) {
    case activate:
      return rest::other(403, "E0000016", "Activation failed because the user is already active");
    case suspend:
      return rest::validation_failed("Cannot suspend a user that is not active",
                                     {"Cannot suspend a user that is not active"});
    case unsuspend:
      return rest::validation_failed("Cannot unsuspend a user that is not suspended",
                                     {"Cannot unsuspend a user that is not suspended"});
    case unlock:
      return rest::other(403, "E0000032", "Unlock is not allowed for this user.",
                         {"The user is not locked out."});
    case reactivate:
    case deactivate:
    case expire_password:
    case reset_password:
      break;
  }
  return rest::other(403, "E0000038", "This operation is not allowed in the user's current status.");
}

rest::Answer<UserStatus> apply(Service& service, const rest::Call& call, std::uint32_t user,
                               UserAction action) {
  Org& org = service.org();
  const auto to = next_status(action, org.users.at(user).status, org.users.at(user).has_password);
  if (!to) return rest::refuse(refusal(action));

  service.before_user(user);
  User& record = org.users.edit(user);
  const Seconds now = service.now_seconds();
  if (record.status != *to) record.status_changed = now;
  record.status = *to;
  record.last_updated = now;
  if (action == activate && record.activated == 0) record.activated = now;
  if (action == deactivate) {
    // Credentials do not survive: whoever comes back sets a new password.
    record.has_password = false;
    record.password_changed = 0;
    drop_assignments(service, call, user);
  }
  service.record(call, event_of(action), {user_target(org, user)});
  service.saved_user(user);
  return *to;
}

void add_user_lifecycle_routes(rest::Router& router, Service& service) {
  const auto post = [&](std::string path, std::string operation, rest::Handler handler) {
    router.add({.method = net::Method::post,
                .path = "/api/v1/users/{id}/lifecycle/" + std::move(path),
                .operation = std::move(operation),
                .handler = std::move(handler),
                .changes = true});
  };
  post("activate", "activateUser", lifecycle(service, activate, activation));
  post("reactivate", "reactivateUser", lifecycle(service, reactivate, activation));
  post("deactivate", "deactivateUser", lifecycle(service, deactivate, nothing));
  post("suspend", "suspendUser", lifecycle(service, suspend, nothing));
  post("unsuspend", "unsuspendUser", lifecycle(service, unsuspend, nothing));
  post("unlock", "unlockUser", lifecycle(service, unlock, nothing));
  post("expire_password", "expirePassword", lifecycle(service, expire_password, whole_user));
  post("expire_password_with_temp_password", "expirePasswordWithTempPassword",
       lifecycle(service, expire_password, temporary_password));
  post("reset_password", "resetPassword", lifecycle(service, reset_password, reset_link));
  post("reset_factors", "resetFactors", [&service](const Call& call) -> rest::Answer<Reply> {
    ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(0)));
    if (service.org().users.at(user).status == deprovisioned) return rest::refuse(refusal(reset_password));
    service.record(call, EventType::user_reset_factors, {user_target(service.org(), user)});
    return rest::json_reply(boost::json::object{});
  });
}

}  // namespace devorg
