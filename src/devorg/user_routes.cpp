// Operations listUsers, createUser, getUser, updateUser, replaceUser, deleteUser and what hangs below a user.
#include <algorithm>
#include <fmt/format.h>

#include "devorg/app_body.h"
#include "devorg/profile_rules.h"
#include "devorg/routes.h"
#include "devorg/user_lifecycle.h"
#include "devorg/user_list.h"
#include "devorg/views.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using rest::Answer;
using rest::Call;
using rest::Reply;

// What a request says about credentials (schema UserCredentialsWritable).
struct Credentials {
  std::string password;
  bool has_password = false;
  std::string question;
  std::string provider_type;
  std::string provider_name;
};

Answer<Credentials> read_credentials(const object& body, std::string_view login) {
  Credentials out;
  const object* credentials = rest::object_at(body, "credentials");
  if (!credentials) return out;
  if (const object* password = rest::object_at(*credentials, "password")) {
    if (const auto text = rest::string_at(*password, "value"); password->contains("value")) {
      RETURN_IF_ERROR(check_password(text, login));
      out.password = std::string(text);
      out.has_password = true;
    }
    // An imported hash or a password hook counts as a password; its value is never kept.
    out.has_password = out.has_password || password->contains("hash") || password->contains("hook");
  }
  if (const object* question = rest::object_at(*credentials, "recovery_question")) {
    out.question = std::string(rest::string_at(*question, "question"));
    if (!out.question.empty() && rest::string_at(*question, "answer").size() < 4)
      return rest::refuse(rest::validation_failed(
          "recovery_question",
          {"recovery_question: The security question answer must be at least 4 characters in "
           "length"}));
  }
  if (const object* provider = rest::object_at(*credentials, "provider")) {
    out.provider_type = std::string(rest::string_at(*provider, "type"));
    out.provider_name = std::string(rest::string_at(*provider, "name"));
  }
  return out;
}

void store_credentials(Service& service, std::uint32_t user, const Credentials& credentials) {
  User& record = service.org().users.edit(user);
  UserOverlay& overlay = service.org().users.overlay(user);
  if (credentials.has_password) {
    record.has_password = true;
    record.password_changed = service.now_seconds();
  }
  if (!credentials.question.empty()) overlay.recovery_question = credentials.question;
  if (!credentials.provider_type.empty()) {
    overlay.provider_type = credentials.provider_type;
    overlay.provider_name =
        credentials.provider_name.empty() ? credentials.provider_type : credentials.provider_name;
  }
}

Answer<bool> check_login_free(const Service& service, std::string_view login, std::uint32_t self) {
  const std::uint32_t owner = service.org().users.find_login(login);
  if (owner == kNobody || owner == self) return true;
  return rest::refuse(rest::validation_failed(
      "login", {"login: An object with this field already exists in the current organization"}));
}

Answer<std::vector<std::uint32_t>> read_groups(const Service& service, const object& body) {
  std::vector<std::uint32_t> groups;
  const auto* ids = body.if_contains("groupIds");
  if (!ids || ids->is_null()) return groups;
  if (!ids->is_array()) return rest::refuse(rest::malformed_body());
  for (const auto& id : ids->get_array()) {
    if (!id.is_string()) return rest::refuse(rest::malformed_body());
    ASSIGN_OR_RETURN(const auto group, find_group(service, std::string_view(id.get_string())));
    const Group& found = service.org().groups[group];
    if (found.type != "OKTA_GROUP") return rest::refuse(rest::access_denied());
    groups.push_back(group);
  }
  return groups;
}

// The status a new user begins with (createUser: "User creation scenarios").
Answer<UserStatus> first_status(const Call& call, const Credentials& credentials) {
  ASSIGN_OR_RETURN(const bool activate, rest::read_flag(call, "activate", true));
  ASSIGN_OR_RETURN(const bool provider, rest::read_flag(call, "provider", false));
  const std::string next_login = call.query_value("nextLogin");
  if (!next_login.empty() && next_login != "changePassword")
    return rest::refuse(rest::validation_failed("nextLogin", {"nextLogin: must be changePassword"}));
  if (!next_login.empty() && !activate)
    return rest::refuse(
        rest::other(400, "E0000125",
                    "Could not create user. To create a user and expire their password immediately, "
                    "\"activate\" must be true"));
  if (!next_login.empty() && !credentials.has_password)
    return rest::refuse(
        rest::other(400, "E0000124",
                    "Could not create user. To create a user and expire their password immediately, a "
                    "password must be specified"));
  if (!activate) return UserStatus::staged;
  if (!next_login.empty()) return UserStatus::password_expired;
  if (credentials.has_password || provider) return UserStatus::active;
  return UserStatus::provisioned;
}

Answer<Reply> create_user(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  const object* given = rest::object_at(body, "profile");
  object profile = given ? *given : object{};
  RETURN_IF_ERROR(check_user_profile(service.org(), profile, true));
  const std::string login(rest::string_at(profile, "login"));
  ASSIGN_OR_RETURN(const auto credentials, read_credentials(body, login));
  ASSIGN_OR_RETURN(const auto status, first_status(call, credentials));
  RETURN_IF_ERROR(check_login_free(service, login, kNobody));
  ASSIGN_OR_RETURN(const auto groups, read_groups(service, body));

  const Seconds now = service.now_seconds();
  User user{.status = status};
  const std::string id = service.random().okta_id("00u");
  std::copy(id.begin() + 3, id.end(), user.id_tail.begin());
  user.created = user.last_updated = now;
  if (status != UserStatus::staged) user.activated = user.status_changed = now;
  user.overlay = std::make_unique<UserOverlay>();
  user.overlay->profile = normalise_user_profile(std::move(profile));

  const auto index = static_cast<std::uint32_t>(service.org().users.size());
  service.before_user(index);
  service.org().add_user(std::move(user));
  store_credentials(service, index, credentials);
  service.record(call, EventType::user_create, {user_target(service.org(), index)});
  if (status != UserStatus::staged)
    service.record(call, EventType::user_activate, {user_target(service.org(), index)});
  service.saved_user(index);
  for (const std::uint32_t group : groups) change_membership(service, call, group, index, true);
  apply_group_rules(service, call, index);
  Reply reply = rest::json_reply(user_json(service, index, Links::all));
  reply.headers.set("etag", user_etag(service, index));
  return reply;
}

Answer<Reply> get_user(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(0)));
  object body = user_json(service, user, Links::all);
  if (const std::string expand = call.query_value("expand"); expand.find("blocks") != std::string::npos)
    body["_embedded"] = object{{"blocks", array{}}};
  Reply reply = rest::json_reply(body);
  reply.headers.set("etag", user_etag(service, user));
  return reply;
}

// updateUser merges, replaceUser takes the profile as it comes.
Answer<Reply> change_user(Service& service, const Call& call, bool replace) {
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(0)));
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  RETURN_IF_ERROR(rest::check_if_match(call, user_etag(service, user)));
  Org& org = service.org();
  if (org.users.at(user).status == UserStatus::deprovisioned)
    return rest::refuse(
        rest::other(403, "E0000038", "This operation is not allowed in the user's current status."));
  const object* type = rest::object_at(body, "type");
  if (type && !replace && rest::string_at(*type, "id") != org.user_type_id)
    return rest::refuse(
        rest::validation_failed("type", {"type: The user type cannot be changed by a partial update"}));
  if (type && replace && rest::string_at(*type, "id") != org.user_type_id)
    return rest::refuse(rest::not_found(rest::string_at(*type, "id"), "CVDType"));

  const object* given = rest::object_at(body, "profile");
  object profile = org.users.profile(user);
  if (replace && (given || !body.contains("credentials"))) profile = given ? *given : object{};
  if (!replace && given)
    for (const auto& member : *given) profile[member.key()] = member.value();
  RETURN_IF_ERROR(check_user_profile(org, profile, false));
  const std::string login(rest::string_at(profile, "login"));
  RETURN_IF_ERROR(check_login_free(service, login, user));
  ASSIGN_OR_RETURN(const auto credentials, read_credentials(body, login));

  service.before_user(user);
  if (given || (replace && !body.contains("credentials"))) {
    org.users.set_profile(user, normalise_user_profile(std::move(profile)));
    service.record(call, EventType::user_update_profile, {user_target(org, user)});
  }
  store_credentials(service, user, credentials);
  if (credentials.has_password)
    service.record(call, EventType::user_update_password, {user_target(org, user)});
  org.users.edit(user).last_updated = service.now_seconds();
  service.saved_user(user);
  apply_group_rules(service, call, user);
  Reply reply = rest::json_reply(user_json(service, user, Links::all));
  reply.headers.set("etag", user_etag(service, user));
  return reply;
}

// "This operation on a user that hasn't been deactivated causes that user to be deactivated. A second delete
// operation is required to delete the user." (deleteUser)
Answer<Reply> delete_user(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(0)));
  Org& org = service.org();
  if (org.users.at(user).status != UserStatus::deprovisioned) {
    RETURN_IF_ERROR(apply(service, call, user, UserAction::deactivate));
    return rest::no_content();
  }
  service.before_user(user);
  const auto target = user_target(org, user);
  org.erase_user(user);
  service.record(call, EventType::user_delete, {target});
  service.saved_user(user);
  return rest::no_content();
}

Answer<Reply> list_user_groups(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(0)));
  array body;
  for (const std::uint32_t group : service.org().groups_of(user)) body.push_back(group_json(service, group));
  Reply reply = rest::json_reply(body);
  rest::add_links(reply, call, service.base_url(), 200, "");
  return reply;
}

// One link an app that the user may open (listAppLinks).
Answer<Reply> list_app_links(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(0)));
  const Org& org = service.org();
  array body;
  int sort_order = 0;
  for (const auto& app : org.apps) {
    if (app.removed || rest::string_at(app.body, "status") != "ACTIVE" ||
        org.assignment(app, user) == Org::Assignment::none)
      continue;
    const std::string_view name = rest::string_at(app.body, "name");
    body.push_back(object{{"id", org.users.at(user).id()},
                          {"label", rest::string_at(app.body, "label")},
                          {"linkUrl", service.url(fmt::format("/home/{}/{}/link", name, app.id))},
                          {"logoUrl", service.url("/assets/img/logos/default.png")},
                          {"appName", name},
                          {"appInstanceId", app.id},
                          {"appAssignmentId", fmt::format("0ua{}", org.users.at(user).id().substr(3))},
                          {"credentialsSetup", false},
                          {"hidden", false},
                          {"sortOrder", sort_order++}});
  }
  return rest::json_reply(body);
}

Answer<Reply> clear_sessions(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(0)));
  service.record(call, EventType::user_session_end, {user_target(service.org(), user)});
  return rest::no_content();
}

}  // namespace

Answer<std::uint32_t> find_user(const Service& service, const Call& call, std::string_view key) {
  // "me" is the user behind the token; a client without a user has none (getUser).
  const std::string_view wanted = key == "me" ? std::string_view(call.caller.id) : key;
  const std::uint32_t user = service.org().users.resolve(wanted);
  if (user == kNobody || (key == "me" && call.caller.kind == rest::Caller::Kind::client))
    return rest::refuse(rest::not_found(key, "User"));
  return user;
}

void add_user_routes(rest::Router& router, Service& service, SortedResults& results) {
  using net::Method;
  const RoutesBelow add(router, service, "/api/v1/users");
  router.add({.method = Method::get,
              .path = "/api/v1/users",
              .operation = "listUsers",
              .handler = [&](const Call& call) { return list_users(service, call, results); }});
  add(Method::post, "", "createUser", create_user);
  add(Method::get, "/{id}", "getUser", get_user);
  add(Method::post, "/{id}", "updateUser",
      [](Service& s, const Call& call) { return change_user(s, call, false); });
  add(Method::put, "/{id}", "replaceUser",
      [](Service& s, const Call& call) { return change_user(s, call, true); });
  add(Method::delete_, "/{id}", "deleteUser", delete_user);
  add(Method::get, "/{id}/groups", "listUserGroups", list_user_groups);
  add(Method::get, "/{id}/appLinks", "listAppLinks", list_app_links);
  add(Method::delete_, "/{userId}/sessions", "revokeUserSessions", clear_sessions);
}

}  // namespace devorg
