#include "insight/inactive_users.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>

namespace insight {
namespace {

namespace json = core::json;

constexpr int kMaxDays = 3'650;
constexpr std::int64_t kPageSize = 200;  // listUsers allows no more

constexpr std::array<std::string_view, 4> kMembers = {"id", "status", "created", "lastLogin"};
constexpr std::array<std::string_view, 6> kProfile = {"login",    "email",      "firstName",
                                                      "lastName", "department", "manager"};

template <std::size_t N>
void copy_members(const json::Value& from, const std::array<std::string_view, N>& names, json::Object& to) {
  if (!from.is_object()) return;
  for (std::string_view name : names) {
    if (const json::Value* value = from.get_object().if_contains(name)) to[name] = *value;
  }
}

json::Object row_of(const json::Value& user) {
  json::Object row, profile;
  copy_members(user, kMembers, row);
  if (const json::Value* all = json::find(user, "profile")) copy_members(*all, kProfile, profile);
  row["profile"] = std::move(profile);
  return row;
}

// The search index lags behind writes, and a filter cannot say `created`: each user is looked at again.
void judge(const json::Value& user, InactiveUsers& found, std::size_t max_rows) {
  if (json::string_or_empty(user, "status") != "ACTIVE") return;
  auto created = core::parse_rfc3339(json::string_or_empty(user, "created"));
  if (!created) {
    ++found.unreadable;
    return;
  }
  if (*created >= found.cut_off) return;
  const json::Value* last = json::find(user, "lastLogin");
  if (!last || last->is_null()) {
    ++found.never_logged_in;
  } else {
    auto login = core::parse_rfc3339(json::string_or_empty(user, "lastLogin"));
    if (!login) {
      ++found.unreadable;
      return;
    }
    if (*login >= found.cut_off) return;
    ++found.logged_in_before;
  }
  if (found.rows.size() < max_rows) found.rows.push_back(row_of(user));
}

core::Status read_all(const core::Context& context, okta::Org& org, net::Query query, std::size_t max_rows,
                      InactiveUsers& found) {
  okta::Pages pages(org, "/api/v1/users", std::move(query), {.limit = kPageSize});
  for (;;) {
    if (context.cancelled()) {
      return core::fail(core::ErrorKind::cancelled, "core.cancelled",
                        fmt::format("The report was stopped after {} users.", found.read));
    }
    ASSIGN_OR_RETURN(auto page, pages.next(context));
    if (!page) return {};
    for (const auto& user : *page) judge(user, found, max_rows);
    found.read += static_cast<std::int64_t>(page->size());
    context.progress(static_cast<double>(found.read), std::nullopt,
                     fmt::format("{} users read, {} inactive", found.read, found.total()));
  }
}

// E0000031 is Okta's "Invalid search criteria".
bool search_refused(const core::Error& error) {
  return error.upstream && error.upstream->code == "E0000031";
}

}  // namespace

core::Result<InactiveUsers> find_inactive_users(const core::Context& context, okta::Org& org,
                                                core::WallTime now, const InactiveUsersOptions& options) {
  if (options.days < 1 || options.days > kMaxDays) {
    return core::fail(core::ErrorKind::invalid_input, "insight.days",
                      fmt::format("{} days cannot be reported on.", options.days),
                      fmt::format("Ask for 1 to {} days.", kMaxDays));
  }
  InactiveUsers found;
  found.now = now;
  found.cut_off = now - std::chrono::days{options.days};
  const std::string search =
      fmt::format("status eq \"ACTIVE\" and created lt \"{}\"", core::to_rfc3339(found.cut_off));
  auto status = read_all(context, org, {{"search", search}}, options.max_rows, found);
  if (!status && found.read == 0 && search_refused(status.error())) {
    found.searched = false;
    status = read_all(context, org, {{"filter", "status eq \"ACTIVE\""}}, options.max_rows, found);
  }
  if (!status) return std::unexpected(std::move(status).error());
  return found;
}

}  // namespace insight
