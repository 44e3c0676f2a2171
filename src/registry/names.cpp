#include "registry/names.h"

#include <array>
#include <fmt/format.h>

namespace registry {
namespace {

constexpr std::string_view kDigits =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";  // by code
constexpr std::size_t kTimeDigits = 7;                                 // 62^7 ms: until the year 2081
constexpr std::size_t kLength = 20;

}  // namespace

std::string new_id(std::string_view prefix, const core::Clock& clock, core::Random& random) {
  std::array<char, kTimeDigits> time{};
  auto left = static_cast<std::uint64_t>(clock.now().time_since_epoch().count());
  for (std::size_t i = kTimeDigits; i-- > 0; left /= kDigits.size()) time[i] = kDigits[left % kDigits.size()];
  std::string id(prefix);
  id.append(time.data(), time.size());
  return id + random.alphanumeric(kLength - id.size());
}

std::string ResourceNames::make(std::string_view service, std::string_view rest) const {
  return fmt::format("orn:{}:{}:{}:{}", partition_, service, org_id_, rest);
}
std::string ResourceNames::mcp_server(std::string_view id) const {
  return make("directory", fmt::format("resource-servers:mcp:{}", id));
}
std::string ResourceNames::tool(std::string_view server, std::string_view id) const {
  return make("directory", fmt::format("resource-servers:mcp:{}:tools:{}", server, id));
}
std::string ResourceNames::custom_as(std::string_view id) const {
  return make("idp", fmt::format("authorization_servers:{}", id));
}
std::string ResourceNames::client_auth_settings(std::string_view id) const {
  return make("idp", fmt::format("client_auth_settings:{}", id));
}
std::string ResourceNames::ai_agent(std::string_view id) const {
  return make("directory", fmt::format("workload-principals:ai-agents:{}", id));
}
std::string ResourceNames::a2a_server(std::string_view id) const {
  return make("directory", fmt::format("resource-servers:a2a:{}", id));
}
std::string ResourceNames::mcp_client(std::string_view id) const {
  return make("directory", fmt::format("workload-principals:mcp:{}", id));
}
std::string ResourceNames::connection(std::string_view id) const {
  return make("idp", fmt::format("connections:{}", id));
}
std::string ResourceNames::vault_secret(std::string_view id) const {
  return make("pam", fmt::format("secrets:{}", id));
}
std::string ResourceNames::service_account(std::string_view app, std::string_view id) const {
  return make("pam", fmt::format("apps:{}:service_accounts:{}", app, id));
}
std::string ResourceNames::user(std::string_view id) const {
  return make("directory", fmt::format("users:{}", id));
}

std::string_view ResourceNames::id_of(std::string_view name, std::string_view kind) const {
  // Okta's docs write the kind with underscores, live orgs with hyphens.
  std::string hyphens(kind);
  for (char& c : hyphens) c = c == '_' ? '-' : c;
  for (std::string_view service : {"directory", "idp", "pam"}) {
    for (const std::string_view form : {kind, std::string_view(hyphens)}) {
      const std::string start = make(service, form) + ":";
      if (!name.starts_with(start)) continue;
      const std::string_view id = name.substr(start.size());
      if (!id.empty() && id.find_first_of(":/ ") == std::string_view::npos) return id;
    }
  }
  return {};
}

}  // namespace registry
