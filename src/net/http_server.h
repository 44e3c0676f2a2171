// An HTTP/1.1 server for loopback, for a network with TLS, and for behind a proxy.
//
// Two kinds of users. A plain function on a bounded worker pool (start), for services whose answers are at
// hand; and exchanges (start_exchanges), for those that answer later, from anywhere, or with a stream: a
// request that waits costs neither a thread nor a timer, and an open stream a few hundred bytes.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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
  std::string peer;        // "127.0.0.1:40312", "[::1]:40312", or "unix"
  bool encrypted = false;  // this server's own TLS; what a proxy says stands in the headers
  std::stop_token stop;    // the client hung up, or the server stops
};

// What a test server does to an answer on purpose. `none` everywhere else.
enum class Fault { none, reset_without_answer, truncate_body };

struct ServerResponse {
  int status = 200;
  Headers headers;  // Content-Length, Transfer-Encoding, Date and Connection are added by the server
  std::string body;
  std::chrono::milliseconds delay{0};  // held back on a timer, no worker is used; not for streams
  Fault fault = Fault::none;           // not for streams
};

// A body of unknown length on its way to the client. Thread-safe. None of its functions calls back into the
// caller's code, so it may hold a lock. Let go of before end(), the connection is closed, so that the client
// can tell that something is missing.
class ResponseStream {
 public:
  virtual ~ResponseStream() = default;
  // Never waits; what is written together leaves together. False: nothing more reaches the client, because
  // it hung up, the server stops, end() was called, or more than max_stream_backlog waited already (the
  // connection is then closed). Whatever its size, the piece that goes over that limit is still taken.
  virtual bool write(std::string bytes) = 0;
  // Bytes accepted and not yet handed to the kernel.
  virtual std::size_t backlog() const = 0;
  // The body is complete once what was written has left; the connection goes on to its next request.
  virtual void end() = 0;
};

// One request and its answer. Thread-safe, and like a stream it never calls back into the caller's code.
// Destroyed unanswered, it answers 500. May outlive its server, and then does nothing.
class Exchange {
 public:
  virtual ~Exchange() = default;
  // request().stop fires on an event-loop thread when the client hangs up or closes its sending side (TCP
  // shows no difference). When the server stops it fires at once for streams, and for the rest when the grace
  // is over.
  virtual const ServerRequest& request() const = 0;
  // Either of the two, once; what comes after the first is ignored (a stream is then one that takes nothing).
  virtual void respond(ServerResponse response) = 0;
  // `head.body` is the body's first piece. Chunked, or for HTTP/1.0 up to the end of the connection. Where
  // there can be no body (HEAD, 204, 304) writes are accepted and dropped.
  virtual std::shared_ptr<ResponseStream> stream(ServerResponse head) = 0;
};

using HttpHandler = std::function<ServerResponse(const ServerRequest&)>;
// Runs on an event-loop thread, which serves other connections too: it must be quick and never wait. One that
// throws has its exchange answered with 500, if it was not answered.
using ExchangeHandler = std::function<void(std::shared_ptr<Exchange>)>;

struct TlsFiles {
  std::string cert_file;  // PEM: the server's certificate, then the chain up to, and without, the root
  std::string key_file;   // PEM, without a passphrase
};

struct HttpServerOptions {
  std::string host = "127.0.0.1";  // a name or an address; "::1" and "[::1]" both do
  std::uint16_t port = 0;          // 0 picks a free one
  // A socket in the file system instead of host and port: mode 0600, removed by stop(). A stale one is
  // replaced if nothing answers on it.
  std::string unix_path;
  std::optional<TlsFiles> tls;  // TLS 1.2 and 1.3
  int io_threads = 1;
  std::size_t workers = 8;   // handlers that run at once; start() only
  std::size_t queue = 1024;  // requests that wait for a worker, the next one gets 503; start() only
  std::size_t max_body_bytes = 4u << 20;
  std::size_t max_header_bytes = 32u << 10;  // request line and headers
  std::size_t max_headers = 128;             // header lines
  // One descriptor each. The usual soft limit is 1024: see raise_descriptor_limit().
  std::size_t max_connections = 4096;
  std::size_t max_stream_backlog = 1u << 20;  // bytes; see ResponseStream::write
  std::chrono::seconds idle_timeout{60};      // keep-alive connections
  std::chrono::seconds request_timeout{30};   // from the first byte of a request to its last; a TLS handshake
  std::chrono::seconds write_timeout{30};     // a client that takes nothing of what waits for it is dropped
};

// Answers by itself, with one sentence of text/plain:
//   400  malformed, folded header lines, Content-Length with Transfer-Encoding or twice, Host missing or
//        twice, plain HTTP where TLS is spoken
//   408  the request did not arrive within request_timeout
//   413, 431  max_body_bytes; max_header_bytes, max_headers
//   417, 501, 505  an expectation, method, transfer coding or version that is not supported
//   500  the handler threw, or gave an answer that cannot be sent (a line break in a header, a status below
//        200)
//   503  `queue` or max_connections is full (with TLS a connection too many is closed without a word)
// After all of these but 500 and a full queue the connection is closed. Trailers of chunked requests are
// dropped.
//
// A client that closes its sending side still gets a plain answer; a stream ends with what was written.
// A plain handler runs on several threads at once. One that ignores ServerRequest::stop holds up stop() until
// it returns.
class HttpServer {
 public:
  // Both listen before they return. Errors: net.listen with the reason; net.tls for a certificate or a key
  // that cannot be used.
  static core::Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, HttpHandler handler);
  static core::Result<std::unique_ptr<HttpServer>> start_exchanges(HttpServerOptions options,
                                                                   ExchangeHandler handler);
  virtual ~HttpServer() = default;         // stop() without grace
  virtual std::uint16_t port() const = 0;  // 0 for a unix socket
  // Reads the TLS files again; connections that come from now on use them. When they cannot be used (error
  // net.tls) the old ones stay. Without TLS: does nothing. Thread-safe.
  virtual core::Status reload_tls() = 0;
  // Stops accepting, ends idle connections, fires the stop tokens of streams, whose owners may still write
  // and end(); lets running requests and streams finish for at most `grace`, then requests their stop, closes
  // everything and waits for the handlers. Not from a handler. A second call does nothing.
  virtual void stop(std::chrono::milliseconds grace = std::chrono::milliseconds{2000}) = 0;
};

// Raises the process's soft limit of open descriptors to its hard limit (at most 1048576, so that programs it
// starts which walk through all of them do not take for ever) and returns the limit that holds then.
std::size_t raise_descriptor_limit();

}  // namespace net
