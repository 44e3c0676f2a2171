// Who has not logged in for a while: the "inactive users" report.
//
// Okta cannot search lastLogin, so every ACTIVE user created before the cut-off is read, page by page; only
// those who match are kept. A user counts when status is ACTIVE, created is before the cut-off, and lastLogin
// is null or before it. Users of any other status are not looked at.
#pragma once

#include <cstdint>

#include "core/clock.h"
#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "okta/org.h"

namespace insight {

struct InactiveUsersOptions {
  int days = 90;                  // 1 to 3,650
  std::size_t max_rows = 10'000;  // kept; the counts stay exact beyond it
};

struct InactiveUsers {
  core::WallTime now{};      // when the report was made
  core::WallTime cut_off{};  // now - days
  std::int64_t read = 0;     // users that Okta returned
  std::int64_t never_logged_in = 0;
  std::int64_t logged_in_before = 0;  // the last login is older than the cut-off
  // Users whose times cannot be read; they are in no other count.
  std::int64_t unreadable = 0;
  bool searched = true;  // false: Okta refused the search, all users were read and filtered here
  // The first max_rows matches in Okta's order: id, status, created, lastLogin and profile {login, email,
  // firstName, lastName, department, manager} as Okta gives them.
  core::json::Array rows;

  std::int64_t total() const { return never_logged_in + logged_in_before; }
  bool complete() const { return static_cast<std::int64_t>(rows.size()) == total(); }
};

// Scope okta.users.read (Okta operation listUsers). Tells progress page by page; stops with core.cancelled
// between pages when the context says so. Memory grows with max_rows, not with the org.
core::Result<InactiveUsers> find_inactive_users(const core::Context& context, okta::Org& org,
                                                core::WallTime now, const InactiveUsersOptions& options = {});

}  // namespace insight
