// The shared state of one machine and user: logs as files of lines, records in SQLite.
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <mutex>
#include <sys/file.h>
#include <sys/stat.h>

#include "core/file.h"
#include "core/sqlite.h"
#include "core/state_sql.h"

namespace core {
namespace {

// What each version added, oldest first. PRAGMA user_version counts them.
constexpr std::string_view kMigrations[] = {
    "CREATE TABLE records (key TEXT PRIMARY KEY, value TEXT NOT NULL, version BIGINT NOT NULL, "
    "expires BIGINT NOT NULL) WITHOUT ROWID; CREATE INDEX records_by_expiry ON records (expires);",
};

struct FileCloser {
  void operator()(std::FILE* file) const { static_cast<void>(std::fclose(file)); }
};
using File = std::unique_ptr<std::FILE, FileCloser>;

std::unexpected<Error> unavailable(std::string_view what, const std::string& path, std::string_view reason) {
  return fail(
      ErrorKind::unavailable, "core.state.unavailable", fmt::format("Cannot {} {}: {}", what, path, reason),
      "Check that the state directory (OKTA_MCP_STATE_DIR) belongs to this user and its disk has room.");
}

class DirectoryState final : public SqlStateStore {
 public:
  DirectoryState(std::string directory, Clock& clock)
      : SqlStateStore("CAST(?1 AS BIGINT)", '?'), directory_(std::move(directory)), clock_(clock) {}

  Status append(std::string_view log, const NextLine& next) override {
    RETURN_IF_ERROR(check_log(log));
    std::error_code ignored;
    if (!std::filesystem::exists(directory_, ignored)) RETURN_IF_ERROR(make_private_directory(directory_));
    return DurableLines::append(where(log), [&](std::string_view last) -> Result<std::string> {
      ASSIGN_OR_RETURN(std::string line, next(last));
      RETURN_IF_ERROR(check_line(line));
      return line;
    });
  }

  Status read(std::string_view log, const std::function<Status(std::string_view line)>& line) override {
    RETURN_IF_ERROR(check_log(log));
    const std::string path = where(log);
    const File file(std::fopen(path.c_str(), "re"));
    if (!file && errno == ENOENT) return {};
    if (!file) return unavailable("read", path, std::strerror(errno));
    ASSIGN_OR_RETURN(std::uint64_t left, settled_size(file.get(), path));
    std::string text, chunk(64u << 10, '\0');
    while (left > 0) {
      const std::size_t wanted = std::min<std::uint64_t>(chunk.size(), left);
      const std::size_t got = std::fread(chunk.data(), 1, wanted, file.get());
      if (got < wanted && std::ferror(file.get()) != 0) return unavailable("read", path, "the read failed");
      left = got < wanted ? 0 : left - got;
      text.append(chunk, 0, got);
      std::size_t begin = 0;
      for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
        RETURN_IF_ERROR(line(std::string_view(text).substr(begin, end - begin)));
      }
      text.erase(0, begin);
      if (text.size() > kMaxLine) break;  // no line of ours: its beginning shows that
    }
    if (!text.empty()) RETURN_IF_ERROR(line(text));
    return {};
  }

  Result<std::vector<std::string>> tail(std::string_view log, std::size_t count) override {
    std::deque<std::string> newest;
    count = std::min(count, kMaxList);
    RETURN_IF_ERROR(read(log, [&](std::string_view line) {
      newest.emplace_back(line);
      if (newest.size() > count) newest.pop_front();
      return Status{};
    }));
    return std::vector<std::string>(std::move_iterator(newest.begin()), std::move_iterator(newest.end()));
  }

  std::string where(std::string_view log) const override {
    return fmt::format("{}/{}.jsonl", directory_, log);
  }
  std::string where() const override { return directory_; }
  bool remote() const override { return false; }

 protected:
  Result<SqlRows> run(Sql which, SqlParameters parameters) override {
    std::lock_guard lock(mutex_);
    if (!database_) {
      if (auto opened = open(); !opened) return unavailable_records(std::move(opened).error());
    }
    auto found = statements_.find(which);
    if (found == statements_.end()) {
      auto prepared = database_->prepare(text_of(which));
      if (!prepared) return unavailable_records(std::move(prepared).error());
      found = statements_.emplace(which, *std::move(prepared)).first;
    }
    SqlRows rows;
    auto done = found->second.query(parameters, [&](const std::vector<std::string_view>& columns) {
      rows.emplace_back(columns.begin(), columns.end());
      return Status{};
    });
    if (!done) return unavailable_records(std::move(done).error());
    return rows;
  }

  std::string clock_text() const override {
    return fmt::format("{}", clock_.now().time_since_epoch().count());
  }

 private:
  std::string file() const { return directory_ + "/state.db"; }

  // Whoever appends holds the file's lock: what is there without it are whole lines, or what a crash left.
  static Result<std::uint64_t> settled_size(std::FILE* file, const std::string& path) {
    struct stat info{};
    const int fd = ::fileno(file);
    if (::flock(fd, LOCK_SH) != 0 || ::fstat(fd, &info) != 0 || ::flock(fd, LOCK_UN) != 0) {
      return unavailable("read", path, std::strerror(errno));
    }
    return static_cast<std::uint64_t>(info.st_size);
  }

  std::unexpected<Error> unavailable_records(Error error) const {
    if (error.code != "core.sqlite") return fail(std::move(error));
    return unavailable("use", file(), error.message);
  }

  // One process at a time, because two that change a new database to a write-ahead log at once may both fail.
  Status open() {
    RETURN_IF_ERROR(make_private_directory(directory_));
    ASSIGN_OR_RETURN(const FileLock lock, FileLock::acquire(file() + ".lock"));
    ASSIGN_OR_RETURN(auto database, Database::open(file()));
    // A commit is on disk before its outcome counts: who consumed a release before the power went must not be
    // able to use it again.
    RETURN_IF_ERROR(database->execute("PRAGMA synchronous=FULL"));
    RETURN_IF_ERROR(migrate(*database));
    database_ = std::move(database);
    return {};
  }

  Status migrate(Database& database) const {
    std::size_t version = 0;
    ASSIGN_OR_RETURN(auto ask, database.prepare("PRAGMA user_version"));
    RETURN_IF_ERROR(ask.query({}, [&](const std::vector<std::string_view>& columns) {
      std::from_chars(columns[0].data(), columns[0].data() + columns[0].size(), version);
      return Status{};
    }));
    if (version > std::size(kMigrations)) {
      return fail(
          ErrorKind::unsupported, "core.state.newer",
          fmt::format("{} was written by a newer version of this program (format {}, this one knows {}).",
                      file(), version, std::size(kMigrations)),
          "Update this program, or give it a state directory of its own (OKTA_MCP_STATE_DIR).");
    }
    if (version == std::size(kMigrations)) return {};
    return database.transaction([&]() -> Status {
      for (; version < std::size(kMigrations); ++version) {
        RETURN_IF_ERROR(database.execute(std::string(kMigrations[version])));
      }
      return database.execute(fmt::format("PRAGMA user_version={}", version));
    });
  }

  const std::string directory_;
  Clock& clock_;
  std::mutex mutex_;  // of what follows
  std::unique_ptr<Database> database_;
  std::map<Sql, Statement> statements_;
};

}  // namespace

std::unique_ptr<StateStore> directory_state(std::string directory, Clock& clock) {
  return std::make_unique<DirectoryState>(std::move(directory), clock);
}

}  // namespace core
