// The shared state of instances on any machines: logs and records in PostgreSQL, schema okta_mcp.
#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <iterator>
#include <ranges>

#include "core/postgres.h"
#include "core/state_sql.h"

namespace core {
namespace {

// What each version added, oldest first.
constexpr std::string_view kMigrations[] = {
    // The head of a log holds its last line, so that whoever has locked the head sees what it must follow.
    R"(CREATE TABLE okta_mcp.logs (name text COLLATE "C" PRIMARY KEY, lines bigint NOT NULL, last text NOT NULL);
CREATE TABLE okta_mcp.lines (log text COLLATE "C" NOT NULL, number bigint NOT NULL, line text NOT NULL,
  PRIMARY KEY (log, number));
CREATE TABLE okta_mcp.records (key text COLLATE "C" PRIMARY KEY, value text NOT NULL, version bigint NOT NULL,
  expires bigint NOT NULL);
CREATE INDEX records_by_expiry ON okta_mcp.records (expires);)",
};

// "okta_mcp" as a number: of the lock under which the schema is changed.
constexpr std::string_view kMigrationLock = "8028363366158721904";

constexpr std::string_view kNow =
    "COALESCE(CAST(NULLIF(?1, '') AS bigint), CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint))";

const std::string kVersion = "SELECT version FROM okta_mcp.schema_version";
const std::string kHead =
    "INSERT INTO okta_mcp.logs (name, lines, last) VALUES ($1, 0, '') "
    "ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING lines, last";
const std::string kAppend =
    "WITH head AS (UPDATE okta_mcp.logs SET lines = lines + 1, last = $2 WHERE name = $1 RETURNING lines) "
    "INSERT INTO okta_mcp.lines (log, number, line) SELECT $1, head.lines, $2 FROM head";
// So many lines at a time: at most 64 MiB, and usually less than one.
const std::string kRead =
    "SELECT number, line FROM okta_mcp.lines WHERE log = $1 AND number > CAST($2 AS bigint) ORDER BY number "
    "LIMIT 64";
const std::string kTail =
    "SELECT line FROM okta_mcp.lines WHERE log = $1 ORDER BY number DESC LIMIT CAST($2 AS bigint)";

class PostgresState final : public SqlStateStore {
 public:
  explicit PostgresState(PostgresStateOptions options)
      : SqlStateStore(kNow, '$'),
        place_(Postgres::place(options.connection.reveal())),
        clock_(options.clock),
        postgres_({.connection = std::move(options.connection),
                   .connections = options.connections,
                   .connect_timeout = options.connect_timeout,
                   .statement_timeout = options.statement_timeout,
                   .on_connect = [this](PostgresConnection& connection) { return prepare(connection); }}) {}

  Status append(std::string_view log, const NextLine& next) override {
    RETURN_IF_ERROR(check_log(log));
    return told(postgres_.transaction([&](PostgresConnection& connection) -> Status {
      ASSIGN_OR_RETURN(const auto head, connection.run(kHead, std::array{log}));
      ASSIGN_OR_RETURN(const std::string line, next(head.at(0).at(1)));
      RETURN_IF_ERROR(check_line(line));
      RETURN_IF_ERROR(connection.run(kAppend, std::array{log, std::string_view(line)}));
      return {};
    }));
  }

  Status read(std::string_view log, const std::function<Status(std::string_view line)>& line) override {
    RETURN_IF_ERROR(check_log(log));
    std::string after = "0";
    for (;;) {
      auto rows = postgres_.run(kRead, std::array{log, std::string_view(after)}, true);
      if (!rows) return told(fail(std::move(rows).error()));
      if (rows->empty()) return {};
      for (const auto& row : *rows) RETURN_IF_ERROR(line(row[1]));
      after = rows->back()[0];
    }
  }

  Result<std::vector<std::string>> tail(std::string_view log, std::size_t count) override {
    RETURN_IF_ERROR(check_log(log));
    const std::string at_most = fmt::format("{}", std::min(count, kMaxList));
    auto rows = postgres_.run(kTail, std::array{log, std::string_view(at_most)}, true);
    if (!rows) return told(std::move(rows).error());
    std::vector<std::string> lines;
    lines.reserve(rows->size());
    for (auto& row : *rows | std::views::reverse) lines.push_back(std::move(row[0]));
    return lines;
  }

  std::string where(std::string_view log) const override { return fmt::format("{}, log {}", where(), log); }
  std::string where() const override { return "PostgreSQL at " + place_; }
  bool remote() const override { return true; }

 protected:
  Result<SqlRows> run(Sql which, SqlParameters parameters) override {
    auto rows = postgres_.run(text_of(which), parameters, which == Sql::get || which == Sql::list);
    if (!rows) return told(std::move(rows).error());
    return rows;
  }

  std::string clock_text() const override {
    return clock_ != nullptr ? fmt::format("{}", clock_->now().time_since_epoch().count()) : std::string{};
  }

 private:
  // An error of the connection in this store's terms.
  static std::unexpected<Error> told(Error error) {
    if (error.code == "core.postgres.rights") {
      error.code = "core.state.rights";
      error.hint =
          "Let the role own the schema okta_mcp, or the database: CREATE SCHEMA okta_mcp AUTHORIZATION role.";
    } else if (error.code.starts_with("core.postgres.")) {
      error.code = "core.state.unavailable";
      if (error.hint.empty()) {
        error.hint = "Check OKTA_MCP_STATE_STORE, the network and the database; reads go on without it.";
      }
    }
    return std::unexpected(std::move(error));
  }
  static Status told(Status status) {
    if (status) return status;
    return told(std::move(status).error());
  }

  // Every connection, because a server of a newer version may have changed the schema meanwhile.
  Status prepare(PostgresConnection& connection) const {
    RETURN_IF_ERROR(connection.execute("SET search_path = okta_mcp, pg_catalog"));
    std::size_t version = 0;
    ASSIGN_OR_RETURN(const bool there, present_version(connection, version));
    if (there && version == std::size(kMigrations)) return {};
    if (version <= std::size(kMigrations)) return migrate(connection);
    return newer(version);
  }

  static Result<bool> present_version(PostgresConnection& connection, std::size_t& version) {
    // The tables themselves: to_regclass() may answer from a cache that is older than the lock of migrate().
    ASSIGN_OR_RETURN(const auto table, connection.run("SELECT FROM pg_tables WHERE schemaname = 'okta_mcp' "
                                                      "AND tablename = 'schema_version'"));
    if (table.empty()) return false;
    ASSIGN_OR_RETURN(const auto rows, connection.run(kVersion));
    if (rows.empty()) return false;
    std::from_chars(rows[0][0].data(), rows[0][0].data() + rows[0][0].size(), version);
    return true;
  }

  std::unexpected<Error> newer(std::size_t version) const {
    return fail(
        ErrorKind::unsupported, "core.state.newer",
        fmt::format("The shared state in {} was written by a newer version of this program (format {}, this "
                    "one knows {}).",
                    where(), version, std::size(kMigrations)),
        "Update this instance.");
  }

  // By one instance at a time; the others find it done.
  Status migrate(PostgresConnection& connection) const {
    RETURN_IF_ERROR(connection.execute("BEGIN"));
    auto done = [&]() -> Status {
      RETURN_IF_ERROR(connection.execute(fmt::format("SELECT pg_advisory_xact_lock({})", kMigrationLock)));
      std::size_t version = 0;
      ASSIGN_OR_RETURN(const bool there, present_version(connection, version));
      if (version > std::size(kMigrations)) return newer(version);
      if (!there) {
        // Not IF NOT EXISTS, which takes the right to create schemas even where there is one.
        ASSIGN_OR_RETURN(const auto schema,
                         connection.run("SELECT FROM pg_namespace WHERE nspname = 'okta_mcp'"));
        if (schema.empty()) RETURN_IF_ERROR(connection.execute("CREATE SCHEMA okta_mcp"));
        RETURN_IF_ERROR(
            connection.execute("CREATE TABLE okta_mcp.schema_version (version bigint NOT NULL); "
                               "INSERT INTO okta_mcp.schema_version VALUES (0)"));
      }
      for (; version < std::size(kMigrations); ++version) {
        RETURN_IF_ERROR(connection.execute(std::string(kMigrations[version])));
      }
      return connection.execute(fmt::format("UPDATE okta_mcp.schema_version SET version = {}", version));
    }();
    if (done) return connection.execute("COMMIT");
    static_cast<void>(connection.execute("ROLLBACK"));
    return done;
  }

  const std::string place_;
  Clock* const clock_;
  Postgres postgres_;
};

}  // namespace

std::unique_ptr<StateStore> postgres_state(PostgresStateOptions options) {
  return std::make_unique<PostgresState>(std::move(options));
}

}  // namespace core
