// Audit report from the System Log: who changed users, group memberships, privileges, assignments and
// policies in a window of time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/result.h"
#include "okta/org.h"

namespace insight {

struct MembershipReportOptions {
  core::WallTime since{};
  core::WallTime until{};
  std::size_t max_rows = 500;       // of each table of changes; the counts stay exact beyond it
  std::size_t max_actors = 10'000;  // told apart; the others are counted together
};

enum class ChangeKind { membership, user, other };

// One System Log event that matters here. Text is as Okta gave it: clean it before it is shown.
struct Change {
  std::string time;    // `published`
  std::string actor;   // alternateId, else displayName, else id
  std::string action;  // eventType
  std::string user;    // first target of type User or AppUser
  std::string object;  // the group, application, policy, role ... it is about
  std::string outcome;
};

struct Count {
  std::string name;
  std::int64_t count = 0;
};

struct MembershipReport {
  core::WallTime since{}, until{};
  std::int64_t total = 0;         // events that changed something
  std::int64_t failed = 0;        // of these, those whose outcome is not SUCCESS
  std::vector<Count> by_type;     // most frequent first
  std::vector<Count> by_actor;    // most frequent first
  std::int64_t other_actors = 0;  // events of actors beyond max_actors
  // In the order of time; `*_total` counts what max_rows left out, too.
  std::vector<Change> membership_changes;  // group.user_membership.*
  std::vector<Change>
      user_changes;  // user.lifecycle.*, user.account.privilege.*, application.user_membership.*
  std::vector<Change> other_changes;  // groups, group privileges, policies
  std::int64_t membership_total = 0, user_total = 0, other_total = 0;
};

// Scope okta.logs.read (Okta operation listLogEvents). Both ends of the window are always sent: without
// `until` Okta's next link never ends. Tells progress page by page; stops with core.cancelled between pages.
// Error insight.window when since is not before until.
core::Result<MembershipReport> read_membership_report(const core::Context& context, okta::Org& org,
                                                      const MembershipReportOptions& options);

// The template used when none is given.
std::string_view default_membership_template();

// Fills {{since}} {{until}} {{total}} {{failed}} {{by_type}} {{by_actor}} {{membership_changes}}
// {{user_changes}}
// {{other_changes}}. Tables are Markdown, their cells cleaned and escaped (core::markdown_cell). A template
// has at most 64 KiB. Error insight.template names an unknown placeholder, or where one does not end.
core::Result<std::string> render_membership_report(const MembershipReport& report,
                                                   std::string_view report_template);

}  // namespace insight
