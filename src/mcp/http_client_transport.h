// Streamable HTTP as a client speaks it, of both eras (page Streamable HTTP; page Transports of 2025-03-26 to
// 2025-11-25).
//
// HTTP is a parameter: whatever stands behind `http` decides where requests may go (a guarded fetch, a test).
// Nothing but the server's own URL is ever asked for here; a redirect is followed on the same origin only,
// with the same method. Each request holds one connection for as long as its answer streams.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "mcp/client_transport.h"
#include "mcp/token_provider.h"
#include "net/http_client.h"

namespace mcp {

struct HttpTransportOptions {
  std::string url;        // of the endpoint
  net::HttpClient& http;  // http, tokens and clock outlive the transport
  TokenProvider* tokens = nullptr;
  net::Headers headers;  // added to every request; none of the protocol's own
  ClientLimits limits;
  core::Clock& clock = core::system_clock();
  std::chrono::milliseconds connect_timeout{10'000};
  // What a token that is asked for in the middle of a request may take, a person's sign-in included. The
  // request's own deadline stands still meanwhile.
  std::chrono::milliseconds authorization_patience = std::chrono::minutes{10};
  // Silence for that long ends the stream of an answer; a stream of events has no such limit.
  std::chrono::milliseconds idle_timeout{300'000};
  // Legacy: hold a GET stream for what belongs to no request (list_changed, questions outside of a call). It
  // takes a thread and a connection.
  bool background_stream = true;
};

// Error mcp.client.url.
core::Result<std::unique_ptr<ClientTransport>> make_http_transport(HttpTransportOptions options);

}  // namespace mcp
