// SQLite behind a small RAII wrapper: statements that bind and step, errors as values. sqlite3.h stays in
// sqlite.cpp.
//
//   ASSIGN_OR_RETURN(auto db, core::Database::open(path));
//   ASSIGN_OR_RETURN(auto insert, db->prepare("INSERT INTO t VALUES (?, ?)"));
//   RETURN_IF_ERROR(insert.run({"key", "value"}));
// One connection is for one thread at a time; the caller guards it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace core {

class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // Binds text to ?1, ?2 ... and runs to the end. For statements without rows.
  Status run(std::initializer_list<std::string_view> parameters);
  // As above, handing each row's columns over as text (valid during the call; null reads as empty).
  // An error from `row` ends the query and is returned.
  Status query(std::initializer_list<std::string_view> parameters,
               const std::function<Status(const std::vector<std::string_view>& columns)>& row);
  Status query(std::span<const std::string_view> parameters,
               const std::function<Status(const std::vector<std::string_view>& columns)>& row);

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* handle) : handle_(handle) {}
  Status bind(std::span<const std::string_view> parameters);
  void release();
  sqlite3_stmt* handle_ = nullptr;
};

class Database {
 public:
  // Opens or creates the file with mode 0600; write-ahead log, five seconds of patience for other processes.
  // Errors: core.sqlite with SQLite's reason; core.sqlite.unique where a statement broke a UNIQUE or PRIMARY
  // KEY rule.
  static Result<std::unique_ptr<Database>> open(const std::string& path);
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Result<Statement> prepare(std::string_view sql);
  // One or more statements without parameters and rows.
  Status execute(const std::string& sql);
  // BEGIN IMMEDIATE, `work`, COMMIT; ROLLBACK when `work` fails.
  Status transaction(const std::function<Status()>& work);
  // After some errors (a full disk) SQLite has rolled back by itself.
  bool in_transaction() const;
  // Asks for a lock that another process holds each millisecond, instead of ever less often: among several
  // that write all the time everybody gets a turn.
  void wait_for_turns(std::chrono::milliseconds patience);

 private:
  explicit Database(sqlite3* handle) : handle_(handle) {}
  sqlite3* handle_;
  std::int64_t patience_ms_ = 0;
};

}  // namespace core
