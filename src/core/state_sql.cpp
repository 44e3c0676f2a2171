#include "core/state_sql.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "core/log.h"

namespace core {
namespace {

// What has expired is removed in passing: so many at each so-many-th change.
constexpr unsigned kPurgeEvery = 16;
constexpr std::string_view kPurgeAtOnce = "64";

// In the order of SqlStateStore::Sql.
// NOLINTBEGIN(bugprone-suspicious-missing-comma): statements of several lines.
constexpr std::string_view kStatements[] = {
    "SELECT key, value, version, expires FROM records WHERE key = ?2 AND expires > NOW",
    "INSERT INTO records (key, value, version, expires) "
    "VALUES (?2, ?3, CAST(?4 AS BIGINT), NOW + CAST(?5 AS BIGINT)) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, "
    "expires = excluded.expires RETURNING version",
    "INSERT INTO records (key, value, version, expires) "
    "VALUES (?2, ?3, CAST(?4 AS BIGINT), NOW + CAST(?5 AS BIGINT)) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, "
    "expires = excluded.expires WHERE records.expires <= NOW RETURNING version",
    "UPDATE records SET value = ?3, version = CAST(?4 AS BIGINT), expires = NOW + CAST(?5 AS BIGINT) "
    "WHERE key = ?2 AND version = CAST(?6 AS BIGINT) AND expires > NOW RETURNING version",
    "DELETE FROM records WHERE key = ?2 AND version = CAST(?3 AS BIGINT) AND expires > NOW RETURNING version",
    "DELETE FROM records WHERE key = ?2 AND NOW IS NOT NULL RETURNING version",
    "SELECT key, value, version, expires FROM records WHERE key >= ?2 AND key > ?3 AND key < ?4 "
    "AND expires > NOW ORDER BY key LIMIT 1000",
    "DELETE FROM records WHERE expires <= NOW AND key IN (SELECT key FROM records WHERE expires <= NOW "
    "ORDER BY expires LIMIT CAST(?2 AS BIGINT)SKIP_LOCKED) RETURNING version",
};
// NOLINTEND(bugprone-suspicious-missing-comma)

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::string new_version() {
  return fmt::format("{}", (system_random().number() >> 2) + 1);
}

std::string milliseconds_text(std::chrono::milliseconds keep) {
  return fmt::format("{}", std::clamp(keep, std::chrono::milliseconds{1}, StateStore::kForever).count());
}

std::unexpected<Error> too_large(std::string_view what, std::size_t limit) {
  return fail(ErrorKind::too_large, "core.state.limit",
              fmt::format("{} of the shared state is longer than {} bytes.", what, limit));
}

Status check_key(std::string_view key) {
  const bool plain = std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; });
  if (!key.empty() && key.size() <= StateStore::kMaxKey && plain) return {};
  return fail(ErrorKind::internal, "core.state.name",
              "A key of the shared state is empty, too long, or has other characters than plain ones.");
}

Status check_value(std::string_view value) {
  if (value.size() > StateStore::kMaxValue) return too_large("A value", StateStore::kMaxValue);
  if (!value.contains('\0')) return {};
  return fail(ErrorKind::internal, "core.state.name", "A value of the shared state holds a NUL.");
}

StateRecord record_of(SqlRow& row) {
  return {.key = std::move(row[0]),
          .value = std::move(row[1]),
          .version = number(row[2]),
          .expires = WallTime{std::chrono::milliseconds{number(row[3])}}};
}

void replace_all(std::string& text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

}  // namespace

SqlStateStore::SqlStateStore(std::string_view now, char parameter_sign) {
  static_assert(std::size(kStatements) == static_cast<std::size_t>(Sql::count));
  for (std::size_t i = 0; i < sql_.size(); ++i) {
    std::string& text = sql_[i] = kStatements[i];
    // Two that purge at once would wait for each other in PostgreSQL; SQLite has one writer anyway.
    replace_all(text, "SKIP_LOCKED", parameter_sign == '$' ? " FOR UPDATE SKIP LOCKED" : "");
    replace_all(text, "NOW", now);
    std::ranges::replace(text, '?', parameter_sign);
  }
}

Status SqlStateStore::check_log(std::string_view log) {
  const bool plain = log.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos;
  if (!log.empty() && log.size() <= 40 && plain) return {};
  return fail(ErrorKind::internal, "core.state.name", "That is no name of a log.");
}

Status SqlStateStore::check_line(std::string_view line) {
  if (line.size() > kMaxLine) return too_large("A line", kMaxLine);
  if (line.find_first_of(std::string_view("\n\0", 2)) == std::string_view::npos) return {};
  return fail(ErrorKind::internal, "core.state.name", "A line of a log holds a line end or a NUL.");
}

Result<std::optional<StateRecord>> SqlStateStore::get(std::string_view key) {
  RETURN_IF_ERROR(check_key(key));
  const std::string now = clock_text();
  ASSIGN_OR_RETURN(auto rows, run(Sql::get, std::array<std::string_view, 2>{now, key}));
  if (rows.empty()) return std::nullopt;
  return record_of(rows.front());
}

Result<std::optional<std::int64_t>> SqlStateStore::changed(Sql which, std::string_view key,
                                                           std::string_view value,
                                                           std::chrono::milliseconds keep,
                                                           std::string_view version) {
  RETURN_IF_ERROR(check_key(key));
  RETURN_IF_ERROR(check_value(value));
  const std::string now = clock_text(), next = new_version(), lasts = milliseconds_text(keep);
  const std::array<std::string_view, 6> all{now, key, value, next, lasts, version};
  ASSIGN_OR_RETURN(const auto rows, run(which, SqlParameters(all).first(version.empty() ? 5 : 6)));
  purge_now_and_then();
  if (rows.empty()) return std::nullopt;
  return number(rows.front().front());
}

Status SqlStateStore::put(std::string_view key, std::string_view value, std::chrono::milliseconds keep) {
  RETURN_IF_ERROR(changed(Sql::put, key, value, keep, {}));
  return {};
}

Result<std::optional<std::int64_t>> SqlStateStore::put_if_absent(std::string_view key, std::string_view value,
                                                                 std::chrono::milliseconds keep) {
  return changed(Sql::put_if_absent, key, value, keep, {});
}

Result<std::optional<std::int64_t>> SqlStateStore::replace_if_version(std::string_view key,
                                                                      std::int64_t version,
                                                                      std::string_view value,
                                                                      std::chrono::milliseconds keep) {
  return changed(Sql::replace, key, value, keep, fmt::format("{}", version));
}

Result<bool> SqlStateStore::remove_if_version(std::string_view key, std::int64_t version) {
  RETURN_IF_ERROR(check_key(key));
  const std::string now = clock_text(), held = fmt::format("{}", version);
  ASSIGN_OR_RETURN(const auto rows,
                   run(Sql::remove_version, std::array<std::string_view, 3>{now, key, held}));
  return !rows.empty();
}

Status SqlStateStore::remove(std::string_view key) {
  RETURN_IF_ERROR(check_key(key));
  const std::string now = clock_text();
  RETURN_IF_ERROR(run(Sql::remove, std::array<std::string_view, 2>{now, key}));
  return {};
}

Result<std::vector<StateRecord>> SqlStateStore::list(std::string_view prefix, std::string_view after) {
  RETURN_IF_ERROR(check_key(prefix));
  if (!after.empty()) RETURN_IF_ERROR(check_key(after));
  // Keys are ASCII, so what begins with the prefix lies below the prefix with its last character one higher.
  std::string end(prefix);
  ++end.back();
  const std::string now = clock_text();
  ASSIGN_OR_RETURN(auto rows, run(Sql::list, std::array<std::string_view, 4>{now, prefix, after, end}));
  std::vector<StateRecord> records;
  records.reserve(rows.size());
  for (auto& row : rows) records.push_back(record_of(row));
  return records;
}

void SqlStateStore::purge_now_and_then() {
  if (++puts_ % kPurgeEvery != 0) return;
  const std::string now = clock_text();
  if (auto done = run(Sql::purge, std::array<std::string_view, 2>{now, kPurgeAtOnce}); !done) {
    log(LogLevel::debug, "core", "expired records could not be removed", {{"reason", done.error().message}});
  }
}

Result<bool> StateStore::consume(std::string_view id, std::chrono::milliseconds keep) {
  std::string key = "used/";
  key += id;
  ASSIGN_OR_RETURN(const auto version, put_if_absent(key, "", keep));
  return version.has_value();
}

Result<std::unique_ptr<StateStore>> make_state_store(const Secret& setting, std::string directory,
                                                     Clock& clock) {
  const std::string& text = setting.reveal();
  if (text.empty() || text == "directory") return directory_state(std::move(directory), clock);
  if (text.starts_with("postgresql://") || text.starts_with("postgres://")) {
    return postgres_state({.connection = setting.copy()});
  }
  return fail(ErrorKind::invalid_input, "core.state.setting",
              "The store for shared state is neither a directory nor PostgreSQL.",
              "Use `directory`, or `postgresql://USER@HOST/DATABASE`.");
}

}  // namespace core
