#include "core/secret.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#include <utility>

namespace core {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) { out << value; };

// By their types: nothing copies, prints, formats or converts a secret by accident.
static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_convertible_v<std::string, Secret>);
static_assert(!Printable<Secret>);
static_assert(!fmt::is_formattable<Secret>::value);

TEST(Secret, RevealsWhatItHolds) {
  Secret secret("hunter2");
  EXPECT_FALSE(secret.empty());
  EXPECT_EQ(secret.reveal(), "hunter2");
  EXPECT_EQ(secret.copy().reveal(), "hunter2");
  EXPECT_TRUE(Secret().empty());
}

// Both sides of the length at which a std::string moves its bytes from the object to the heap.
TEST(Secret, MovingEmptiesTheSource) {
  for (std::size_t length : {7u, 15u, 16u, 4096u}) {
    const std::string value(length, 's');
    Secret first{std::string(value)};
    Secret second(std::move(first));
    EXPECT_EQ(second.reveal(), value);
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
    Secret third("old");
    third = std::move(second);
    EXPECT_EQ(third.reveal(), value);
    EXPECT_TRUE(second.empty());  // NOLINT(bugprone-use-after-move)
    Secret& self = third;
    third = std::move(self);
    EXPECT_EQ(third.reveal(), value);
  }
}

// A short string keeps its bytes in the object itself, where they can be looked at after the secret has gone.
TEST(Secret, LeavesNoBytesBehind) {
  const std::string_view value = "short-secret";
  alignas(Secret) unsigned char place[sizeof(Secret)];
  auto holds_value = [&] {
    return std::string_view(reinterpret_cast<const char*>(place), sizeof place).find(value) !=
           std::string_view::npos;
  };
  auto* secret = new (place) Secret{std::string(value)};
  EXPECT_TRUE(holds_value()) << "this test looks at the wrong bytes";
  Secret moved(std::move(*secret));
  EXPECT_FALSE(holds_value()) << "after a move";
  *secret = Secret{std::string(value)};
  EXPECT_TRUE(holds_value());
  secret->~Secret();
  EXPECT_FALSE(holds_value()) << "after the end";
}

TEST(Secret, WipeClearsTheWholeBuffer) {
  std::string text = "0123456789";
  const char* bytes = text.data();
  text.resize(4);
  wipe(text);
  EXPECT_TRUE(text.empty());
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(bytes[i], '\0') << i;
}

TEST(Secret, ForbidsCoreDumps) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    forbid_core_dumps();
    rlimit limit{};
    getrlimit(RLIMIT_CORE, &limit);
    _exit(limit.rlim_max == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace core
