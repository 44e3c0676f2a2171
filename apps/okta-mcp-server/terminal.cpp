#include "terminal.h"

#include <cerrno>
#include <fcntl.h>
#include <termios.h>
#include <unistd.h>
#include <utility>

using core::ErrorKind;
using core::fail;

core::Result<Terminal> Terminal::open() {
  int fd = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) {
    return fail(ErrorKind::unavailable, "app.no_terminal", "This needs a terminal, and there is none.",
                "Run it yourself in a terminal window, not through an agent or a script.");
  }
  return Terminal(fd);
}

Terminal::Terminal(Terminal&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Terminal::~Terminal() {
  if (fd_ >= 0) ::close(fd_);
}

void Terminal::say(std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(fd_, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

core::Result<std::string> Terminal::read_line() {
  std::string line;
  char c = 0;
  while (line.size() < 4096) {
    ssize_t count = ::read(fd_, &c, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail(ErrorKind::cancelled, "app.no_answer", "No answer was given.");
    if (c == '\n') return line;
    line += c;
  }
  return fail(ErrorKind::invalid_input, "app.no_answer", "The answer is too long.");
}

core::Result<std::string> Terminal::ask(std::string_view prompt) {
  say(prompt);
  return read_line();
}

core::Result<core::Secret> Terminal::ask_secret(std::string_view prompt) {
  termios shown{};
  bool quiet = ::tcgetattr(fd_, &shown) == 0;
  if (quiet) {
    termios hidden = shown;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(fd_, TCSAFLUSH, &hidden);
  }
  say(prompt);
  auto line = read_line();
  if (quiet) ::tcsetattr(fd_, TCSAFLUSH, &shown);
  say("\n");
  if (!line) return std::unexpected(std::move(line).error());
  return core::Secret(*std::move(line));
}
