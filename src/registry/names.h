// Identifiers and resource names, shaped as Okta shapes them.
#pragma once

#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/random.h"

namespace registry {

// Prefix, seven characters of time, then random ones, 20 in all ("ems1t3k9Qb..."): ids made later sort
// later, compared byte by byte, whichever node makes them (to the millisecond).
std::string new_id(std::string_view prefix, const core::Clock& clock, core::Random& random);

// "orn:okta:directory:00o...:resource-servers:mcp:ems..."
class ResourceNames {
 public:
  explicit ResourceNames(std::string org_id, std::string partition = "okta")
      : org_id_(std::move(org_id)), partition_(std::move(partition)) {}

  std::string mcp_server(std::string_view id) const;
  std::string tool(std::string_view server, std::string_view id) const;
  std::string custom_as(std::string_view id) const;
  std::string client_auth_settings(std::string_view id) const;
  std::string ai_agent(std::string_view id) const;
  std::string a2a_server(std::string_view id) const;  // the same agent, as a resource
  std::string mcp_client(std::string_view id) const;  // an MCP server as a client
  std::string connection(std::string_view id) const;
  std::string vault_secret(std::string_view id) const;
  std::string service_account(std::string_view app, std::string_view id) const;
  std::string user(std::string_view id) const;

  // The id that a name of that shape ends in; empty when the name is none of ours, or of another kind.
  // `kind` as in the name: "resource-servers:mcp", "authorization_servers", "client_auth_settings" (with
  // hyphens too), "workload-principals:ai-agents", ...
  std::string_view id_of(std::string_view name, std::string_view kind) const;

  const std::string& org_id() const { return org_id_; }

 private:
  std::string make(std::string_view service, std::string_view rest) const;

  std::string org_id_;
  std::string partition_;
};

}  // namespace registry
