// The Streamable HTTP transport: both eras on one endpoint (pages Streamable HTTP and Transports).
//
//   ASSIGN_OR_RETURN(auto endpoint, mcp::HttpEndpoint::create(*server, {.origins = {.loopback = true}}));
//   ASSIGN_OR_RETURN(auto http, net::HttpServer::start_exchanges(
//       {.port = 8080}, [&](auto exchange) { endpoint->handle(std::move(exchange)); }));
//   ... endpoint->drain(); http->stop(grace); server->settle(grace);
//
// A modern request (2026-07-28) stands for itself; a legacy one belongs to the session its Mcp-Session-Id
// names. What is refused, with which status and code, is one table: http_ladder.h. What a client can leave
// behind (sessions, streams, events, requests that wait) is bounded and expires.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "core/clock.h"
#include "core/lane.h"
#include "core/random.h"
#include "core/result.h"
#include "core/seal.h"
#include "mcp/caller_limits.h"
#include "mcp/guard.h"
#include "mcp/http_session.h"
#include "mcp/origin_rules.h"
#include "mcp/server.h"
#include "net/http_server.h"

namespace mcp {

struct HttpEndpointOptions {
  std::string path = "/mcp";
  OriginOptions origins;
  // Who may call; null: everybody, as the default Caller. Outlives the endpoint.
  Guard* guard = nullptr;
  // How often each caller may call; asked of authorized requests only.
  CallerLimitOptions caller_limits{.requests_per_minute = 0};
  SessionLimits sessions;
  // Shared by instances that take up each other's sessions. Without one a session ends with its process.
  std::shared_ptr<const core::Sealer> session_key;
  // Modern requests that wait for their answers: running calls and subscriptions. The next one gets 503.
  std::size_t max_open = 16384;
  // Comments on streams on which nothing happens. A request without an answer for as long as this, at most
  // twice, gets a stream for them. At least a second.
  std::chrono::milliseconds keep_alive = std::chrono::seconds{15};
  // For guards that have to ask others.
  core::LaneOptions authorization{.name = "authorization", .workers = 4, .queue = 256};
  std::chrono::milliseconds authorization_timeout = std::chrono::seconds{20};
  core::Clock* clock = &core::system_clock();  // both outlive the endpoint
  core::Random* random = &core::system_random();
};

// Thread-safe.
class HttpEndpoint {
 public:
  // The server outlives the endpoint. Errors: mcp.http.path, mcp.http.keep_alive, and those of OriginRules.
  static core::Result<std::unique_ptr<HttpEndpoint>> create(Server& server, HttpEndpointOptions options);
  virtual ~HttpEndpoint() = default;  // after the HTTP server has stopped

  // A net::ExchangeHandler. Paths other than the endpoint's are the guard's metadata, or 404.
  virtual void handle(std::shared_ptr<net::Exchange> exchange) = 0;
  // Before the HTTP server stops: new requests get 503, running calls are told to stop and still answer,
  // subscriptions get their final answer, streams that wait for nothing end.
  virtual void drain() = 0;

  virtual std::size_t sessions() const = 0;  // of legacy clients
  virtual std::size_t open() const = 0;      // modern requests that wait for their answers
};

}  // namespace mcp
