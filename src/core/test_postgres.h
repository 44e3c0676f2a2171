// A PostgreSQL server of a test's own: in a scratch directory, reached by a Unix socket only, run by an
// unprivileged user, because it refuses to run as root. Needs Debian's package postgresql.
#pragma once

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <pwd.h>
#include <signal.h>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "core/scratch_directory.h"

namespace core::test {

class PostgresServer {
 public:
  // Null where PostgreSQL is not installed, or cannot be started.
  static std::unique_ptr<PostgresServer> start() {
    std::unique_ptr<PostgresServer> server(new PostgresServer);
    return server->initialise() && server->run() ? std::move(server) : nullptr;
  }
  // Why start() gave none, for GTEST_SKIP.
  static constexpr const char* kAbsent = "PostgreSQL is not installed here (apt install postgresql)";

  ~PostgresServer() {
    if (server_ > 0) crash();
  }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  // The user's password is part of it, as it is in life; the server does not ask for it.
  std::string uri(const std::string& user = "tester", const std::string& database = "postgres") const {
    std::string host;
    for (char c : scratch_.path()) host += c == '/' ? std::string("%2F") : std::string(1, c);
    return fmt::format("postgresql://{}:s3cr3t-word@{}/{}", user, host, database);
  }
  // As an administrator, by psql.
  bool sql(const std::string& statements) const {
    return call({bin_ + "/psql", "-qX", "-h", scratch_.path(), "-U", "tester", "-d", "postgres", "-v",
                 "ON_ERROR_STOP=1", "-c", statements}) == 0;
  }
  // At once, as kill -9 does; what was committed stays.
  void crash() {
    ::kill(server_, SIGQUIT);
    ::waitpid(server_, nullptr, 0);
    server_ = -1;
  }
  bool run() {
    server_ = spawn({bin_ + "/postgres", "-D", data(), "-k", scratch_.path(), "-c", "listen_addresses=", "-c",
                     "max_connections=60", "-c", "shared_buffers=16MB",
                     // What the machine's own end would cost is nothing that a test looks at.
                     "-c", "fsync=off", "-c", "full_page_writes=off",
                     // It has transactions of its own, and events are read up to the oldest that runs.
                     "-c", "autovacuum=off"});
    for (int i = 0; i < 2000; ++i) {
      if (call({bin_ + "/pg_isready", "-q", "-h", scratch_.path()}) == 0) return true;
      if (::waitpid(server_, nullptr, WNOHANG) != 0) break;
      ::usleep(5'000);
    }
    server_ = -1;
    return false;
  }

 private:
  PostgresServer() = default;
  std::string data() const { return scratch_.path() + "/data"; }

  bool initialise() {
    std::error_code error;
    for (std::filesystem::directory_iterator entry("/usr/lib/postgresql", error), end; !error && entry != end;
         entry.increment(error)) {
      bin_ = std::max(bin_, (entry->path() / "bin").string());
    }
    if (bin_.empty() || ::access((bin_ + "/initdb").c_str(), X_OK) != 0 || scratch_.path().empty())
      return false;
    if (::geteuid() == 0) {
      const passwd* other = ::getpwnam("postgres");
      if (other == nullptr) other = ::getpwnam("nobody");
      if (other == nullptr || ::chown(scratch_.path().c_str(), other->pw_uid, other->pw_gid) != 0)
        return false;
      user_ = other->pw_uid;
      group_ = other->pw_gid;
    }
    return call({bin_ + "/initdb", "-D", data(), "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C",
                 "--no-sync", "--no-instructions"}) == 0;
  }

  pid_t spawn(const std::vector<std::string>& command) const {
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    if (group_ != 0 && (::setgid(group_) != 0 || ::setuid(user_) != 0)) ::_exit(127);
    // Should the test be killed, nothing of it stays.
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    // Its log would stand between the test's lines.
    if (std::freopen((scratch_.path() + "/log").c_str(), "a", stderr) == nullptr ||
        std::freopen("/dev/null", "w", stdout) == nullptr || ::chdir(scratch_.path().c_str()) != 0) {
      ::_exit(127);
    }
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  int call(const std::vector<std::string>& command) const {
    int status = -1;
    ::waitpid(spawn(command), &status, 0);
    return status;
  }

  ScratchDirectory scratch_;
  std::string bin_;
  uid_t user_ = 0;
  gid_t group_ = 0;
  pid_t server_ = -1;
};

}  // namespace core::test
