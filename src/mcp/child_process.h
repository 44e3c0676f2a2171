// A program with its three standard streams on pipes.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace mcp {

struct ChildOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::map<std::string, std::string> env;
  bool inherit_env = true;
};

class Child {
 public:
  // Error mcp.client.start.
  static core::Result<Child> start(const ChildOptions& options);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();  // SIGKILL when it still runs

  int pid() const { return pid_; }
  int in() const { return in_; }    // to its stdin, O_NONBLOCK
  int out() const { return out_; }  // from its stdout
  int err() const { return err_; }  // from its stderr
  void close_in();

  // As a shell shows it: the exit code, or 128 + signal. nullopt when it still runs after `at_most`.
  std::optional<int> wait(std::chrono::milliseconds at_most);
  void signal(int number);

 private:
  Child() = default;
  int pid_ = -1;
  int pidfd_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  std::optional<int> status_;
};

}  // namespace mcp
