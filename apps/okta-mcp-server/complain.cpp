#include <cstdio>

#include "commands.h"

int complain(const core::Error& error) {
  std::fprintf(stderr, "okta-mcp-server: %s\n", core::describe(error).c_str());
  bool usage = error.kind == core::ErrorKind::invalid_input || error.code == "app.setting_missing";
  return usage ? 2 : 1;
}
