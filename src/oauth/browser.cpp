#include "oauth/browser.h"

#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace oauth {

bool open_browser(const std::string& link) {
  const auto set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  if (!set("DISPLAY") && !set("WAYLAND_DISPLAY")) return false;
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  // stdout is the protocol, or read by a machine: the opener must not write there.
  posix_spawn_file_actions_addopen(&quiet, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  // The browser outlives us: it gets a session of its own, out of reach of the terminal's Ctrl-C, and none of
  // the signals that `serve` blocks for itself.
  posix_spawnattr_t apart;
  posix_spawnattr_init(&apart);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&apart, &none);
  posix_spawnattr_setflags(&apart, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  std::string program = "xdg-open", argument = link;
  char* argv[] = {program.data(), argument.data(), nullptr};
  pid_t child = 0;
  const bool started = posix_spawnp(&child, program.c_str(), &quiet, &apart, argv, environ) == 0;
  if (started) std::thread([child] { waitpid(child, nullptr, 0); }).detach();
  posix_spawnattr_destroy(&apart);
  posix_spawn_file_actions_destroy(&quiet);
  return started;
}

}  // namespace oauth
