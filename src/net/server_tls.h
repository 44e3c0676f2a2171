// TLS for the HTTP server, OpenSSL over non-blocking sockets. Inside room net only.
//
// OpenSSL reads and writes the socket itself (through a BIO that never raises SIGPIPE) and gives its record
// buffers back between records: an idle connection keeps the handshake's result and no buffers.
#pragma once

#include <memory>
#include <span>
#include <sys/uio.h>

#include "core/result.h"
#include "net/http_server.h"
#include "net/server_io.h"

namespace net {

class TlsContext {
 public:
  // TLS 1.2 with forward secrecy and authenticated ciphers, TLS 1.3; ALPN http/1.1. Errors: net.tls, naming
  // the file. An expired certificate is loaded and logged: clients that pin it may still want it.
  static core::Result<std::shared_ptr<const TlsContext>> load(const TlsFiles& files);
  virtual ~TlsContext() = default;
};

// One connection's side; on one thread.
class TlsConnection {
 public:
  // Null when memory is short.
  static std::unique_ptr<TlsConnection> create(std::shared_ptr<const TlsContext> context, int fd);
  virtual ~TlsConnection() = default;

  virtual IoResult handshake() = 0;
  // After a failed handshake: the client spoke plain HTTP.
  virtual bool was_plain_http() const = 0;
  virtual IoResult read(std::span<char> into) = 0;
  // A write that was blocked is repeated with the same bytes, to which more may have been added.
  virtual IoResult write(std::span<const iovec> pieces) = 0;
  // Tells the client that nothing more comes (close_notify).
  virtual void close() = 0;
};

}  // namespace net
