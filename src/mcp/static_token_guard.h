// One token for whoever may call: for HTTP servers on one machine (MCP "Local MCP Server Compromise": a token
// or a unix socket keeps other users and web pages out). Whoever has it is the default Caller.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/secret.h"
#include "mcp/guard.h"

namespace mcp {

class StaticTokenGuard final : public Guard {
 public:
  // Error mcp.static_token: shorter than 16 characters, or with ones that cannot stand in a header.
  static core::Result<std::unique_ptr<StaticTokenGuard>> create(const core::Secret& token);

  std::optional<Authorized> try_authorize(const net::ServerRequest& request) override;  // never nullopt
  Authorized authorize(const core::Context& context, const net::ServerRequest& request) override;
  bool permits(const Caller& caller, const std::vector<std::string>& needed) const override;
  net::ServerResponse insufficient_scope(const std::vector<std::string>& needed) const override;
  std::optional<net::ServerResponse> metadata_response(const net::ServerRequest& request) const override;

 private:
  explicit StaticTokenGuard(std::string hash) : hash_(std::move(hash)) {}
  Authorized decide(const net::ServerRequest& request) const;

  const std::string hash_;  // SHA-256: compared in constant time, whatever the lengths
};

}  // namespace mcp
