#include "devorg/event_log.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/json.h"
#include "devorg/event_parts.h"
#include "devorg/names.h"
#include "devorg/org.h"

namespace devorg {

namespace {

// In the order of EventType. Legacy names where one is known, else empty (null in the event).
constexpr std::array kFacts = std::to_array<EventFacts>({
    {"user.session.start", "User login to Okta", "core.user_auth.login_success"},
    {"user.session.end", "User logout from Okta", "core.user_auth.logout_success"},
    {"user.authentication.sso", "User single sign on to app", "app.auth.sso"},
    {"user.authentication.verify", "Verify user identity", ""},
    {"user.lifecycle.create", "Create okta user", "core.user.config.user_creation.success"},
    {"user.lifecycle.activate", "Activate Okta user", "core.user.config.user_activated"},
    {"user.lifecycle.reactivate", "Reactivate Okta user", ""},
    {"user.lifecycle.deactivate", "Deactivate Okta user", "core.user.config.user_deactivated"},
    {"user.lifecycle.suspend", "Suspend okta user", "core.user.config.user_status.suspended"},
    {"user.lifecycle.unsuspend", "Unsuspend okta user", "core.user.config.user_status.unsuspended"},
    {"user.lifecycle.delete.initiated", "Delete okta user", "core.user.config.user_deleted"},
    {"user.account.lock", "Max sign in attempts exceeded", "core.user_auth.account_locked", "WARN"},
    {"user.account.unlock_by_admin", "User account unlock by admin", "core.user.config.account_unlocked"},
    {"user.account.update_profile", "Update user profile for Okta",
     "core.user.config.profile_update.success"},
    {"user.account.update_password", "User update password for Okta",
     "core.user.config.password_update.success"},
    {"user.account.reset_password", "Fired when the user's Okta password is reset",
     "core.user.config.password_reset"},
    {"user.account.expire_password", "Expire user password", "core.user.config.password_expired"},
    {"user.mfa.factor.reset_all", "Reset all factors for user", "core.user.factor.reset_all"},
    {"group.lifecycle.create", "Create Okta group", ""},
    {"group.profile.update", "Okta group profile updated", ""},
    {"group.lifecycle.delete", "Delete Okta group", ""},
    {"group.user_membership.add", "Add user to group membership", "core.user_group_member.user_add"},
    {"group.user_membership.remove", "Remove user from group membership",
     "core.user_group_member.user_remove"},
    {"group.user_membership.rule.trigger", "Trigger group membership rule", ""},
    {"group.user_membership.rule.evaluation", "Evaluate group membership rule", ""},
    {"group.user_membership.rule.trigger", "Trigger group membership rule", ""},
    {"group.user_membership.rule.deactivated", "Deactivate group membership rule", ""},
    {"group.user_membership.rule.invalidate", "Invalidate group membership rule", ""},
    {"group.application_assignment.add", "Add assigned application to group", ""},
    {"group.application_assignment.remove", "Remove assigned application from group", ""},
    {"application.lifecycle.create", "Create application", "app.generic.config.app_created"},
    {"application.lifecycle.update", "Update application", "app.generic.config.app_updated"},
    {"application.lifecycle.activate", "Activate application", "app.generic.config.app_activated"},
    {"application.lifecycle.deactivate", "Deactivate application", "app.generic.config.app_deactivated"},
    {"application.lifecycle.delete", "Delete application", "app.generic.config.app_deleted"},
    {"application.user_membership.add", "Add user to application membership",
     "app.generic.provision.assign_user_to_app"},
    {"application.user_membership.remove", "Remove user's application membership",
     "app.generic.provision.deassign_user_from_app"},
    {"application.user_membership.update", "Update user's application property",
     "app.user_management.update"},
    {"policy.lifecycle.create", "Create policy", ""},
    {"policy.lifecycle.update", "Update policy", ""},
    {"policy.lifecycle.activate", "Activate policy", ""},
    {"policy.lifecycle.deactivate", "Deactivate policy", ""},
    {"policy.lifecycle.delete", "Delete policy", ""},
    {"policy.rule.add", "Add policy rule", ""},
    {"policy.rule.update", "Update policy rule", ""},
    {"policy.rule.activate", "Activate policy rule", ""},
    {"policy.rule.deactivate", "Deactivate policy rule", ""},
    {"policy.rule.delete", "Delete policy rule", ""},
});
static_assert(kFacts.size() == static_cast<std::size_t>(EventType::rule_delete) + 1);

constexpr std::array<std::string_view, 4> kReasons{"INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "LOCKED_OUT",
                                                   "INVALID_CREDENTIALS"};

struct Agent {
  std::string_view raw;
  std::string_view os;
  std::string_view browser;
  std::string_view device;
};
constexpr Agent kAgents[] = {
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/127.0.0.0 "
     "Safari/537.36",
     "Mac OS X", "CHROME", "Computer"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/127.0.0.0 "
     "Safari/537.36 "
     "Edg/127.0.0.0",
     "Windows 10", "EDGE", "Computer"},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Linux", "FIREFOX",
     "Computer"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
     "Version/17.5 "
     "Mobile/15E148 Safari/604.1",
     "iOS 17 (iPhone)", "SAFARI", "Mobile"},
};

std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

std::string uuid_of(std::uint64_t a, std::uint64_t b) {
  return fmt::format("{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}", a >> 32, (a >> 16) & 0xFFFF, a & 0xFFF, b >> 52,
                     b & 0xFFFFFFFFFFFF);
}

boost::json::object place_of(const City& city) {
  return {{"city", city.name},
          {"state", city.state.empty() ? boost::json::value(nullptr) : boost::json::value(city.state)},
          {"country", city.country},
          {"postalCode", city.postal_code},
          {"geolocation", boost::json::object{{"lat", city.latitude}, {"lon", city.longitude}}}};
}

// Documentation addresses (RFC 5737, RFC 3849's sibling for IPv4) and private ones.
std::string address_of(std::uint32_t user, std::uint32_t salt) {
  if (salt % 5 == 0) return fmt::format("203.0.113.{}", 1 + (user + salt) % 254);
  return fmt::format("10.{}.{}.{}", user % 16, (user >> 4) % 256, 1 + (user * 7) % 254);
}

boost::json::object target_of(const Org& org, const EventTarget& target) {
  switch (target.kind) {
    case EventTarget::Kind::user:
      return user_target(org, target.index);
    case EventTarget::Kind::group:
      return group_target(org.groups[target.index]);
    case EventTarget::Kind::app:
      return app_target(org.apps[target.index]);
    case EventTarget::Kind::policy:
      return policy_target(org.policies[target.index]);
    case EventTarget::Kind::none:
      break;
  }
  return {};
}

}  // namespace

const EventFacts& facts(EventType type) {
  return kFacts[static_cast<std::size_t>(type)];
}

boost::json::object event_entity(std::string_view id, std::string_view type, std::string_view alternate_id,
                                 std::string_view display_name) {
  return {{"id", id},
          {"type", type},
          {"alternateId", alternate_id},
          {"displayName", display_name},
          {"detailEntry", nullptr}};
}

boost::json::object user_target(const Org& org, std::uint32_t user) {
  return event_entity(org.users.at(user).id(), "User", org.users.login(user), org.users.display_name(user));
}

boost::json::object group_target(const Group& group) {
  const auto* name = group.profile.if_contains("name");
  return event_entity(group.id, "UserGroup", "unknown",
                      name && name->is_string() ? std::string_view(name->get_string()) : std::string_view{});
}

boost::json::object app_target(const App& app) {
  const auto* label = app.body.if_contains("label");
  const std::string_view shown =
      label && label->is_string() ? std::string_view(label->get_string()) : std::string_view{};
  return event_entity(app.id, "AppInstance", shown, shown);
}

boost::json::object policy_target(const Policy& policy) {
  const auto* name = policy.body.if_contains("name");
  return event_entity(policy.id, "PolicyEntity", "unknown",
                      name && name->is_string() ? std::string_view(name->get_string()) : std::string_view{});
}

boost::json::object make_event(EventType type, const EventParts& parts) {
  const EventFacts& row = facts(type);
  boost::json::value legacy =
      row.legacy.empty() ? boost::json::value(nullptr) : boost::json::value(row.legacy);
  if (type == EventType::user_session_start && parts.result == "FAILURE")
    legacy = "core.user_auth.login_failed";
  boost::json::object request{
      {"ipChain", boost::json::array{boost::json::object{{"ip", parts.address},
                                                         {"geographicalContext", parts.place},
                                                         {"version", "V4"},
                                                         {"source", nullptr}}}}};
  boost::json::object client{
      {"userAgent",
       boost::json::object{{"rawUserAgent", parts.agent}, {"os", parts.os}, {"browser", parts.browser}}},
      {"zone", "null"},
      {"device", parts.device},
      {"id", parts.client_id.empty() ? boost::json::value(nullptr) : boost::json::value(parts.client_id)},
      {"ipAddress", parts.address},
      {"geographicalContext", parts.place}};
  return {
      {"actor", parts.actor},
      {"client", std::move(client)},
      {"device", nullptr},
      {"authenticationContext", boost::json::object{{"authenticationProvider", nullptr},
                                                    {"credentialProvider", nullptr},
                                                    {"credentialType", nullptr},
                                                    {"issuer", nullptr},
                                                    {"interface", nullptr},
                                                    {"authenticationStep", 0},
                                                    {"externalSessionId", parts.session}}},
      {"displayMessage", row.message},
      {"eventType", row.type},
      {"outcome", boost::json::object{{"result", parts.result},
                                      {"reason", parts.reason.empty() ? boost::json::value(nullptr)
                                                                      : boost::json::value(parts.reason)}}},
      {"published", core::to_rfc3339(core::WallTime{std::chrono::milliseconds{parts.published}})},
      {"securityContext", boost::json::object{{"asNumber", nullptr},
                                              {"asOrg", nullptr},
                                              {"isp", nullptr},
                                              {"domain", nullptr},
                                              {"isProxy", nullptr}}},
      {"severity", parts.result == "FAILURE" ? "WARN" : row.severity},
      {"debugContext", boost::json::object{{"debugData", parts.debug}}},
      {"legacyEventType", std::move(legacy)},
      {"transaction",
       boost::json::object{{"type", "WEB"}, {"id", parts.transaction}, {"detail", boost::json::object{}}}},
      {"uuid", parts.uuid},
      {"version", "0"},
      {"request", std::move(request)},
      {"target", parts.targets.empty() ? boost::json::value(nullptr) : boost::json::value(parts.targets)}};
}

void EventLog::sort() {
  std::stable_sort(packed_.begin(), packed_.end(),
                   [](const PackedEvent& a, const PackedEvent& b) { return a.published < b.published; });
}

void EventLog::append(std::int64_t published, const boost::json::value& event) {
  live_.push_back({.published = published,
                   .type = std::string(core::json::string_or_empty(event, "eventType")),
                   .event = core::json::write(event)});
  if (live_.size() <= kLiveEvents) return;
  live_.pop_front();
  ++dropped_;
}

const EventLog::Live& EventLog::live(std::size_t position) const {
  const std::size_t index = position - packed_.size();
  return live_[index < dropped_ ? 0 : index - dropped_];
}

std::int64_t EventLog::published(std::size_t position) const {
  return position < packed_.size() ? packed_[position].published : live(position).published;
}

std::string_view EventLog::type(std::size_t position) const {
  return position < packed_.size() ? facts(packed_[position].type).type
                                   : std::string_view(live(position).type);
}

std::size_t EventLog::first_at(std::int64_t when) const {
  const auto packed =
      std::lower_bound(packed_.begin(), packed_.end(), when,
                       [](const PackedEvent& event, std::int64_t time) { return event.published < time; });
  if (packed != packed_.end()) return static_cast<std::size_t>(packed - packed_.begin());
  const auto live =
      std::lower_bound(live_.begin(), live_.end(), when,
                       [](const Live& event, std::int64_t time) { return event.published < time; });
  return packed_.size() + dropped_ + static_cast<std::size_t>(live - live_.begin());
}

boost::json::object EventLog::read(const Org& org, std::size_t position) const {
  if (position >= packed_.size()) {
    auto event = core::json::parse(live(position).event);
    return event && event->is_object() ? std::move(event->get_object()) : boost::json::object{};
  }
  const PackedEvent& event = packed_[position];
  const City& city = cities()[org.users.at(event.actor).city];
  const Agent& agent = kAgents[(event.actor + event.salt / 97) % std::size(kAgents)];
  const std::uint64_t one = mix(event.salt ^ (static_cast<std::uint64_t>(event.published) << 20));
  const std::uint64_t two = mix(one ^ event.actor);
  EventParts parts{
      .published = event.published,
      .actor = user_target(org, event.actor),
      .result = event.success ? "SUCCESS" : "FAILURE",
      .reason = event.success ? std::string() : std::string(kReasons[event.reason % kReasons.size()]),
      .address = address_of(event.actor, event.salt),
      .agent = std::string(agent.raw),
      .os = std::string(agent.os),
      .browser = std::string(agent.browser),
      .device = std::string(agent.device),
      .place = place_of(city),
      .session = fmt::format("idx{:016x}", mix(two)),
      .uuid = uuid_of(one, two),
      .transaction = fmt::format("{:016x}{:016x}", two, one)};
  for (const auto& target : event.targets)
    if (target.kind != EventTarget::Kind::none) parts.targets.push_back(target_of(org, target));
  parts.debug = {
      {"requestId", parts.transaction},
      {"requestUri", event.type == EventType::user_session_start ? "/idp/idx/identify" : "/api/v1"},
      {"url", event.type == EventType::user_session_start ? "/idp/idx/identify?" : "/api/v1?"}};
  return make_event(event.type, parts);
}

}  // namespace devorg
