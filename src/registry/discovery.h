// What can be found out about an MCP server from outside: does it speak MCP, what does it say about its
// authorization servers, and what do those say about themselves. Asks and writes down; what follows from it
// is readiness.h's.
//
//   const Observation seen = observe(context, service, {.resource_url = server.resource_url});
//
// Everything read here was written by others. Each answer has the caps of Service::outside (net/guarded.h),
// lists and texts have those below, and the whole takes at most kObservationTime.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/json.h"
#include "core/secret.h"
#include "registry/service.h"

namespace mcp {
class TokenProvider;
}

namespace registry {

inline constexpr std::chrono::seconds kObservationTime{90};
inline constexpr std::size_t kMaxIssuers = 8;         // that are asked for their metadata
inline constexpr std::size_t kMaxListed = 512;        // entries kept of a list
inline constexpr std::size_t kMaxListedBytes = 2048;  // of an entry; longer ones are left out
inline constexpr std::size_t kMaxTools = 1000;

// One question and what came of it. With an empty `problem`, a usable answer.
struct Attempt {
  std::string url;
  int status = 0;         // 0: no answer
  std::string code{};     // of the error: "net.dns", "net.address", "registry.document" ...
  std::string problem{};  // for people
};
// What may be different in a minute: no answer, a broken connection, 408, 425, 429, 5xx.
bool is_transient(const Attempt& attempt);

struct EndpointSeen {
  std::vector<std::string> methods{};  // what was asked, in order: "server/discover", "initialize"
  int status = 0;                      // of the last answer
  std::string revision{};              // agreed protocol version; empty when none was
  core::json::Object server_info{};
  bool bearer = false;              // 401 or 403 with a Bearer challenge
  std::string resource_metadata{};  // of that challenge
  std::string code{};               // of the failure: "net.tls", "mcp.client.protocol"
  std::string problem{};            // for people

  bool answered() const { return !revision.empty(); }  // without a token
  bool is_protected() const { return bearer; }
};

struct ResourceSeen {  // RFC 9728
  std::string url;
  std::string resource;
  std::string resource_name{};
  std::optional<std::vector<std::string>> authorization_servers{};  // nullopt: not a list at all
  std::optional<std::vector<std::string>> scopes_supported{};
  std::size_t left_out = 0;  // authorization servers beyond kMaxListed, or not text
};

struct AuthServerSeen {  // RFC 8414, OpenID Connect Discovery
  std::string url;
  std::string issuer;
  std::string authorization_endpoint{};
  std::string token_endpoint{};
  std::string registration_endpoint{};
  std::string revocation_endpoint{};
  std::string jwks_uri{};
  std::optional<std::vector<std::string>> grant_types{};
  std::optional<std::vector<std::string>> grant_profiles{};
  std::optional<std::vector<std::string>> token_endpoint_auth_methods{};
  std::optional<std::vector<std::string>> code_challenge_methods{};
  std::optional<std::vector<std::string>> scopes_supported{};
  bool iss_in_response = false;  // authorization_response_iss_parameter_supported (RFC 9207)
};

struct KeysSeen {
  Attempt attempt;
  std::size_t usable = 0;       // for signatures
  std::string duplicate_kid{};  // empty: none
};

// A code that cannot exist was redeemed with the client's credentials (RFC 6749 section 5.2).
struct ClientProbed {
  std::string settings;  // rsc...
  Attempt attempt;
  std::string error{};  // "invalid_grant": the credentials were accepted
};

struct IssuerSeen {
  std::string issuer;
  bool asked = false;  // false: one of our own, or too many
  std::vector<Attempt> tried{};
  std::optional<AuthServerSeen> metadata{};
  std::optional<KeysSeen> keys{};
  std::vector<ClientProbed> probes{};
};

struct ToolsSeen {
  bool asked = false;
  core::json::Array tools{};           // as the server gave them
  std::vector<std::string> dropped{};  // names that break the protocol's rules
  std::string problem{};               // for people
};

struct Observation {
  core::WallTime at{};
  EndpointSeen endpoint{};
  std::vector<Attempt> metadata_tried{};
  std::optional<ResourceSeen> resource{};
  std::vector<IssuerSeen> issuers{};  // those of the resource first
  ToolsSeen tools{};
  std::optional<std::int64_t> skew_seconds{};                            // the server's clock minus ours
  std::map<std::string, std::chrono::milliseconds, std::less<>> took{};  // by part: "mcp", "resource", ...

  const IssuerSeen* issuer(std::string_view name) const;
};

// What to ask beside the server itself.
struct ObservationPlan {
  std::string resource_url;
  std::vector<std::string> issuers{};        // of authorization servers that are known already
  std::string own_issuers{};                 // what those of this org begin with; they are not asked
  mcp::TokenProvider* credential = nullptr;  // for the tools of a protected server

  struct Probe {
    std::string settings;
    std::string issuer;
    std::string token_endpoint{};  // empty: that of the metadata
    std::string client_id;
    std::string auth_method;
    core::Secret secret{};
  };
  std::vector<Probe> probes{};  // of client registrations
};

// Never fails: what went wrong stands in the observation. Blocks; ends early on context.stop.
Observation observe(const core::Context& context, const Service& service, const ObservationPlan& plan);

// Members of the metadata that matter, as they were seen: {"resource":{...},"authorizationServers":
// {"https://...":{...}}}. Compared to show drift.
core::json::Object summary_of(const Observation& seen);

}  // namespace registry
