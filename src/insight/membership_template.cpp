// The written form of the membership report.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.h"
#include "insight/membership_report.h"

namespace insight {
namespace {

constexpr std::size_t kMaxTemplateBytes = 64u << 10;
constexpr std::size_t kMaxCell = 120;   // characters
constexpr std::size_t kMaxCounts = 50;  // rows of a table of counts
constexpr std::string_view kOpen = "{{", kClose = "}}";

std::string cell(std::string_view text) {
  return core::markdown_cell(core::shorten(core::clean(text), kMaxCell));
}

std::string counts_table(std::string_view heading, const std::vector<Count>& counts, std::int64_t others) {
  if (counts.empty()) return "None.";
  std::string table = fmt::format("| {} | events |\n|---|---:|\n", heading);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (i < kMaxCounts) {
      table += fmt::format("| {} | {} |\n", cell(counts[i].name.empty() ? "(none)" : counts[i].name),
                           counts[i].count);
    } else {
      others += counts[i].count;
    }
  }
  if (others > 0) table += fmt::format("| (all others) | {} |\n", others);
  table.pop_back();
  return table;
}

std::string changes_table(std::string_view object, const std::vector<Change>& changes, std::int64_t total) {
  if (changes.empty()) return total == 0 ? "None." : fmt::format("{} changes, none listed.", total);
  std::string table = fmt::format("| time | actor | action | user | {} |\n|---|---|---|---|---|\n", object);
  for (const Change& change : changes) {
    std::string action = cell(change.action);
    if (change.outcome != "SUCCESS" && !change.outcome.empty())
      action += fmt::format(" **{}**", cell(change.outcome));
    table += fmt::format("| {} | {} | {} | {} | {} |\n", cell(change.time), cell(change.actor), action,
                         cell(change.user), cell(change.object));
  }
  if (total > static_cast<std::int64_t>(changes.size())) {
    return table + fmt::format("\n{} more changes are not listed; ask for a shorter window to see them.",
                               total - static_cast<std::int64_t>(changes.size()));
  }
  table.pop_back();
  return table;
}

// What may stand between {{ and }}.
struct Placeholder {
  std::string_view name;
  std::string (*text)(const MembershipReport&);
};

constexpr std::array<Placeholder, 9> kPlaceholders = {{
    {"since", [](const MembershipReport& r) { return core::to_rfc3339(r.since); }},
    {"until", [](const MembershipReport& r) { return core::to_rfc3339(r.until); }},
    {"total", [](const MembershipReport& r) { return fmt::format("{}", r.total); }},
    {"failed", [](const MembershipReport& r) { return fmt::format("{}", r.failed); }},
    {"by_type", [](const MembershipReport& r) { return counts_table("event type", r.by_type, 0); }},
    {"by_actor", [](const MembershipReport& r) { return counts_table("actor", r.by_actor, r.other_actors); }},
    {"membership_changes",
     [](const MembershipReport& r) {
       return changes_table("group", r.membership_changes, r.membership_total);
     }},
    {"user_changes",
     [](const MembershipReport& r) {
       return changes_table("application or role", r.user_changes, r.user_total);
     }},
    {"other_changes",
     [](const MembershipReport& r) { return changes_table("object", r.other_changes, r.other_total); }},
}};

constexpr std::string_view kDefaultTemplate = R"(# Audit of users and group memberships

From {{since}} to {{until}}: {{total}} changes, {{failed}} of them failed.

## Group membership changes

{{membership_changes}}

## User changes

{{user_changes}}

## Changes of groups, roles and policies

{{other_changes}}

## By event type

{{by_type}}

## By actor

{{by_actor}}
)";

std::unexpected<core::Error> bad_template(std::string message) {
  std::vector<std::string> names;
  names.reserve(kPlaceholders.size());
  for (const auto& placeholder : kPlaceholders) names.push_back(fmt::format("{{{{{}}}}}", placeholder.name));
  return core::fail(core::ErrorKind::invalid_input, "insight.template", std::move(message),
                    fmt::format("Known placeholders: {}.", fmt::join(names, " ")));
}

std::string_view trimmed(std::string_view text) {
  auto begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

}  // namespace

std::string_view default_membership_template() {
  return kDefaultTemplate;
}

core::Result<std::string> render_membership_report(const MembershipReport& report,
                                                   std::string_view report_template) {
  if (report_template.size() > kMaxTemplateBytes) {
    return bad_template(fmt::format("The template has {} bytes; the limit is {}.", report_template.size(),
                                    kMaxTemplateBytes));
  }
  std::string out;
  while (!report_template.empty()) {
    auto open = report_template.find(kOpen);
    out += report_template.substr(0, open);
    if (open == std::string_view::npos) break;
    report_template.remove_prefix(open + kOpen.size());
    auto close = report_template.find(kClose);
    std::string_view name = trimmed(report_template.substr(0, std::min(close, report_template.size())));
    std::string shown = core::shorten(core::clean(name), 40);
    if (close == std::string_view::npos)
      return bad_template(fmt::format("The placeholder \"{{{{{}\" does not end.", shown));
    auto placeholder = std::find_if(kPlaceholders.begin(), kPlaceholders.end(),
                                    [&](const Placeholder& p) { return p.name == name; });
    if (placeholder == kPlaceholders.end()) {
      return bad_template(fmt::format("The template names \"{{{{{}}}}}\", which is unknown.", shown));
    }
    out += placeholder->text(report);
    report_template.remove_prefix(close + kClose.size());
  }
  return out;
}

}  // namespace insight
