// The session's keyring as it is met: no bus, a bus that hangs, a bus without a keyring, and a real GNOME
// Keyring, open and locked, on a session bus of its own.
#include "oauth/keyring.h"

#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oauth/test_tokens.h"

extern char** environ;

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
// GLib is not instrumented: how its threads hand things over is out of the sanitizer's sight.
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:libglib-2.0.so.0\n"
         "called_from_lib:libgio-2.0.so.0\n"
         "called_from_lib:libgobject-2.0.so.0\n"
         "called_from_lib:libsecret-1.so.0\n";
}
#endif
#endif

namespace oauth {
namespace {

using test::TempDir;

// What keys() said, in one line: "2 keys abcd... efgh..." or the error's code.
std::string ask(KeyringRequest request) {
  const auto keys = session_keyring()->keys(std::move(request));
  if (!keys) return keys.error().code;
  std::string text = fmt::format("{} keys", keys->size());
  for (const auto& key : *keys) text += " " + key.reveal().substr(0, 4);
  return text;
}

// In a process of its own: GLib keeps one session bus for as long as a process lives. It ends by exit(), so
// that a thread that still hangs would show.
std::string in_a_process(const std::function<std::string()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = work();
    if (::write(ends[1], said.data(), said.size()) < 0) ::_exit(2);
    std::exit(0);
  }
  ::close(ends[1]);
  std::string said;
  char buffer[512];
  for (ssize_t count = 0; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
    said.append(buffer, static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : fmt::format("{} (status {})", said, status);
}

std::string ask_bus_once(const std::string& address, const core::Secret& add_if_none = {},
                         bool may_start = false) {
  return in_a_process([&] {
    ::setenv("DBUS_SESSION_BUS_ADDRESS", address.c_str(), 1);
    return ask({.add_if_none = add_if_none.copy(), .may_start = may_start});
  });
}

// Where the limit itself is not the matter: a busy machine may take longer, so ask again.
std::string ask_bus(const std::string& address, const core::Secret& add_if_none = {},
                    bool may_start = false) {
  std::string said;
  EXPECT_TRUE(test::eventually([&] {
    said = ask_bus_once(address, add_if_none, may_start);
    return said != "oauth.keyring.timeout";
  }));
  return said;
}

core::Secret key_of(char letter) {
  return core::Secret(std::string(32, letter));
}

bool installed(const std::string& program) {
  return ::access(program.c_str(), X_OK) == 0;
}

// A daemon, with what it prints first.
class Daemon {
 public:
  Daemon(std::vector<std::string> argv, const std::vector<std::string>& variables, std::string_view input) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::vector<char*> arguments, environment;
    for (auto& each : argv) arguments.push_back(each.data());
    auto texts = variables;
    for (auto& each : texts) environment.push_back(each.data());
    arguments.push_back(nullptr);
    environment.push_back(nullptr);
    if (::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environment.data()) != 0) {
      pid_ = -1;
    }
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    EXPECT_EQ(::write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
    ::close(in[1]);
    char c = 0;
    while (::read(out[0], &c, 1) == 1 && c != '\n') said_ += c;
    output_ = out[0];
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() {
    if (output_ >= 0) ::close(output_);
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  const std::string& said() const { return said_; }

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string said_;
};

class SessionTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!installed("/usr/bin/dbus-daemon")) GTEST_SKIP() << "dbus-daemon is not installed";
    // No service files: nothing is started that the test did not start.
    const std::string config = home_.path() + "/bus.conf";
    std::ofstream(config) << fmt::format(
        "<busconfig><type>session</type><listen>unix:path={}/bus</listen><policy context=\"default\">"
        "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>",
        home_.path());
    bus_ = std::make_unique<Daemon>(std::vector<std::string>{"/usr/bin/dbus-daemon", "--nofork",
                                                             "--print-address", "--config-file", config},
                                    variables_, "");
    address_ = bus_->said();
    ASSERT_FALSE(address_.empty());
    variables_.push_back("DBUS_SESSION_BUS_ADDRESS=" + address_);
  }

  void start_keyring(bool unlock) {
    if (!installed("/usr/bin/gnome-keyring-daemon")) GTEST_SKIP() << "gnome-keyring is not installed";
    std::vector<std::string> argv{"/usr/bin/gnome-keyring-daemon", "--foreground", "--components=secrets"};
    if (unlock) argv.emplace_back("--unlock");
    keyring_ = std::make_unique<Daemon>(argv, variables_, unlock ? "keyring-passphrase" : "");
    // It is there once it owns its name on the bus.
    ASSERT_TRUE(test::eventually([&] { return ask_bus(address_) != "oauth.keyring.no_service"; }));
  }

  TempDir home_;
  std::vector<std::string> variables_{"HOME=" + home_.path(), "XDG_RUNTIME_DIR=" + home_.path(),
                                      "PATH=/usr/bin:/bin"};
  std::unique_ptr<Daemon> bus_, keyring_;
  std::string address_;
};

TEST(Keyring, IsNotAskedWhereThereIsNoSessionBus) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"", "/nonexistent"},
      {"disabled:", ""},
      // These would start programs.
      {"autolaunch:", ""},
      {"unixexec:path=/bin/false", ""},
  };
  for (const auto& [address, runtime_dir] : cases) {
    const auto said = in_a_process([&] {
      ::setenv("DBUS_SESSION_BUS_ADDRESS", address.c_str(), 1);
      ::setenv("XDG_RUNTIME_DIR", runtime_dir.c_str(), 1);
      return ask({});
    });
    EXPECT_EQ(said, "oauth.keyring.no_bus") << address;
  }
}

TEST(Keyring, GivesUpOnABusThatHangsAndLetsTheProcessEnd) {
  TempDir dir;
  const std::string path = dir.path() + "/bus";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  const auto said = ask_bus_once("unix:path=" + path);
  if (said == "oauth.keyring.no_library") GTEST_SKIP() << "libsecret is not installed";
  EXPECT_EQ(said, "oauth.keyring.timeout");
  ::close(listener);
}

TEST(Keyring, SaysThatABusIsNotThereAnyMore) {
  const auto said = ask_bus("unix:path=/nonexistent/bus");
  if (said == "oauth.keyring.no_library") GTEST_SKIP() << "libsecret is not installed";
  EXPECT_EQ(said, "oauth.keyring.failed");
}

TEST_F(SessionTest, FindsNoKeyringOnABusWithoutOne) {
  const auto said = ask_bus(address_);
  if (said == "oauth.keyring.no_library") GTEST_SKIP() << "libsecret is not installed";
  EXPECT_EQ(said, "oauth.keyring.no_service");
  EXPECT_EQ(ask_bus(address_, key_of('a'), true), "oauth.keyring.no_service");
}

TEST_F(SessionTest, KeepsOneKeyInAnOpenKeyringAndNoneInALockedOne) {
  if (ask_bus(address_) == "oauth.keyring.no_library") GTEST_SKIP() << "libsecret is not installed";
  start_keyring(true);
  if (!keyring_) return;
  EXPECT_EQ(ask_bus(address_), "0 keys");
  EXPECT_EQ(ask_bus(address_, key_of('a')), "1 keys aaaa");
  EXPECT_EQ(ask_bus(address_, key_of('b')), "1 keys aaaa");
  EXPECT_EQ(ask_bus(address_), "1 keys aaaa");

  keyring_.reset();
  start_keyring(false);
  EXPECT_EQ(ask_bus(address_), "oauth.keyring.locked");
  EXPECT_EQ(ask_bus(address_, key_of('b'), true), "oauth.keyring.locked");
}

TEST_F(SessionTest, MakesNoKeyringWhereThereIsNoneYet) {
  if (ask_bus(address_) == "oauth.keyring.no_library") GTEST_SKIP() << "libsecret is not installed";
  start_keyring(false);
  if (!keyring_) return;
  EXPECT_EQ(ask_bus(address_, key_of('a')), "oauth.keyring.locked");
}

}  // namespace
}  // namespace oauth
