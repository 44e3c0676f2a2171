// The person at the terminal, asked on /dev/tty: whatever stdin and stdout are, an agent's pipe is not it.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "core/secret.h"

class Terminal {
 public:
  // Error app.no_terminal when the process has none.
  static core::Result<Terminal> open();
  Terminal(Terminal&& other) noexcept;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  void say(std::string_view text);
  core::Result<std::string> ask(std::string_view prompt);
  core::Result<core::Secret> ask_secret(std::string_view prompt);  // not echoed

 private:
  explicit Terminal(int fd) : fd_(fd) {}
  core::Result<std::string> read_line();
  int fd_;
};
