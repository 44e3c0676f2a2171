// PostgreSQL through libpq, which is loaded at the first use: a few connections that are made when needed,
// kept, and replaced when they break. libpq-fe.h stays in postgres.cpp.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/secret.h"
#include "core/state_sql.h"

namespace core {

class PostgresConnection;  // one line to the server

struct PostgresOptions {
  Secret connection;  // a URI, as libpq takes it
  std::size_t connections = 4;
  std::chrono::milliseconds connect_timeout{5000};
  std::chrono::milliseconds statement_timeout{5000};
  std::string application = "okta-mcp-server";  // as the server's administrator sees it
  // Run once on each new connection, before anything else.
  std::function<Status(PostgresConnection&)> on_connect;
};

// Thread-safe. Errors: core.postgres.library (libpq is missing), core.postgres.setting (the URI),
// core.postgres.connect, core.postgres.busy (all connections in use for too long), core.postgres.lost (the
// line broke or the server did not answer in time: whether the statement took effect is unknown),
// core.postgres.rights, core.postgres.again (serialization failure or deadlock: nothing of the transaction
// took effect, and it may pass when tried again), core.postgres.unique (a UNIQUE or PRIMARY KEY rule),
// core.postgres.sql (anything else; SQLSTATE in the message), and those of on_connect. No message holds the
// password.
class Postgres {
 public:
  explicit Postgres(PostgresOptions options);
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  // One statement, committed by itself. `repeatable`: it changes nothing, so that it is run a second time
  // when the line turns out to be broken.
  Result<SqlRows> run(const std::string& sql, SqlParameters parameters, bool repeatable = false);
  // BEGIN, `work`, COMMIT; ROLLBACK when `work` fails. Read committed.
  Status transaction(const std::function<Status(PostgresConnection&)>& work);

  // Host, port and database of a URI, without user, password and options: "db.example.com:5432/okta".
  static std::string place(std::string_view uri);

 private:
  class Borrowed;
  Result<Borrowed> borrow();
  Result<std::unique_ptr<PostgresConnection>> connect();
  void give_back(std::unique_ptr<PostgresConnection> connection);

  const PostgresOptions options_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<PostgresConnection>> idle_;
  std::size_t open_ = 0;  // idle or in use
};

// For one thread at a time; a thread that got it from Postgres.
class PostgresConnection {
 public:
  ~PostgresConnection();
  PostgresConnection(const PostgresConnection&) = delete;
  PostgresConnection& operator=(const PostgresConnection&) = delete;

  // Prepared at its first run. Parameters are $1, $2 ... as text; null columns come as empty text.
  Result<SqlRows> run(const std::string& sql, SqlParameters parameters = {});
  // One or more statements without parameters and rows that matter.
  Status execute(const std::string& sql);

 private:
  friend class Postgres;
  struct Impl;
  explicit PostgresConnection(std::unique_ptr<Impl> impl);
  bool alive();

  std::unique_ptr<Impl> impl_;
};

}  // namespace core
