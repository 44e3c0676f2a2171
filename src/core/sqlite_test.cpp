#include "core/sqlite.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace core {
namespace {

class SqliteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("sqlite_test_" + std::to_string(::getpid()) + ".db");
    clean();
  }
  void TearDown() override { clean(); }
  void clean() {
    for (const auto* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_.string() + suffix);
  }
  std::vector<std::string> rows(Database& database, std::string_view sql) {
    std::vector<std::string> out;
    auto statement = database.prepare(sql);
    EXPECT_TRUE(statement) << describe(statement.error());
    EXPECT_TRUE(statement->query({}, [&](const std::vector<std::string_view>& columns) {
      std::string line;
      for (const auto column : columns) line += "[" + std::string(column) + "]";
      out.push_back(line);
      return Status{};
    }));
    return out;
  }
  std::filesystem::path path_;
};

TEST_F(SqliteTest, KeepsWhatWasWritten) {
  {
    auto database = Database::open(path_);
    ASSERT_TRUE(database) << describe(database.error());
    ASSERT_TRUE((*database)->execute("CREATE TABLE t (k TEXT PRIMARY KEY, v TEXT)"));
    auto insert = (*database)->prepare("INSERT INTO t VALUES (?1, ?2)");
    ASSERT_TRUE(insert);
    ASSERT_TRUE(insert->run({"a", "1"}));
    ASSERT_TRUE(insert->run({"b", ""}));
    ASSERT_TRUE(insert->run({"c", std::string_view("x\0y", 3)}));
  }
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  auto database = Database::open(path_);
  ASSERT_TRUE(database);
  EXPECT_EQ(rows(**database, "SELECT k, v, v IS NULL FROM t ORDER BY k"),
            (std::vector<std::string>{"[a][1][0]", "[b][][0]", std::string("[c][x\0y][0]", 11)}));
}

// Two connections here and another process that comes and goes: it must not take itself for the last user.
TEST_F(SqliteTest, AnotherProcessLeavesTheLogToThoseWhoUseIt) {
  int go[2] = {-1, -1};
  ASSERT_EQ(::pipe(go), 0);
  // Before anything is open here, so that it has nothing of this process's.
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    char byte = 0;
    const bool told = ::read(go[0], &byte, 1) == 1;
    const bool read = told && [&] {
      auto database = Database::open(path_);
      return database && (*database)->execute("SELECT count(*) FROM t");
    }();
    ::_exit(read ? 0 : 1);
  }
  auto one = Database::open(path_);
  ASSERT_TRUE(one);
  ASSERT_TRUE((*one)->execute("CREATE TABLE t (k TEXT)"));
  auto two = Database::open(path_);
  ASSERT_TRUE(two);
  ASSERT_EQ(::write(go[1], "x", 1), 1);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(std::filesystem::exists(path_.string() + "-wal"));
  ::close(go[0]);
  ::close(go[1]);
}

TEST_F(SqliteTest, AFailedTransactionLeavesNothing) {
  auto database = Database::open(path_);
  ASSERT_TRUE(database);
  ASSERT_TRUE((*database)->execute("CREATE TABLE t (k TEXT)"));
  const auto outcome = (*database)->transaction([&]() -> Status {
    RETURN_IF_ERROR((*database)->execute("INSERT INTO t VALUES ('x')"));
    return fail(ErrorKind::conflict, "test.stop", "stopped");
  });
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code, "test.stop");
  EXPECT_TRUE(rows(**database, "SELECT k FROM t").empty());
  ASSERT_TRUE((*database)->transaction([&] { return (*database)->execute("INSERT INTO t VALUES ('y')"); }));
  EXPECT_EQ(rows(**database, "SELECT k FROM t"), std::vector<std::string>{"[y]"});
}

TEST_F(SqliteTest, ErrorsCarryTheReason) {
  auto database = Database::open(path_);
  ASSERT_TRUE(database);
  const auto bad = (*database)->prepare("SELEC 1");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, "core.sqlite");
  EXPECT_NE(bad.error().message.find("SELEC"), std::string::npos);
  const auto nowhere = Database::open(path_.string() + "/no/such/file");
  ASSERT_FALSE(nowhere);
  EXPECT_FALSE(nowhere.error().hint.empty());
  ASSERT_TRUE((*database)->execute("CREATE TABLE t (k TEXT PRIMARY KEY); INSERT INTO t VALUES ('x')"));
  auto insert = (*database)->prepare("INSERT INTO t VALUES (?1)");
  ASSERT_TRUE(insert);
  EXPECT_FALSE(insert->run({"x"}));
  // The statement can be used again after it failed.
  EXPECT_TRUE(insert->run({"y"}));
}

}  // namespace
}  // namespace core
