// The answers the MCP endpoint gives: heads, CORS, JSON and the start of an event stream.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "mcp/http_ladder.h"
#include "mcp/jsonrpc.h"
#include "net/http_server.h"

namespace mcp {

// All of them add the CORS fields when the request carries an Origin, which by then is an allowed one.
void respond(net::Exchange& exchange, net::ServerResponse response);
void respond_json(net::Exchange& exchange, int status, std::string body);
void respond_empty(net::Exchange& exchange, int status);  // 202, 200
// 429 or 503, with Retry-After.
void respond_busy(net::Exchange& exchange, int status, std::string_view why);
// A JSON-RPC error. 405 names the methods that are served.
void respond_refusal(net::Exchange& exchange, const HttpRefusal& refusal, const std::optional<RequestId>& id);
// The same without CORS fields: before the origin is known to be an allowed one.
void turn_away(net::Exchange& exchange, const HttpRefusal& refusal);
// 204 to a preflight (Fetch standard, "CORS-preflight request").
void respond_preflight(net::Exchange& exchange);

// 200 with text/event-stream; `first` is what it begins with.
std::shared_ptr<net::ResponseStream> start_events(net::Exchange& exchange, std::string first);

}  // namespace mcp
