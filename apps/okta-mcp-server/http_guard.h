// Who may call over HTTP, made from the options: OAuth access tokens, one token, or everybody on this
// machine.
#pragma once

#include <memory>

#include "core/result.h"
#include "core/secret.h"
#include "http_options.h"
#include "mcp/guard.h"
#include "net/http_client.h"

struct GuardSecrets {
  core::Secret token;                 // OKTA_MCP_HTTP_TOKEN
  core::Secret introspection_secret;  // OKTA_MCP_INTROSPECTION_SECRET
};

// Null: everybody. `resource` is what clients call; `http` outlives the guard. Errors: app.http.*, and those
// of ResourceServer and StaticTokenGuard.
core::Result<std::unique_ptr<mcp::Guard>> make_guard(const HttpOptions& options, const GuardSecrets& secrets,
                                                     const std::string& resource, const std::string& org_url,
                                                     net::HttpClient& http);
