// Of the store only: SQLite and PostgreSQL behind one seam. A statement is written once:
//
//   ?1, ?2           parameters, all bound as text (CAST(?3 AS BIGINT) where a number is meant)
//   FOR_UPDATE       locks what was read; nothing in SQLite, where whoever writes is alone
//   SKIP_LOCKED      as FOR_UPDATE, passing over what others have locked
//   INDEXED BY name  what SQLite's planner is told and PostgreSQL's finds out
//   EACH(?4)         the elements of a JSON array of strings, as column `value`
//   INSTR(a, b)      where b begins in a, from 1; 0: nowhere
//   KEYTEXT          in a table: text compared by its bytes
//   NUMBER_KEY       in a table: a number that is the primary key
//   WITHOUT ROWID    SQLite only
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/state_sql.h"
#include "registry/store.h"

namespace registry {

enum class Dialect { sqlite, postgres };
std::string in_dialect(Dialect dialect, std::string_view sql);

// A line to the database, for one thread at a time. Errors: registry.store.unavailable, and two that the
// store keeps to itself: kTaken (a UNIQUE or PRIMARY KEY rule) and kAgain (nothing took effect, it may pass
// the next time). After any other than kTaken in a savepoint the transaction is lost.
class SqlLine {
 public:
  static constexpr std::string_view kTaken = "registry.store.taken";
  static constexpr std::string_view kAgain = "registry.store.again";

  virtual ~SqlLine() = default;
  // Null columns come as empty text.
  virtual core::Result<core::SqlRows> run(const std::string& sql, core::SqlParameters parameters = {}) = 0;
  virtual Dialect dialect() const = 0;
};

// Thread-safe.
class SqlBackend {
 public:
  using Work = std::function<core::Status(SqlLine&)>;

  virtual ~SqlBackend() = default;
  // Each statement sees what was committed before it. `work` changes nothing.
  virtual core::Status read(const Work& work) = 0;
  // All or nothing; on disk when it returns. `work` may run more than once, and on another thread.
  virtual core::Status write(const Work& work) = 0;

  // Within write(): keeps others out of the schema until the end, and makes its place.
  virtual core::Status hold_schema(SqlLine& line) = 0;
  // nullopt: there is none yet.
  virtual core::Result<std::optional<std::int64_t>> schema_version(SqlLine& line) = 0;

  virtual core::Status backup(const std::string& path) = 0;
  virtual Dialect dialect() const = 0;
  virtual std::string where() const = 0;
};

core::Result<std::unique_ptr<SqlBackend>> open_sqlite(const std::string& path, std::size_t readers);
std::unique_ptr<SqlBackend> open_postgres(core::Secret url, std::size_t connections);

// Brings the schema up to date, or says why not (StoreOptions::migrate).
core::Status bring_up_to_date(SqlBackend& backend, bool migrate);

// registry.store.unavailable with the reason of an error of core's.
core::Error unavailable(core::Error error);

// UTF-8 without NUL: what both databases take as it is. Nothing that is stored equals other text.
bool storable(std::string_view text);

std::int64_t to_number(std::string_view text);
std::string to_text(std::int64_t number);
std::string to_text(core::WallTime time);
core::WallTime to_time(std::string_view text);

}  // namespace registry
