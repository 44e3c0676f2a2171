// Of the store only: the log of events.
#pragma once

#include <vector>

#include "registry/sql.h"

namespace registry::events {

// `order`: how many the transaction has written before.
core::Status emit(SqlLine& line, const Event& event, core::WallTime now, std::int64_t order);
core::Result<std::vector<Event>> find(SqlLine& line, const EventQuery& query);

// Within write(). A PostgreSQL database that was restored elsewhere: numbers go on above those that are
// there.
core::Status raise_numbers(SqlLine& line);

}  // namespace registry::events
