#include "core/file.h"

#include <atomic>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <stdlib.h>  // mkdtemp
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace core {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string place = fs::temp_directory_path() / "file-test-XXXXXX";
    ASSERT_NE(mkdtemp(place.data()), nullptr);
    place_ = place;
    umask(0);  // modes must be right by themselves
  }
  void TearDown() override { fs::remove_all(place_); }

  std::string at(std::string_view name) const { return place_ / name; }
  static mode_t mode_of(const std::string& path) {
    struct stat info{};
    EXPECT_EQ(lstat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }
  static std::string slurp(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void put(const std::string& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  fs::path place_;
};

// Runs `body` in a child process and gives its exit status; 77 is never a body's own.
template <class Body>
int in_child(Body body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 77;
}

TEST_F(FileTest, MakesPrivateDirectoriesWithTheirParents) {
  ASSERT_TRUE(make_private_directory(at("a/b/c")));
  EXPECT_EQ(mode_of(at("a")), 0700u);
  EXPECT_EQ(mode_of(at("a/b/c")), 0700u);
  EXPECT_TRUE(make_private_directory(at("a/b/c"))) << "once more";
}

TEST_F(FileTest, RefusesADirectoryThatOthersMayWriteTo) {
  for (mode_t mode : {0770u, 0702u, 01777u}) {
    fs::create_directory(at("shared"));
    ASSERT_EQ(chmod(at("shared").c_str(), mode), 0);
    auto made = make_private_directory(at("shared"));
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, "core.file.shared_directory");
    EXPECT_THAT(made.error().hint, HasSubstr("chmod 700"));
  }
  ASSERT_EQ(chmod(at("shared").c_str(), 0755), 0);
  EXPECT_TRUE(make_private_directory(at("shared"))) << "reading is another matter";
  put(at("file"), "");
  EXPECT_FALSE(make_private_directory(at("file")));
  EXPECT_FALSE(make_private_directory(at("file/below")));
  EXPECT_FALSE(make_private_directory(""));
}

TEST_F(FileTest, ReadsWholeFilesUpToALimit) {
  EXPECT_EQ(read_file(at("none")).value(), std::nullopt);
  put(at("file"), "x");
  EXPECT_EQ(read_file(at("file/none")).value(), std::nullopt);
  const std::string big(100'000, 'b');
  put(at("big"), big);
  EXPECT_EQ(read_file(at("big")).value(), big);
  EXPECT_EQ(read_file(at("big"), big.size()).value(), big);
  auto refused = read_file(at("big"), big.size() - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "core.file.too_large");
  auto directory = read_file(place_);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, "core.file.io");
  EXPECT_THAT(directory.error().message, HasSubstr(place_.string()));
}

TEST_F(FileTest, WritesPrivatelyAndLeavesNothingBeside) {
  const std::string content("a\0b\xff", 4);
  ASSERT_TRUE(write_file_atomically(at("token"), content));
  EXPECT_EQ(slurp(at("token")), content);
  EXPECT_EQ(mode_of(at("token")), 0600u);
  ASSERT_EQ(chmod(at("token").c_str(), 0644), 0);
  ASSERT_TRUE(write_file_atomically(at("token"), "new"));
  EXPECT_EQ(slurp(at("token")), "new");
  EXPECT_EQ(mode_of(at("token")), 0600u);
  EXPECT_EQ(std::distance(fs::directory_iterator(place_), {}), 1);
}

TEST_F(FileTest, AFailedWriteLeavesTheOldContentAndNothingBeside) {
  fs::create_directory(at("directory"));
  put(at("directory/inside"), "");
  EXPECT_FALSE(write_file_atomically(at("directory"), "x"));  // a directory cannot be replaced by a file
  EXPECT_EQ(std::distance(fs::directory_iterator(place_), {}), 1);
  auto missing = write_file_atomically(at("none/file"), "x");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, "core.file.io");
}

TEST_F(FileTest, ReplacesALinkInsteadOfWritingThroughIt) {
  put(at("target"), "target");
  fs::create_symlink(at("target"), at("link"));
  ASSERT_TRUE(write_file_atomically(at("link"), "mine"));
  EXPECT_EQ(slurp(at("target")), "target");
  EXPECT_FALSE(fs::is_symlink(at("link")));
}

// Readers see one whole content or another while writers replace it as fast as they can.
TEST_F(FileTest, ReadersNeverSeeHalf) {
  const std::string path = at("file");
  ASSERT_TRUE(write_file_atomically(path, std::string(50'000, 'a')));
  std::atomic<int> reads = 0;
  std::jthread reader([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      auto content = read_file(path);
      ASSERT_TRUE(content && *content);
      ASSERT_EQ((*content)->size(), 50'000u);
      ASSERT_EQ((*content)->find_first_not_of((*content)->front()), std::string::npos);
      ++reads;
    }
  });
  for (int i = 0; reads < 20; ++i) {
    ASSERT_TRUE(write_file_atomically(path, std::string(50'000, static_cast<char>('a' + i % 26))));
  }
}

TEST_F(FileTest, RemovingWhatIsNotThereIsFine) {
  put(at("file"), "x");
  EXPECT_TRUE(remove_file(at("file")));
  EXPECT_FALSE(fs::exists(at("file")));
  EXPECT_TRUE(remove_file(at("file")));
  EXPECT_FALSE(remove_file(place_));
}

// --- locks

TEST_F(FileTest, ALockKeepsOtherProcessesOut) {
  const std::string path = at("lock");
  {
    auto mine = FileLock::acquire(path);
    ASSERT_TRUE(mine);
    EXPECT_EQ(mode_of(path), 0600u);
    EXPECT_EQ(in_child([&] {
                auto theirs = FileLock::acquire(path, 0);
                return !theirs && theirs.error().code == "core.file.locked" ? 0 : 1;
              }),
              0);
    FileLock moved = std::move(*mine);
    EXPECT_EQ(in_child([&] { return FileLock::acquire(path, 0) ? 1 : 0; }), 0) << "a moved lock still holds";
  }
  EXPECT_EQ(in_child([&] { return FileLock::acquire(path, 0) ? 0 : 1; }), 0) << "and lets go at its end";
}

TEST_F(FileTest, ALockKeepsOtherThreadsOut) {
  auto mine = FileLock::acquire(at("lock"));
  ASSERT_TRUE(mine);
  EXPECT_FALSE(FileLock::acquire(at("lock"), 0));
}

TEST_F(FileTest, AProcessThatDiesLetsGo) {
  const std::string path = at("lock");
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    auto lock = FileLock::acquire(path);
    if (write(ready[1], "x", 1) != 1) _exit(1);
    for (;;) pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  EXPECT_FALSE(FileLock::acquire(path, 0));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(FileLock::acquire(path, 0));
}

TEST_F(FileTest, ALockIsNoLink) {
  put(at("target"), "");
  fs::create_symlink(at("target"), at("lock"));
  auto lock = FileLock::acquire(at("lock"), 0);
  ASSERT_FALSE(lock);
  EXPECT_EQ(lock.error().code, "core.file.io");
}

// --- durable lines

Status append(const std::string& path, std::string line) {
  return DurableLines::append(path, [&](std::string_view) -> Result<std::string> { return line; });
}

TEST_F(FileTest, LinesChainToTheOneBefore) {
  const std::string path = at("audit");
  std::vector<std::string> seen;
  for (std::size_t length : {1u, 10u, 4095u, 4096u, 4097u, 20'000u, 3u}) {
    ASSERT_TRUE(DurableLines::append(path, [&](std::string_view previous) -> Result<std::string> {
      seen.emplace_back(previous);
      return std::string(length, static_cast<char>('a' + seen.size()));
    }));
  }
  ASSERT_EQ(seen.size(), 7u);
  EXPECT_EQ(seen[0], "");
  EXPECT_EQ(seen[1], std::string(1, 'b'));
  EXPECT_EQ(seen[2], std::string(10, 'c'));
  EXPECT_EQ(seen[3], std::string(4095, 'd'));
  EXPECT_EQ(seen[4], std::string(4096, 'e'));
  EXPECT_EQ(seen[5], std::string(4097, 'f'));
  EXPECT_EQ(seen[6], std::string(20'000, 'g'));
  EXPECT_EQ(mode_of(path), 0600u);
  const std::string all = slurp(path);
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 7);
  EXPECT_TRUE(all.ends_with("\nhhh\n"));
}

TEST_F(FileTest, ATornTailIsDropped) {
  struct Case {
    std::string before;
    std::string previous;
    std::string kept;
  };
  const std::string long_tail(10'000, 't');
  for (const auto& [before, previous, kept] : std::vector<Case>{
           {"one\ntwo\nthr", "two", "one\ntwo\n"},
           {"one\n" + long_tail, "one", "one\n"},
           {std::string(5000, 'o') + "\n" + long_tail, std::string(5000, 'o'), std::string(5000, 'o') + "\n"},
           {"on", "", ""},
           {"", "", ""},
           {"\n", "", "\n"},
           {"one\n\n", "", "one\n\n"},
       }) {
    put(at("audit"), before);
    ASSERT_TRUE(DurableLines::append(at("audit"), [&](std::string_view given) -> Result<std::string> {
      EXPECT_EQ(given, previous);
      return "new";
    }));
    EXPECT_EQ(slurp(at("audit")), kept + "new\n");
  }
}

TEST_F(FileTest, WhatMakesNoLineChangesNothing) {
  put(at("audit"), "one\ntw");
  auto refused = DurableLines::append(at("audit"), [](std::string_view) -> Result<std::string> {
    return fail(ErrorKind::internal, "test.refused", "No.");
  });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "test.refused");
  auto two_lines = append(at("audit"), "a\nb");
  ASSERT_FALSE(two_lines);
  EXPECT_EQ(two_lines.error().code, "core.file.line");
  EXPECT_EQ(slurp(at("audit")), "one\ntw");
}

TEST_F(FileTest, LinesAreNoLink) {
  put(at("target"), "");
  fs::create_symlink(at("target"), at("audit"));
  EXPECT_FALSE(append(at("audit"), "x"));
  EXPECT_EQ(slurp(at("target")), "");
}

// Four processes with two threads each continue one chain of numbers: none is lost, none is given twice.
TEST_F(FileTest, ManyProcessesContinueOneChain) {
  const std::string path = at("audit");
  auto continue_chain = [&path] {
    for (int i = 0; i < 25; ++i) {
      auto status = DurableLines::append(path, [](std::string_view previous) -> Result<std::string> {
        return std::to_string(previous.empty() ? 1 : std::stoi(std::string(previous)) + 1);
      });
      if (!status) return false;
    }
    return true;
  };
  std::vector<pid_t> children;
  for (int process = 0; process < 4; ++process) {
    const pid_t child = fork();
    if (child == 0) {
      bool other = false;
      std::thread thread([&] { other = continue_chain(); });
      const bool mine = continue_chain();
      thread.join();
      _exit(mine && other ? 0 : 1);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  std::string expected;
  for (int i = 1; i <= 4 * 2 * 25; ++i) expected += std::to_string(i) + "\n";
  EXPECT_EQ(slurp(path), expected);
}

}  // namespace
}  // namespace core
