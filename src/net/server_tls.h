// The HTTP server's certificate and what it speaks. Inside room net only.
#pragma once

#include <memory>

#include "core/result.h"
#include "net/http_server.h"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming): the library's name
}

namespace net {

class TlsContext {
 public:
  // TLS 1.2 with forward secrecy and authenticated ciphers, TLS 1.3; ALPN http/1.1. Errors: net.tls, naming
  // the file. An expired certificate is loaded and logged: clients that pin it may still want it.
  static core::Result<std::shared_ptr<TlsContext>> load(const TlsFiles& files);
  virtual ~TlsContext() = default;
  virtual boost::asio::ssl::context& context() = 0;
};

}  // namespace net
