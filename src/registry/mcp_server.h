// MCP servers and what belongs to them, as the registry keeps them. The rows' bodies are these structures in
// JSON; what the API shows is made from them (docs/registry.md).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/secret.h"
#include "registry/store.h"

namespace registry {

// Of MCP servers and of their authorization servers. Deleted ones have no row.
enum class Status { pending, inactive, active, invalid };
std::string_view to_string(Status status);  // "PENDING"
std::optional<Status> parse_status(std::string_view text);

struct McpServer {
  std::string id;            // ems...
  std::string resource_url;  // as given, byte for byte; never changes
  Status status = Status::pending;
  bool manual = false;  // its authorization servers were given, not found (registration kind MANUAL)
  std::string display_name{};
  std::string description{};
  // From its protected resource metadata (RFC 9728).
  struct Detected {
    std::string resource_name;
    std::vector<std::string> scopes_supported;
    core::WallTime refreshed{};
  };
  std::optional<Detected> detected{};
  std::vector<std::string> missing{};          // PENDING: what is still to be supplied, for people
  std::vector<std::string> invalid_reasons{};  // INVALID
  int failures = 0;  // ACTIVE: blocking checks that failed in a row; not 0: degraded
  // Kept by Row, not by the body.
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};

enum class Connectivity { unverified, verifying, verified, failed };
std::string_view to_string(Connectivity connectivity);

// An authorization server of one MCP server: Okta custom (`aus`, one of ours) or external (`eas`).
struct McpAuthServer {
  std::string server;  // ems...
  std::string id;      // eas..., or the aus...
  bool okta = false;   // type OKTA
  enum class Origin { discovered, manual } origin = Origin::discovered;
  std::string issuer;  // never changes
  Status status = Status::pending;
  Connectivity connectivity = Connectivity::unverified;
  std::string reason{};  // of a failed connectivity
  core::WallTime checked{};
  int failures = 0;           // in a row
  bool was_inactive = false;  // INVALID: where it goes back to
  bool xaa_enabled = false;   // external: set by an administrator
  std::string authorization_endpoint{};
  std::string token_endpoint{};
  std::string registration_endpoint{};
  std::string revocation_endpoint{};
  std::string jwks_uri{};
  std::vector<std::string> grant_types{};
  std::vector<std::string> token_endpoint_auth_methods{};
  std::vector<std::string> grant_profiles{};  // authorization_grant_profiles_supported
  std::vector<std::string> scopes_supported{};
  bool iss_in_response = false;  // authorization_response_iss_parameter_supported (RFC 9207)
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};

// How this org is a client of an external authorization server: one registration there.
struct ClientAuthSettings {
  std::string id;  // rsc...
  std::string name;
  std::string server;       // ems...
  std::string auth_server;  // eas...
  std::string issuer;       // the binding of trust
  bool active = true;
  bool dynamic = false;  // registered by us (RFC 7591)
  std::string client_id;
  std::string sealed_secret{};  // Service::vault, context "client-auth-settings/" + id; empty: none
  std::string auth_method = "client_secret_basic";  // token_endpoint_auth_method
  std::vector<std::string> scopes{};                // asked for at consent
  std::optional<core::WallTime> secret_expires{};
  // Dynamic: where and with what it is ended (RFC 7592); Service::vault, context "client-auth-settings/" + id
  // + "/registration". Both may be empty.
  std::string registration_uri{};
  std::string sealed_registration_token{};
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};

// A row and back. A body that is not one of these is registry.store.unavailable: somebody else wrote it.
Row to_row(const McpServer& server);
Row to_row(const McpAuthServer& server);
Row to_row(const ClientAuthSettings& settings);
core::Result<McpServer> read_mcp_server(const Row& row);
core::Result<McpAuthServer> read_mcp_auth_server(const Row& row);
core::Result<ClientAuthSettings> read_client_auth_settings(const Row& row);

}  // namespace registry
