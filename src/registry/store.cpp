#include "registry/store.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <mutex>
#include <set>
#include <thread>

#include "registry/entities.h"
#include "registry/events.h"
#include "registry/sql.h"
#include "registry/work_table.h"

namespace registry {
namespace {

constexpr std::size_t kForgetAtOnce = 500;

// Whose thread is inside a transaction of one store: it would wait for itself.
class Inside {
 public:
  core::Status enter_is_free() {
    std::lock_guard lock(mutex_);
    if (!threads_.contains(std::this_thread::get_id())) return {};
    return core::fail(core::ErrorKind::internal, "registry.store.nested",
                      "The store is to be changed within a transaction, but not through it.",
                      "Make that change before or after the transaction.");
  }
  class Mark {
   public:
    explicit Mark(Inside& inside) : inside_(inside) {
      std::lock_guard lock(inside_.mutex_);
      inside_.threads_.insert(std::this_thread::get_id());
    }
    ~Mark() {
      std::lock_guard lock(inside_.mutex_);
      inside_.threads_.erase(std::this_thread::get_id());
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;

   private:
    Inside& inside_;
  };

 private:
  std::mutex mutex_;
  std::set<std::thread::id> threads_;
};

// What the parts of a store share.
struct Shared {
  std::unique_ptr<SqlBackend> backend;
  core::Clock& clock;
  Inside inside{};

  core::Status write(const SqlBackend::Work& work) {
    RETURN_IF_ERROR(inside.enter_is_free());
    return backend->write([&](SqlLine& line) {
      const Inside::Mark mark(inside);
      return work(line);
    });
  }
};

// A line that remembers what went wrong: PostgreSQL would turn the COMMIT after it into a ROLLBACK and say
// nothing.
class WatchedLine final : public SqlLine {
 public:
  explicit WatchedLine(SqlLine& line) : line_(line) {}
  core::Result<core::SqlRows> run(const std::string& sql, core::SqlParameters parameters) override {
    auto rows = line_.run(sql, parameters);
    if (!rows && rows.error().code != kTaken) lose(rows.error());
    return rows;
  }
  Dialect dialect() const override { return line_.dialect(); }

  void lose(const core::Error& error) {
    if (!lost_) lost_ = error;
  }
  const std::optional<core::Error>& lost() const { return lost_; }

 private:
  SqlLine& line_;
  std::optional<core::Error> lost_;
};

class SqlTransaction final : public Transaction {
 public:
  SqlTransaction(SqlLine& line, core::Clock& clock) : line_(line), clock_(clock) {}

  core::Result<std::optional<Row>> get(Kind kind, std::string_view id) override {
    return entities::get(line_, kind, id, false);
  }
  core::Result<std::optional<Stamp>> stamp(Kind kind, std::string_view id) override {
    return entities::stamp(line_, kind, id);
  }
  core::Result<std::optional<Row>> find_unique(Kind kind, std::string_view unique) override {
    return entities::find_unique(line_, kind, unique);
  }
  core::Result<std::vector<Row>> list(const Query& query) override { return entities::list(line_, query); }

  core::Result<std::optional<Row>> hold(Kind kind, std::string_view id) override {
    return entities::get(line_, kind, id, true);
  }
  core::Status insert(Row& row) override { return entities::insert(line_, row, clock_.now()); }
  core::Status update(Row& row) override { return entities::update(line_, row, clock_.now()); }
  core::Status remove(Kind kind, std::string_view id) override { return entities::remove(line_, kind, id); }

  core::Status emit(Event event) override { return events::emit(line_, event, clock_.now(), events_++); }

  core::Status schedule(Work work) override { return work_table::schedule(line_, work); }
  core::Status finish(const Work& work) override { return lost_if(work_table::finish(line_, work)); }
  core::Status retry(const Work& work, core::WallTime due) override {
    return lost_if(work_table::retry(line_, work, due));
  }
  core::Result<bool> consume(std::string_view id, std::chrono::milliseconds keep) override {
    return work_table::consume(line_, id, clock_.now(), keep);
  }

  const std::optional<core::Error>& lost() const { return line_.lost(); }

 private:
  // Who lost the lease changes nothing, whatever it makes of the error.
  core::Status lost_if(core::Status status) {
    if (!status) line_.lose(status.error());
    return status;
  }

  WatchedLine line_;
  core::Clock& clock_;
  std::int64_t events_ = 0;
};

// Records, in the store's own database.
class State final : public core::SqlStateStore {
 public:
  explicit State(Shared& shared)
      : SqlStateStore("CAST(?1 AS BIGINT)", shared.backend->dialect() == Dialect::postgres ? '$' : '?'),
        shared_(shared) {}

  core::Status append(std::string_view, const NextLine&) override { return no_logs(); }
  core::Status read(std::string_view, const std::function<core::Status(std::string_view)>&) override {
    return no_logs();
  }
  core::Result<std::vector<std::string>> tail(std::string_view, std::size_t) override { return no_logs(); }
  std::string where(std::string_view) const override { return where(); }
  std::string where() const override { return shared_.backend->where(); }
  bool remote() const override { return shared_.backend->dialect() == Dialect::postgres; }

 protected:
  core::Result<core::SqlRows> run(Sql which, core::SqlParameters parameters) override {
    core::SqlRows rows;
    const SqlBackend::Work work = [&](SqlLine& line) -> core::Status {
      ASSIGN_OR_RETURN(rows, line.run(text_of(which), parameters));
      return {};
    };
    const bool reads = which == Sql::get || which == Sql::list;
    RETURN_IF_ERROR(reads ? shared_.backend->read(work) : shared_.write(work));
    return rows;
  }
  std::string clock_text() const override { return to_text(shared_.clock.now()); }

 private:
  static std::unexpected<core::Error> no_logs() {
    return core::fail(core::ErrorKind::unsupported, "registry.store.unavailable",
                      "The registry's store keeps no logs of lines.");
  }

  Shared& shared_;
};

class SqlStore final : public Store {
 public:
  SqlStore(std::unique_ptr<SqlBackend> backend, core::Clock& clock)
      : shared_{.backend = std::move(backend), .clock = clock}, state_(shared_) {}

  core::Result<std::optional<Row>> get(Kind kind, std::string_view id) override {
    return read<std::optional<Row>>([&](SqlLine& line) { return entities::get(line, kind, id, false); });
  }
  core::Result<std::optional<Stamp>> stamp(Kind kind, std::string_view id) override {
    return read<std::optional<Stamp>>([&](SqlLine& line) { return entities::stamp(line, kind, id); });
  }
  core::Result<std::optional<Row>> find_unique(Kind kind, std::string_view unique) override {
    return read<std::optional<Row>>([&](SqlLine& line) { return entities::find_unique(line, kind, unique); });
  }
  core::Result<std::vector<Row>> list(const Query& query) override {
    return read<std::vector<Row>>([&](SqlLine& line) { return entities::list(line, query); });
  }
  core::Result<std::vector<Event>> events(const EventQuery& query) override {
    return read<std::vector<Event>>([&](SqlLine& line) { return events::find(line, query); });
  }

  core::Status transaction(const std::function<core::Status(Transaction& tx)>& work) override {
    return shared_.write([&](SqlLine& line) -> core::Status {
      SqlTransaction tx(line, shared_.clock);
      core::Status outcome = work(tx);
      if (tx.lost()) return core::fail(*tx.lost());
      return outcome;
    });
  }

  core::Result<std::optional<Work>> claim(std::string_view node, std::chrono::milliseconds lease) override {
    // Most of the time there is nothing, and finding that out disturbs nobody who writes.
    ASSIGN_OR_RETURN(const bool waits,
                     read<bool>([&](SqlLine& line) { return work_table::waits(line, shared_.clock.now()); }));
    if (!waits) return std::nullopt;
    return write<std::optional<Work>>(
        [&](SqlLine& line) { return work_table::claim(line, node, shared_.clock.now(), lease); });
  }
  core::Result<bool> renew(const Work& work, std::chrono::milliseconds lease) override {
    return write<bool>(
        [&](SqlLine& line) { return work_table::renew(line, work, shared_.clock.now() + lease); });
  }
  core::Result<std::size_t> prune(Kind kind, core::WallTime changed_before,
                                  const std::vector<std::string>& statuses) override {
    return write<std::size_t>(
        [&](SqlLine& line) { return entities::prune(line, kind, changed_before, statuses, kMaxPage); });
  }
  core::Result<std::size_t> forget_expired() override {
    return write<std::size_t>(
        [&](SqlLine& line) { return work_table::forget(line, shared_.clock.now(), kForgetAtOnce); });
  }

  core::StateStore& state() override { return state_; }
  core::Status backup(const std::string& path) override { return shared_.backend->backup(path); }
  std::string where() const override { return shared_.backend->where(); }

 private:
  template <class T>
  core::Result<T> read(const std::function<core::Result<T>(SqlLine&)>& work) {
    return fetch<T>(work, [&](const SqlBackend::Work& step) { return shared_.backend->read(step); });
  }
  template <class T>
  core::Result<T> write(const std::function<core::Result<T>(SqlLine&)>& work) {
    return fetch<T>(work, [&](const SqlBackend::Work& step) { return shared_.write(step); });
  }
  template <class T, class Run>
  static core::Result<T> fetch(const std::function<core::Result<T>(SqlLine&)>& work, const Run& run) {
    T value{};
    RETURN_IF_ERROR(run([&](SqlLine& line) -> core::Status {
      ASSIGN_OR_RETURN(value, work(line));
      return {};
    }));
    return value;
  }

  Shared shared_;
  State state_;
};

}  // namespace

std::string_view to_string(Kind kind) {
  // Without a default, so that a kind without a name does not compile.
  switch (kind) {
    case Kind::mcp_server:
      return "mcp_server";
    case Kind::mcp_auth_server:
      return "mcp_auth_server";
    case Kind::tool:
      return "tool";
    case Kind::readiness:
      return "readiness";
    case Kind::client_auth_settings:
      return "client_auth_settings";
    case Kind::workload_principal:
      return "workload_principal";
    case Kind::jwk:
      return "jwk";
    case Kind::client_secret:
      return "client_secret";
    case Kind::connection:
      return "connection";
    case Kind::delegation_link:
      return "delegation_link";
    case Kind::custom_as:
      return "custom_as";
    case Kind::as_scope:
      return "as_scope";
    case Kind::as_claim:
      return "as_claim";
    case Kind::as_policy:
      return "as_policy";
    case Kind::as_rule:
      return "as_rule";
    case Kind::signing_key:
      return "signing_key";
    case Kind::identity_provider:
      return "identity_provider";
    case Kind::user:
      return "user";
    case Kind::vault_secret:
      return "vault_secret";
    case Kind::service_account:
      return "service_account";
    case Kind::grant:
      return "grant";
    case Kind::interaction:
      return "interaction";
    case Kind::operation:
      return "operation";
    case Kind::principal_url:
      return "principal_url";
    case Kind::revocation:
      return "revocation";
  }
  return {};
}

core::Result<std::unique_ptr<Store>> open_store(StoreOptions options) {
  constexpr std::string_view kSqlite = "sqlite:";
  const std::string& url = options.url.reveal();
  std::unique_ptr<SqlBackend> backend;
  if (url.starts_with("postgresql://") || url.starts_with("postgres://")) {
    backend = open_postgres(options.url.copy(), options.connections);
  } else if (url.starts_with(kSqlite) && url.size() > kSqlite.size()) {
    ASSIGN_OR_RETURN(backend, open_sqlite(url.substr(kSqlite.size()), options.connections));
  } else {
    return core::fail(core::ErrorKind::invalid_input, "registry.store.setting",
                      "The registry's store is neither SQLite nor PostgreSQL.",
                      "Use sqlite:PATH, or postgresql://USER@HOST/DATABASE.");
  }
  RETURN_IF_ERROR(bring_up_to_date(*backend, options.migrate));
  core::Clock& clock = options.clock != nullptr ? *options.clock : core::system_clock();
  return std::make_unique<SqlStore>(std::move(backend), clock);
}

}  // namespace registry
