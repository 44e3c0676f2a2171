// replace_file() and create_file(): files that belong to somebody else, and files that must be new.
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/scratch_directory.h"

namespace core {
namespace {

class ReplaceTest : public testing::Test {
 protected:
  std::string at(const char* name) const { return scratch_.path() + "/" + name; }
  static void put(const std::string& path, const char* text, mode_t mode) {
    std::ofstream(path, std::ios::binary) << text;
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  static std::string read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  static mode_t mode(const std::string& path) {
    struct stat info{};
    return lstat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(scratch_.path()), {}));
  }
  ScratchDirectory scratch_;
};

TEST_F(ReplaceTest, KeepsTheMode) {
  for (const mode_t bits : {0600U, 0644U, 0640U, 0664U}) {
    put(at("f"), "old", bits);
    ASSERT_TRUE(replace_file(at("f"), "new"));
    EXPECT_EQ(read(at("f")), "new");
    EXPECT_EQ(mode(at("f")), bits);
  }
  EXPECT_EQ(files(), 1U);
}

TEST_F(ReplaceTest, KeepsALinkAndReplacesItsTarget) {
  put(at("real"), "old", 0644);
  ASSERT_EQ(symlink("real", at("link").c_str()), 0);
  ASSERT_TRUE(replace_file(at("link"), "new"));
  EXPECT_TRUE(std::filesystem::is_symlink(at("link")));
  EXPECT_EQ(read(at("real")), "new");
  EXPECT_EQ(mode(at("real")), 0644U);
}

TEST_F(ReplaceTest, ALinkThatLeadsNowhereIsAnError) {
  ASSERT_EQ(symlink("gone", at("link").c_str()), 0);
  EXPECT_EQ(replace_file(at("link"), "new").error().code, "core.file.dangling");
  EXPECT_TRUE(std::filesystem::is_symlink(at("link")));
}

TEST_F(ReplaceTest, ANewFileGetsItsDirectoriesAndItsMode) {
  ASSERT_TRUE(replace_file(at("a/b/f"), "new", 0644));
  EXPECT_EQ(read(at("a/b/f")), "new");
  EXPECT_EQ(mode(at("a/b/f")), 0644U);
  ASSERT_TRUE(replace_file(at("g"), "new"));
  EXPECT_EQ(mode(at("g")), 0600U);
}

TEST_F(ReplaceTest, CreatesOnlyWhatIsNotThere) {
  ASSERT_TRUE(create_file(at("f"), "one"));
  EXPECT_EQ(mode(at("f")), 0600U);
  EXPECT_EQ(create_file(at("f"), "two").error().code, "core.file.exists");
  EXPECT_EQ(read(at("f")), "one");
  ASSERT_EQ(symlink("elsewhere", at("link").c_str()), 0);
  EXPECT_EQ(create_file(at("link"), "two").error().code, "core.file.exists");
  EXPECT_FALSE(std::filesystem::exists(at("elsewhere")));
  EXPECT_EQ(create_file(at("no/such/directory"), "x").error().code, "core.file.io");
}

}  // namespace
}  // namespace core
