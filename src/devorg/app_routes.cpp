// Operations listApplications, createApplication, getApplication, replaceApplication, deleteApplication,
// activate and deactivate.
#include <algorithm>
#include <fmt/format.h>

#include "devorg/app_body.h"
#include "devorg/app_view.h"
#include "devorg/routes.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;
using rest::Answer;
using rest::Call;
using rest::Reply;

class LiveApps final : public ListSource {
 public:
  // `asked` are the users that the filter compares user.id with: an app shared by everybody must not list
  // everybody.
  LiveApps(const Service& service, std::vector<std::uint32_t> asked)
      : service_(service), asked_(std::move(asked)) {}
  std::uint32_t size() const override { return static_cast<std::uint32_t>(service_.org().apps.size()); }
  bool exists(std::uint32_t at) const override { return !service_.org().apps[at].removed; }
  std::string id(std::uint32_t at) const override { return service_.org().apps[at].id; }
  std::uint32_t find(std::string_view id) const override {
    const auto& apps = service_.org().apps;
    return static_cast<std::uint32_t>(
        std::find_if(apps.begin(), apps.end(), [&](const App& app) { return app.id == id; }) - apps.begin());
  }
  void collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const override {
    const App& app = service_.org().apps[at];
    const Org& org = service_.org();
    if (path == "id") return out.add_text(app.id);
    // user.id and group.id ask for the assignment.
    if (path == "group.id") {
      for (const auto& assigned : app.groups) out.add_text(org.groups[assigned.group].id);
      return;
    }
    if (path == "user.id") {
      for (const std::uint32_t user : asked_)
        if (org.assignment(app, user) != Org::Assignment::none) out.add_owned_text(org.users.at(user).id());
      return;
    }
    const value* found = nullptr;
    const object* here = &app.body;
    for (std::string_view rest = path; here;) {
      const std::size_t dot = rest.find('.');
      found = here->if_contains(rest.substr(0, dot));
      if (!found || dot == std::string_view::npos) break;
      here = found->if_object();
      rest.remove_prefix(dot + 1);
    }
    if (found) catalogue::JsonSubject(*found).collect("", out);
  }
  object json(std::uint32_t at) const override { return app_json(service_, at); }

 private:
  const Service& service_;
  std::vector<std::uint32_t> asked_;
};

void gather_users(const UserTable& users, const catalogue::FilterNode& node,
                  std::vector<std::uint32_t>& out) {
  for (const auto& child : node.children) gather_users(users, child, out);
  const auto* id = std::get_if<std::string>(&node.value);
  if (node.path != "user.id" || !id) return;
  if (const std::uint32_t user = users.find_id(*id); user != kNobody) out.push_back(user);
}

// Embeds the app user that `expand=user/{userId}` asks for.
class AppsOfUser final : public ListSource {
 public:
  AppsOfUser(const Service& service, const LiveApps& apps, std::uint32_t user)
      : service_(service), apps_(apps), user_(user) {}
  std::uint32_t size() const override { return apps_.size(); }
  bool exists(std::uint32_t at) const override { return apps_.exists(at); }
  std::string id(std::uint32_t at) const override { return apps_.id(at); }
  std::uint32_t find(std::string_view id) const override { return apps_.find(id); }
  void collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const override {
    apps_.collect(at, path, out);
  }
  object json(std::uint32_t at) const override {
    object body = apps_.json(at);
    if (service_.org().assignment(service_.org().apps[at], user_) != Org::Assignment::none)
      body["_embedded"] = object{{"user", app_user_json(service_, at, user_)}};
    return body;
  }

 private:
  const Service& service_;
  const LiveApps& apps_;
  std::uint32_t user_;
};

Answer<Reply> list_apps(Service& service, const Call& call, SortedResults& results) {
  ListQuery query{.base_url = service.base_url(), .shown_limit = 20};
  ASSIGN_OR_RETURN(query.page, rest::read_page(call, {.default_limit = 20, .maximum = 200}));
  const std::string expand = call.query_value("expand");
  std::uint32_t expanded = kNobody;
  if (!expand.empty()) {
    const std::string_view user_id = std::string_view(expand).substr(std::min<std::size_t>(5, expand.size()));
    if (!expand.starts_with("user/") || user_id.find_first_of("/,") != std::string_view::npos)
      return rest::refuse(rest::validation_failed("RequestParams", {"Expand query is malformed."}));
    expanded = service.org().users.find_id(user_id);
    if (expanded == kNobody) return rest::refuse(rest::not_found(user_id, "User"));
  }
  const std::string filter_text = call.query_value("filter");
  std::optional<catalogue::BoundFilter> filter;
  if (!filter_text.empty()) {
    ASSIGN_OR_RETURN(filter, read_filter(filter_text, catalogue::apps_filter()));
  }
  std::vector<std::uint32_t> asked;
  if (filter) gather_users(service.org().users, filter->root(), asked);
  const LiveApps apps(service, std::move(asked));
  const std::string folded = catalogue::fold_case(call.query_value("q"));
  query.keep = [&](std::uint32_t at) {
    const object& body = service.org().apps[at].body;
    if (filter && !filter->matches(SourceSubject(apps, at))) return false;
    return folded.empty() || catalogue::fold_case(rest::string_at(body, "label")).starts_with(folded) ||
           catalogue::fold_case(rest::string_at(body, "name")).starts_with(folded);
  };
  if (expanded != kNobody) return list_page(call, AppsOfUser(service, apps, expanded), query, results);
  return list_page(call, apps, query, results);
}

constexpr std::string_view kModes[] = {"AUTO_LOGIN",     "BASIC_AUTH", "BOOKMARK", "BROWSER_PLUGIN",
                                       "OPENID_CONNECT", "SAML_1_1",   "SAML_2_0", "SECURE_PASSWORD_STORE",
                                       "WS_FEDERATION"};

Answer<std::string> sign_on_mode(const object& body) {
  const std::string_view given = rest::string_at(body, "signOnMode");
  if (given.empty()) {
    const std::string_view name = rest::string_at(body, "name");
    for (const auto mode : kModes)
      if (!name.empty() && default_app_name(mode) == name) return std::string(mode);
    if (!name.empty()) return std::string("SAML_2_0");  // an app of the catalogue chooses its own
    return rest::refuse(
        rest::validation_failed("signOnMode", {"signOnMode: The field cannot be left blank"}));
  }
  if (std::find(std::begin(kModes), std::end(kModes), given) == std::end(kModes))
    return rest::refuse(
        rest::validation_failed("signOnMode", {fmt::format("signOnMode: '{}' is not valid", given)}));
  return std::string(given);
}

// Labels need not be unique.
Answer<bool> check_label(std::string_view label) {
  if (label.empty())
    return rest::refuse(rest::validation_failed("label", {"label: The field cannot be left blank"}));
  if (label.size() > 100)
    return rest::refuse(
        rest::validation_failed("label", {"label: String is too long (maximum 100 characters)"}));
  return true;
}

Answer<bool> check_settings(const object& body, std::string_view mode) {
  const object* settings = rest::object_at(body, "settings");
  const object* app = settings ? rest::object_at(*settings, "app") : nullptr;
  const object* client = settings ? rest::object_at(*settings, "oauthClient") : nullptr;
  std::vector<rest::Cause> causes;
  if (mode == "BOOKMARK" && (!app || rest::string_at(*app, "url").empty()))
    causes.emplace_back("url: The field cannot be left blank");
  if (mode == "OPENID_CONNECT") {
    if (!client) causes.emplace_back("oauthClient: The field cannot be left blank");
    const auto* grants = client ? client->if_contains("grant_types") : nullptr;
    if (client && (!grants || !grants->is_array() || grants->get_array().empty()))
      causes.emplace_back("'grant_types' must contain at least one value");
  }
  if (causes.empty()) return true;
  return rest::refuse(rest::validation_failed("settings", std::move(causes)));
}

Answer<Reply> create_app(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  ASSIGN_OR_RETURN(const bool activate, rest::read_flag(call, "activate", true));
  ASSIGN_OR_RETURN(const auto mode, sign_on_mode(body));
  const std::string_view label = rest::string_at(body, "label");
  RETURN_IF_ERROR(check_label(label));
  RETURN_IF_ERROR(check_settings(body, mode));

  App app{.id = service.random().okta_id("0oa")};
  std::string name(rest::string_at(body, "name"));
  if (name.empty()) name = default_app_name(mode);
  if (name.empty()) name = fmt::format("{}_{}_1", service.org().id.substr(3, 8), "customapp");
  value merged = make_app_body({.id = app.id,
                                .org_id = service.org().id,
                                .name = name,
                                .label = label,
                                .sign_on_mode = mode,
                                .url = "",
                                .active = activate,
                                .created = service.now_seconds(),
                                .secret = service.random().alphanumeric(64),
                                .key_id = service.random().alphanumeric(43)});
  // What the caller says wins over the defaults; what only Okta decides is put back.
  object given = body;
  for (const auto key :
       {"id", "orn", "status", "created", "lastUpdated", "_links", "_embedded", "name", "signOnMode"})
    given.erase(key);
  rest::merge_patch(merged, given);
  app.body = std::move(merged.get_object());
  const object* credentials = rest::object_at(app.body, "credentials");
  const object* client = credentials ? rest::object_at(*credentials, "oauthClient") : nullptr;
  // Clients that prove themselves by a key, or not at all, have no secret (createApplication).
  if (client) {
    const std::string_view method = rest::string_at(*client, "token_endpoint_auth_method");
    if (method == "none" || method == "private_key_jwt")
      app.body["credentials"].get_object()["oauthClient"].get_object().erase("client_secret");
  }
  const auto index = static_cast<std::uint32_t>(service.org().apps.size());
  service.org().add_app(std::move(app));
  service.record(call, EventType::app_create, {app_target(service.org().apps[index])});
  if (activate) service.record(call, EventType::app_activate, {app_target(service.org().apps[index])});
  service.saved_app(index);
  return rest::json_reply(app_json(service, index));
}

Answer<Reply> get_app(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto app, find_app(service, call.param(0)));
  return rest::json_reply(app_json(service, app));
}

// PUT replaces label, settings, credentials, visibility and the rest; what the definition fixes stays.
Answer<Reply> replace_app(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  App& app = service.org().apps[index];
  const std::string mode(rest::string_at(app.body, "signOnMode"));
  if (const auto given = rest::string_at(body, "signOnMode"); !given.empty() && given != mode)
    return rest::refuse(
        rest::validation_failed("signOnMode", {"signOnMode: The sign-on mode cannot be changed"}));
  RETURN_IF_ERROR(check_label(rest::string_at(body, "label")));
  RETURN_IF_ERROR(check_settings(body, mode));
  const object before = app.body;
  value fresh = make_app_body({.id = app.id,
                               .org_id = service.org().id,
                               .name = rest::string_at(before, "name"),
                               .label = rest::string_at(body, "label"),
                               .sign_on_mode = mode,
                               .url = ""});
  object given = body;
  for (const auto key :
       {"id", "orn", "status", "created", "lastUpdated", "_links", "_embedded", "name", "signOnMode"})
    given.erase(key);
  rest::merge_patch(fresh, given);
  object& next = fresh.get_object();
  for (const auto key : {"orn", "name", "status", "created", "signOnMode"}) next[key] = before.at(key);
  next["lastUpdated"] = okta_time(service.now_seconds());
  // client_id, secret and signing key are issued, not set.
  if (const object* old_credentials = rest::object_at(before, "credentials")) {
    object& credentials = next["credentials"].is_object() ? next["credentials"].get_object()
                                                          : next["credentials"].emplace_object();
    if (const auto* signing = old_credentials->if_contains("signing")) credentials["signing"] = *signing;
    if (const object* client = rest::object_at(*old_credentials, "oauthClient")) {
      object& now = credentials["oauthClient"].is_object() ? credentials["oauthClient"].get_object()
                                                           : credentials["oauthClient"].emplace_object();
      for (const auto key : {"client_id", "client_secret"})
        if (const auto* issued = client->if_contains(key)) now[key] = *issued;
    }
  }
  app.body = std::move(next);
  service.record(call, EventType::app_update, {app_target(app)});
  service.saved_app(index);
  return rest::json_reply(app_json(service, index));
}

Answer<Reply> delete_app(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  App& app = service.org().apps[index];
  if (rest::string_at(app.body, "status") == "ACTIVE")
    return rest::refuse(rest::other(403, "E0000056", "Delete application forbidden.",
                                    {"The application must be deactivated before deletion."}));
  const auto target = app_target(app);
  app.removed = true;
  app.users.clear();
  app.groups.clear();
  service.record(call, EventType::app_delete, {target});
  service.saved_app(index);
  return rest::no_content();
}

Answer<Reply> set_status(Service& service, const Call& call, bool active) {
  ASSIGN_OR_RETURN(const auto index, find_app(service, call.param(0)));
  App& app = service.org().apps[index];
  const std::string_view wanted = active ? "ACTIVE" : "INACTIVE";
  if (rest::string_at(app.body, "status") != wanted) {
    app.body["status"] = wanted;
    app.body["lastUpdated"] = okta_time(service.now_seconds());
    service.record(call, active ? EventType::app_activate : EventType::app_deactivate, {app_target(app)});
    service.saved_app(index);
  }
  return rest::json_reply(object{});
}

}  // namespace

Answer<std::uint32_t> find_app(const Service& service, std::string_view id) {
  const std::uint32_t app = service.org().find_app(id);
  if (app == kNone) return rest::refuse(rest::not_found(id, "AppInstance"));
  return app;
}

void add_app_routes(rest::Router& router, Service& service, SortedResults& results) {
  using net::Method;
  const RoutesBelow add(router, service, "/api/v1/apps");
  router.add({.method = Method::get,
              .path = "/api/v1/apps",
              .operation = "listApplications",
              .handler = [&](const Call& call) { return list_apps(service, call, results); }});
  add(Method::post, "", "createApplication", create_app);
  add(Method::get, "/{appId}", "getApplication", get_app);
  add(Method::put, "/{appId}", "replaceApplication", replace_app);
  add(Method::delete_, "/{appId}", "deleteApplication", delete_app);
  add(Method::post, "/{appId}/lifecycle/activate", "activateApplication",
      [](Service& s, const Call& call) { return set_status(s, call, true); });
  add(Method::post, "/{appId}/lifecycle/deactivate", "deactivateApplication",
      [](Service& s, const Call& call) { return set_status(s, call, false); });
}

}  // namespace devorg
