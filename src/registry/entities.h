// Of the store only: rows of entities, within whatever the line is in.
#pragma once

#include <vector>

#include "registry/sql.h"

namespace registry::entities {

core::Result<std::optional<Row>> get(SqlLine& line, Kind kind, std::string_view id, bool hold);
core::Result<std::optional<Stamp>> stamp(SqlLine& line, Kind kind, std::string_view id);
core::Result<std::optional<Row>> find_unique(SqlLine& line, Kind kind, std::string_view unique);
core::Result<std::vector<Row>> list(SqlLine& line, const Query& query);

core::Status insert(SqlLine& line, Row& row, core::WallTime now);
core::Status update(SqlLine& line, Row& row, core::WallTime now);
core::Status remove(SqlLine& line, Kind kind, std::string_view id);
// At most `limit` rows of a kind, oldest change first; says how many. `statuses`: these only; empty: any.
core::Result<std::size_t> prune(SqlLine& line, Kind kind, core::WallTime changed_before,
                                const std::vector<std::string>& statuses, std::size_t limit);

// Of entity rows read by a statement of these columns, of the table `e`.
inline constexpr std::string_view kColumns =
    "e.id, e.parent, e.unique_text, e.status, e.name, e.detected, e.refs, e.body, e.version, e.created, "
    "e.updated";
core::Result<Row> read_row(Kind kind, core::SqlRow& columns);

// The form in which names are compared: without case, at most 256 characters.
std::string folded(std::string_view name);
// The keys in `grams` of a folded name; none when names of that kind are not indexed.
std::vector<std::string> grams_of(Kind kind, Query::Text::Field field, std::string_view folded_name);
// Those that a name must have to match; none: the index is of no use for it.
std::vector<std::string> grams_for(Kind kind, const Query::Text& text, std::string_view folded_text);

}  // namespace registry::entities
