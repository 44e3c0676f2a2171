// Who may call over HTTP. The transport asks its guard before it reads a request any further; without a guard
// everybody is the default Caller.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/context.h"
#include "mcp/caller.h"
#include "net/http_server.h"

namespace mcp {

// The caller, or the answer that turns the request away.
using Authorized = std::variant<Caller, net::ServerResponse>;

// Thread-safe. A refusal never holds the credentials it refuses. It has no CORS headers: those are the
// transport's, which has to expose WWW-Authenticate and DPoP-Nonce to the origins it allows.
class Guard {
 public:
  virtual ~Guard() = default;

  // In microseconds and from memory, for the event loop. nullopt: authorize() has to be called, on a worker.
  virtual std::optional<Authorized> try_authorize(const net::ServerRequest& request) = 0;
  // May ask others over the network; ends with the context.
  virtual Authorized authorize(const core::Context& context, const net::ServerRequest& request) = 0;

  // True when the caller was granted everything that is needed.
  virtual bool permits(const Caller& caller, const std::vector<std::string>& needed) const = 0;
  // The answer when not: 403, naming all that the operation needs (MCP "Authorization", step-up).
  virtual net::ServerResponse insufficient_scope(const std::vector<std::string>& needed) const = 0;

  // The answer to a request for metadata about this guard; nullopt when the path is none of its own. Such
  // requests need no credentials.
  virtual std::optional<net::ServerResponse> metadata_response(const net::ServerRequest& request) const = 0;
};

}  // namespace mcp
