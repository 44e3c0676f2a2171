// SQLite: one line that writes, a few that read. Callers that write at the same time share a COMMIT, and so
// the wait for the disk: whoever comes first leads, does the others' work after its own, each in a savepoint,
// and commits for all.
#include <condition_variable>
#include <deque>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <unistd.h>
#include <unordered_map>

#include "core/file.h"
#include "core/sqlite.h"
#include "registry/sql.h"

namespace registry {
namespace {

using std::chrono::milliseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::size_t kMaxStatements = 300;  // that a line keeps ready
constexpr std::size_t kMaxGroup = 256;
constexpr milliseconds kMaxGather{20};  // the first of a group waits no longer for the work of others
constexpr milliseconds kPatience{10'000};

core::Error told(core::Error error) {
  if (error.code == "core.sqlite.unique") {
    error.code = SqlLine::kTaken;
    return error;
  }
  return unavailable(std::move(error));
}

class SqliteLine final : public SqlLine {
 public:
  static core::Result<std::unique_ptr<SqliteLine>> open(const std::string& path, const std::string& pragmas) {
    auto database = core::Database::open(path);
    if (!database) return core::fail(told(std::move(database).error()));
    (*database)->wait_for_turns(kPatience);
    if (auto done = (*database)->execute(pragmas); !done) return core::fail(told(std::move(done).error()));
    return std::unique_ptr<SqliteLine>(new SqliteLine(*std::move(database)));
  }

  core::Result<core::SqlRows> run(const std::string& sql, core::SqlParameters parameters) override {
    auto found = statements_.find(sql);
    if (found == statements_.end()) {
      if (statements_.size() >= kMaxStatements) statements_.clear();
      auto prepared = database_->prepare(in_dialect(Dialect::sqlite, sql));
      if (!prepared) return core::fail(told(std::move(prepared).error()));
      found = statements_.emplace(sql, *std::move(prepared)).first;
    }
    core::SqlRows rows;
    auto done = found->second.query(parameters, [&](const std::vector<std::string_view>& columns) {
      rows.emplace_back(columns.begin(), columns.end());
      return core::Status{};
    });
    if (!done) return core::fail(told(std::move(done).error()));
    return rows;
  }
  core::Status execute(const std::string& sql) {
    RETURN_IF_ERROR(run(sql, {}));
    return {};
  }
  Dialect dialect() const override { return Dialect::sqlite; }
  bool in_transaction() const { return database_->in_transaction(); }

 private:
  explicit SqliteLine(std::unique_ptr<core::Database> database) : database_(std::move(database)) {}

  std::unique_ptr<core::Database> database_;
  std::unordered_map<std::string, core::Statement> statements_;  // after the database, so gone before it
};

class SqliteBackend final : public SqlBackend {
 public:
  SqliteBackend(std::string path, std::size_t readers, std::unique_ptr<SqliteLine> writer)
      : path_(std::move(path)), max_readers_(std::max<std::size_t>(readers, 1)), writer_(std::move(writer)) {}

  core::Status read(const Work& work) override {
    ASSIGN_OR_RETURN(auto line, borrow());
    core::Status outcome = work(*line);
    {
      std::lock_guard lock(readers_mutex_);
      readers_.push_back(std::move(line));
    }
    reader_back_.notify_one();
    return outcome;
  }

  core::Status write(const Work& work) override {
    const auto job = std::make_shared<Job>(work);
    bool leads = false;
    {
      std::unique_lock lock(mutex_);
      queue_.push_back(job);
      if (led_) {
        job->wake.wait(lock, [&] { return job->state != Job::State::waits; });
      } else {
        led_ = true;
        job->state = Job::State::leads;
      }
      leads = job->state == Job::State::leads;
    }
    if (leads) lead();
    if (job->thrown) std::rethrow_exception(job->thrown);
    return std::move(job->outcome);
  }

  // The file's lock is taken with the transaction.
  core::Status hold_schema(SqlLine& line) override {
    ASSIGN_OR_RETURN(const auto version, schema_version(line));
    if (version) return {};
    ASSIGN_OR_RETURN(const auto tables, line.run("SELECT name FROM sqlite_master LIMIT 1"));
    if (tables.empty()) return {};
    return core::fail(core::ErrorKind::invalid_input, "registry.store.setting",
                      fmt::format("The file {} is a database of something else.", path_),
                      "Name a file that does not exist yet.");
  }
  core::Result<std::optional<std::int64_t>> schema_version(SqlLine& line) override {
    ASSIGN_OR_RETURN(const auto table,
                     line.run("SELECT name FROM sqlite_master WHERE type = 'table' AND name "
                              "= 'schema_version'"));
    if (table.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(const auto rows, line.run("SELECT version FROM schema_version"));
    return rows.empty() ? 0 : to_number(rows[0][0]);
  }

  core::Status backup(const std::string& path) override {
    // Made here, because SQLite would make it readable for others; it takes an empty file.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
      return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                        fmt::format("The backup {} cannot be made, or is there already.", path),
                        "Name a new file in a directory that exists.");
    }
    auto done = [&]() -> core::Status {
      // Reads one snapshot, so nobody waits for it.
      ASSIGN_OR_RETURN(const auto line, SqliteLine::open(path_, "PRAGMA synchronous=FULL"));
      RETURN_IF_ERROR(line->run("VACUUM INTO ?1", std::array{std::string_view(path)}));
      return {};
    }();
    if (done && ::fsync(fd) != 0) {
      done = core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                        fmt::format("The backup {} did not reach the disk.", path));
    }
    ::close(fd);
    if (!done) ::unlink(path.c_str());
    return done;
  }

  Dialect dialect() const override { return Dialect::sqlite; }
  std::string where() const override { return path_; }

 private:
  // Shared by its owner and its leader: who is told that it is done may be gone before the telling is over.
  struct Job {
    enum class State { waits, leads, done };
    explicit Job(const Work& its_work) : work(its_work) {}
    const Work& work;
    State state = State::waits;
    core::Status outcome{};
    std::exception_ptr thrown{};
    std::condition_variable wake{};
  };

  core::Result<std::unique_ptr<SqliteLine>> borrow() {
    {
      std::unique_lock lock(readers_mutex_);
      reader_back_.wait(lock, [&] { return !readers_.empty() || open_readers_ < max_readers_; });
      if (!readers_.empty()) {
        auto line = std::move(readers_.back());
        readers_.pop_back();
        return line;
      }
      ++open_readers_;
    }
    auto line = SqliteLine::open(path_, "PRAGMA query_only=ON; PRAGMA cache_size=-16384");
    if (!line) {
      {
        std::lock_guard lock(readers_mutex_);
        --open_readers_;
      }
      reader_back_.notify_one();
    }
    return line;
  }

  // A group: its leader's own work first, which is at the head of the queue, then whatever comes until it is
  // committed.
  void lead() {
    std::vector<std::shared_ptr<Job>> group;
    core::Status shared = writer_->execute("BEGIN IMMEDIATE");
    if (shared) {
      shared = gather(group);
      if (shared && std::ranges::any_of(group, [](const auto& job) { return went_well(*job); })) {
        shared = writer_->execute("COMMIT");
      }
      if (writer_->in_transaction()) static_cast<void>(writer_->execute("ROLLBACK"));
    }
    {
      std::lock_guard lock(mutex_);
      // Who waits meanwhile would only wait for the same.
      if (group.empty()) {
        group.assign(queue_.begin(), queue_.end());
        queue_.clear();
      }
      for (const auto& job : group) {
        // A refusal, too, may rest on what a neighbour wrote and has lost now.
        if (!shared) job->outcome = shared;
        job->state = Job::State::done;
      }
      led_ = !queue_.empty();
      if (led_) {
        queue_.front()->state = Job::State::leads;
        group.push_back(queue_.front());
      }
    }
    // Whoever wakes up finds the lock free.
    for (const auto& job : group) job->wake.notify_one();
  }

  core::Status gather(std::vector<std::shared_ptr<Job>>& group) {
    const auto until = SteadyClock::now() + kMaxGather;
    for (;;) {
      {
        std::lock_guard lock(mutex_);
        if (queue_.empty()) return {};
        if (!group.empty() && (group.size() >= kMaxGroup || SteadyClock::now() >= until)) return {};
        group.push_back(queue_.front());
        queue_.pop_front();
      }
      perform(*group.back());
      if (!writer_->in_transaction()) {
        return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                          fmt::format("SQLite gave up a transaction in {}.", path_),
                          "Check that its disk has room and can be written to.");
      }
    }
  }

  void perform(Job& job) {
    job.outcome = writer_->execute("SAVEPOINT job");
    if (!job.outcome) return;
    try {
      job.outcome = job.work(*writer_);
    } catch (...) {
      job.thrown = std::current_exception();  // its caller's, on whose thread it goes on
    }
    if (went_well(job)) {
      job.outcome = writer_->execute("RELEASE job");
      return;
    }
    static_cast<void>(writer_->execute("ROLLBACK TO job"));
    static_cast<void>(writer_->execute("RELEASE job"));
  }

  static bool went_well(const Job& job) { return job.outcome && !job.thrown; }

  const std::string path_;
  const std::size_t max_readers_;

  std::mutex mutex_;  // of the queue
  std::deque<std::shared_ptr<Job>> queue_;
  bool led_ = false;
  std::unique_ptr<SqliteLine> writer_;  // the leader's

  std::mutex readers_mutex_;
  std::condition_variable reader_back_;
  std::vector<std::unique_ptr<SqliteLine>> readers_;
  std::size_t open_readers_ = 0;
};

}  // namespace

core::Result<std::unique_ptr<SqlBackend>> open_sqlite(const std::string& path, std::size_t readers) {
  // One process at a time: two that change a new database to a write-ahead log at once may both fail.
  auto lock = core::FileLock::acquire(path + ".lock");
  if (!lock) return core::fail(unavailable(std::move(lock).error()));
  // A commit is on disk before its outcome counts. The log is copied back after so many pages. What a
  // savepoint would be rolled back by is kept in memory, else every page that changes is written to a
  // temporary file, too.
  ASSIGN_OR_RETURN(
      auto writer,
      SqliteLine::open(
          path,
          "PRAGMA temp_store=MEMORY; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=16000; PRAGMA "
          "journal_size_limit=67108864; PRAGMA cache_size=-65536"));
  return std::make_unique<SqliteBackend>(path, readers, std::move(writer));
}

}  // namespace registry
