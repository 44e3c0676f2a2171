// PostgreSQL: every transaction on a connection of its own, tried again when it lost against another.
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <thread>

#include "core/postgres.h"
#include "core/random.h"
#include "registry/sql.h"

namespace registry {
namespace {

constexpr int kAttempts = 6;
// "oktagent" as a number: of the lock under which the schema is changed.
constexpr std::string_view kSchemaLock = "8028638722413391476";

core::Error told(core::Error error) {
  if (error.code == "core.postgres.unique") {
    error.code = SqlLine::kTaken;
    return error;
  }
  if (error.code == "core.postgres.again") {
    error.code = SqlLine::kAgain;
    return error;
  }
  return unavailable(std::move(error));
}

class PostgresLine final : public SqlLine {
 public:
  explicit PostgresLine(core::PostgresConnection& connection) : connection_(connection) {}
  core::Result<core::SqlRows> run(const std::string& sql, core::SqlParameters parameters) override {
    auto rows = connection_.run(in_dialect(Dialect::postgres, sql), parameters);
    if (!rows) return core::fail(told(std::move(rows).error()));
    return rows;
  }
  Dialect dialect() const override { return Dialect::postgres; }

 private:
  core::PostgresConnection& connection_;
};

// Each statement by itself, on whichever connection is free.
class PostgresReads final : public SqlLine {
 public:
  explicit PostgresReads(core::Postgres& postgres) : postgres_(postgres) {}
  core::Result<core::SqlRows> run(const std::string& sql, core::SqlParameters parameters) override {
    auto rows = postgres_.run(in_dialect(Dialect::postgres, sql), parameters, true);
    if (!rows) return core::fail(told(std::move(rows).error()));
    return rows;
  }
  Dialect dialect() const override { return Dialect::postgres; }

 private:
  core::Postgres& postgres_;
};

class PostgresBackend final : public SqlBackend {
 public:
  PostgresBackend(core::Secret url, std::size_t connections)
      : place_(core::Postgres::place(url.reveal())),
        postgres_({.connection = std::move(url),
                   .connections = std::max<std::size_t>(connections, 1),
                   .application = "okta-agent-registry",
                   .on_connect = [](core::PostgresConnection& connection) {
                     return connection.execute("SET search_path = okta_agent_registry, pg_catalog");
                   }}) {}

  core::Status read(const Work& work) override {
    PostgresReads line(postgres_);
    return work(line);
  }

  core::Status write(const Work& work) override {
    for (int attempt = 1;; ++attempt) {
      auto done = postgres_.transaction([&](core::PostgresConnection& connection) {
        PostgresLine line(connection);
        return work(line);
      });
      if (done) return done;
      core::Error error = std::move(done).error();
      if (error.code.starts_with("core.postgres.")) error = told(std::move(error));
      if (error.code != SqlLine::kAgain) return core::fail(std::move(error));
      if (attempt == kAttempts) {
        error.code = "registry.store.unavailable";
        error.hint = "Too many change the same at once; try again.";
        return core::fail(std::move(error));
      }
      // So that the two that met do not meet again.
      const auto pause = core::system_random().number() % static_cast<std::uint64_t>(10 * attempt);
      std::this_thread::sleep_for(std::chrono::milliseconds(pause));
    }
  }

  core::Status hold_schema(SqlLine& line) override {
    RETURN_IF_ERROR(line.run(fmt::format("SELECT pg_advisory_xact_lock({})", kSchemaLock)));
    // Not IF NOT EXISTS, which takes the right to create schemas even where there is one.
    ASSIGN_OR_RETURN(const auto schema,
                     line.run("SELECT FROM pg_namespace WHERE nspname = 'okta_agent_registry'"));
    if (schema.empty()) RETURN_IF_ERROR(line.run("CREATE SCHEMA okta_agent_registry"));
    return {};
  }
  core::Result<std::optional<std::int64_t>> schema_version(SqlLine& line) override {
    ASSIGN_OR_RETURN(const auto table,
                     line.run("SELECT FROM pg_tables WHERE schemaname = 'okta_agent_registry' "
                              "AND tablename = 'schema_version'"));
    if (table.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(const auto rows, line.run("SELECT version FROM okta_agent_registry.schema_version"));
    return rows.empty() ? 0 : to_number(rows[0][0]);
  }

  core::Status backup(const std::string&) override {
    return core::fail(core::ErrorKind::unsupported, "registry.store.unavailable",
                      "A PostgreSQL database is not copied by this program.",
                      "Use pg_dump --schema=okta_agent_registry, or the server's own backup.");
  }

  Dialect dialect() const override { return Dialect::postgres; }
  std::string where() const override { return "PostgreSQL at " + place_; }

 private:
  const std::string place_;
  core::Postgres postgres_;
};

}  // namespace

std::unique_ptr<SqlBackend> open_postgres(core::Secret url, std::size_t connections) {
  return std::make_unique<PostgresBackend>(std::move(url), connections);
}

}  // namespace registry
