#include <cstdio>

#include "commands.h"

int complain(const core::Error& error) {
  std::fprintf(stderr, "okta-agent-registry: %s\n", core::describe(error).c_str());
  return error.kind == core::ErrorKind::invalid_input ? 2 : 1;
}
