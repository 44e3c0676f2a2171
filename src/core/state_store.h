// What several instances of a server share: logs that only grow, records with an expiry that are changed by
// compare-and-set, and things of single use.
//
// Two backends, one meaning (state_store_test.cpp runs the same tests on both):
//
//   directory   The instances of one machine and user. A log is a file NAME.jsonl of lines, each on disk
//               before append() returns; records are in state.db (SQLite). Logs stay files on purpose: a
//               person or a log shipper reads them with any tool, `chattr +a` works on them, and a damaged
//               database does not take the log along. Both modes 0600, the directory 0700.
//   PostgreSQL  Instances on any machines. All of it in the schema okta_mcp, which is made at the first use.
//
// Opened at the first use: making a store touches nothing. Both migrate forward and refuse what a newer
// version of the program wrote (core.state.newer).
//
// Errors of every function: core.state.unavailable (with the reason and what to look at), core.state.newer,
// core.state.rights (PostgreSQL: the role may not do it), core.state.name and core.state.limit (a defect of
// the caller's). After core.state.unavailable from a change, nobody knows whether it was made.
// Thread-safe. Calls may take as long as the options say: not for an event loop's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/secret.h"
#include "core/single_use.h"

namespace core {

struct StateRecord {
  std::string key;
  std::string value;
  std::int64_t version = 0;  // another one after each change, also after removing and putting again
  WallTime expires{};        // by the store's clock
};

class StateStore : public SingleUse {
 public:
  // Keys: 1 to 256 printable ASCII characters without spaces, parts separated by '/'. Values and lines: UTF-8
  // without NUL. Names of logs: 1 to 40 of [a-z0-9-].
  static constexpr std::size_t kMaxKey = 256;
  static constexpr std::size_t kMaxValue = 256u << 10;
  static constexpr std::size_t kMaxLine = 1u << 20;
  static constexpr std::size_t kMaxList = 1000;
  static constexpr std::chrono::milliseconds kForever = std::chrono::hours{24 * 365 * 100};

  // Logs.

  // Called with the log's last line, empty at its start; returns the next one. Nobody else appends meanwhile,
  // so it must be quick and must not use the store. It may be called only once per append().
  using NextLine = std::function<Result<std::string>(std::string_view last_line)>;
  // Durable when it returns: on disk, or committed.
  virtual Status append(std::string_view log, const NextLine& next) = 0;
  // Every line, oldest first, until `line` fails; the first part of a line that a crash tore counts as one.
  virtual Status read(std::string_view log, const std::function<Status(std::string_view line)>& line) = 0;
  // The newest `count` lines, oldest first; at most kMaxList.
  virtual Result<std::vector<std::string>> tail(std::string_view log, std::size_t count) = 0;
  // For people: "STATE_DIR/audit.jsonl".
  virtual std::string where(std::string_view log) const = 0;

  // Records. One whose time is over is absent. Times are lengths, because the clock that counts is the
  // store's: the machine's, or the database server's.

  virtual Result<std::optional<StateRecord>> get(std::string_view key) = 0;
  // Whatever was there.
  virtual Status put(std::string_view key, std::string_view value, std::chrono::milliseconds keep) = 0;
  // The new record's version; nullopt when there is one already.
  virtual Result<std::optional<std::int64_t>> put_if_absent(std::string_view key, std::string_view value,
                                                            std::chrono::milliseconds keep) = 0;
  // The new version; nullopt when the record is gone or has another version.
  virtual Result<std::optional<std::int64_t>> replace_if_version(std::string_view key, std::int64_t version,
                                                                 std::string_view value,
                                                                 std::chrono::milliseconds keep) = 0;
  // False when it is gone or has another version.
  virtual Result<bool> remove_if_version(std::string_view key, std::int64_t version) = 0;
  virtual Status remove(std::string_view key) = 0;
  // By key, at most kMaxList; `after` is the last key of the page before.
  virtual Result<std::vector<StateRecord>> list(std::string_view prefix, std::string_view after = {}) = 0;

  // Single use: a record "used/ID".
  Result<bool> consume(std::string_view id, std::chrono::milliseconds keep) override;

  // For people, without secrets: "STATE_DIR", "PostgreSQL at db.example.com/okta".
  virtual std::string where() const = 0;
  // Shared beyond this machine.
  virtual bool remote() const = 0;
};

// `directory` is made when something is written. `clock` outlives the store.
std::unique_ptr<StateStore> directory_state(std::string directory, Clock& clock = system_clock());

struct PostgresStateOptions {
  // postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full ..., as libpq takes it (libpq 15,
  // "34.1.1 Connection Strings"; PGPASSFILE, PGSSLROOTCERT and the like count too).
  Secret connection;
  std::size_t connections = 4;                        // at most; more callers wait
  std::chrono::milliseconds connect_timeout{5000};    // for each address that the name has
  std::chrono::milliseconds statement_timeout{5000};  // at the server; here twice that, then the line is dead
  // Null: the database server's, which is the same for all instances. For tests.
  Clock* clock = nullptr;
};
// libpq (libpq.so.5) is loaded at the first use. Connections are made when needed, kept, and replaced when
// they break. A pooler in between must pool sessions, not transactions.
std::unique_ptr<StateStore> postgres_state(PostgresStateOptions options);

// "directory" or nothing: the directory's; "postgresql://..." or "postgres://...": PostgreSQL's. Error
// core.state.setting for anything else, which the message does not repeat.
Result<std::unique_ptr<StateStore>> make_state_store(const Secret& setting, std::string directory,
                                                     Clock& clock = system_clock());

}  // namespace core
