#include "process.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

namespace e2e {
namespace {

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (auto& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> clean_environment(const Environment& environment) {
  Environment all{{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", "/nonexistent"}};
  for (const auto& [name, value] : environment) all[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : all) out.push_back(name + "=" + value);
  return out;
}

[[noreturn]] void become(std::vector<std::string> argv, std::vector<std::string> environment) {
  auto arguments = pointers(argv);
  auto variables = pointers(environment);
  execve(arguments[0], arguments.data(), variables.data());
  _exit(127);
}

int status_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Appends what can be read; false at the end.
bool drain(int fd, std::string& into) {
  char buffer[4096];
  ssize_t count = read(fd, buffer, sizeof buffer);
  if (count > 0) into.append(buffer, static_cast<std::size_t>(count));
  return count > 0 || (count < 0 && errno == EINTR);
}

}  // namespace

Finished run(const std::vector<std::string>& argv, const Environment& environment, const std::string& input) {
  int in[2], out[2], err[2];
  if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC)) return {};
  auto variables = clean_environment(environment);
  pid_t child = fork();
  if (child == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(err[1], 2);
    setsid();  // no terminal
    become(argv, std::move(variables));
  }
  close(in[0]);
  close(out[1]);
  close(err[1]);
  // Test inputs are far smaller than a pipe.
  if (!input.empty() && write(in[1], input.data(), input.size()) < 0) abort();
  close(in[1]);
  Finished finished;
  pollfd fds[] = {{out[0], POLLIN, 0}, {err[0], POLLIN, 0}};
  while (fds[0].fd >= 0 || fds[1].fd >= 0) {
    if (poll(fds, 2, -1) < 0 && errno != EINTR) break;
    if (fds[0].revents && !drain(out[0], finished.out)) fds[0].fd = -1;
    if (fds[1].revents && !drain(err[0], finished.err)) fds[1].fd = -1;
  }
  close(out[0]);
  close(err[0]);
  finished.status = status_of(child);
  return finished;
}

Finished run_on_terminal(const std::vector<std::string>& argv, const Environment& environment,
                         const std::vector<std::string>& lines) {
  auto variables = clean_environment(environment);
  int terminal = -1;
  pid_t child = forkpty(&terminal, nullptr, nullptr, nullptr);
  if (child == 0) become(argv, std::move(variables));
  Finished finished;
  std::size_t typed = 0, seen = 0;
  while (drain(terminal, finished.out)) {
    auto prompt = finished.out.find(": ", seen);
    if (typed < lines.size() && prompt != std::string::npos && finished.out.ends_with(": ")) {
      seen = finished.out.size();
      std::string line = lines[typed++] + "\n";
      if (write(terminal, line.data(), line.size()) < 0) break;
    }
  }
  finished.status = status_of(child);
  close(terminal);
  return finished;
}

std::string program(const std::string& name) {
  return std::string(BIN_DIR) + "/" + name;
}

}  // namespace e2e
