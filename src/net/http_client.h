// The HTTP client: pooled, cancellable, capped. One interface, so that a test can stand in for the network.
//
// Thread-safe; send() blocks its caller, watches context.stop and context.deadline, and never throws.
// Redirects are not followed. Certificates are always checked. Proxies come from the environment as it is
// when the client is made (https_proxy, http_proxy, no_proxy, all_proxy; proxy.h), never for loopback. gzip,
// deflate, br and zstd are asked for and undone; HTTP/2 is used over TLS where the other side offers it.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "core/context.h"
#include "core/result.h"
#include "net/http.h"

namespace net {

class AddressPolicy;
struct HttpResponse;

struct HttpRequest {
  Method method = Method::get;
  std::string url;  // absolute; https, or http towards a loopback address
  Headers headers;
  std::string body;  // sent with Content-Length; give its Content-Type in headers

  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{30'000};    // no byte in either direction for that long
  std::chrono::milliseconds total_timeout{120'000};  // context.deadline may be sooner
  std::size_t max_response_bytes = 64u << 20;        // of the decoded body
  std::size_t max_header_bytes = 256u << 10;
  bool follow_redirects = true;  // of a client that follows any (guarded.h)

  // When set, it is asked about each address before a connection is made and before a kept one is used, and
  // no proxy is used. Outlives the request.
  const AddressPolicy* addresses = nullptr;

  // When set, called once with the final answer's status and headers as soon as they are there, before any
  // on_body; HttpResponse::body and elapsed are not filled yet. For streams that go on for long, and for who
  // must know the media type before the first byte. Thread and errors as of on_body.
  std::function<core::Status(const HttpResponse& head)> on_head;
  // When set, a 2xx body goes here piece by piece and HttpResponse::body stays empty. An error stops the
  // transfer. Called on the thread that called send(), and may take its time: the transfer pauses meanwhile.
  std::function<core::Status(std::string_view)> on_body;
};

// Bodies arrive decoded: after a Content-Encoding that was undone, it and Content-Length are not in
// `headers`.
struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;
  std::chrono::microseconds elapsed{0};
};

// Error codes of send(). The messages name scheme, host, port and path, never a query or a password.
//   net.url               the URL is not acceptable                              nothing was sent
//   net.header            a header cannot be sent (line break, Content-Length)   nothing was sent
//   net.library           libcurl is missing or too old                          nothing was sent
//   net.dns               the name does not resolve                              nothing was sent
//   net.address           HttpRequest::addresses allows none of the host's       nothing was sent
//   net.connect           refused or unreachable                                 nothing was sent
//   net.proxy             the proxy refused, is away, or wants a password        nothing was sent
//   net.tls               handshake or certificate                               nothing was sent
//   net.connect_timeout   no connection, or no free one, in time                 nothing was sent
//   net.cancelled_unsent  context.stop                                           nothing was sent
//   net.cancelled         context.stop                                           may have been sent
//   net.timeout           no (complete) answer in time                           may have been sent
//   net.reset             the connection broke before an answer                  may have been sent
//   net.protocol          not an HTTP answer                                     may have been sent
//   net.truncated         the answer ended early                                 was sent
//   net.too_large         the answer exceeds max_response_bytes                  was sent
// and whatever on_head or on_body returned. Both cancellations have ErrorKind::cancelled, both timeouts
// ErrorKind::timeout.
//
// What is repeated: a GET, HEAD or OPTIONS whose pooled connection turns out to be dead before a byte of the
// answer came is sent again on a new connection. No other method is, once a byte of it may have left; that is
// net.reset.
class HttpClient {
 public:
  virtual ~HttpClient() = default;
  virtual core::Result<HttpResponse> send(const core::Context& context, const HttpRequest& request) = 0;
};

// True when the request of a failed send() may have reached the other side, so that repeating a write
// could do it twice.
bool may_have_been_sent(const core::Error& error);

struct HttpClientOptions {
  std::size_t connections_per_host = 16;  // requests to one origin that run at once; more of them wait
  std::string ca_file;                    // PEM bundle instead of the system's; empty for the system's
  std::string user_agent;                 // "okta-mcp-server/0.1.0"
};

// libcurl, loaded when the first request is sent: before that, nothing of it is in memory and no thread runs.
// Every process needs one of these at most. No send() may be under way when it is destroyed.
std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options);

}  // namespace net
