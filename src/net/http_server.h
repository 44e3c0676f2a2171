// An HTTP/1.1 server for loopback and for behind a proxy. Handlers are plain functions on a bounded worker
// pool; the event loop (Boost.Beast) stays inside http_server.cpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "core/result.h"
#include "net/http.h"

namespace net {

struct ServerRequest {
  Method method = Method::get;
  std::string target;  // as sent: "/a%20b?x=1"
  std::string path;    // before '?', still percent-encoded
  std::string query;   // after '?', still percent-encoded
  Headers headers;
  std::string body;
  std::string peer;      // "127.0.0.1:40312"
  std::stop_token stop;  // the client hung up, or the server stops
};

// What a test server does to an answer on purpose. `none` everywhere else.
enum class Fault { none, reset_without_answer, truncate_body };

struct ServerResponse {
  int status = 200;
  Headers headers;  // Content-Length, Date and Connection are added by the server
  std::string body;
  std::chrono::milliseconds delay{0};  // held back on a timer, no worker is used
  Fault fault = Fault::none;
};

using HttpHandler = std::function<ServerResponse(const ServerRequest&)>;

struct HttpServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0 picks a free one
  int io_threads = 1;
  std::size_t workers = 8;   // handlers that run at once
  std::size_t queue = 1024;  // requests that wait for a worker; the next one gets 503
  std::size_t max_body_bytes = 4u << 20;
  std::size_t max_header_bytes = 32u << 10;  // request line and headers
  std::size_t max_connections = 4096;
  std::chrono::seconds idle_timeout{60};     // keep-alive connections
  std::chrono::seconds request_timeout{30};  // from the first byte of a request to its last
};

// Answers by itself, with one sentence of text/plain:
//   400  malformed, folded header lines, Content-Length with Transfer-Encoding or twice, Host missing or
//   twice 408  the request did not arrive within request_timeout 413, 431  max_body_bytes, max_header_bytes
//   417, 501, 505  an expectation, method, transfer coding or version that is not supported
//   500  the handler threw, or gave an answer that cannot be sent (a line break in a header, a status below
//   200) 503  `queue` or max_connections is full
// After all of these but 500 and a full queue the connection is closed. Trailers of chunked requests are
// dropped.
//
// The handler runs on several threads at once. One that ignores ServerRequest::stop holds up stop() until it
// returns.
class HttpServer {
 public:
  // Listens before it returns. Errors: net.listen with the reason.
  static core::Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, HttpHandler handler);
  virtual ~HttpServer() = default;  // stop()
  virtual std::uint16_t port() const = 0;
  // Stops accepting, lets running requests finish for at most `grace`, then requests their stop, closes
  // everything and waits for the handlers. Not from a handler. A second call does nothing.
  virtual void stop(std::chrono::milliseconds grace = std::chrono::milliseconds{2000}) = 0;
};

}  // namespace net
