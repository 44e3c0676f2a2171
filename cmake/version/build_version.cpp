#include "build_version.h"

#include <string>

const char* build_version() {
  static const std::string text = [] {
    const std::string commit =
#include "commit.inc"
        ;
    return commit.empty() ? std::string(OKTA_MCP_VERSION) : OKTA_MCP_VERSION " (" + commit + ")";
  }();
  return text.c_str();
}
