#include "environment_secrets.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

namespace {

constexpr std::array kSecretVariables{"OKTA_PRIVATE_KEY", "OKTA_API_TOKEN", "OKTA_MCP_STATE_STORE"};

}  // namespace

void hide_secrets(Environment& copy) {
  for (const char* name : kSecretVariables) {
    const std::string_view text(name);
    // Every entry of that name: a block may hold several, and getenv() shows the first only.
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
      char* const value = *entry + text.size() + 1;
      if (std::string_view(*entry).starts_with(text) && value[-1] == '=') {
        ::explicit_bzero(value, std::strlen(value));
      }
    }
    ::unsetenv(name);
    if (const auto found = copy.find(name); found != copy.end()) core::wipe(found->second);
  }
}
