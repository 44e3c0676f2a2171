// Of the store only: work that is due, and ids that are used once.
#pragma once

#include "registry/sql.h"

namespace registry::work_table {

core::Status schedule(SqlLine& line, const Work& work);
// Errors registry.store.lease_lost.
core::Status finish(SqlLine& line, const Work& work);
core::Status retry(SqlLine& line, const Work& work, core::WallTime due);

// Whether anything may be claimed; changes nothing.
core::Result<bool> waits(SqlLine& line, core::WallTime now);
core::Result<std::optional<Work>> claim(SqlLine& line, std::string_view node, core::WallTime now,
                                        std::chrono::milliseconds lease);
core::Result<bool> renew(SqlLine& line, const Work& work, core::WallTime until);

core::Result<bool> consume(SqlLine& line, std::string_view id, core::WallTime now,
                           std::chrono::milliseconds keep);
// Ids and records whose time is over, some at a time; says how many.
core::Result<std::size_t> forget(SqlLine& line, core::WallTime now, std::size_t limit);

}  // namespace registry::work_table
