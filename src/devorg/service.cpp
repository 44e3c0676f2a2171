#include "devorg/service.h"

#include "devorg/app_body.h"
#include "devorg/persistence.h"
#include "devorg/views.h"

namespace devorg {

Service::Service(std::unique_ptr<Org> org, std::unique_ptr<Journal> journal, core::Clock& clock,
                 core::Random& random, ServiceOptions options)
    : org_(std::move(org)),
      journal_(std::move(journal)),
      clock_(clock),
      random_(random),
      search_(options.search_lag) {}

void Service::record(const rest::Call& call, EventType type, boost::json::array targets,
                     boost::json::object debug) {
  const core::WallTime now = clock_.now();
  EventParts parts{.published = now.time_since_epoch().count(),
                   .targets = std::move(targets),
                   .address = std::string(call.http.peer.substr(0, call.http.peer.rfind(':'))),
                   .agent = std::string(call.http.headers.get("user-agent")),
                   .session = "trs" + random_.alphanumeric(22),
                   .uuid = random_.uuid(),
                   .transaction = random_.alphanumeric(24),
                   .debug = std::move(debug)};
  switch (call.caller.kind) {
    case rest::Caller::Kind::client:
      parts.actor = event_entity(call.caller.id, "PublicClientApp", call.caller.id, call.caller.name);
      parts.client_id = call.caller.id;
      break;
    case rest::Caller::Kind::user:
    case rest::Caller::Kind::api_token: {
      const std::uint32_t user = org_->users.find_id(call.caller.id);
      parts.actor = user == kNobody ? event_entity(call.caller.id, "User", call.caller.id, call.caller.name)
                                    : user_target(*org_, user);
      break;
    }
    case rest::Caller::Kind::nobody:
      parts.actor = event_entity("sys", "SystemPrincipal", "system@okta.com", "Okta System");
      break;
  }
  parts.debug["requestId"] = parts.transaction;
  parts.debug["requestUri"] = call.http.path;
  parts.debug["url"] = call.http.target;
  const boost::json::value event = make_event(type, parts);
  journal_->put(kind::kEvent, parts.uuid, event);
  org_->log.append(parts.published, event);
}

void Service::before_user(std::uint32_t user) {
  std::optional<boost::json::object> before;
  if (user < org_->users.size() && !org_->users.at(user).removed)
    before = user_json(*this, user, Links::self);
  search_.remember(Indexed::user, user, std::move(before), now());
}

void Service::before_group(std::uint32_t group) {
  std::optional<boost::json::object> before;
  if (group < org_->groups.size() && !org_->groups[group].removed) before = group_json(*this, group);
  search_.remember(Indexed::group, group, std::move(before), now());
}

void Service::saved_user(std::uint32_t user) {
  journal_->put(kind::kUser, org_->users.at(user).id(), dump_user(*org_, user));
}

void Service::saved_group(std::uint32_t group) {
  journal_->put(kind::kGroup, org_->groups[group].id, dump_group(*org_, group));
}

void Service::saved_group_rule(std::uint32_t rule) {
  journal_->put(kind::kGroupRule, org_->group_rules[rule].id, dump_group_rule(*org_, rule));
}

void Service::saved_member(std::uint32_t group, std::uint32_t user) {
  journal_->put(kind::kMember, org_->groups[group].id + ":" + org_->users.at(user).id(),
                boost::json::value(org_->is_member(group, user)));
}

void Service::saved_app(std::uint32_t app) {
  journal_->put(kind::kApp, org_->apps[app].id, dump_app(*org_, app));
}

void Service::saved_app_user(std::uint32_t app, std::uint32_t user) {
  journal_->put(kind::kAppUser, org_->apps[app].id + ":" + org_->users.at(user).id(),
                dump_app_user(*org_, app, user));
}

void Service::saved_policy(std::uint32_t policy) {
  journal_->put(kind::kPolicy, org_->policies[policy].id, dump_policy(*org_, policy));
}

void Service::saved_schema() {
  journal_->put(kind::kSchema, "user", dump_schema(*org_));
}

}  // namespace devorg
