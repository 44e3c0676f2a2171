#include "registry/events.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/random.h"
#include "core/text.h"

namespace registry::events {
namespace {

// In SQLite transactions come one after the other, and so do numbers. In PostgreSQL a number that is drawn
// first may be committed last, and who reads "after N" would never see it. So a number is made from the
// transaction's own, which the server orders: whoever follows the log reads up to the oldest transaction that
// is still open, below which nothing can come any more.
constexpr std::int64_t kInTransaction = 4096;
const std::string kSqliteInsert =
    "INSERT INTO events (number, id, type, published, body) SELECT COALESCE(MAX(number), 0) + 1, ?1, ?2, "
    "CAST(?3 AS BIGINT), ?4 FROM events RETURNING number";
const std::string kPostgresInsert = fmt::format(
    "INSERT INTO events (number, id, type, published, body) SELECT base + CAST(CAST(pg_current_xact_id() AS "
    "text) AS bigint) * {} + CAST(?5 AS bigint), ?1, ?2, CAST(?3 AS bigint), ?4 FROM event_base RETURNING "
    "number",
    kInTransaction);
const std::string kSettled = fmt::format(
    " AND e.number < (SELECT base + CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) * "
    "{} "
    "FROM event_base)",
    kInTransaction);
const std::string kRaise = fmt::format(
    "UPDATE event_base SET base = (SELECT MAX(number) FROM events) / {0} * {0} WHERE base + "
    "CAST(CAST(pg_current_xact_id() AS text) AS bigint) * {0} <= (SELECT MAX(number) FROM events)",
    kInTransaction);

const std::string kTargets =
    "INSERT INTO event_targets (target, number) SELECT each_target.value, CAST(?1 AS BIGINT) FROM EACH(?2) "
    "AS "
    "each_target WHERE each_target.value IS NOT NULL ON CONFLICT DO NOTHING";

// The types that are there, each found by a step in their index.
const std::string kTypes =
    "WITH RECURSIVE there(type) AS (SELECT MIN(type) FROM events WHERE type >= ?1 UNION ALL SELECT (SELECT "
    "MIN(type) FROM events WHERE type > there.type) FROM there WHERE INSTR(there.type, CAST(?1 AS TEXT)) = "
    "1) "
    "SELECT type FROM there WHERE INSTR(type, CAST(?1 AS TEXT)) = 1";
constexpr std::size_t kMaxTypes = 100;

// Events are published nearly in the order of their numbers: clocks differ, and transactions last a while.
constexpr std::chrono::minutes kDisorder{10};
const std::string kFirstSince =
    "SELECT number FROM events WHERE published >= CAST(?1 AS BIGINT) ORDER BY published LIMIT 1";

constexpr std::size_t kMaxBody = 256u << 10;
constexpr std::size_t kMaxTarget = 1024;  // longer ids are not asked for

std::string body_of(const Event& event) {
  core::json::Array targets;
  targets.reserve(event.targets.size());
  for (const auto& target : event.targets) {
    core::json::Object object{{"id", target.id}, {"type", target.type}, {"name", target.name}};
    if (!target.detail.empty()) object["detail"] = target.detail;
    targets.push_back(std::move(object));
  }
  core::json::Object actor{{"id", event.actor.id}, {"type", event.actor.type}, {"name", event.actor.name}};
  core::json::Object body{{"actor", std::move(actor)}, {"targets", std::move(targets)}};
  body["success"] = event.success;
  if (!event.reason.empty()) body["reason"] = event.reason;
  if (!event.transaction.empty()) body["transaction"] = event.transaction;
  if (!event.debug.empty()) body["debug"] = event.debug;
  std::string text;
  core::json::append(text, body);
  return text;
}

core::json::Object object_in(const core::json::Object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  return value != nullptr && value->is_object() ? value->get_object() : core::json::Object{};
}

Event read_event(const core::SqlRow& columns) {
  using core::json::string_or_empty;
  Event event{.type = columns[2], .actor = {}};
  event.number = to_number(columns[0]);
  event.id = columns[1];
  event.published = to_time(columns[3]);
  auto parsed = core::json::parse(columns[4], {.max_depth = 128});
  if (!parsed || !parsed->is_object()) return event;  // a line of the log is shown as far as it can be read
  const auto& body = parsed->get_object();
  event.actor = {.id = std::string(string_or_empty(body, "actor.id")),
                 .type = std::string(string_or_empty(body, "actor.type")),
                 .name = std::string(string_or_empty(body, "actor.name"))};
  const auto* success = body.if_contains("success");
  event.success = success == nullptr || !success->is_bool() || success->get_bool();
  event.reason = string_or_empty(body, "reason");
  event.transaction = string_or_empty(body, "transaction");
  event.debug = object_in(body, "debug");
  if (const auto* targets = body.if_contains("targets"); targets != nullptr && targets->is_array()) {
    const auto& list = targets->get_array();
    event.targets.reserve(list.size());
    for (const auto& value : list) {
      if (!value.is_object()) continue;
      const auto& target = value.get_object();
      event.targets.push_back({.id = std::string(string_or_empty(target, "id")),
                               .type = std::string(string_or_empty(target, "type")),
                               .name = std::string(string_or_empty(target, "name")),
                               .detail = object_in(target, "detail")});
    }
  }
  return event;
}

}  // namespace

core::Status emit(SqlLine& line, const Event& event, core::WallTime now, std::int64_t order) {
  if (order >= kInTransaction) {
    return core::fail(core::ErrorKind::internal, "registry.store.limit",
                      fmt::format("A transaction has more than {} events.", kInTransaction));
  }
  const std::string id = core::system_random().uuid(), published = to_text(now);
  std::string body = body_of(event);
  const std::string nth = to_text(order);
  core::make_valid_utf8(body);
  if (!storable(event.type) || event.type.size() > kMaxTarget || body.size() > kMaxBody) {
    return core::fail(core::ErrorKind::internal, "registry.store.limit",
                      fmt::format("The event {} is larger than {} bytes, or its type is no text.",
                                  core::shorten(core::clean(event.type), 80), kMaxBody));
  }
  const bool postgres = line.dialect() == Dialect::postgres;
  const std::array<std::string_view, 5> values{id, event.type, published, body, nth};
  ASSIGN_OR_RETURN(const auto made, line.run(postgres ? kPostgresInsert : kSqliteInsert,
                                             core::SqlParameters(values).first(postgres ? 5 : 4)));
  core::json::Array ids;
  ids.reserve(event.targets.size());
  for (const auto& target : event.targets) {
    if (storable(target.id) && target.id.size() <= kMaxTarget) ids.emplace_back(target.id);
  }
  if (ids.empty()) return {};
  const std::string targets = core::json::write(ids);
  RETURN_IF_ERROR(line.run(kTargets, std::array<std::string_view, 2>{made.at(0).at(0), targets}));
  return {};
}

core::Result<std::vector<Event>> find(SqlLine& line, const EventQuery& query) {
  if (!storable(query.about) || !storable(query.type_prefix)) return std::vector<Event>{};
  const std::string after = to_text(query.after), since = query.since ? to_text(*query.since) : "0";
  const std::string limit =
      to_text(static_cast<std::int64_t>(std::clamp<std::size_t>(query.limit, 1, Store::kMaxPage)));
  std::vector<std::string> values{after, since, limit};
  // Every value is mentioned by every statement: PostgreSQL asks for a type of each.
  std::string common = " AND e.published >= CAST(?2 AS BIGINT)";
  if (!query.newest_first) {
    common += " AND e.number > CAST(?1 AS BIGINT)";
    if (line.dialect() == Dialect::postgres) common += kSettled;
  } else {
    common += query.after == 0 ? " AND CAST(?1 AS BIGINT) = 0" : " AND e.number < CAST(?1 AS BIGINT)";
  }
  if (query.since) {
    const std::string from = to_text(*query.since - kDisorder);
    ASSIGN_OR_RETURN(const auto first, line.run(kFirstSince, std::array<std::string_view, 1>{from}));
    if (first.empty()) return std::vector<Event>{};
    // Numbers of the same ten minutes may lie below that of the first.
    common += " AND e.number >= CAST(?4 AS BIGINT)";
    values.push_back(first[0][0]);
  }
  const std::string select = "SELECT e.number, e.id, e.type, e.published, e.body FROM ";
  const std::string order =
      fmt::format(" ORDER BY e.number {} LIMIT CAST(?3 AS BIGINT)", query.newest_first ? "DESC" : "ASC");

  std::string sql;
  if (!query.about.empty()) {
    values.push_back(query.about);
    sql = fmt::format("{}event_targets t CROSS JOIN events e WHERE t.target = ?{} AND e.number = t.number{}",
                      select, values.size(), common);
    if (!query.type_prefix.empty()) {
      values.push_back(query.type_prefix);
      sql += fmt::format(" AND INSTR(e.type, CAST(?{} AS TEXT)) = 1", values.size());
    }
    sql += fmt::format(" ORDER BY t.number {} LIMIT CAST(?3 AS BIGINT)", query.newest_first ? "DESC" : "ASC");
  } else if (!query.type_prefix.empty()) {
    ASSIGN_OR_RETURN(const auto types, line.run(kTypes, std::array<std::string_view, 1>{query.type_prefix}));
    if (types.empty()) return std::vector<Event>{};
    if (types.size() > kMaxTypes) {
      return core::fail(core::ErrorKind::too_large, "registry.store.limit",
                        fmt::format("More than {} types of events begin so.", kMaxTypes));
    }
    for (std::size_t i = 0; i < types.size(); ++i) {
      values.push_back(types[i][0]);
      sql += fmt::format(
          "{}SELECT * FROM ({}events e INDEXED BY events_by_type WHERE e.type = ?{}{}{}) AS part{}",
          i == 0 ? "" : " UNION ALL ", select, values.size(), common, order, i);
    }
    sql += fmt::format(" ORDER BY 1 {} LIMIT CAST(?3 AS BIGINT)", query.newest_first ? "DESC" : "ASC");
  } else {
    sql = select + "events e WHERE e.number > 0" + common + order;
  }
  const std::vector<std::string_view> views(values.begin(), values.end());
  ASSIGN_OR_RETURN(const auto rows, line.run(sql, views));
  std::vector<Event> found;
  found.reserve(rows.size());
  for (const auto& row : rows) found.push_back(read_event(row));
  return found;
}

core::Status raise_numbers(SqlLine& line) {
  if (line.dialect() == Dialect::sqlite) return {};
  RETURN_IF_ERROR(line.run(kRaise));
  return {};
}

}  // namespace registry::events
