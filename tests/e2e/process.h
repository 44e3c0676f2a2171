// Child processes for tests.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace e2e {

using Environment = std::map<std::string, std::string>;

struct Finished {
  int status = -1;  // exit status, or 128 + signal
  std::string out;
  std::string err;
};

// Runs a program to its end with `input` on stdin. `environment` is added to a clean one (PATH and HOME
// only).
Finished run(const std::vector<std::string>& argv, const Environment& environment,
             const std::string& input = {});

// Runs a program on a terminal of its own and types `lines` into it, each once it has asked (a prompt ends
// with ": "). `out` is what the screen showed.
Finished run_on_terminal(const std::vector<std::string>& argv, const Environment& environment,
                         const std::vector<std::string>& lines);

// The programs under test.
std::string program(const std::string& name);

}  // namespace e2e
