#include "core/sqlite.h"

#include <cerrno>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace core {

namespace {

std::unexpected<Error> failure(std::string_view doing, sqlite3* handle) {
  const char* reason = handle ? sqlite3_errmsg(handle) : "out of memory";
  const int code = handle ? sqlite3_extended_errcode(handle) : SQLITE_NOMEM;
  const bool taken = code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY;
  return fail(taken ? ErrorKind::conflict : ErrorKind::unavailable,
              taken ? "core.sqlite.unique" : "core.sqlite", std::string(doing) + ": " + reason + ".");
}

}  // namespace

Statement::Statement(Statement&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(handle_, other.handle_);
  return *this;
}

Statement::~Statement() {
  sqlite3_finalize(handle_);
}

// The texts are not copied; release() before they go.
Status Statement::bind(std::span<const std::string_view> parameters) {
  int index = 0;
  for (const auto text : parameters) {
    // An empty view may have no address, which SQLite would take for NULL.
    const char* data = text.empty() ? "" : text.data();
    if (sqlite3_bind_text64(handle_, ++index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
      return failure("A value cannot be bound", sqlite3_db_handle(handle_));
  }
  return {};
}

void Statement::release() {
  sqlite3_reset(handle_);
  sqlite3_clear_bindings(handle_);
}

Status Statement::run(std::initializer_list<std::string_view> parameters) {
  return query(parameters, [](const auto&) { return Status{}; });
}

Status Statement::query(std::initializer_list<std::string_view> parameters,
                        const std::function<Status(const std::vector<std::string_view>& columns)>& row) {
  return query(std::span(parameters.begin(), parameters.size()), row);
}

Status Statement::query(std::span<const std::string_view> parameters,
                        const std::function<Status(const std::vector<std::string_view>& columns)>& row) {
  struct Released {
    Statement& statement;
    ~Released() { statement.release(); }
  } const released{*this};
  RETURN_IF_ERROR(bind(parameters));
  std::vector<std::string_view> columns(static_cast<std::size_t>(sqlite3_column_count(handle_)));
  Status outcome;
  int step = SQLITE_ROW;
  while (outcome && (step = sqlite3_step(handle_)) == SQLITE_ROW) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, static_cast<int>(i)));
      const auto size = static_cast<std::size_t>(sqlite3_column_bytes(handle_, static_cast<int>(i)));
      columns[i] = text ? std::string_view(text, size) : std::string_view();
    }
    outcome = row(columns);
  }
  if (outcome && step != SQLITE_DONE) return failure("A statement failed", sqlite3_db_handle(handle_));
  return outcome;
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path) {
  // Made here, because SQLite would make it readable for others; and made without opening it: closing any
  // descriptor of the file would drop the locks that other connections of this process have on it (fcntl,
  // "record locks"). Another process would then take itself for the last user and remove the write-ahead log
  // under this one, which goes on writing to it.
  const bool there = ::mknod(path.c_str(), S_IFREG | 0600, 0) == 0 || errno == EEXIST;
  if (!there || ::access(path.c_str(), R_OK | W_OK) != 0)
    return fail(ErrorKind::unavailable, "core.sqlite", "The file " + path + " cannot be opened for writing.",
                "Check that its directory exists and may be written to.");
  sqlite3* handle = nullptr;
  const int opened =
      sqlite3_open_v2(path.c_str(), &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<Database> database(new Database(handle));
  if (opened != SQLITE_OK) return failure("The file " + path + " cannot be opened", handle);
  sqlite3_busy_timeout(handle, 5000);
  RETURN_IF_ERROR(
      database->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON"));
  return database;
}

Database::~Database() {
  sqlite3_close_v2(handle_);
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK)
    return failure("A statement cannot be prepared", handle_);
  return Statement(statement);
}

Status Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return failure("A statement failed", handle_);
  return {};
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(handle_) == 0;
}

void Database::wait_for_turns(std::chrono::milliseconds patience) {
  patience_ms_ = patience.count();
  sqlite3_busy_handler(
      handle_,
      [](void* database, int times) {
        if (times >= static_cast<Database*>(database)->patience_ms_) return 0;
        sqlite3_sleep(1);
        return 1;
      },
      this);
}

Status Database::transaction(const std::function<Status()>& work) {
  RETURN_IF_ERROR(execute("BEGIN IMMEDIATE"));
  if (auto outcome = work(); !outcome) {
    // The reason of the failure matters more than that of a failing ROLLBACK.
    static_cast<void>(execute("ROLLBACK"));
    return outcome;
  }
  return execute("COMMIT");
}

}  // namespace core
