#include "registry/entities.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/seal.h"

namespace registry::entities {
namespace {

using Field = Query::Text::Field;

constexpr std::size_t kMaxKey = 512;  // bytes of an id
constexpr std::size_t kMaxBody = 1u << 20;
constexpr std::size_t kMaxUniqueKey = 256;  // longer ones are compared by their hash

const std::string kGet = fmt::format("SELECT {} FROM entities e WHERE e.kind = ?1 AND e.id = ?2", kColumns);
const std::string kHold = kGet + " FOR_UPDATE";
const std::string kStamp = "SELECT version, updated FROM entities WHERE kind = ?1 AND id = ?2";
const std::string kFindUnique =
    fmt::format("SELECT {} FROM entities e WHERE e.kind = ?1 AND e.uniq = ?2", kColumns);

const std::string kInsert =
    "INSERT INTO entities (kind, id, parent, uniq, status, name_folded, detected_folded, version, created, "
    "updated, unique_text, name, detected, refs, body) VALUES (?1, ?2, ?3, NULLIF(?4, ''), ?5, ?6, ?7, 1, "
    "CAST(?8 AS BIGINT), CAST(?8 AS BIGINT), ?9, ?10, ?11, ?12, ?13) ON CONFLICT DO NOTHING RETURNING id";
const std::string kHas = "SELECT id FROM entities WHERE kind = ?1 AND id = ?2";
const std::string kBefore =
    "SELECT version, COALESCE(uniq, ''), name_folded, detected_folded, refs, created FROM entities WHERE "
    "kind "
    "= ?1 AND id = ?2 FOR_UPDATE";
const std::string kUpdate =
    "UPDATE entities SET parent = ?3, uniq = NULLIF(?4, ''), status = ?5, name_folded = ?6, detected_folded "
    "= "
    "?7, updated = CAST(?8 AS BIGINT), unique_text = ?9, name = ?10, detected = ?11, refs = ?12, body = ?13, "
    "version = version + 1 WHERE kind = ?1 AND id = ?2 RETURNING version";
const std::string kRemove =
    "DELETE FROM entities WHERE kind = ?1 AND id = ?2 RETURNING name_folded, detected_folded, refs";

const std::string kAddRefs =
    "INSERT INTO entity_refs (kind, ref, id) SELECT ?1, each_ref.value, ?2 FROM EACH(?3) AS each_ref WHERE "
    "each_ref.value IS NOT NULL ON CONFLICT DO NOTHING";
const std::string kRemoveRefs =
    "DELETE FROM entity_refs WHERE kind = ?1 AND id = ?2 AND ref IN (SELECT value FROM EACH(?3))";
const std::string kAddGrams =
    "INSERT INTO grams (gram, id, name) SELECT each_gram.value, ?1, ?2 FROM EACH(?3) AS each_gram WHERE "
    "each_gram.value IS NOT NULL ON CONFLICT DO NOTHING";
const std::string kRemoveGrams = "DELETE FROM grams WHERE id = ?1 AND gram IN (SELECT value FROM EACH(?2))";

std::string array_text(const std::vector<std::string>& strings) {
  core::json::Array array;
  array.reserve(strings.size());
  for (const auto& text : strings) array.emplace_back(text);
  return core::json::write(array);
}

std::string unique_key(std::string_view unique) {
  if (unique.size() <= kMaxUniqueKey) return std::string(unique);
  return "sha256:" + core::base64url_encode(core::sha256(unique));
}

// What both databases take, and every index.
core::Status check(const Row& row, std::string_view body) {
  const auto limit = [&](std::string_view what, std::size_t size, std::size_t most) -> core::Status {
    if (size <= most) return {};
    return core::fail(
        core::ErrorKind::too_large, "registry.store.limit",
        fmt::format("The {} of a {} is longer than {} bytes.", what, to_string(row.kind), most));
  };
  if (row.id.empty()) {
    return core::fail(core::ErrorKind::internal, "registry.store.limit",
                      fmt::format("A {} has no id.", to_string(row.kind)));
  }
  RETURN_IF_ERROR(limit("id", row.id.size(), kMaxKey));
  RETURN_IF_ERROR(limit("parent", row.parent.size(), kMaxKey));
  RETURN_IF_ERROR(limit("status", row.status.size(), kMaxKey));
  RETURN_IF_ERROR(limit("body", body.size() + row.name.size() + row.detected_name.size(), kMaxBody));
  RETURN_IF_ERROR(limit("unique value", row.unique.size(), kMaxBody));
  for (const auto& ref : row.refs) RETURN_IF_ERROR(limit("reference", ref.size(), kMaxKey));
  const bool all = storable(row.id) && storable(row.parent) && storable(row.unique) && storable(row.status) &&
                   storable(row.name) && storable(row.detected_name) && storable(body) &&
                   std::ranges::all_of(row.refs, [](const auto& ref) { return storable(ref); });
  if (all) return {};
  return core::fail(core::ErrorKind::invalid_input, "registry.store.text",
                    fmt::format("A {} holds text that is not UTF-8, or a NUL.", to_string(row.kind)));
}

// The columns of a row, in the order of kInsert and kUpdate.
struct Columns {
  explicit Columns(const Row& row, core::WallTime time)
      : uniq(unique_key(row.unique)),
        name(folded(row.name)),
        detected(folded(row.detected_name)),
        now(to_text(time)),
        refs(array_text(row.refs)) {
    core::json::append(body, row.body);
  }
  std::array<std::string_view, 13> of(const Row& row) const {
    return {to_string(row.kind), row.id,   row.parent,        uniq, row.status, name, detected, now,
            row.unique,          row.name, row.detected_name, refs, body};
  }

  std::string uniq, name, detected, now, refs, body{};
};

core::Status add_grams(SqlLine& line, Kind kind, Field field, std::string_view id, std::string_view name) {
  const auto grams = grams_of(kind, field, name);
  if (grams.empty()) return {};
  const std::string all = array_text(grams);
  RETURN_IF_ERROR(line.run(kAddGrams, std::array<std::string_view, 3>{id, name, all}));
  return {};
}
core::Status remove_grams(SqlLine& line, Kind kind, Field field, std::string_view id, std::string_view name) {
  const auto grams = grams_of(kind, field, name);
  if (grams.empty()) return {};
  const std::string all = array_text(grams);
  RETURN_IF_ERROR(line.run(kRemoveGrams, std::array<std::string_view, 2>{id, all}));
  return {};
}
core::Status replace_grams(SqlLine& line, const Row& row, Field field, std::string_view before,
                           std::string_view after) {
  if (before == after) return {};
  RETURN_IF_ERROR(remove_grams(line, row.kind, field, row.id, before));
  return add_grams(line, row.kind, field, row.id, after);
}
core::Status change_refs(SqlLine& line, const std::string& how, Kind kind, std::string_view id,
                         std::string_view refs) {
  if (refs == "[]") return {};
  RETURN_IF_ERROR(line.run(how, std::array<std::string_view, 3>{to_string(kind), id, refs}));
  return {};
}

std::unexpected<core::Error> taken(const Row& row) {
  return core::fail(core::ErrorKind::conflict, "registry.UNIQUE_CONSTRAINT",
                    fmt::format("Another {} has that value already.", to_string(row.kind)),
                    "Use the one that is there, or another value.");
}
std::unexpected<core::Error> changed(const Row& row) {
  return core::fail(core::ErrorKind::conflict, "registry.store.changed",
                    fmt::format("The {} {} was changed or deleted meanwhile.", to_string(row.kind), row.id),
                    "Read it again and repeat the change.");
}

// The unique value may be taken: in a savepoint, because a broken rule would end PostgreSQL's transaction.
core::Result<core::SqlRows> update_unique(SqlLine& line, core::SqlParameters parameters) {
  RETURN_IF_ERROR(line.run("SAVEPOINT change"));
  auto rows = line.run(kUpdate, parameters);
  if (!rows) RETURN_IF_ERROR(line.run("ROLLBACK TO SAVEPOINT change"));
  RETURN_IF_ERROR(line.run("RELEASE SAVEPOINT change"));
  return rows;
}

}  // namespace

core::Result<Row> read_row(Kind kind, core::SqlRow& columns) {
  Row row{.kind = kind,
          .id = std::move(columns[0]),
          .parent = std::move(columns[1]),
          .unique = std::move(columns[2]),
          .status = std::move(columns[3]),
          .name = std::move(columns[4]),
          .detected_name = std::move(columns[5]),
          .version = to_number(columns[8]),
          .created = to_time(columns[9]),
          .updated = to_time(columns[10])};
  core::Result<core::json::Value> refs = core::json::Value(core::json::Array{});
  if (columns[6] != "[]") refs = core::json::parse(columns[6]);
  auto body = core::json::parse(columns[7], {.max_depth = 128});
  if (!refs || !refs->is_array() || !body || !body->is_object()) {
    return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                      fmt::format("The {} {} in the store cannot be read.", to_string(kind), row.id),
                      "Something else wrote it; restore it from a backup.");
  }
  const auto& list = refs->get_array();
  row.refs.reserve(list.size());
  for (const auto& ref : list) {
    if (ref.is_string()) row.refs.emplace_back(ref.get_string());
  }
  row.body = std::move(body->get_object());
  return row;
}

core::Result<std::optional<Row>> get(SqlLine& line, Kind kind, std::string_view id, bool hold) {
  if (!storable(id)) return std::nullopt;
  ASSIGN_OR_RETURN(auto rows,
                   line.run(hold ? kHold : kGet, std::array<std::string_view, 2>{to_string(kind), id}));
  if (rows.empty()) return std::nullopt;
  return read_row(kind, rows.front());
}

core::Result<std::optional<Stamp>> stamp(SqlLine& line, Kind kind, std::string_view id) {
  if (!storable(id)) return std::nullopt;
  ASSIGN_OR_RETURN(const auto rows, line.run(kStamp, std::array<std::string_view, 2>{to_string(kind), id}));
  if (rows.empty()) return std::nullopt;
  return Stamp{.version = to_number(rows.front()[0]), .updated = to_time(rows.front()[1])};
}

core::Result<std::optional<Row>> find_unique(SqlLine& line, Kind kind, std::string_view unique) {
  if (unique.empty() || !storable(unique)) return std::nullopt;
  const std::string key = unique_key(unique);
  ASSIGN_OR_RETURN(auto rows, line.run(kFindUnique, std::array<std::string_view, 2>{to_string(kind), key}));
  if (rows.empty()) return std::nullopt;
  return read_row(kind, rows.front());
}

core::Status insert(SqlLine& line, Row& row, core::WallTime now) {
  const Columns columns(row, now);
  RETURN_IF_ERROR(check(row, columns.body));
  ASSIGN_OR_RETURN(const auto made, line.run(kInsert, columns.of(row)));
  if (made.empty()) {
    ASSIGN_OR_RETURN(const auto there,
                     line.run(kHas, std::array<std::string_view, 2>{to_string(row.kind), row.id}));
    if (there.empty()) return taken(row);
    return core::fail(core::ErrorKind::conflict, "registry.store.exists",
                      fmt::format("There is a {} {} already.", to_string(row.kind), row.id));
  }
  RETURN_IF_ERROR(change_refs(line, kAddRefs, row.kind, row.id, columns.refs));
  RETURN_IF_ERROR(add_grams(line, row.kind, Field::name, row.id, columns.name));
  RETURN_IF_ERROR(add_grams(line, row.kind, Field::detected_name, row.id, columns.detected));
  row.version = 1;
  row.created = row.updated = now;
  return {};
}

core::Status update(SqlLine& line, Row& row, core::WallTime now) {
  const Columns columns(row, now);
  RETURN_IF_ERROR(check(row, columns.body));
  ASSIGN_OR_RETURN(const auto found,
                   line.run(kBefore, std::array<std::string_view, 2>{to_string(row.kind), row.id}));
  if (found.empty() || to_number(found[0][0]) != row.version) return changed(row);
  const core::SqlRow& before = found[0];
  const auto values = columns.of(row);
  auto done = before[1] == columns.uniq ? line.run(kUpdate, values) : update_unique(line, values);
  if (!done) {
    if (done.error().code == SqlLine::kTaken) return taken(row);
    return core::fail(std::move(done).error());
  }
  if (before[4] != columns.refs) {
    RETURN_IF_ERROR(change_refs(line, kRemoveRefs, row.kind, row.id, before[4]));
    RETURN_IF_ERROR(change_refs(line, kAddRefs, row.kind, row.id, columns.refs));
  }
  RETURN_IF_ERROR(replace_grams(line, row, Field::name, before[2], columns.name));
  RETURN_IF_ERROR(replace_grams(line, row, Field::detected_name, before[3], columns.detected));
  ++row.version;
  row.created = to_time(before[5]);
  row.updated = now;
  return {};
}

core::Status remove(SqlLine& line, Kind kind, std::string_view id) {
  if (!storable(id)) return {};
  ASSIGN_OR_RETURN(const auto found, line.run(kRemove, std::array<std::string_view, 2>{to_string(kind), id}));
  if (found.empty()) return {};
  RETURN_IF_ERROR(change_refs(line, kRemoveRefs, kind, id, found[0][2]));
  RETURN_IF_ERROR(remove_grams(line, kind, Field::name, id, found[0][0]));
  return remove_grams(line, kind, Field::detected_name, id, found[0][1]);
}

core::Result<std::size_t> prune(SqlLine& line, Kind kind, core::WallTime changed_before,
                                const std::vector<std::string>& statuses, std::size_t limit) {
  const std::string before = to_text(changed_before), most = to_text(static_cast<std::int64_t>(limit));
  const std::string any = array_text(statuses);
  std::string sql = "SELECT id FROM entities WHERE kind = ?1 AND updated < CAST(?2 AS BIGINT) AND ";
  // Mentioned either way: PostgreSQL asks for a type of every parameter.
  sql += statuses.empty() ? "?4 = '[]' " : "status IN (SELECT value FROM EACH(?4)) ";
  sql += "ORDER BY updated LIMIT CAST(?3 AS BIGINT) SKIP_LOCKED";
  ASSIGN_OR_RETURN(const auto ids,
                   line.run(sql, std::array<std::string_view, 4>{to_string(kind), before, most, any}));
  for (const auto& row : ids) RETURN_IF_ERROR(remove(line, kind, row[0]));
  return ids.size();
}

}  // namespace registry::entities
