// Which browsers may speak to this server, and under which names it answers: the guard against DNS rebinding
// (page Streamable HTTP, "Security & Endpoint").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http.h"

namespace mcp {

struct OriginOptions {
  // "https://app.example.com" each. Empty: loopback origins on a loopback bind, else public_url's own.
  std::vector<std::string> allowed_origins;
  // Host names without port. On a loopback bind localhost, 127.0.0.1 and [::1] are always allowed; elsewhere
  // an empty list allows every name.
  std::vector<std::string> allowed_hosts;
  std::string public_url;  // what clients call the endpoint; its origin and host are always allowed
  bool loopback = true;    // the server listens on loopback or a unix socket
};

enum class OriginVerdict { fine, foreign_origin, foreign_host };

// Immutable.
class OriginRules {
 public:
  // Errors: mcp.http.origin, mcp.http.host, mcp.http.public_url for values that are none.
  static core::Result<OriginRules> create(OriginOptions options);

  OriginVerdict check(const net::Headers& headers) const;
  // False for "null" and for anything that is no http or https origin.
  bool allows_origin(std::string_view origin) const;

 private:
  OriginRules() = default;
  bool allows_host(std::string_view host) const;

  std::vector<std::string> origins_;  // as net::Url::origin() writes them
  std::vector<std::string> hosts_;    // lower case, IPv6 without brackets
  bool loopback_origins_ = false;
  bool loopback_hosts_ = false;
  bool any_host_ = false;
};

}  // namespace mcp
