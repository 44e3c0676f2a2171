// What each list of Okta's lets its filter and search expressions name: one row per property, taken from the
// parameter descriptions of the OpenAPI operations listUsers, listGroups, listApplications and listLogEvents.
#include <array>

#include "catalogue/scim_filter.h"

namespace catalogue {

namespace {

constexpr OperatorSet kEquals = bit(Operator::eq);
constexpr OperatorSet kOrder = bit(Operator::gt) | bit(Operator::ge) | bit(Operator::lt) | bit(Operator::le);
constexpr OperatorSet kPresent = bit(Operator::pr);
constexpr OperatorSet kStarts = bit(Operator::sw);
constexpr OperatorSet kContains = bit(Operator::co);
constexpr OperatorSet kAll =
    kEquals | kOrder | kPresent | kStarts | kContains | bit(Operator::ne) | bit(Operator::ew);

// `ne` is refused everywhere in users search; `co` works on four profile attributes; lastLogin and
// passwordChanged are not indexed.
constexpr OperatorSet kSearchText = kEquals | kStarts | kPresent | kOrder;
constexpr std::array<FilterProperty, 12> kUsersSearch{{
    {"id", kSearchText, FilterType::text},
    {"status", kSearchText, FilterType::text},
    {"created", kEquals | kOrder | kPresent, FilterType::time},
    {"activated", kEquals | kOrder | kPresent, FilterType::time},
    {"statusChanged", kEquals | kOrder | kPresent, FilterType::time},
    {"lastUpdated", kEquals | kOrder | kPresent, FilterType::time},
    {"type.id", kSearchText, FilterType::text},
    {"profile.firstName", kSearchText | kContains, FilterType::text},
    {"profile.lastName", kSearchText | kContains, FilterType::text},
    {"profile.email", kSearchText | kContains, FilterType::text},
    {"profile.login", kSearchText | kContains, FilterType::text},
    {"profile.*", kSearchText, FilterType::any},
}};

constexpr std::array<FilterProperty, 7> kUsersFilter{{
    {"status", kEquals, FilterType::text},
    {"lastUpdated", kEquals | kOrder, FilterType::time},
    {"id", kEquals, FilterType::text},
    {"profile.login", kEquals, FilterType::text},
    {"profile.email", kEquals, FilterType::text},
    {"profile.firstName", kEquals, FilterType::text},
    {"profile.lastName", kEquals, FilterType::text},
}};

constexpr std::array<FilterProperty, 9> kGroupsSearch{{
    {"id", kEquals | kStarts, FilterType::text},
    {"type", kEquals | kStarts, FilterType::text},
    {"created", kEquals | kOrder, FilterType::time},
    {"lastUpdated", kEquals | kOrder, FilterType::time},
    {"lastMembershipUpdated", kEquals | kOrder, FilterType::time},
    {"source.id", kEquals | kStarts, FilterType::text},
    {"profile.name", kEquals | kStarts | kContains, FilterType::text},
    {"profile.description", kEquals | kStarts | kContains, FilterType::text},
    {"profile.*", kEquals | kStarts, FilterType::any},
}};

constexpr std::array<FilterProperty, 4> kGroupsFilter{{
    {"id", kEquals, FilterType::text},
    {"type", kEquals, FilterType::text},
    {"lastUpdated", kEquals | kOrder, FilterType::time},
    {"lastMembershipUpdated", kEquals | kOrder, FilterType::time},
}};

// user.id is what `expand=user/{userId}` requires; group.id is its older sibling.
constexpr std::array<FilterProperty, 7> kAppsFilter{{
    {"id", kEquals, FilterType::text},
    {"status", kEquals, FilterType::text},
    {"credentials.signing.kid", kEquals, FilterType::text},
    {"settings.slo.enabled", kEquals, FilterType::boolean},
    {"name", kEquals, FilterType::text},
    {"user.id", kEquals, FilterType::text},
    {"group.id", kEquals, FilterType::text},
}};

constexpr std::array<FilterProperty, 16> kLogsFilter{{
    {"uuid", kAll, FilterType::text},
    {"published", kEquals | kOrder | kPresent | bit(Operator::ne), FilterType::time},
    {"eventType", kAll, FilterType::text},
    {"legacyEventType", kAll, FilterType::text},
    {"version", kAll, FilterType::text},
    {"severity", kAll, FilterType::text},
    {"displayMessage", kAll, FilterType::text},
    {"actor.*", kAll, FilterType::any},
    {"client.*", kAll, FilterType::any},
    {"outcome.*", kAll, FilterType::text},
    {"target.*", kAll, FilterType::any},
    {"transaction.*", kAll, FilterType::any},
    {"debugContext.debugData.*", kAll, FilterType::any},
    {"authenticationContext.*", kAll, FilterType::any},
    {"securityContext.*", kAll, FilterType::any},
    {"request.*", kAll, FilterType::any},
}};

constexpr FilterCapabilities kLists[] = {
    {.name = "users search", .properties = kUsersSearch, .negation = false, .ignores_case = true},
    {.name = "users filter", .properties = kUsersFilter, .negation = false, .ignores_case = false},
    {.name = "groups search", .properties = kGroupsSearch, .negation = false, .ignores_case = true},
    {.name = "groups filter", .properties = kGroupsFilter, .negation = false, .ignores_case = false},
    {.name = "apps filter", .properties = kAppsFilter, .negation = false, .ignores_case = false},
    {.name = "logs filter", .properties = kLogsFilter, .negation = true, .ignores_case = true},
};

}  // namespace

const FilterCapabilities& users_search() {
  return kLists[0];
}
const FilterCapabilities& users_filter() {
  return kLists[1];
}
const FilterCapabilities& groups_search() {
  return kLists[2];
}
const FilterCapabilities& groups_filter() {
  return kLists[3];
}
const FilterCapabilities& apps_filter() {
  return kLists[4];
}
const FilterCapabilities& logs_filter() {
  return kLists[5];
}

}  // namespace catalogue
