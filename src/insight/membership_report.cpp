#include "insight/membership_report.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <optional>
#include <unordered_map>

#include "core/json.h"

namespace insight {
namespace {

namespace json = core::json;

constexpr std::int64_t kPageSize = 1'000;  // listLogEvents allows no more
constexpr std::size_t kMaxTypes = 1'000;

// Which event types tell of a change, and of what. The first row that fits decides.
struct Rule {
  std::string_view event;  // ends in "." for all that begin so
  std::optional<ChangeKind> kind;
};

// Okta's event type catalogue. Rows without a kind stand under a prefix below but change nothing.
constexpr Rule kRules[] = {
    {"application.user_membership.show_password", std::nullopt},
    {"group.user_membership.rule.error", std::nullopt},
    {"group.user_membership.rule.evaluation", std::nullopt},
    {"group.user_membership.rule.trigger", std::nullopt},
    {"policy.rule.action.execute", std::nullopt},
    {"user.lifecycle.jit.error.read_only", std::nullopt},
    {"group.user_membership.", ChangeKind::membership},
    {"user.lifecycle.", ChangeKind::user},
    {"user.account.privilege.", ChangeKind::user},
    {"application.user_membership.", ChangeKind::user},
    {"group.privilege.", ChangeKind::other},
    {"group.lifecycle.", ChangeKind::other},
    {"group.profile.", ChangeKind::other},
    {"group.application_assignment.", ChangeKind::other},
    {"iam.role.", ChangeKind::other},
    {"iam.resourceset.", ChangeKind::other},
    {"policy.lifecycle.", ChangeKind::other},
    {"policy.rule.", ChangeKind::other},
};

std::optional<ChangeKind> kind_of(std::string_view event) {
  for (const Rule& rule : kRules) {
    const bool fits = rule.event.ends_with('.') ? event.starts_with(rule.event) : event == rule.event;
    if (fits) return rule.kind;
  }
  return std::nullopt;
}

// One request for all of them: the prefixes of the table, as the System Log's filter says them.
std::string filter() {
  std::vector<std::string> parts;
  for (const Rule& rule : kRules) {
    if (rule.kind) parts.push_back(fmt::format("eventType sw \"{}\"", rule.event));
  }
  return fmt::format("{}", fmt::join(parts, " or "));
}

// What a person knows an actor or a target by.
std::string name_of(const json::Value& entity) {
  for (std::string_view member : {"alternateId", "displayName", "id"}) {
    std::string_view name = json::string_or_empty(entity, member);
    // Okta writes "unknown" where a kind of entity has no such name.
    if (!name.empty() && name != "unknown") return std::string(name);
  }
  return {};
}

bool is_person(const json::Value& target) {
  std::string_view type = json::string_or_empty(target, "type");
  return type == "User" || type == "AppUser";
}

Change change_of(const json::Value& event) {
  Change change{.time = std::string(json::string_or_empty(event, "published")),
                .action = std::string(json::string_or_empty(event, "eventType")),
                .outcome = std::string(json::string_or_empty(event, "outcome.result"))};
  if (const json::Value* actor = json::find(event, "actor")) change.actor = name_of(*actor);
  const json::Value* targets = json::find(event, "target");
  if (!targets || !targets->is_array()) return change;
  for (const auto& target : targets->get_array()) {
    if (is_person(target)) {
      // An assignment names a person twice: as User and as AppUser, by the name the application knows.
      if (change.user.empty() || json::string_or_empty(target, "type") == "User")
        change.user = name_of(target);
    } else if (change.object.empty()) {
      // Groups and applications are known by their display names; their alternate ids are technical.
      std::string_view shown = json::string_or_empty(target, "displayName");
      change.object = shown.empty() ? name_of(target) : std::string(shown);
    }
  }
  return change;
}

std::vector<Count> sorted(const std::unordered_map<std::string, std::int64_t>& counts) {
  std::vector<Count> list;
  list.reserve(counts.size());
  for (const auto& [name, count] : counts) list.push_back({name, count});
  std::sort(list.begin(), list.end(), [](const Count& a, const Count& b) {
    return a.count != b.count ? a.count > b.count : a.name < b.name;
  });
  return list;
}

class Reading {
 public:
  Reading(MembershipReport& report, const MembershipReportOptions& options)
      : report_(report), options_(options) {}

  void add(const json::Value& event) {
    auto kind = kind_of(json::string_or_empty(event, "eventType"));
    if (!kind) return;
    Change change = change_of(event);
    ++report_.total;
    if (change.outcome != "SUCCESS") ++report_.failed;
    if (types_.contains(change.action) || types_.size() < kMaxTypes) ++types_[change.action];
    if (actors_.contains(change.actor) || actors_.size() < options_.max_actors) {
      ++actors_[change.actor];
    } else {
      ++report_.other_actors;
    }
    switch (*kind) {
      case ChangeKind::membership:
        keep(change, report_.membership_changes, report_.membership_total);
        break;
      case ChangeKind::user:
        keep(change, report_.user_changes, report_.user_total);
        break;
      case ChangeKind::other:
        keep(change, report_.other_changes, report_.other_total);
        break;
    }
  }

  void finish() {
    report_.by_type = sorted(types_);
    report_.by_actor = sorted(actors_);
  }

 private:
  void keep(Change& change, std::vector<Change>& rows, std::int64_t& total) const {
    ++total;
    if (rows.size() < options_.max_rows) rows.push_back(std::move(change));
  }

  MembershipReport& report_;
  const MembershipReportOptions& options_;
  std::unordered_map<std::string, std::int64_t> types_, actors_;
};

}  // namespace

core::Result<MembershipReport> read_membership_report(const core::Context& context, okta::Org& org,
                                                      const MembershipReportOptions& options) {
  if (options.since >= options.until) {
    return core::fail(core::ErrorKind::invalid_input, "insight.window",
                      fmt::format("The window from {} to {} is empty.", core::to_rfc3339(options.since),
                                  core::to_rfc3339(options.until)),
                      "Let since lie before until.");
  }
  MembershipReport report;
  report.since = options.since;
  report.until = options.until;
  okta::Pages pages(org, "/api/v1/logs",
                    {{"since", core::to_rfc3339(options.since)},
                     {"until", core::to_rfc3339(options.until)},
                     {"filter", filter()},
                     {"sortOrder", "ASCENDING"}},
                    {.limit = kPageSize});
  Reading reading(report, options);
  std::int64_t read = 0;
  for (;;) {
    if (context.cancelled()) {
      return core::fail(core::ErrorKind::cancelled, "core.cancelled",
                        fmt::format("The report was stopped after {} events.", read));
    }
    ASSIGN_OR_RETURN(auto page, pages.next(context));
    if (!page) break;
    for (const auto& event : *page) reading.add(event);
    read += static_cast<std::int64_t>(page->size());
    context.progress(static_cast<double>(read), std::nullopt,
                     fmt::format("{} events read, {} changes", read, report.total));
  }
  reading.finish();
  return report;
}

}  // namespace insight
