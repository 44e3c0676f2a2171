#include "mcp/http_reply.h"

#include <utility>

namespace mcp {
namespace {

constexpr std::string_view kAllow = "POST, GET, DELETE";

void add_cors(const net::ServerRequest& request, net::Headers& headers) {
  std::string_view origin = request.headers.get("Origin");
  if (origin.empty()) return;
  headers.add("Access-Control-Allow-Origin", std::string(origin));
  headers.add("Access-Control-Expose-Headers", "Mcp-Session-Id, WWW-Authenticate, DPoP-Nonce");
  headers.add("Vary", "Origin");
}

net::ServerResponse refusal_response(const HttpRefusal& refusal, const std::optional<RequestId>& id) {
  net::ServerResponse response{.status = refusal.status,
                               .headers = {{"Content-Type", "application/json"}},
                               .body = encode_error(id, refusal.code, refusal.message, refusal.data)};
  if (refusal.status == 405) response.headers.add("Allow", std::string(kAllow));
  return response;
}

}  // namespace

void respond(net::Exchange& exchange, net::ServerResponse response) {
  add_cors(exchange.request(), response.headers);
  exchange.respond(std::move(response));
}

void respond_json(net::Exchange& exchange, int status, std::string body) {
  net::ServerResponse response{.status = status, .body = std::move(body)};
  response.headers.add("Content-Type", "application/json");
  respond(exchange, std::move(response));
}

void respond_empty(net::Exchange& exchange, int status) {
  respond(exchange, {.status = status});
}

void respond_busy(net::Exchange& exchange, int status, std::string_view why) {
  respond(exchange, {.status = status,
                     .headers = {{"Content-Type", "application/json"}, {"Retry-After", "1"}},
                     .body = encode_error(std::nullopt, code::kInternalError, why)});
}

void respond_refusal(net::Exchange& exchange, const HttpRefusal& refusal,
                     const std::optional<RequestId>& id) {
  respond(exchange, refusal_response(refusal, id));
}

void turn_away(net::Exchange& exchange, const HttpRefusal& refusal) {
  exchange.respond(refusal_response(refusal, std::nullopt));
}

void respond_preflight(net::Exchange& exchange) {
  const net::Headers& asked = exchange.request().headers;
  net::ServerResponse response{.status = 204};
  response.headers.add("Access-Control-Allow-Methods", std::string(kAllow));
  // Whatever the page wants to send: what a header may do is decided when it is sent.
  if (std::string_view names = asked.get("Access-Control-Request-Headers"); !names.empty()) {
    response.headers.add("Access-Control-Allow-Headers", std::string(names));
  }
  response.headers.add("Access-Control-Max-Age", "600");
  respond(exchange, std::move(response));
}

std::shared_ptr<net::ResponseStream> start_events(net::Exchange& exchange, std::string first) {
  net::ServerResponse head{.headers = {{"Content-Type", "text/event-stream"},
                                       {"Cache-Control", "no-cache, no-transform"},
                                       {"X-Accel-Buffering", "no"}},
                           .body = std::move(first)};
  add_cors(exchange.request(), head.headers);
  return exchange.stream(std::move(head));
}

}  // namespace mcp
