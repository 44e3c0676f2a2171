// Operations listGroups, addGroup, getGroup, replaceGroup, deleteGroup and what hangs below a group.
#include <algorithm>

#include "devorg/app_view.h"
#include "devorg/profile_rules.h"
#include "devorg/routes.h"
#include "devorg/views.h"
#include "rest/body.h"

namespace devorg {

namespace {

using boost::json::array;
using boost::json::object;
using rest::Answer;
using rest::Call;
using rest::Reply;

class LiveGroups : public ListSource {
 public:
  LiveGroups(const Service& service, std::string expand) : service_(service), expand_(std::move(expand)) {}
  std::uint32_t size() const override { return static_cast<std::uint32_t>(service_.org().groups.size()); }
  bool exists(std::uint32_t at) const override { return !service_.org().groups[at].removed; }
  std::string id(std::uint32_t at) const override { return service_.org().groups[at].id; }
  std::uint32_t find(std::string_view id) const override {
    const auto& groups = service_.org().groups;
    return static_cast<std::uint32_t>(
        std::find_if(groups.begin(), groups.end(), [&](const Group& group) { return group.id == id; }) -
        groups.begin());
  }
  void collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const override {
    const Group& group = service_.org().groups[at];
    if (path == "id") return out.add_text(group.id);
    if (path == "type") return out.add_text(group.type);
    if (path == "created") return out.add_time(std::int64_t{group.created} * 1000);
    if (path == "lastUpdated") return out.add_time(std::int64_t{group.last_updated} * 1000);
    if (path == "lastMembershipUpdated")
      return out.add_time(std::int64_t{group.last_membership_updated} * 1000);
    if (path == "source.id" && !group.source_app.empty()) return out.add_text(group.source_app);
    if (path.starts_with("profile."))
      if (const auto* value = group.profile.if_contains(path.substr(8)))
        catalogue::JsonSubject(*value).collect("", out);
  }
  object json(std::uint32_t at) const override { return group_json(service_, at, expand_); }

 protected:
  const Service& service_;
  std::string expand_;
};

// Groups as `search` sees them, behind the lag.
class IndexedGroups final : public LiveGroups {
 public:
  IndexedGroups(const Service& service, std::string expand)
      : LiveGroups(service, std::move(expand)), now_(service.now()) {}
  bool exists(std::uint32_t at) const override {
    const auto* old = service_.search().stale(Indexed::group, at, now_);
    return old ? old->before.has_value() : LiveGroups::exists(at);
  }
  void collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const override {
    const auto* old = service_.search().stale(Indexed::group, at, now_);
    if (!old) return LiveGroups::collect(at, path, out);
    const std::size_t dot = path.find('.');
    const auto* member = old->before->if_contains(path.substr(0, dot));
    if (member && dot != std::string_view::npos && member->is_object())
      member = member->get_object().if_contains(path.substr(dot + 1));
    if (member) catalogue::JsonSubject(*member).collect("", out);
  }
  object json(std::uint32_t at) const override {
    const auto* old = service_.search().stale(Indexed::group, at, now_);
    return old && old->before ? *old->before : LiveGroups::json(at);
  }

 private:
  core::WallTime now_;
};

Answer<Reply> list_groups(Service& service, const Call& call, SortedResults& results) {
  const std::string search = call.query_value("search");
  const std::string filter_text = call.query_value("filter");
  const std::string q = call.query_value("q");
  if (!search.empty() && !filter_text.empty())
    return rest::refuse(rest::other(
        400, "E0000033", "Bad request. Can't specify a search query and filter in the same request."));
  ListQuery query{.base_url = service.base_url(), .shown_limit = q.empty() ? 10'000u : 300u};
  ASSIGN_OR_RETURN(query.page,
                   rest::read_page(call, {.default_limit = query.shown_limit, .maximum = 10'000}));
  const LiveGroups live(service, call.query_value("expand"));
  if (!search.empty()) {
    const IndexedGroups indexed(service, call.query_value("expand"));
    ASSIGN_OR_RETURN(const auto filter, read_filter(search, catalogue::groups_search()));
    query.keep = [&](std::uint32_t at) { return filter.matches(SourceSubject(indexed, at)); };
    query.search = "groups " + search;
    query.version = service.search().version(service.now());
    query.sort_by = call.query_value("sortBy");
    if (!query.sort_by.empty()) {
      const auto* property = catalogue::find_property(catalogue::groups_search(), query.sort_by);
      if (!property)
        return rest::refuse(rest::invalid_search("sortBy does not support '" + query.sort_by + "'."));
      query.sort_type = property->type;
      query.descending = catalogue::fold_case(call.query_value("sortOrder")) == "desc";
    }
    return list_page(call, indexed, query, results);
  }
  std::optional<catalogue::BoundFilter> filter;
  if (!filter_text.empty()) {
    ASSIGN_OR_RETURN(filter, read_filter(filter_text, catalogue::groups_filter()));
  }
  const std::string folded = catalogue::fold_case(q);
  // "You can't page a query" (listGroups, q).
  if (!q.empty()) {
    query.has_next = false;
    query.page.after.clear();
  }
  query.keep = [&](std::uint32_t at) {
    if (filter && !filter->matches(SourceSubject(live, at))) return false;
    return folded.empty() || catalogue::fold_case(rest::string_at(service.org().groups[at].profile, "name"))
                                 .starts_with(folded);
  };
  return list_page(call, live, query, results);
}

Answer<object> read_group_profile(const Service& service, const Call& call, std::uint32_t self) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  const object* given = rest::object_at(body, "profile");
  object profile = given ? *given : object{};
  RETURN_IF_ERROR(check_group_profile(service.org(), profile));
  const std::uint32_t owner = service.org().find_group_name(rest::string_at(profile, "name"));
  if (owner != kNone && owner != self && service.org().groups[owner].type == "OKTA_GROUP")
    return rest::refuse(rest::validation_failed(
        "name", {"name: An object with this field already exists in the current organization"}));
  // Okta always shows the description.
  object out{{"name", profile["name"]},
             {"description", profile.contains("description") ? profile["description"] : nullptr}};
  for (const auto& member : profile)
    if (!member.value().is_null()) out[member.key()] = member.value();
  return out;
}

Answer<Reply> add_group(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(auto profile, read_group_profile(service, call, kNone));
  const Seconds now = service.now_seconds();
  Group group{.id = service.random().okta_id("00g"), .profile = std::move(profile)};
  group.created = group.last_updated = group.last_membership_updated = now;
  const auto index = static_cast<std::uint32_t>(service.org().groups.size());
  service.before_group(index);
  service.org().add_group(std::move(group));
  service.record(call, EventType::group_create, {group_target(service.org().groups[index])});
  service.saved_group(index);
  return rest::json_reply(group_json(service, index));
}

Answer<Reply> get_group(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto group, find_group(service, call.param(0)));
  return rest::json_reply(group_json(service, group, call.query_value("expand")));
}

// Built-in and imported groups cannot be changed here.
Answer<std::uint32_t> find_own_group(const Service& service, std::string_view id) {
  ASSIGN_OR_RETURN(const auto group, find_group(service, id));
  if (service.org().groups[group].everyone)
    return rest::refuse(rest::other(501, "E0000060", "Unsupported operation."));
  if (service.org().groups[group].type != "OKTA_GROUP") return rest::refuse(rest::access_denied());
  return group;
}

Answer<Reply> replace_group(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto group, find_own_group(service, call.param(0)));
  ASSIGN_OR_RETURN(auto profile, read_group_profile(service, call, group));
  service.before_group(group);
  Group& record = service.org().groups[group];
  record.profile = std::move(profile);
  record.last_updated = service.now_seconds();
  service.record(call, EventType::group_update, {group_target(record)});
  service.saved_group(group);
  return rest::json_reply(group_json(service, group));
}

Answer<Reply> delete_group(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto group, find_own_group(service, call.param(0)));
  service.before_group(group);
  Org& org = service.org();
  org.groups[group].removed = true;
  org.groups[group].members.clear();
  for (std::uint32_t i = 0; i < org.apps.size(); ++i) {
    const auto removed =
        std::erase_if(org.apps[i].groups, [&](const AppGroup& assigned) { return assigned.group == group; });
    if (removed > 0) service.saved_app(i);
  }
  service.record(call, EventType::group_delete, {group_target(org.groups[group])});
  service.saved_group(group);
  return rest::no_content();
}

Answer<Reply> list_members(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto group, find_group(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto page, rest::read_page(call, {.default_limit = 1000, .maximum = 1000}));
  const Org& org = service.org();
  std::uint32_t at = 0;
  if (!page.after.empty()) {
    const std::uint32_t last = org.users.find_id(page.after.substr(1));
    if (!page.after.starts_with('2') || last == kNobody) return rest::refuse(rest::invalid_cursor());
    at = last + 1;
  }
  array body;
  std::uint32_t last = 0;
  for (at = org.next_member(group, at); at != kNobody && body.size() < page.limit;
       at = org.next_member(group, at + 1)) {
    body.push_back(user_json(service, at, Links::self));
    last = at;
  }
  Reply reply = rest::json_reply(body);
  rest::add_links(reply, call, service.base_url(), 1000, at == kNobody ? "" : "2" + org.users.at(last).id());
  return reply;
}

Answer<Reply> put_member(Service& service, const Call& call, bool member) {
  ASSIGN_OR_RETURN(const auto group, find_own_group(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto user, find_user(service, call, call.param(1)));
  // A second add and a remove of somebody who is no member change nothing and are no error
  // (assignUserToGroup).
  if (service.org().is_member(group, user) != member) change_membership(service, call, group, user, member);
  return rest::no_content();
}

Answer<Reply> list_group_apps(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto group, find_group(service, call.param(0)));
  ASSIGN_OR_RETURN(const auto page, rest::read_page(call, {.default_limit = 20, .maximum = 200}));
  const Org& org = service.org();
  std::uint32_t at = 0;
  if (!page.after.empty()) {
    at = org.find_app(page.after);
    if (at == kNone) return rest::refuse(rest::invalid_cursor());
    ++at;
  }
  array body;
  std::string last;
  std::string next;
  for (; at < org.apps.size(); ++at) {
    const App& app = org.apps[at];
    const bool assigned = std::any_of(app.groups.begin(), app.groups.end(),
                                      [&](const AppGroup& entry) { return entry.group == group; });
    if (app.removed || !assigned) continue;
    if (body.size() == page.limit) {
      next = last;
      break;
    }
    body.push_back(app_json(service, at));
    last = app.id;
  }
  Reply reply = rest::json_reply(body);
  rest::add_links(reply, call, service.base_url(), 20, next);
  return reply;
}

}  // namespace

Answer<std::uint32_t> find_group(const Service& service, std::string_view id) {
  const std::uint32_t group = service.org().find_group(id);
  if (group == kNone) return rest::refuse(rest::not_found(id, "UserGroup"));
  return group;
}

void change_membership(Service& service, const Call& call, std::uint32_t group, std::uint32_t user,
                       bool member) {
  Org& org = service.org();
  if (org.is_member(group, user) == member) return;
  service.before_group(group);
  if (member) {
    org.add_member(group, user);
  } else {
    org.remove_member(group, user);
  }
  org.groups[group].last_membership_updated = service.now_seconds();
  service.record(call, member ? EventType::group_member_add : EventType::group_member_remove,
                 {user_target(org, user), group_target(org.groups[group])});
  service.saved_member(group, user);
  service.saved_group(group);
}

void add_group_routes(rest::Router& router, Service& service, SortedResults& results) {
  using net::Method;
  const RoutesBelow add(router, service, "/api/v1/groups");
  router.add({.method = Method::get,
              .path = "/api/v1/groups",
              .operation = "listGroups",
              .handler = [&](const Call& call) { return list_groups(service, call, results); }});
  add(Method::post, "", "addGroup", add_group);
  add(Method::get, "/{groupId}", "getGroup", get_group);
  add(Method::put, "/{groupId}", "replaceGroup", replace_group);
  add(Method::delete_, "/{groupId}", "deleteGroup", delete_group);
  add(Method::get, "/{groupId}/users", "listGroupUsers", list_members);
  add(Method::put, "/{groupId}/users/{userId}", "assignUserToGroup",
      [](Service& s, const Call& call) { return put_member(s, call, true); });
  add(Method::delete_, "/{groupId}/users/{userId}", "unassignUserFromGroup",
      [](Service& s, const Call& call) { return put_member(s, call, false); });
  add(Method::get, "/{groupId}/apps", "listAssignedApplicationsForGroup", list_group_apps);
}

}  // namespace devorg
