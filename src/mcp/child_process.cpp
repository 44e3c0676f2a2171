#include "mcp/child_process.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <spawn.h>
#include <string_view>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace mcp {
namespace {

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

std::vector<std::string> environment(const ChildOptions& options) {
  std::vector<std::string> lines;
  if (options.inherit_env) {
    for (char** entry = environ; *entry; ++entry) {
      std::string_view line = *entry;
      if (!options.env.contains(std::string(line.substr(0, line.find('='))))) lines.emplace_back(line);
    }
  }
  for (const auto& [name, value] : options.env) lines.push_back(fmt::format("{}={}", name, value));
  return lines;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

std::unexpected<core::Error> cannot_start(std::string_view program, int error) {
  return core::fail(core::ErrorKind::unavailable, "mcp.client.start",
                    fmt::format("{} cannot be started: {}.", program, std::strerror(error)),
                    "Check the path and its permissions.");
}

}  // namespace

core::Result<Child> Child::start(const ChildOptions& options) {
  if (options.argv.empty()) return cannot_start("An empty command", EINVAL);
  int to[2] = {-1, -1}, from[2] = {-1, -1}, errors[2] = {-1, -1};
  Child child;
  int failed = 0;
  if (::pipe2(to, O_CLOEXEC) != 0 || ::pipe2(from, O_CLOEXEC) != 0 || ::pipe2(errors, O_CLOEXEC) != 0)
    failed = errno;
  child.in_ = to[1];
  child.out_ = from[0];
  child.err_ = errors[0];
  if (failed == 0) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, to[0], 0);
    posix_spawn_file_actions_adddup2(&actions, from[1], 1);
    posix_spawn_file_actions_adddup2(&actions, errors[1], 2);
    // The child starts with what a shell would give it, whatever this process blocks or ignores.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

    auto argv_texts = options.argv;
    auto env_texts = environment(options);
    auto argv = pointers(argv_texts), env = pointers(env_texts);
    failed = ::posix_spawnp(&child.pid_, argv[0], &actions, &attributes, argv.data(), env.data());
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  close_fd(to[0]);
  close_fd(from[1]);
  close_fd(errors[1]);
  if (failed != 0) {
    child.pid_ = -1;
    return cannot_start(options.argv[0], failed);
  }
  // Not through <sys/pidfd.h>: in glibc 2.36 it declares no C linkage.
  child.pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, child.pid_, 0));
  ::fcntl(child.in_, F_SETFL, O_NONBLOCK);
  return child;
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pidfd_(std::exchange(other.pidfd_, -1)),
      in_(std::exchange(other.in_, -1)),
      out_(std::exchange(other.out_, -1)),
      err_(std::exchange(other.err_, -1)),
      status_(other.status_) {}

Child::~Child() {
  if (pid_ > 0 && !status_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (int* fd : {&pidfd_, &in_, &out_, &err_}) close_fd(*fd);
}

void Child::close_in() {
  close_fd(in_);
}

void Child::signal(int number) {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

std::optional<int> Child::wait(std::chrono::milliseconds at_most) {
  if (status_) return status_;
  pollfd ended{pidfd_, POLLIN, 0};
  ::poll(&ended, 1, static_cast<int>(at_most.count()));
  int raw = 0;
  if (::waitpid(pid_, &raw, WNOHANG) != pid_) return std::nullopt;
  status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
  return status_;
}

}  // namespace mcp
