#include "environment_secrets.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

#include "setting_text.h"

namespace {

constexpr std::array kSecretVariables{"OKTA_PRIVATE_KEY", "OKTA_API_TOKEN", "OKTA_MCP_STATE_STORE",
                                      "OKTA_MCP_HTTP_TOKEN", "OKTA_MCP_INTROSPECTION_SECRET"};

}  // namespace

core::Secret take_secret(Environment& copy, const char* name) {
  const auto found = copy.find(name);
  if (found == copy.end()) return {};
  core::Secret taken(tidied(found->second));
  core::wipe(found->second);
  return taken;
}

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
